# lib.sh - what the tests share: start real processes, wait for them with a deadline, report in TAP
#
# shellcheck shell=bash
# A test sources this first. It gets a folder of its own ($work, the current one) and a name of its
# own for its objects ($name); whatever it started and still runs is killed at its end.

set -u
# shellcheck disable=SC2034 # for the tests
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
name=/t$$. # the dot: /t12 is not to be the beginning of /t123
patience=50 # shorter than any time-out of a program
tests_run=0
tests_failed=0

cd "$work" || exit 1
exec 2>shell.err # where bash tells of every process that is killed here
mkfifo never && exec {never}<>never && rm never # nothing comes: a wait that starts no process
trap finish EXIT

# --- TAP -------------------------------------------------------------------------------------

# ok DESCRIPTION COMMAND [ARGUMENT ...]: passes when the command succeeds.
ok() {
    local description=$1
    shift
    tests_run=$((tests_run + 1))
    if "$@"; then
        echo "ok $tests_run - $description"
    else
        echo "not ok $tests_run - $description"
        tests_failed=$((tests_failed + 1))
        printf '#   failed: %s\n' "$*"
        [ -e out ] && sed 's/^/#   out: /' out | head -20
        [ -e err ] && sed 's/^/#   err: /' err | head -20
    fi
}

# is DESCRIPTION GOT EXPECTED
is() {
    ok "$1" test "$2" = "$3"
}

# skip DESCRIPTION WHY
skip() {
    tests_run=$((tests_run + 1))
    echo "ok $tests_run - $1 # SKIP $2"
}

# says FILE PATTERN: a line of the file matches the extended regular expression.
says() {
    grep -qE -e "$2" "$1" || { tail -n 5 "$1" | sed "s|^|#   ${1##*/}: |"; false; }
}

# --- processes -------------------------------------------------------------------------------

# start LABEL PROGRAM [ARGUMENT ...]: in the background; output to LABEL.out and LABEL.err, pid to
# the variable named LABEL.
start() {
    local label=$1
    shift
    if [ -e "$label.out" ]; then
        LD_PRELOAD='' rm -f "$label.out" "$label.err" # of an earlier one; nobody shall take them for the new ones
    fi
    "$@" >"$label.out" 2>"$label.err" <&0 &
    printf -v "$label" '%s' "$!"
}

# The halves of the lesson that the test has put into $producer and $consumer, under its own name.
start_producer() { # LABEL [OPTION ...]
    local label=$1
    shift
    start "$label" "$producer" --name "$name" "$@"
}

start_consumer() { # LABEL [OPTION ...]
    local label=$1
    shift
    start "$label" "$consumer" --name "$name" "$@"
}

# Without a program to start. In a shell of its own, since bash 5.2 leaves random signals blocked after a read whose time
# was over before it began: SIGCHLD, so that no end was noticed any more, or SIGINT, for all that was started later.
nap() { # SECONDS
    (read -r -t "$1" -u "$never") || true
}

# eventually COMMAND [ARGUMENT ...]: polls until it succeeds, for $patience seconds at most. Each time a little later, since
# most of these commands are processes, which keep those from running that are waited for.
eventually() {
    local end=$((SECONDS + patience)) pause=5 # milliseconds
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || { echo "#   never came true: $*"; return 1; }
        nap "0.0$(((pause += 5) / 10))"
        [ "$pause" -lt 90 ] || pause=85
    done
}

is_gone() {
    ! kill -0 "$1" 2>/dev/null
}

is_stopped() { # PID: suspended, by SIGSTOP
    local stat
    read -r stat 2>/dev/null <"/proc/$1/stat" && [[ ${stat##*) } == T* ]]
}

# ends PID STATUS: the process ends, before any of its own time-outs of 60 s, with that status.
ends() {
    local status=0
    eventually is_gone "$1" || return 1
    wait "$1" || status=$?
    [ "$status" -eq "$2" ] || { echo "#   exit status $status, expected $2"; return 1; }
}

is_waiting() { # LABEL: that half has said that it waits for the other one
    grep -q 'waiting for the' "$1.err"
}

# run PROGRAM [ARGUMENT ...]: to its end; output to out and err. Gives its exit status.
run() {
    "$@" >out 2>err
}

# exits STATUS PROGRAM [ARGUMENT ...]
exits() {
    local expected=$1 status=0
    shift
    run "$@" || status=$?
    [ "$status" -eq "$expected" ] || { echo "#   exit status $status, expected $expected"; return 1; }
}

# LD_PRELOAD gets a library into a program: on Linux, unless it is static, as for make check-arm64.
can_preload() {
    [ "$(uname)" = Linux ] && [ "${MACHINE:-}" != arm64 ]
}

# --- shared memory ---------------------------------------------------------------------------

# Objects under this test's names; /dev/shm is where Linux shows them.
leftovers() {
    find /dev/shm \( -name "${name#/}*" -o -name "sem.${name#/}*" \) 2>/dev/null
}

nothing_is_left() {
    [ -z "$(leftovers)" ] || { leftovers | sed 's/^/#   left: /'; return 1; }
}

# words OFFSET COUNT FILE: 32-bit words of an object, in decimal.
words() {
    od -A n -t d4 -j "$1" -N $((4 * $2)) "$3" | xargs
}

has_said() { # FILE PATTERN: by now
    grep -qE -e "$2" "$1"
}

end_quietly() { # SIGNAL PID ...: reaps them, without bash's word on it
    local signal=$1
    shift
    kill "-$signal" "$@"
    wait "$@" 2>/dev/null
}

# Only what bash has not reaped yet: the pid of one that has ended may be a stranger's by now.
kill_all() {
    local living
    mapfile -t living < <(jobs -rp; jobs -sp)
    [ ${#living[@]} = 0 ] || { kill -9 "${living[@]}" && wait "${living[@]}"; } 2>/dev/null
}

finish() {
    [ "$BASHPID" = "$$" ] || return # a subshell's end is not the test's
    kill_all
    rm -f "/dev/shm/${name#/}"* "/dev/shm/sem.${name#/}"*
    grep -vE ': line [0-9]+: +[0-9]+ (Killed|Terminated|Hangup)' shell.err | sed 's/^/# /'
    cd / && rm -rf "$work"
    echo "1..$tests_run"
    exit $((tests_failed > 0))
}
