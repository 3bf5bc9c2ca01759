#!/usr/bin/env bash
# sysv_calls.t - lesson 07: kill -9 before each system call; both leave at once; a peer that writes nonsense

. "$(dirname "$0")/sysv_lib.sh"

head -c 5000 /dev/urandom >sent
mkfifo typed

# --- each system call ------------------------------------------------------------------------

# The victim is killed before its N-th call, while the other one waits for it; another victim comes at once.
# The other one fails, if it had met the first one; or it gets to its end, by the second one, or by the
# first one if all was acknowledged.
killed_before_call() { # VICTIM N
    local status=0 other_half=consumer
    rm -f mark other.out again.out victim.out
    if [ "$1" = producer ]; then start_consumer other; else other_half=producer; start_producer other sent; fi
    eventually is_waiting other
    FAULT=any:$2:-9 LD_PRELOAD=$work/fault.so start victim "${!1}" --key "$key" <sent
    eventually is_gone "$victim" || return 1
    wait "$victim"
    if [ "$1" = producer ]; then start_producer again sent; else start_consumer again; fi
    eventually is_gone "$other" || { echo "#   the $other_half hangs"; return 1; }
    wait "$other" || status=$?
    eventually is_gone_or_waits again
    kill -INT "$again" 2>/dev/null
    eventually is_gone "$again" || { echo '#   the next one hangs'; return 1; }
    wait "$again"
    case $status in
        0) cmp -s sent other.out || cmp -s sent again.out || cmp -s sent victim.out ;;
        1) says other.err "^$other_half: .*the $1 \(pid $victim\) has died" ;;
        *) false ;;
    esac && nothing_of_ours
}
is_gone_or_waits() { # LABEL
    is_gone "${!1}" || is_waiting "$1"
}

has_no_segment() {
    [ -z "$(segment_id)" ]
}

before_each_call() { # VICTIM
    for ((n = 1; n <= 100; n++)); do
        killed_before_call "$1" "$n" || { echo "#   call $n"; return 1; }
        [ -e mark ] || return 0 # it has come to its end
    done
}
if can_preload; then
    build_fault_library
    for half in producer consumer; do
        ok "kill -9 of the $half before each system call: the other one says so, or works with the next one" \
            before_each_call "$half"
        echo "# there are $((n - 1)) of them"
    done

    # The producer is stopped between its first look, which has found the consumer, and giving up its place.
    rm -f mark
    start p env FAULT=semop:3:-19 sh -c 'exec env LD_PRELOAD="$0" "$@" <typed' "$work/fault.so" "$producer" --key "$key" 5>&-
    exec 5>typed
    start_consumer c
    eventually is_connected
    kill -INT "$p"
    eventually test -e mark
    kill -INT "$c"
    ok 'both leave at once: the consumer' ends "$c" 130
    kill -CONT "$p"
    ok 'and the producer' ends "$p" 130
    exec 5>&-
    ok 'who looks once more, and leaves nothing' nothing_of_ours

    # The consumer is stopped when it has found no slot, and has not yet looked whether the producer lives.
    rm -f mark
    start_producer p typed
    exec 5>typed
    eventually is_waiting p
    start c env FAULT=semctl:7:-19 LD_PRELOAD="$work/fault.so" "$consumer" --key "$key" 5>&-
    eventually test -e mark
    echo 'last words' >&5
    eventually semaphores_are '2 1 1 1'
    kill -9 "$p"
    ends "$p" 137
    kill -CONT "$c"
    ok 'what a producer sends just before its death' ends "$c" 1
    is 'is written' "$(cat c.out)" 'last words'
    exec 5>&-

    # A second consumer is stopped before it takes the place, while a first one joins and dies.
    rm -f mark
    start_producer p typed
    exec 5>typed
    eventually is_waiting p
    kill -STOP "$p"
    start late env FAULT=semop:1:-19 LD_PRELOAD="$work/fault.so" "$consumer" --key "$key" 5>&-
    eventually test -e mark
    start_consumer c
    eventually is_connected
    eventually has_no_segment
    kill -9 "$c"
    ends "$c" 137
    kill -CONT "$late"
    ok 'who comes after a consumer that has died does not go on in its place' eventually is_waiting late
    kill -CONT "$p"
    ok 'the producer learns of the death' ends "$p" 1
    ok 'and says so' says p.err "the consumer \(pid $c\) has died"
    exec 5>&-
    kill -INT "$late"
    ends "$late" 130
    ok 'nothing is left' nothing_of_ours

    # The consumer has said that all is written, and stops; then the producer is stopped for good, and removes the set.
    rm -f mark
    echo words >sent
    start_producer p sent
    eventually is_waiting p
    start c env FAULT=semop:3:-19 LD_PRELOAD="$work/fault.so" "$consumer" --key "$key"
    eventually test -e mark
    eventually is_stopped "$c"
    kill -INT "$p"
    ok 'a producer that is stopped when all is written knows it' ends "$p" 0
    ok '... and says so' says p.err '6 bytes written by the consumer'
    kill -CONT "$c"
    ok '... and so does the consumer, though the set has gone' ends "$c" 0
    ok '... which has written all' cmp -s sent c.out

    # All is acknowledged, and the producer dies before it has removed the set. The consumer lingers for a
    # second: this machine may be too slow for that once, but not three times.
    dies_in_the_end() {
        rm -f mark
        start p env FAULT=shmctl:1:-19 sh -c 'exec env LD_PRELOAD="$0" "$@" <sent' "$work/fault.so" "$producer" --key "$key"
        start_consumer c
        eventually test -e mark
        kill -9 "$p"
        ends "$p" 137
        ends "$c" 0 && cmp -s sent c.out && nothing_of_ours
    }
    ok 'a producer that dies before it removes the set: the consumer does' \
        eval 'dies_in_the_end || dies_in_the_end || dies_in_the_end'
