#!/usr/bin/env bash
# pitfalls.t - each pitfall shows what it should, on all processors and on one, and leaves nothing behind

. "$(dirname "$0")/lib.sh"

# What the last two lines are to say. A name that stands here and has no program is a failure, too.
declare -A wrong=(
    [race]='[0-9]+ of 2000000 counted'
    [leak]='4096 bytes are left after kill -9'
    [pointer]="the address leads to the reader's own memory"
    [stale_semaphore]='the second run finds 2 tokens that nobody posted'
    [too_early]='attached, and died: Bus error'
    [full_shm]='size set; Bus error after 65536 bytes'
    [dead_owner]='the owner died; the next one hangs'
    [private_mutex]='unlocked, and the process that waits hangs'
    [reordering]='[0-9]+ of [0-9]+ rounds: each missed the other(; by hand [1-9][0-9]* of [0-9]+)?'
    [plain_flag]='(did not wait for the flag at all|the flag is set, and the loop goes on for ever)(, where -O2 is used)?'
    [ready_too_soon]='0 of 20 messages arrived'
    [torn_read]='[1-9][0-9]* of [0-9]+ snapshots torn'
    [false_sharing]='two counters on one line, [0-9.]+ ms'
    [double_fetch]='4080 bytes written beyond the 16 that were checked'
    [lost_wakeup]='signalled before it waits, it hangs'
    [ftok_clash]='1 of 2 files got a segment of their own'
    [permissions]="mode 0644: others can read, can't write.*"
    [lock_in_file]='after the restart the first process hangs'
    [wall_clock]='clock set forward: gives up at once; set back: hangs'
    [uninitialised_semset]='3 of 4 tokens are there'
)
declare -A right=(
    [race]='2000000 of 2000000 counted by semaphore, 2000000 by atomic'
    [leak]='nothing is left after kill -9'
    [pointer]="the offset leads to the writer's text"
    [stale_semaphore]='the second run finds 0 tokens that nobody posted'
    [too_early]='waited for the size, and read 42'
    [full_shm]='refused at once, 0 bytes written'
    [dead_owner]='the owner died; the next ones go on, the sum is 100'
    [private_mutex]='unlocked, and the process that waits goes on'
    [reordering]='0 of [0-9]+ rounds: each missed the other'
    [plain_flag]='the flag is set, and the loop ends'
    [ready_too_soon]='20 of 20 messages arrived'
    [torn_read]='0 of [0-9]+ snapshots torn'
    [false_sharing]='on two lines, [0-9.]+ ms, [0-9.]+ times as fast'
    [double_fetch]='0 bytes written beyond the 16 that were checked'
    [lost_wakeup]='signalled before it waits, it goes on'
    [ftok_clash]='2 of 2 files got a segment of their own'
    [permissions]="mode 0600: others can't read, can't write.*"
    [lock_in_file]='after the restart the first process goes on'
    [wall_clock]='clock set forward: waits; set back: gives up in time'
    [uninitialised_semset]='4 of 4 tokens are there'
)

# What the last run has shown: status 0, the two lines, and not a word more.
shows() { # PITFALL
    [ "$status" -eq 0 ] || { echo "#   exit status $status"; return 1; }
    says out "^wrong: ${wrong[$1]}\$" && says out "^right: ${right[$1]}\$" && [ "$(cat out err | wc -l)" -eq 2 ]
}

try() { # DESCRIPTION PITFALL COMMAND [ARGUMENT ...]
    status=0
    run "${@:3}" || status=$?
    if [ "$status" -eq 77 ]; then
        skip "$1" "$(sed -n 's/^skipped: //p' out)"
    else
        ok "$1" shows "$2"
    fi
}

processor=$(taskset -pc $$ 2>/dev/null | sed 's/.*: \([0-9]*\).*/\1/')
for pitfall in $(printf '%s\n' "${!wrong[@]}" | sort); do
    program=$root/pitfalls/$pitfall
    try "$pitfall" "$pitfall" "$program"
    if [ -n "$processor" ]; then
        try "$pitfall, on one processor" "$pitfall" taskset -c "$processor" "$program"
    else
        skip "$pitfall, on one processor" 'needs taskset (util-linux)'
    fi
    ok "$pitfall.c has at most 100 lines" test "$(wc -l <"$program.c")" -le 100
done
is 'there are no others' "$(cd "$root/pitfalls" && printf '%s\n' *.c | sed 's/\.c$//')" \
    "$(printf '%s\n' "${!wrong[@]}" | sort)"

# Killed in the middle, ten times: what has a name goes all the same, and so do the other processes.
leaves_nothing_when_killed() { # PITFALL FILES
    local _
    cp "$root/pitfalls/$1" killed # so that its processes can be told from others
    for _ in {1..10}; do
        start victim ./killed
        until compgen -G "$2-$victim*" >/dev/null || is_gone "$victim"; do :; done
        kill -9 "$victim" 2>/dev/null && wait "$victim" # not if it was quicker
        eventually no_process_runs "$work/killed" || return 1
        ! compgen -G "$2-$victim*" | sed 's/^/#   left: /' | grep . || return 1
    done
}

no_process_runs() {
    [ -z "$(find /proc/[0-9]*/exe -maxdepth 0 -lname "$1")" ]
}

user=$(id -u)
ok 'leak, killed, leaves nothing' leaves_nothing_when_killed leak "/dev/shm/pitfall-$user"
ok 'neither does lock_in_file' leaves_nothing_when_killed lock_in_file "/tmp/pitfall-$user"

# The table of `make pitfalls`.
fake() { # NAME STATUS LINE ...
    printf '#!/bin/sh\n%sexit %d\n' "$(printf "echo '%s'\n" "${@:3}")"$'\n' "$2" >"$1"
    chmod +x "$1"
}
fake good 0 'wrong: 1 of 2' 'right: 2 of 2'
fake bad 1 'wrong: 2 of 2' 'right: 2 of 2'
fake off 77 'skipped: not here'
ok 'the table of what is good and what is skipped' exits 0 "$root/tools/pitfalls.sh" ./good ./off
ok 'has a row with both' says out '^good +1 of 2 +2 of 2$'
ok 'or with the reason' says out '^off +skipped: not here *$'
ok 'a bad one makes it fail' exits 1 "$root/tools/pitfalls.sh" ./bad ./good
ok 'and is marked' says out '^bad +2 of 2 +2 of 2  <-- FAILED, exit status 1$'
