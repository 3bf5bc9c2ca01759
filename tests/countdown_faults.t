#!/usr/bin/env bash
# countdown_faults.t - lesson 01: certain calls fail, or come just when the other half does something

. "$(dirname "$0")/lib.sh"
. "$root/tests/torture_lessons.sh"
. "$root/tests/fault_lib.sh"

faults_work_here || exit
lesson=countdown from=3 interval=1
name_halves
no_entry=2 exists=17 invalid=22 stop=-19 # errno values, and a signal

ok 'a region of another user: the consumer' says_of consumer geteuid:1:77 "cannot use $name: it belongs to user"
ok 'a region of another user: the producer' says_of producer geteuid:1:77 "cannot use $name: it belongs to user"
rm -f "/dev/shm$name" # it wasn't its own
ok 'no room: the producer' says_of producer ftruncate:1:5 "cannot reserve 40 bytes for $name: $reason; see df"
for half in "${halves[@]}"; do
    ok "a semaphore that can't be waited for: the $half" \
        says_of "$half" "sem_clockwait:1:$invalid" 'cannot wait for a semaphore: Invalid argument'
done
ok 'an output that cannot be set up' says_of consumer setvbuf:1:5 'cannot make standard output line-buffered'
ok 'an output that takes nothing' says_of consumer vprintf:1:5 "cannot write to standard output: $reason"
ok 'a short option that there is not' exits 2 "$root/01_countdown/consumer" -x
ok '... is named' says err '^consumer: unknown option -x; see '
ok 'a name that is gone when it is opened is made anew' says_of producer "shm_open:1:$exists" '4 of 4 numbers read' 0
ok 'no folder for shared memory' says_of producer "shm_open:1:$no_entry" "cannot create $name: No such file or directory"
ok 'a semaphore that is not there yet is waited for' says_of consumer "sem_open:2:$no_entry" 'waiting for the producer' 0

# --- at one certain line ---------------------------------------------------------------------

start_stopping() { # LABEL HALF CALL: it stops itself there
    "countdown_$2" "$1"
    FAULT=$3:$stop LD_PRELOAD=$work/fault.so start "$1" "${command[@]}"
    eventually is_stopped "${!1}"
}
start_half() { # LABEL HALF
    "countdown_$2" "$1"
    start "$1" "${command[@]}"
}
all_came() { # PRODUCER CONSUMER
    ends "${!1}" 0 && ends "${!2}" 0 && [ "$(tail -n 1 "$2.out")" = liftoff ] && nothing_is_left
}

ok 'a producer has made its object' start_stopping p producer shm_open:2
rm "/dev/shm$name"
kill -CONT "$p"
start_half c consumer
ok '... whose name somebody removes: it makes another one' all_came p c

start_half p1 producer
eventually is_waiting p1
ok 'a consumer has opened one of the semaphores' start_stopping c consumer sem_open:2
end_quietly 9 "$p1"
start_half p2 producer
eventually is_waiting p2
kill -CONT "$c"
ok '... of a producer that another one has replaced: it joins that one' all_came p2 c

# Now the producer ends in order, and the next one makes another region, and other semaphores.
start_half p1 producer
eventually is_waiting p1
ok 'a consumer has seen the region, and opens the semaphores' start_stopping c consumer sem_open:1
end_quietly INT "$p1"
start_half p2 producer
eventually is_waiting p2
kill -CONT "$c"
ok '... of the next run: it joins that one' all_came p2 c
is '... and gets all of it' "$(grep -c '^received' c.out)" $((from + 1))

# --- what the region holds -------------------------------------------------------------------

# A second name, by which a number is written over that is sent, and not read yet.
is_sent() { # NUMBER
    [ "$(words 32 1 "/dev/shm$name-too")" = "$1" ]
}
reads() { # BYTES WAIT: when the consumer is about to wait for the first number, or the second
    from=10
    start_half p producer
    eventually is_waiting p && ln "/dev/shm$name" "/dev/shm$name-too" &&
        start_stopping c consumer "sem_clockwait:$2" && eventually is_sent $((11 - $2)) || return 1
    printf %b "$1" | dd of="/dev/shm$name-too" bs=1 seek=32 conv=notrunc status=none
    rm "/dev/shm$name-too"
    kill -CONT "$c"
    ends "$c" 1 && ends "$p" 1
}
ok 'no number at all ends both' reads '\0377\0377\0377\0377\0377\0377\0377\0377' 1
ok '... with the reason' says c.err "^consumer: $name is damaged: it holds -1, which is no number of a countdown"
ok '... and the producer knows how many were read' says p.err 'the consumer \(pid [0-9]+\) has stopped; it has read 0 of 11 numbers'
ok 'another number ends both' reads '\0115' 2
ok '... with the reason' says c.err "^consumer: $name is damaged: it holds 77 where 9 was expected"
ok 'nothing is left' nothing_is_left
