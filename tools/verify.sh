#!/usr/bin/env bash
# verify.sh - lets spin search every state of the models that lie beside the code, and their mistakes
#
# Usage: verify.sh [MODEL.pml ...]     (default: all of them)
# A model must hold. Each of its deliberate mistakes, BROKEN_..., must be found: if spin can't tell
# a broken model from a right one, that it finds nothing wrong with the right one means nothing.
# Exit status: 0 all is so, or spin is missing; 1 something is not.

set -u
cd "$(dirname "$0")/.." || exit 1
shopt -s nullglob
[ $# -gt 0 ] || set -- common/*.pml [0-9]*/*.pml
if ! command -v spin >/dev/null; then
    echo "verify: skipped, for spin is missing; on Debian and Ubuntu: sudo apt-get install spin"
    exit 0
fi
failed=0

# search MODEL DEFINITIONS CHECK [OPTION]: what pan, the searcher that spin makes of a model, says.
search() {
    local folder
    folder=build/verify/$(basename "$1" .pml)-$2
    mkdir -p "$folder"
    (
        cd "$folder" || exit
        # shellcheck disable=SC2086 # none, or one word
        spin -a ${2:+-D$2} "../../../$1" && cc "-O$((${#2} > 0 ? 0 : 2))" "$3" -DCOLLAPSE -o pan pan.c &&
            ./pan -m1000000 -w24 ${4:+"$4"}
    ) >"$folder/said" 2>&1
    cat "$folder/said"
}

# row WHAT VERDICT: with what the last search said; gives the verdict's exit status.
row() {
    local states time
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' <<<"$said")
    time=$(sed -n 's/^pan: elapsed time \([0-9.e+-]*\) .*/\1/p' <<<"$said")
    printf '%-34s %11s %8s s   %s\n' "$1" "$(printf %.0f "${states:-0}")" "$(printf %.1f "${time:-0}")" "$2"
}

# Every state was seen, and none was wrong.
holds() {
    grep -q 'errors: 0$' <<<"$said" && ! grep -qE 'not completed|max search depth|out of memory|error:' <<<"$said"
}

must_hold() { # WHAT
    if holds; then
        row "$1" holds
    else
        row "$1" 'DOES NOT HOLD; what was seen:'
        tail -n 40 <<<"$said"
        failed=1
    fi
}

must_be_refuted() { # WHAT
    local error
    error=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' <<<"$said")
    if [ -n "$error" ]; then
        row "$1" "refuted: $error"
    else
        row "$1" 'NOT REFUTED'
        tail -n 20 <<<"$said"
        failed=1
    fi
}

printf '%-34s %11s %10s   %s\n' model states time verdict
for model in "$@"; do
    echo
    sed -n '/^ \* Bounds:/,/^ \* Holds:/s/^ \* \(Bounds:\)*  *\(.*\)/    \2/p' "$model" | grep -v 'Holds:'
    said=$(search "$model" '' -DSAFETY)
    must_hold "$model"
    if grep -q '^ \* Ends:' "$model"; then # nothing goes round for ever
        said=$(search "$model" '' -DNP -l)
        must_hold '  ends'
    fi
    while read -r broken; do
        said=$(search "$model" "$broken" -DSAFETY)
        must_be_refuted "  $broken"
    done < <(grep -oE '\bBROKEN_[A-Z_]+' "$model" | sort -u)
done
exit "$failed"
