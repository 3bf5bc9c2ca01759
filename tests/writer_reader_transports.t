#!/usr/bin/env bash
# writer_reader_transports.t - lesson 06: every transport, every way to wait: each byte arrives; tables and CSV

. "$(dirname "$0")/lib.sh"

writer=$root/06_writer_reader_bench/writer
reader=$root/06_writer_reader_bench/reader

# checksum BYTES COUNT: what the reader has to come to, computed in another way.
checksum() {
    local letters=0 i
    for ((i = 0; i < $2; i++)); do letters=$((letters + 65 + i % 26)); done
    echo $((letters * ($1 / 8 * 0x0101010101010101 + $1 % 8)))
}

# The names of the transports' objects hold the writer's pid.
nothing_of_its() { # PID
    local left
    left=$(find /tmp /dev/shm /dev/mqueue -maxdepth 1 -name "*myshm-$1-*" 2>/dev/null
        ipcs -m -p | awk -v pid="$1" '$3 == pid')
    [ -z "$left" ] || { printf '#   left: %s\n' "$left"; return 1; }
}

run_both() { # [OPTION ...]: the writer's
    start r "$reader" --name "$name" --quiet
    start w "$writer" "$@" --name "$name"
    ends "$w" 0 && ends "$r" 0
}

# Did the reader get that many messages, with that sum of their checksums?
got() { # COUNT CHECKSUM
    says r.err "received $1 messages, every byte checked: 0 wrong; checksum $(printf %016x "$2")\$" && nothing_of_its "$w"
}

# Is this way there at all? A container may have no message queues.
is_there() { # [OPTION ...]
    run_both latency --size 8 --count 1 "$@" >tried
    ! grep -q 'cannot use' w.err
}

# One byte, a cache line, more than a page, several fragments and no multiple of anything; then so many
# that every slot is used again.
every_byte_arrives() { # [OPTION ...]
    local size sum=0
    for size in 1 64 4097 100000 3000001; do sum=$((sum + 2 * $(checksum "$size" 30))); done
    run_both compare --size 1,64,4097,100000,3000001 --count 30 --warmup 0 "$@" && got 300 "$sum" || return 1
    run_both throughput --size 64 --count 5000 --warmup 700 "$@" &&
        got 5700 $(($(checksum 64 5000) + $(checksum 64 700)))
}

for way in 'shm spin' 'shm hybrid' 'shm sem' 'shm cond' 'shm futex' 'mmap spin' 'mmap hybrid' 'mmap sem' \
    'mmap cond' 'mmap futex' 'sysv spin' 'sysv sem' pipe fifo unix tcp mq; do
    read -r transport wait <<<"$way"
    options=(--transport "$transport")
    [ -z "$wait" ] || options+=(--sync "$wait")
    if is_there "${options[@]}"; then
        ok "$way: every byte arrives, there and back and in streams" every_byte_arrives "${options[@]}"
    else
        skip "$way: every byte arrives" "$(sed -n 's/.*cannot use/this machine cannot use/p' w.err)"
    fi
done

ok 'both halves on one processor' run_both compare --transport shm,pipe --size 64,100000 --count 30 --cpu 0,0
ok 'which the table says' says w.out '^The writer ran on processor 0, the reader on 0\.$'
ok 'the reader checks the first byte only' eval \
    'start r "$reader" --name "$name" --check first; start w "$writer" latency --name "$name" --size 8 --count 10 --warmup 0 --transport pipe; ends "$w" 0 && ends "$r" 0'
ok 'and says so' says r.err 'received 10 messages, the first byte of each checked: 0 wrong; checksum 0000000000000000'

ok 'the whole comparison, short' run_both compare --count 20 --warmup 1 --csv table --size 64,1024,1048576
ok 'the host' says w.out '^Measured on [0-9]+ processor.*; Linux '
ok 'the classic table: shm and mmap, min, mean, max' says w.out '^ +1024( +[0-9]+\.[0-9]{3}){6}$'
for way in 'shm spin' 'mmap futex' 'sysv spin' pipe fifo unix tcp; do
    ok "$way: the latencies" says w.out "^$way +1024 +20( +[0-9]+\.[0-9]{3}){7} +[0-9.]+ +[0-9]+ -> [0-9]+"
    ok "$way: the throughput" says w.out "^$way +1048576 +20 +[0-9]+\.[0-9] +[0-9]+ +[0-9.]+ +[0-9]+ %"
done
ok 'the limit' says w.out '^copies +1048576 .* limit '
ok 'the ratio of the latencies' says w.out '^A round trip of 1024 bytes.*shm 1 : pipe [0-9.]+ : unix [0-9.]+'
ok 'the ratio of the streams' says w.out '^A stream of 1048576 bytes.*shm 1 : pipe [0-9.]+ : unix [0-9.]+'
rows=$(grep -cE '^(latency|throughput|limit),' table)
is 'the CSV file has every row' "$(grep -cE '^(shm|mmap|sysv|copies|pipe|fifo|unix|tcp|mq)\b.* -> ' w.out)" "$rows"
is 'with as many fields as its title' "$(awk -F, '{ print NF }' table | sort -u)" 16
ok 'in order: min <= p50 <= p99 <= p99.9 <= max' awk -F, \
    '$1 == "latency" && !($6 <= $8 && $8 <= $9 && $9 <= $10 && $10 <= $11) { bad = 1; print "#  ", $0 } END { exit bad }' table
ok 'nothing is left' nothing_is_left
