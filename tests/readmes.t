#!/usr/bin/env bash
# readmes.t - every README's two-terminal transcript, run and compared; its links and anchors looked up
#
# A transcript is two blocks ```console, each with a command behind "$ " and what it prints. What
# differs from run to run is made alike: pids, and the time it took.

. "$(dirname "$0")/lib.sh"

# block README N: the N-th console block.
block() {
    awk -v n="$2" '/^```/ { inside = ($0 == "```console") && ++count == n; next } inside' "$1"
}

alike() {
    sed -E -e "s| --name $name||" -e 's/pid [0-9]+/pid N/' -e 's/in [0-9.]+ s$/in N s/' \
        -e 's/[0-9.]+( M)? messages\/s/N messages\/s/' -e 's/full [0-9]+ times/full N times/' \
        -e 's/slots in .* pages.*/slots in SOME pages/' \
        -e 's/, [0-9.]+ GB\/s, [a-z0-9]+, .* pages, [0-9.]+ times/, N GB\/s, ISA, SOME pages, N times/'
}

# The command of a block, under this test's own name.
command_of() {
    block "$1" "$2" | sed -n 's/^\$ //p'
}

transcript_is_true() { # README
    local first second
    read -r -a first <<<"$(command_of "$1" 1) --name $name"
    read -r -a second <<<"$(command_of "$1" 2) --name $name"
    cd "$(dirname "$1")" || return 1
    rm -f "$work/1" # the last one's: it said so too
    "${first[@]}" >"$work/1" 2>&1 &
    local pid=$!
    said_waiting() {
        grep -q 'waiting for the' "$work/1"
    }
    eventually said_waiting
    "${second[@]}" >"$work/2" 2>&1
    wait "$pid"
    cd "$work" || return 1
    for n in 1 2; do
        diff <(block "$1" $n | tail -n +2 | alike) <(alike <$n) | sed 's/^/# /' | tee differences
        [ ! -s differences ] || return 1
    done
}

for readme in "$root"/README.md "$root"/[0-9]*/README.md; do
    ok "${readme#"$root"/}: the transcript is what one sees" transcript_is_true "$readme"
done

links_lead_somewhere() { # README
    local target missing=0
    while read -r target; do
        [ -e "$(dirname "$1")/${target%%#*}" ] || { echo "#   dead link: $target"; missing=1; }
    done < <(grep -oE '\]\([^)]+\)' "$1" | sed -E 's/^\]\((.*)\)$/\1/' | grep -v '^http')
    return "$missing"
}

anchors_exist() { # README of a lesson: each `[anchor]` stands in a source of the lesson or of common/
    local anchor missing=0
    while read -r anchor; do
        grep -qF -e "$anchor" "$(dirname "$1")"/*.[ch] "$root"/common/*.h ||
            { echo "#   no such anchor: $anchor"; missing=1; }
    done < <(grep -oE '`\[[a-z-]+\]`' "$1" | tr -d '`' | sort -u)
    return "$missing"
}

for readme in "$root"/README.md "$root"/[0-9]*/README.md; do
    ok "${readme#"$root"/}: every link leads somewhere" links_lead_somewhere "$readme"
    ok "${readme#"$root"/}: every anchor is in the code" anchors_exist "$readme"
done
