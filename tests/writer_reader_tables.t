#!/usr/bin/env bash
# writer_reader_tables.t - lesson 06: the whole comparison, short: what the tables and the CSV file say

. "$(dirname "$0")/lib.sh"

start r "$root/06_writer_reader_bench/reader" --name "$name" --quiet
start w "$root/06_writer_reader_bench/writer" compare --name "$name" --count 20 --warmup 1 --csv table \
    --size 64,1024,1048576
ok 'the whole comparison, short' ends "$w" 0
ok 'the reader ends with it' ends "$r" 0
ok 'the host' says w.out '^Measured on [0-9]+ processor.*; Linux '
ok 'the classic table: shm and mmap, min, mean, max' says w.out '^ +1024( +[0-9]+\.[0-9]{3}){6}$'
for way in 'shm spin' 'mmap futex' 'sysv spin' pipe fifo unix tcp; do
    ok "$way: the latencies" says w.out "^$way +1024 +20( +[0-9]+\.[0-9]{3}){7} +[0-9.]+ +[0-9]+ -> [0-9]+"
    ok "$way: the throughput" says w.out "^$way +1048576 +20 +[0-9]+\.[0-9] +[0-9]+ +[0-9.]+ +[0-9]+ %"
done
ok 'a message that a flag answers' says w.out '^handover +1024 +20( +[0-9]+\.[0-9]{3}){6} +- +[0-9.]+ +[0-9]+ -> [0-9]+'
ok 'the limit' says w.out '^copies +1048576 .* limit '
ok 'the ratio of the latencies' says w.out '^A round trip of 1024 bytes.*shm 1 : pipe [0-9.]+ : unix [0-9.]+'
ok 'the ratio of the streams' says w.out '^A stream of 1048576 bytes.*shm 1 : pipe [0-9.]+ : unix [0-9.]+'
rows=$(grep -cE '^(latency|throughput|limit|handover),' table)
is 'the CSV file has every row' "$(grep -cE '^(shm|mmap|sysv|copies|handover|pipe|fifo|unix|tcp|mq)\b.* -> ' w.out)" "$rows"
is 'with as many fields as its title' "$(awk -F, '{ print NF }' table | sort -u)" 16
cp table kept
ok 'no reader: the file' exits 1 "$root/06_writer_reader_bench/writer" latency --name "$name" --csv table --timeout 1
ok 'that was there is still there' cmp kept table
ok 'in order: min <= p50 <= p99 <= p99.9 <= max' awk -F, \
    '$1 == "latency" && !($6 <= $8 && $8 <= $9 && $9 <= $10 && $10 <= $11) { bad = 1; print "#  ", $0 } END { exit bad }' table
ok 'nothing is left' nothing_is_left
