#!/usr/bin/env bash
# torture.sh - a campaign over all lessons: what is drawn goes wrong at a random moment, round after round
#
# Usage: torture.sh [--hostile] [ROUNDS [SEED [LESSON]]]     (make torture ROUNDS=1000 SEED=1 LESSON=ring_buffer)
# Round i draws everything from SEED + i: lesson, order, sizes, what goes wrong and when. Each round inherits
# what the one before left behind. A round that fails prints its number: ROUNDS=1 SEED=that plays it alone.
#
# After each round: nobody waits past its deadline; every ending is 0, a stop, or a one-line reason with 1;
# what arrived is what was sent. After each clean run: nothing is left.
#
# With --hostile, somebody writes random bytes over what the two share. Then what arrives may be wrong, but
# nobody may crash, hang, or give a sanitizer something to report.

hostile=0 target=torture
[ "${1:-}" != --hostile ] || { hostile=1 target=hostile; shift; }
rounds=${1:-1000}
seed=${2:-$((RANDOM * 32768 + RANDOM))}
all_lessons=$(sed -n 's/^LESSONS := //p' "$(dirname "$0")/../Makefile")
read -r -a lessons <<<"${3:-$all_lessons}"
[[ $rounds =~ ^[1-9][0-9]*$ && $seed =~ ^[0-9]+$ ]] ||
    { echo "$target: ROUNDS and SEED are numbers: make $target ROUNDS=100 SEED=1" >&2; exit 2; }
for lesson in "${lessons[@]}"; do
    [[ " $all_lessons " == *" $lesson "* ]] ||
        { echo "$target: there is no lesson '$lesson'; LESSON is one or some of: $all_lessons" >&2; exit 2; }
done

. "$(dirname "$0")/lib.sh"
. "$root/tests/torture_lessons.sh"

campaign=$name
declare -A played killed suspended stopped scribbled hangs losses leaks
trap end_campaign EXIT

# --- what runs in a round --------------------------------------------------------------------

# launch HALF: starts one; "$launched" are the labels of all that were, in order.
launch() {
    local label=$1_$((++launches))
    command=()
    "${lesson}_$1" "$label"
    start "$label" "${command[@]}"
    launched+=("$label")
    sent_to[$label]=''
}

# One of that half that lives; its label in "$found".
find_living() { # HALF
    for found in ${launched[@]+"${launched[@]}"}; do
        [ "${found%_*}" != "$1" ] || is_gone "${!found}" || return 0
    done
    return 1
}

signal_half() { # SIGNAL HALF
    find_living "$2" || return 0
    # A child that has not become its program yet would take the signal as this shell does.
    eventually has_begun "${!found}"
    kill "-$1" "${!found}" 2>/dev/null && sent_to[$found]+=" $1"
}

has_begun() { # PID
    is_gone "$1" || [ "$(readlink "/proc/$1/exe")" != "$(readlink /proc/$$/exe)" ]
}

a_moment() { # from none to 0.2 s, mostly short: that is where the steps are close together
    local i
    case $((RANDOM % 4)) in
        0) ;;
        1) for ((i = RANDOM % 2000; i > 0; i--)); do :; done ;;
        2) sleep "0.00$((RANDOM % 10))" ;;
        3) sleep "0.$((RANDOM % 2))$((RANDOM % 10))" ;;
    esac
}

something_goes_wrong() {
    local half=${halves[RANDOM % 2]}
    local what=$((RANDOM % 8))
    events+=" $what:$half"
    case $what in
        0 | 1 | 2) signal_half KILL "$half"; killed[$lesson]=$((killed[$lesson] + 1)) ;;
        3) signal_half KILL "${halves[0]}"; signal_half KILL "${halves[1]}"; killed[$lesson]=$((killed[$lesson] + 2)) ;;
        4)
            signal_half STOP "$half"
            a_moment
            signal_half CONT "$half"
            suspended[$lesson]=$((suspended[$lesson] + 1))
            ;;
        5) signal_half INT "$half"; stopped[$lesson]=$((stopped[$lesson] + 1)) ;;
        6) launch "$half" ;; # beside a living one, which refuses it, or for a dead one
        7) ;;
    esac
}

# From before there is anything, for it has to be quick: a name may be gone as soon as both have met.
somebody_scribbles() {
    local -a object
    while read -r -a object; do
        start scribbler "$root/tests/scribble" "${object[@]}" "$RANDOM" $((RANDOM % 200)) $((RANDOM % 10000))
        scribbled[$lesson]=$((scribbled[$lesson] + 1))
    done < <("${lesson}_objects")
}

remove_objects() {
    rm -f "/dev/shm/${name#/}"* "/dev/shm/sem.${name#/}"*
    ! declare -F "${lesson}_remove" >/dev/null || "${lesson}_remove"
}

# Each half that is missing is started once more; or all are stopped; or left to their own deadlines.
settle() {
    local how=$((RANDOM % 10)) half
    events+=" settle:$how"
    for half in "${halves[@]}"; do
        if [ "$how" -lt 6 ]; then
            find_living "$half" || launch "$half"
        elif [ "$how" -lt 9 ]; then
            while find_living "$half" && [[ ${sent_to[$found]} != *INT* ]]; do signal_half INT "$half"; done
        fi
    done
}

