#!/usr/bin/env bash
# sysv_faults.t - lesson 07: calls that fail for a reason of their own: what is gone, what belongs to others, what
# would block

. "$(dirname "$0")/lib.sh"
. "$root/tests/torture_lessons.sh"
. "$root/tests/fault_lib.sh"

faults_work_here || exit
lesson=sysv
name_halves
key=$work/key slots=2 slot_bytes=5
touch "$key"
echo 'twelve bytes' >sent
gone=43 no_entry=2 forbidden=13 later=11 broken_pipe=32
each_fails_with() { # ERRNO REASON
    local half function
    error=$1 reason=$2
    for half in "${halves[@]}"; do
        for function in shmget shmat shmctl semget semop semctl; do
            ok "$half: $function: $2" each_call_of "$half" "$function" 8
        done
    done
    ok "the next run works, and nothing is left" works_again
}
each_fails_with $gone '(Identifier removed|has died|has failed|no consumer came|no producer came)'
each_fails_with $forbidden '(Permission denied|belongs to another user|has died|has failed)'

ok 'an output that is full is waited for' says_of consumer "write:1:$later" '13 bytes written' 0
ok 'an output that nobody reads ends both as SIGPIPE does' says_of consumer "write:1:$broken_pipe" '' 141
ok 'a key file that is replaced while it is looked at' says_of producer "lstat:1:$no_entry" "$key was replaced just now; try again"
ok 'the path of a key file is too long' exits 1 "$root/07_sysv/producer" --key "$(printf %05000d 0)" <sent
ok '... and that is said' says err '^producer: the path of the key file is too long$'
