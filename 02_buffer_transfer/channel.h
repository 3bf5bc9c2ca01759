/* channel.h - messages of any size from one process to another, through shared memory
 *
 *   sender                                     receiver
 *   channel_create(&channel, "/transfer");     channel_open(&channel, "/transfer", 5000);
 *   channel_send(&channel, data, bytes, -1);   bytes = channel_receive(&channel, &buffer, &capacity, -1);
 *   channel_close(&channel);                   channel_close(&channel);
 *
 * To use it elsewhere take the four channel*.h and common/; include this one, after #define
 * _GNU_SOURCE. Create, open and close are in channel_session.h, the rest is here.
 *
 * Every function that can fail returns -1, or NULL, with errno; none prints or exits. In words:
 * channel_problem(). A channel belongs to one thread of each process. timeout_ms bounds each single
 * wait for the other half: -1 is for ever, 0 is not at all.
 *
 * The protocol. One message is in the region at a time; two binary semaphores say whose turn it is:
 *
 *     writable  readable
 *            1         0   the sender may write          at first, and after each message
 *            0         0   one of the halves is in its turn
 *            0         1   the receiver may read         when a message was published
 *
 * A message longer than a fragment is published first and then follows in fragments: the sender
 * fills one while the receiver empties another. Two counting semaphores keep them apart: free +
 * filled + those in the hand of a half are CHANNEL_FRAGMENTS_IN_FLIGHT, always.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "channel_session.h"

/* ---- messages in place ---- */

/* Takes the turn: till channel_end() this half alone uses the chunk and what says how long it is. */
static inline int channel_begin(struct channel *channel, bool as_sender, int timeout_ms)
{
    if (channel->region.is_owner != as_sender || channel->in_turn)
        return region_fail(&channel->region, EINVAL, "a %s can't do this now",
                           channel->region.is_owner ? "sender" : "receiver");
    sem_t *turn = channel->semaphores[as_sender ? CHANNEL_WRITABLE : CHANNEL_READABLE];
    if (channel_connect(channel, timeout_ms) == -1 || channel_wait(channel, turn, timeout_ms) == -1)
        return -1;
    channel->in_turn = true;
    return 0;
}

/* Hands the turn to the other half, or back to oneself. */
static inline int channel_end(struct channel *channel, int semaphore)
{
    if (!channel->in_turn)
        return region_fail(&channel->region, EINVAL, "nothing was begun");
    channel->in_turn = false;
    return channel_post(channel, semaphore);
}

/* The sender gets the place in the region where to build a message of at most one chunk: it will be
 * sent without being copied. Returns NULL with EMSGSIZE, ETIMEDOUT, EINTR, EINVAL, or EPIPE: the
 * receiver died or closed; the next call waits for another one. */
static inline void *channel_begin_write(struct channel *channel, size_t bytes, int timeout_ms)
{
    if (bytes > CHANNEL_CHUNK_BYTES) {
        region_fail(&channel->region, EMSGSIZE, "%zu bytes don't fit into a chunk", bytes);
        return NULL;
    }
    if (channel_begin(channel, true, timeout_ms) == -1)
        return NULL;
    channel->layout->message_bytes = bytes;
    channel->layout->is_fragmented = 0;
    return channel->layout->chunk;
}

/* [publish] Sends what was built. Returns 0, or -1 with EINVAL, EOVERFLOW. */
static inline int channel_end_write(struct channel *channel)
{
    /* A post is a release, a wait that succeeds an acquire: what was written is visible. */
    return channel_end(channel, CHANNEL_READABLE);
}

/* The receiver's turn has come: copies the size out once, and checks it. */
static inline int channel_begin_receive(struct channel *channel, uint64_t *bytes,
                                        bool *is_fragmented, int timeout_ms)
{
    if (channel_begin(channel, false, timeout_ms) == -1)
        return -1;
    *bytes = channel->layout->message_bytes;
    *is_fragmented = channel->layout->is_fragmented != 0;
    copied_once();
    if (*bytes <= (*is_fragmented ? CHANNEL_MESSAGE_MAX : CHANNEL_CHUNK_BYTES))
        return 0;
    region_fail(&channel->region, EPROTO, "the sender announces %llu bytes",
                (unsigned long long)*bytes);
    return channel_break(channel);
}

