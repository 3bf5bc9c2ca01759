#!/usr/bin/env bash
# writer_reader_crash.t - lesson 06: kill -9 of either half, in every transport, at random moments
#
# RANDOM_SEED=N replays a run's moments.

. "$(dirname "$0")/lib.sh"
. "$root/tests/writer_reader_lib.sh"
RANDOM=${RANDOM_SEED:=$(($$ % 32768))}
echo "# RANDOM_SEED=$RANDOM_SEED"

is_ready() {
    grep -q '^Shared memory receiver ready\.$' r.out
}

# Starts a test that would take for ever and kills that half in it, 0 to 40 ms after they have met: while
# they connect, bounce the flag, warm up, or are at work. The other half ends by itself, says why, and
# leaves nothing.
survives() { # VICTIM TEST [OPTION ...]
    local victim=$1 test=$2 other pid
    shift 2
    start r "$reader" --name "$name" --quiet
    start w "$writer" "$test" --name "$name" --size 64,5000,300000 --count 100000000 "$@"
    eventually is_ready || return 1
    sleep "0.0$(printf %02d $((RANDOM % 40)))"
    if [ "$victim" = writer ]; then pid=$w other=r; else pid=$r other=w; fi
    kill -9 "$pid"
    ends "$pid" 137 && ends "${!other}" 1 && says "$other.err" "the $victim \(pid $pid\) has died" &&
        nothing_of_its "$w"
}

for way in 'shm spin' 'shm hybrid' 'shm sem' 'shm cond' 'shm futex' 'mmap spin' 'mmap sem' 'sysv spin' pipe fifo \
    unix tcp mq; do
    read -r transport wait <<<"$way"
    options=(--transport "$transport")
    [ -z "$wait" ] || options+=(--sync "$wait")
    start r "$reader" --name "$name" --quiet
    start w "$writer" latency --name "$name" --size 8 --count 1 "${options[@]}"
    if ! ends "$w" 0 >/dev/null; then
        skip "$way: kill -9 of either half" "$(sed -n 's/.*cannot use/this machine cannot use/p' w.err)"
        eventually is_gone "$r"
        continue
    fi
    ends "$r" 0
    for victim in writer reader; do
        for test in latency throughput; do
            ok "$way: kill -9 of the $victim, $test: the other one says so and ends, nothing is left" \
                survives "$victim" "$test" "${options[@]}"
        done
    done
done

start r "$reader" --name "$name" --quiet
start w "$writer" throughput --name "$name" --transport pipe --count 100000000
eventually is_ready
kill -INT "$w"
ok 'Ctrl-C on the writer in a test ends it with 130' ends "$w" 130
eventually is_gone "$r"
ok 'nothing is left' nothing_of_its "$w"
start r "$reader" --name "$name" --quiet
start w "$writer" latency --name "$name" --transport mmap --sync sem --count 100000000
eventually is_ready
kill -INT "$r"
ok 'Ctrl-C on the reader in a test ends it with 130' ends "$r" 130
ok 'to the writer it is an error' ends "$w" 1
ok 'nothing is left' nothing_of_its "$w"

# The reader of a writer that died is suspended, and comes to itself when the next pair is at work under that name.
is_at_work() { # the bare flag has been bounced, or messages flow
    [ "$(words 640 1 "/dev/shm$name")" -gt 0 ]
}
start former "$reader" --name "$name" --quiet
start dead "$writer" latency --name "$name" --transport shm --sync spin --size 64 --count 100000000
ok 'a pair is at work' eventually is_at_work
kill -STOP "$former"
kill -9 "$dead"
ok '... its reader is suspended, its writer killed' ends "$dead" 137
start w "$writer" latency --name "$name" --transport shm --sync spin --size 64 --count 100000000
ok '... the next writer begins' eventually is_waiting w
start r "$reader" --name "$name" --quiet
ok '... with a reader of its own' eventually is_at_work
kill -CONT "$former"
ok '... the former reader ends, when it goes on' ends "$former" 1
ok '... and says why' says former.err "the writer \(pid $dead\) has died, and another process has taken its place"
kill -INT "$w"
ok '... the next pair was not disturbed: it works till it is stopped' ends "$w" 130
eventually is_gone "$r"
ok '... and each message was right' says r.err 'every byte checked: 0 wrong'
ok '... nothing is left' nothing_of_its "$w"
