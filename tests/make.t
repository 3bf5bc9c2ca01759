#!/usr/bin/env bash
# make.t - what the Makefile promises, tried on a copy of the sources

. "$(dirname "$0")/lib.sh"

unset MAKEFLAGS MFLAGS MAKELEVEL # this make is not the one that runs the tests
mkdir copy && (cd "$root" && tar cf - --exclude=.git --exclude=build .clang-format Makefile LICENSE common tools tests pitfalls [0-9]*) | tar xf - -C copy
cd copy || exit 1
# shellcheck disable=SC2120 # it is called with arguments, through ok()
make() {
    command make -s "$@" >"$work/out" 2>"$work/err"
}

fails() {
    ! "$@" >"$work/out" 2>&1
}

ok 'make clean' make clean
is 'removes every program' "$(find . -type f -perm -u+x ! -name '*.sh' ! -name '*.t')" ''
ok 'make -j builds every lesson' make -j 4
ok 'without a word' test ! -s "$work/out" -a ! -s "$work/err"
ok 'a second make has nothing to do' command make -q
ok 'make help' make help
for target in all countdown run-NAME pitfalls pitfall-NAME demo test test-all torture hostile verify races memcheck mutations \
    fuzz coverage check-arm64 check-musl check-32bit check-macos bench lint format clean clean-ipc; do
    ok "help explains $target" says "$work/out" "^  .*$target"
done

# make -q says what it would do; then things are put back as they were, so as not to build all of it again.
is_current() {
    if command make -q "$@" 2>/dev/null; then echo yes; else echo no; fi
}
touch -r common/clock.h "$work/stamp"
touch common/clock.h
is 'a changed header rebuilds what includes it' "$(is_current)" no
touch -r "$work/stamp" common/clock.h
cp -p build/flags "$work/flags"
is 'so do changed flags' "$(is_current CFLAGS=-O0)" no
cp -p "$work/flags" build/flags
is 'nothing else does' "$(is_current)" yes
(cd 01_countdown && cc producer.c -o producer -pthread -lrt)
rm build/01_countdown-producer.d
is 'so does a program that was built by hand' "$(is_current)" no

# Countdown once more at the end: what that says is looked at.
for lesson in $(sed -n 's/^LESSONS := //p' Makefile) mmap_file simd_processing countdown; do
    ok "make $lesson" make "$lesson"
done
ok 'prints the two commands' says "$work/out" '^    \./01_countdown/producer$'
ok 'of both halves' says "$work/out" '^    \./01_countdown/consumer$'

# Only what it would do: these halves bear the names that people use, perhaps just now.
is 'make run-countdown runs them in one terminal' "$(command make -n run-countdown | tail -n 1)" \
    'INPUT= tools/run_pair.sh ./01_countdown/producer ./01_countdown/consumer'
ok 'make clean-ipc' make clean-ipc

ok 'a campaign over a lesson that is not there is refused' fails make torture LESSON=nonesuch ROUNDS=1
ok '... and says which there are' says "$work/err" "^torture: there is no lesson 'nonesuch'; LESSON is one or some of: countdown"
ok '... as is a number that is none' fails make torture ROUNDS=many
ok '... and says what to type' says "$work/err" '^torture: ROUNDS and SEED are numbers: make torture ROUNDS=100 SEED=1$'

ok 'make pitfall-pointer' make pitfall-pointer
ok 'shows one pitfall' says "$work/out" '^right: the offset'

while read -r file; do
    build=$(sed -n 's|^ \* Build: *\(cc [^(]*-lrt\).*|\1|p' "$file")
    ok "$file builds by the command in its header" bash -c "[ -n '$build' ] && cd ${file%/*} && $build"
