#!/usr/bin/env bash
# faults.t - the N-th call of each system function fails, in each half: an error that says so, and no harm
#
# fault.c stands in front of libc for that. What a half may do: work on (an unlink, a look at /proc), or end
# with 1 and a line that says what failed and why. The next run works and leaves nothing.

. "$(dirname "$0")/lib.sh"
. "$root/tests/torture_lessons.sh"
. "$root/tests/fault_lib.sh"

posix=(shm_open shm_unlink fstat posix_fallocate mmap sem_open sem_post sem_unlink open read write fsync rename)
system_v=(shmget shmat shmctl semget semop semtimedop semctl fstat open read write)
faults_work_here || exit

# Nothing is drawn: each run makes the same calls, and these make most of them.
countdown_draw() {
    from=50 interval=1
}
buffer_transfer_draw() { # a message in pieces; short ones are in buffer_transfer_faults.t
    head -c 3000000 /dev/urandom >sent
}
ring_buffer_draw() {
    count=1000 batch=8
}
simd_draw() {
    simd_batches=300 simd_isa=auto simd_ring=(--kernel sum --slots 8 --seed 1)
}
writer_reader_bench_draw() {
    way=(latency --transport "mmap,pipe" --sync sem --size 64 --count 20 --warmup 0)
}
sysv_draw() {
    key=$work/sysv.key slots=4 slot_bytes=50
    touch "$key"
    head -c 5000 /dev/urandom >sent
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
