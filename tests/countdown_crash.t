#!/usr/bin/env bash
# countdown_crash.t - lesson 01: kill -9 of either half at random moments of its life
#
# RANDOM_SEED=N replays a run's moments.

. "$(dirname "$0")/lib.sh"

RANDOM=${RANDOM_SEED:=$(($$ % 32768))}
echo "# RANDOM_SEED=$RANDOM_SEED"

start_half() { # LABEL producer|consumer: one that works till it is stopped
    if [ "$2" = producer ]; then
        start "$1" "$root/01_countdown/producer" --name "$name" --from 1000000 --interval 1
    else
        start "$1" "$root/01_countdown/consumer" --name "$name"
    fi
}

# Kills a half at once or up to 20 ms after both were started: before, in, or after the handshake. (To
# start `sleep` alone takes longer than the handshake: half of the time this shell counts.) Then a new one
# of its kind is started. Either the other half says that its partner died, or it had none yet and
# works with the new one.
killed_at_a_random_moment() { # VICTIM OTHER, each producer or consumer
    if [ $((RANDOM % 2)) = 0 ]; then
        start_half victim "$1"
        start_half other "$2"
    else
        start_half other "$2"
        start_half victim "$1"
    fi
    if [ $((RANDOM % 2)) = 0 ]; then
        for ((i = RANDOM % 1000; i > 0; i--)); do :; done
    else
        sleep "0.0$(printf %02d $((RANDOM % 20)))"
    fi
    kill -9 "$victim"
    ends "$victim" 137 || return 1

    start_half again "$1"
    decided() {
        is_gone "$other" || [ -s again.out ]
    }
    eventually decided || return 1
    if is_gone "$other"; then
        ends "$other" 1 && says other.err "the $1 \(pid $victim\) has died[;,] " || return 1
        deaths_noticed=$((deaths_noticed + 1))
    fi
    # Either both are at work now, or the new one waits alone: a stop ends it with 130, its partner with 1.
    has_begun() { # before, it would not catch the signal
        [ -s again.out ] || is_waiting again || is_gone "$again"
    }
    eventually has_begun || return 1
    kill -INT "$again" 2>/dev/null
    ends "$again" 130 || return 1
    kill -INT "$other" 2>/dev/null
    eventually is_gone "$other"
}

next_run_works() {
    start p "$root/01_countdown/producer" --name "$name" --interval 0
    start c "$root/01_countdown/consumer" --name "$name"
    ends "$p" 0 && ends "$c" 0 && [ "$(tail -n 1 c.out)" = liftoff ] && nothing_is_left
}

for pair in 'producer consumer' 'consumer producer'; do
    read -r half other_half <<<"$pair"
    deaths_noticed=0
    thirty_moments() {
        for _ in {1..30}; do
            killed_at_a_random_moment "$half" "$other_half" && next_run_works || return 1
        done
    }
    ok "kill -9 of the $half at 30 random moments: the $other_half says so or takes the next, nothing is left" \
        thirty_moments
    echo "# the $other_half had a $half to miss $deaths_noticed times"
done

start_half p producer
start_half c consumer
eventually test -s c.out
kill -9 "$p" "$c"
ends "$p" 137
ends "$c" 137
ok 'once both are connected, even kill -9 of both leaves nothing behind' nothing_is_left

start_half p producer
eventually is_waiting p
kill -9 "$p"
ends "$p" 137
ok 'a producer killed before that leaves its objects' test -n "$(leftovers)"
ok 'make clean-ipc removes them' exits 0 "$root/tools/clean_ipc" "$name"
ok 'and says so' says err "removed $name\$"
ok 'nothing is left' nothing_is_left
start_half p producer
eventually is_waiting p
ok 'a living one is left alone' exits 0 "$root/tools/clean_ipc" "$name"
ok 'by pid' says err "left $name alone: another producer \(pid $p\) is running"
start_half c consumer
ok 'and works on' eventually test -s c.out
