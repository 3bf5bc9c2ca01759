#!/usr/bin/env bash
# writer_reader_faults.t - lesson 06: each system call that a transport needs fails, in each half, as in faults.t

. "$(dirname "$0")/lib.sh"
. "$root/tests/torture_lessons.sh"
. "$root/tests/fault_lib.sh"

faults_work_here || exit
lesson=writer_reader_bench
name_halves

with() { # TRANSPORT [SYNC]
    way=(latency --transport "$1" ${2:+--sync "$2"} --size 70000 --count 20 --warmup 0)
    transport=$1
}
fails_in() { # HALF FUNCTION ...
    local half=$1 function
    shift
    for function in "$@"; do
        ok "$transport: a failing $function in the $half is reported" each_call_of "$half" "$function" 4
    done
}
leaves_nothing() {
    ok "$transport: the next run works, and nothing is left" works_again
}

with shm sem
fails_in writer sem_open sem_post sem_clockwait getentropy sched_setaffinity
fails_in reader sem_open sem_post sem_clockwait sched_setaffinity
leaves_nothing
with mmap spin
fails_in writer mkdir posix_fallocate fstat mmap
fails_in reader fstat mmap
leaves_nothing
with sysv
fails_in writer shmget shmat shmctl
fails_in reader shmget shmat
leaves_nothing
with pipe
fails_in writer mkdir socket bind listen poll accept recvmsg read write
fails_in reader pipe socket connect sendmsg read write
leaves_nothing
with fifo
fails_in writer mkdir mkfifo fcntl
fails_in reader fcntl
leaves_nothing
with unix
fails_in writer socket bind listen accept setsockopt
fails_in reader socket connect setsockopt
leaves_nothing
with tcp
fails_in writer socket bind listen getsockname accept setsockopt
fails_in reader socket connect setsockopt
leaves_nothing
with mq
fails_in writer mq_open mq_getattr mq_send mq_receive
fails_in reader mq_open mq_getattr mq_send mq_receive
leaves_nothing

# A signal may interrupt any of these; a connection may be lost in any of them.
interrupted=4 reset=104
goes_on() { # HALF FUNCTION
    both_with_fault "$1" "$2:2:$interrupted" && [ "$faulty_status" = 0 ] && [ -e mark ]
}
with pipe
for function in read write; do
    for half in "${halves[@]}"; do
        ok "an interrupted $function in the $half is done again" goes_on "$half" $function
    done
done
with unix
ok 'a connection that is lost is reported by the writer' says_of writer "write:2:$reset" 'the reader \(pid [0-9]+\) has'
ok '... and by the reader' says_of reader "write:2:$reset" 'the writer \(pid [0-9]+\) has .*in the middle of a test'
with mq
for function in mq_send mq_receive; do
    ok "an interrupted $function is done again" goes_on writer $function
done
with tcp
ok 'who connects without the right token is turned away' says_of writer recv:1:5 'the reader \(pid [0-9]+\) does not answer'
is '... of all these, many have failed' "$((calls > 50))" 1
echo "# $calls calls have failed"
