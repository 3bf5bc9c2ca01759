#!/usr/bin/env bash
# diagrams.t - what broke a Mermaid diagram before; make diagrams asks the parser itself

. "$(dirname "$0")/lib.sh"

cd "$root" || exit 1
diagrams() { # FILE: what stands in its diagrams, with the lines' numbers
    awk '/^```/ { inside = $0 == "```mermaid"; next } inside { print FILENAME ":" FNR ": " $0 }' "$1"
}
kind() { # FILE: what each of its diagrams begins with
    awk '/^```mermaid$/ { getline; print $1 }' "$1"
}
# A semicolon ends a statement, in the middle of a text, too.
has_no_semicolon() {
    ! diagrams "$1" | grep ';' | sed 's/^/#   /' | grep .
}
are_known() { # FILE
    ! kind "$1" | grep -vxE 'sequenceDiagram|flowchart|stateDiagram-v2' | sed 's/^/#   /' | grep .
}

for file in *.md */*.md; do
    [ -n "$(kind "$file")" ] || continue
    ok "$file: its diagrams are of a known kind" are_known "$file"
    ok "$file: no semicolon in them" has_no_semicolon "$file"
done
ok 'some were looked at' test "$tests_run" -gt 0
