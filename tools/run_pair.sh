#!/usr/bin/env bash
# run_pair.sh - runs both halves of a lesson in one terminal; each line says who said it
#
# Usage: run_pair.sh 'PROGRAM [OPTIONS]' 'PROGRAM [OPTIONS]'
# On a terminal each half has its colour and, where there is room, its column; else, its name before each line.
# With QUIET=1 their data (stdout) is thrown away, and only what they say (stderr) is shown.
# With INPUT=FILE the first half reads that file as its standard input; with PACE=SECONDS as well, line by
# line and slowly, as if it were typed.
# With LIVE=first or LIVE=second that half has the terminal to itself, to draw on it by its stdout, or with
# DRAWS=2 by its stderr. What the other half says is shown afterwards.
# With IN_TURN=1 the second half starts when the first one says that it waits for it.
# With STOP_AFTER=SECONDS the first half is stopped as by Ctrl-C after that time, with STOP_AFTER=first the
# second one when the first has ended.
# Ctrl-C stops both. Exit status: 0 when both ended as they should, else that of the first one that did not.

set -u
[ $# -eq 2 ] || { echo "usage: $0 'PROGRAM [OPTIONS]' 'PROGRAM [OPTIONS]'" >&2; exit 2; }

input=${INPUT:-/dev/null}
live='' # the half that has the terminal
[ "${LIVE:-}" != first ] || live=0
[ "${LIVE:-}" != second ] || live=1
stop_after=${STOP_AFTER:-}
interrupted=0
[ -r "$input" ] || { echo "$0: cannot read $INPUT" >&2; exit 1; }
pipes=$(mktemp -d) || exit 1
trap 'rm -rf "$pipes"' EXIT
trap 'interrupted=1' INT HUP # both halves get these from the terminal too; this script waits for their ends
trap 'kill ${first+"$first"} ${second+"$second"} 2>/dev/null' TERM

# --- who says what ---------------------------------------------------------------------------

exec 3>&1
columns=0 # of the terminal; 0: none
colours=('' '')
colour_off=''
names=("$(basename "${1%% *}")" "$(basename "${2%% *}")")
if [ -t 1 ]; then
    columns=$(stty size 2>/dev/null <&3 | cut -d ' ' -f 2)
    [ "${columns:-0}" -gt 0 ] || columns=80
    if [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
        colours=($'\e[36m' $'\e[33m')
        colour_off=$'\e[0m'
    fi
fi
column=0 # characters in each of two columns; 0: a name before each line instead
[ "$columns" -lt 72 ] || [ -n "$live" ] || column=$(((columns < 120 ? columns : 120) / 2 - 2))

show_line() { # HALF PREFIX TEXT
    local before='' after=''
    if [ "$column" -eq 0 ]; then
        printf -v before '%s%-8s%s | ' "${colours[$1]}" "$2" "$colour_off"
        printf '%s%s\n' "$before" "$3"
    elif [ "$1" -eq 0 ]; then
        printf -v after '%*s' $((column - ${#3})) ''
        printf '%s%s%s%s |\n' "${colours[0]}" "$3" "$colour_off" "$after"
    else
        printf '%*s | %s%s%s\n' "$column" '' "${colours[1]}" "$3" "$colour_off"
    fi
}

# A line that is too long is broken between two words, so that each piece stands where it belongs.
show() { # HALF TEXT
    local prefix=${names[$1]} text=$2 piece room=$column
    [ "$columns" -eq 0 ] || text=${text#"$prefix: "} # it stands there already
    [ "$column" -gt 0 ] || room=$((columns > 31 ? columns - 11 : columns > 0 ? 20 : 100000))
    while [ "${#text}" -gt "$room" ]; do
        piece=${text:0:room+1}
        [[ $piece == *' '* ]] && piece=${piece% *} || piece=${text:0:room}
        show_line "$1" "$prefix" "$piece"
        text=${text:${#piece}}
        text=${text# }
        prefix=''
    done
    show_line "$1" "$prefix" "$text"
}

# Shows each line of a half at once (awk and sed would gather them). What to type in another terminal, this
# script does.
label() { # HALF
    local line
    while IFS= read -r line || [ -n "$line" ]; do
        if [[ $line == *': waiting for the '*'; in another terminal: '* ]]; then
            : >"$pipes/waits.$1"
        else
            show "$1" "$line"
        fi
    done
}

# What is typed into the first half: shown in its column, unless somebody draws on the screen.
typed() {
    local line
    while IFS= read -r line; do
        sleep "$PACE"
        [ -n "$live" ] || show 0 "> $line" >&3
        printf '%s\n' "$line" || return
    done <"$input"
}

# --- both halves ------------------------------------------------------------------------------

start() { # HALF COMMAND
    local half=$1 from=/dev/null out=$pipes/$1 err=$pipes/$1
    [ "$half" -eq 1 ] || from=$input
    if [ -z "$live" ] || [ "$half" = "$live" ]; then
        mkfifo "$out"
        label "$half" <"$out" &
    fi
    [ -z "${QUIET:-}" ] || out=/dev/null
    if [ "$half" = "$live" ]; then
        [ "${DRAWS:-1}" -eq 2 ] && err=/dev/stderr || out=/dev/stdout
    fi
    if [ "$half" -eq 0 ] && [ -n "${PACE:-}" ]; then
        typed 2>/dev/null | $2 >>"$out" 2>>"$err" & # unquoted: the options are words of their own
    else
        $2 <"$from" >>"$out" 2>>"$err" &
    fi
}

is_there() { # PID
    kill -0 "$1" 2>/dev/null
}

# More than once: one that has just been started may not hear the first time.
interrupt() { # PID
    while is_there "$1"; do
        kill -INT "$1" 2>/dev/null
        sleep 0.1
    done
}

await() { # PID: gives its status; a signal to this script doesn't end the wait
    local status
    while :; do
        [ "$interrupted" -eq 0 ] || interrupt "$1"
        status=0
        wait "$1" || status=$?
        is_there "$1" || return "$status"
    done
}

# Stops a half as Ctrl-C does; that it then says so is as it should be.
stop() { # PID
    [ "$interrupted" -eq 0 ] && is_there "$1" || return
    stopped=130
    interrupt "$1"
}

[ "$column" -eq 0 ] || { show 0 "${names[0]}"; show 1 "${names[1]}"; }
stopped=0
if [ "$live" = 0 ]; then
    start 1 "$2"
    second=$!
    sleep 0.3 # so that who draws need not say that it waits
    start 0 "$1"
    first=$!
else
    start 0 "$1"
    first=$!
    while [ -n "${IN_TURN:-}" ] && [ ! -e "$pipes/waits.0" ] && is_there "$first"; do sleep 0.02; done
    [ -z "$live" ] || sleep 0.3
    start 1 "$2"
    second=$!
fi
if [[ $stop_after == [0-9]* ]]; then
    SECONDS=0
    while [ "$SECONDS" -lt "$stop_after" ] && [ "$interrupted" -eq 0 ] && is_there "$first"; do sleep 0.1; done
    stop "$first"
fi
await "$first"
statuses=("$?")
[ "$stop_after" != first ] || stop "$second"
await "$second"
statuses+=("$?")
wait # for the last lines
if [ -n "$live" ]; then
    # Who is killed can't put the terminal right: the screen from before, the cursor.
    [[ " ${statuses[*]} " != *' 137 '* ]] || printf '\e[0m\e[?25h\e[?1049l'
    label "$((1 - live))" <"$pipes/$((1 - live))"
fi
for status in "${statuses[@]}"; do
    [ "$status" -eq 0 ] || [ "$status" -eq "$stopped" ] || exit "$status"
done
[ "$interrupted" -eq 0 ] || exit 130
