#!/bin/bash
# ring_buffer.t - 03_ring_buffer: real pairs of real processes, and what luck and malice do to them

# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
. "$root/tests/ring_lib.sh"

producer=$root/03_ring_buffer/producer
consumer=$root/03_ring_buffer/consumer
compiler=${CC:-cc}
producer_pid=
consumer_pid= # set by start

start_producer() { # ARGUMENT ...
    start producer_pid "$producer" --name "$name" "$@"
}

start_consumer() {
    start consumer_pid "$consumer" --name "$name" "$@"
}

received() { # COUNT: the consumer's line says that all came
    says consumer_pid.out \
        "^received $1 messages, 0 lost, 0 doubled, 0 out of order, [0-9.]+( M)? messages/s\$"
}

# --- options -----------------------------------------------------------------------------------

for half in producer consumer; do
    ok "$half --help" exits 0 "${!half}" --help
    ok "... says how to run the pair" says out 'Either may start first'
    ok "$half: an unknown option" exits 2 "${!half}" --frobnicate
    ok "... is named" says err 'unknown option --frobnicate'
    ok "$half --batch 0" exits 2 "${!half}" --batch 0
    ok "... says the range" says err '^'$half': --batch 0: give a whole number from 1 to 65536$'
    ok "$half: a name without a slash" exits 2 "${!half}" --name ring
done
ok "--slots 3" exits 2 "$producer" --slots 3
ok "... wants a power of two" says err '^producer: --slots 3: give a power of two from 2 to (2147483648|16777216)$'
largest=$(sed 's/.* to //' err) # the latter in a 32-bit process
ok "--slots 4294967296" exits 2 "$producer" --slots 4294967296

if [ "$largest" -lt 2147483648 ]; then
    skip "a ring too large for /dev/shm" "a 32-bit process can't have one: its largest has $largest slots"
elif [ "$(df -k /dev/shm | awk 'NR == 2 { print $2 }')" -lt 134217728 ]; then
    ok "a ring too large for /dev/shm" exits 1 "$producer" --name "$name" --slots 2147483648
    ok "... says so in one line" says err \
        "^producer: cannot create $name: cannot reserve 137438953856 bytes: No space left on device; see df /dev/shm\$"
    is "... and no other" "$(wc -l <err)" 1
    ok "... and leaves nothing" nothing_is_left
else
    skip "a ring too large for /dev/shm" "/dev/shm takes 128 GB"
fi

ok "nobody comes to the consumer" exits 1 "$consumer" --name "$name" --timeout 1
ok "... says what to start" says err "no producer came within 1 s; start one: ./producer --name $name"
ok "nobody comes to the producer" exits 1 "$producer" --name "$name" --timeout 1 --count 5
ok "... says what stays" says err "5 messages stay in $name; start one: ./consumer --name $name"
start_consumer
ok "a later consumer reads it" ends "$consumer_pid" 0
ok "... all of it" received 5
ok "... and removes the ring" nothing_is_left

# --- ten million messages ----------------------------------------------------------------------

messages=10000000
[ "${MACHINE:-}" != arm64 ] || messages=10000 # emulated processors are slow

through() { # SLOTS PRODUCER-BATCH CONSUMER-BATCH
    local pair="$messages messages, $1 slots, batches of $2 and $3"
    start_consumer --batch "$3"
    ok "$pair: the consumer waits" eventually is_waiting consumer_pid
    start_producer --count "$messages" --slots "$1" --batch "$2"
    ok "$pair: the producer ends" wait "$producer_pid" # however long it takes, on a busy machine
    ok "$pair: the consumer ends" wait "$consumer_pid"
    ok "$pair: each came once, in order" received "$messages"
    ok "$pair: nothing is left" nothing_is_left
}
through 2 64 1
through 4 1 3
through 65536 1000 64

# --- one of each -------------------------------------------------------------------------------

start_producer --slots 1024
ok "the producer fills the ring" eventually head_is 1024
ok "... and says what it waits for" eventually is_waiting producer_pid
ok "a second producer is refused" exits 1 "$producer" --name "$name"
ok "... and says who is there" says err \
    "^producer: cannot create $name: another producer \(pid $producer_pid\) is running"
start_consumer
ok "a consumer reads" eventually tail_passes 5000
ok "a second consumer is refused" exits 1 "$consumer" --name "$name"
ok "... and says who is there" says err \
    "^consumer: cannot join $name: another consumer \(pid $consumer_pid\) is connected"
ok "... the first one still reads" eventually tail_passes "$(($(number_at 256) + 5000))"

# --- stop signals ------------------------------------------------------------------------------