else
    skip 'kill -9 before each system call' 'LD_PRELOAD reaches no program here'
fi

# --- a peer that writes nonsense -------------------------------------------------------------

scrawl() { # SEGMENT OFFSET NUMBER
    perl -e 'shmwrite($ARGV[0], pack("L", $ARGV[2]), $ARGV[1], 4) or die' "$@"
}

start_producer p typed
exec 5>typed
eventually is_waiting p
segment=$(segment_id)
start_consumer c
eventually is_connected
scrawl "$segment" 44 1 # consumer_end: ALL_DONE
kill -9 "$c"
ends "$c" 137
ok 'a word that nobody has given: the producer notices the death still' ends "$p" 1
ok 'and says so' says p.err "the consumer \(pid $c\) has died"
exec 5>&-

start_producer p typed
exec 5>typed
eventually is_waiting p
segment=$(segment_id)
start_consumer c
eventually is_connected
kill -STOP "$c"
echo something >&5
one_is_filled_one_in_hand() {
    [ "$(semaphores | cut -d ' ' -f 1)" = 2 ]
}
eventually one_is_filled_one_in_hand
scrawl "$segment" 64 262145 # the length of slot 0
kill -CONT "$c"
ok 'a slot that is too long' ends "$c" 1
ok 'is refused' says c.err "^consumer: segment $segment is damaged: a slot is longer than 262144 bytes"
ok 'which the producer learns' ends "$p" 1
ok 'and says' says p.err "the consumer \(pid $c\) has failed"
exec 5>&-

damaged() { # SLOTS SLOT-BYTES: what a consumer finds in the header
    start_producer p typed
    exec 5>typed
    eventually is_waiting p
    scrawl "$(segment_id)" 24 "$1"
    scrawl "$(segment_id)" 28 "$2"
    ok "a segment that is said to have $1 slots of $2 bytes" exits 1 timeout 20 "$consumer" --key "$key"
    ok 'is refused' says err "is damaged: $1 slots of $2 bytes in 1064960 bytes"
    kill -INT "$p"
    ends "$p" 130
    exec 5>&-
}
damaged 0 262144
damaged 1025 1
damaged 4 262145
damaged 4 0
damaged 1024 4294967295
ok 'nothing is left' nothing_of_ours
