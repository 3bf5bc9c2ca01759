#!/usr/bin/env bash
# pitfalls_mutants.t - a pitfall that doesn't show the wrong way failing, or the right way holding, says so
#
# Each pitfall is built anew with the right way in the wrong one's place, and the other way round: by
# main(), which names both. Then its exit status is to be 1.

. "$(dirname "$0")/lib.sh"

mkdir -p mutants/pitfalls
ln -s "$root/common" mutants/common
ln -s "$root/pitfalls/pitfall.h" mutants/pitfalls/pitfall.h

# mutate PITFALL MUTANT SED-SCRIPT: builds the pitfall, changed, as mutants/MUTANT, and runs it.
mutate() {
    local status=0 file=mutants/pitfalls/$2.c
    sed -E "$3" "$root/pitfalls/$1.c" >"$file"
    if cmp -s "$root/pitfalls/$1.c" "$file"; then
        status='not changed'
    elif ! cc "$file" -o "mutants/$2" -pthread -lrt >"$2.out" 2>&1; then
        status='not compiled'
    else
        "mutants/$2" >"$2.out" 2>&1 || status=$?
    fi
    echo "$status" >"$2.status"
}

try_mutants() { # PITFALL
    local in_main='/^int main/,$' to_right='s/\bwrong(_by_hand)?\b/right/' to_wrong='s/\bright\b/wrong/'
    case $1 in
    race) to_right='s/\bwrong\b/right_atomic/' to_wrong='s/\bright_(semaphore|atomic)\b/wrong/' ;;
    dead_owner) to_right='s/false, wrong/true, right/' to_wrong='s/true, right/true, wrong/' ;;
    plain_flag | reordering) to_wrong='s/\bright\b/wrong_by_hand/' ;; # this compiler, or processor, may not
    false_sharing) # the ways are two layouts
        in_main='/^struct/,/^}/'
        to_right='s/^    _Atomic long second/    _Alignas(LINE_BYTES) _Atomic long second/'
        to_wrong='s/_Alignas\(LINE_BYTES\) (_Atomic long second)/\1/'
        ;;
    esac
    mutate "$1" "$1-never_wrong" "$in_main{$to_right}"
    mutate "$1" "$1-never_right" "$in_main{$to_wrong}"
}

report() { # MUTANT
    if [ "$(cat "$1.status")" = 77 ]; then
        skip "$1 fails" "$(sed -n 's/^skipped: //p' "$1.out")"
    else
        is "$1 fails" "$(cat "$1.status")" 1
    fi
}

pitfalls=$(cd "$root/pitfalls" && printf '%s\n' *.c | sed 's/\.c$//')
for pitfall in $pitfalls; do
    try_mutants "$pitfall" &
    [ "$(jobs -p | wc -l)" -lt 4 ] || wait -n
done
wait
for pitfall in $pitfalls; do
    report "$pitfall-never_wrong"
    report "$pitfall-never_right"
done
