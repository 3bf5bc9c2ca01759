#!/usr/bin/env bash
# sysv_crash.t - lesson 07: kill -9 at any moment and at each system call; a peer that writes nonsense
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
head -c 200000 /dev/zero >&5
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

# --- each system call ------------------------------------------------------------------------

# The victim is killed before its N-th call, while the other one waits for it; another victim comes at once.
# The other one fails, if it had met the first one; or it gets to its end, by the second one, or by the
# first one if all was acknowledged.
killed_before_call() { # VICTIM N
    local status=0 other_half=consumer
    rm -f mark other.out again.out victim.out
    if [ "$1" = producer ]; then start_consumer other; else other_half=producer; start_producer other sent; fi
    eventually is_waiting other
    FAULT=any:$2:0 LD_PRELOAD=$work/fault.so start victim "${!1}" --key "$key" <sent
    eventually is_gone "$victim" || return 1
    wait "$victim"
    if [ "$1" = producer ]; then start_producer again sent; else start_consumer again; fi
    eventually is_gone "$other" || { echo "#   the $other_half hangs"; return 1; }
    wait "$other" || status=$?
    eventually is_gone_or_waits again
    kill -INT "$again" 2>/dev/null
    eventually is_gone "$again" || { echo '#   the next one hangs'; return 1; }
    wait "$again"
    case $status in
        0) cmp -s sent other.out || cmp -s sent again.out || cmp -s sent victim.out ;;
        1) says other.err "^$other_half: .*the $1 \(pid $victim\) has died" ;;
        *) false ;;
    esac && nothing_of_ours
}
is_gone_or_waits() { # LABEL
    is_gone "${!1}" || is_waiting "$1"
}

before_each_call() { # VICTIM
    for ((n = 1; n <= 100; n++)); do
        killed_before_call "$1" "$n" || { echo "#   call $n"; return 1; }
        [ -e mark ] || return 0 # it has come to its end
    done
}
if [ "$(uname)" = Linux ]; then
    build_fault_library
    for half in producer consumer; do
        ok "kill -9 of the $half before each system call: the other one says so, or works with the next one" \
            before_each_call "$half"
        echo "# there are $((n - 1)) of them"
    done
else
    skip 'kill -9 before each system call' 'LD_PRELOAD works so on Linux only'
fi

# --- a peer that writes nonsense -------------------------------------------------------------

scrawl() { # SEGMENT OFFSET NUMBER
    perl -e 'shmwrite($ARGV[0], pack("L", $ARGV[2]), $ARGV[1], 4) or die' "$@"
}

start_producer p typed
exec 5>typed
eventually is_waiting p
segment=$(segment_id)
start_consumer c
eventually is_connected
scrawl "$segment" 44 1 # consumer_end: ALL_DONE
kill -9 "$c"
ends "$c" 137
ok 'a word that nobody has given: the producer notices the death still' ends "$p" 1
ok 'and says so' says p.err "the consumer \(pid $c\) has died"
exec 5>&-

start_producer p typed
exec 5>typed
eventually is_waiting p
segment=$(segment_id)
start_consumer c
eventually is_connected
kill -STOP "$c"
echo something >&5
one_is_filled_one_in_hand() {
    [ "$(semaphores | cut -d ' ' -f 1)" = 2 ]
}
eventually one_is_filled_one_in_hand
scrawl "$segment" 64 262145 # the length of slot 0
kill -CONT "$c"
ok 'a slot that is too long' ends "$c" 1
ok 'is refused' says c.err "^consumer: segment $segment is damaged: a slot is longer than 262144 bytes"
ok 'which the producer learns' ends "$p" 1
ok 'and says' says p.err "the consumer \(pid $c\) has failed"
exec 5>&-

damaged() { # SLOTS SLOT-BYTES: what a consumer finds in the header
    start_producer p typed
    exec 5>typed
    eventually is_waiting p
    scrawl "$(segment_id)" 24 "$1"
    scrawl "$(segment_id)" 28 "$2"
    ok "a segment that is said to have $1 slots of $2 bytes" exits 1 "$consumer" --key "$key"
    ok 'is refused' says err "is damaged: $1 slots of $2 bytes in 1064960 bytes"
    kill -INT "$p"
    ends "$p" 130
    exec 5>&-
}
damaged 0 262144
damaged 1025 1
damaged 4 262145
damaged 4 0
damaged 1024 4294967295
ok 'nothing is left' nothing_of_ours
