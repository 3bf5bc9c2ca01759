#!/usr/bin/env bash
# sysv.t - lesson 07 from end to end: bytes of every number, both orders, refusals, limits, stop signals

. "$(dirname "$0")/sysv_lib.sh"

# --- bytes -----------------------------------------------------------------------------------

slot=262144
head -c 100000000 /dev/urandom >random
for bytes in 0 1 $((slot - 1)) $slot $((slot + 1)) $((4 * slot)) $((9 * slot + 7)); do
    head -c "$bytes" random >sent
    ok "$bytes bytes arrive as they were" transfer sent
done
ok '100 MB of random bytes' transfer random
is 'have the checksum that they had' "$(sha256sum <c.out)" "$(sha256sum <random)"
ok 'the producer says how much' says p.err '^producer: 100\.0 MB written by the consumer in [0-9.]+ s, '
ok 'the consumer, too' says c.err '^consumer: 100\.0 MB written in [0-9.]+ s, '
head -c 5000 random >sent
ok 'slots of one byte' transfer sent --slot-bytes 1
ok 'one slot' transfer sent --slots 1 --slot-bytes 7
ok '1024 slots' transfer random --slots 1024 --slot-bytes 4097
ok 'nothing is left' nothing_of_ours

start_consumer c
eventually is_waiting c
start_producer p sent
ok 'consumer first' ends "$c" 0
ends "$p" 0
ok 'all of it' cmp -s sent c.out

# --- slow halves -----------------------------------------------------------------------------

mkfifo typed slow
start_consumer c
start_producer p typed
exec 5>typed
for word in one two three; do
    echo $word >&5
    ok "a slow producer: what is written ($word) goes through at once" eventually grep -q $word c.out
done
exec 5>&-
ok 'the end of the input ends the consumer' ends "$c" 0
ok 'and the producer' ends "$p" 0

start_producer p random
start_consumer_into c slow
exec 5<slow
ok 'a slow reader: the slots fill up' eventually semaphores_are '0 3 1 1'
head -c 1000 <&5 >first
ok 'the producer waits' kill -0 "$p"
cat <&5 >rest
exec 5<&-
ok 'to the end' ends "$p" 0
ends "$c" 0
ok 'nothing was lost' cmp -s random <(cat first rest)
ok 'nothing is left' nothing_of_ours

# --- one of each -----------------------------------------------------------------------------

start_producer p typed
exec 5>typed
ok 'a producer says what it waits for' eventually is_waiting p
ok 'a second producer is refused' exits 1 "$producer" --key "$key" </dev/null
ok 'by pid' says err "^producer: cannot send by $key: another producer \(pid $p\) is running; stop it first"
start_consumer c
ok 'both are connected' eventually is_connected
ok 'the segment has lost its key' test -z "$(segment_id)"
ok 'a second producer is refused' exits 1 "$producer" --key "$key" </dev/null
ok 'by pid' says err "another producer \(pid $p\) is running"
ok 'a second consumer is refused' exits 1 "$consumer" --key "$key"
ok 'by pid' says err "^consumer: cannot receive by $key: another consumer \(pid $c\) is connected"
echo still >&5
ok 'the pair works on' eventually grep -q still c.out
exec 5>&-
ends "$p" 0 && ends "$c" 0

either_is_gone() {
    is_gone "$p1" || is_gone "$p2"
}
two_at_once() { # neither can end without a consumer: so one is refused, by the other's pid
    local refused=p1 other=p2
    for _ in {1..20}; do
        start_producer p1 sent
        start_producer p2 sent
        eventually either_is_gone || return 1
        is_gone "$p2" && refused=p2 other=p1
        ends "${!refused}" 1 && says "$refused.err" "another producer \(pid ${!other}\) is running" || return 1
        start_consumer c
        ends "$c" 0 && ends "${!other}" 0 && cmp -s sent c.out || return 1
        refused=p1 other=p2
    done
}
ok 'two producers at once: one works, one is refused' two_at_once
ok 'nothing is left' nothing_of_ours

ok 'no consumer within --timeout 1' exits 1 "$producer" --key "$key" --timeout 1 <sent
ok 'says what to start' says err "no consumer came within 1 s; start one: ./consumer --key $key > output"
ok 'no producer within --timeout 1' exits 1 "$consumer" --key "$key" --timeout 1
ok 'says what to start' says err "no producer came within 1 s; start one: ./producer --key $key < input"
ok 'nothing is left' nothing_of_ours

