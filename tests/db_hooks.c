/* db_hooks.c - lets a test stop or kill a writer between any two steps of a put
 *
 * DB_HOOK=WHERE       SIGKILL at the first hook of that name     DB_HOOK=WHERE:N  ... at the N-th
 * DB_HOOK_STOP=WHERE  SIGSTOP there, likewise
 * The names stand in 04_mmap_db, as db_hook("..."). Only in builds with -DDB_TEST_HOOKS.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#ifndef DB_TEST_HOOKS
#define DB_TEST_HOOKS
#endif
#include "../04_mmap_db/layout.h"

static void act(const char *variable, const char *where, int signal_number, long *met)
{
    const char *wanted = getenv(variable);
    size_t length = strlen(where);
    if (wanted == NULL || strncmp(wanted, where, length) != 0 ||
        (wanted[length] != '\0' && wanted[length] != ':'))
        return;
    if (++*met == (wanted[length] == ':' ? strtol(wanted + length + 1, NULL, 10) : 1))
        raise(signal_number);
}

void db_hook(const char *where)
{
    static long met_kill, met_stop;
    act("DB_HOOK", where, SIGKILL, &met_kill);
    act("DB_HOOK_STOP", where, SIGSTOP, &met_stop);
}
