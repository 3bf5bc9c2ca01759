#!/usr/bin/env bash
# countdown.t - lesson 01 from end to end: order of start, refusals, takeovers, bad input

. "$(dirname "$0")/lib.sh"

producer=$root/01_countdown/producer
consumer=$root/01_countdown/consumer
object=/dev/shm$name
sent=$(seq 10 -1 0 | sed 's/^/sent /')
received=$(seq 10 -1 0 | sed 's/^/received /'; echo liftoff)

start_producer() { # LABEL [OPTION ...]
    local label=$1
    shift
    start "$label" "$producer" --name "$name" --interval 0 "$@"
}

pair_is_right() { # PRODUCER-LABEL CONSUMER-LABEL: both have ended, and said all they should
    ends "${!1}" 0 && ends "${!2}" 0 &&
        [ "$(cat "$1.out")" = "$sent" ] && [ "$(cat "$2.out")" = "$received" ]
}

# --- either half first -----------------------------------------------------------------------

start_producer p
eventually is_waiting p
start_consumer c
ok 'producer first' pair_is_right p c
ok 'the one that waits says which command to type' says p.err "\./consumer --name $name"

start_consumer c
eventually is_waiting c
start_producer p
ok 'consumer first' pair_is_right p c
ok 'and it, too, says which command to type' says c.err "\./producer --name $name"

fifty_pairs() {
    for _ in {1..50}; do
        start_producer p
        start_consumer c
        pair_is_right p c || return 1
    done
}
ok 'both at once, 50 times' fifty_pairs
ok 'nothing is left' nothing_is_left

start_producer p --from 0
start_consumer c
ok '--from 0 hands over one number' ends "$c" 0
is 'and that is 0' "$(cat c.out)" $'received 0\nliftoff'
ends "$p" 0

start_producer p --from 1000
start_consumer c
ends "$p" 0 && ends "$c" 0
is 'a thousand numbers arrive once each and in order' "$(cat c.out)" \
    "$(seq 1000 -1 0 | sed 's/^/received /'; echo liftoff)"

# --- too many --------------------------------------------------------------------------------

start_producer p
eventually is_waiting p
ok 'a second producer is refused' exits 1 "$producer" --name "$name"
ok 'with the pid of the first' says err "^producer: cannot create $name: another producer \(pid $p\)"
start_consumer c
ok 'the first one is unharmed' pair_is_right p c

start_producer p
eventually is_waiting p
kill -STOP "$p"
start_consumer c
joined() {
    [ "$(words 24 1 "$object")" = "$1" ]
}
eventually joined "$c"
ok 'a second consumer is refused before the first is served' exits 1 "$consumer" --name "$name"
ok 'with the pid of the first' says err "^consumer: cannot join $name: another consumer \(pid $c\)"
kill -CONT "$p"
ok 'the first one is unharmed' pair_is_right p c

start_producer p1 --from 1000000 --interval 5
start_consumer c1
connected() {
    [ -s c1.out ]
}
eventually connected
ok 'once a pair is connected its names are free' nothing_is_left
start_producer p2
start_consumer c2
ok 'a second pair of the same name runs beside it' pair_is_right p2 c2
numbers_so_far=$(wc -l <c1.out)
goes_on() {
    [ "$(wc -l <c1.out)" -gt "$numbers_so_far" ]
}
ok 'and the first did not notice' eventually goes_on
kill -INT "$p1"
ends "$p1" 130
ends "$c1" 1

race() {
    local i label alive
    for i in 1 2 3 4 5; do start_producer "r$i"; done
    four_have_ended() {
        alive=()
        for label in r1 r2 r3 r4 r5; do kill -0 "${!label}" && alive+=("$label"); done
        [ "${#alive[@]}" -eq 1 ]
    }
    eventually four_have_ended || return 1
    winner=${!alive[0]}
    for label in r1 r2 r3 r4 r5; do
        [ "$label" = "${alive[0]}" ] && continue
        ends "${!label}" 1 && says "$label.err" "another producer \(pid $winner\) is running" || return 1
    done
    [ "$(words 16 1 "$object")" = "$winner" ]
}
ok 'five producers at once: one wins, four refuse and name it' race
start_consumer c
ok 'the winner works' ends "$c" 0
ends "$winner" 0

races_over_leftovers() {
    for _ in {1..50}; do
        race || return 1
        kill -9 "$winner"
        ends "$winner" 137 || return 1
    done
}
ok "five producers at once over a dead one's leftovers, 50 times" races_over_leftovers
start_producer p
start_consumer c
ok 'the next run works at once' pair_is_right p c
ok 'nothing is left' nothing_is_left

# --- leftovers and strangers -----------------------------------------------------------------

