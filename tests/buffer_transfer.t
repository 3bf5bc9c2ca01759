#!/usr/bin/env bash
# buffer_transfer.t - lesson 02 from end to end: streams, consumers that come and go, bad input, plot

. "$(dirname "$0")/lib.sh"

producer=$root/02_buffer_transfer/producer
consumer=$root/02_buffer_transfer/consumer

# --- points ----------------------------------------------------------------------------------

start_producer p --points 5 --rate 0
eventually is_waiting p
start_consumer c
ok 'a stream of points, producer first' ends "$p" 0
ok 'the consumer ends with the stream' ends "$c" 0
is 'a line for each point, numbered' "$(cut -d ' ' -f 1,2 c.out | xargs)" \
    'point 1 point 2 point 3 point 4 point 5'
ok 'in 0 to 100, two decimals' test "$(grep -cE '^point [0-9]+ x=[0-9]{1,2}\.[0-9]{2} y=[0-9]{1,2}\.[0-9]{2}$' c.out)" = 5
mv c.out first

start_consumer c
eventually is_waiting c
start_producer p --points 5 --rate 1000
ok 'consumer first' ends "$c" 0
ends "$p" 0
ok 'the same seed, the same points' cmp -s first c.out
start_consumer c
start_producer p --points 5 --rate 0 --seed 2
ends "$c" 0 && ends "$p" 0
ok 'another seed, others' eval '! cmp -s first c.out'

start_consumer c
start_producer p --points 100000 --batch 777 --rate 0
ends "$p" 0 && ends "$c" 0
is 'a hundred thousand points in batches arrive once each and in order' \
    "$(cut -d ' ' -f 2 c.out | cksum)" "$(seq 100000 | cksum)"
ok 'nothing is left' nothing_is_left

start_producer p --points 0 --rate 2000
start_consumer c
eventually test -s c.out
ok 'a second producer is refused' exits 1 "$producer" --name "$name"
ok 'by pid' says err "^producer: cannot create $name: another producer \(pid $p\) is running"
ok 'a second consumer is refused' exits 1 "$consumer" --name "$name"
ok 'by pid' says err "^consumer: cannot open $name: another consumer \(pid $c\) is connected"
kill -9 "$c"
ends "$c" 137
ok 'a killed consumer: the producer says so' eventually says p.err "the other half \(pid $c\) has died; waiting for the next"
start_consumer c2
eventually test -s c2.out
ok 'and goes on with the next one' kill -0 "$p"
kill -INT "$c2"
ok 'a consumer that leaves ends with 130' ends "$c2" 130
ok 'and its summary' says c2.err 'points received in'
ok 'the producer says so, too' eventually says p.err "the other half \(pid $c2\) has stopped; waiting for the next"
start_consumer c3
eventually test -s c3.out
first_of_next=$(head -n 1 c3.out | cut -d ' ' -f 2)
last_of_left=$(tail -n 1 c2.out | cut -d ' ' -f 2)
ok 'no point is lost between a consumer that leaves and the next' test "$first_of_next" -le $((last_of_left + 1))
kill -INT "$p"
ok 'Ctrl-C on the producer ends it with 130' ends "$p" 130
start_consumer all
start_producer p2 --points 100000 --batch 1000 --rate 0
ends "$all" 0 && ends "$p2" 0
ok 'a batch that is sent again has the same points' test -z "$(sort c.out c2.out c3.out | grep -vxFf all.out)"
ok 'to the consumer it is the end of the stream' ends "$c3" 0
ok 'nothing is left' nothing_is_left

start_producer p --rate 2000
start_consumer c
eventually test -s c.out
kill -9 "$p"
ends "$p" 137
ok 'a killed producer is an error' ends "$c" 1
ok 'by pid' says c.err "^consumer: the other half \(pid $p\) has died"
start_producer p --points 3
start_consumer c
ok 'the next run works at once' ends "$c" 0
ends "$p" 0
ok 'nothing is left' nothing_is_left

start_producer p --rate 2000
("$consumer" --name "$name" 2>err; echo $? >status) | head -2 >out
ok '| head -2 ends the consumer as SIGPIPE does' test "$(cat status)" = 141
ok 'without a complaint' test "$(grep -vc 'waiting for' err)" = 0
kill -INT "$p"
ends "$p" 130

ok 'no consumer within --timeout 1' exits 1 "$producer" --name "$name" --timeout 1
ok 'says what to start' says err "no consumer took anything for 1 s; start one: \./consumer --name $name"
ok 'no producer within --timeout 1' exits 1 "$consumer" --name "$name" --timeout 1
ok 'says what to start' says err "no producer came within 1 s; start one: \./producer --name $name"

# --- bad input -------------------------------------------------------------------------------

ok 'a file that does not exist' exits 1 "$producer" --name "$name" --file nowhere
ok 'is named' says err '^producer: cannot open nowhere: No such file'
ok 'a folder' exits 1 "$producer" --name "$name" --file .
ok 'is named' says err '^producer: cannot read \.: Is a directory'
mkfifo fifo
ok '--output to what is no regular file' exits 1 "$consumer" --name "$name" --output fifo
ok 'is refused' says err '^consumer: cannot store into fifo: it is no regular file'
ok 'and left as it is' test -p fifo
ok '--output into a folder that does not exist' exits 1 "$consumer" --name "$name" --output nowhere/x
ok 'is named' says err '^consumer: cannot create nowhere/x'
if [ -e /sys/kernel/mm/transparent_hugepage/enabled ]; then # 4096 bytes, says fstat(); fewer come
    ok 'a file that shrinks while it is read' \
        exits 1 "$producer" --name "$name" --file /sys/kernel/mm/transparent_hugepage/enabled
    ok 'is named, and not sent' says err 'has shrunk while it was read: [0-9]+ bytes of 4096; nothing was sent'
