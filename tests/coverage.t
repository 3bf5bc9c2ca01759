#!/usr/bin/env bash
# coverage.t - tools/coverage.sh, tried on a program of its own: what it counts, lists, and refuses

. "$(dirname "$0")/lib.sh"

unset MAKEFLAGS MFLAGS MAKELEVEL UNLISTED # this make is not the one that runs the tests
for tool in gcov gcovr; do
    if ! command -v $tool >/dev/null; then
        skip 'what make coverage says' "$tool is missing"
        exit
    fi
done
mkdir -p tools tests common 01_lesson
cp "$root/tools/coverage.sh" tools/
cp "$root/tests/coverage_end.c" tests/
cat >common/part.h <<'END'
static inline int part(int number)
{
    if (number > 1)
        return number +
               number / 2;
    return 0;
}
static inline int unused(int number)
{
    return number - 1;
}
END
cat >01_lesson/program.c <<'END'
#include <fcntl.h>
#include <unistd.h>
#include "../common/part.h"
static void in_the_child(void)
{
    int fd = open("/dev/null", O_RDONLY);
    _exit(fd == -1 ? 0 : 3);
}
int main(int count, char **arguments)
{
    (void)arguments;
    if (fork() == 0)
        in_the_child();
    return part(count);
}
END
cat >Makefile <<'END'
all: 01_lesson/program
01_lesson/program: 01_lesson/program.c
	$(CC) $(CFLAGS) -o $@ $< $(LDFLAGS)
test-all: all
	01_lesson/program
clean:
	rm -f 01_lesson/program
END
echo '# the reasons' >tests/uncovered.txt
ok 'a line that is not reached, and not listed, is a failure' exits 1 tools/coverage.sh
ok '... which names it' says out '^NOT REACHED, NOT LISTED: common/part.h:4:return number \+$'
ok '... and all of them' says out '^4 lines are not reached, and not listed in tests/uncovered.txt$'
ok '... as is what nobody calls' says out '^NOT REACHED, NOT LISTED: common/part.h:10:return number - 1;$'
ok 'each folder has its figures' says out '^common +7 +[0-9]+ +[0-9.]+%'
ok '... one that is reached altogether, by a child that ends with _exit(), too' says out '^01_lesson +([0-9]+) +\1 +100\.0%'
ok 'where three may be missed, four are a failure, too' exits 1 env UNLISTED=3 tools/coverage.sh again
ok '... and where four may be, none' exits 0 env UNLISTED=4 tools/coverage.sh again
cat >>tests/uncovered.txt <<'END'
Numbers are small here
    common/part.h: if (number > 1) return number +
    common/part.h: return 0;
Nobody calls it
    common/part.h: *
END
ok 'with a reason for each, it is none' exits 0 tools/coverage.sh again
ok '... the line stands under its reason' test "$(grep -A1 '^Numbers are small' out | tail -n 1)" = '    common/part.h:4:return number +'
ok '... that may be one for a whole file' test "$(grep -A2 '^Nobody calls it' out | tail -n 1)" = '    common/part.h:10:return number - 1;'
ok 'what is listed and reached is told' says out '^listed, but reached: common/part.h: return 0;$'
sed -i 's/^\t01_lesson.program$/&; false/' Makefile
ok 'a test that fails is a failure' exits 1 tools/coverage.sh
mkdir bin
for tool in bash dirname; do ln -s "$(command -v $tool)" bin/; done
ok 'a tool that is missing is none' exits 0 env PATH="$work/bin" tools/coverage.sh
ok '... and is named' says out '^coverage: skipped: gcc is missing; on Debian and Ubuntu: sudo apt-get install gcc$'