kill -INT "$producer_pid"
ok "Ctrl-C ends the producer" ends "$producer_pid" 130
ok "... it says what it has sent" says producer_pid.err 'sent [0-9]+ messages'
ok "... the consumer reads the rest" ends "$consumer_pid" 0
ok "... of all that was sent" received \
    "$(sed -n 's/.*sent \([0-9]*\) messages.*/\1/p' producer_pid.err)"
ok "... and nothing is left" nothing_is_left

start_producer
start_consumer
ok "a pair runs" eventually tail_passes 100000
kill -TERM "$consumer_pid" "$producer_pid"
ok "a signal to both ends the consumer" ends "$consumer_pid" 143
ok "... and the producer" ends "$producer_pid" 143
ok "... each with its summary" received '[0-9]+'
ok "... and nothing is left" nothing_is_left

start_producer --slots 16
ok "a producer without a consumer fills the ring" eventually head_is 16
kill -INT "$producer_pid"
ok "... Ctrl-C ends it" ends "$producer_pid" 130
ok "... it says what stays" says producer_pid.err "16 messages stay in $name"
start_producer
ok "a next one goes on with the next number" eventually has_said producer_pid.err \
    'of 16 slots is there, with 16 unread messages; going on with number 16$'
start_consumer
ok "... after a consumer came" eventually tail_passes 100
kill -INT "$consumer_pid"
ok "Ctrl-C ends the consumer" ends "$consumer_pid" 130
ok "... with its summary" received '[0-9]+'
ok "... the producer says so" eventually has_said producer_pid.err 'the consumer has stopped; nothing is lost'
start_consumer
ok "the next one goes on" eventually has_said consumer_pid.err 'going on with number [0-9]+'
kill -INT "$producer_pid"
ok "... to the end" ends "$consumer_pid" 0
ok "... and nothing is left" nothing_is_left

start_producer
"$consumer" --name "$name" --print 2>err | head -n 2 >out
is "| head ends the consumer" "${PIPESTATUS[0]}" 141
is "... after its lines" "$(xargs <out)" "0 1"
ok "... and quietly" test ! -s err -o "$(cat err)" = \
    "consumer: waiting for the producer; in another terminal: ./producer --name $name"
start_consumer
kill -INT "$producer_pid"
ok "... the next one reads the rest" ends "$consumer_pid" 0
ok "... and nothing is left" nothing_is_left

# A reader that is slow, and a stop signal while the consumer waits for it: what was not printed is not given back.
mkfifo slow
start_producer --slots 1024
"$consumer" --name "$name" --print >slow 2>err &
blocked=$!
exec 5<slow
pipe_is_full() { # 64 KiB of numbers, and the next write waits
    [ "$(awk '{ print $3 }' "/proc/$blocked/stat")" = S ] && [ "$(words 256 1 "/dev/shm$name")" -gt 10000 ]
}
eventually pipe_is_full
kill -INT "$blocked"
ok "a stop signal ends a consumer whose printing is stuck" ends "$blocked" 130
cat <&5 >printed
exec 5<&-
last=$(grep -E '^[0-9]+$' printed | tail -n 1)
"$consumer" --name "$name" --print 2>err | head -n 1 >out
ok "a stop signal amid blocked printing: the next consumer goes on where the printing ended" \
    test "$(cat out)" -le $((last + 1))
start_consumer
kill -INT "$producer_pid"
ends "$producer_pid" 130
ok "... and reads the rest" ends "$consumer_pid" 0

# --- a half that is suspended ------------------------------------------------------------------

ticks() { # PID: processor time used, in hundredths of a second
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}

while_stopped() { # WHO STOPPED OTHER: the other half waits a second, in peace
    local before used
    kill -STOP "$2"
    for _ in 1 2 3 4 5 6 7 8 9 10; do # till it sleeps, where others keep it from coming to it
        before=$(ticks "$3")
        sleep 1 # not for anything to happen, but to see what a second costs
        used=$(($(ticks "$3") - before))
        [ "$used" -ge 5 ] || break
    done
    ok "a suspended $1: the other half waits and does not end" kill -0 "$3"
    ok "... and takes less than 5 % of a processor ($used ticks)" test "$used" -lt 5
    local tail
    tail=$(number_at 256)
    kill -CONT "$2"
    ok "... and goes on" eventually tail_passes "$tail"
}

start_producer
start_consumer
ok "a pair runs" eventually tail_passes 100000
if [ -r "/proc/$producer_pid/stat" ]; then
    while_stopped consumer "$consumer_pid" "$producer_pid"
    while_stopped producer "$producer_pid" "$consumer_pid"
else
    skip "a suspended half" "no /proc to see processor time in"