# --- ends ------------------------------------------------------------------------------------

start_producer p typed
exec 5>typed
start_consumer c
echo something >&5
eventually test -s c.out
kill -INT "$p"
ok 'Ctrl-C ends the producer with 130' ends "$p" 130
ok 'which says how much it had sent' says p.err 'stopped; 10 bytes were sent'
ok 'that is no end of the input: the consumer fails' ends "$c" 1
ok 'and says so' says c.err "^consumer: the producer \(pid $p\) was stopped before the end of its input; the 10 bytes"
exec 5>&-
ok 'nothing is left' nothing_of_ours

start_producer p typed
exec 5>typed
start_consumer c
echo something >&5
eventually test -s c.out
kill -TERM "$c"
ok 'a stop signal ends the consumer with 128 + the signal' ends "$c" 143
ok 'the producer fails' ends "$p" 1
ok 'and says so' says p.err "^producer: the consumer \(pid $c\) was stopped; it has written 10 of the 10 bytes"
exec 5>&-
ok 'nothing is left' nothing_of_ours

start_producer p typed
exec 5>typed
eventually is_waiting p
kill -INT "$p"
ok 'Ctrl-C without a consumer' ends "$p" 130
exec 5>&-
ok 'nothing is left' nothing_of_ours

# What a reader that is stuck leaves of a write() is the rest of 256 KiB.
start_producer p random
start_consumer_into c slow
exec 5<slow
eventually test -n "$(head -c 1 <&5)"
eventually semaphores_are '0 3 1 1'
kill -INT "$c"
ok 'Ctrl-C ends a consumer whose reader is stuck, at once' ends "$c" 130
ok 'and the producer' ends "$p" 1
exec 5<&-
head -c 500000 random >sent
start_producer p sent
start_consumer_into c slow
exec 5<slow
eventually semaphores_are '1 2 1 1'
kill -INT "$p"
ok 'Ctrl-C when all is sent, but not written' ends "$p" 130
ok 'says just that' says p.err 'stopped; 500000 bytes were sent, all of the input, but the consumer has not said'
cat <&5 >rest
exec 5<&-
ok 'the consumer has it all, and the word that it is all' ends "$c" 0
ok 'nothing is lost' cmp -s sent rest
ok 'nothing is left' nothing_of_ours

start_producer p random
"$consumer" --key "$key" 2>err | head -c 10 >out
is '| head -c 10 ends the consumer as SIGPIPE does' "${PIPESTATUS[0]}" 141
ok 'after the bytes' cmp -s -n 10 random out
ok 'quietly' test "$(grep -vc 'waiting for' err)" = 0
ok 'and the producer, whose reader has gone, in the same way' ends "$p" 141
ok 'quietly' test "$(grep -vc 'waiting for' p.err)" = 0
ok 'nothing is left' nothing_of_ours

if [ -e /dev/full ]; then
    start_producer p random
    ok 'the output disk is full' exits 1 sh -c 'exec "$@" >/dev/full' sh "$consumer" --key "$key"
    ok 'says so' says err '^consumer: cannot write to standard output: No space left on device; 0 bytes are written'
    ok 'an error for the producer, too' ends "$p" 1
    ok 'that it names' says p.err '^producer: the consumer \(pid [0-9]+\) has failed; it has written 0 of the [0-9]+ bytes'
    ok 'nothing is left' nothing_of_ours
else
    skip 'the output disk is full' 'needs /dev/full'
fi
if unshare --mount mount -t tmpfs none /mnt 2>/dev/null; then
    start_producer p random
    ok 'a disk that fills up on the way' exits 1 unshare --mount sh -c \
        'mount -t tmpfs -o size=4m none /mnt && exec "$@" >/mnt/x' sh "$consumer" --key "$key"
    ok 'says how much is written' says err 'No space left on device; 4194304 bytes are written'
    ok 'the producer knows it as well' ends "$p" 1
    ok 'at least what was given back' says p.err 'it has written [0-9]+ of the [0-9]+ bytes'
else
    skip 'a disk that fills up on the way' 'needs the right to mount in a namespace of its own'
