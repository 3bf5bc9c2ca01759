/* backoff.h - how to wait without a lock: spin, then yield, then sleep
 *
 * The longer nothing comes, the less each further look costs. Spinning sees an event within
 * nanoseconds, but on a single processor it keeps the very process from running that it waits for.
 */
#ifndef COMMON_BACKOFF_H
#define COMMON_BACKOFF_H

#include <sched.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

enum { BACKOFF_SPINS = 100, BACKOFF_YIELDS = 100, BACKOFF_LONGEST_SLEEP_US = 2000 };

struct backoff {
    uint32_t rounds;   /* since the last backoff_reset() */
    uint32_t sleep_us; /* the next sleep; doubles up to BACKOFF_LONGEST_SLEEP_US */
};

/* Tells the processor that this is a retry loop: it saves power, and leaves the loop faster. */
static inline void spin_pause(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("isb"); /* takes as long as pause does; `yield` ends at once */
#endif
}

/* How many looks are worth spinning for: none where there is but one processor. Few, since the halves
 * may share one of several (taskset(1) tells neither of them where the other one is): then the yields
 * that follow let the other one run. */
static inline uint32_t spin_limit(void)
{
    static uint32_t limit = UINT32_MAX;
    if (limit == UINT32_MAX)
        limit = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? BACKOFF_SPINS : 0;
    return limit;
}

/* Something came: the next wait starts with spinning again. */
static inline void backoff_reset(struct backoff *backoff)
{
    *backoff = (struct backoff){0};
}

/* Nothing came: waits a little, at most two milliseconds. Returns true when it slept, which is the
 * time to look at stop signals, deadlines and whether the other half is alive. */
static inline int backoff_wait(struct backoff *backoff)
{
    uint32_t spins = spin_limit();
    if (backoff->rounds < spins + BACKOFF_YIELDS) {
        if (backoff->rounds++ < spins)
            spin_pause();
        else
            sched_yield();
        return 0;
    }
    backoff->sleep_us = backoff->sleep_us == 0 ? 50 : backoff->sleep_us * 2;
    if (backoff->sleep_us > BACKOFF_LONGEST_SLEEP_US)
        backoff->sleep_us = BACKOFF_LONGEST_SLEEP_US;
    nanosleep(&(struct timespec){.tv_nsec = (long)backoff->sleep_us * 1000}, NULL);
    return 1;
}

#endif
