#!/usr/bin/env bash
# writer_reader.t - lesson 06: the menu and every bad answer, either half first, the region's life, wrong usage

. "$(dirname "$0")/lib.sh"

writer=$root/06_writer_reader_bench/writer
reader=$root/06_writer_reader_bench/reader

# answers LABEL ANSWER ...: a writer's menu, with these lines typed.
answers() {
    local label=$1
    shift
    printf '%s\n' "$@" >"$label.in"
    start "$label" sh -c 'exec <"$1" "$2" --name "$3"' sh "$label.in" "$writer" "$name"
}

is_ready() { # LABEL: that reader has joined
    grep -q '^Shared memory receiver ready\.$' "$1.out"
}

# --- the menu --------------------------------------------------------------------------------

answers w 1 64 30 2 1000000 3 3
eventually is_waiting w
start r "$reader" --name "$name"
ok 'the menu, writer first' ends "$w" 0
ok 'the reader ends with it' ends "$r" 0
cat >expected <<'END'
Menu:
1. Latency test (small messages)
2. Throughput test (large message)
3. Exit
Enter choice: Enter message size in bytes: Enter number of messages: Latency per message: N ms
Menu:
1. Latency test (small messages)
2. Throughput test (large message)
3. Exit
Enter choice: Enter message size in bytes: Enter number of messages: Throughput: N MB/s
Menu:
1. Latency test (small messages)
2. Throughput test (large message)
3. Exit
END
printf 'Enter choice: ' >>expected
sed -E -e 's/[0-9]+\.[0-9]{6} ms/N ms/' -e 's/[0-9]+\.[0-9]{2} MB/N MB/' w.out >got
ok 'asks and answers exactly so' diff expected got
{
    echo 'Shared memory receiver ready.'
    for i in {0..29}; do
        letters=ABCDEFGHIJKLMNOPQRSTUVWXYZ
        echo "Received 64 bytes. First char: ${letters:i % 26:1}"
    done
    for i in A B C; do echo "Received 1000000 bytes. First char: $i"; done
} >expected
ok 'the reader prints a line for each message' diff expected r.out
ok 'and that it checked every byte' says r.err '^reader: received 33 messages, every byte checked: 0 wrong'
ok 'nothing is left' nothing_is_left

start r "$reader" --name "$name" --quiet --check first
eventually is_waiting r
answers w 1 1 1000 3
ok 'reader first, messages of one byte' ends "$w" 0
ok 'the reader ends with it' ends "$r" 0
is '--quiet prints no messages' "$(cat r.out)" 'Shared memory receiver ready.'
ok 'but counts them' says r.err '^reader: received 1000 messages, the first byte of each checked: 0 wrong'

# --- bad answers -----------------------------------------------------------------------------

# The longest message is what the answer to a longer one says.
answers w 1 999999999999 '' 3
ends "$w" 1
limit=$(sed -n "s/^writer: '999999999999' .* from 1 to \([0-9]*\)$/\1/p" w.err)
ok 'a message longer than the region is refused with the limit' test "${limit:-0}" -gt 1000000

answers w abc '' -1 0 4 3x 99999999999999999999 ' 3 '
ok 'no choice of the menu' ends "$w" 0
is 'is explained each time' "$(grep -c 'is not possible here; give a whole number from 1 to 3$' w.err)" 7
is 'and asked again' "$(grep -c '^1. Latency' w.out)" 8

answers w 1 x 0 -5 $((limit + 1)) "$limit" 0 none 1e3 2 2 $((limit + 1)) "$limit" 1 3
start r "$reader" --name "$name" --quiet
ok 'the longest message, after bad sizes and counts' ends "$w" 0
ok 'arrives' ends "$r" 0
ok 'whole' says r.err 'received 3 messages, every byte checked: 0 wrong'
is 'each bad size is explained' "$(grep -c "give a whole number from 1 to $limit$" w.err)" 5
is 'each bad count, too' "$(grep -c 'give a whole number from 1 to 100000000$' w.err)" 3
is 'and asked again' "$(grep -o 'Enter message size' w.out | wc -l)" 7

answers w "$(head -c 10000 /dev/zero | tr '\0' 1)" 3
ok 'an answer of 10000 digits' ends "$w" 0
is 'is one answer' "$(grep -c 'not possible here' w.err)" 1
ok 'the end of the input instead of a choice ends the menu' \
    exits 0 sh -c '"$1" --name "$2" </dev/null' sh "$writer" "$name"
