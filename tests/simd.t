#!/bin/bash
# simd.t - 05_simd: real pairs of real processes; whatever pages, instructions and deaths they get

# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
. "$root/tests/ring_lib.sh"

producer=$root/05_simd/producer
consumer=$root/05_simd/consumer
producer_pid=
consumer_pid= # set by start

start_producer() { # ARGUMENT ...
    start producer_pid "$producer" --name "$name" "$@"
}

start_consumer() {
    start consumer_pid "$consumer" --name "$name" "$@"
}

processed() { # BATCHES [ISA [PAGES]]: the consumer's line says that all came, and none is wrong
    says consumer_pid.out "^processed $1 batches, [0-9.]+ GB, [0-9.]+ GB/s, ${2:-[a-z0-9]+}, ${3:-([0-9]+ of [0-9]+ MiB in )?[0-9]+ [KM]iB pages}, [0-9.]+ times scalar, 0 wrong\$"
}

# --- options -----------------------------------------------------------------------------------

for half in producer consumer; do
    ok "$half --help" exits 0 "${!half}" --help
    ok "... says how to run the pair" says out 'Either may start first'
    ok "$half --frobnicate" exits 2 "${!half}" --frobnicate
    ok "$half --pages 3k" exits 2 "${!half}" --pages 3k
    ok "... says what there is" says err "^$half: --pages 3k: give one of auto, 4k, thp, hugetlb\$"
done
ok "--slots 3" exits 2 "$producer" --slots 3
ok "--kernel cube" exits 2 "$producer" --kernel cube
ok "... says what there is" says err '^producer: --kernel cube: give one of square, sum, sigmoid$'
ok "--verify some" exits 2 "$consumer" --verify some
ok "--isa mmx" exits 2 "$consumer" --isa mmx
ok "... says what there could be" says err 'give one of scalar, sse2, avx2, avx512, neon, auto$'

all_isas='scalar sse2 avx2 avx512 neon'
there=
for isa in $all_isas; do
    status=0
    run "$consumer" --name "$name" --isa "$isa" --timeout 1 || status=$?
    if grep -q 'no producer came' err; then
        there="$there $isa"
    else
        is "--isa $isa, which isn't there: exit status" "$status" 1
        ok "... lists what there is" says err "^consumer: --isa $isa: this processor has no such instructions; it has scalar(, [a-z0-9]+)*\$"
    fi
done
ok "there are scalar ones, at least" test "$there" != ''

ok "nobody comes to the producer" exits 1 "$producer" --name "$name" --timeout 1 --batches 5
ok "... says what stays" says err "5 batches stay in $name; start one: ./consumer --name $name"
start_consumer
ok "a later consumer processes it" ends "$consumer_pid" 0
ok "... all of it" processed 5
ok "... and removes the ring" nothing_is_left

largest=$("$producer" --slots 1 2>&1 | sed 's/.* to //')
if [ "$largest" -lt 268435456 ]; then
    skip "a ring too large for /dev/shm" "a 32-bit process can't have one: its largest has $largest slots"
elif [ "$(df -k /dev/shm | awk 'NR == 2 { print $2 }')" -lt 1073741824 ]; then
    ok "a ring too large for /dev/shm" exits 1 "$producer" --name "$name" --slots 268435456
    ok "... says so in one line" says err \
        "^producer: cannot create $name: cannot reserve [0-9]+ bytes: No space left on device; see df /dev/shm\$"
    is "... and no other" "$(wc -l <err)" 1
    ok "... and leaves nothing" nothing_is_left
else
    skip "a ring too large for /dev/shm" "/dev/shm takes 1 TB"
fi

# --- every kernel by every instruction set -----------------------------------------------------

for kernel in square sum sigmoid; do
    for isa in $there; do
        start_consumer --isa "$isa" --verify all
        eventually is_waiting consumer_pid
        start_producer --kernel "$kernel" --batches 3000 --slots 64 --seed 7
        ok "$kernel by $isa: the producer ends" ends "$producer_pid" 0
        ok "$kernel by $isa: the consumer ends" ends "$consumer_pid" 0
        ok "$kernel by $isa: every batch is right" processed 3000 "$isa"
    done
done
for isa in avx512 neon; do
    case $there in *$isa*) ;; *) skip "the pair by $isa" "this processor has none" ;; esac
done
ok "nothing is left" nothing_is_left

start_producer --slots 8
eventually head_is 8
end_quietly KILL "$producer_pid"
scribble $((4096 + 3 * 4096 + 100)) '\0001\0002\0003'
ok "a batch with one wrong number is found" exits 1 "$consumer" --name "$name" --verify all --timeout 1
ok "... counted" says out ', 1 wrong$'
ok "... and named" says err 'the first is number 3$'

