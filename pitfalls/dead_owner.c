/* dead_owner.c - a mutex whose owner died stays locked for ever; a robust one says so to the next
 *
 * Build:   cc dead_owner.c -o dead_owner -pthread -lrt     (macOS: without -lrt)
 * Run:     ./dead_owner
 * Look first at wrong() and right(): the next process that wants the lock.
 */
#include "pitfall.h"

const char program_name[] = "dead_owner";

enum { ALL = 100 };

struct shared {
    pthread_mutex_t mutex;
    int here, there; /* together ALL, for whoever holds the mutex and for nobody else */
};

static struct shared *shared;

static void move_one(void)
{
    shared->here--;
    shared->there++;
}

static void wrong(void)
{
    CHECK_ERROR(pthread_mutex_lock(&shared->mutex));
    move_one();
    CHECK_ERROR(pthread_mutex_unlock(&shared->mutex));
}

static void right(void)
{
#ifdef __linux__
    int error = pthread_mutex_lock(&shared->mutex);
    if (error == EOWNERDEAD) { /* we have the lock, and what the dead one left half done */
        shared->there = ALL - shared->here;
        error = pthread_mutex_consistent(&shared->mutex); /* or else it is lost at the unlock */
    }
    CHECK_ERROR(error);
    move_one();
    CHECK_ERROR(pthread_mutex_unlock(&shared->mutex));
#endif
}

static void die_amid_the_change(void)
{
    CHECK_ERROR(pthread_mutex_lock(&shared->mutex));
    shared->here--;
    raise(SIGKILL);
}

static int status_of_user(void (*use)(void))
{
    pid_t child = fork_child();
    if (child == 0) {
        use();
        _exit(0);
    }
    return end_or_hang(child);
}

/* One dies, a second one finds that, and a third one shall not notice any more. */
static struct outcome three_users(bool robust, void (*use)(void))
{
    shared = shared_memory(sizeof *shared);
    shared->here = ALL;
    make_mutex(&shared->mutex, robust);
    status_of_user(die_amid_the_change);
    int second = status_of_user(use);
    if (second == CHILD_HANGS)
        return outcome(false, "the owner died; the next one hangs");
    int third = status_of_user(use);
    int sum = shared->here + shared->there;
    return outcome(second == 0 && third == 0 && sum == ALL,
                   "the owner died; the next ones go on, the sum is %d", sum);
}

int main(void)
{
#ifndef __linux__
    return skip("this system has no robust mutexes");
#endif
    return verdict(three_users(false, wrong), three_users(true, right));
}
