/* lost_wakeup.c - a condition variable remembers nothing: a signal before the wait is lost
 *
 * Build:   cc lost_wakeup.c -o lost_wakeup -pthread -lrt     (macOS: without -lrt)
 * Run:     ./lost_wakeup
 * Look first at wrong() and right(): how a process waits for what may have happened already.
 */
#include "pitfall.h"

const char program_name[] = "lost_wakeup";

struct shared {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_ready; /* the predicate; whoever holds the mutex may look at it and change it */
};

static struct shared *shared;

/* Waits for a signal. Works as long as this process is the quicker one. */
static void wrong(void)
{
    CHECK_ERROR(pthread_mutex_lock(&shared->mutex));
    CHECK_ERROR(pthread_cond_wait(&shared->changed, &shared->mutex));
    CHECK_ERROR(pthread_mutex_unlock(&shared->mutex));
}

/* Waits for a state. A loop, since a wait may also end without any signal. */
static void right(void)
{
    CHECK_ERROR(pthread_mutex_lock(&shared->mutex));
    while (!shared->is_ready)
        CHECK_ERROR(pthread_cond_wait(&shared->changed, &shared->mutex));
    CHECK_ERROR(pthread_mutex_unlock(&shared->mutex));
}

static void make_shared(void)
{
    pthread_condattr_t attributes;
    shared = shared_memory(sizeof *shared);
    make_mutex(&shared->mutex, false);
    CHECK_ERROR(pthread_condattr_init(&attributes));
    CHECK_ERROR(pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
    CHECK_ERROR(pthread_cond_init(&shared->changed, &attributes));
    CHECK_ERROR(pthread_condattr_destroy(&attributes));
}

/* The signal comes first, then the process that waits for it. */
static struct outcome waiting(void (*wait_till_ready)(void))
{
    make_shared();
    CHECK_ERROR(pthread_mutex_lock(&shared->mutex));
    shared->is_ready = true;
    CHECK_ERROR(pthread_cond_signal(&shared->changed));
    CHECK_ERROR(pthread_mutex_unlock(&shared->mutex));

    pid_t waiter = fork_child();
    if (waiter == 0) {
        wait_till_ready();
        _exit(0);
    }
    return goes_on("signalled before it waits, it", end_or_hang(waiter));
}

int main(void)
{
    return verdict(waiting(wrong), waiting(right));
}
