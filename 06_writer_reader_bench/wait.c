/* wait.c - spin, hybrid, sem, cond, futex
 *
 * Each release store in here publishes what the half wrote before it; has_reached() acquires it.
 */
#define _GNU_SOURCE
#include "wait.h"

#ifdef __linux__
#include <sys/syscall.h>
#endif

enum { SPINS_PER_LOOK = 4096 };

/* ---- spin ---- */

/* [spin] The fastest way to notice, at the price of a processor. Even a spinner lets others have the
 * processor now and then: on a machine with one, the other half could not run otherwise.
 * [neighbour] The line behind the word's is where a message begins: it comes along with the word, and
 * not only when the word was seen. Where no message follows, the line is empty. */
int wait_spin_until(struct watch *watch, _Atomic uint32_t *word, uint32_t value)
{
    for (uint32_t looks = 1; !has_reached(word, value); looks++) {
        if (watch->shares_processor)
            sched_yield();
        else
            spin_pause();
        __builtin_prefetch((const char *)word + SHORT_LINE_BYTES); /* [neighbour] */
        if (looks % SPINS_PER_LOOK != 0)
            continue;
        sched_yield();
        if (watch_look(watch) == -1)
            return has_reached(word, value) ? 0 : -1; /* what it raised before it went, counts */
    }
    watch_reset(watch);
    return 0;
}

static int spin_until(const struct waiter *waiter, _Atomic uint32_t *word, uint32_t value)
{
    return wait_spin_until(waiter->watch, word, value);
}

static int only_raise(const struct waiter *waiter, _Atomic uint32_t *word, uint32_t value)
{
    (void)waiter; /* who waits is looking at the word itself */
    atomic_store_explicit(word, value, memory_order_release);
    return 0;
}

/* ---- hybrid ---- */

static int hybrid_until(const struct waiter *waiter, _Atomic uint32_t *word, uint32_t value)
{
    struct backoff backoff = {0};
    while (!has_reached(word, value))
        if (backoff_wait(&backoff) && watch_look(waiter->watch) == -1)
            return has_reached(word, value) ? 0 : -1;
    watch_reset(waiter->watch);
    return 0;
}

/* ---- sem ---- */

/* Each raise() posts one token, each until() takes one. */
static int sem_until(const struct waiter *waiter, _Atomic uint32_t *word, uint32_t value)
{
    do {
        while (sem_wait_until(waiter->semaphore, next_look(DEADLINE_NEVER)) == -1) {
            if (errno != ETIMEDOUT && errno != EINTR)
                return -1;
            if (watch_look(waiter->watch) == -1)
                return -1;
        }
    } while (
        !has_reached(word, value)); /* nobody else posts; but what others write isn't trusted */
    watch_reset(waiter->watch);
    return 0;
}

static int sem_raise(const struct waiter *waiter, _Atomic uint32_t *word, uint32_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
    return sem_post(waiter->semaphore);
}

/* ---- cond ---- */

#ifndef __APPLE__ /* whose condition variables don't work between processes */

/* The mutex was locked, or its lock came back from a wait: with that error. */
static int take_bell(struct bell *bell, int error)
{
    /* its holder has died: the word is whole all the same, and watch_look() will notice */
    if (error == EOWNERDEAD)
        error = pthread_mutex_consistent(&bell->mutex);
    errno = error;
    return error == 0 ? 0 : -1;
}

/* A half may be suspended while it holds the mutex: so also this wait looks around. The deadline is
 * the wall clock's, the only one that every system has for it; how long it took, watch_look() says. */
static int lock_bell(const struct waiter *waiter)
{
    struct bell *bell = waiter->bell;
    int error = pthread_mutex_trylock(&bell->mutex);
    while (error == EBUSY || error == ETIMEDOUT) {
        struct timespec until;
        if (watch_look(waiter->watch) == -1)
            return -1;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_INTERVAL_MS * NS_PER_MS;
        until.tv_sec += until.tv_nsec / NS_PER_S;
        until.tv_nsec %= NS_PER_S;
        error = pthread_mutex_timedlock(&bell->mutex, &until);
    }
    return take_bell(bell, error);
}

