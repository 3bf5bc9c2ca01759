#!/usr/bin/env bash
# mmap_db_damage.t - 04_mmap_db: files that are damaged, not ours, not writable; a full disk

. "$(dirname "$0")/lib.sh"

db=$work/db.dat
writer() {
    "$root/04_mmap_db/writer" --file "$db" "$@"
}
reader() {
    "$root/04_mmap_db/reader" --file "$db" "$@"
}

# 16 records: extent 0 begins at 4096, record n at 4096 + 256 n, the index at 8192, the end is 8448.
rm -f "$db"
seq 0 11 | sed 's/.*/n&,&/' | writer --capacity 16 load >/dev/null
seq 0 11 | sed 's/.*/n&,&/' | writer load >/dev/null
cp "$db" good.dat
is "the file is as large as expected" "$(wc -c <good.dat)" 8448

# scribble OFFSET BYTES, as printf writes them
scribble() {
    printf '%b' "$2" | dd of="$db" bs=1 seek="$1" conv=notrunc status=none
}

# flip OFFSET: all bits of a byte
flip() {
    local byte
    byte=$(od -A n -t u1 -j "$1" -N 1 "$db" | tr -d ' ')
    scribble "$1" "\\x$(printf %x $((byte ^ 255)))"
}

# All records but the damaged one are readable by name and in a walk.
readable_but() { # NAME, or -
    local i
    for i in 0 1 6 11; do
        [ "n$i" = "$1" ] || [ "$(reader get "n$i" 2>&1)" = "$i" ] || { echo "#   n$i: $(reader get "n$i" 2>&1)"; return 1; }
    done
    [ "$(reader list --csv | grep -cvxe "$1,.*")" -ge $((12 - (${#1} > 1))) ]
}

# --- a flipped byte in each region -----------------------------------------------------------------

while read -r offset what fault damaged; do
    cp good.dat "$db"
    flip "$offset"
    ok "byte $offset flipped ($what): check finds it" exits 1 reader check
    ok "... and names it" says out "${fault//_/ }"
    ok "... all others are readable" readable_but "$damaged"
    ok "... a writer goes on" exits 0 writer put other 1
    ok "... all others are readable still" readable_but "$damaged"
done <<'EOF'
0 magic header:_what_is_there_twice -
20 first_capacity header:_what_is_there_twice -
2050 its_copy header:_what_is_there_twice -
32 state header:_the_state -
100 header,_unused header:_byte_100_is_unused -
128 index_sequence index_or_header -
139 generation truncated,_or -
256 changes index_or_header -
264 used index_or_header -
268 live index_or_header -
272 free_head index_or_header -
512 seal index_or_header -
540 seal index_or_header -
3000 header,_unused header:_byte_3000_is_unused -
4100 sequence_of_a_copy record_0 n0
4104 its_shape record_0 n0
4109 its_CRC record_0 n0
4112 its_time record_0 n0
4120 its_value record_0 n0
4128 its_name record_0 n0
4248 the_other_copy record_0 n0
EOF

for offset in $(seq 8192 37 8447); do
    cp good.dat "$db"
    flip "$offset"
    ok "byte $offset flipped (index): all is readable" readable_but -
    ok "... and it is named" says <(reader check 2>&1) 'index or header: not as they were'
done

cp good.dat "$db"
writer put $'n0\e[2J' 1
writer put $'n0\e[2J' 2
flip $((4096 + 12 * 256 + 24))
ok "a damaged record whose name is an escape sequence" exits 1 reader check
ok "... is named without it" says out '^record 12 \(n0\?\[2J\): copy 0 is damaged'

cp good.dat "$db"
flip 4120
flip 4248
ok "both copies of a record damaged" exits 1 reader get n0
ok "... a get says so" says err "cannot read $db: it is damaged"
ok "... all others are readable" readable_but n0
ok "... the rest can be saved" bash -c "'$root/04_mmap_db/reader' --file '$db' list --csv | '$root/04_mmap_db/writer' --file new.dat load >/dev/null"
is "... all of it" "$("$root/04_mmap_db/reader" --file new.dat list --csv | wc -l)" 11

# As long as a writer has it open, the index is believed, and looked at.
cp good.dat "$db"
mkfifo lines
exec 3<>lines
start w "$root/04_mmap_db/writer" --file "$db" load <lines
echo w,1 >&3
writer_is_there() {
    [ "$(reader get w)" = 1 ]
}
eventually writer_is_there
scribble 272 '\x01\0\0\0'
ok "a free list that leads to a live record" exits 1 reader check
ok "... check names it" says out '^free list: record 0 is live'
ok "... that record is not given away" exits 0 writer put new 1
ok "... all are readable still" readable_but -
kill -INT "$w"
ends "$w" 130
exec 3>&-

# --- truncated, empty, not ours ----------------------------------------------------------------------

for size in 8447 8192 8000 5000 4600; do
    head -c $size good.dat >"$db"
    ok "cut off at $size: check names it" exits 1 reader check
    ok "... with both sizes" says out "^file: $size bytes of 8448: truncated"
    last=$(((size - 4096) / 256 - 1))
    [ $last -le 11 ] || last=11
    is "... what is left is readable" "$(reader list --csv | wc -l)" $((last + 1))
    is "... by name" "$(reader get n$last)" $last
    cp "$db" before.dat
    ok "... a writer refuses it" exits 1 writer put a 1
    ok "... and says what to do" says err 'it is damaged or truncated; ./reader check says where'
    ok "... it is as it was" cmp "$db" before.dat
done

refused() { # WHAT PATTERN: by both, and left as it is
    cp "$db" before.dat
    ok "$1: a reader refuses it" exits 1 reader get a
    ok "... and says why" says err "$2"
    ok "$1: check refuses it" exits 1 reader check
    ok "$1: a writer refuses it" exits 1 writer put a 1
    ok "... and says why" says err "$2"
    is "... in one line" "$(wc -l <err)" 1
    ok "... it is untouched" cmp "$db" before.dat
}

head -c 2000 good.dat >"$db"
refused "half a header" 'it is damaged or truncated'
echo 'this is a text of mine' >"$db"
refused "a text" 'it is not a database of this lesson; it is left as it is'
head -c 100000 /dev/zero >"$db"
refused "zeros" 'it is not a database of this lesson'
head -c 100000 /dev/urandom >"$db"
refused "noise" 'it is not a database of this lesson'
cp good.dat "$db"
scribble 8 '\x02'
scribble 2056 '\x02'
refused "another version" 'another layout version or byte order'
cp good.dat "$db"
for at in 0 2048; do
    scribble $at "$(od -A n -t x1 -v -w1 -j $at -N 8 good.dat | tac | sed 's/ */\\x/' | tr -d '\n')"
    scribble $((at + 8)) '\x00\x00\x00\x01\x01\x02\x03\x04'
done
refused "another byte order" 'another layout version or byte order'
cp good.dat "$db"
scribble 16 '\x80'
scribble 2064 '\x80'
refused "another record size" 'another layout version or byte order'
rm "$db"
mkdir "$db"
ok "a folder" exits 1 writer put a 1
ok "... is named" says err 'Is a directory|not a regular file'
rmdir "$db"
mkfifo "$db"
ok "a pipe" exits 1 reader get a
ok "... is named" says err 'it is not a regular file'
rm "$db"

: >"$db"
ok "an empty file: a reader says so" exits 1 reader check
ok "... and what to do" says err 'it is empty: whoever made it did not finish; ./writer does'
ok "... a writer makes it a database" exits 0 writer put a 1
is "... of its own" "$(reader get a)" 1

# --- no right to write -------------------------------------------------------------------------------

# as_nobody COMMAND ...: without root's rights
as_nobody() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    else
        "$@"
    fi
}
mkdir shared
cp "$root/04_mmap_db/writer" "$root/04_mmap_db/reader" shared/
cp good.dat shared/db.dat
chmod 755 "$work" shared
chmod 444 shared/db.dat
chmod 555 shared
ok "a file and a folder that are read-only: get" exits 0 as_nobody shared/reader --file shared/db.dat get n7
is "... gets" "$(cat out)" 7
ok "... check" exits 0 as_nobody shared/reader --file shared/db.dat check
ok "... a put is refused" exits 1 as_nobody shared/writer --file shared/db.dat put a 1
ok "... and says why" says err '^writer: cannot open shared/db.dat: permission denied; its owner may: see ls -l$'
ok "... a new file too" exits 1 as_nobody shared/writer --file shared/new.dat put a 1
ok "... and says why" says err '^writer: cannot open shared/new.dat: permission denied'
if [ "$(id -u)" -eq 0 ]; then
    chmod 600 shared/db.dat
    ok "another user's file" exits 1 as_nobody shared/reader --file shared/db.dat get n7
    ok "... is EACCES" says err 'permission denied'
else
    skip "another user's file" "only root can be another user"
fi
chmod 755 shared

# --- a full disk ---------------------------------------------------------------------------------------

mkdir tiny
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
    cat >full.sh <<'EOF'
mount -t tmpfs -o size=64k tmpfs tiny || exit 99
"$1/04_mmap_db/writer" --file tiny/large.dat --capacity 1024 put a 1 2>large.err
echo $? >large.status
rm -f tiny/large.dat
seq 1 1000 | sed 's/.*/n&,&/' | "$1/04_mmap_db/writer" --file tiny/db.dat --capacity 16 load >load.out 2>load.err
echo $? >load.status
"$1/04_mmap_db/reader" --file tiny/db.dat check >check.out
"$1/04_mmap_db/writer" --file tiny/db.dat put n1 11 && "$1/04_mmap_db/reader" --file tiny/db.dat list --csv >list.out
EOF
    unshare -m bash full.sh "$root"
    is "a full disk: a new file is refused" "$(cat large.status)" 1
    ok "... and says why" says large.err '^writer: cannot open tiny/large.dat: No space left on device$'
    is "a full disk: the file can grow no more" "$(cat load.status)" 1
    ok "... and says why" says load.err '^writer: cannot put more into tiny/db.dat: No space left on device$'
    ok "... how many are in" says load.out '^128 records are in'
    ok "... check finds nothing wrong" says check.out '^no fault'
    is "... what is there can be read and put" "$(grep -c . list.out)/$(grep -cx 'n1,11' list.out)" 128/1
else
    skip "a full disk" "only root can mount a small one"
fi

# --- cut off while in use ------------------------------------------------------------------------------

cp good.dat "$db"
start cut "$root/04_mmap_db/reader" --file "$db" watch --count 1
ok "a reader has mapped a file" eventually grep -q db.dat "/proc/$cut/maps"
: >"$db"
ok "a file that is emptied while in use ends the reader" ends "$cut" 1
ok "... in one line" says cut.err '^reader: the file was made shorter by another program while in use, or its disk failed$'
