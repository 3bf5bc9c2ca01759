/* uninitialised_semset.c - semget() makes a set, semctl() gives it values; somebody comes in between
 *
 * Build:   cc uninitialised_semset.c -o uninitialised_semset -pthread -lrt     (macOS: without -lrt)
 * Run:     ./uninitialised_semset
 * Look first at wrong() and right(): a process that finds the set and adds a token.
 */
#include "pitfall.h"

#include <sys/ipc.h>
#include <sys/sem.h>

const char program_name[] = "uninitialised_semset";

enum { TOKENS = 3 }; /* what the set begins with */

#ifndef __APPLE__
union semun { /* the program is to define it, except on macOS */
    int val;
    struct semid_ds *buf;
};
#endif

struct shared {
    struct turns turns;
    key_t key;
    int id;
};

static struct shared *shared;

static void add_tokens(int id, short count)
{
    struct sembuf operation = {.sem_op = count};
    CHECK(semop(id, &operation, 1));
}

/* The set is there; so it can be used? */
static void wrong(void)
{
    int id = CHECK(semget(shared->key, 1, 0));
    add_tokens(id, 1);
}

/* sem_otime is 0 until the first semop(), and that one is the creator's last step. */
static void right(void)
{
    int id = CHECK(semget(shared->key, 1, 0));
    struct semid_ds set = {.sem_otime = 0};
    union semun argument;
    argument.buf = &set;
    for (; set.sem_otime == 0; come_by(&shared->turns))
        CHECK(semctl(id, 0, IPC_STAT, argument));
    add_tokens(id, 1);
}

/* The creator, interrupted in the window, until the other one came by. */
static struct outcome creation(void (*join)(void))
{
    shared->id = CHECK(semget(shared->key, 1, IPC_CREAT | IPC_EXCL | 0600));
    shared->turns = (struct turns){0};
    pid_t other = fork_child();
    if (other == 0) {
        join();
        come_no_more(&shared->turns);
        _exit(0);
    }
    let_come_by(&shared->turns);
    union semun argument;
    argument.val = 0;
    CHECK(semctl(shared->id, 0, SETVAL, argument));
    add_tokens(shared->id, TOKENS);

    status_of(other);
    int tokens = CHECK(semctl(shared->id, 0, GETVAL));
    CHECK(semctl(shared->id, 0, IPC_RMID));
    shared->id = -1;
    return outcome(tokens == TOKENS + 1, "%d of %d tokens are there", tokens, TOKENS + 1);
}

static void tidy_up(void)
{
    if (shared->id != -1)
        semctl(shared->id, 0, IPC_RMID);
}

int main(void)
{
    shared = shared_memory(sizeof *shared);
    shared->key = 0x50000000 + getpid();
    shared->id = -1;
    tidy_up_with(tidy_up);
    struct outcome missing = creation(wrong);
    return verdict(missing, creation(right));
}
