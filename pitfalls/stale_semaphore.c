/* stale_semaphore.c - sem_open() of a name that exists keeps the value that a dead run left
 *
 * Build:   cc stale_semaphore.c -o stale_semaphore -pthread -lrt     (macOS: without -lrt)
 * Run:     ./stale_semaphore
 * Look first at wrong() and right().
 */
#include "pitfall.h"

const char program_name[] = "stale_semaphore";

/* The value counts only if the semaphore is new: this one isn't. */
static sem_t *wrong(void)
{
    return sem_open(own_name, O_CREAT, 0600, 0);
}

/* What a dead run left goes first, and O_EXCL makes sure that it did. (Only who knows that the other
 * run is dead may do so: lesson 01 keeps the pid of the owner in the region.) */
static sem_t *right(void)
{
    sem_unlink(own_name);
    return sem_open(own_name, O_CREAT | O_EXCL, 0600, 0);
}

/* Posts twice, and is killed before anybody takes the two tokens. */
static void dead_run(void)
{
    sem_t *semaphore = right();
    if (semaphore == SEM_FAILED)
        die("cannot create the semaphore %s: %s", own_name, strerror(errno));
    CHECK(sem_post(semaphore));
    CHECK(sem_post(semaphore));
    raise(SIGKILL);
}

/* How many waits the next run gets through, in which nobody has posted: what a child exits with. */
static int next_run(sem_t *(*open)(void))
{
    int tokens = 0;
    sem_t *semaphore = open();
    if (semaphore == SEM_FAILED)
        die("cannot open the semaphore %s: %s", own_name, strerror(errno));
    while (sem_trywait(semaphore) == 0)
        tokens++;
    return tokens;
}

static struct outcome two_runs(sem_t *(*open)(void))
{
    pid_t first = fork_child();
    if (first == 0)
        dead_run();
    status_of(first);
    pid_t second = fork_child();
    if (second == 0)
        _exit(next_run(open));
    int tokens = status_of(second);
    return outcome(tokens == 0, "the second run finds %d tokens that nobody posted", tokens);
}

static void tidy_up(void)
{
    sem_unlink(own_name);
}

int main(void)
{
    tidy_up_with(tidy_up);
    return verdict(two_runs(wrong), two_runs(right));
}
