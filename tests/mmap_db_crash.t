#!/usr/bin/env bash
# mmap_db_crash.t - 04_mmap_db: a writer killed or stopped between any two steps of what it does
#
# tests/hooked_writer is the writer, built with hooks (db_hooks.c). The random kills and the copies
# under a running writer are in unit_mmap_db_kill.c.

. "$(dirname "$0")/lib.sh"

db=$work/db.dat
hooked=$root/tests/hooked_writer
writer() {
    "$root/04_mmap_db/writer" --file "$db" "$@"
}
reader() {
    "$root/04_mmap_db/reader" --file "$db" "$@"
}

# killed_at HOOK COMMAND ...: the writer dies there (137: SIGKILL).
killed_at() {
    local hook=$1
    shift
    DB_HOOK=$hook exits 137 "$hooked" --file "$db" --capacity 16 "$@"
}

value_of() { # or nothing
    reader get "$1" 2>/dev/null
}

# fresh N: a file with records n1=1 to nN=N, of which n2 was put twice and n3 is deleted
fresh() {
    rm -f "$db"
    seq 1 "$1" | sed 's/.*/n&,&/' | writer --capacity 16 load >/dev/null
    writer put n2 22
    writer delete n3
}

# All is well, and all the others are there.
is_whole() { # N NAME ...: but these
    local n=$1 i
    shift
    reader check >check.out || { sed 's/^/#   /' check.out; return 1; }
    for ((i = 1; i <= n; i++)); do
        case " $* n3 " in *" n$i "*) continue ;; esac
        [ "$(value_of "n$i")" = "$([ "$i" -eq 2 ] && echo 22 || echo "$i")" ] || { echo "#   n$i is lost"; return 1; }
    done
}

# --- a put of a name that is there: the table of the README --------------------------------------

for hook in before-copy copy-busy half-copy whole-copy after-copy before-unlock; do
    fresh 5
    case $hook in after-copy | before-unlock) value=9 ;; *) value=5 ;; esac
    ok "killed at $hook of a put" killed_at $hook put n5 9
    is "... a reader gets the value $value" "$(value_of n5)" $value
    ok "... and all is well" is_whole 5 n5
    ok "... a writer goes on" writer put n5 7
    is "... with its value" "$(value_of n5)" 7
    ok "... and all is well then" is_whole 5 n5
done

# --- a put of a new name ---------------------------------------------------------------------------

for hook in insert odd taken before-copy half-copy after-copy indexed even; do
    fresh 5
    case $hook in after-copy | indexed | even) value=9 ;; *) value= ;; esac
    ok "killed at $hook of an insert" killed_at $hook put new 9
    is "... a reader gets '$value'" "$(value_of new)" "$value"
    ok "... and all is well" is_whole 5
    ok "... a writer goes on" writer put other 7
    is "... after its repair there is '$value'" "$(value_of new)" "$value"
    ok "... it is put" writer put new 8
    is "... once" "$(reader list --csv | grep -c '^new,8$')" 1
    ok "... and all is well then" is_whole 5
done

# --- a delete --------------------------------------------------------------------------------------

for hook in delete-odd deleted unindexed; do
    fresh 12
    case $hook in delete-odd) value=5 ;; *) value= ;; esac
    ok "killed at $hook of a delete" killed_at $hook delete n5
    is "... a reader gets '$value'" "$(value_of n5)" "$value"
    ok "... and all is well" is_whole 12 n5
    ok "... a writer goes on" writer put n5 5
    ok "... and all is well then" is_whole 12
done

# --- growing, making, repairing ----------------------------------------------------------------------

for hook in grow-reserved grow-indexed grow-published; do
    fresh 16 # and one is deleted: there is room for one more
    seq 17 32 | sed 's/.*/n&,&/' >more.csv
    ok "killed at $hook" killed_at $hook load more.csv
    ok "... what was there is there" is_whole 16
    ok "... a writer goes on" exits 0 writer load more.csv
    ok "... and all is well then" is_whole 32
done

# The machine goes down when the header is on its disk, and the file's new size isn't.
fresh 16
before=$(stat -c %s "$db")
writer put n3 3
ok "killed when the file has just grown" killed_at grow-published put n17 17
truncate -s "$before" "$db"
ok "... which its disk has not seen: no fault" exits 0 reader check
ok "... but a remark" says out '^the file had just grown, and the disk has not seen it'
is "... what was there is there" "$(value_of n16)" 16
ok "... a writer goes on" writer put n17 17
writer delete n3
ok "... and all is well" is_whole 17

