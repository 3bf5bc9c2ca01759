#!/usr/bin/env bash
# mmap_db_ends.t - lesson 04: what its halves say when a certain call fails, at the menu, on a terminal; and
# the writer that other tests stop and kill, left alone

. "$(dirname "$0")/lib.sh"
. "$root/tests/fault_lib.sh"

writer=$root/04_mmap_db/writer reader=$root/04_mmap_db/reader db=$work/db
one_of_the_calls() { # FUNCTION ERRNO MESSAGE PROGRAM ARGUMENT ...: one of its first calls fails, and that is said
    local n
    for n in 1 2 3 4 5 6 7 8; do
        give_fault "$1:$n:$2" "${@:4}"
        exits 1 "${words[@]}" >report && grep -qE -e "$3" err && return
    done
    cat report
    return 1
}

# --- at the menu -----------------------------------------------------------------------------

printf '2\n' >typed
ok 'the menu ends with the input, amid a question' exits 0 "$writer" --file "$db" <typed
printf '2\n\n1\n2\nname\nno number\n2\nname\n7\n3\n1\n3\n9\n%09000d\nq\n' 0 >typed
ok 'the menu ends with q' exits 0 "$writer" --file "$db" <typed
ok '... a name that is none is not put' says err '^writer: a name has 1 to 63 bytes of UTF-8 text; nothing was put$'
ok '... nor is a value that is none' says err '^writer: no number is not a number; nothing was put$'
ok '... others are' says out '^.*put name = 7$'
ok '... a random one, too' says out 'put random-[0-9]{5} = '
ok '... all are counted' says out "2 records in $db\$"
is '... what is no choice, however long, is answered once' "$(grep -c 'type 1, 2, 3 or q' out)" 2

# --- the command line, and what is no file ---------------------------------------------------

ok 'put, and an option where the name should be' exits 2 "$writer" put --file "$db"
ok '... is wrong usage' says err '^writer: put needs a name and a value'
ok 'what cannot be read is not loaded' exits 1 "$writer" --file "$db" load .
ok '... and that is said' says err '^writer: cannot read \.: Is a directory$'

# --- other programs --------------------------------------------------------------------------

if command -v flock >/dev/null; then
    ok 'a lock of another program is waited for, and not for ever' exits 1 flock "$db" "$writer" --file "$db" put a 1
    ok '... and that is said' says err "^writer: cannot open $db: another program holds a lock on it; see fuser -v FILE\$"
else
    skip "another program's lock" 'no flock (Debian: util-linux)'
fi
if command -v script >/dev/null && script -qec true /dev/null </dev/null >screen 2>&1; then
    mkfifo slow
    { echo a,1; sleep 0.3; echo b,2; echo c,3; } >slow &
    script -qec "$writer --file $db load slow" /dev/null </dev/null >screen
    ok 'a load on a terminal shows how far it is' says screen '[1-3] records are in'
    ok '... and takes that away' says screen $'\r\033\[K'
else
    skip "a load on a terminal" 'no script (Debian: bsdutils)'
fi

# --- the writer with hooks -------------------------------------------------------------------

rm "$db"
seq 1 200 | sed 's/.*/n&,&/' >many.csv
ok 'the writer with hooks, where none is set' exits 0 "$root/tests/hooked_writer" --file "$db" --capacity 16 load many.csv
ok '... deletes' exits 0 "$root/tests/hooked_writer" --file "$db" delete n100
ok '... all is right' exits 0 "$reader" --file "$db" check
is '... and there' "$("$reader" --file "$db" list --csv | wc -l)" 199

# --- calls that fail -------------------------------------------------------------------------

faults_work_here || exit
ok 'a file of another user: the writer' one_of_the_calls open 13 \
    "^writer: cannot open $db: permission denied; its owner may: see ls -l\$" "$writer" --file "$db" put a 1
ok 'a file of another user: the reader' one_of_the_calls open 13 \
    "^reader: cannot open $db: permission denied; its owner may: see ls -l\$" "$reader" --file "$db" list
FAULT=fcntl:1:11 LD_PRELOAD=$work/fault.so exits 0 "$writer" --file "$db" put a 2 >report
ok 'a lock that another writer holds for a moment is waited for' test ! -s report -a -e mark
ok 'a put that the disk does not take' one_of_the_calls msync 5 \
    "^writer: cannot put into $db: $reason\$" "$writer" --file "$db" --sync put a 2
ok 'a deletion that the disk does not take' one_of_the_calls msync 5 \
    "^writer: cannot delete from $db: $reason\$" "$writer" --file "$db" --sync delete a
printf '2\nname\n7\n' >typed
ok '... at the menu' one_of_the_calls msync 5 \
    "^writer: cannot put into $db: $reason\$" sh -c 'exec "$@" <typed' sh "$writer" --file "$db" --sync
if grep -q __asan_init "$writer"; then
    skip 'no memory' 'a sanitizer has its own'
    exit
fi
fault_memory=1
faults_work_here
ok 'no memory for what is to be sorted' one_of_the_calls realloc 12 '^reader: no memory for [0-9]* records$' \
    "$reader" --file "$db" list
