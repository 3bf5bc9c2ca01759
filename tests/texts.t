#!/usr/bin/env bash
# texts.t - the commands, the quotations and the spelling of the texts
#
# Where links and anchors lead, readmes.t looks up; the commands of CLASSROOM.md are run by classroom.t.

. "$(dirname "$0")/lib.sh"

cd "$root" || exit 1
mapfile -t texts < <(find . -name build -prune -o -name '*.md' -print | sort)

# --- commands --------------------------------------------------------------------------------

# Every target, as make itself lists them. No recipe is run; elsewhere, since make notes its flags in build/.
targets=$(cd "$work" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -pq -f "$root/Makefile" help 2>/dev/null |
    sed -n 's/^\([a-z%][a-zA-Z0-9_%/-]*\)[ :].*/\1/p' | sort -u)

is_target() { # NAME
    grep -qxF -e "$1" <<<"$targets" && return
    case $1 in
        run-* | bench-*) grep -qxF -e "${1#*-}" <<<"$targets" ;;
        pitfall-*) [ -e "pitfalls/${1#*-}.c" ] || [ "$1" = pitfall-NAME ] ;;
        *) false ;;
    esac
}

# Whatever a text says after "make", in backquotes or in a block.
named_targets() { # TEXT
    {
        grep -oE '`make [^`]*`' "$1" | tr -d '`'
        awk '/^ *```/ { inside = /sh$/ && !inside; next } inside' "$1" | grep -oE '(^|&& )make .*'
    } | sed -E -e 's/^(&& )?make//' -e 's/(&&|#).*//' | tr ' ' '\n' | grep -vE '=|^-|^$' | sort -u
}

# Does a test run it, or .ci/run? That of the Makefile runs each lesson's, that of the pitfalls each of them.
is_run() { # TARGET
    case $1 in
        pitfalls | pitfall-*) test -e tests/pitfalls.t ;;
        tests/*) true ;; # make test builds it
        run-*) grep -q 'make -n run-' tests/make.t ;;
        bench*) grep -q ' bench-all' .ci/run ;;
        recordings) true ;; # its pictures are looked at, by whoever makes them
        *) grep -E '^LESSONS :=|^for lesson in' Makefile tests/make.t | grep -qw -e "$1" ||
            grep -hv '^ *#' .ci/run tests/make.t | grep -qE "make ([a-z0-9-]+ )*$1( |'|\$)" ;;
    esac
}

# Each target that a text names passes that check; which doesn't, is said.
each_target() { # CHECK REPROACH TEXT
    local target wrong=0
    while read -r target; do
        "$1" "$target" || { echo "#   $2: make $target"; wrong=1; }
    done < <(named_targets "$3")
    return "$wrong"
}

# The lines of the blocks of shell commands that no comment "try" stands before.
untried() { # TEXT
    awk '/^<!-- try/ { tried = 1; next }
        /^ *```/ { if (inside) { inside = 0; tried = 0 } else inside = /sh$/ ? (tried ? 1 : 2) : 1; next }
        inside == 2 && !/^ *(#|$)/
        !inside { tried = 0 }' "$1"
}

commands_are_run() { # TEXT: by some test; or here is why not
    local line unknown=0
    while read -r line; do
        line=${line%%  #*}
        case $line in
            make | 'make '*) ;; # is_run() looks them up
            'sudo apt-get install -y build-essential'*) ;; # changes the machine; .ci/run does it
            *) echo "#   nobody runs: $line"; unknown=1 ;;
        esac
    done < <(untried "$1")
    return "$unknown"
}

for text in "${texts[@]}"; do
    ok "${text#./}: every make target exists" each_target is_target 'no such target' "$text"
done
for text in README.md GUIDE.md CLASSROOM.md CONTRIBUTING.md pitfalls/README.md; do
    ok "$text: every make target is run, here or before a change is taken" each_target is_run 'nobody runs' "$text"
    ok "$text: every command is run by a test" commands_are_run "$text"
done

# --- quotations ------------------------------------------------------------------------------

# Each block of C stands in the file that was linked last before it, word by word.
quotations_are_right() { # TEXT
    local line file='' block='' inside=0 wrong=0 content
    while IFS= read -r line; do
        if [ "$line" = '```c' ]; then
            inside=1 block=''
        elif [ "$inside" = 1 ] && [ "$line" = '```' ]; then
            inside=0
            content=$(cat "$file")
            [[ $content == *"$block"* ]] || { echo "#   not in $file:"; echo "#   | ${block//$'\n'/$'\n'#   | }"; wrong=1; }
        elif [ "$inside" = 1 ]; then
            block+=${block:+$'\n'}$line
        elif [[ $line =~ \]\(([a-z0-9_/.]+\.[ch])\) ]]; then
            file=${BASH_REMATCH[1]}
        fi
    done <"$1"
    return "$wrong"
}

ok 'CONTRIBUTING.md quotes the code' quotations_are_right CONTRIBUTING.md

# The N-th block of C of a text.
c_block() { # TEXT N
    awk -v n="$2" '/^```/ { inside = ($0 == "```c") && ++count == n; next } inside' "$1"
}

# README.md's two programs for one's own use, under a name of this test's own.
own_programs_talk() {
    local half number=0
    for half in sender receiver; do
        number=$((number + 1))
        c_block "$root/README.md" $number | sed "s|\"/hello\"|\"$name\"|" >"$work/$half.c"
        cc -std=c11 -Wall -Wextra -Werror -I"$root" "$work/$half.c" -o "$work/$half" -pthread -lrt || return 1
    done
    start receiver "$work/receiver"
    start sender "$work/sender"
    ends "${sender:?}" 0 && ends "${receiver:?}" 0 && [ "$(cat receiver.out)" = hello ]
}

cd "$work" || exit 1 # where start() writes
ok 'README.md: the two programs of one'"'"'s own talk' own_programs_talk
ok 'and leave nothing' nothing_is_left
cd "$root" || exit 1

# --- spelling --------------------------------------------------------------------------------

is_spelt_right() {
    local findings
    findings=$(git ls-files 2>/dev/null | grep -v '\.svg$' |
        xargs -r codespell --ignore-words-list=buil,redy,fro 2>&1) || true
    [ -z "$findings" ] || { echo "#   ${findings//$'\n'/$'\n'#   }"; return 1; }
}

if ! command -v codespell >/dev/null; then
    skip 'spelling' 'codespell is missing; on Debian and Ubuntu: sudo apt-get install codespell'
elif ! git rev-parse --git-dir >/dev/null 2>&1; then
    skip 'spelling' 'this is no git checkout: what belongs to it is not known'
else
    ok 'spelling' is_spelt_right
fi
