/* clock.h - timing: monotonic now, sleeping, deadlines, rates
 *
 * A deadline is a moment of the monotonic clock in nanoseconds, which nobody can set, so that a
 * changed wall clock neither cuts a wait short nor makes it endless.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <errno.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define DEADLINE_NEVER INT64_MAX

#if defined __GLIBC__ && defined _GNU_SOURCE
#if __GLIBC_PREREQ(2, 30)
#define SEM_CLOCKWAIT /* sem_clockwait() is there */
#endif
#endif

/* How long any wait may go without a look at whether the other half is still alive. */
#define LOOK_INTERVAL_MS 100

static inline int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* timeout_ms from now; -1 is never. */
static inline int64_t deadline_after_ms(int64_t timeout_ms)
{
    return timeout_ms < 0 ? DEADLINE_NEVER : now_ns() + timeout_ms * NS_PER_MS;
}

/* What --timeout SECONDS means: 0 is never. */
static inline int64_t timeout_deadline(int64_t timeout_s)
{
    return deadline_after_ms(timeout_s == 0 ? -1 : timeout_s * 1000);
}

static inline bool deadline_passed(int64_t deadline)
{
    return now_ns() >= deadline;
}

/* The deadline, or the next look at the other half if that comes sooner. */
static inline int64_t next_look(int64_t deadline)
{
    int64_t look = deadline_after_ms(LOOK_INTERVAL_MS);
    return look < deadline ? look : deadline;
}

static inline struct timespec timespec_of_ns(int64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/* Sleeps till the deadline; a signal ends it early. */
static inline void sleep_until(int64_t deadline)
{
    int64_t left_ns = deadline - now_ns();
    struct timespec left = timespec_of_ns(left_ns > 0 ? left_ns : 0);
    nanosleep(&left, NULL);
}

static inline double seconds_since(int64_t start_ns)
{
    return (double)(now_ns() - start_ns) / (double)NS_PER_S;
}

/* sem_wait() with a deadline, on every system: 0, or -1 with ETIMEDOUT, EINTR, EINVAL. */
static inline int sem_wait_until(sem_t *semaphore, int64_t deadline)
{
#if defined SEM_CLOCKWAIT
    struct timespec until = timespec_of_ns(deadline);
    return sem_clockwait(semaphore, CLOCK_MONOTONIC, &until);
#elif defined __APPLE__
    while (sem_trywait(semaphore) == -1) { /* macOS has no wait with a deadline: it polls */
        if (errno != EAGAIN)
            return -1;
        if (deadline_passed(deadline)) {
            errno = ETIMEDOUT;
            return -1;
        }
        sleep_until(now_ns() + NS_PER_MS);
    }
    return 0;
#else
    /* sem_timedwait() knows only the wall clock: wait in short slices, so that whoever sets that
     * clock can shift the deadline by one slice and no more. */
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t slice_ns = next_look(deadline) - now_ns();
    int64_t until_ns = until.tv_sec * NS_PER_S + until.tv_nsec + (slice_ns > 0 ? slice_ns : 0);
    until = timespec_of_ns(until_ns);
    return sem_timedwait(semaphore, &until);
#endif
}

#endif
