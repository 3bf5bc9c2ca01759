/* channel_wait.h - a token of a channel's semaphores, taken and given; and whether the other half is there
 *
 * Included by channel_session.h. Start with [wait]: no half waits for one that has gone.
 */
#ifndef CHANNEL_WAIT_H
#define CHANNEL_WAIT_H

#include "channel_layout.h"

/* Has the other half gone? Then channel_problem() says so. */
static inline bool channel_other_is_gone(struct channel *channel)
{
    const char *fate = region_fate(region_other_place(&channel->region), channel->region.other);
    if (fate == NULL)
        return false;
    channel->ended_in_order = strcmp(fate, "has stopped") == 0;
    region_fail(&channel->region, EPIPE, "the other half (pid %d) %s",
                (int)channel->region.other.pid, fate);
    return true;
}

/* Is the session over? A receiver that leaves in order clears `accepted`: so it isn't taken for dead
 * when the next one has its place already; nor, when the same process comes back at once (its claim may
 * be the same), for one that has never left. */
static inline bool channel_session_is_over(struct channel *channel)
{
    bool over = channel_other_is_gone(channel);
    struct region_claim accepted =
        atomic_load_explicit(&channel->layout->accepted, memory_order_acquire);
    if (channel->region.is_owner && !same_claim(accepted, channel->session)) {
        over = channel->ended_in_order = true;
        region_fail(&channel->region, EPIPE, "the other half (pid %d) has stopped",
                    (int)channel->region.other.pid);
    }
    channel->is_connected = !over;
    return over;
}

/* How often to look before sleeping; together some 100 us, longer than the copy of a fragment. */
enum { CHANNEL_SPINS = 100, CHANNEL_YIELDS = 200 };

/* [spin] A sleeping process takes some 20 us to wake; a small message takes less than one. So look
 * for a while before going to sleep, unless there is but one processor: then the other half can't
 * do anything before this one sleeps. */
static inline bool channel_spin(sem_t *semaphore)
{
    int spins = spin_limit() > 0 ? CHANNEL_SPINS : 0;
    int yields = spin_limit() > 0 ? CHANNEL_YIELDS : 0;
    for (; spins > 0; spins--) {
        if (sem_trywait(semaphore) == 0)
            return true;
        spin_pause();
    }
    for (; yields > 0; yields--) {
        if (sem_trywait(semaphore) == 0)
            return true;
        sched_yield();
    }
    return sem_trywait(semaphore) == 0;
}

/* [wait] Takes one from a semaphore: 0, or -1 with EPIPE, ETIMEDOUT, EINTR. */
static inline int channel_wait(struct channel *channel, sem_t *semaphore, int timeout_ms)
{
    if (timeout_ms == 0 ? sem_trywait(semaphore) == 0 : channel_spin(semaphore))
        return 0;
    int64_t deadline = deadline_after_ms(timeout_ms);
    for (;;) {
        if (stop_requested())
            return region_fail(&channel->region, EINTR, "a stop signal came");
        if (sem_wait_until(semaphore, next_look(deadline)) == 0)
            return 0;
        if (errno != ETIMEDOUT && errno != EINTR)
            return region_fail(&channel->region, errno, "%s", strerror(errno));
        if (channel_session_is_over(channel)) {
            /* what a sender posted before it went can still be received */
            bool posted = !channel->region.is_owner && sem_trywait(semaphore) == 0;
            errno = EPIPE;
            return posted ? 0 : -1;
        }
        if (deadline_passed(deadline))
            return region_fail(&channel->region, ETIMEDOUT, "the other half does not answer");
    }
}

/* Wakes the other half, or gives the turn back. EOVERFLOW: somebody else has posted it, and often. */
static inline int channel_post(struct channel *channel, int semaphore)
{
    if (sem_post(channel->semaphores[semaphore]) == 0)
        return 0;
    return region_fail(&channel->region, errno, "cannot post the semaphore %s: %s",
                       channel_semaphores[semaphore].suffix, strerror(errno));
}

#endif
