#!/usr/bin/env bash
# sysv_crash.t - lesson 07: kill -9 at random moments and at chosen ones
#
# RANDOM_SEED=N replays a run's moments.

. "$(dirname "$0")/sysv_lib.sh"

RANDOM=${RANDOM_SEED:=$(($$ % 32768))}
echo "# RANDOM_SEED=$RANDOM_SEED"
head -c 5000 /dev/urandom >sent
mkfifo typed

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

# --- random moments --------------------------------------------------------------------------

# Kills a half that has an endless input, or is about to: before, in or after the handshake. The other
# one then fails and says why; or it has not met the victim, waits on, and works with the next one.
killed_at_a_random_moment() { # VICTIM, producer or consumer
    start_consumer consumer_half
    start_producer producer_half /dev/zero
    local victim=producer_half other=consumer_half pid
    [ "$1" = producer ] || { victim=consumer_half other=producer_half; }
    pid=${!victim}
    if [ $((RANDOM % 2)) = 0 ]; then
        for ((i = RANDOM % 2000; i > 0; i--)); do :; done
    else
        sleep "0.0$(printf %02d $((RANDOM % 30)))"
    fi
    kill -9 "$pid"
    eventually is_gone "$pid"
    wait "$pid"
    if [ "$1" = producer ]; then
        start_producer again sent
    else
        start_consumer again
    fi
    decided() { # the other one has failed, or it works with the new one
        is_gone "${!other}" || { [ "$1" = producer ] && is_gone "$again"; } || { [ "$1" = consumer ] && [ -s again.out ]; }
    }
    eventually decided "$1" || return 1
    if eventually_failed "$other"; then
        ends "${!other}" 1 && says "$other.err" "the $1 \(pid $pid\) has died" || return 1
        deaths_noticed=$((deaths_noticed + 1))
    fi
    : >consumer_half.out # an endless one's
    # A child that has not become its program yet would not notice the signal.
    has_begun() {
        is_gone "$again" || is_waiting again || [ -s again.out ]
    }
    eventually has_begun
    kill -INT "$again" "${!other}" 2>/dev/null
    eventually is_gone "$again" && eventually is_gone "${!other}"
    wait "$again" "${!other}"
    nothing_of_ours
}
eventually_failed() { # LABEL: it is gone, with an error
    is_gone "${!1}" && grep -q 'has died' "$1.err"
}

for half in producer consumer; do
    deaths_noticed=0
    thirty_moments() {
        for _ in {1..30}; do
            killed_at_a_random_moment "$half" && next_run_works || return 1
        done
    }
    ok "kill -9 of the $half at 30 random moments: the other one says so, nothing is left, the next run works" \
        thirty_moments
    echo "# the other half had a $half to miss $deaths_noticed times"
done

# --- chosen moments --------------------------------------------------------------------------

start_producer p /dev/zero
eventually is_waiting p
kill -9 "$p"
ends "$p" 137
ok 'a producer killed before a consumer came leaves its objects' test -n "$(sysv_leftovers)"
ok 'the consumer that comes then says so' exits 1 "$consumer" --key "$key"
ok 'by pid' says err "^consumer: cannot receive by $key: the producer \(pid $p\) has died before a consumer came"
ok 'and leaves nothing' nothing_of_ours
ok 'the next run works' next_run_works

start_producer p /dev/zero
eventually is_waiting p
kill -9 "$p"
ends "$p" 137
ok 'a next producer takes the place of a dead one' producer_first

both_killed
ok 'of both, killed at once, the set is left, and no segment' test -n "$(set_id)" -a -z "$(segment_id)"
start_consumer c
eventually is_waiting c
start_producer p sent
ok 'a consumer goes on as if it were not there' ends "$c" 0
ends "$p" 0
both_killed
start_producer p sent
start_consumer c
ok 'so does a producer' ends "$p" 0
ends "$c" 0
ok 'nothing is left' nothing_of_ours

# The consumer is slow to write what a dead producer had sent; a next producer waits for its end.
mkfifo slow
start_producer p typed
exec 5>typed
start_consumer_into c slow
exec 7<slow
head -c 200000 /dev/zero >&5 & # small read()s leave room for less than that: then it waits
eventually is_connected
slot_is_filled() {
    [ "$(semaphores | cut -d ' ' -f 2)" != 0 ]
}
eventually slot_is_filled
kill -9 "$p"
ends "$p" 137
start_producer next sent 7<&-
ok 'a next producer waits for the end of the old consumer' eventually grep -q "earlier consumer (pid $c)" next.err
cat <&7 >received
exec 5>&- 7<&-
ok 'the old one writes all, and fails' ends "$c" 1
ok 'since its producer has died' says c.err "the producer \(pid $p\) has died before the end of its input; the [0-9]+ bytes that it had sent are written"
is 'those are what the output has' "$(stat -c %s received)" "$(sed -n 's/.*; the \([0-9]*\) bytes.*/\1/p' c.err)"
start_consumer c
ok 'then the next one works' ends "$c" 0
ends "$next" 0
ok 'nothing is left' nothing_of_ours
