#!/usr/bin/env bash
# buffer_transfer_files.t - lesson 02: files of every size, chunks of other sizes, kill -9 amid a file
#
# RANDOM_SEED=N replays a run's moments.

. "$(dirname "$0")/lib.sh"

producer=$root/02_buffer_transfer/producer
consumer=$root/02_buffer_transfer/consumer
RANDOM=${RANDOM_SEED:=$(($$ % 32768))}
echo "# RANDOM_SEED=$RANDOM_SEED"

# transfer BYTES [PRODUCER CONSUMER]: a random file arrives as it was.
transfer() {
    local patience=300 # a busy disk may need a minute
    head -c "$1" random >sent
    rm -f received
    start p "${2:-$producer}" --name "$name" --timeout 0 --file sent
    start c "${3:-$consumer}" --name "$name" --timeout 0 --output received
    ends "$p" 0 && ends "$c" 0 && cmp -s sent received
}
head -c 210000000 /dev/urandom >random
fragment=524288
chunk=4194304
for bytes in 0 1 $((fragment - 1)) $fragment $((fragment + 1)) $((chunk - 1)) $chunk $((chunk + 1)) \
    $((3 * chunk + 7)); do
    ok "a file of $bytes bytes" transfer "$bytes"
done
for _ in 1 2 3 4 5 6; do cat random; done >random.more
mv random.more random
ok 'a file of 1 GiB' transfer $((1 << 30))
is 'has the checksum that it had' "$(sha256sum <received)" "$(sha256sum <sent)"
rm -f sent received

for kib in 64 65536; do
    for half in producer consumer; do
        ${CC:-cc} -O2 -DCHANNEL_CHUNK_BYTES="($kib << 10)" -o "$half-$kib" \
            "$root/02_buffer_transfer/$half.c" -pthread -lrt
    done
    bytes=$((kib * 1024))
    for size in 0 $((bytes / 8 + 1)) $((3 * bytes + 7)); do
        ok "a chunk of $kib KiB, a file of $size bytes" transfer "$size" "./producer-$kib" "./consumer-$kib"
    done
done
start_producer p --points 3
eventually is_waiting p
ok 'another chunk size is refused' exits 1 ./consumer-64 --name "$name"
ok 'and named' says err 'expected 65664'
kill -INT "$p"
ends "$p" 130

seq 100000 >numbers
start_producer p --file - <numbers
start_consumer c --output received
ok '--file - sends standard input' ends "$c" 0
ends "$p" 0
ok 'whole' cmp -s received numbers

umask 027
transfer 1000
is 'a received file has the mode that open() would have given' "$(stat -c %a received)" 640
umask 022

head -c 30000000 /dev/zero >sent
killed_amid_a_file() { # VICTIM OTHER: each producer_half or consumer_half
    rm -f received received.*
    start_producer producer_half --file sent
    start_consumer consumer_half --output received
    if [ $((RANDOM % 4)) != 0 ]; then # mostly: when the consumer has joined, and a little later
        eventually has_peer
    fi
    for ((i = RANDOM % 2000; i > 0; i--)); do :; done
    kill -9 "${!1}" 2>/dev/null
    local status=0
    eventually is_gone "${!1}" || return 1
    wait "${!1}" || status=$?
    if [ "$status" = 0 ]; then # it had finished before the signal came
        eventually is_gone "${!2}"
        return
    fi
    if [ "$2" = producer_half ]; then # it has lost its consumer, or had none yet
        start_consumer replacement --output received
    else
        start_producer replacement --file sent
    fi
    eventually either_is_gone "${!2}" "$replacement" || return 1
    kill -9 "$replacement" 2>/dev/null # what it may leave is the next run's to cope with
    kill -INT "${!2}" 2>/dev/null
    eventually is_gone "${!2}" && eventually is_gone "$replacement" || return 1
    status=0
    wait "${!2}" || status=$?
    if [ "$status" = 1 ]; then
        says "$2.err" 'has died|is damaged' || return 1
        deaths_noticed=$((deaths_noticed + 1))
    fi
    # a half-received file never appears under its name
    [ ! -e received ] || cmp -s sent received
}
has_peer() {
    [ "$(words 24 1 "/dev/shm$name")" != 0 ] || is_gone "$consumer_half"
}
either_is_gone() {
    is_gone "$1" || is_gone "$2"
}
for pair in 'producer_half consumer_half' 'consumer_half producer_half'; do
    read -r half other_half <<<"$pair"
    deaths_noticed=0
    thirty_moments() {
        for _ in {1..30}; do
            killed_amid_a_file "$half" "$other_half" || return 1
        done
        transfer 1000 && nothing_is_left
    }
    ok "kill -9 of the $half at 30 random moments of a file: no half file, the next run works" thirty_moments
    echo "# the $other_half had a $half to miss $deaths_noticed times"
done

rm -f sent received*
