/* private_mutex.c - a mutex is for the threads of one process, unless one says otherwise
 *
 * Build:   cc private_mutex.c -o private_mutex -pthread -lrt     (macOS: without -lrt)
 * Run:     ./private_mutex
 * Look first at wrong() and right(): how the mutex is made. It lies in shared memory either way.
 */
#include "pitfall.h"

const char program_name[] = "private_mutex";

struct shared {
    struct turns turns;
    pthread_mutex_t mutex;
};

static struct shared *shared;

/* Excludes well enough, as the word in memory is shared. But an unlock wakes sleepers of its own process
 * only (FUTEX_WAKE_PRIVATE): the other one works until, one day, somebody has to wait. */
static void wrong(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    CHECK_ERROR(pthread_mutexattr_init(&attributes));
    CHECK_ERROR(pthread_mutex_init(mutex, &attributes));
    CHECK_ERROR(pthread_mutexattr_destroy(&attributes));
}

static void right(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    CHECK_ERROR(pthread_mutexattr_init(&attributes));
    CHECK_ERROR(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
    CHECK_ERROR(pthread_mutex_init(mutex, &attributes));
    CHECK_ERROR(pthread_mutexattr_destroy(&attributes));
}

static void lock_once(void)
{
    reach(&shared->turns, 1);
    CHECK_ERROR(pthread_mutex_lock(&shared->mutex));
    CHECK_ERROR(pthread_mutex_unlock(&shared->mutex));
}

/* This process has the lock, until the other one sleeps because of it. */
static struct outcome waiting(void (*make)(pthread_mutex_t *))
{
    shared = shared_memory(sizeof *shared);
    make(&shared->mutex);
    CHECK_ERROR(pthread_mutex_lock(&shared->mutex));
    pid_t waiter = fork_child();
    if (waiter == 0) {
        lock_once();
        _exit(0);
    }
    await(&shared->turns, 1);
    falls_asleep(waiter);
    CHECK_ERROR(pthread_mutex_unlock(&shared->mutex));
    return goes_on("unlocked, and the process that waits", end_or_hang(waiter));
}

int main(void)
{
    return verdict(waiting(wrong), waiting(right));
}