rm -f "/dev/shm$name"
start_producer --slots 8
eventually head_is 8
end_quietly KILL "$producer_pid"
scribble 4100 '\0001\0002\0003'
ok "batch 0 is in the sample" exits 1 "$consumer" --name "$name" --isa scalar --timeout 1
ok "... and scalar is once as fast as scalar" says out ', scalar, .* pages, 1\.0 times scalar, 1 wrong$'

# --- one of each, early and late ---------------------------------------------------------------

rm -f "/dev/shm$name"
start_producer --slots 16
ok "the producer fills the ring" eventually head_is 16
ok "... and says what it waits for" eventually is_waiting producer_pid
ok "a second producer is refused" exits 1 "$producer" --name "$name"
ok "... and says who is there" says err "another producer \(pid $producer_pid\) is running"
start_consumer
ok "a consumer that starts late" eventually tail_passes 100
ok "a second consumer is refused" exits 1 "$consumer" --name "$name"
ok "... and says who is there" says err "another consumer \(pid $consumer_pid\) is connected"
kill -INT "$consumer_pid"
ok "Ctrl-C ends the consumer" ends "$consumer_pid" 130
ok "... with its summary" processed '[0-9]+'
ok "... the producer says so" eventually has_said producer_pid.err 'the consumer has stopped; nothing is lost'
kill -INT "$producer_pid"
ok "Ctrl-C ends the producer" ends "$producer_pid" 130
ok "... which says what stays" says producer_pid.err "[0-9]+ batches stay in $name"
ok "another kernel for what is there is refused" exits 1 "$producer" --name "$name" --kernel sum
ok "... and says what it is for" says err "holds [0-9]+ batches for --kernel square --seed 1"
ok "so is another number of slots" exits 1 "$producer" --name "$name" --slots 256
ok "... and says how many there are" says err "holds [0-9]+ batches for --kernel square --seed 1 --slots 16; first let them"
ok "another seed is refused, too" exits 1 "$producer" --name "$name" --seed 2
ok "... and says what the ring has" says err "holds [0-9]+ batches for --kernel square --seed 1"
start_consumer
ok "a next consumer processes the rest" ends "$consumer_pid" 0
ok "... and nothing is left" nothing_is_left

start_producer --slots 16
start_consumer
ok "a pair runs" eventually tail_passes 100
kill -STOP "$consumer_pid"
is_full() {
    [ $(($(number_at 128) - $(number_at 256))) -eq 16 ]
}
eventually is_full
end_quietly KILL "$producer_pid"
ok "another kernel for a dead producer's batches is refused" exits 1 "$producer" --name "$name" --kernel sum
kill -CONT "$consumer_pid"
ok "... the consumer still sees that it died" eventually has_said consumer_pid.err "the producer \(pid $producer_pid\) has died"
kill -INT "$consumer_pid"
ok "... and waits for the next one" ends "$consumer_pid" 130
rm -f "/dev/shm$name"

# --- deaths ------------------------------------------------------------------------------------

next_producer() { # faster than the consumer, which so has always some in hand
    start_producer --slots 1024 --kernel sigmoid
}
next_consumer() {
    start_consumer --isa scalar --verify all
}
next_producer
next_consumer
kills=0
spoiled=0
last=0
while [ "$kills" -lt 40 ]; do
    eventually tail_passes "$last" || break
    sleep "0.00$((RANDOM % 10))" # anywhere in its work
    case $((kills % 3)) in
        0) end_quietly KILL "$consumer_pid"; next=next_consumer ;;
        1) end_quietly KILL "$producer_pid"; next=next_producer ;;
        2) end_quietly KILL "$consumer_pid" "$producer_pid"; next=both ;;
    esac
    last=$(number_at 256)
    [ "$next" = next_consumer ] || next_producer
    [ "$next" = next_producer ] || next_consumer
    kills=$((kills + 1))
    eventually tail_passes "$last"
    grep -q 'are made again' consumer_pid.err && spoiled=$((spoiled + 1))
done
is "forty deaths: each time it goes on" "$kills" 40
ok "... some amid a batch ($spoiled)" test "$spoiled" -gt 0
kill -INT "$producer_pid"
ok "... the last producer ends" ends "$producer_pid" 130
ok "... the last consumer ends" ends "$consumer_pid" 0
ok "... no batch was processed twice or half" processed '[0-9]+'
ok "... and nothing is left" nothing_is_left