fi
kill -STOP "$consumer_pid"
kill -INT "$producer_pid"
ok "Ctrl-C ends the producer although the consumer is suspended" ends "$producer_pid" 130
kill -CONT "$consumer_pid"
ok "... which then reads the rest" ends "$consumer_pid" 0
ok "... and nothing is left" nothing_is_left

# A consumer that has read the rest and left has not stopped early, even if nobody looked meanwhile.
start_producer --count 8 --slots 8
ok "all is sent" eventually is_waiting producer_pid
kill -STOP "$producer_pid"
ok "while the producer is suspended, a consumer reads it" exits 0 "$consumer" --name "$name" --work 20000000
kill -CONT "$producer_pid"
ok "... and the producer ends" ends "$producer_pid" 0
ok "... and does not miss it" test "$(grep -c 'has stopped' producer_pid.err)" -eq 0

# --- a hundred deaths --------------------------------------------------------------------------

# Each consumer prints what it reads to a file of its own.
next_consumer() {
    runs=$((runs + 1))
    log=$(printf 'log.%03d' "$runs")
    "$consumer" --name "$name" --batch 5 --print >"$log" 2>consumer_pid.err &
    consumer_pid=$!
}

next_producer() {
    start_producer --slots 1024 --batch 7
}

reads_on() {
    [ -s "$log" ] && tail_passes "$1"
}

runs=0
kills=0
next_producer
next_consumer
while [ "$kills" -lt 100 ]; do
    eventually reads_on "${last_tail:-0}" || break
    sleep "0.00$((RANDOM % 10))" # anywhere in its work
    last_tail=$(number_at 256)
    case $((kills % 3)) in
        0) end_quietly KILL "$consumer_pid"; next_consumer ;;
        1) end_quietly KILL "$producer_pid"; next_producer ;;
        2) end_quietly KILL "$consumer_pid" "$producer_pid"; next_producer; next_consumer ;;
    esac
    kills=$((kills + 1))
done
eventually reads_on "${last_tail:-0}"
is "a hundred deaths: each time it goes on" "$kills" 100
kill -INT "$producer_pid"
ok "... the last producer ends" ends "$producer_pid" 130
ok "... the last consumer ends" ends "$consumer_pid" 0
sent=$(sed -n -e 's/.*sent \([0-9]*\) messages.*/\1/p' -e 's/.*with number \([0-9]*\)$/\1/p' \
    producer_pid.err | awk '{ sum += $1 } END { print sum }')

# Within a file each number follows the last one. A next file begins at most a run (5) back. A kill amid
# write(2) may leave the half of a line, where the file goes from one page to the next: that was not printed.
check_logs() {
    for log in log.*; do
        [ -z "$(tail -c 1 "$log")" ] || sed -i '$d' "$log"
    done
    awk -v sent="$sent" '
        /^received/ { next }
        FNR == 1 { if ($1 > next_number || $1 < next_number - 5) bad("begins with " $1) }
        FNR > 1 && $1 != next_number { bad("goes on with " $1) }
        { next_number = $1 + 1 }
        function bad(what) { print "#   " FILENAME " " what " instead of " next_number; wrong = 1 }
        END { if (next_number != sent) { bad("ends: " sent " sent"); } exit wrong }' log.*
}
ok "... $sent messages in $runs files: contiguous, none lost" check_logs
ok "... and nothing is left" nothing_is_left
rm -f log.*

start_producer --slots 16
start_consumer
ok "a pair runs" eventually tail_passes 1000
end_quietly KILL "$producer_pid"
ok "a dead producer is reported, and what is lost" eventually has_said consumer_pid.err \
    "the producer \(pid $producer_pid\) has died; all that it had sent is read, nothing is lost"
ok "... and the consumer waits for the next" eventually is_waiting consumer_pid
end=$(number_at 128)
end_quietly KILL "$consumer_pid"
scribble 22 '\0001\0000' # as if it had died just after taking the region over: BUILDING
start_producer
ok "one that died while taking over loses nothing either" eventually has_said producer_pid.err \
    "with 0 unread messages; going on with number $end\$"
ok "... the ring fills" eventually head_is $((end + 16))
end_quietly KILL "$producer_pid"
ok "make clean-ipc removes what the dead have left" exits 0 "$root/tools/clean_ipc" "$name"
ok "... all of it" nothing_is_left

# --- a hostile half ----------------------------------------------------------------------------

damaged_producer() { # WHAT OFFSET BYTES
    start_producer --slots 16
    eventually is_waiting producer_pid
    scribble "$2" "$3"
    ok "scribbled on $1: the producer ends" ends "$producer_pid" 1
    ok "... and says so" says producer_pid.err "^producer: $name is damaged: its tail is not between 0 and 16"
    rm -f "/dev/shm$name"
}