# A name may be in another record by now: then a delete that the disk has not seen could bring its old value back.
fresh 5
ok "a durable put after a delete has that on the disk first" killed_at deletes-synced --sync put n1 1
ok "... the next one, too" exits 0 "$hooked" --file "$db" --sync put n1 1
DB_HOOK=deletes-synced ok "... once" exits 0 "$hooked" --file "$db" --sync put n1 1
ok "... and all is well" is_whole 5

for hook in building reserved built; do
    rm -f "$db"
    ok "killed at $hook of a new file" killed_at $hook put a 1
    ok "... a reader says that it is not finished" exits 1 reader get a
    ok "... in one line" says err 'it is empty: whoever made it did not finish; ./writer does$'
    ok "... a delete neither" exits 1 writer delete a
    ok "... the next put makes it" exits 0 writer put a 1
    is "... and is there" "$(value_of a)" 1
done

fresh 12
ok "killed when the index does not hold a new name" killed_at after-copy put new 9
ok "... and again, in the midst of the repair" killed_at rebuild:5 put n1 1
ok "... nothing is lost" is_whole 12
ok "... and again, behind it" killed_at recovered put n1 1
ok "... the next one repairs" exits 0 writer put n1 1
is "... all of it" "$(value_of new)" 9
ok "... and all is well then" is_whole 12

# --- a writer that is stopped in the critical section -------------------------------------------------

if [ -e /proc/self/status ]; then
    fresh 5
    DB_HOOK_STOP=half-copy start stuck "$hooked" --file "$db" put n5 9
    ok "a writer is stopped in the midst of a put" eventually is_stopped "$stuck"
    is "... readers don't wait for it" "$(value_of n5)" 5
    is "... nor for other names" "$(value_of n4)" 4
    start waiting "$root/04_mmap_db/writer" --file "$db" put n4 44
    has_opened() {
        grep -q "$db" "/proc/$1/maps"
    }
    ok "the next writer waits" eventually has_opened "$waiting"
    kill -INT "$waiting"
    ok "... Ctrl-C ends that" ends "$waiting" 130
    is "... in peace" "$(cat waiting.err)" ""
    is "... nothing was put" "$(value_of n4)" 4
    start waiting "$root/04_mmap_db/writer" --file "$db" put n4 44
    kill -9 "$stuck"
    ok "... killed, it frees the next writer, who has waited" ends "$waiting" 0
    is "... whose value is there" "$(value_of n4)" 44
    is "... and the old one of the dead" "$(value_of n5)" 5
    ok "... and all is well" is_whole 5 n4

    fresh 12
    mkfifo stays
    one_stays() {
        exec 3<>stays
        start staying "$root/04_mmap_db/writer" --file "$db" <stays
        ok "a writer has it open" eventually has_opened "$staying"
    }
    it_leaves() {
        echo q >&3
        exec 3>&-
        ok "... the writer that has it open ends" ends "$staying" 0
    }
    one_stays
    ok "... another one is killed in an insert" killed_at after-copy put new 9
    DB_HOOK_STOP=rebuild:7 start stuck "$hooked" --file "$db" put n1 1
    ok "... the next one is stopped in its repair" eventually is_stopped "$stuck"
    is "... a walk meets what is there" "$(reader list --csv | wc -l)" 12
    is "... and a get gets it" "$(value_of n12)" 12
    kill -9 "$stuck"
    ok "... the next one is killed in its repair" killed_at rebuild:7 put n1 1
    is "... a walk meets what is there" "$(reader list --csv | wc -l)" 12
    it_leaves
    ok "... and all is well" is_whole 12

    rm "$db"
    writer put n1 1 # and none is deleted
    one_stays
    for hook in copy-busy half-copy whole-copy; do
        ok "... another one is killed at $hook of an insert" killed_at $hook put new 9
        ok "... the next one repairs the index" writer put n1 1
        ok "... and all is well: that record was never in use" is_whole 1
    done
    ok "... it is the next one's" writer put new 8
    ok "... who finds all well" is_whole 1
    it_leaves

    fresh 5
    DB_HOOK_STOP=after-copy start stuck "$hooked" --file "$db" put new 9
    ok "a writer is stopped, its new name not in the index" eventually is_stopped "$stuck"
    is "... a reader looks for it everywhere" "$(value_of new)" 9
    ok "... and finds that others are not there" exits 1 reader get none
    kill -CONT "$stuck"
    ok "... going on, it ends" ends "$stuck" 0
    is "... and is found" "$(value_of new)" 9
    ok "... and all is well" is_whole 5
else
    skip "a stopped writer" "no /proc"
fi
