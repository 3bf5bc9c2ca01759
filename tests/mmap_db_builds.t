#!/usr/bin/env bash
# mmap_db_builds.t - 04_mmap_db: what one build writes, each other one opens

. "$(dirname "$0")/lib.sh"

db=$work/db.dat
parts=(check.c crc.c get.c grow.c header.c index.c lock.c open.c put.c record.c recover.c)

# --- other builds --------------------------------------------------------------------------------------

built=()
while read -r label command; do
    mkdir -p "$label"
    for half in writer reader; do
        (cd "$root/04_mmap_db" && $command -std=c11 -pthread $half.c "${parts[@]}" -o "$work/$label/$half" -lrt) 2>/dev/null
    done
    if [ -x "$label/reader" ] && "$label/reader" --help >/dev/null 2>&1; then
        built+=("$label")
    else
        skip "data between builds: $label" "$command does not work here"
    fi
done <<'EOF'
gcc gcc -O2
clang clang -O1
sanitized cc -O1 -fsanitize=address,undefined
debug cc -O0
EOF
for one in "${built[@]}"; do
    for other in "${built[@]}"; do
        rm -f "$db"
        seq 1 100 | sed 's/.*/n&,&/' | "$one/writer" --capacity 16 --file "$db" load >/dev/null
        seq 101 200 | sed 's/.*/n&,&/' | "$other/writer" --file "$db" load >/dev/null
        ok "$one writes, $other goes on" exits 0 "$one/reader" --file "$db" check
        is "... all is there" "$("$other/reader" --file "$db" list --csv | sort -t, -k2n | tail -1)" n200,200
    done
done
