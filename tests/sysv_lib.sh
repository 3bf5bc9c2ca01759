# sysv_lib.sh - what the tests of lesson 07 share: a key file of their own, what has its key, a pair
#
# shellcheck shell=bash

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$root/tests/sysv_objects.sh"

producer=$root/07_sysv/producer
consumer=$root/07_sysv/consumer
key=$work/key
touch "$key"

# The input may be a FIFO: so the half opens it, not this shell. What a test writes into it, or reads
# from another, has descriptor 5, which no half is to hold open.
start_producer() { # LABEL INPUT [OPTION ...]
    local label=$1 input=$2
    shift 2
    start "$label" sh -c 'input=$1; shift; exec "$@" <"$input"' \
        sh "$input" "$producer" --key "$key" "$@" 5>&-
}

start_consumer() { # LABEL [OPTION ...]
    local label=$1
    shift
    start "$label" "$consumer" --key "$key" "$@" 5>&-
}

# The consumer's output goes into this FIFO.
start_consumer_into() { # LABEL FIFO
    start "$1" sh -c 'output=$1; shift; exec "$@" >"$output"' sh "$2" "$consumer" --key "$key" 5>&-
}

# semaphores: the five values: free slots, filled slots, producer lives, consumer lives, identity
semaphores() {
    ipcs -s -i "$(set_id)" 2>/dev/null | awk '/^[0-9]/ { printf "%s%s", sep, $2; sep = " " }'
}

semaphores_are() { # FREE FILLED PRODUCER CONSUMER
    [ "$(semaphores)" = "$1 21334" ]
}

is_connected() { # both places of the set are held
    [ "$(semaphores | cut -d ' ' -f 3,4)" = '1 1' ]
}

trap 'remove_leftovers; finish' EXIT

# $work/fault.so makes a call fail, see fault.c. A sanitizer wants to be the first library; it need not be.
build_fault_library() {
    ${CC:-cc} -O2 "$root/tests/fault.c" -o "$work/fault.so" -shared -fPIC -ldl
    export FAULT_MARK=$work/mark ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
}

# transfer FILE [PRODUCER-OPTION ...]: it arrives as it was.
transfer() {
    local file=$1
    shift
    start_producer p "$file" "$@"
    start_consumer c
    ends "$p" 0 && ends "$c" 0 && cmp -s "$file" c.out
}

# The next ones expect a file to send, named sent.

next_run_works() { # in either order; nothing is left
    if [ $((RANDOM % 2)) = 0 ]; then
        start_producer p sent
        start_consumer c
    else
        start_consumer c
        start_producer p sent
    fi
    ends "$p" 0 && ends "$c" 0 && cmp -s sent c.out && nothing_of_ours
}

producer_first() {
    start_producer p sent
    eventually is_waiting p && start_consumer c && ends "$p" 0 && ends "$c" 0 && cmp -s sent c.out
}

both_killed() {
    start_producer p /dev/zero
    start_consumer c
    eventually is_connected
    kill -9 "$p" "$c"
    ends "$p" 137 && ends "$c" 137
}