for typed in 1 '1\n64' '1\n64\n' '2\nx'; do
    ok "the end of the input after '$typed'" \
        exits 1 sh -c 'printf "$1" | "$2" --name "$3"' sh "$typed" "$writer" "$name"
    ok 'is explained' says err '^writer: the input ended before the answer; nothing was measured$'
done
ok 'a closed input ends the menu' exits 0 sh -c '"$1" --name "$2" <&-' sh "$writer" "$name"
ok 'nothing is left' nothing_is_left

# --- halves that stop ------------------------------------------------------------------------

# typing LABEL: a menu that waits for somebody to type; a line for it goes to descriptor 7.
typing() {
    rm -f keys && mkfifo keys
    start "$1" sh -c 'exec <keys "$1" --name "$2"' sh "$writer" "$name"
    exec 7>keys
}

connect_both() { # ends with a menu that has a reader
    typing w
    start r "$reader" --name "$name"
    printf '1\n8\n1\n' >&7
    eventually grep -q 'Received 8 bytes' r.out
    eventually eval '[ "$(grep -c "^1. Latency" w.out)" = 2 ]'
}

connect_both
ok 'a second writer is refused' exits 1 "$writer" --name "$name"
ok 'by pid' says err "^writer: cannot create $name: another writer \(pid $w\) is running; stop it first"
ok 'a second reader is refused' exits 1 "$reader" --name "$name"
ok 'by pid' says err "^reader: cannot join $name: another reader \(pid $r\) is connected"
kill -INT "$r"
ok 'Ctrl-C on the reader ends it with 130' ends "$r" 130
ok 'with its summary' says r.err 'received 1 messages, every byte checked: 0 wrong'
ok 'the menu ends' ends "$w" 1
ok 'and says why' says w.err "^writer: the reader \(pid $r\) has stopped"
exec 7>&-

connect_both
kill -INT "$w"
ok 'Ctrl-C at the menu ends the writer with 130' ends "$w" 130
ok 'to the reader it is the end' ends "$r" 0
exec 7>&-

connect_both
kill -9 "$r"
ends "$r" 137
ok 'a reader killed while the menu waits ends the menu' ends "$w" 1
ok 'by pid' says w.err "^writer: the reader \(pid $r\) has died"
exec 7>&-
connect_both
kill -9 "$w"
ends "$w" 137
ok 'a writer killed at its menu is an error' ends "$r" 1
ok 'by pid' says r.err "^reader: the writer \(pid $w\) has died"
ok 'the reader has removed the region' nothing_is_left
exec 7>&-

typing w
eventually test -s w.out
kill -9 "$w"
ends "$w" 137
exec 7>&-
ok 'a writer killed without a reader leaves its region' test -n "$(leftovers)"
answers w 1 100 10 3
start r "$reader" --name "$name" --quiet
ok 'the next one takes it over' ends "$w" 0
ok 'with its reader' ends "$r" 0
ok 'nothing is left' nothing_is_left

ok 'no reader within --timeout 1' exits 1 sh -c 'printf "1\n1\n1\n" | "$1" --name "$2" --timeout 1' sh "$writer" "$name"
ok 'says what to start' says err "^writer: no reader came within 1 s; start one: \./reader --name $name$"
ok 'no writer within --timeout 1' exits 1 "$reader" --name "$name" --timeout 1
ok 'says what to start' says err "^reader: no writer came within 1 s; start one: \./writer --name $name$"

start w "$writer" latency --name "$name" --transport shm --sync spin --size 64 --count 100000000 --timeout 1
start r "$reader" --name "$name"
eventually is_ready r
kill -STOP "$r"
ok 'a suspended reader' ends "$w" 1
ok 'is named' says w.err "^writer: the reader \(pid $r\) does not answer for 1 s; is it suspended"
kill -CONT "$r"
eventually is_gone "$r"
("$reader" --name "$name" 2>err; echo $? >status) | head -2 >out &
answers w 1 8 100000 3 # more lines than a pipe holds: head may take its time
eventually test -s status
ok '| head -2 ends the reader as SIGPIPE does' test "$(cat status)" = 141
ends "$w" 1
ok 'nothing is left' nothing_is_left

# --- the region ------------------------------------------------------------------------------

