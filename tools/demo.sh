#!/usr/bin/env bash
# demo.sh - a tour of the lessons: one line before, both halves at work, one line after
#
# Usage: demo.sh [LESSON]          (make demo, make demo LESSON=ring_buffer)
# What a lesson needs is built right before it is shown, so that something is seen at once. On a terminal the
# halves take their time and draw, and all of it lasts two minutes at most; into a pipe, in CI (the variable) and
# on a dumb terminal each half's lines are shown, as fast as they come.
# Ctrl-C ends it. Exit status: 0, or that of the first half that failed; 2: no such lesson.

set -u
cd "$(dirname "$0")/.." || exit 1

lessons=(countdown buffer_transfer ring_buffer mmap_db simd writer_reader_bench sysv)
wanted=("${@:-${lessons[@]}}")
for lesson in "${wanted[@]}"; do
    [[ " ${lessons[*]} " == *" $lesson "* ]] ||
        { echo "demo: there is no lesson '$lesson'; LESSON is one of: ${lessons[*]}" >&2; exit 2; }
done

name=/make-$$ # nobody else's, who shows the same lesson at the same time
work=$(mktemp -d "${TMPDIR:-/tmp}/make-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# This is no make: its makes can't share the processors of the one that has started it.
export MAKEFLAGS
MAKEFLAGS=$(sed -E 's/(^| )-?j[0-9]*( |$)/ /; s/ --jobserver[^ ]*//g' <<<"${MAKEFLAGS:-}")

columns=0 # of the terminal; 0: none
live=false
typing_s='' # between two lines that the tour types; none: all at once
bold=''
plain=''
if [ -t 1 ]; then
    exec 3>&1
    columns=$(stty size 2>/dev/null <&3 | cut -d ' ' -f 2)
    [ "${columns:-0}" -gt 9 ] || columns=80
    if [ "${TERM:-dumb}" != dumb ]; then
        [ -n "${NO_COLOR:-}" ] || { bold=$'\e[1m' plain=$'\e[0m'; }
        [ -n "${CI:-}" ] || { live=true typing_s=0.8; }
    fi
fi

# --- what the scenes are made of ----------------------------------------------------------------

say() { # TEXT: broken between words where the window ends
    if [ "$columns" -gt 0 ]; then
        fold -s -w "$columns" <<<"$1"
    else
        printf '%s\n' "$1"
    fi
}

seen() { # TEXT
    say "-- $1"
}

pause() { # SECONDS: time to read, for a person
    ! $live || sleep "$1"
}

title() { # LESSON TEXT
    printf '\n%s' "$bold"
    say "== $1"
    printf '%s' "$plain"
    say "$2"
}

build() { # PROGRAM ...
    "${MAKE:-make}" --no-print-directory -q "$@" 2>/dev/null && return
    ! $live || printf 'building ...'
    "${MAKE:-make}" --no-print-directory -s "$@" || exit
    ! $live || printf '\r            \r'
}

# pair FIRST SECOND [VARIABLE=VALUE ...]: both halves; the variables are those of run_pair.sh
pair() {
    env "${@:3}" tools/run_pair.sh "$1" "$2" || exit
}

# --- the scenes ----------------------------------------------------------------------------------

show_countdown() {
    build 01_countdown/{producer,consumer}
    title '01 countdown' 'One process counts down, the other one receives: one number in shared memory, two semaphores for whose turn it is.'
    pause 2
    pair "01_countdown/producer --interval 200 --name $name" "01_countdown/consumer --name $name"
    seen 'Each number was read before the next one was written, though what they say may cross. How: 01_countdown/README.md, then countdown.h.'
}

show_buffer_transfer() {
    build 02_buffer_transfer/{producer,consumer}
    title '02 buffer_transfer' 'Messages of any size through a region of fixed size; here, points, drawn as they arrive.'
    pause 3
    if $live; then
        pair "02_buffer_transfer/producer --points 400 --rate 60 --name $name" "02_buffer_transfer/consumer --name $name" LIVE=second
    else
        pair "02_buffer_transfer/producer --points 20 --rate 20 --name $name" "02_buffer_transfer/consumer --name $name"
    fi
    seen 'Batches of points took turns in one buffer. How: 02_buffer_transfer/README.md, then channel.h.'
}

show_ring_buffer() {
    build 03_ring_buffer/{producer,consumer}
    title '03 ring_buffer' 'A ring without a lock: no system call between two messages. The bar is how full it is.'
    pause 2
    if $live; then
        pair "03_ring_buffer/producer --name $name" "03_ring_buffer/consumer --name $name" LIVE=first DRAWS=2 STOP_AFTER=4
        say 'Now the consumer needs a millisecond for each message: the ring fills, and is emptied.'
        pause 2
        pair "03_ring_buffer/producer --count 6000 --rate 2500 --slots 4096 --name $name" \
            "03_ring_buffer/consumer --work 1000000 --name $name" LIVE=first DRAWS=2
    else
        pair "03_ring_buffer/producer --count 20000000 --name $name" "03_ring_buffer/consumer --name $name"
    fi
    seen 'None lost, none twice, each one checked. How: 03_ring_buffer/README.md, then ring.h.'
}

# Five cities, whose weather changes.
weather() {
    local i
    for i in {1..12}; do
        awk -F , -v i="$i" '{ printf "%s,%.1f\n", $1, $2 + (i * (NR * 7 + 3)) % 13 / 3 }' 04_mmap_db/cities.csv
    done
}

show_mmap_db() {
    build 04_mmap_db/{writer,reader}
    title '04 mmap_db' 'A database in a file that many processes map at once; the reader takes no lock.'
    pause 3
    local file=$work/demo.dat
    if $live; then
        weather >"$work/weather.csv"
        04_mmap_db/writer --file "$file" load 04_mmap_db/cities.csv >/dev/null || exit
        pair "04_mmap_db/writer --file $file load" "04_mmap_db/reader --file $file watch" \
            LIVE=second STOP_AFTER=first INPUT="$work/weather.csv" PACE=0.1
    else
        # In turn: to a reader that comes later, what is there is no change.
        pair "04_mmap_db/reader --file $file watch --count 5" "04_mmap_db/writer --file $file load 04_mmap_db/cities.csv" IN_TURN=1
    fi
    seen 'kill -9 the writer at any moment: no record is ever half written. How: 04_mmap_db/README.md, then db.h.'
}

show_simd() {
    build 05_simd/{producer,consumer}
    title '05 simd' 'Batches of 1024 numbers, squared in place; the bars are what each instruction set does alone.'
    pause 2
    if $live; then
        pair "05_simd/producer --name $name" "05_simd/consumer --name $name" LIVE=second DRAWS=2 STOP_AFTER=6
    else
        pair "05_simd/producer --batches 1000000 --name $name" "05_simd/consumer --name $name"
    fi
    seen 'Nothing was copied, and what was checked was right. How: 05_simd/README.md, then batch_ring.h.'
}

show_writer_reader_bench() {
    build 06_writer_reader_bench/{writer,reader}
    title '06 writer_reader_bench' 'The same message there and back, through shared memory and through the kernel: how long does it take?'
    pause 2
    local writer="06_writer_reader_bench/writer latency --bars --transport shm,pipe,unix --sync spin,futex --size 1024"
    local reader="06_writer_reader_bench/reader --quiet"
    if $live; then
        pair "$writer --count 10000 --name $name" "$reader --name $name" LIVE=first
    else
        pair "$writer --count 2000 --name $name" "$reader --name $name"
    fi
    seen 'Spinning in shared memory against sleeping in the kernel. How: 06_writer_reader_bench/README.md, and make bench.'
}

show_sysv() {
    build 07_sysv/{producer,consumer}
    title '07 sysv' 'System V shared memory and semaphores, as a pipe: what is typed here comes out there.'
    pause 2
    touch "$work/key"
    printf '%s\n' 'What is typed into one process' 'comes out of the other one.' 'Neither has a pipe to it,' \
        'but both have the same memory.' >"$work/typed"
    pair "07_sysv/producer --key $work/key" "07_sysv/consumer --key $work/key" INPUT="$work/typed" PACE="$typing_s"
    seen 'If one dies, the kernel tells the other. How: 07_sysv/README.md, then semaphores.h.'
}

for lesson in "${wanted[@]}"; do
    "show_$lesson"
    pause 3
done
[ ${#wanted[@]} -eq 1 ] || say $'\nThat was all of it. By hand, in two terminals: make countdown. What goes wrong without it: make pitfalls.'
