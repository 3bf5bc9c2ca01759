# fault_lib.sh - what the tests share in which the N-th call of a system function fails, by fault.c
#
# shellcheck shell=bash disable=SC2034 # status_of is for torture_lessons.sh
# A test sources this after lib.sh and torture_lessons.sh; `faults_work_here || exit` comes first.

export FAULT_MARK=$work/mark
# A sanitizer wants to be the first library; it need not be for this.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0:detect_leaks=0
error=5
calls=0 # how many have failed
reason='(Input/output|I/O) error' # as glibc and musl call it

faults_work_here() { # with fault_memory set, also malloc() fails
    if ! can_preload; then
        skip 'failing system calls' 'LD_PRELOAD reaches no program here'
        return 1
    fi
    ${CC:-cc} -O2 "$root/tests/fault.c" "$root/tests/fault_more.c" -o "$work/fault.so" -shared -fPIC -ldl \
        ${fault_memory:+-DFAULT_MEMORY}
}

has_ended_or_waits() { # LABEL: it can take a signal now
    is_gone "${!1}" || [ -s "$1.err" ] || [ -s "$1.out" ]
}

# A command's words into "$words", with a fault in its program, but not in a shell that opens its input for it.
give_fault() { # FAULT WORD ...
    local word
    words=()
    for word in "${@:2}"; do
        [[ $word != "$root"/* ]] || words+=(env "FAULT=$1" "LD_PRELOAD=$work/fault.so")
        words+=("$word")
    done
}

# Both halves, one of them with a fault: neither may hang; faulty_status is how the faulty one has ended.
both_with_fault() { # HALF FAULT
    local other=${halves[1]}
    [ "$1" = "${halves[0]}" ] || other=${halves[0]}
    faulty_status=0
    rm -f mark
    launched=()
    "${lesson}_$other" "$other"
    start "$other" "${command[@]}"
    "${lesson}_$1" "$1"
    give_fault "$2" "${command[@]}"
    start "$1" "${words[@]}"
    eventually is_gone "${!1}" || { echo "#   the $1 hangs"; return 1; }
    wait "${!1}" || faulty_status=$?
    eventually has_ended_or_waits "$other"
    kill -INT "${!other}" 2>/dev/null
    eventually is_gone "${!other}" || { echo "#   the $other hangs"; return 1; }
}

# ... and it must say why it ended.
with_fault() { # HALF FUNCTION N
    both_with_fault "$1" "$2:$3:$error" || return 1
    # Lesson 06's objects are the writer's, by its pid, so that no later run can remove what stays now.
    [[ ${writer-} && $2 == @(sem_unlink|shmget|shmctl) ]] && remove_made_by "$writer"
    [ "$faulty_status" = 0 ] && return
    [ -e mark ] || return 0 # it ended before that call: the last run
    if [ "$faulty_status" != 1 ] || ! tail -n 1 "$1.err" | grep -qE "^$1: .*$reason"; then
        echo "#   $2, call $3: exit status $faulty_status: $(tail -n 1 "$1.err")"
        return 1
    fi
}

# ... in this way: of a half that ends with 1, if STATUS isn't given.
says_of() { # HALF FAULT MESSAGE [STATUS]; the message may be empty
    both_with_fault "$1" "$2" || return 1
    [ -e mark ] || { echo "#   that call was not made"; return 1; }
    [ "$faulty_status" = "${4:-1}" ] || { echo "#   exit status $faulty_status"; return 1; }
    [ -z "$3" ] || says "$1.err" "^$1: $3"
}

each_call_of() { # HALF FUNCTION [CALLS]
    local n
    for ((n = 1; n <= ${3:-6}; n++)); do
        with_fault "$1" "$2" "$n" || return 1
        [ -e mark ] || return 0
        calls=$((calls + 1))
    done
}

works_again() {
    launched=("${halves[@]}")
    declare -gA status_of=()
    local half
    for half in "${launched[@]}"; do
        "${lesson}_$half" "$half"
        start "$half" "${command[@]}"
    done
    for half in "${launched[@]}"; do
        ends "${!half}" 0 || return 1
        status_of[$half]=0
    done
    "${lesson}_nothing_is_left"
}
