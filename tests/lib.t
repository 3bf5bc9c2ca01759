#!/usr/bin/env bash
# lib.t - what the other tests stand on: lib.sh waits, and says so if it was in vain

. "$(dirname "$0")/lib.sh"

see_blocked_signals() { # without a process, for whose sake bash blocks some
    local field
    while read -r field blocked; do
        [ "$field" != SigBlk: ] || return 0
    done <"/proc/$$/status"
}
see_blocked_signals && before=$blocked
for _ in {1..20}; do nap 0.000001; done
see_blocked_signals
is 'a pause that is over at once leaves the signals as they were' "$blocked" "$before"

start child sleep 60
kill -KILL "$child"
ok 'so the end of a process is noticed' ends "$child" 137

start child sleep 60
patience=1
in_vain() {
    ! eventually is_gone "$child" >"$work/said"
}
ok 'patience ends' in_vain
ok '... and what never came is said' says "$work/said" "^#   never came true: is_gone $child\$"
kill -KILL "$child"
