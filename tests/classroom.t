#!/usr/bin/env bash
# classroom.t - the steps of CLASSROOM.md, each run as it stands there: does one see what it says?
#
# Before a block of commands stands a comment: the folder to run it in, and what its output has to match.
# This happens in a copy of the lessons, under names of this test's own.

. "$(dirname "$0")/lib.sh"

if [ -n "${MACHINE:-}" ]; then
    skip 'the steps of CLASSROOM.md' "they build with cc, and not for $MACHINE"
    exit
fi

text=$root/CLASSROOM.md
mkdir -p copy/tests && cp -R "$root"/[0-9]* "$root/common" copy && cp "$root/tests/hooked_writer" copy/tests || exit 1

# The options that keep a half apart from others', behind its name; and the names of its objects.
own_names() { # N
    sed -E -e "/^ *(cc|sed) /!s#\./(producer|consumer|broken)\>#& --name $name$1#g" \
        -e "s#(countdown|ring)-\\$\(id -u\)#${name#/}$1#g"
}

# block N: the N-th that a comment stands before.
block() {
    awk -v n="$1" '/^<!-- try/ { count++; armed = count == n; next }
        /^```/ { inside = armed && !inside && /sh$/; if (!inside) armed = 0; next } inside' "$text"
}

shows() { # FOLDER PATTERN N
    if [ "$1" = 04_mmap_db ]; then block "$3"; else block "$3" | own_names "$3"; fi >script
    (cd "copy/$1" && timeout 100 bash "$work/script") >out 2>&1 <<<''
    says out "$2"
}

may_mount() {
    unshare -Umr sh -c 'mount -t tmpfs -o size=64k none /dev/shm' 2>/dev/null
}

number=0
while read -r comment; do
    number=$((number + 1))
    [[ $comment =~ ^'<!-- try'(' with a mount')?': '([^:]+)': '(.*)' -->'$ ]]
    description="step $number shows: ${BASH_REMATCH[3]}"
    if [ -n "${BASH_REMATCH[1]}" ] && ! may_mount; then
        skip "$description" 'this user may not mount anything here, not even in a namespace'
    else
        ok "$description" shows "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}" "$number"
    fi
done < <(grep '^<!-- try' "$text")
ok 'there are steps' test "$number" -gt 10
ok 'nothing is left' nothing_is_left
