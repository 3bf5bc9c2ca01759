#!/usr/bin/env bash
# writer_reader_connect.t - lesson 06: kill -9 while the two connect, when names are there to be removed
#
# A reader whose output is a full pipe has joined, and gets no further: so the writer has made its objects, and
# nobody has opened them.

. "$(dirname "$0")/lib.sh"
. "$root/tests/writer_reader_lib.sh"

has_names() {
    [ -n "$(names_of "$w")" ]
}

# held_up OPTION ...: ends with both halves there, and names.
held_up() {
    rm -f full && mkfifo full
    exec 8<>full
    dd if=/dev/zero of=full bs=4096 count=16 oflag=nonblock 2>/dev/null
    start r sh -c 'exec "$@" >full' sh "$reader" --name "$name" --quiet
    start w "$writer" latency --name "$name" --size 8 --count 10 --warmup 0 "$@"
    eventually is_made
}

# tcp has a port and no names.
is_made() {
    has_names || [ "$(port)" -gt 0 ]
}

# In the writer's order for the reader.
port() {
    words 196 1 "/dev/shm$name"
}

# The reader may go on.
let_go() {
    start drain cat full
    exec 8>&-
}

writer_dies() { # OPTION ...
    held_up "$@" || return 1
    kill -9 "$w"
    let_go
    ends "$w" 137 && ends "$r" 1 && says r.err "^reader: the writer \(pid $w\) has died" && nothing_of_its "$w"
}

reader_dies() { # OPTION ...
    held_up "$@" || return 1
    kill -9 "$r"
    let_go
    ends "$r" 137 && ends "$w" 1 && says w.err "^writer: the reader \(pid $r\) has died" && nothing_of_its "$w"
}

kill_both() { # OPTION ...
    held_up "$@" || return 1
    kill -9 "$w" "$r"
    let_go
    ends "$w" 137 && ends "$r" 137 && has_names
}

both_die() { # OPTION ...
    kill_both "$@" || return 1
    local dead=$w
    start r "$reader" --name "$name" --quiet
    start w "$writer" latency --name "$name" --size 8 --count 10 --warmup 0 --transport shm --sync spin
    ends "$w" 0 && ends "$r" 0 && nothing_of_its "$dead" && nothing_of_its "$w"
}

both_die_and_somebody_cleans() { # OPTION ...
    kill_both "$@" && exits 0 "$root/tools/clean_ipc" "$name" && nothing_of_its "$w"
}

writer_stops() { # OPTION ...
    held_up "$@" || return 1
    kill -INT "$w"
    ends "$w" 130 && nothing_of_its "$w" || return 1
    let_go
    ends "$r" 0
}

# Once both have met, there are no names: nobody is needed to remove them.
both_die_later() { # OPTION ...
    start r "$reader" --name "$name" --quiet
    start w "$writer" throughput --name "$name" --size 8 --count 100000000 "$@"
    eventually grep -q receiver r.out && eventually has_no_place || return 1
    kill -9 "$w" "$r"
    ends "$w" 137 && ends "$r" 137 && rm "/dev/shm$name" && nothing_of_its "$w"
}

# The flags have been bounced, or messages flow: words that are 0 as long as nothing was run.
has_no_place() {
    [ "$(words 640 1 "/dev/shm$name")" != 0 ] && [ "$(words 32 1 "/dev/shm$name")" = 0 ]
}

# It is the first one in the queue.
stranger_comes() {
    local fd
    held_up --transport tcp || return 1
    exec {fd}<>"/dev/tcp/127.0.0.1/$(port)"
    echo 12345678 >&"$fd"
    let_go
    ends "$w" 0 && ends "$r" 0 && says r.err 'received 10 messages, every byte checked: 0 wrong'
    local status=$?
    exec {fd}>&-
    return "$status"
}

# The reader's place is another run's, as it is for a moment when a next writer takes the region over. Here it stays so.
reader_gives_up() {
    start w "$writer" latency --name "$name" --size 8 --count 1
    eventually is_waiting w
    printf '\377\377' | dd of="/dev/shm$name" bs=1 seek=28 conv=notrunc 2>/dev/null
    exits 1 timeout 30 "$reader" --name "$name" --quiet --timeout 1 && says err '^reader: no writer came within 1 s'
    local status=$?
    kill -INT "$w"
    ends "$w" 130 && return "$status"
}

for way in 'shm sem' 'mmap spin' 'sysv spin' pipe fifo unix mq; do
    read -r transport wait <<<"$way"
    options=(--transport "$transport")
    [ -z "$wait" ] || options+=(--sync "$wait")
    start r "$reader" --name "$name" --quiet
    start w "$writer" latency --name "$name" --size 8 --count 1 "${options[@]}"
    if ! ends "$w" 0 >/dev/null; then
        skip "$way" "$(sed -n 's/.*cannot use/this machine cannot use/p' w.err)"
        eventually is_gone "$r"
        continue
    fi
    ends "$r" 0
    ok "$way: the writer is killed: the reader removes what it made" writer_dies "${options[@]}"
    ok "$way: the reader is killed: the writer does" reader_dies "${options[@]}"
    ok "$way: both are: the next writer does" both_die "${options[@]}"
    ok "$way: ... or make clean-ipc" both_die_and_somebody_cleans "${options[@]}"
    ok "$way: both are, in a test: no names are left" both_die_later "${options[@]}"
    ok "$way: Ctrl-C on the writer: it does itself" writer_stops "${options[@]}"
done
ok 'tcp: a stranger who connects first is turned away' stranger_comes
ok 'a reader that cannot join gives up after --timeout' reader_gives_up
ok 'nothing is left' nothing_is_left
