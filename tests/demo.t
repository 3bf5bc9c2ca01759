#!/usr/bin/env bash
# demo.t - the tour that make demo shows: into a pipe, in windows of all sizes, stopped, and when a half fails
#
# make.t shows all of it, once; here are the short lessons. Nothing is built: MAKE is another program.

. "$(dirname "$0")/lib.sh"

export MAKE=true TMPDIR=$work
unset CI NO_COLOR
demo=$root/tools/demo.sh
escape=$'\e'

has_no() { # PATTERN FILE
    ! grep -qE -e "$1" "$2" || { grep -nE -e "$1" "$2" | head -n 3 | cat -v | sed 's/^/#   /'; false; }
}

# --- into a pipe --------------------------------------------------------------------------------

"$demo" countdown 2>err | cat >out
is 'into a pipe: it ends well' "${PIPESTATUS[0]}" 0
ok '... a line before' says out '^One process counts down'
ok '... each half with its name' says out '^producer \| sent 10$'
ok '... both of them' says out '^consumer \| liftoff$'
ok '... a line after' says out '^-- .*01_countdown/README\.md'
ok '... no escape sequence, no line written over' has_no "$escape|"$'\r' out
ok '... nothing is to be typed elsewhere' has_no 'in another terminal:' out
is '... not a word on stderr' "$(cat err)" ''

ok 'an unknown lesson' exits 2 "$demo" nonsense
ok '... is named' says err "there is no lesson 'nonsense'"
is '... and so are those that there are' "$(sed 's/.*one of: //' err)" "$(sed -n 's/^LESSONS := //p' "$root/Makefile")"
is '... nothing was shown' "$(cat out)" ''
while read -r file; do
    ok "$file, which it tells to read, is there" test -e "$root/$file"
done < <(grep -o '[0-9][0-9]_[a-z_]*/README\.md' "$demo")

# An object of the tour's name that is none of ours; exec keeps the pid, which is in the name.
sh -c 'echo "no region, and longer than a header has to be" >"/dev/shm/make-$$"; echo $$ >pid; exec "$@"' - \
    "$demo" countdown sysv >out 2>&1
is 'a half that fails ends the tour with its status' "$?" 1
ok '... and is seen' says out '^(producer|consumer) \| .*make-'
ok '... the lessons after it are not shown' has_no '07 sysv' out
rm -f "/dev/shm/make-$(cat pid)"

# --- on terminals --------------------------------------------------------------------------------

if ! command -v tmux >/dev/null; then
    skip 'on terminals' 'needs tmux'
    exit
fi
windows=(wide plain narrow ci dumb stop)
kill_windows() {
    for window in "${windows[@]}"; do tmux "$window" kill-server 2>/dev/null; done
}
trap 'kill_windows; finish' EXIT
tmux() { # WINDOW COMMAND ...: a server for each
    command tmux -S "$work/$1.socket" "${@:2}"
}
open_window() { # WINDOW COLUMNS ROWS: with a shell that has come to its prompt; what it shows goes to WINDOW.raw, too
    tmux "$1" -f /dev/null -u new-session -d -x "$2" -y "$3" "PS1='> ' sh"
    shell_is_there() { # 1: the window
        tmux "$1" capture-pane -p | grep -q '^> *$'
    }
    eventually shell_is_there "$1"
    tmux "$1" pipe-pane "cat >'$work/$1.raw'"
}
watch() { # WINDOW LESSON [VARIABLE=VALUE]: the window's shell says how it ended, and is the pid's parent
    tmux "$1" send-keys "echo before; ${3:-} sh -c 'echo \$\$ >$1.pid; exec $demo $2'; echo ENDED \$?" Enter
}
all_of() { # WINDOW
    tmux "$1" capture-pane -p -S -
}
has_ended() { # WINDOW STATUS
    all_of "$1" | grep -q "^ENDED $2\$"
}
shows() { # WINDOW PATTERN
    all_of "$1" >screen
    says screen "$2"
}
is_put_right() { # WINDOW: the screen from before, the cursor
    all_of "$1" | grep -q '^before$' && [ "$(tmux "$1" display -p '#{cursor_flag}#{alternate_on}')" = 10 ]
}

open_window wide 100 30
open_window plain 80 24
open_window narrow 40 10
open_window ci 80 24
open_window dumb 80 24
open_window stop 80 24
watch stop buffer_transfer
watch wide countdown
watch plain countdown NO_COLOR=1
watch narrow countdown
watch ci buffer_transfer CI=1
watch dumb countdown TERM=dumb

plot_is_there() {
    tmux stop capture-pane -p | head -n 1 | grep -qE '^[0-9]+ points'
}
ok 'a live display' eventually plot_is_there
tmux stop send-keys C-c
ok '... Ctrl-C ends it' eventually has_ended stop 130
ok '... the screen and the cursor are as they were' eventually is_put_right stop
is '... nothing is left in shared memory' "$(find /dev/shm -name "*make-$(cat stop.pid)*")" ''

for window in wide plain narrow ci dumb; do
    ok "$window: ends well" eventually has_ended "$window" 0
done
is 'nothing is left of any' "$(find "$TMPDIR" -mindepth 1 -maxdepth 1 \( -name 'make-*' -o -name 'tmp.*' \))" ''

ok 'a wide window: one column' shows wide '^sent 10 +\|$'
ok '... and the other' shows wide '^ +\| received 10$'
ok '... each with a colour' says wide.raw "$escape\[36msent 10.*"
ok '... of its own' says wide.raw "$escape\[33mreceived 10"
ok 'NO_COLOR: both columns' shows plain '^ +\| received 10$'
ok '... no escape sequence' has_no "$escape" plain.raw
ok 'a narrow window: names before the lines' shows narrow '^consumer \| liftoff$'
ok '... which are broken between words' shows narrow '^ +\| consumer in [0-9.]+ s$'
ok '... the others, too' shows narrow '^(then )?countdown\.h\.$'
ok 'CI: lines instead of the plot' shows ci '\| point 20 x='
ok '... no other screen' has_no "$escape"'\[\?1049h' ci.raw
ok 'a dumb terminal: both halves' shows dumb 'liftoff$'
ok '... no escape sequence' has_no "$escape" dumb.raw
