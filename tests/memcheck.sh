#!/usr/bin/env bash
# memcheck.sh - every program once under valgrind: no access that is wrong, no memory that is lost
#
# make memcheck runs it, with prove. Small counts: valgrind makes everything some fifty times slower. It sees what no
# sanitizer does: decisions by what was never initialised, in this process's own memory. The benches are left out: what
# they do is what the programs do, and measuring it takes minutes here; so are the pitfalls, half of each is an error.

. "$(dirname "$0")/lib.sh"

# Loops that spin let the other half run: with valgrind's own scheduler, processes on one processor wait long.
memcheck=(valgrind --quiet --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite
    --fair-sched=try --log-file="$work/valgrind.%p")

if ! command -v valgrind >/dev/null; then
    skip 'every program under valgrind' 'valgrind is missing; on Debian and Ubuntu: sudo apt-get install valgrind'
    exit
fi
if grep -q -e '-fsanitize' "$root/build/flags"; then
    skip 'every program under valgrind' 'they are built with sanitizers, which valgrind cannot run'
    exit
fi

# Nothing was reported since the last time.
is_silent() {
    local log silent=0
    for log in "$work"/valgrind.*; do
        [ -e "$log" ] || continue
        [ ! -s "$log" ] || { silent=1; head -n 40 "$log" | sed 's/^/#   /'; }
        rm "$log"
    done
    return "$silent"
}

# alone DESCRIPTION PROGRAM [ARGUMENT ...]: it ends with 0.
alone() {
    local what=$1 program=$root/$2
    shift 2
    ok "$what: does its work" exits 0 "${memcheck[@]}" "$program" "$@"
    ok "$what: without an error" is_silent
}

# pair LESSON: with what is in the arrays first and second, and in input.
pair() {
    start first "${memcheck[@]}" "${first_words[@]}"
    start second "${memcheck[@]}" "${second_words[@]}"
    ok "$1: one half does its work" ends "$first" 0
    ok "$1: the other one, too" ends "$second" 0
    ok "$1: without an error" is_silent
}

own=(--name "$name")

first_words=("$root/01_countdown/producer" "${own[@]}" --from 5 --interval 0)
second_words=("$root/01_countdown/consumer" "${own[@]}")
pair 01_countdown

head -c 3000000 /dev/urandom >sent
first_words=("$root/02_buffer_transfer/producer" "${own[@]}" --file sent)
second_words=("$root/02_buffer_transfer/consumer" "${own[@]}" --output received)
pair '02_buffer_transfer, a file'
first_words=("$root/02_buffer_transfer/producer" "${own[@]}" --points 20 --rate 0)
second_words=("$root/02_buffer_transfer/consumer" "${own[@]}" --plain)
pair '02_buffer_transfer, points'

first_words=("$root/03_ring_buffer/producer" "${own[@]}" --count 2000)
second_words=("$root/03_ring_buffer/consumer" "${own[@]}" --print)
pair 03_ring_buffer

db=(--file "$work/db")
alone '04_mmap_db, load' 04_mmap_db/writer "${db[@]}" --capacity 16 load "$root/04_mmap_db/cities.csv"
alone '04_mmap_db, put' 04_mmap_db/writer "${db[@]}" --sync put name 1.5
alone '04_mmap_db, delete' 04_mmap_db/writer "${db[@]}" delete name
alone '04_mmap_db, list' 04_mmap_db/reader "${db[@]}" list
alone '04_mmap_db, check' 04_mmap_db/reader "${db[@]}" check
start watcher "${memcheck[@]}" "$root/04_mmap_db/reader" "${db[@]}" watch --count 1
value=0
sees_a_put() { # what was put before it looked for the first time, it doesn't show
    value=$((value + 1))
    "${memcheck[@]}" "$root/04_mmap_db/writer" "${db[@]}" put another "$value" && is_gone "$watcher"
}
ok '04_mmap_db, watch: sees a change' eventually sees_a_put
ok '04_mmap_db, watch: ends then' ends "$watcher" 0
ok '04_mmap_db, watch: without an error' is_silent

first_words=("$root/05_simd/producer" "${own[@]}" --batches 100)
for isa in scalar auto; do
    second_words=("$root/05_simd/consumer" "${own[@]}" --verify all --isa "$isa")
    pair "05_simd, $isa"
done

for way in 'shm sem' 'shm cond' 'shm futex' 'mmap hybrid' 'sysv spin' pipe fifo unix tcp; do
    read -r transport wait <<<"$way"
    first_words=("$root/06_writer_reader_bench/writer" latency "${own[@]}" --size '8,100000' --count 10 --warmup 0 --transport "$transport")
    [ -z "$wait" ] || first_words+=(--sync "$wait")
    second_words=("$root/06_writer_reader_bench/reader" "${own[@]}")
    pair "06_writer_reader_bench, $way"
done

touch key
start_sysv() { # HALF
    exec "${memcheck[@]}" "$root/07_sysv/$1" --key key <sent >"received_$1"
}
start first start_sysv producer
start second start_sysv consumer
ok '07_sysv: one half does its work' ends "$first" 0
ok '07_sysv: the other one, too' ends "$second" 0
ok '07_sysv: what was sent' cmp sent received_consumer
ok '07_sysv: without an error' is_silent

alone 'clean_ipc' tools/clean_ipc "$name"
ok 'nothing is left' nothing_is_left
