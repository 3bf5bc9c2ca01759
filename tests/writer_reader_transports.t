#!/usr/bin/env bash
# writer_reader_transports.t - lesson 06: every transport, every way to wait: each byte arrives; tables and CSV

. "$(dirname "$0")/lib.sh"
. "$root/tests/writer_reader_lib.sh"

# checksum BYTES COUNT: what the reader has to come to, computed in another way.
checksum() {
    local letters=0 i
    for ((i = 0; i < $2; i++)); do letters=$((letters + 65 + i % 26)); done
    local words=$(($1 / 8)) rest=$(($1 % 8))
    echo $((letters * (words * 0x0101010101010101 + rest)))
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

# One byte, a cache line, more than a page, several fragments and no multiple of anything; then so many
# that every slot is used again.
every_byte_arrives() { # [OPTION ...]
    local size sum=0 runs=2
    [[ "$*" != *shm*spin ]] || runs=3 # there and back, in a stream, and those that a flag answers
    for size in 1 64 4097 1500001; do sum=$((sum + runs * $(checksum "$size" 12))); done
    got $((runs * 48)) "$sum" || return 1
    run_both throughput --size 64 --count 3000 --warmup 300 "$@" &&
        got 3300 $(($(checksum 64 3000) + $(checksum 64 300)))
}

for way in 'shm spin' 'shm hybrid' 'shm sem' 'shm cond' 'shm futex' 'mmap spin' 'mmap sem' 'mmap futex' \
    'sysv spin' 'sysv cond' pipe fifo unix tcp mq; do
    read -r transport wait <<<"$way"
    options=(--transport "$transport")
    [ -z "$wait" ] || options+=(--sync "$wait")
    run_both compare --size 1,64,4097,1500001 --count 12 --warmup 0 "${options[@]}" >tried
    if grep -q 'cannot use' w.err; then
        skip "$way: every byte arrives" "$(sed -n 's/.*cannot use/this machine cannot use/p' w.err)"
    else
        ok "$way: every byte arrives, there and back and in streams" every_byte_arrives "${options[@]}"
    fi
done

ok 'both halves on one processor' run_both compare --transport shm,pipe --size 64,100000 --count 30 --cpu 0,0
ok 'which the table says' says w.out '^The writer ran on processor 0, the reader on 0\.$'
ok 'the reader checks the first byte only' eval \
    'start r "$reader" --name "$name" --check first; start w "$writer" latency --name "$name" --size 8 --count 10 --warmup 0 --transport pipe; ends "$w" 0 && ends "$r" 0'
ok 'and says so' says r.err 'received 10 messages, the first byte of each checked: 0 wrong; checksum 0000000000000000'
ok 'nothing is left' nothing_is_left
