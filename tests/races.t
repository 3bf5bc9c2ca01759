#!/usr/bin/env bash
# races.t - both halves as threads of one process, under ThreadSanitizer: no race; and with a mistake, one
#
# That it says nothing about a right program means something only if it finds what is wrong in a broken one.

. "$(dirname "$0")/lib.sh"

# A compiler that has ThreadSanitizer's library, and on some machines setarch -R: where addresses are very random,
# it doesn't find its own (their number of random bits is vm.mmap_rnd_bits).
find_compiler() {
    echo 'int main(void) { return 0; }' >empty.c
    for compiler in "${CC:-cc}" gcc clang; do
        for runner in '' 'setarch -R'; do
            # shellcheck disable=SC2086 # none, or two words
            $compiler -fsanitize=thread empty.c -o empty && timeout 60 $runner ./empty && return
        done
    done 2>/dev/null
}

# build NAME OPTION ...: of tests/NAME_threads.c. (It warns of fences, which it doesn't understand. None of what is
# checked here depends on one.)
build() {
    local name=$1
    shift
    "$compiler" -std=c11 -O1 -g -pthread -fsanitize=thread "$@" "$root/tests/${name}_threads.c" -o "$name" -lrt 2>err ||
        { sed 's/^/#   /' err; false; }
}

# shellcheck disable=SC2086 # none, or two words
run_threads() { # NAME
    timeout 120 $runner "./$1" >out 2>err
}

# no_race NAME [SOURCE ...]
no_race() {
    local name=$1
    shift
    ok "$name: built for ThreadSanitizer" build "$name" "$@"
    ok "$name: its halves work together" run_threads "$name"
    is "$name: there is nothing to report" "$(cat err)" ''
}

ends_with_a_report() { # NAME
    local status=0
    run_threads "$1" || status=$?
    [ "$status" = 66 ] || { echo "#   exit status $status, expected 66"; return 1; }
}

# race NAME MISTAKE WHERE [SOURCE ...]: an option that makes a mistake, and a word of the report on it.
race() {
    local name=$1 mistake=$2 where=$3
    shift 3
    ok "$name: built with $mistake" build "$name" "$mistake" "$@"
    ok "$name: it is stopped" ends_with_a_report "$name"
    ok "$name: since a race is found" says err 'WARNING: ThreadSanitizer: data race'
    ok "$name: where it is: $where" says err "$where"
}

if ! find_compiler; then
    skip 'threads under ThreadSanitizer' 'no compiler has it; on Debian and Ubuntu: sudo apt-get install libtsan2'
    exit
fi

no_race ring
race ring -DRING_COMMIT_ORDER=memory_order_relaxed 'message_check|memcpy'

no_race channel
race channel -DCHANNEL_TURNS=2 'channel_begin_write|channel_begin_receive|memcpy'

mapfile -t parts < <(grep -L '^int main' "$root"/04_mmap_db/*.c)
no_race db "${parts[@]}"
race db -DDB_PLAIN_WORDS 'record_write|copy_snapshot|record_hit' "${parts[@]}"

no_race batch
race batch -DBATCH_COMMIT_ORDER=memory_order_relaxed 'process|produce'
