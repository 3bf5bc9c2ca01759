#!/usr/bin/env bash
# buffer_transfer_faults.t - lesson 02: certain calls fail, or come just when the other half does something

. "$(dirname "$0")/lib.sh"
. "$root/tests/torture_lessons.sh"
. "$root/tests/fault_lib.sh"

lesson=buffer_transfer
name_halves
invalid=22 no_memory=12 stop=-19 seconds=3
points=(--points 5 --batch 1)
buffer_transfer_producer() {
    command=("$root/02_buffer_transfer/producer" --name "$name" --timeout "$seconds" "${points[@]}")
}
buffer_transfer_consumer() {
    command=("$root/02_buffer_transfer/consumer" --name "$name" --timeout "$seconds" "${output[@]}")
}
output=()
faults_work_here || exit

ok 'a region of another user: the producer' says_of producer geteuid:1:77 "cannot create $name: it belongs to user"
rm -f "/dev/shm$name"*
for half in producer consumer; do
    ok "a failing sem_post in the $half is reported" each_call_of "$half" sem_post
done
ok "a semaphore that can't be waited for: the consumer" says_of consumer "sem_clockwait:1:$invalid" 'Invalid argument'

# --- at one certain line ---------------------------------------------------------------------

start_half() { # LABEL HALF [FAULT]
    "buffer_transfer_$2" "$1"
    FAULT=${3:-} LD_PRELOAD=${3:+$work/fault.so} start "$1" "${command[@]}"
}

start_half p producer "sem_post:4:$stop" # two to accept the consumer, one for each batch
start_half c consumer
ok 'a producer stops amid its points' eventually is_stopped "$p"
ok '... the consumer waits no longer than its time-out' ends "$c" 1
ok '... and says so' says c.err "^consumer: the producer \(pid $p\) sent nothing for 3 s; is it suspended\?"
kill -CONT "$p"
ends "$p" 1

start_half p producer
start_half c consumer "vprintf:1:$stop"
ok 'a consumer stops before it prints the first point' eventually is_stopped "$c"
ok '... the producer waits no longer than its time-out' ends "$p" 1
ok '... and says so' says p.err "^producer: the consumer \(pid $c\) has read nothing for 3 s; is it suspended\?"
kill -CONT "$c"
ok '... the consumer has what was sent' ends "$c" 0
is '... and nothing else' "$(grep -c '^point' c.out)" 1

# The producer has found that its consumer lives, and nothing is read; then all is read, and the consumer goes.
seconds=30 points=(--points 2 --batch 2)
start_half p producer "open:3:$stop" # after /dev/null: a process is looked at in /proc, when it joins and after 100 ms
eventually is_waiting p
start_half c consumer "vprintf:1:$stop"
ok 'a consumer stops before it prints the first point' eventually is_stopped "$c"
ok '... the producer, when it has looked whether it lives' eventually is_stopped "$p"
kill -CONT "$c"
ok '... the last point is read' eventually has_said c.out '^point 2 '
end_quietly TERM "$c"
kill -CONT "$p"
ok '... and nothing is sent again, when the consumer has gone' ends "$p" 0
ok '... who had read all of it' says p.err '^producer: 2 points read by the consumer'

points=(--points 100 --batch 100 --rate 1) # 100 s for each batch
start_half p producer
start_half c consumer
ok 'nobody waits for a batch that does not come: the consumer' ends "$c" 0
ok '... and the producer' ends "$p" 0
points=(--points 200 --batch 100 --rate 1)
start_half p producer
start_half c consumer
ok 'a consumer has read a batch' eventually has_said c.out '^point 100 '
end_quietly KILL "$c"
ok '... its death is seen amid the pause after it' eventually has_said p.err "\(pid $c\) has died; waiting for the next consumer"
end_quietly INT "$p"

points=(--points 5 --batch 1)
start_half p1 producer
start_half c consumer "vprintf:1:$stop"
ok 'a consumer stops before it prints the first point' eventually is_stopped "$c"
end_quietly 9 "$p1"
start_half p2 producer
eventually is_waiting p2
kill -CONT "$c"
ok '... of a producer that dies, and another one takes the region over' ends "$c" 1
ok '... it says what that means' says c.err '; the last points are not to be trusted$'
seconds=3
ends "$p2" 1

start_half p producer shm_open:2:$stop
ok 'a producer has made its object' eventually is_stopped "$p"
rm "/dev/shm$name"
kill -CONT "$p"
start_half c consumer
ok '... whose name somebody removes: it makes another one' ends "$p" 0
ok '... and all points come' ends "$c" 0

start_half p producer "sem_clockwait:1:$invalid"
start_half c consumer "vprintf:1:$stop"
ok "a producer can't wait for the semaphore" ends "$p" 1
ok '... and says so' says p.err "^producer: cannot send on $name: Invalid argument"
kill -CONT "$c"
eventually is_gone "$c"

# --- a file where points are expected ----------------------------------------------------------

head -c 3000000 /dev/zero >sent
points=(--file sent)
ok 'the turn cannot be given back' says_of consumer sem_post:1:75 'cannot post the semaphore -free: Value too large'
start_half c consumer
start_half p producer sem_post:8:-9
ok 'a producer dies between two pieces' ends "$p" 137
ok '... the consumer notices' ends "$c" 1
ok '... and says so' says c.err "the sender \(pid $p\) has died|the other half \(pid $p\) has died"
start_half p2 producer # removes what it left
eventually is_waiting p2
kill -INT "$p2"
ends "$p2" 130

# --- memory ----------------------------------------------------------------------------------

if grep -q __asan_init "$root/02_buffer_transfer/producer"; then
    skip 'no memory' "a sanitizer has its own"
    exit
fi
fault_memory=1
faults_work_here
echo text >sent
points=(--file sent)
ok 'no memory for the file' says_of producer "realloc:1:$no_memory" 'no memory for sent: as one message, it has to fit'
