/* channel_session.h - the two halves of a channel find each other, and part
 *
 * Included by channel.h. The sender makes the channel, a receiver joins it; their session begins when
 * the sender accepts it ([accept]), at the latest with the first message, and ends with channel_close()
 * or a death. Then the next receiver may come, whose session is another one.
 */
#ifndef CHANNEL_SESSION_H
#define CHANNEL_SESSION_H

#include "channel_wait.h"

static inline void channel_close_semaphores(struct channel *channel)
{
    for (int i = 0; i < CHANNEL_SEMAPHORES; i++) {
        if (channel->semaphores[i] != NULL)
            sem_close(channel->semaphores[i]);
        channel->semaphores[i] = NULL;
    }
}

/* Opens the semaphores with these flags; those of a dead run go before new ones are made. */
static inline int channel_open_semaphores(struct channel *channel, int flags)
{
    for (int i = 0; i < CHANNEL_SEMAPHORES; i++) {
        char name[2 * REGION_NAME_LENGTH];
        snprintf(name, sizeof name, "%s%s", channel->region.name, channel_semaphores[i].suffix);
        if ((flags & O_CREAT) != 0)
            sem_unlink(name);
        sem_t *semaphore = sem_open(name, flags, 0600, channel_semaphores[i].value);
        if (semaphore == SEM_FAILED)
            return region_fail(&channel->region, errno, "semaphore %s: %s", name, strerror(errno));
        channel->semaphores[i] = semaphore;
    }
    return 0;
}

static inline void channel_unlink_semaphores(const struct channel *channel)
{
    for (int i = 0; i < CHANNEL_SEMAPHORES; i++) {
        char name[2 * REGION_NAME_LENGTH];
        snprintf(name, sizeof name, "%s%s", channel->region.name, channel_semaphores[i].suffix);
        sem_unlink(name);
    }
}

/* Gives up this half's place; a receiver its acceptance, too. The sender removes the names, the
 * region's last: as long as it is there, no next sender can make semaphores under the others. */
static inline void channel_leave(struct channel *channel)
{
    if (region_name_is_ours(&channel->region))
        channel_unlink_semaphores(channel);
    if (!channel->region.is_owner) {
        struct region_claim nobody = {0}, session = channel->session;
        /* relaxed: the sender only compares it; it reads nothing through it */
        atomic_compare_exchange_strong_explicit(&channel->layout->accepted, &session, nobody,
                                                memory_order_relaxed, memory_order_relaxed);
    }
    region_withdraw(&channel->region);
}

/* Ends this half's use of the channel; what was sent can still be received. To be called once, also
 * after an error. A half that ends without it looks to the other one as if it had died. */
static inline void channel_close(struct channel *channel)
{
    if (channel->layout == NULL)
        return;
    channel_leave(channel);
    channel_close_semaphores(channel);
    region_unmap(&channel->region);
    channel->layout = NULL;
}

/* The sender: makes the region and the semaphores, or takes over what a dead sender left. Does not
 * wait for a receiver; the first send does. name: a slash and at most 20 characters. Returns 0, or
 * -1 with EBUSY (name in use by a living owner), EPROTO (by something else), ENOMEM, ENOSPC,
 * EACCES, EINTR, ENAMETOOLONG. */
static inline int channel_create(struct channel *channel, const char *name)
{
    *channel = (struct channel){.layout = NULL};
    if (strlen(name) > CHANNEL_NAME_LENGTH)
        return region_fail(&channel->region, ENAMETOOLONG, "the name is longer than %d characters",
                           (int)CHANNEL_NAME_LENGTH);
    if (region_create(&channel->region, name, &channel_format) == -1)
        return -1;
    channel->layout = (struct channel_layout *)channel->region.header;
    if (channel_open_semaphores(channel, O_CREAT | O_EXCL) == -1) {
        int error = errno;
        channel_close(channel);
        errno = error;
        return -1;
    }
    struct region_claim none = {0};
    atomic_store_explicit(&channel->layout->accepted, none, memory_order_relaxed);
    region_publish(&channel->region); /* release: a receiver finds all of the above in place */
    return 0;
}

/* For the receiver. acquire: pairs with [accept]. */
static inline bool channel_is_accepted(const struct channel *channel)
{
    struct region_claim accepted =
        atomic_load_explicit(&channel->layout->accepted, memory_order_acquire);
    return same_claim(accepted, channel->session);
}

/* [too late] Has the sender gone before it accepted this receiver? Then nothing comes. First whether it has
 * gone, then whether it had accepted: the other way round, one that accepts, sends and leaves in between
 * would be missed, and its message. */
static inline bool channel_came_too_late(struct channel *channel)
{
    return channel_other_is_gone(channel) && !channel_is_accepted(channel);
}

