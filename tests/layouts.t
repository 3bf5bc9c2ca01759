#!/usr/bin/env bash
# layouts.t - the drawings of memory in the READMEs, number by number, against what the compiler says
#
# A drawing's row is "offset bytes words ..."; each row has to be explained here, by a member of the struct, by the
# first and the last of several, or by two expressions. So does each other number that is drawn: by a pattern.

. "$(dirname "$0")/lib.sh"

rows=()    # of the lesson: "first words of the row|offset|bytes", as expressions
prose=()   # "pattern, with a group for the number|expression"
sources=() # to be linked with

# row WORDS MEMBER [LAST_MEMBER]
row() {
    rows+=("$1|offsetof(LAYOUT, $2)|offsetof(LAYOUT, ${3:-$2}) + sizeof(((LAYOUT *)0)->${3:-$2}) - offsetof(LAYOUT, $2)")
}

# row_at WORDS OFFSET [BYTES]: expressions; without the second one the row has no bytes
row_at() {
    rows+=("$1|$2|${3:-0}")
}

# number PATTERN EXPRESSION: in the whole README; the pattern has one group
number() {
    prose+=("$1|$2")
}

# The program that says each row's offset and bytes, then each number.
program() { # HEADER STRUCT
    printf '#define _GNU_SOURCE\n#include <stdio.h>\n#include "%s"\n#define LAYOUT %s\n' "$1" "$2"
    echo 'extern const char program_name[]; const char program_name[] = "layouts"; int main(void) {'
    local entry
    for entry in "${rows[@]}"; do
        printf 'printf("%%llu %%llu\\n", (unsigned long long)(%s), (unsigned long long)(%s));\n' \
            "$(cut -d '|' -f 2 <<<"$entry")" "$(cut -d '|' -f 3 <<<"$entry")"
    done
    for entry in ${prose[@]+"${prose[@]}"}; do
        printf 'printf("%%llu\\n", (unsigned long long)(%s));\n' "${entry##*|}"
    done
    echo '}'
}

# The rows of a lesson's drawings: "offset bytes words"; MiB are made bytes, no bytes are 0.
drawn() { # LESSON
    sed -n '/^## The picture/,/^```mermaid/p' "$root/$1/README.md" | awk '/^```/ { inside = $0 == "```text"; next }
        inside && $1 ~ /^[0-9]+$/ {
            offset = $1; bytes = 0; $1 = ""
            if ($2 ~ /^[0-9]+$/) { bytes = $2; $2 = "" }
            if ($3 == "MiB") { bytes *= 1048576; $3 = "" }
            words = $0; sub(/^ +/, "", words)
            print offset, bytes, words
        }'
}

# compare LESSON HEADER STRUCT: the rows and numbers that were given, and forgets them
compare() {
    local lesson=$1 entry words said=() line matched=0
    program "$root/$1/$2" "$3" >layouts.c
    ok "$lesson: the layout compiles" run "${CC:-cc}" -std=c11 -pthread -w -o layouts layouts.c \
        ${sources[@]+"${sources[@]}"} -lrt
    mapfile -t said < <(./layouts)
    rm -f layouts
    drawn "$lesson" >rows
    local i=0
    for entry in "${rows[@]}"; do
        words=${entry%%|*}
        line=$(awk -v words="$words" '{ all = $0; $1 = $2 = ""; sub(/^ +/, "") } index($0, words) == 1 { print all; exit }' rows)
        is "$lesson: $words" "$(cut -d ' ' -f 1,2 <<<"$line")" "${said[i]:-}"
        [ -z "$line" ] || matched=$((matched + 1))
        i=$((i + 1))
    done
    is "$lesson: every row of the drawing was compared" "$matched" "$(wc -l <rows)"
    for entry in ${prose[@]+"${prose[@]}"}; do
        is "$lesson: ${entry%|*}" "$(sed -nE "s~^(.*[^0-9])?${entry%|*}.*~\\2~p" "$root/$lesson/README.md" | head -n 1)" "${said[i]:-}"
        i=$((i + 1))
    done
    rows=() prose=() sources=()
}

row 'magic' header.magic
row 'layout version' header.layout_version
row 'size in bytes' header.size_bytes
row 'owner' header.owner
row 'peer' header.peer
row 'number' number
number 'size in bytes +producer +([0-9]+)' 'sizeof(LAYOUT)'
number 'is ([0-9]+) bytes, all zero' 'sizeof(LAYOUT)'
number 'layout version +producer +([0-9]+)' 'countdown_format.layout_version'
compare 01_countdown countdown.h 'struct countdown'

