#!/usr/bin/env bash
# writer_reader_ends.t - lesson 06: what its halves say at rare ends; what a transport can't do; on a terminal

. "$(dirname "$0")/lib.sh"
. "$root/tests/torture_lessons.sh"
. "$root/tests/fault_lib.sh"

faults_work_here || exit
lesson=writer_reader_bench
name_halves
one_row() { # TRANSPORT SYNC, or -
    way=(latency --transport "$1" --size 100000 --count 50 --warmup 0)
    [ "$2" = - ] || way+=(--sync "$2")
}

# --- a half that is stopped in the middle of a test ------------------------------------------

stop=-19
while read -r transport sync call; do
    one_row "$transport" "$sync"
    for half in "${halves[@]}"; do
        other=reader
        [ "$half" = writer ] || other=writer
        rm -f mark
        "${lesson}_$half" "$half"
        FAULT=$call:$stop LD_PRELOAD=$work/fault.so start "$half" "${command[@]}"
        "${lesson}_$other" "$other"
        start "$other" "${command[@]}"
        ok "$transport $sync: a $half stops in the middle" eventually is_stopped "${!half}"
        kill -KILL "${!half}"
        ok "... and is killed: the $other ends" ends "${!other}" 1
        ok "... and says so" says "$other.err" "^$other: the $half \\(pid ${!half}\\) has died"
        wait "${!half}"
    done
done <<'END'
shm sem sem_post:9
pipe - write:3
mq - mq_send:3
END

one_row shm spin
rm -f mark
writer_reader_bench_writer writer
start writer "${command[@]}" --timeout 30
eventually is_waiting writer
kill -STOP "$writer"
start reader "$root/06_writer_reader_bench/reader" --quiet --name "$name" --timeout 1
ok 'a writer that is suspended before it begins is waited for' eventually has_said reader.out 'receiver ready'
kill -INT "$reader"
ok '... till somebody stops that' ends "$reader" 130
end_quietly KILL "$writer"

one_row shm spin
way[${#way[@]}-3]=100000000 # messages
is_at_work() { # the bare flag has been bounced, or messages flow
    [ "$(words 640 1 "/dev/shm$name")" -gt 0 ]
}
writer_reader_bench_writer writer
start writer "${command[@]}"
writer_reader_bench_reader reader
start reader "${command[@]}"
ok 'a pair is at work' eventually is_at_work
kill -STOP "$writer"
kill -INT "$reader"
ends "$reader" 130
ok '... another reader comes in the middle, and is refused' exits 1 "${command[@]}"
ok '... and told why' says err "^reader: the writer \(pid $writer\) is in the middle of something with another reader"
kill -CONT "$writer"
ok '... the writer ends' ends "$writer" 1

# --- what can't be done ----------------------------------------------------------------------

ok 'a processor that the reader may not use' says_of reader sched_setaffinity:1:22 '' 0
ok '... is told by the writer' says writer.err '^writer: cannot use shm spin: Invalid argument$'
way=(latency --size 64 --count 1 --warmup 0)
ok 'a transport that this system does not have' says_of writer "mq_open:1:38 mq_open:2:38 mq_open:3:38" 'mq is left out: Function not implemented' 0
start reader "$root/06_writer_reader_bench/reader" --quiet --name "$name"
ok 'a table that cannot be written' exits 1 "$root/06_writer_reader_bench/writer" throughput --transport shm --sync spin \
    --size 64 --name "$name" --csv /dev/full
ok '... is an error' says err '^writer: cannot write /dev/full: No space left on device$'
ends "$reader" 0
if command -v taskset >/dev/null; then
    one_row shm sem
    start reader taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')" "$root/06_writer_reader_bench/reader" --quiet --name "$name"
    ok 'both halves on one processor' exits 0 taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')" \
        "$root/06_writer_reader_bench/writer" "${way[@]}" --name "$name"
    ends "$reader" 0
else
    skip 'both halves on one processor' 'no taskset (Debian: util-linux)'
fi
if command -v script >/dev/null && script -qec true /dev/null </dev/null >screen 2>&1; then
    start reader "$root/06_writer_reader_bench/reader" --quiet --name "$name"
    script -qec "$root/06_writer_reader_bench/writer throughput --transport pipe --size 64 --count 10 --name $name" /dev/null </dev/null >screen
    ok 'on a terminal the writer shows where it is' says screen '1 of 1: throughput, pipe, 64 bytes'
    ends "$reader" 0
else
    skip 'where it is, on a terminal' 'no script (Debian: bsdutils)'
fi
ok 'nothing is left' nothing_is_left