/* One attempt to join: 0, or -1 with errno; then nothing is left open. ETIMEDOUT: there is no sender yet;
 * ENOENT: one that is just going (its semaphores have gone); EAGAIN: one that has gone, or was replaced. */
static inline int channel_try_open(struct channel *channel, const char *name)
{
    int error = 0;
    if (region_attach(&channel->region, name, &channel_format, 0) == -1 ||
        channel_open_semaphores(channel, 0) == -1 || region_join(&channel->region) == -1)
        error = errno;
    channel->layout = (struct channel_layout *)channel->region.header;
    channel->session = channel->region.mine;
    if (error == 0 && channel_came_too_late(channel)) {
        channel_leave(channel);
        channel->ended_in_order = false;
        error = EAGAIN;
    }
    if (error == 0)
        return 0;
    channel_close_semaphores(channel);
    region_unmap(&channel->region);
    channel->layout = NULL;
    errno = error;
    return -1;
}

/* The receiver: waits till a sender has made the channel, and joins it. Returns 0, or -1 with
 * ETIMEDOUT, EBUSY (another receiver is connected), EPROTO, ENOMEM, EACCES, EINTR, ENAMETOOLONG. */
static inline int channel_open(struct channel *channel, const char *name, int timeout_ms)
{
    *channel = (struct channel){.layout = NULL};
    if (strlen(name) > CHANNEL_NAME_LENGTH)
        return region_fail(&channel->region, ENAMETOOLONG, "the name is longer than %d characters",
                           (int)CHANNEL_NAME_LENGTH);
    int64_t deadline = deadline_after_ms(timeout_ms);
    struct backoff backoff = {0};
    while (channel_try_open(channel, name) == -1) {
        if (errno != ETIMEDOUT && errno != ENOENT && errno != EAGAIN)
            return -1;
        if (stop_requested())
            return region_fail(&channel->region, EINTR, "a stop signal came");
        if (deadline_passed(deadline))
            return region_fail(&channel->region, ETIMEDOUT, "no sender is there");
        backoff_wait(&backoff);
    }
    return 0;
}

/* [accept] The sender takes a new receiver on. Nobody else uses the semaphores now: the receiver
 * before has left or died, and the new one waits till it is accepted. So their values, which may
 * be anything if one died in its turn, can be set. */
static inline int channel_accept(struct channel *channel)
{
    for (int i = 0; i < CHANNEL_SEMAPHORES; i++) {
        int tokens = 0;
        while (sem_trywait(channel->semaphores[i]) == 0)
            if (++tokens > CHANNEL_FRAGMENTS_IN_FLIGHT)
                return region_fail(&channel->region, EPROTO, "semaphore %s has too many tokens",
                                   channel_semaphores[i].suffix);
        for (unsigned n = 0; n < channel_semaphores[i].value; n++)
            if (channel_post(channel, i) == -1)
                return -1;
    }
    channel->session = channel->region.other;
    channel->is_connected = true;
    /* release: who sees itself accepted (channel_connect, acquire) finds the semaphores set. */
    atomic_store_explicit(&channel->layout->accepted, channel->session, memory_order_release);
    return 0;
}

/* After an error amid a message, or damage, nothing can be taken up again. When the receiver has gone,
 * the sender may begin a session with another one; otherwise the channel ends here. */
static inline int channel_break(struct channel *channel)
{
    int error = errno;
    channel->in_turn = channel->is_connected = false;
    channel->ended_in_order = false; /* whatever the other half did: this message has not ended */
    if (!channel->region.is_owner || error != EPIPE) {
        channel->is_broken = true;
        channel_leave(channel); /* so that the other half doesn't wait for the rest */
    }
    errno = error;
    return -1;
}

/* Waits for the session to begin: 0, or -1 with ETIMEDOUT, EPIPE, EINTR, or what [accept] fails with:
 * EPROTO, EOVERFLOW (somebody else has posted the semaphores). */
static inline int channel_connect(struct channel *channel, int timeout_ms)
{
    if (channel->is_connected)
        return 0;
    if (channel->is_broken)
        return region_fail(&channel->region, EPIPE, "the channel ended in the middle of a message");
    int64_t deadline = deadline_after_ms(timeout_ms);
    struct backoff backoff = {0};
    for (;;) {
        if (channel->region.is_owner && region_has_peer(&channel->region))
            return channel_accept(channel);
        bool too_late = !channel->region.is_owner && channel_came_too_late(channel);
        if (!channel->region.is_owner && !too_late && channel_is_accepted(channel)) {
            channel->is_connected = true;
            return 0;
        }
        if (stop_requested())
            return region_fail(&channel->region, EINTR, "a stop signal came");
        if (too_late) {
            errno = EPIPE;
            return -1;
        }
        if (deadline_passed(deadline))
            return region_fail(&channel->region, ETIMEDOUT, "the other half does not answer");
        backoff_wait(&backoff);
    }
}

#endif