# A consumer that dies when it has squared some numbers of the first two batches.
start_producer --slots 8
eventually head_is 8
end_quietly KILL "$producer_pid"
scribble 264 '\0002'
scribble 4096 "$(printf '\\0000%.0s' {1..200})"
scribble 8192 "$(printf '\\0000%.0s' {1..200})"
start_consumer --verify all --timeout 1
ok "half-processed batches are made again" eventually has_said consumer_pid.err \
    'a consumer died with 2 batches in hand; they are made again from number 0 on'
wait "$consumer_pid"
ok "... and are right" processed 8
rm -f "/dev/shm$name"

start_producer --slots 8
start_consumer
eventually tail_passes 100
kill -STOP "$producer_pid" "$consumer_pid"
kill -KILL "$producer_pid"
kill -CONT "$consumer_pid"
ok "the producer's death is noticed" eventually has_said consumer_pid.err "the producer \(pid $producer_pid\) has died; .* nothing is lost"
kill -INT "$consumer_pid"
ok "... and Ctrl-C ends the waiting consumer" ends "$consumer_pid" 130
rm -f "/dev/shm$name"

start_producer --batches 5
ok "all is made" eventually is_waiting producer_pid
kill -STOP "$producer_pid"
start_consumer
ok "while the producer is suspended, a consumer processes it" ends "$consumer_pid" 0
sleep 0.1 # not for anything to happen, but so that the producer looks at once
kill -CONT "$producer_pid"
ok "... and the producer ends" ends "$producer_pid" 0
ok "... and does not miss the consumer" test "$(grep -c 'has stopped' producer_pid.err)" -eq 0

# --- a hostile half ----------------------------------------------------------------------------

damaged() { # WHAT OFFSET BYTES COMPLAINT
    start_producer --slots 8
    eventually head_is 8
    end_quietly KILL "$producer_pid"
    scribble "$2" "$3"
    ok "scribbled on $1: the consumer ends" exits 1 "$consumer" --name "$name" --timeout 1
    ok "... and says so" says err "^consumer: .*$4"
    rm -f "/dev/shm$name"
}

ones='\0377\0377\0377\0377\0377\0377\0377\0377'
start_producer --slots 8
eventually head_is 8
end_quietly KILL "$producer_pid"
scribble 47 '\0200'
ok "scribbled on the seed: the producer ends" exits 1 "$producer" --name "$name"
ok "... and says so" says err "^producer: cannot use $name: it is damaged"
ok "... --verify none checks nothing" exits 0 "$consumer" --name "$name" --verify none --timeout 1
ok "... and doesn't say otherwise" says out '^processed 8 batches, .* times scalar, not checked$'
rm -f "/dev/shm$name"
damaged "head" 128 "$ones" "$name is damaged"
damaged "head, by one" 128 '\0011' "$name is damaged"
damaged "tail" 256 "$ones" "$name is damaged"
damaged "in_hand" 264 "$ones" "$name is damaged"
damaged "the number of slots" 32 '\0003' "its number of slots or its kernel is damaged"
damaged "the number of slots, too many" 32 '\0000\0000\0001\0000' "its number of slots or its kernel is damaged"
damaged "the kernel" 36 '\0003' "its number of slots or its kernel is damaged"
damaged "the size" 8 "$ones" 'found magic SIMD'

start_producer --slots 8
eventually is_waiting producer_pid
scribble 256 "$ones"
ok "scribbled on tail: the producer ends" ends "$producer_pid" 1
ok "... and says so" says producer_pid.err "^producer: $name is damaged: its tail"
rm -f "/dev/shm$name"

# --- a terminal --------------------------------------------------------------------------------

if command -v script >/dev/null && script -qec true /dev/null </dev/null >screen 2>&1; then
    start_producer --slots 16
    eventually is_waiting producer_pid
    script -qec "stty cols 60; exec timeout -s INT 2 $consumer --name $name" /dev/null </dev/null >screen
    ok "a consumer on a terminal shows how fast each instruction set is" says screen 'scalar[ *] \[[#-]{20}\] +[0-9]+ GB/s'
    ok "... and a live line" says screen 'batches/s  [0-9.]+ GB/s'
    ok "... as wide as the window at most" test \
        "$(tr '\r' '\n' <screen | awk '!/wrong|batches stay/ { if (length > most) most = length } END { print most }')" -lt 60
    kill -INT "$producer_pid"
    ends "$producer_pid" 130
    rm -f "/dev/shm$name"
else
    skip "the live line" "no script (Debian: bsdutils)"
fi
