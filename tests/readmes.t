#!/usr/bin/env bash
# readmes.t - every README's two-terminal transcript, run and compared; every text's links and anchors looked up
#
# A transcript is two blocks ```console, each with a command behind "$ " and what it prints. What
# differs from run to run is made alike: pids, and the time it took.

. "$(dirname "$0")/lib.sh"

# block README N: the N-th console block.
block() {
    awk -v n="$2" '/^```/ { inside = ($0 == "```console") && ++count == n; next } inside' "$1"
}

alike() {
    sed -E -e "s| $own||" -e "s|$work/db|mmap_db.dat|" -e 's/pid [0-9]+/pid N/' \
        -e 's/in [0-9.]+ s, [0-9.]+ [a-zA-Z]+\/s$/in N s, N bytes\/s/' -e 's/in [0-9.]+ s$/in N s/' \
        -e 's/[0-9.]+( M)? messages\/s/N messages\/s/' -e 's/full [0-9]+ times/full N times/' \
        -e 's/message: [0-9.]+ ms/message: N ms/' -e 's/Throughput: [0-9.]+ MB/Throughput: N MB/' \
        -e 's/slots in .* pages.*/slots in SOME pages/' \
        -e 's/, [0-9.]+ GB\/s, [a-z0-9]+, .* pages, [0-9.]+ times/, N GB\/s, ISA, SOME pages, N times/'
}

# What a person types at a prompt is echoed by the terminal, with the line's end.
typed() {
    block "$1" 1 | sed -n 's/^Enter [a-z ]*: //p'
}

without_typed() {
    sed -z -E 's/(Enter [a-z ]*: )[0-9]+\n/\1/g'
}

# What keeps this test's objects apart from those of others.
own_option() { # README
    case $1 in
        */04_mmap_db/*) echo "--file $work/db" ;;
        */07_sysv/*) echo "--key $work/key" ;;
        *) echo "--name $name" ;;
    esac
}

# The command of a block, with that option.
command_of() {
    block "$1" "$2" | sed -n "s/^\\$ //p" | sed "s|\./[a-z0-9_/]*|& $own|"
}

transcript_is_true() { # README
    local first second own
    own=$(own_option "$1")
    first=$(command_of "$1" 1)
    second=$(command_of "$1" 2)
    touch "$work/key"
    cd "$(dirname "$1")" || return 1
    rm -f "$work/1" # the last one's: it said so too
    typed README.md >"$work/typed"
    bash -c "$first" <"$work/typed" >"$work/1" 2>&1 &
    local pid=$!
    said_waiting() {
        grep -q 'waiting for the' "$work/1"
    }
    eventually said_waiting
    bash -c "$second" >"$work/2" 2>&1
    wait "$pid"
    cd "$work" || return 1
    for n in 1 2; do
        diff <(block "$1" $n | tail -n +2 | without_typed | alike) <(alike <$n) | sed 's/^/# /' | tee differences
        [ ! -s differences ] || return 1
    done
}

for readme in "$root"/README.md "$root"/[0-9]*/README.md; do
    ok "${readme#"$root"/}: the transcript is what one sees" transcript_is_true "$readme"
done

# What "#..." may be behind a file's name: its headings, as GitHub makes them.
fragments() { # FILE
    awk '/^```/ { inside = !inside } !inside' "$1" | sed -n 's/^##* //p' | LC_ALL=C tr '[:upper:]' '[:lower:]' |
        LC_ALL=C sed -e 's/[^a-z0-9 _-]//g' -e 's/ /-/g'
}

links_lead_somewhere() { # README
    local target file missing=0
    while read -r target; do
        file=$(dirname "$1")/${target%%#*}
        [ -n "${target%%#*}" ] || file=$1
        [ -e "$file" ] || { echo "#   dead link: $target"; missing=1; continue; }
        case $target in
            *\#*) fragments "$file" | grep -qxF -e "${target#*#}" || { echo "#   no such heading: $target"; missing=1; } ;;
        esac
    done < <(grep -oE '\]\([^)]+\)' "$1" | sed -E 's/^\]\((.*)\)$/\1/' | grep -v '^http')
    return "$missing"
}

cited() { # README: its anchors
    grep -oE '`\[[a-z -]+\]`' "$1" | tr -d '`'
}

modelled() { # MODEL: what it stands for, on the line that says so
    grep '^ \* Anchors:' "$1" | grep -oE '\[[a-z -]+\]'
}

anchors_exist() { # README or model: each `[anchor]` stands in a source of the lesson or of common/
    local anchor missing=0
    while read -r anchor; do
        grep -qsF -e "$anchor" "$(dirname "$1")"/*.[ch] "$root"/common/*.h ||
            { echo "#   no such anchor: $anchor"; missing=1; }
    done < <("${2:-cited}" "$1" | sort -u)
    return "$missing"
}

# Where an anchor follows a link to a source, it stands in that one: [`ring.h`](../03_ring_buffer/ring.h) `[lines]`.
anchors_are_where_it_says() { # README
    local token file='' missing=0
    while read -r token; do
        case $token in
        \]*) file=${token#"]("} file=$(dirname "$1")/${file%")"} ;;
        *) [ ! -f "$file" ] || grep -qF -e "${token//\`/}" "$file" ||
            { echo "#   no $token in $file"; missing=1; } ;;
        esac
    done < <(grep -oE '\]\([^)]+\)|`\[[a-z -]+\]`' "$1")
    return "$missing"
}

anchors_are_somewhere() { # TEXT
    local anchor missing=0
    while read -r anchor; do
        grep -qF -e "$anchor" "$root"/[0-9]*/*.[ch] "$root"/common/*.h || { echo "#   no such anchor: $anchor"; missing=1; }
    done < <(cited "$1" | sort -u)
    return "$missing"
}

readme=$root/pitfalls/README.md
ok 'pitfalls/README.md: every link leads somewhere' links_lead_somewhere "$readme"
ok 'pitfalls/README.md: every anchor is in the file that it names' anchors_are_where_it_says "$readme"
is 'pitfalls/README.md: each pitfall, and no other, has its heading' \
    "$(sed -n 's/^### //p' "$readme" | sort)" "$(cd "$root/pitfalls" && printf '%s\n' *.c | sed 's/\.c$//')"
is 'pitfalls/README.md: each is in the table of symptoms' \
    "$(grep '^|' "$readme" | grep -oE '\(#[a-z_]+\)' | tr -d '(#)' | sort -u)" "$(sed -n 's/^### //p' "$readme" | sort)"

for readme in "$root"/README.md "$root"/[0-9]*/README.md; do
    ok "${readme#"$root"/}: every link leads somewhere" links_lead_somewhere "$readme"
    ok "${readme#"$root"/}: every anchor is in the code" anchors_exist "$readme"
done

for text in GUIDE CLASSROOM CONTRIBUTING CHANGELOG; do
    ok "$text.md: every link leads somewhere" links_lead_somewhere "$root/$text.md"
    ok "$text.md: every anchor is in the file that it names" anchors_are_where_it_says "$root/$text.md"
    ok "$text.md: every anchor is in the code" anchors_are_somewhere "$root/$text.md"
done

for model in "$root"/{common,[0-9]*}/*.pml; do
    [ -e "$model" ] || continue # no lesson has one
    ok "${model#"$root"/}: says which code it stands for" test "$(modelled "$model" | wc -l)" -gt 1
    ok "${model#"$root"/}: every anchor is in the code" anchors_exist "$model" modelled
done