damaged_consumer() { # WHAT OFFSET BYTES COMPLAINT
    start_producer --slots 16
    eventually head_is 16
    end_quietly KILL "$producer_pid"
    scribble "$2" "$3"
    ok "scribbled on $1: the consumer ends" exits 1 "$consumer" --name "$name" --timeout 1
    ok "... and says so" says err "^consumer: .*$4"
    is "... in one line" "$(wc -l <err)" 1
    rm -f "/dev/shm$name"
}

ends_anyhow() { # PID: done, stopped or with an error, but not crashed
    local status=0
    eventually is_gone "$1" || return 1
    wait "$1" || status=$?
    [ "$status" -lt 2 ] || [ "$status" -eq 130 ] || { echo "#   exit status $status"; return 1; }
}

ones='\0377\0377\0377\0377\0377\0377\0377\0377'
if [ -d /dev/shm ]; then
    damaged_producer "tail, far ahead" 256 "$ones"
    damaged_producer "tail, by one" 256 '\0021'
    damaged_consumer "head, far ahead" 128 "$ones" "$name is damaged: its head is not between 0 and 16"
    damaged_consumer "head, by one" 128 '\0021' "$name is damaged: its head is not between 0 and 16"
    damaged_consumer "tail" 256 "$ones" "$name is damaged: its head is not"
    damaged_consumer "a number" $((384 + 3 * 64)) '\0007' "message 3 in $name is damaged: its checksum"
    damaged_consumer "a payload" $((384 + 15 * 64 + 63)) '\0001' "message 15 in $name is damaged: its checksum"
    damaged_consumer "all slots" 384 "$(printf "%s" "$ones" "$ones" "$ones" "$ones" "$ones" "$ones" "$ones" "$ones")" \
        "message 0 in $name is damaged: its checksum"
    damaged_consumer "the number of slots" 32 '\0003' "its number of slots is damaged"
    damaged_consumer "the number of slots, too many" 32 '\0000\0000\0000\0100' "its number of slots is damaged"
    damaged_consumer "the size" 8 "$ones" 'found magic RING, version 1, 18446744073709551615 bytes'

    start_producer --slots 16
    start_consumer
    ok "a pair runs" eventually tail_passes 1000
    for _ in 1 2 3 4 5 6 7 8; do
        scribble 128 "$ones$ones"
        scribble 256 "$ones"
        scribble 384 "$ones"
    done
    kill -INT "$producer_pid" "$consumer_pid" 2>/dev/null
    ok "scribbled on while they run: the consumer ends" ends_anyhow "$consumer_pid"
    ok "... the producer ends" ends_anyhow "$producer_pid"
    rm -f "/dev/shm$name"
else
    skip "scribbling" "no /dev/shm to write to"
fi

# --- a terminal --------------------------------------------------------------------------------

on_a_terminal() { # COLUMNS COMMAND: its screen to the file screen
    script -qec "stty cols $1; $2" /dev/null </dev/null >screen
}

widest() { # of what is written over itself
    tr '\r' '\n' <screen | awk '{ if (length > most) most = length } END { print most }'
}

if command -v script >/dev/null && script -qec true /dev/null </dev/null >screen 2>&1; then
    start_consumer
    on_a_terminal 100 "$producer --name $name --rate 100000 --count 30000"
    ok "a producer on a terminal shows a live line" says screen \
        'ring \[[#-]{20}\] +[0-9]+ %  [0-9.]+( M)? messages/s  full [0-9]+ times'
    ok "... as wide as the window at most" test "$(widest)" -lt 100
    ok "... the consumer ends" ends "$consumer_pid" 0
    start_producer --rate 100000 --count 30000
    on_a_terminal 30 "$consumer --name $name --work 50000" # however late it comes, it takes 1.5 s
    ok "a consumer on a terminal shows a live line" says screen 'messages/s  lag [0-9]+'
    ok "... and takes it away" says screen $'\r +\rreceived 30000 messages'
    ok "... the producer ends" ends "$producer_pid" 0
else
    skip "the live lines" "no script (Debian: bsdutils)"
fi

# --- built otherwise ---------------------------------------------------------------------------

build() { # PROGRAM SOURCE OPTION ...
    local program=$1 source=$2
    shift 2
    # shellcheck disable=SC2086 # a compiler and its options
    $compiler -std=c11 ${CFLAGS:--O1} -pthread "$@" -o "$program" "$root/tests/$source" ${LDFLAGS:-} -lrt 2>err
}

ok "ring.h builds with slots of 8 bytes" build unit_ring_8 unit_ring.c -DRING_SLOT_BYTES=8
ok "... and passes its unit test" exits 0 ${EMULATOR:+"$EMULATOR"} ./unit_ring_8