/* The receiver gets the message where it lies, till channel_end_read(). Its bytes may change under
 * a sender that doesn't keep to the protocol: copy what you check, and use the copy. Returns NULL
 * with EMSGSIZE (longer than a chunk: it waits for channel_receive()), ETIMEDOUT, EPIPE, EPROTO,
 * EINTR, EINVAL. */
static inline const void *channel_begin_read(struct channel *channel, size_t *bytes, int timeout_ms)
{
    uint64_t announced;
    bool is_fragmented;
    if (channel_begin_receive(channel, &announced, &is_fragmented, timeout_ms) == -1)
        return NULL;
    if (announced > CHANNEL_CHUNK_BYTES) {
        channel_end(channel, CHANNEL_READABLE); /* as if it had not been looked at */
        region_fail(&channel->region, EMSGSIZE, "the message is longer than a chunk");
        return NULL;
    }
    *bytes = (size_t)announced;
    /* Up to a chunk, no place is used twice: each can be given back at once, and stays as it is. */
    for (size_t done = 0; is_fragmented && done < *bytes; done += CHANNEL_FRAGMENT_BYTES) {
        if (channel_wait(channel, channel->semaphores[CHANNEL_FILLED], timeout_ms) == -1) {
            channel_break(channel);
            return NULL;
        }
        if (channel_post(channel, CHANNEL_FREE) == -1) {
            channel_break(channel);
            return NULL;
        }
    }
    return channel->layout->chunk;
}

/* [same run] A sender that died may have been replaced by one that uses the same object: then what
 * was read may be the new one's, or half of each. */
static inline int channel_still_same_run(struct channel *channel)
{
    /* The fence keeps the reads before it from being made after the load. */
    atomic_thread_fence(memory_order_acquire);
    struct region_claim owner =
        atomic_load_explicit(&channel->region.header->owner, memory_order_relaxed);
    if (owner.generation == channel->region.other.generation)
        return 0;
    region_fail(&channel->region, EPIPE, "the sender has died; another run has begun");
    return channel_break(channel);
}

/* Gives the message back. Returns 0, or -1 with EINVAL, EOVERFLOW, or EPIPE: another sender had taken
 * the region over, and what was read is not to be used. */
static inline int channel_end_read(struct channel *channel)
{
    if (channel->in_turn && channel_still_same_run(channel) == -1)
        return -1;
    return channel_end(channel, CHANNEL_WRITABLE);
}

/* ---- messages that are copied ---- */

/* Where the fragment that begins at this byte of the message has its place. A message longer than a
 * chunk goes round in half of it: that half stays in the cache. */
static inline char *channel_fragment(struct channel *channel, size_t offset, size_t message_bytes)
{
    size_t round = message_bytes <= CHANNEL_CHUNK_BYTES
                       ? CHANNEL_CHUNK_BYTES
                       : CHANNEL_FRAGMENTS_IN_FLIGHT * CHANNEL_FRAGMENT_BYTES;
    return channel->layout->chunk + offset % round;
}

/* [fragments] Copies a message into the region (from), or out of it (to; the other one is NULL), piece
 * by piece: takes a place, copies, hands it over.
 * Place k is not written again before the fragment in it was read, for that takes a token from
 * `free`, and there are no more tokens than places. */
static inline int channel_copy_fragments(struct channel *channel, const char *from, char *to,
                                         size_t bytes, int timeout_ms)
{
    bool sends = from != NULL;
    sem_t *take = channel->semaphores[sends ? CHANNEL_FREE : CHANNEL_FILLED];
    int give = sends ? CHANNEL_FILLED : CHANNEL_FREE;
    for (size_t offset = 0; offset < bytes; offset += CHANNEL_FRAGMENT_BYTES) {
        size_t left = bytes - offset;
        size_t length = left < CHANNEL_FRAGMENT_BYTES ? left : CHANNEL_FRAGMENT_BYTES;
        char *place = channel_fragment(channel, offset, bytes);
        if (channel_wait(channel, take, timeout_ms) == -1)
            return channel_break(channel);
        if (sends)
            memcpy(place, from + offset, length);
        else
            memcpy(to + offset, place, length);
        if (channel_post(channel, give) == -1)
            return channel_break(channel);
    }
    return 0;
}