else
    skip 'a file that shrinks while it is read' 'needs a file whose size is not what it says'
fi
as_nobody() {
    setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}
mkdir readonly && chmod 755 . && chmod 555 readonly
if [ "$(id -u)" -eq 0 ] && as_nobody test -x "$consumer" 2>/dev/null; then
    ok '--output into a folder without rights' exits 1 as_nobody "$consumer" --output readonly/x
    ok 'is named' says err '^consumer: cannot create readonly/x\.[A-Za-z0-9]+: Permission denied'
elif [ "$(id -u)" -ne 0 ]; then
    ok '--output into a folder without rights' exits 1 "$consumer" --output readonly/x
    ok 'is named' says err '^consumer: cannot create readonly/x\.[A-Za-z0-9]+: Permission denied'
else
    skip '--output into a folder without rights' 'needs a checkout that other users can read'
fi
if unshare --mount mount -t tmpfs none /mnt 2>/dev/null; then
    head -c 200000 /dev/zero >sent
    start_producer p --file sent
    ok '--output to a full disk' exits 1 unshare --mount sh -c \
        'mount -t tmpfs -o size=64k none /mnt && "$@"; status=$?; [ -z "$(ls /mnt)" ] && exit $status' \
        sh "$consumer" --name "$name" --output /mnt/x
    ok 'is named' says err '^consumer: cannot write /mnt/x\.[A-Za-z0-9]+: No space left on device'
    ok 'and an error for the producer, too' ends "$p" 1
    ok 'that it names' says p.err 'has died; it has not stored sent'
else
    skip '--output to a full disk' 'needs the right to mount in a namespace of its own'
fi
start_producer p --file "$root/Makefile"
eventually is_waiting p
ok 'a file where points are expected' exits 1 "$consumer" --name "$name" --plain
ok 'says what to type' says err "^consumer: [0-9]+ bytes that are no points .*; to receive a file: \./consumer --output PATH"
ends "$p" 1

wrong() { # PROGRAM PATTERN ARGUMENT ...
    local program=$1 pattern=$2
    shift 2
    ok "${program##*/} $* is wrong usage" exits 2 "$program" "$@"
    ok 'which one line names' test "$(wc -l <err)" = 1 -a -n "$(grep -E -e "$pattern" err)"
}
wrong "$producer" '^producer: --batch 0: give a whole number from 1 to 262143' --batch 0
wrong "$producer" '^producer: --rate 1e6: give a whole number' --rate 1e6
wrong "$consumer" '^consumer: unknown option --points' --points 5
wrong "$consumer" '^consumer: --name x: give a slash' --name x
ok 'producer --help' exits 0 "$producer" --help
ok 'consumer --help' exits 0 "$consumer" --help

# --- the plot --------------------------------------------------------------------------------

windows=0
trap 'tmux kill-server 2>/dev/null; finish' EXIT
tmux() { # a server for each window: one that is just ending takes no new ones
    command tmux -S "$work/tmux$windows" "$@"
}
screen() {
    tmux capture-pane -p -t plot
}
open_window() { # COLUMNS ROWS: with a shell that has come to its prompt; it would print that behind the keys
    windows=$((windows + 1))
    tmux -f /dev/null new-session -d -s plot -x "$1" -y "$2" "PS1='> ' sh"
    shell_is_there() {
        screen | grep -q '^> *$'
    }
    eventually shell_is_there
}
title_is_there() {
    screen | head -n 1 | grep -qE '^[0-9]+ points'
}
plot_fills_the_window() { # COLUMNS ROWS
    [ "$(screen | wc -l)" = "$2" ] && [ "$(screen | head -n 1 | wc -L)" -le "$1" ] &&
        screen | tail -n +2 | grep -q '[@o.]'
}
if command -v tmux >/dev/null; then
    for size in 20x5 300x80; do
        columns=${size%x*}
        rows=${size#*x}
        start_producer p --rate 500
        eventually is_waiting p
        open_window "$columns" "$rows"
        tmux send-keys -t plot "echo before; '$consumer' --name $name; stty -a | grep -c ' echo '" Enter
        ok "the plot in a window of $size has a title" eventually title_is_there
        ok 'and fills the window' eventually plot_fills_the_window "$columns" "$rows"
        tmux send-keys -t plot C-c
        restored() {
            tmux capture-pane -S - -p -t plot | grep -q '^before$' &&
                [ "$(tmux display -p -t plot '#{cursor_flag}#{alternate_on}')" = 10 ]
        }
        ok 'after Ctrl-C the screen and the cursor are as they were' eventually restored
        kill -INT "$p"
        ends "$p" 130
        tmux kill-server
    done
    start_producer p --rate 500
    open_window 60 20
    tmux send-keys -t plot "echo before; '$consumer' --name $name" Enter
    eventually title_is_there
    tmux resize-window -t plot -x 40 -y 10
    ok 'the plot follows the size of the window' eventually plot_fills_the_window 40 10
    kill -9 "$p"
    ends "$p" 137
    ok 'also when the producer dies, the screen is as it was' eventually restored
    why_is_seen() {
        tmux capture-pane -J -p -t plot | grep -q 'has died'
    }
    ok 'and says why' eventually why_is_seen
    tmux kill-server
else
    skip 'the plot' 'needs tmux'
fi
