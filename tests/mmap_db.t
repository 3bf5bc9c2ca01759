#!/usr/bin/env bash
# mmap_db.t - 04_mmap_db: what the two programs do, many at once, and what bad input gets

. "$(dirname "$0")/lib.sh"

db=$work/db.dat
writer() {
    "$root/04_mmap_db/writer" --file "$db" "$@"
}
reader() {
    "$root/04_mmap_db/reader" --file "$db" "$@"
}
value_is() { # NAME VALUE
    [ "$(reader get "$1" 2>&1)" = "$2" ] || { echo "#   $1: $(reader get "$1" 2>&1)"; false; }
}
mode_of() {
    find "$1" -printf '%m'
}

# --- options -----------------------------------------------------------------------------------

for half in writer reader; do
    ok "$half --help" exits 0 $half --help
    ok "... says how to run the pair" says out 'Either may start first'
    ok "$half: an unknown option" exits 2 $half --frobnicate
    ok "... is named" says err 'unknown option --frobnicate'
    ok "$half: an unknown command" exits 2 $half frobnicate
    ok "... is named" says err "^$half: unknown command frobnicate"
done
ok "--capacity 0" exits 2 writer --capacity 0 put a 1
ok "... says the range" says err '^writer: --capacity 0: give a whole number from 1 to 268435456$'
ok "put without a value" exits 2 writer put a
ok "... says what to type" says err 'put needs a name and a value'
ok "delete without a name" exits 2 writer delete
ok "get without a name" exits 2 reader get
ok "two names" exits 2 reader get a b
ok "none of these has made a file" test ! -e "$db"

ok "get where there is no file" exits 1 reader get a
ok "... says what to type" says err "^reader: there is no $db; make it: ./writer put NAME VALUE\$"
ok "delete where there is no file" exits 1 writer delete a
ok "... makes none" test ! -e "$db"
ok "watch waits for a file as long as it may" exits 1 reader watch --timeout 1
ok "... and says so" says err "no writer made $db within 1 s"

# --- one at a time -----------------------------------------------------------------------------

umask 022
ok "put" exits 0 writer put temperature 21.5
is "... is silent" "$(cat out err)" ""
is "... makes a file of mode 0600" "$(mode_of "$db")" 600
ok "get" value_is temperature 21.5
ok "put replaces" writer put temperature -3
ok "... the value" value_is temperature -3
ok "get of what is not there" exits 1 reader get pressure
ok "... says so" says err "^reader: there is no pressure in $db; ./reader list shows what there is\$"
ok "delete" exits 0 writer delete temperature
ok "... it is gone" exits 1 reader get temperature
ok "delete again" exits 1 writer delete temperature
ok "a database without records" exits 0 reader check

for value in nan inf -inf -0 1e308 5e-324 0.1 1.7976931348623157e308; do
    writer put value "$value"
    got=$(reader get value)
    case $value in
    1.7976931348623157e308) value=1.7976931348623157e+308 ;;
    1e308) value=1e+308 ;;
    5e-324) value=4.94065645841247e-324 ;;
    esac
    is "the value $value comes back" "$got" "$value"
done
for value in 12abc '' ' 1' 1e999 0x 1,5; do
    ok "the value '$value'" exits 2 writer put value "$value"
    ok "... is named" says err "^writer: value $value: give a number"
done
is "... and nothing is changed" "$(reader get value)" "1.7976931348623157e+308"

name63=$(printf 'n%.0s' {1..63})
ok "a name of 63 bytes" writer put "$name63" 63
is "... comes back" "$(reader get "$name63")" 63
for command in "put ${name63}n 64" "delete ${name63}n"; do
    # shellcheck disable=SC2086 # words
    ok "${command%% *} with a name of 64 bytes" exits 2 writer $command
    ok "... is refused" says err 'give 1 to 63 bytes'
done
ok "a name of 0 bytes" exits 2 writer put '' 1
ok "a name that is not UTF-8" exits 2 writer put $'\xff\xfe' 1
ok "... is refused" says err 'give UTF-8 text'
ok "a name that looks like an option" writer put -x -5
is "... comes back" "$(reader get -- -x)" -5
ok "options behind the words" writer put name 7 --sync
is "... count" "$(reader get name)" 7

# --- CSV ---------------------------------------------------------------------------------------

