#!/bin/sh
# run_pair.sh - runs both halves of a lesson in one terminal; each line says who said it
#
# Usage: run_pair.sh 'PROGRAM [OPTIONS]' 'PROGRAM [OPTIONS]'
# With QUIET=1 their data (stdout) is thrown away, and only what they say (stderr) is shown.
# With INPUT=FILE the first half reads that file as its standard input.
# With LIVE=1, and on a terminal, the second half has the terminal to itself, to draw on it.
# Ctrl-C stops both. Exit status: 0 when both ended with 0, else that of the first one that did not.

[ $# -eq 2 ] || { echo "usage: $0 'PROGRAM [OPTIONS]' 'PROGRAM [OPTIONS]'" >&2; exit 2; }

input=${INPUT:-/dev/null}
[ -r "${INPUT:-/dev/null}" ] || { echo "$0: cannot read $INPUT" >&2; exit 1; }
pipes=$(mktemp -d) || exit 1
trap 'rm -rf "$pipes"' EXIT
trap : INT HUP # both halves get these from the terminal too; this script waits for their ends
trap 'kill "$first" "$second"' TERM

# Puts the name of a half before each of its lines, at once (awk and sed would gather them).
label() {
    while IFS= read -r line; do printf '%-8s | %s\n' "$1" "$line"; done
}

start() {
    name=$(basename "${1%% *}")
    mkfifo "$pipes/$name"
    label "$name" <"$pipes/$name" &
    if [ -n "${QUIET:-}" ]; then
        $1 <"$input" 2>"$pipes/$name" >/dev/null & # unquoted: the options are words of their own
    else
        $1 <"$input" >"$pipes/$name" 2>&1 &
    fi
}

if [ -n "${LIVE:-}" ] && [ -t 1 ]; then
    $1 >/dev/null 2>&1 &
    first=$!
    $2 <&0 &
    second=$!
else
    start "$1"
    first=$!
    input=/dev/null
    start "$2"
    second=$!
fi
wait "$first"
first_status=$?
wait "$second"
second_status=$?
wait # for the last lines
[ "$first_status" -ne 0 ] && exit "$first_status"
exit "$second_status"
