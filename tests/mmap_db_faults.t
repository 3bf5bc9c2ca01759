#!/usr/bin/env bash
# mmap_db_faults.t - 04_mmap_db: the N-th call of each system function fails, as in faults.t; its halves
# do not meet, so each has its fault alone

. "$(dirname "$0")/lib.sh"
. "$root/tests/fault_lib.sh"

faults_work_here || exit
functions=(open fstat flock fcntl pread pwrite posix_fallocate ftruncate mmap msync fsync read write)
file=$work/faults.dat
seq 1 40 | sed 's/.*/n&,&/' >forty.csv
mmap_db_alone() { # PROGRAM FUNCTION N WORD ...: no hang; it did its work, or ended with 1 and says why
    local program=$1 function=$2 n=$3 status=0
    rm -f mark
    FAULT=$function:$n:$error LD_PRELOAD=$work/fault.so start "$program" \
        "$root/04_mmap_db/$program" --file "$file" "${@:4}"
    eventually is_gone "${!program}" || { echo "#   it hangs"; return 1; }
    wait "${!program}" || status=$?
    [ ! -e mark ] || calls=$((calls + 1))
    [ "$status" = 0 ] && return
    if [ ! -e mark ] || [ "$status" != 1 ] || ! tail -n 1 "$program.err" | grep -qE "^$program: .*$reason"; then
        echo "#   $function, call $n: exit status $status: $(tail -n 1 "$program.err")"
        return 1
    fi
}
# What a writer said is in is there, and the next writer goes on.
mmap_db_is_whole() { # LINES
    local in
    in=$(sed -n 's/ records are in.*//p' writer.out)
    [ "${in:-0}" = 0 ] || diff <(head -n "$in" forty.csv) \
        <("$root/04_mmap_db/reader" --file "$file" list --csv | sort -t, -k2n | head -n "$in") || return 1
    "$root/04_mmap_db/writer" --file "$file" --capacity 16 load forty.csv >out 2>err || { cat err; return 1; }
    "$root/04_mmap_db/reader" --file "$file" check >out || { sed 's/^/#   /' out; return 1; }
    [ "$("$root/04_mmap_db/reader" --file "$file" list --csv | wc -l)" = 40 ]
}
mmap_db_writes() { # FUNCTION: into a new file, which grows; and into one that is there
    local n
    for n in 1 2 3 4 5 6 7 8; do
        rm -f "$file"
        mmap_db_alone writer "$1" "$n" --sync --capacity 16 load forty.csv && mmap_db_is_whole || return 1
        mmap_db_alone writer "$1" "$n" --sync load forty.csv && mmap_db_is_whole || return 1
    done
}
mmap_db_reads() { # FUNCTION
    local n
    for n in 1 2 3 4 5 6 7 8; do
        mmap_db_alone reader "$1" "$n" list --csv || return 1
        [ -s reader.err ] || [ "$1" = write ] || [ "$(sort -t, -k2n reader.out)" = "$(cat forty.csv)" ] ||
            { echo "#   call $n: not all is listed, and no error"; return 1; }
        mmap_db_alone reader "$1" "$n" check || return 1
    done
}
calls=0
for function in "${functions[@]}"; do
    ok "a failing $function in the writer is reported, and nothing is lost" mmap_db_writes "$function"
done
for function in "${functions[@]}"; do
    ok "a failing $function in the reader is reported, and nothing is passed over" mmap_db_reads "$function"
done
ok "... of both, calls have failed ($calls)" test "$calls" -gt 50