start_producer p
eventually is_waiting p
kill -9 "$p"
ends "$p" 137
for semaphore in writable readable; do # the value is the first word of glibc's and musl's sem_t
    file=/dev/shm/sem.${name#/}-$semaphore
    [ -e "$file" ] || file=/dev/shm/${name#/}-$semaphore # musl
    printf '\7\0\0\0' | dd of="$file" conv=notrunc status=none
done
start_producer p
start_consumer c
ok 'semaphores of a crashed run with wrong values do no harm' pair_is_right p c

: >"$object"
ok 'an object without bytes: the consumer waits till its deadline' \
    exits 1 "$consumer" --name "$name" --timeout 1
ok 'and says what to start' says err '^consumer: no producer came within 1 s; start one: \./producer'
start_producer p
start_consumer c
ok 'an object without bytes: the producer takes it over' pair_is_right p c

# put MAGIC VERSION BYTES [PADDING-TO]: an object with that header, of that size.
put() {
    # shellcheck disable=SC2059 # the format is made of numbers
    printf "$1\\$(printf %o "$2")\0\0\0\\$(printf %o "$3")\0\0\0\0\0\0\0" >"$object"
    truncate -s "$4" "$object"
    cp "$object" before
}
refused_untouched() { # PATTERN
    exits 1 "$producer" --name "$name" && says err "^producer: cannot use $name: .*$1" &&
        says err "rm $object" &&
        exits 1 "$consumer" --name "$name" && says err "^consumer: cannot use $name: .*$1" &&
        cmp -s "$object" before
}
put XMAS 1 40 40
ok "someone else's magic is refused and left alone" refused_untouched 'found magic XMAS'
put CNTD 9 40 40
ok 'another version is refused and left alone' refused_untouched 'version 9, 40 bytes; expected magic CNTD, version 1'
put CNTD 1 40 33
ok 'the right header with too few bytes is refused and left alone' refused_untouched 'has 33 bytes, expected 40'
put CNTD 1 99 40
ok 'a header that lies about the size is refused and left alone' refused_untouched 'version 1, 99 bytes'
rm "$object"

other_user() {
    setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}
if [ "$(id -u)" -eq 0 ] && other_user test -x "$producer" 2>/dev/null; then
    put CNTD 1 40 40
    ok "another user's object: the producer says so" exits 1 other_user "$producer" --name "$name"
    ok 'in one clear line' says err "^producer: cannot create $name: Permission denied; choose another"
    ok "another user's object: the consumer says so" exits 1 other_user "$consumer" --name "$name"
    ok 'in one clear line' says err "^consumer: cannot open $name: Permission denied; choose another"
    rm "$object"
else
    skip "another user's object" 'needs root, and a checkout that other users can read'
fi

# In a mount namespace of its own, with a /dev/shm of two pages, both taken.
on_full_shm() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount sh -c 'mount -t tmpfs -o size=8k none /dev/shm &&
        head -c 8192 /dev/zero >/dev/shm/full && "$@"; status=$?
        [ "$(ls /dev/shm)" = full ] || exit 99
        exit $status' sh "$@"
}
if unshare --mount mount -t tmpfs none /dev/shm 2>/dev/null; then
    ok 'a full /dev/shm is an error, nothing is left' exits 1 on_full_shm "$producer" --name "$name"
    ok 'that names the cure' says err "^producer: cannot reserve 40 bytes for $name: No space left.*df /dev/shm"
else
    skip 'a full /dev/shm' 'needs the right to mount in a namespace of its own'
fi

# --- stop signals, a closed stdout, nobody there ---------------------------------------------

hup_is_ignored() { # as under nohup: then the programs leave it so
    bash -c trap | grep -q HUP
}

for signal in INT:2 TERM:15 HUP:1; do
    number=${signal#*:}
    signal=${signal%:*}
    if [ "$signal" = HUP ] && hup_is_ignored; then
        skip 'SIGHUP' 'these tests run under nohup'
        continue
    fi
    start_producer p --from 1000000 --interval 5
    start_consumer c
    eventually test -s c.out
    kill -"$signal" "$p"
    ok "SIG$signal ends the producer with 128 + $number" ends "$p" $((128 + number))
    ok 'with its summary' says p.err 'numbers read by the consumer in'
    ok 'the consumer says that the producer has stopped' ends "$c" 1
    ok 'by pid, and what is missing' says c.err "the producer \(pid $p\) has stopped; [0-9]+ to 0 are missing"

    start_producer p --from 1000000 --interval 5
    start_consumer c
    eventually test -s c.out
    kill -"$signal" "$c"
    ok "SIG$signal ends the consumer with 128 + $number" ends "$c" $((128 + number))
    ok 'the producer says that the consumer has stopped' ends "$p" 1
    ok 'by pid, and what was read' says p.err "the consumer \(pid $c\) has stopped; it has read [0-9]+ of 1000001"
done
if hup_is_ignored; then
    skip 'SIGHUP that nohup has made ignored' 'these tests themselves run under nohup'
else
    rm -f p.out p.err
    (trap '' HUP; exec "$producer" --name "$name" >p.out 2>p.err) &
    p=$!
    eventually is_waiting p
    kill -HUP "$p"
    start_consumer c
    ok 'SIGHUP that nohup has made ignored stays ignored' ends "$c" 0
    ends "$p" 0
fi

# The last number is posted, and not yet read.
post_the_last_one() {
    start_producer p --from 0
    eventually is_waiting p
    kill -STOP "$p"
    start_consumer c
    eventually joined "$c"
    kill -STOP "$c"
    kill -CONT "$p"
    eventually test -s p.out
}
post_the_last_one
kill -9 "$p"
ends "$p" 137
kill -CONT "$c"
ok 'what a producer posted before it died still counts' ends "$c" 0
is 'and is received' "$(cat c.out)" $'received 0\nliftoff'
post_the_last_one
kill -INT "$p"
ok 'a producer does not take for read what was only sent' ends "$p" 130
ok 'and says so' says p.err '^producer: 0 of 1 numbers read'
kill -CONT "$c"
ends "$c" 0

start_producer p
eventually is_waiting p
kill -STOP "$p"
start_consumer c
eventually joined "$c"
kill -9 "$c"
ends "$c" 137
start_consumer c2
eventually joined "$c2"
ok "a dead consumer's place is taken before the producer has seen it" kill -CONT "$p"
ok 'and all numbers come' pair_is_right p c2

start_producer p
eventually is_waiting p
kill -INT "$p"
ok 'Ctrl-C while waiting ends the producer' ends "$p" 130
start_consumer c
eventually is_waiting c
kill -INT "$c"
ok 'Ctrl-C while waiting ends the consumer' ends "$c" 130
ok 'nothing is left' nothing_is_left

start_consumer c
("$producer" --name "$name" --interval 1 --from 1000 2>err; echo $? >status) | head -2 >out
ok 'a stdout closed early (| head -2) ends the producer as SIGPIPE does' \
    test "$(cat status)" = 141 -a "$(cat out)" = $'sent 1000\nsent 999'
ok 'without a complaint' test "$(grep -vc 'waiting for' err)" = 0
ends "$c" 1
start_producer p --from 1000 --interval 1
("$consumer" --name "$name" 2>err; echo $? >status) | head -2 >out
ok 'and the consumer' test "$(cat status)" = 141 -a "$(cat out)" = $'received 1000\nreceived 999'
ok 'without a complaint' test "$(grep -vc 'waiting for' err)" = 0
ends "$p" 1
if [ -w /dev/full ]; then
    start_consumer c
    status=0
    "$producer" --name "$name" >/dev/full 2>err || status=$?
    is 'a full disk behind stdout is an error' "$status" 1
    ok 'that is named' says err '^producer: cannot write to standard output: No space left'
    ends "$c" 1
else
    skip 'a full disk behind stdout' 'needs /dev/full'
fi

ok 'no consumer within --timeout 1' exits 1 "$producer" --name "$name" --timeout 1
ok 'says what to start' says err "^producer: no consumer came within 1 s; start one: \./consumer --name $name"
ok 'no producer within --timeout 1' exits 1 "$consumer" --name "$name" --timeout 1
ok 'says what to start' says err "^consumer: no producer came within 1 s; start one: \./producer --name $name"
start_producer p --from 1000000 --timeout 1
start_consumer c
eventually test -s c.out
kill -STOP "$c"
ok 'a suspended consumer is waited for till the time-out' ends "$p" 1
ok 'and the producer says so' says p.err "the consumer \(pid $c\) does not answer; is it suspended"
kill -CONT "$c"
ends "$c" 1
ok 'nothing is left' nothing_is_left

# --- wrong usage -----------------------------------------------------------------------------

wrong() { # PROGRAM PATTERN ARGUMENT ...
    local program=$1 pattern=$2
    shift 2
    ok "${program##*/} $* is wrong usage" exits 2 "$program" "$@"
    ok 'which one line names' test "$(wc -l <err)" = 1 -a -n "$(grep -E -e "$pattern" err)"
}
for value in abc -1 99999999999999999999 1000001 '' 5x ' 5'; do
    wrong "$producer" "^producer: --from $value: give a whole number from 0 to 1000000" --from "$value"
done
wrong "$producer" '^producer: --interval 10001: give a whole number from 0 to 10000' --interval 10001
wrong "$consumer" '^consumer: --timeout -1: give a whole number' --timeout -1
wrong "$producer" '^producer: unknown option --frm; see .*producer --help' --frm 5
wrong "$consumer" '^consumer: unknown option --from; see .*consumer --help' --from 5
wrong "$producer" '^producer: --from needs a value' --from
wrong "$producer" '^producer: unexpected argument 10' 10
wrong "$consumer" '^consumer: --name lab: give a slash' --name lab
wrong "$producer" '^producer: --name /a-name-of-22-characters: give a slash and 1 to 20' --name /a-name-of-22-characters
for program in "$producer" "$consumer"; do
    for option in -h --help; do
        ok "${program##*/} $option explains and exits with 0" exits 0 "$program" "$option"
        ok 'with its defaults' says out '--timeout SECONDS .*default 60'
    done
done