rm "$db"
printf 'a,1\r\n\n"b, or ""B""",2\nwrong\nc,3x\n,4\n"d\ne",5\n"f,6\ng,7' >bad.csv
ok "load of a CSV with bad lines" exits 1 writer load bad.csv
ok "... counts" says out '^3 records are in, 5 lines were not taken$'
ok "... names line 4" says err '^writer: bad.csv: line 4 is left out: there is no comma$'
ok "... names line 5" says err '^writer: bad.csv: line 5 is left out: the value is not a number$'
ok "... names line 6" says err '^writer: bad.csv: line 6 is left out: the name has not 1 to 63 bytes$'
ok "... names the one whose quotes do not end" says err '^writer: bad.csv: lines 9 to 10 are left out: the quotes'
reader list --csv >list.csv
is "list --csv prints what load takes" "$(cat list.csv)" $'a,1\n"b, or ""B""",2\n"d\ne",5'
ok "load of standard input" exits 0 "$root/04_mmap_db/writer" --file copy.dat load <list.csv
is "... is the same again" "$("$root/04_mmap_db/reader" --file copy.dat list --csv)" "$(cat list.csv)"
printf '\357\273\277"x\ny",8\n%01200d7,1\nlong,%01200d7\nafter,9\n' 0 0 >odd.csv
ok "load of a CSV with a spreadsheet's mark and lines that are too long" exits 1 "$root/04_mmap_db/writer" --file odd.dat load odd.csv
ok "... names them" says err '^writer: odd.csv: line 4 is left out: it is too long$'
is "... and puts nothing else" "$("$root/04_mmap_db/reader" --file odd.dat list --csv)" $'after,9\n"x\ny",8'
ok "a name that begins with that mark" "$root/04_mmap_db/writer" --file mark.dat put $'\xef\xbb\xbfz' 1
"$root/04_mmap_db/reader" --file mark.dat list --csv | "$root/04_mmap_db/writer" --file mark2.dat load >/dev/null
is "... keeps it" "$("$root/04_mmap_db/reader" --file mark2.dat get $'\xef\xbb\xbfz')" 1
mkfifo slowly
exec 5<>slowly
start w "$root/04_mmap_db/writer" --file partly.dat load slowly
printf 'first,1\ntemp,12' >&5
ok "a line that has not come as a whole" eventually "$root/04_mmap_db/reader" --file partly.dat get first
kill -INT "$w"
ok "... when the load is stopped" ends "$w" 130
exec 5>&-
is "... is not put" "$("$root/04_mmap_db/reader" --file partly.dat list --csv)" first,1
ok "load of a file that is not there" exits 1 writer load nowhere.csv
ok "... names it" says err '^writer: cannot open nowhere.csv: No such file'
head -c 100000 /dev/zero | tr '\0' x >long.csv
printf 'a\0b,1\n' >>long.csv
ok "load of a line without an end, with a zero" exits 1 writer load long.csv
{
    printf '\xef\xbb\xbfmark,1\n5" pipe,2\nc,3\n"no end,4\n'
    seq 1 100 | sed 's/.*/later-&,&/'
} >quote.csv
rm "$db"
ok "quotes that do not end" exits 1 writer load quote.csv
ok "... swallow no more than a name may have" value_is later-100 100
ok "... a quote within a name is part of it" value_is '5" pipe' 2
ok "... the next line is a record of its own" value_is c 3
ok "... a spreadsheet's mark of UTF-8 is not part of a name" value_is mark 1
mkfifo from_nobody
exec 3<>from_nobody
start load "$root/04_mmap_db/writer" --file "$db" load <from_nobody
echo typed,1 >&3
ok "load takes each line as it comes" eventually value_is typed 1
kill -INT "$load"
ok "... Ctrl-C ends it" ends "$load" 130
exec 3>&-
ok "... in peace" test ! -s load.err
is "... with its count" "$(cat load.out)" '1 records are in, 0 lines were not taken'
rm "$db" # a small list
ok "options may be abbreviated" exits 0 "$root/04_mmap_db/writer" --fil "$db" --cap 16 put 東京 21.3
writer put 'São Paulo' 24.6
reader list >out
ok "characters of two columns are aligned" says out '^東京 {8}21\.3  20'
writer put Ünï 1
reader list >out
ok "list has a heading" says out '^name +value +put at$'
ok "... and a row for each" says out '^Ünï +1  20[0-9-]{8} [0-9:]{8}\.[0-9]{3}$'
writer put $'\e[2Jx' 1
reader list >out
ok "... and no escapes for the terminal" says out '^\?\[2Jx '

(
    ulimit -f 16 # KiB
    seq 1 1000 | sed 's/.*/n&,&/' | "$root/04_mmap_db/writer" --file limit.dat --capacity 16 load >out 2>err
)
is "a file that may not grow" "$?" 1
ok "... is an error" says err '^writer: cannot put more into limit.dat: File too large$'
ok "... what is in it is whole" exits 0 "$root/04_mmap_db/reader" --file limit.dat check
(
    ulimit -f 2
    "$root/04_mmap_db/writer" --file half.dat put a 1 >out 2>err
)
is "half a header is written" "$?" 1
is "... and taken back" "$(wc -c <half.dat)" 0
ok "... the next one makes the file" exits 0 "$root/04_mmap_db/writer" --file half.dat put a 1

