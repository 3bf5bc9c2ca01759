#!/usr/bin/env bash
# faults.t - the N-th call of each system function fails, in each half: an error that says so, and no harm
#
# fault.c stands in front of libc for that. What a half may do: work on (an unlink, a look at /proc), or end
# with 1 and a line that says what failed and why. The next run works and leaves nothing.

. "$(dirname "$0")/lib.sh"
. "$root/tests/torture_lessons.sh"

error=5
reason='Input/output error'
posix=(shm_open shm_unlink fstat posix_fallocate mmap sem_open sem_post sem_unlink open read write fsync rename)
system_v=(shmget shmat shmctl semget semop semtimedop semctl fstat open read write)
export FAULT_MARK=$work/mark
# A sanitizer wants to be the first library; it need not be for this.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0:detect_leaks=0

# Both halves, one of them with a fault: may not hang, must say why it ended.
with_fault() { # HALF FUNCTION N
    local other=${halves[1]} faulty_status=0
    [ "$1" = "${halves[0]}" ] || other=${halves[0]}
    rm -f mark
    launched=()
    "${lesson}_$other" "$other"
    start "$other" "${command[@]}"
    "${lesson}_$1" "$1"
    FAULT=$2:$3:$error LD_PRELOAD=$work/fault.so start "$1" "${command[@]}"
    eventually is_gone "${!1}" || { echo "#   the $1 hangs"; return 1; }
    wait "${!1}" || faulty_status=$?
    eventually has_ended_or_waits "$other"
    kill -INT "${!other}" 2>/dev/null
    eventually is_gone "${!other}" || { echo "#   the $other hangs"; return 1; }
    # Lesson 06's semaphores: their names hold the writer's pid, so that no later run can remove them.
    [ "$2" != sem_unlink ] || rm -f "/dev/shm/sem.myshm-${writer:-0}-"*
    [ "$faulty_status" = 0 ] && return
    [ -e mark ] || return 0 # it ended before that call: the last run
    if [ "$faulty_status" != 1 ] || ! tail -n 1 "$1.err" | grep -q "^$1: .*$reason"; then
        echo "#   $2, call $3: exit status $faulty_status: $(tail -n 1 "$1.err")"
        return 1
    fi
}

has_ended_or_waits() { # LABEL: it can take a signal now
    is_gone "${!1}" || [ -s "$1.err" ] || [ -s "$1.out" ]
}

each_call_of() { # HALF FUNCTION
    local n
    for n in 1 2 3 4 5 6; do
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

if [ "$(uname)" != Linux ]; then
    skip 'failing system calls' 'LD_PRELOAD works so on Linux only'
    exit
fi
${CC:-cc} -O2 "$root/tests/fault.c" -o fault.so -shared -fPIC -ldl
writer_reader_bench_draw() { # what calls most of these
    way=(latency --transport "mmap,pipe" --sync sem --size 64 --count 20 --warmup 0)
}
for lesson in countdown buffer_transfer ring_buffer simd writer_reader_bench sysv; do
    "${lesson}_draw"
    functions=("${posix[@]}")
    [ "$lesson" != sysv ] || functions=("${system_v[@]}")
    name_halves
    for half in "${halves[@]}"; do
        calls=0
        for function in "${functions[@]}"; do
            ok "$lesson: a failing $function in the $half is reported" each_call_of "$half" "$function"
        done
        ok "$lesson: the next run works, and nothing is left ($calls calls failed in the $half)" works_again
    done
done