fi
ok 'a closed standard output is no place to lose data in' exits 1 sh -c 'exec "$@" >&-' sh "$consumer" --key "$key"
ok 'says so' says err '^consumer: standard output is closed: Bad file descriptor'
ok 'a closed standard input is no empty one' exits 1 sh -c 'exec "$@" <&-' sh "$producer" --key "$key"
ok 'says so' says err '^producer: standard input is closed: Bad file descriptor'
if can_preload; then
    build_fault_library
    start_consumer c
    start p env FAULT=read:2:5 sh -c 'exec env LD_PRELOAD="$0" "$@" <typed' "$work/fault.so" "$producer" --key "$key"
    exec 5>typed
    echo something >&5
    eventually test -s c.out
    echo more >&5
    ok 'an input that cannot be read any further' ends "$p" 1
    ok 'is an error' says p.err '^producer: cannot read standard input: (Input/output|I/O) error'
    ok 'for the consumer, too' ends "$c" 1
    ok 'that it names' says c.err "^consumer: the producer \(pid $p\) has failed before the end of its input; the 10 bytes"
    exec 5>&-
else
    skip 'an input that cannot be read any further' 'LD_PRELOAD reaches no program here'
fi
ok 'an input that cannot be read' exits 1 "$producer" --key "$key" <"$work"
ok 'is an error' says err '^producer: cannot read standard input: Is a directory'
ok 'nothing is left' nothing_of_ours

start_producer p random
start_consumer_into c slow
exec 5<slow
eventually is_connected
ipcrm -s "$(set_id)"
cat <&5 >/dev/null
exec 5<&-
ok 'a set that somebody removes by hand' ends "$p" 1
ok 'is named' says p.err 'somebody has removed the semaphore set [0-9]+: (Identifier removed|Invalid argument)'
ok 'the consumer ends as well' ends "$c" 1
ok 'nothing is left' nothing_of_ours
start_producer p typed
exec 5>typed
eventually is_waiting p
ipcrm -s "$(set_id)"
echo more >&5
ok 'a set that somebody removes before a consumer came' ends "$p" 1
exec 5>&-
ok 'leaves no segment behind' nothing_of_ours

# --- usage -----------------------------------------------------------------------------------

wrong() { # PROGRAM PATTERN ARGUMENT ...
    local program=$1 pattern=$2
    shift 2
    ok "${program##*/} $* is wrong usage" exits 2 "$program" "$@"
    ok 'which one line names' test "$(wc -l <err)" = 1 -a -n "$(grep -E -e "$pattern" err)"
}
wrong "$producer" '^producer: --slots 0: give a whole number from 1 to 1024' --slots 0
wrong "$producer" '^producer: --slot-bytes 1k: give a whole number from 1 to 1073741824' --slot-bytes 1k
wrong "$consumer" '^consumer: unknown option --slots' --slots 4
wrong "$consumer" '^consumer: unexpected argument output' output
for half in producer consumer; do
    ok "$half --help" exits 0 "${!half}" --help
    ok 'says how to run the pair' says out 'Either may start first'
done

# --- a terminal ------------------------------------------------------------------------------

on_a_terminal() { # COMMAND: its screen to the file screen; stdin and stdout are none
    script -qec "stty cols 60; { $1; } </dev/null" /dev/null </dev/null >screen
}
if command -v script >/dev/null && script -qec true /dev/null </dev/null >screen 2>&1; then
    in_two_parts() { # the second one only when the live line is there
        : >screen
        { head -c 1000000 random; eventually grep -q /s screen; head -c 1000000 random; } >typed &
    }
    start_consumer c
    in_two_parts
    on_a_terminal "'$producer' --key '$key' <typed"
    ok 'a producer on a terminal shows bytes and rate' says screen '[0-9.]+ [kM]B  [0-9.]+ ([kM]?B|bytes)/s'
    ok 'and takes them away' says screen $'\r +\rproducer: 2.0 MB written by the consumer'
    ends "$c" 0
    in_two_parts
    start_producer p typed
    on_a_terminal "'$consumer' --key '$key' >received"
    ok 'a consumer, too' says screen '[0-9.]+ [kM]B  [0-9.]+ ([kM]?B|bytes)/s'
    ends "$p" 0
    start_producer p typed
    echo words >typed
    script -qec "'$consumer' --key '$key'" /dev/null </dev/null >screen
    ends "$p" 0
    ok 'but not where the data has the terminal' eval '! grep -q bytes/s.*words screen'
else
    skip 'the live line' 'needs script (Debian: bsdutils)'
fi
ok 'nothing is left' nothing_of_ours