head -c 5000 /dev/zero | tr '\0' x >"/dev/shm$name"
for half in "$writer" "$reader"; do
    ok "an object that isn't ours: ${half##*/}" exits 1 "$half" --name "$name" --timeout 1 </dev/null
    ok 'says how to remove it' says err "rm /dev/shm$name"
done
is 'and leaves it alone' "$(stat -c %s "/dev/shm$name")" 5000
rm "/dev/shm$name"
if [ "$(id -u)" -eq 0 ]; then
    (umask 077 && head -c 5000 /dev/zero >"/dev/shm$name") && chown 65534 "/dev/shm$name"
    for half in "$writer" "$reader"; do
        ok "another user's object: ${half##*/}" exits 1 "$half" --name "$name" --timeout 1 </dev/null
        ok 'says whose it is' says err "belongs to user 65534; choose another --name"
    done
    rm "/dev/shm$name"
else
    skip "another user's object" 'needs root'
fi
if unshare --mount mount -t tmpfs none /mnt 2>/dev/null; then
    ok 'a small /dev/shm' exits 0 unshare --mount sh -c \
        'mount -t tmpfs -o size=64m none /dev/shm && printf "%s\n" 1 60000000 1000 1 3 >in &&
         { "$2" --quiet & } && "$1" <in && wait' sh "$writer" "$reader"
    ok 'gets a smaller region, and says so' says err '^writer: the region has 55 MiB instead of 110'
    ok 'refuses what does not fit' says err "'60000000' is not possible here"
    ok 'one that is too small' exits 1 unshare --mount sh -c \
        'mount -t tmpfs -o size=1m none /dev/shm && "$1" </dev/null' sh "$writer"
    ok 'is named' says err '^writer: cannot create /myshm: .*No space left on device; see df /dev/shm'
else
    skip 'a small /dev/shm' 'needs the right to mount in a namespace of its own'
fi

# --- wrong usage -----------------------------------------------------------------------------

wrong() { # PROGRAM PATTERN ARGUMENT ...
    local program=$1 pattern=$2
    shift 2
    ok "${program##*/} $* is wrong usage" exits 2 "$program" "$@"
    ok 'which one line names' test "$(wc -l <err)" = 1 -a -n "$(grep -E -e "$pattern" err)"
}

wrong "$writer" 'unknown test fast; give latency, throughput or compare' fast
wrong "$writer" 'unexpected argument now' latency now
wrong "$writer" "--transport shm,carrier: 'carrier' is none of shm, mmap, sysv, pipe, fifo, unix, tcp, mq" latency --transport shm,carrier
wrong "$writer" "'' is none of" latency --transport ''
wrong "$writer" "--sync sleep: 'sleep' is none of spin, hybrid, sem, cond, futex" latency --sync sleep
wrong "$writer" '--size 0: give a whole number from 1 to' latency --size 0
wrong "$writer" '--size x: give a whole number' latency --size 64,x
wrong "$writer" '--size 1,1,1,.*: give at most 16 sizes' latency --size 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1
wrong "$writer" "--size $((limit + 1)): the longest message that fits the region has $limit bytes" latency --name "$name" --size $((limit + 1))
wrong "$writer" '--count 0: give a whole number from 1 to 100000000' latency --count 0
wrong "$writer" '--warmup -1: give a whole number from 0' latency --warmup -1
wrong "$writer" 'these options are for a test' --count 5
wrong "$writer" '--cpu 99: give two processors' latency --cpu 99
wrong "$writer" '--cpu 0,99x: give two processors' latency --cpu 0,99x
wrong "$writer" '--cpu 0,9999: there is no processor 9999 that this process may use' latency --cpu 0,9999
wrong "$writer" '--cpu 9999,0: there is no processor 9999' latency --cpu 9999,0
wrong "$writer" '--name x: give a slash' --name x
wrong "$reader" '--check some: give all, first or none' --check some
wrong "$reader" 'unexpected argument latency' latency
ok 'a CSV file that cannot be made' exits 1 "$writer" latency --name "$name" --csv nowhere/x
ok 'is named' says err '^writer: cannot create nowhere/x: No such file'
for half in "$writer" "$reader"; do
    ok "${half##*/} --help" exits 0 "$half" --help
    ok 'explains the pair' says out '^Run the pair:'
done
ok 'nothing is left' nothing_is_left
