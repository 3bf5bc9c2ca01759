/* coverage_end.c - is linked with every program that make coverage builds: no count is lost at its end
 *
 * Build:   cc -c coverage_end.c       and with the program: -Wl,--wrap=_exit coverage_end.o
 *
 * A program that leaves by _exit() writes no counts, so its _exit() is this one, which does it first. And
 * the files with the counts are opened and read by the same functions as others, so that fault.c might
 * make these fail: at a program's end there are no more faults.
 */
#define _GNU_SOURCE
#include <stdlib.h>

extern void __gcov_dump(void);
extern _Noreturn void __real__exit(int status);
extern _Noreturn void __wrap__exit(int status);

/* Runs after what atexit() was given, and before the counts are written. */
__attribute__((destructor)) static void no_more_faults(void)
{
    unsetenv("FAULT");
}

void __wrap__exit(int status)
{
    no_more_faults();
    __gcov_dump();
    __real__exit(status);
}