/* Sends a copy of the data; 0 bytes are a message too. Returns when it may be changed again, which
 * is before it is received. Returns 0, or -1 with ETIMEDOUT, EPIPE, EINTR as channel_begin_write()
 * does, EMSGSIZE beyond CHANNEL_MESSAGE_MAX. After ETIMEDOUT or EINTR amid a message longer than a
 * fragment nothing more can be sent: close the channel. */
static inline int channel_send(struct channel *channel, const void *data, size_t bytes,
                               int timeout_ms)
{
    if (bytes > CHANNEL_MESSAGE_MAX)
        return region_fail(&channel->region, EMSGSIZE, "%zu bytes are too many", bytes);
    bool is_fragmented = bytes > CHANNEL_FRAGMENT_BYTES;
    void *place = channel_begin_write(channel, is_fragmented ? 0 : bytes, timeout_ms);
    if (place == NULL)
        return -1;
    if (!is_fragmented) {
        if (bytes > 0)
            memcpy(place, data, bytes);
        return channel_end_write(channel);
    }
    channel->layout->message_bytes = bytes;
    channel->layout->is_fragmented = 1;
    if (channel_end_write(channel) == -1)
        return -1;
    /* from here on the receiver follows fragment by fragment */
    return channel_copy_fragments(channel, data, NULL, bytes, timeout_ms);
}

/* Receives the next message into *buffer, which it grows with realloc() as getline() does: start
 * with NULL and 0, free() it at the end. Returns the bytes, or -1 with ETIMEDOUT, EPIPE (the sender
 * died, or closed in order: channel->ended_in_order), EPROTO, EINTR, EINVAL, ENOMEM (the message
 * stays where it is). After ETIMEDOUT or EINTR amid a message longer than a fragment, or EPROTO,
 * nothing more can be received: close the channel. */
static inline ssize_t channel_receive(struct channel *channel, void **buffer, size_t *capacity,
                                      int timeout_ms)
{
    uint64_t announced;
    bool is_fragmented;
    if (channel_begin_receive(channel, &announced, &is_fragmented, timeout_ms) == -1)
        return -1;
    size_t bytes = (size_t)announced;
    if (bytes > *capacity || *buffer == NULL) {
        void *larger = realloc(*buffer, bytes > 0 ? bytes : 1);
        if (larger == NULL) {
            channel_end(channel, CHANNEL_READABLE); /* as if it had not been looked at */
            return region_fail(&channel->region, ENOMEM, "no memory for %zu bytes", bytes);
        }
        *buffer = larger;
        *capacity = bytes;
    }
    if (!is_fragmented)
        memcpy(*buffer, channel->layout->chunk, bytes);
    else if (channel_copy_fragments(channel, NULL, *buffer, bytes, timeout_ms) == -1)
        return -1;
    return channel_end_read(channel) == 0 ? (ssize_t)bytes : -1;
}

/* ---- the end ---- */

/* The sender, after EPIPE and before the next call: had the last message been read? A token says so, which the
 * receiver gave back before it went. */
static inline bool channel_was_read(struct channel *channel)
{
    return sem_trywait(channel->semaphores[CHANNEL_WRITABLE]) == 0;
}

/* The sender waits till the receiver has read everything and closed the channel in order: the only
 * proof that it was done with what it had received. Returns 0, or -1 with ETIMEDOUT, EINTR, EPIPE
 * (it died, or left with the last message unread). */
static inline int channel_finish(struct channel *channel, int timeout_ms)
{
    int64_t deadline = deadline_after_ms(timeout_ms);
    struct backoff backoff = {0};
    while (channel->is_connected && !channel_session_is_over(channel)) {
        if (stop_requested())
            return region_fail(&channel->region, EINTR, "a stop signal came");
        if (deadline_passed(deadline))
            return region_fail(&channel->region, ETIMEDOUT, "the other half does not answer");
        backoff_wait(&backoff);
    }
    if (channel->ended_in_order && channel_was_read(channel))
        return 0;
    return region_fail(&channel->region, EPIPE, "the other half (pid %d) %s",
                       (int)channel->region.other.pid,
                       channel->ended_in_order ? "has left a message unread" : "has died");
}

#endif