row 'header' header
row 'accepted' accepted
row 'message bytes' message_bytes
row 'is fragmented' is_fragmented
row 'unused' unused
row 'chunk' chunk
number 'no longer than a fragment \(([0-9]+) KiB' 'CHANNEL_FRAGMENT_BYTES / 1024'
compare 02_buffer_transfer channel_layout.h 'struct channel_layout'

row 'header' header
row 'slots' slots
row 'head ' head
row 'tail' tail
row_at 'slot 0' 'offsetof(LAYOUT, messages)' 'sizeof(struct message)'
number 'slots of 64 bytes is ([0-9]+) bytes' 'ring_bytes(65536)'
number 'slots of ([0-9]+) bytes is' 'sizeof(struct message)'
number '\(([0-9]+), [0-9]+ and [0-9]+ each begin' 'offsetof(LAYOUT, head)'
number '\([0-9]+, ([0-9]+) and [0-9]+ each begin' 'offsetof(LAYOUT, tail)'
number '\([0-9]+, [0-9]+ and ([0-9]+) each begin' 'offsetof(LAYOUT, messages)'
compare 03_ring_buffer ring.h 'struct ring'

for part in check crc get grow header index lock open put record recover; do sources+=("$root/04_mmap_db/$part.c"); done
index_at() { # GENERATION: where the index of the first or the second extent begins, with 1024 records in each
    echo "extent_offset(1024, $1) + 1024 * sizeof(struct record)"
}
row_at 'header' 0 'sizeof(LAYOUT)'
row_at 'extent 0: records 0 to 1023' 'extent_offset(1024, 0)' '1024 * sizeof(struct record)'
row_at 'index: 2048 slots' "$(index_at 0)" '2048 * sizeof(uint64_t)'
row_at 'extent 1: records 1024 to 2047' 'extent_offset(1024, 1)' '1024 * sizeof(struct record)'
row_at 'index: 4096 slots' "$(index_at 1)" '4096 * sizeof(uint64_t)'
number '\(0; again ([0-9]+)\)' 'offsetof(LAYOUT, constants_again)'
number 'index number, generation +\(([0-9]+)\)' 'offsetof(LAYOUT, index_sequence)'
number 'changes, used, live, free +\(([0-9]+)\)' 'offsetof(LAYOUT, changes)'
number 'mutex \(([0-9]+)\)' 'offsetof(LAYOUT, mutex)'
number 'seal +\(([0-9]+)\)' 'offsetof(LAYOUT, seal)'
number '([0-9]+) bytes each' 'sizeof(struct record)'
number 'copy 0 \(([0-9]+) bytes\)' 'sizeof(struct copy)'
number 'copy 1 \(([0-9]+) bytes\)' 'sizeof(struct copy)'
compare 04_mmap_db layout.h 'struct header'

row 'header' header
row 'slots, kernel, seed' slots seed
row 'head ' head
row 'tail' tail
row 'in_hand' in_hand
row_at 'slot 0' 'offsetof(LAYOUT, batches)' 'sizeof(struct batch)'
number 'slot 0 +([0-9]+) floats' 'BATCH_FLOATS'
number 'with 1024 slots takes three pages of ([0-9]+) MiB' 'batch_ring_bytes(1024) / 3 / 1024 / 1024'
compare 05_simd batch_ring.h 'struct batch_ring'

row 'header' header
row 'place' place
row 'order' order_number order
row 'answer' answer_number answer
row_at 'four flags' 'offsetof(LAYOUT, to_reader)'
row_at 'lane' 'offsetof(LAYOUT, lanes)' LANE_BYTES
number 'object `/myshm`, ([0-9]+) MiB' 'REGION_BYTES / MIB'
number 'size, ready, buffer \(([0-9]+), 8, 64\)' 'offsetof(struct slot, size)'
number 'size, ready, buffer \(0, ([0-9]+), 64\)' 'offsetof(struct slot, ready)'
number 'size, ready, buffer \(0, 8, ([0-9]+)\)' 'offsetof(struct slot, buffer)'
compare 06_writer_reader_bench lane.h 'struct shared'

row 'magic "SYSV", version' magic layout_version
row 'device, inode' key_device key_inode
row 'slots, bytes of each' slots slot_bytes
row 'pid, how it ended' producer_pid producer_end
row 'pid, end, bytes written' consumer_pid written_bytes
row 'length of each slot' lengths
row_at '4 slots' SLOTS_OFFSET '4 * (256 << 10)'
number '([0-9]+) bytes in all' 'segment_bytes(4, 256 << 10)'
number 'IDENTITY +([0-9]+) ' IDENTITY_VALUE
compare 07_sysv sysv_pipe.h 'struct segment'