# --- the menu ----------------------------------------------------------------------------------

printf '1\n2\nfrom menu\n4.5\n2\nname\n12abc\n3\n9\nq\n1\n' | writer >out 2>err
is "the menu ends with q" "$?" 0
ok "... added a random record" says out 'put random-[0-9]{5} = '
ok "... and one by name" value_is 'from menu' 4.5
ok "... refused what is no number" says err '12abc is not a number; nothing was put'
ok "... showed the count" says out "6 records in $db"
ok "... in a file that check finds nothing wrong with" exits 0 reader check
exec 3<>from_nobody
start menu "$root/04_mmap_db/writer" --file "$db" <from_nobody
echo 1 >&3
ok "the menu is at work" eventually says menu.out '> put random'
mv "$db" moved.dat
echo 1 >&3
ok "... the file is removed: the next put is refused" ends "$menu" 1
ok "... and says why" says menu.err "^writer: $db was removed or replaced while in use"
exec 3>&-
mv moved.dat "$db"
is "the menu ends with the input" "$(echo 3 | writer >out 2>err; echo $?)" 0

# --- watch -------------------------------------------------------------------------------------

rm -f "$db"
start watcher "$root/04_mmap_db/reader" --file "$db" watch --count 4
waits() {
    grep -q 'waiting for the writer' watcher.err
}
ok "watch waits for the writer" eventually waits
has_line() {
    grep -qx "$1" watcher.out
}
for value in 1 2; do
    writer put a $value
    ok "... sees put $value" eventually has_line "a = $value"
done
writer delete a
ok "... sees the delete" eventually has_line 'a deleted'
writer put b 3
ok "... ends after --count lines" ends "$watcher" 0
is "... one for each change" "$(cat watcher.out)" $'a = 1\na = 2\na deleted\nb = 3'
start watcher "$root/04_mmap_db/reader" --file "$db" watch
value=0
is_seen() { # whenever it has begun to look: a change
    writer put c $((++value))
    has_line 'c = [0-9]*'
}
ok "a watch of a file that is there sees changes" eventually is_seen
ok "... only" bash -c '! grep -v "^c = " watcher.out'
kill -INT "$watcher"
ok "... Ctrl-C ends it" ends "$watcher" 130
start watcher "$root/04_mmap_db/reader" --file "$db" watch
ok "a watch has begun" eventually is_seen
rm "$db"
writer put d 1
ok "... the file is another one" ends "$watcher" 1
ok "... it says so" says watcher.err "^reader: $db was removed or replaced while in use"

# --- many at once ------------------------------------------------------------------------------

rm -f "$db"
for i in 1 2 3 4; do
    seq 1 3000 | sed "s/.*/own-$i-&,$i/" >own.$i
    seq 1 1500 | sed "s/.*/shared-&,$i/" >>own.$i
    start "load$i" "$root/04_mmap_db/writer" --file "$db" --capacity 16 load own.$i
    start "watch$i" "$root/04_mmap_db/reader" --file "$db" watch
done
for i in 1 2 3 4; do
    pid=load$i
    ok "writer $i of 4, 4 readers watching, the file growing" ends "${!pid}" 0
done
reader list --csv >list.csv
is "every name is there once" "$(wc -l <list.csv)" 13500
is "every value is accounted for" "$(grep -c '^own-\([1-4]\)-[0-9]*,\1$' list.csv)" 12000
is "... the last put of each shared one" "$(grep -c '^shared-[0-9]*,[1-4]$' list.csv)" 1500
ok "check finds nothing wrong" exits 0 reader check
for i in 1 2 3 4; do
    pid=watch$i
    kill -INT "${!pid}"
    ok "reader $i ends" ends "${!pid}" 130
    is "... without an error" "$(grep -v 'waiting for the' "watch$i.err")" ""
done
for i in 1 2 3 4; do
    sed 's/,.*//' own.$i | head -3000 >names
    start "delete$i" bash -c "while read -r n; do '$root/04_mmap_db/writer' --file '$db' delete \$n || exit; done < <(head -100 names)"
    pid=delete$i
    ok "names of writer $i are deleted" ends "${!pid}" 0
done
is "... and gone" "$(reader list --csv | wc -l)" 13100
ok "... check finds nothing wrong" exits 0 reader check
