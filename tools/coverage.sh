#!/usr/bin/env bash
# coverage.sh - which lines the tests reach; every other one is listed with its reason, or this fails
#
# Usage: [UNLISTED=0] coverage.sh [again]     (make coverage)
# Builds all in a copy, build/coverage, so that it counts, and runs the tests there. Then it prints what part of
# the lines and branches was reached, by folder; the lines of the lessons and of common/ that were not, by the
# reason that tests/uncovered.txt gives; and what that list lacks, or has too much. `again` runs no test.
# Some lines are reached or not by luck, since they depend on which process comes first: who must not fail by
# luck, as .ci/run must not, allows for some lines that are not listed.
# Exit status: 0 all is so, or a tool is missing; 1 a test failed, or more than UNLISTED lines without a reason
# were not reached.

set -u
cd "$(dirname "$0")/.." || exit 1
list=$PWD/tests/uncovered.txt
flags='-O0 -g --coverage -fprofile-update=atomic'
flags+=' -fkeep-inline-functions -fkeep-static-functions' # or what no program calls would not be counted

need() { # PROGRAM PACKAGE
    command -v "$1" >/dev/null && return
    echo "coverage: skipped: $1 is missing; on Debian and Ubuntu: sudo apt-get install $2"
    exit 0
}

# Without the tests that build copies of their own: what runs there is not counted here. Nor are the pitfalls,
# which are wrong on purpose.
copy() {
    rm -rf build/coverage && mkdir -p build/coverage/build
    tar cf - --exclude=.git --exclude=./build --exclude=break_it.t --exclude=make.t --exclude=mmap_db_builds.t \
        --exclude=pitfalls_mutants.t --exclude=pitfalls.t --exclude=texts.t --exclude='unit_*.t' . | tar xf - -C build/coverage
    make -s -C build/coverage clean && mkdir -p build/coverage/build
    gcc -O2 -c -o build/coverage/build/coverage_end.o tests/coverage_end.c
}

build_and_test() { # a test's child that is another user can't write the counts, and says so
    GCOV_ERROR_FILE=/dev/null make -s -j2 -C build/coverage CC=gcc CFLAGS="$flags" \
        LDFLAGS="-Wl,--wrap=_exit $PWD/build/coverage/build/coverage_end.o" test-all
}

# Each bench at its shortest. What it reaches counts; how it ends doesn't, since that is a matter of speed.
run_benches() {
    local bench
    while read -r -a bench; do
        timeout -k 10 60 "build/coverage/${bench[0]}" "${bench[@]:1}" >/dev/null 2>&1
    done <<'END'
02_buffer_transfer/bench --seconds 1
03_ring_buffer/bench --messages 10000 --rounds 1
03_ring_buffer/bench_8 --messages 10000 --rounds 1
04_mmap_db/bench --records 1000 --large 1000 --operations 1000 --rounds 1 --folder build/coverage/build
05_simd/bench --megabytes 1
07_sysv/bench --mib 64 --rounds 1
END
}

# Of all programs together: a header's line is reached if it is in one of them.
count() {
    (cd build/coverage && gcovr --root . --filter '(common|tools|[0-9][^/]*)/' --xml-pretty --xml build/lines.xml \
        --csv build/files.csv)
}

table() {
    printf '%-26s %7s %8s %7s   %8s %8s %7s\n' '' lines reached '' branches reached ''
    awk -F, '
        function row(name, i) {
            printf "%-26s %7d %8d %6.1f%%   %8d %8d %6.1f%%\n", name, n[name, 2], n[name, 3], \
                100 * n[name, 3] / n[name, 2], n[name, 5], n[name, 6], 100 * n[name, 6] / n[name, 5]
        }
        NR > 1 {
            folder = substr($1, 1, index($1, "/") - 1)
            if (!(folder in seen)) { seen[folder]; folders[++count] = folder }
            for (i = 2; i <= 6; i++) { n[folder, i] += $i; n["all", i] += $i }
        }
        END { for (i = 1; i <= count; i++) row(folders[i]); row("all") }' build/coverage/build/files.csv
}