# --- what must be true afterwards ------------------------------------------------------------

wrong() { # KIND WORD ...
    problem="${*:2}"
    case $1 in
        hang) hangs[$lesson]=$((hangs[$lesson] + 1)) ;;
        loss) losses[$lesson]=$((losses[$lesson] + 1)) ;;
        leak) leaks[$lesson]=$((leaks[$lesson] + 1)) ;;
    esac
    return 1
}

# The exit status of each is one that it may have, and it said why.
every_ending_is_explained() {
    local label status report
    for label in "${launched[@]}"; do
        eventually is_gone "${!label}" || { wrong hang "$label waits past its deadline"; return 1; }
        status=0
        wait "${!label}" || status=$?
        status_of[$label]=$status
        report=$(grep -m 1 -E 'Sanitizer|runtime error' "$label.err")
        [ -z "$report" ] || { wrong loss "$label: $report"; return 1; }
        case $status:${sent_to[$label]} in
            0:* | 130:*INT* | 137:*KILL*) ;;
            1:*) grep -qE "^${label%_*}: " "$label.err" || { wrong loss "$label: 1 without a reason"; return 1; } ;;
            *) wrong loss "$label: exit status $status after${sent_to[$label]}"; return 1 ;;
        esac
    done
}

# A run in which nothing goes wrong takes over whatever is there, and takes it away. The producer first: the
# consumer alone would end with what an earlier one has left to be read.
clean_run() {
    local half
    launched=()
    name_halves
    launch "${halves[0]}"
    producer_is_ready() {
        is_waiting "${launched[0]}" || is_gone "${!launched[0]}"
    }
    eventually producer_is_ready
    launch "${halves[1]}"
    every_ending_is_explained || return 1
    for half in "${launched[@]}"; do
        [ "${status_of[$half]}" = 0 ] || { wrong loss "clean run: $half ends with ${status_of[$half]}"; return 1; }
    done
    "${lesson}_arrived" || { wrong loss 'clean run: not what was sent'; return 1; }
    "${lesson}_nothing_is_left" || { wrong leak "left after a clean run"; return 1; }
}

# The one that fills what they share comes first.
play_round() { # SEED
    RANDOM=$1
    lesson=${lessons[RANDOM % ${#lessons[@]}]}
    name_halves
    [ $((RANDOM % 2)) = 0 ] || halves=("${halves[1]}" "${halves[0]}")
    launched=()
    events=''
    problem=''
    name=$campaign${lesson:0:3}
    declare -gA sent_to=() status_of=()
    "${lesson}_draw"
    [ "$hostile" = 0 ] || somebody_scribbles
    launch "${halves[0]}"
    a_moment
    launch "${halves[1]}"
    for ((events_left = RANDOM % 3 + 1; events_left > 0; events_left--)); do
        a_moment
        [ "$hostile" = 1 ] || something_goes_wrong
    done
    a_moment
    settle
    every_ending_is_explained || return 1
    if [ "$hostile" = 1 ]; then
        kill_all
        wait # a child that nobody waits for is remembered, and taken for the next one that gets its number
        remove_objects
        return
    fi
    "${lesson}_arrived" || { wrong loss 'not what was sent'; return 1; }
    [ $((RANDOM % 2)) = 0 ] || clean_run
}

tell_failure() { # SEED
    echo "round $1 ($lesson) failed: $problem; events:$events"
    for label in "${launched[@]}"; do
        echo "  $label: exit status ${status_of[$label]:-none}, signals:${sent_to[$label]:- none}"
        tail -n 3 "$label.err" | sed 's/^/    /'
    done
    echo "  again: make $target ROUNDS=1 SEED=$1 LESSON=$lesson"
    kill_all
}

end_campaign() {
    [ "$BASHPID" = "$$" ] || return
    printf '\n%-20s %7s %7s %9s %9s %9s %6s %7s %6s\n' lesson rounds kills suspended stopped scribbled hangs losses leaks
    for lesson in "${lessons[@]}"; do
        printf '%-20s %7d %7d %9d %9d %9d %6d %7d %6d\n' "$lesson" "${played[$lesson]}" "${killed[$lesson]}" \
            "${suspended[$lesson]}" "${stopped[$lesson]}" "${scribbled[$lesson]}" "${hangs[$lesson]}" "${losses[$lesson]}" "${leaks[$lesson]}"
        name=$campaign${lesson:0:3}
        remove_objects
    done
    tests_failed=$failures
    finish | grep -v '^1\.\.'
    exit $((failures > 0))
}

failures=0
launches=0
for lesson in "${lessons[@]}"; do
    played[$lesson]=0 killed[$lesson]=0 suspended[$lesson]=0 stopped[$lesson]=0 scribbled[$lesson]=0
    hangs[$lesson]=0 losses[$lesson]=0 leaks[$lesson]=0
done
echo "torture: $rounds rounds, SEED=$seed"
for ((round = seed; round < seed + rounds; round++)); do
    if ! play_round "$round"; then
        failures=$((failures + 1))
        tell_failure "$round"
    fi
    played[$lesson]=$((played[$lesson] + 1))
    rm -f ./*_[0-9]*
done
