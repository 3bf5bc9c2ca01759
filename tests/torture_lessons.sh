# torture_lessons.sh - what torture.sh has to know of each lesson
#
# shellcheck shell=bash disable=SC2034 # it is sourced; what it sets is used there
# NAME_draw draws sizes and speeds; NAME_producer LABEL and NAME_consumer LABEL put a half's words into
# "$command"; NAME_arrived compares what arrived with what was sent; NAME_nothing_is_left; NAME_objects lists
# what the halves share, in scribble's words. Where the halves have other names, NAME_halves are these; where they
# make more than what bears $name, NAME_remove removes it.

timeout=(--timeout 4)

# What a lesson calls its halves, the one that makes the region first; producer and consumer if it doesn't say.
name_halves() {
    local -n named=${lesson}_halves
    halves=("${named[@]}")
    [ ${#halves[@]} = 2 ] || halves=(producer consumer)
}

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
        case $(tail -n 1 "$label.out") in
            liftoff | 'received 0') # who is killed after the last acknowledgement, doesn't say liftoff
                [ "$(grep -c '^received' "$label.out")" = $((from + 1)) ] || return 1
                complete=1
                ;;
        esac
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

# Never none: a producer that has nothing to send leaves, and takes an empty ring with it, before a consumer comes.
ring_buffer_draw() {
    count=$((RANDOM % 2000 * 100 + 1))
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

# --- 04_mmap_db ------------------------------------------------------------------------------

# The file stays from round to round, but for every fourth.
mmap_db_halves=(writer reader)

mmap_db_draw() {
    db=$work/torture.dat
    [ $((RANDOM % 4)) != 0 ] || rm -f "$db"
    : >lists.csv
    lines=$((RANDOM % 2000))
    capacity=$((1 << RANDOM % 12))
    sync=()
    [ $((RANDOM % 4)) != 0 ] || sync=(--sync)
    [ ${#sync[@]} = 0 ] || lines=$((lines % 50))
    "$root/04_mmap_db/reader" --file "$db" list --csv >before.csv 2>/dev/null || true
}
# Each second name is a writer's own, the others are put by all.
mmap_db_writer() {
    awk -v label="$1" -v lines="$lines" -v seed="$RANDOM" 'BEGIN {
        srand(seed)
        x = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        for (i = 1; i <= lines; i++)
            if (i % 2) print label "-" i substr(x, 1, i % 32) "," i
            else print "all-" int(rand() * 500) "," seed * 10000 + i
    }' >"$1.csv"
    command=("$root/04_mmap_db/writer" --file "$db" --capacity "$capacity" "${sync[@]}" load "$1.csv")
}
mmap_db_reader() {
    command=("$root/04_mmap_db/reader" --file "$db" check)
    [ $((RANDOM % 2)) = 0 ] || command=("$root/04_mmap_db/reader" --file "$db" list --csv)
}
# What each writer said is in.
mmap_db_acknowledged() {
    local label
    for label in $(all_of writer); do
        head -n "$(sed -n 's/ records are in.*//p' "$label.out" | grep . || echo 0)" "$label.csv"
    done
}
mmap_db_arrived() {
    local label
    for label in $(all_of reader); do
        ! grep -q 'has [0-9]* fault' "$label.err" || return 1
        if [ -n "$(tail -c 1 "$label.out")" ]; then sed -i '$d' "$label.out"; fi # cut off by a kill
        grep -E '^[^ ,]+,' "$label.out" >>lists.csv # records: what check says has words
    done
    mmap_db_acknowledged >acknowledged.csv
    if ! "$root/04_mmap_db/reader" --file "$db" list --csv >after.csv 2>after.err; then
        [ ! -s acknowledged.csv ] && [ ! -s before.csv ]
        return
    fi
    "$root/04_mmap_db/reader" --file "$db" check >after.out 2>&1 || return 1
    cat ./*_*.csv >put.csv 2>/dev/null
    # A record is one that was put; an older value is none where a newer one is in; nothing is lost.
    awk -F, '
        FILENAME == "put.csv" { put[$0]; next }
        FILENAME == "before.csv" { old[$0]; there[$1]; next }
        FILENAME == "acknowledged.csv" { new[$1]; there[$1]; next }
        FILENAME == "lists.csv" { if (!($0 in put || $0 in old)) exit wrong = 1; next }
        !($0 in put) && (!($0 in old) || $1 in new) { exit wrong = 1 }
        { delete there[$1] }
        END { for (name in there) wrong = 1; exit wrong }' \
        put.csv before.csv acknowledged.csv lists.csv after.csv
}
mmap_db_nothing_is_left() {
    [ "$(find "$work" -name 'torture.dat*' | wc -l)" = 1 ]
}
# The lock is spared: who may write the file can make glibc follow pointers there (see the README).
mmap_db_objects() {
    echo "--spare 384 512 $work/torture.dat"
}

# --- 05_simd ---------------------------------------------------------------------------------

# What is asked for of a ring that is there: nothing. It keeps its size, its kernel and its seed.
simd_draw() { # at least one batch, as above
    local kernels=(square sum sigmoid)
    simd_batches=$((RANDOM % 300 * 100 + 1))
    simd_isa=scalar
    [ $((RANDOM % 2)) = 0 ] || simd_isa=auto
    simd_ring=(--kernel "${kernels[RANDOM % 3]}" --slots $((2 << RANDOM % 8)) --seed "$RANDOM")
    [ ! -e "/dev/shm$name" ] || simd_ring=()
}
simd_producer() {
    command=("$root/05_simd/producer" --name "$name" "${timeout[@]}" --batches "$simd_batches" ${simd_ring[@]+"${simd_ring[@]}"})
}
simd_consumer() {
    command=("$root/05_simd/consumer" --name "$name" "${timeout[@]}" --isa "$simd_isa" --verify all)
}
# No batch is wrong: half-processed, or processed twice. And unless a consumer was killed, which can't say what
# it had processed: what producers know to be processed is what consumers have processed.
simd_arrived() {
    local label done=0 known=0 count
    for label in $(all_of consumer); do
        ! grep -qE 'are wrong|is damaged' "$label.err" || return 1
        count=$(sed -n 's/^processed \([0-9]*\) batches, .* 0 wrong$/\1/p' "$label.out")
        [[ ${sent_to[$label]} != *KILL* ]] || continue
        [ -n "$count" ] || [ "${status_of[$label]}" = 1 ] || return 1
        done=$((done + ${count:-0}))
    done
    for label in $(all_of producer); do
        ! grep -q 'is damaged' "$label.err" || return 1
        [ "${status_of[$label]}" != 0 ] || known=$((known + simd_batches))
    done
    [ "$done" -ge "$known" ] || [[ "${sent_to[*]}" == *KILL* ]]
}
simd_nothing_is_left() {
    nothing_is_left
}
simd_objects() {
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
# Its names hold the writer's pid, and stand in the region: if somebody scribbles there, they stay.
writer_reader_bench_remove() {
    local label
    for label in $(all_of writer); do
        remove_made_by "${!label}"
    done
}
remove_made_by() { # PID
    local name=myshm-$1-
    rm -rf "/tmp/$name"* "/dev/shm/$name"* "/dev/shm/sem.$name"*
    ipcs -m -p | awk -v pid="$1" '$3 == pid { print $1 }' | xargs -r -n 1 ipcrm -m
    unshare --mount sh -c 'mount -t mqueue none /mnt && rm -f "/mnt/$1"*' sh "$name" 2>/dev/null
}
writer_reader_bench_objects() {
    echo "/dev/shm$name"
}

# --- 07_sysv ---------------------------------------------------------------------------------

. "$root/tests/sysv_objects.sh"

sysv_draw() {
    key=$work/sysv.key # one for the campaign: what a round leaves is there for the next one
    touch "$key"
    slots=$((RANDOM % 8 + 1))
    case $((RANDOM % 3)) in
        0) input_bytes=$((RANDOM % 2)) slot_bytes=1 ;;
        1) input_bytes=$((RANDOM % 5000)) slot_bytes=$((RANDOM % 50 + 1)) ;;
        2) input_bytes=$((RANDOM * 1024)) slot_bytes=262144 ;;
    esac
    head -c "$input_bytes" /dev/urandom >sent
}
sysv_producer() { # its input is opened by itself: each one reads from the beginning
    command=(sh -c 'exec "$@" <sent' sh "$root/07_sysv/producer" --key "$key" "${timeout[@]}" --slots "$slots" --slot-bytes "$slot_bytes")
}
sysv_consumer() {
    command=("$root/07_sysv/consumer" --key "$key" "${timeout[@]}")
}
# A consumer that ends with 0 has all; any other one has the beginning, and nothing else.
sysv_arrived() {
    local label complete=0
    for label in $(all_of consumer); do
        if [ "${status_of[$label]}" = 0 ]; then
            cmp -s sent "$label.out" || return 1
            complete=1
        else
            head -c "$(stat -c %s "$label.out")" sent | cmp -s - "$label.out" || return 1
        fi
    done
    ! a_producer_succeeded || [ "$complete" = 1 ] || a_consumer_was_killed
}
a_consumer_was_killed() { # after it had acknowledged: then its output is complete
    local label
    for label in $(all_of consumer); do
        [ "${status_of[$label]}" != 137 ] || ! cmp -s sent "$label.out" || return 0
    done
    return 1
}
sysv_nothing_is_left() {
    nothing_of_ours
}
sysv_remove() {
    [ -z "${key-}" ] || remove_leftovers
}
sysv_objects() {
    echo "--sysv $(key_of "$key")"
}