static int cond_until(const struct waiter *waiter, _Atomic uint32_t *word, uint32_t value)
{
    struct bell *bell = waiter->bell;
    if (lock_bell(waiter) == -1)
        return -1;
    int failed = 0;
    while (failed == 0 && !has_reached(word, value)) {
        struct timespec until = timespec_of_ns(next_look(DEADLINE_NEVER));
        int error = pthread_cond_timedwait(&bell->condition, &bell->mutex, &until);
        if (error == ETIMEDOUT)
            failed = watch_look(waiter->watch);
        else
            failed = take_bell(bell, error);
    }
    int reason = errno;
    pthread_mutex_unlock(&bell->mutex);
    errno = reason;
    watch_reset(waiter->watch);
    return failed;
}

static int cond_raise(const struct waiter *waiter, _Atomic uint32_t *word, uint32_t value)
{
    struct bell *bell = waiter->bell;
    if (lock_bell(waiter) == -1)
        return -1;
    atomic_store_explicit(word, value, memory_order_release);
    pthread_mutex_unlock(&bell->mutex);
    errno = pthread_cond_signal(&bell->condition);
    return errno == 0 ? 0 : -1;
}

int bell_make(struct bell *bell)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    int error = pthread_mutexattr_init(&mutex);
    error = error != 0 ? error : pthread_condattr_init(&condition);
    error = error != 0 ? error : pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    error = error != 0 ? error : pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
    error = error != 0 ? error : pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    error = error != 0 ? error : pthread_condattr_setclock(&condition, CLOCK_MONOTONIC);
    error = error != 0 ? error : pthread_mutex_init(&bell->mutex, &mutex);
    return error != 0 ? error : pthread_cond_init(&bell->condition, &condition);
}

#else

#define cond_until NULL
#define cond_raise NULL

int bell_make(struct bell *bell)
{
    (void)bell;
    return 0;
}

#endif

/* ---- futex ---- */

#ifdef __linux__

/* As in linux/futex.h, which not every C library brings along. */
enum { FUTEX_WAIT, FUTEX_WAKE };

/* Where a long has 32 bits and time 64, there is another call for that struct timespec. */
#ifdef SYS_futex_time64
#define FUTEX_CALL (sizeof(time_t) > sizeof(long) ? SYS_futex_time64 : SYS_futex)
#else
#define FUTEX_CALL SYS_futex
#endif

/* [futex] A sleeper says so, then the kernel compares the word once more before it sleeps; who raises
 * the word looks for sleepers afterwards. Both fences are sequentially consistent: so it can't be
 * that the one misses the word and the other one the sleeper. Not FUTEX_PRIVATE: between processes. */
static int futex_until(const struct waiter *waiter, _Atomic uint32_t *word, uint32_t value)
{
    const struct timespec look = timespec_of_ns(LOOK_INTERVAL_MS * NS_PER_MS);
    _Atomic uint32_t *sleepers = &waiter->bell->sleepers;
    int failed = 0;
    while (failed == 0 && !has_reached(word, value)) {
        atomic_store_explicit(sleepers, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        uint32_t seen = atomic_load_explicit(word, memory_order_relaxed);
        if ((int32_t)(seen - value) < 0 &&
            syscall(FUTEX_CALL, word, FUTEX_WAIT, seen, &look, NULL, 0) == -1 && errno != EAGAIN)
            failed = watch_look(waiter->watch);
        atomic_store_explicit(sleepers, 0, memory_order_relaxed);
    }
    watch_reset(waiter->watch);
    return failed;
}

static int futex_raise(const struct waiter *waiter, _Atomic uint32_t *word, uint32_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&waiter->bell->sleepers, memory_order_relaxed) == 0)
        return 0;
    return syscall(FUTEX_CALL, word, FUTEX_WAKE, 1, NULL, NULL, 0) == -1 ? -1 : 0;
}

#else
#define futex_until NULL
#define futex_raise NULL
#endif

const struct way_to_wait waits[WAITS] = {
    [WAIT_SPIN] = {"spin", spin_until, only_raise},
    [WAIT_HYBRID] = {"hybrid", hybrid_until, only_raise},
    [WAIT_SEM] = {"sem", sem_until, sem_raise},
    [WAIT_COND] = {"cond", cond_until, cond_raise},
    [WAIT_FUTEX] = {"futex", futex_until, futex_raise},
};
