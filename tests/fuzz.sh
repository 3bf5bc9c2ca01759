#!/usr/bin/env bash
# fuzz.sh - libFuzzer on what comes out of a file or a region: the database, the channel, the ring
#
# Usage: fuzz.sh SECONDS [TARGET ...]     (make fuzz SECONDS=60; the default is all targets)
# Each runs so long, with address and undefined-behaviour sanitizers, from what earlier runs have found and from
# tests/corpus/TARGET: a few inputs that reach most of the code that minutes of making them up have reached.
# An input that goes wrong is kept: build/fuzz/TARGET FILE plays it alone.
# Exit status: 0 nothing went wrong, or libFuzzer is missing; 1 something did.

set -u
cd "$(dirname "$0")/.." || exit 1
seconds=$1
shift
[ $# -gt 0 ] || set -- db channel ring
mkdir -p build/fuzz
failed=0

echo '#include <stddef.h>
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t bytes) { return data == NULL && bytes > 1; }' >build/fuzz/empty.c
fuzzer=(clang -std=c11 -O1 -g -pthread "-fsanitize=fuzzer,address,undefined" -fno-sanitize-recover=all)
if ! "${fuzzer[@]}" build/fuzz/empty.c -o build/fuzz/empty 2>/dev/null; then
    echo 'fuzz: skipped: clang with libFuzzer is missing; on Debian and Ubuntu: sudo apt-get install clang libclang-rt-dev'
    exit 0
fi

# The database's readers look again and again at what a writer is changing: there is none, so few times do.
options_of() { # TARGET
    [ "$1" != db ] || { echo -DDB_TRIES=3; grep -L '^int main' 04_mmap_db/*.c; }
}

# What it printed of itself, by name.
number() { # TARGET WORD
    sed -n "s/^stat::$2: *//p" "build/fuzz/$1.log"
}

for target in "$@"; do
    mapfile -t options < <(options_of "$target")
    "${fuzzer[@]}" -o "build/fuzz/$target" "tests/fuzz_$target.c" ${options[@]+"${options[@]}"} -lrt || exit 1
    corpora=("build/fuzz/$target-corpus" "tests/corpus/$target")
    mkdir -p "${corpora[0]}"
    if "build/fuzz/$target" -max_total_time="$seconds" -timeout=60 -max_len=16384 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/$target-" "${corpora[@]}" >"build/fuzz/$target.log" 2>&1; then
        printf '%-8s %9d executions, %6d a second, %5d inputs kept: nothing went wrong\n' "$target" \
            "$(number "$target" number_of_executed_units)" "$(number "$target" average_exec_per_sec)" \
            "$(find "${corpora[@]}" -type f | wc -l)"
    else
        failed=1
        echo "$target: WENT WRONG; the input is the file named last:"
        tail -n 60 "build/fuzz/$target.log"
    fi
done
exit "$failed"
