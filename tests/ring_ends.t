#!/usr/bin/env bash
# ring_ends.t - lessons 03 and 05: each way in which one half ends, or is stopped, and what the other one says;
# it says its last word itself, where other tests kill it

. "$(dirname "$0")/lib.sh"
. "$root/tests/ring_lib.sh"

has() { # LESSON WHAT: in words of its own
    case $1 in
        03_ring_buffer) echo messages ;;
        05_simd) echo batches ;;
    esac
}

size_of() { # LESSON: bytes of a small ring
    case $1 in
        03_ring_buffer) echo 640 ;;
        05_simd) echo $((2 << 20)) ;;
    esac
}

for lesson in 03_ring_buffer 05_simd; do
    producer=$root/$lesson/producer consumer=$root/$lesson/consumer
    things=$(has $lesson)

    start_producer p --slots 16
    start_consumer c
    ok "$lesson: a pair runs" eventually tail_passes 10
    end_quietly KILL "$p"
    ok "... a dead producer is reported" eventually has_said c.err "the producer \(pid $p\) has died; all that it had (sent|made) is"
    kill -INT "$c"
    ok "... Ctrl-C ends a consumer that waits for the next one" ends "$c" 130

    before=$(number_at 256) # the ring is still there
    start_producer p
    start_consumer c
    ok "$lesson: a pair runs" eventually tail_passes "$before"
    end_quietly KILL "$c"
    ok "... a dead consumer is reported" eventually has_said p.err "the consumer \(pid $c\) has died; "
    kill -INT "$p"
    ok "... Ctrl-C ends a producer that waits for the next one" ends "$p" 130
    ok "... what stays is read by the next consumer" exits 0 "$consumer" --name "$name"

    start_consumer c --timeout 3
    start_producer p
    ok "$lesson: a pair runs" eventually tail_passes 10
    kill -STOP "$p"
    ok "... a consumer waits for a suspended producer till its time-out" ends "$c" 1
    ok "... and says so" says c.err "^consumer: the producer \(pid $p\) has sent nothing for 3 s; is it suspended\?"
    kill -CONT "$p"
    kill -INT "$p"
    ends "$p" 130
    rm "/dev/shm$name"

    start_consumer c
    eventually is_waiting c
    start_producer p --timeout 3
    ok "$lesson: a pair runs" eventually tail_passes 10
    kill -STOP "$c"
    ok "... a producer waits for a suspended consumer till its time-out" ends "$p" 1
    ok "... and says so, and what stays" says p.err "the consumer \(pid $c\) has read nothing for 3 s; is it suspended\? [0-9]+ $things stay in"
    kill -CONT "$c"
    ok "... what stays is read" ends "$c" 0

    start_producer p --slots 16
    eventually is_waiting p
    end_quietly KILL "$p"
    scribble 256 '\0377\0377\0377\0377\0377\0377\0377\0377'
    ok "$lesson: a ring that is damaged is not taken over" exits 1 "$producer" --name "$name"
    ok "... and says so" says err "^producer: cannot use $name: it is damaged; choose another --name or, if nobody needs it, rm "
    rm "/dev/shm$name"
    truncate -s "$(size_of $lesson)" "/dev/shm$name"
    start_producer p
    ok "$lesson: what was sized, and no more, by a producer that died is taken over" eventually head_passes 1
    kill -INT "$p"
    ends "$p" 130
    rm "/dev/shm$name"
    head -c 4096 /dev/zero | tr '\0' '\1' >"/dev/shm$name"
    ok "$lesson: what is no ring is not used" exits 1 "$consumer" --name "$name"
    ok "... and its first letters are shown as far as they are some" says err 'found magic \?\?\?\?, '
    rm "/dev/shm$name"

    start_consumer c
    start_producer p
    ok "$lesson: a pair runs" eventually tail_passes 10
    kill -STOP "$c"
    kill -INT "$p"
    ends "$p" 130
    kill -INT "$c"
    kill -CONT "$c"
    ok "... Ctrl-C ends both: the consumer sees that nothing more comes" ends "$c" 130
    rm -f "/dev/shm$name"

    start_producer p
    start_consumer c
    ok "$lesson: a pair runs" eventually tail_passes 10
    kill -PIPE "$c"
    ok "... a consumer ends as SIGPIPE does" ends "$c" 141
    kill -PIPE "$p"
    ok "... so does a producer" ends "$p" 141
    rm -f "/dev/shm$name"
    ok "$lesson: nothing is left" nothing_is_left
done

# --- 05_simd ---------------------------------------------------------------------------------

start_producer p --slots 16 --kernel square
start_consumer c
ok 'a pair runs' eventually tail_passes 18
kill -STOP "$p"
ok '... the consumer has processed all there is' eventually is_drained
end_quietly KILL "$p" "$c"
start_producer p --slots 16 --kernel sum --batches 20
start_consumer c
ok '... another kernel may follow, in a new ring' ends "$p" 0
ok '... and all is processed' ends "$c" 0

# --- 03_ring_buffer --------------------------------------------------------------------------

producer=$root/03_ring_buffer/producer consumer=$root/03_ring_buffer/consumer
for work_ns in 1 1000000; do
    start_consumer c --work "$work_ns"
    start_producer p --count 20
    ok "--work $work_ns" ends "$c" 0
    ok "... all came" says c.out '^received 20 messages, 0 lost, 0 doubled, 0 out of order'
    ends "$p" 0
done
start_producer p --slots 16 --rate 100 --batch 1
start_consumer c --batch 1
ok 'a pair runs' eventually tail_passes 20
kill -STOP "$p"
ok '... the consumer has read all there is' eventually is_drained
head=$(($(number_at 128) + 8)) # eight old messages look like new ones
scribble 128 "$(printf '\\0%03o\\0%03o' $((head % 256)) $((head / 256)))"
ok '... and then what is none, without harm' eventually tail_passes $((head - 1))
kill -INT "$c"
ok 'messages that come in a wrong order end the consumer' ends "$c" 1
ok '... they are counted' says c.out ' 0 lost, 0 doubled, 8 out of order, '
ok '... with the reason' says c.err "^consumer: $name has lost, doubled or reordered messages\$"
end_quietly KILL "$p"
rm -f "/dev/shm$name"
if command -v script >/dev/null && script -qec true /dev/null </dev/null >screen 2>&1; then
    start_producer p --count 30
    script -qec "$consumer --name $name --print" /dev/null </dev/null >screen
    script -qec "timeout --foreground -s INT 1 $root/05_simd/producer --name $name" /dev/null </dev/null >live
    ok 'a producer of batches on a terminal shows a live line' says live 'batches/s .* ring '
    rm -f "/dev/shm$name"
    ok 'numbers that are printed on a terminal have it for themselves' says screen '^29'
    ok '... all come' ends "$p" 0
else
    skip 'numbers on a terminal' 'no script (Debian: bsdutils)'
fi
