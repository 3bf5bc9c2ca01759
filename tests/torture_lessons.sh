# torture_lessons.sh - what torture.sh has to know of each lesson
#
# shellcheck shell=bash disable=SC2034 # it is sourced; what it sets is used there
# NAME_draw draws sizes and speeds; NAME_producer LABEL and NAME_consumer LABEL put a half's words into
# "$command"; NAME_arrived compares what arrived with what was sent; NAME_nothing_is_left; NAME_objects lists
# the paths of what the halves share.

timeout=(--timeout 4)

# Of all that were launched: the labels of that half.
all_of() { # HALF
    printf '%s\n' "${launched[@]}" | grep "^$1_"
}

# Some producer says that all has arrived.
a_producer_succeeded() {
    local label
    for label in $(all_of producer); do
        [ "${status_of[$label]}" != 0 ] || return 0
    done
    return 1
}

# --- 01_countdown ----------------------------------------------------------------------------

countdown_draw() {
    from=$((RANDOM % 500))
    interval=$((RANDOM % 2))
}
countdown_producer() {
    command=("$root/01_countdown/producer" --name "$name" "${timeout[@]}" --from "$from" --interval "$interval")
}
countdown_consumer() {
    command=("$root/01_countdown/consumer" --name "$name" "${timeout[@]}")
}
countdown_arrived() {
    local label complete=0
    for label in $(all_of consumer); do
        awk '/^received/ { if (NR > 1 && $2 != last - 1) exit 1; last = $2 }' "$label.out" || return 1
        if [ "$(tail -n 1 "$label.out")" = liftoff ]; then
            [ "$(wc -l <"$label.out")" = $((from + 2)) ] || return 1
            complete=1
        fi
    done
    ! a_producer_succeeded || [ "$complete" = 1 ]
}
countdown_nothing_is_left() {
    nothing_is_left
}
countdown_objects() {
    echo "/dev/shm$name"
}

# --- 02_buffer_transfer ----------------------------------------------------------------------

buffer_transfer_draw() {
    case $((RANDOM % 3)) in
        0) file_bytes=$((RANDOM % 2)) ;;
        1) file_bytes=$((RANDOM * 32)) ;;
        2) file_bytes=$((RANDOM * 1024)) ;;
    esac
    head -c "$file_bytes" /dev/urandom >sent
    rm -f received*
}
buffer_transfer_producer() {
    command=("$root/02_buffer_transfer/producer" --name "$name" "${timeout[@]}" --file sent)
}
buffer_transfer_consumer() {
    command=("$root/02_buffer_transfer/consumer" --name "$name" "${timeout[@]}" --output "received_$1")
}
buffer_transfer_arrived() {
    local label file complete=0
    for label in $(all_of consumer); do
        [ "${status_of[$label]}" != 0 ] || [ -e "received_$label" ] || return 1
        if [ -e "received_$label" ]; then
            cmp -s sent "received_$label" || return 1
            complete=1
        fi
    done
    ! a_producer_succeeded || [ "$complete" = 1 ]
}
buffer_transfer_nothing_is_left() {
    nothing_is_left
}
buffer_transfer_objects() {
    echo "/dev/shm$name"
}

# --- 03_ring_buffer --------------------------------------------------------------------------

ring_buffer_draw() {
    count=$((RANDOM % 2000 * 100))
    batch=$((RANDOM % 64 + 1))
}
ring_buffer_producer() { # without --slots: a ring that is there keeps its size
    command=("$root/03_ring_buffer/producer" --name "$name" "${timeout[@]}" --count "$count" --batch "$batch")
}
ring_buffer_consumer() {
    command=("$root/03_ring_buffer/consumer" --name "$name" "${timeout[@]}" --batch "$batch" --print)
}
# Within a consumer's output each number follows the last one; the next consumer begins a batch back at most,
# or with 0, in a new ring. A consumer's own summary says the same.
ring_buffer_arrived() {
    local label files=()
    for label in $(all_of consumer); do
        if [ -n "$(tail -c 1 "$label.out")" ]; then sed -i '$d' "$label.out"; fi # cut off by a kill
        ! grep '^received' "$label.out" | grep -v ' 0 lost, 0 doubled, 0 out of order' || return 1
        files+=("$label.out")
    done
    awk -v batch="$batch" '
        /^received/ { next }
        FILENAME != file { if (file && $1 && ($1 > expected || $1 < expected - batch)) exit 1; file = FILENAME; expected = $1 }
        $1 != expected++ { exit 1 }' "${files[@]}"
}
ring_buffer_nothing_is_left() {
    nothing_is_left
}
ring_buffer_objects() {
    echo "/dev/shm$name"
}

# --- 06_writer_reader_bench ------------------------------------------------------------------

writer_reader_bench_halves=(writer reader)
writer_reader_bench_ways=('shm spin' 'shm hybrid' 'shm sem' 'shm futex' 'mmap spin' 'mmap sem' 'sysv futex' pipe fifo unix tcp mq
    'shm cond' 'mmap cond')

writer_reader_bench_draw() {
    local tests=(latency throughput) transport wait
    local ways=${#writer_reader_bench_ways[@]}
    [ "${hostile:-0}" = 0 ] || ways=$((ways - 2)) # who scribbles on a mutex can lock up whoever locks it
    read -r transport wait <<<"${writer_reader_bench_ways[RANDOM % ways]}"
    way=(--transport "$transport")
    [ -z "$wait" ] || way+=(--sync "$wait")
    count=$((RANDOM % 3000))
    count=$((count + 1))
    way=("${tests[RANDOM % 2]}" "${way[@]}" --size "$((RANDOM % 100 + 1)),$((RANDOM * 10 + 1))" --count "$count" --warmup 0)
}
writer_reader_bench_writer() {
    command=("$root/06_writer_reader_bench/writer" "${way[@]}" --name "$name" "${timeout[@]}")
}
writer_reader_bench_reader() {
    command=("$root/06_writer_reader_bench/reader" --quiet --name "$name" "${timeout[@]}")
}
# Nobody got a wrong byte; and when a writer says that all has arrived, a reader has got as much.
writer_reader_bench_arrived() {
    local label most=0
    for label in $(all_of reader); do
        ! grep '^reader: received' "$label.err" | grep -qv ' every byte checked: 0 wrong;' || return 1
        most=$(awk -v most="$most" '/^reader: received/ { if ($3 > most) most = $3 } END { print most }' "$label.err")
    done
    for label in $(all_of writer); do
        [ "${status_of[$label]}" != 0 ] || [ "$most" -ge $((2 * count)) ] || a_reader_was_killed || return 1
    done
}
a_reader_was_killed() { # after its last answer, before it could say what it got
    local label
    for label in $(all_of reader); do
        [ "${status_of[$label]}" != 137 ] || return 0
    done
    return 1
}
writer_reader_bench_nothing_is_left() {
    local label
    for label in $(all_of writer); do
        ! find /tmp /dev/shm -maxdepth 1 -name "*myshm-${!label}-*" | grep . || return 1
    done
    nothing_is_left
}
writer_reader_bench_objects() {
    echo "/dev/shm$name"
}
