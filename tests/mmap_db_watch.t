#!/usr/bin/env bash
# mmap_db_watch.t - 04_mmap_db: the table of `reader watch`, in a terminal of its own

. "$(dirname "$0")/lib.sh"

db=$work/db.dat
writer() {
    "$root/04_mmap_db/writer" --file "$db" "$@" >/dev/null
}

windows=0
trap 'tmux kill-server 2>/dev/null; finish' EXIT
tmux() { # a server for each window: one that is just ending takes no new ones
    command tmux -S "$work/tmux$windows" "$@"
}
screen() {
    tmux capture-pane -p -t table
}
open_window() { # COLUMNS ROWS: with a shell that has come to its prompt; it would print that behind the keys
    windows=$((windows + 1))
    tmux -f /dev/null -u new-session -d -s table -x "$1" -y "$2" "PS1='> ' sh"
    shell_is_there() {
        screen | grep -q '^> *$'
    }
    eventually shell_is_there
}
watch() { # what is typed in front of it
    tmux send-keys -t table "echo before; ${1:-} '$root/04_mmap_db/reader' --file '$db' watch" Enter
}
shows() { # PATTERN
    screen | grep -qE -e "$1"
}
is_bright() { # NAME
    tmux capture-pane -e -p -t table | grep -q $'\e\[7m'"$1"
}
# It is bright until the next look only, and this test may be slow: so put it again.
is_bright_when_put() { # NAME VALUE
    writer put "$1" "$2" && is_bright "$1 "
}
is_not_bright() {
    shows "^$1" && ! is_bright "$1"
}
restored() {
    tmux capture-pane -S - -p -t table | grep -q '^before$' &&
        [ "$(tmux display -p -t table '#{cursor_flag}#{alternate_on}')" = 10 ]
}
fits() { # COLUMNS ROWS: no line is broken, each row is one of the table's
    [ "$(screen | wc -l)" = "$2" ] && [ "$(screen | wc -L)" -le "$1" ] &&
        [ "$(screen | sed -n '2s/ .*//p')" = name ] && [ "$(screen | grep -c '^[nx][0-9?]')" = $(($2 - 2)) ]
}

if ! command -v tmux >/dev/null; then
    skip 'the table of watch' 'needs tmux'
    exit
fi

seq 100 299 | sed 's/.*/n&,&/' | writer load
for size in 20x5 200x60; do
    columns=${size%x*}
    rows=${size#*x}
    open_window "$columns" "$rows"
    watch
    ok "in a window of $size there are as many rows as fit" eventually fits "$columns" "$rows"
    tmux send-keys -t table C-c
    ok '... after Ctrl-C the screen and the cursor are as they were' eventually restored
    tmux kill-server
done

open_window 80 20
watch NO_COLOR=1
eventually fits 80 20
ok 'nothing is bright at first' is_not_bright n299
ok 'a changed row comes into view, and is bright' eventually is_bright_when_put n150 7.5
ok '... and the others are not' is_not_bright n299
ok '... and then no longer' eventually is_not_bright n150
ok '... its value is there' shows '^n150 +7\.5  20'
writer delete n150
is_away() {
    ! shows '^n150'
}
ok 'a deleted row goes' eventually is_away
ok '... and is not counted' eventually shows ': 199 records,'
writer put $'x\e[5;5Hy' 1
ok "a name can't move the cursor" eventually shows '^x\?\[5;5Hy +1 '
tmux resize-window -t table -x 40 -y 10
ok 'the table follows the size of the window' eventually fits 40 10
tmux resize-window -t table -x 20 -y 5
eventually shows '^x'
mv "$db" away.dat
why_is_seen() {
    tmux capture-pane -S - -J -p -t table | tr -d '\n' | grep -q 'removed or replaced'
}
ok 'the file is removed: it ends, and says why where it is seen' eventually why_is_seen
ok '... the screen is as it was' eventually restored
tmux kill-server

open_window 60 10
watch
waits() {
    tmux capture-pane -J -p -t table | grep -q 'waiting for the writer'
}
ok 'it waits for the first writer' eventually waits
writer put 東京 21.3
writer put Lima 19.2
ok '... and shows what that puts' eventually shows '^東京 +21\.3  20'
ok '... aligned' eventually shows '^Lima +19\.2  20'
ok '... as a change' eventually is_bright_when_put Lima 19.2
: >"$db"
cut_is_seen() {
    tmux capture-pane -S - -J -p -t table | tr -d '\n' | grep -q 'made shorter'
}
tmux resize-window -t table -x 50 -y 9
ok 'a file that is cut off while it is drawn: says so where it is seen' eventually cut_is_seen
ok '... the screen is as it was' eventually restored
tmux kill-server
