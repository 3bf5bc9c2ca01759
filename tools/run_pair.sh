#!/bin/sh
# run_pair.sh - runs both halves of a lesson in one terminal; each line says who said it
#
# Usage: run_pair.sh 'PROGRAM [OPTIONS]' 'PROGRAM [OPTIONS]'
# Ctrl-C stops both. Exit status: 0 when both ended with 0, else that of the first one that did not.

[ $# -eq 2 ] || { echo "usage: $0 'PROGRAM [OPTIONS]' 'PROGRAM [OPTIONS]'" >&2; exit 2; }

pipes=$(mktemp -d) || exit 1
trap 'rm -rf "$pipes"' EXIT
trap '' INT HUP # both halves get these from the terminal too; this script waits for their ends
trap 'kill "$first" "$second"' TERM

# Starts a half; its output goes through a pipe that puts its name before each line.
start() {
    name=$(basename "${1%% *}")
    mkfifo "$pipes/$name"
    awk -v name="$name" '{ printf "%-8s | %s\n", name, $0; fflush() }' <"$pipes/$name" &
    $1 >"$pipes/$name" 2>&1 & # unquoted: the options are words of their own
}

start "$1"
first=$!
start "$2"
second=$!
wait "$first"
first_status=$?
wait "$second"
second_status=$?
wait # for the last lines
[ "$first_status" -ne 0 ] && exit "$first_status"
exit "$second_status"