# Of each line that was not reached: FILE: TEXT of the first of those that follow one another, by which the list
# names them all; then FILE:LINE:TEXT. If that first line depends on an if, for or while, that stands before it.
unreached() {
    awk '
        function attribute(name) {
            return match($0, " " name "=\"[^\"]*\"") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 4) : ""
        }
        function load(path, line) {
            for (lines = 0; (getline line < path) > 0;) { sub(/^ +/, "", line); text[++lines] = line }
            close(path)
        }
        function goes_on(line) { sub(/ *\/[*].*/, "", line); return line ~ /([,("=+*?:|&<>-]|return)$/ && line !~ /^(default|case .*):$/ }
        function first_of(i) { while (goes_on(text[i - 1]) || text[i] ~ /^[?:]/) i--; return i }
        function key(i, before) {
            i = first_of(i)
            before = first_of(i - 1)
            return file ": " (text[before] ~ /^(} )?(else )?(if|for|while) \(/ && text[i - 1] !~ /[{;]$/ ? text[before] " " : "") text[i]
        }
        /<class / { file = attribute("filename"); load(file); split("", hits); wanted = file !~ /^(tools|pitfalls)\// }
        /<line / && wanted { hits[attribute("number") + 0] = attribute("hits") }
        /<\/class>/ && wanted {
            in_run = 0
            for (i = 1; i <= lines; i++) {
                if (!(i in hits)) continue
                if (hits[i] == 0 && !in_run) name = key(i)
                in_run = hits[i] == 0
                if (in_run) print name "\t" file ":" i ":" text[i]
            }
        }' build/coverage/build/lines.xml
}

# Prints each of these lines under its reason, then what has none. Exit status: 1 if too many have none.
reasons() {
    awk -F '\t' -v list="$list" -v allowed="${UNLISTED:-0}" '
        function keep(reason, what) { under[reason] = under[reason] "    " what "\n" }
        BEGIN {
            while ((getline line < list) > 0) {
                if (line ~ /^#/ || line == "") continue
                if (line !~ /^ /) { reasons[++count] = line; continue }
                sub(/^ +/, "", line)
                entries[++listed] = line
                reason_of[line] = reasons[count]
            }
        }
        {
            any = substr($1, 1, index($1, ":")) " *"
            text = $2
            sub(/^[^:]*:[0-9]+:/, "", text)
            entry = $1 in reason_of ? $1 : any " " text in reason_of ? any " " text : any
            if (entry in reason_of) keep(reason_of[entry], $2)
            else without[++missing] = $2
            needed[entry]
        }
        END {
            for (i = 1; i <= count; i++) if (under[reasons[i]] != "") printf "%s\n%s", reasons[i], under[reasons[i]]
            for (i = 1; i <= listed; i++) if (!(entries[i] in needed) && entries[i] !~ /: [*]/) print "listed, but reached: " entries[i]
            for (i = 1; i <= missing; i++) print "NOT REACHED, NOT LISTED: " without[i]
            print missing + 0 " lines are not reached, and not listed in tests/uncovered.txt"
            exit missing > allowed
        }'
}

need gcc gcc
need gcov gcc
need gcovr gcovr
if ! gcc --version | grep -q 'Free Software Foundation'; then
    echo "coverage: skipped: gcc is another compiler's name here"
    exit 0
fi
verdict() {
    count && table && echo && unreached >build/coverage/build/unreached && reasons <build/coverage/build/unreached
}

if [ "${1:-}" = again ]; then
    verdict
    exit
fi
copy && build_and_test || exit 1
run_benches
verdict && exit
echo 'Once more, since some lines depend on which process comes first; what was reached counts.'
build_and_test && verdict
