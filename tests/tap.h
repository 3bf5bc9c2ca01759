/* tap.h - a test's results, as prove reads them (testanything.org) */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tests_run, tests_failed;

static inline bool ok(const char *description, bool passed)
{
    printf("%s %d - %s\n", passed ? "ok" : "not ok", ++tests_run, description);
    fflush(stdout);
    tests_failed += !passed;
    return passed;
}

static inline void is_number(const char *description, long long got, long long expected)
{
    if (!ok(description, got == expected))
        printf("#   got %lld, expected %lld\n", got, expected);
}

static inline void is_text(const char *description, const char *got, const char *expected)
{
    if (!ok(description, got != NULL && strcmp(got, expected) == 0))
        printf("#   got %s, expected %s\n", got != NULL ? got : "(nothing)", expected);
}

/* What main returns. */
static inline int done_testing(void)
{
    printf("1..%d\n", tests_run);
    return tests_failed > 0;
}

#endif
