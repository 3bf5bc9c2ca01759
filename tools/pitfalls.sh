#!/bin/sh
# pitfalls.sh - runs pitfalls and shows a table: the name, what the wrong way came to, what the right one
#
# Usage: pitfalls.sh PROGRAM ...
# A program that this system doesn't allow to show anything exits with 77, and its row says why.
# Exit status: 0 when each of the others has seen the wrong way fail and the right way hold.

row='%-20s  %-56s  %s\n'
failed=0
# shellcheck disable=SC2059 # one format for all rows
printf "$row" pitfall wrong right
for program; do
    output=$("$program" 2>&1)
    status=$?
    wrong=$(printf '%s\n' "$output" | sed -n 's/^wrong: //p')
    right=$(printf '%s\n' "$output" | sed -n 's/^right: //p')
    if [ "$status" -eq 77 ]; then
        wrong=$output right=
    elif [ "$status" -ne 0 ]; then
        failed=1
        [ -n "$right" ] || wrong=$output
        right="$right  <-- FAILED, exit status $status"
    fi
    # shellcheck disable=SC2059
    printf "$row" "${program##*/}" "$wrong" "$right"
done
exit "$failed"
