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

start r "$root/06_writer_reader_bench/reader" --name "$name" --quiet
start w "$root/06_writer_reader_bench/writer" latency --name "$name" --bars --count 200 --warmup 1 --size 64 \
    --transport shm,pipe --sync spin
ok 'bars instead of tables' ends "$w" 0
ok '... the reader ends with it' ends "$r" 0
for way in 'shm spin' pipe handover; do
    sed -n "/^$way: 200 x 64 bytes/,/^$/p" w.out >drawn
    ok "$way: a line for each power of two" says drawn '^< +[0-9.]+ [num]?s  [#. ]{20} +[0-9.]+ %$'
    ok '... which make 98 to 100 %' awk '/^</ { sum += $(NF - 1); marks += gsub("#", "") }
        END { exit !(sum > 97 && sum < 102 && marks < 30) }' drawn
done
is '... and no table' "$(grep -cE ' -> |^Measured' w.out)" 0
ok '... the ratio' says w.out '^A round trip of 64 bytes.*shm 1 : pipe [0-9.]+$'
ok '... not of a stream' exits 2 "$root/06_writer_reader_bench/writer" throughput --bars --name "$name"
ok '... and says why' says err 'a time of its own'
ok '... nor in the menu' exits 2 "$root/06_writer_reader_bench/writer" --bars --name "$name"
ok 'nothing is left' nothing_is_left