done < <(grep -l '^int main' [0-9]*/*.c pitfalls/*.c tools/*.c)

if command -v clang-format >/dev/null; then
    sed -i 's/^    return /  return /' common/clock.h
    ok 'make format' make format
    ok 'lays it out as it was' cmp common/clock.h "$root/common/clock.h"
else
    skip 'make format' 'clang-format is missing'
fi

# Headers that say nothing are enough to be found; nothing is compiled.
rivals() {
    command make -n bench-mmap_db "$@" 2>&1 | grep -oE -- '-(DBENCH_|l)(LMDB|lmdb|SQLITE|sqlite3)' | tr '\n' ' '
}
is 'libraries whose headers are missing are not measured' "$(rivals CC='cc -nostdinc')" ''
mkdir headers && : >headers/lmdb.h && : >headers/sqlite3.h
is '... those that are there are' "$(CPATH=$PWD/headers rivals)" '-DBENCH_LMDB -DBENCH_SQLITE -llmdb -lsqlite3 '

if command -v gnuplot >/dev/null; then
    start reader 06_writer_reader_bench/reader --quiet --name "$name"
    06_writer_reader_bench/writer latency --transport pipe --size 64,1024 --count 10 --csv build/bench.csv --name "$name" >"$work/out" 2>&1
    ok 'two figures to draw' ends "${reader:?}" 0
    rm 06_writer_reader_bench/*.svg
    ok 'make plots' make plots
    ok 'draws what was measured' says 06_writer_reader_bench/latency.svg '<svg'
else
    skip 'make plots' 'gnuplot is missing'
fi

# On a machine that has none of the other compilers.
mkdir "$work/bare"
for tool in bash cat dirname env getconf grep mkdir sh tr uname; do
    ln -s "$(command -v "$tool")" "$work/bare/"
done
bare_make() {
    PATH=$work/bare exits 0 "$(type -P make)" "$@"
}
while read -r check missing; do
    ok "make check-$check without $missing" bare_make -s "check-$check"
    ok 'is skipped, and says what to install' says out "^check-$check: skipped: $missing is missing; .* install "
done <<'END'
arm64 aarch64-linux-gnu-gcc
musl musl-gcc
32bit gcc
macos zig
END

ok 'make demo' make demo
ok 'shows both halves, each line with who said it' says "$work/out" '^producer \| sent 0$'
ok 'of a pair that works' says "$work/out" '^consumer \| liftoff$'
is 'every lesson' "$(sed -n 's/^== [0-9]* //p' "$work/out" | xargs)" "$(sed -n 's/^LESSONS := //p' Makefile)"
ok 'without an escape sequence or a line written over' fails grep -E $'\e|\r' "$work/out"
ok 'make demo LESSON=sysv' make demo LESSON=sysv
is 'shows that one' "$(sed -n 's/^== [0-9]* //p' "$work/out")" sysv
ok 'LESSON=nonsense is refused' fails command make -s demo LESSON=nonsense
ok 'with the names that there are' says "$work/out" "no lesson 'nonsense'; LESSON is one of: countdown .* sysv$"
ok 'a half that fails makes the pair fail' \
    fails tools/run_pair.sh "01_countdown/consumer --timeout 1 --name $name" '01_countdown/producer --help'
ok 'and is shown' says "$work/out" '^consumer \| consumer: no producer came within 1 s'
cat >late <<'END'
sleep 0.3
[ ! -e second_was_here ] || exit 1
echo 'late: waiting for the second half; in another terminal: touch'
until [ -e second_was_here ]; do sleep 0.01; done
END
ok 'a second half that is to wait for the first one, does' \
    env IN_TURN=1 tools/run_pair.sh 'bash late' 'touch second_was_here'
ok '... but not for one that has ended' fails env IN_TURN=1 tools/run_pair.sh 'bash late' 'touch second_was_here'
export INPUT=nothing.here
ok 'an input that is missing does not hang' \
    fails tools/run_pair.sh "01_countdown/producer --timeout 1 --name $name" "01_countdown/consumer --timeout 1 --name $name"
ok 'and is named' says "$work/out" 'cannot read nothing\.here'
