/* channel.h - messages of any size from one process to another, through shared memory
 *
 *   sender                                     receiver
 *   channel_create(&channel, "/transfer");     channel_open(&channel, "/transfer", 5000);
 *   channel_send(&channel, data, bytes, -1);   bytes = channel_receive(&channel, &buffer, &capacity, -1);
 *   channel_close(&channel);                   channel_close(&channel);
 *
 * To use it elsewhere take this file and common/; include it after #define _GNU_SOURCE.
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

#include "../common/region_create.h"

/* Bytes of data in the region; both halves must be compiled with the same. */
#ifndef CHANNEL_CHUNK_BYTES
#define CHANNEL_CHUNK_BYTES (4 << 20)
#endif

/* Measured, not guessed (make bench-buffer_transfer): of 64 KiB to 2 MiB, 512 KiB were fastest. */
#define CHANNEL_FRAGMENT_BYTES ((size_t)CHANNEL_CHUNK_BYTES / 8)
#define CHANNEL_FRAGMENTS_IN_FLIGHT 4

/* No message is longer: a size beyond it is damage, not data. */
#define CHANNEL_MESSAGE_MAX (SIZE_MAX < UINT64_MAX ? (uint64_t)SIZE_MAX / 2 : UINT64_C(1) << 36)

/* The shared region. message_bytes to chunk belong to the half whose turn it is.
 *
 * The chunk begins 128 bytes behind a page's start, and not on it: large buffers from malloc() begin
 * 16 bytes behind one, and where target and source are 16 bytes apart (modulo 4096), x86
 * processors' rep movsb, which memcpy() uses, falls from 40 GB/s to 3. */
struct channel_layout {
    struct region_header header;          /*   0 */
    _Atomic struct region_claim accepted; /*  32: the receiver that the sender serves */
    uint64_t message_bytes;               /*  40: of the message that is published */
    uint64_t is_fragmented; /*  48: 1: it comes in fragments; 0: it lies in the chunk */
    char unused[72];
    char chunk[CHANNEL_CHUNK_BYTES]; /* 128 */
};

_Static_assert(offsetof(struct channel_layout, accepted) == 32, "layout");
_Static_assert(offsetof(struct channel_layout, message_bytes) == 40, "layout");
_Static_assert(offsetof(struct channel_layout, is_fragmented) == 48, "layout");
_Static_assert(offsetof(struct channel_layout, chunk) == 128, "layout");
_Static_assert(sizeof(struct channel_layout) == 128 + CHANNEL_CHUNK_BYTES, "layout");
_Static_assert(CHANNEL_CHUNK_BYTES % (8 * 128) == 0, "fragments begin on cache lines");

static const struct region_format channel_format = {"CHAN", 1, sizeof(struct channel_layout)};

/* [turns] Two turns at once would be one too many: the tests make it 2, and see to it that the race
 * is found. */
#ifndef CHANNEL_TURNS
#define CHANNEL_TURNS 1
#endif

/* The semaphores, by the suffix of their names and their value before a message. */
enum { CHANNEL_WRITABLE, CHANNEL_READABLE, CHANNEL_FREE, CHANNEL_FILLED, CHANNEL_SEMAPHORES };

static const struct {
    const char *suffix;
    unsigned value;
} channel_semaphores[CHANNEL_SEMAPHORES] = {{"-writable", CHANNEL_TURNS},
                                            {"-readable", 0},
                                            {"-free", CHANNEL_FRAGMENTS_IN_FLIGHT},
                                            {"-filled", 0}};

enum { CHANNEL_NAME_LENGTH = REGION_NAME_LENGTH - (sizeof "-writable" - 1) };

/* A channel as one half sees it. */
struct channel {
    struct region region;
    struct channel_layout *layout; /* the region, once more */
    sem_t *semaphores[CHANNEL_SEMAPHORES];
    struct region_claim session; /* the receiver's claim that was accepted */
    bool is_connected;           /* the session is on */
    bool is_broken;              /* it ended in the middle of a message: nothing goes any more */
    bool in_turn;                /* between begin and end */
    bool ended_in_order;         /* the other half has closed the channel, and not died */
};

/* In words, why the last call failed. */
static inline const char *channel_problem(const struct channel *channel)
{
    return channel->region.problem;
}

/* ---- waiting ---- */

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

/* Is the session over? A receiver that leaves in order takes its acceptance with it: so it isn't
 * taken for dead when the next one has its place already, nor for the one that was there before when
 * it comes back at once, as the same process. */
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

/* ---- connecting ---- */

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

/* Gives up this half's place; the sender removes the names, the region's last: it guards the rest. */
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
    while (region_attach(&channel->region, name, &channel_format, 0) == -1 ||
           channel_open_semaphores(channel, 0) == -1 || region_join(&channel->region) == -1) {
        int error = errno;
        channel_close_semaphores(channel);
        region_unmap(&channel->region);
        errno = error;
        /* no sender yet, or one that is just going (its semaphores have gone), or has been replaced */
        if (error != ETIMEDOUT && error != ENOENT && error != EAGAIN)
            return -1;
        if (stop_requested())
            return region_fail(&channel->region, EINTR, "a stop signal came");
        if (deadline_passed(deadline))
            return region_fail(&channel->region, ETIMEDOUT, "no sender is there");
        backoff_wait(&backoff);
    }
    channel->layout = (struct channel_layout *)channel->region.header;
    channel->session = channel->region.mine;
    return 0;
}

/* Wakes the other half, or gives the turn back. EOVERFLOW: somebody else has posted it, and often. */
static inline int channel_post(struct channel *channel, int semaphore)
{
    if (sem_post(channel->semaphores[semaphore]) == 0)
        return 0;
    return region_fail(&channel->region, errno, "cannot post the semaphore %s: %s",
                       channel_semaphores[semaphore].suffix, strerror(errno));
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

/* A message in fragments that was interrupted can't be taken up again. When the receiver has gone,
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

/* Waits for the session to begin: 0, or -1 with ETIMEDOUT, EPIPE, EINTR. */
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
        /* First whether the sender has gone, then whether it had accepted: it may do both between. */
        bool gone = !channel->region.is_owner && channel_other_is_gone(channel);
        struct region_claim accepted =
            atomic_load_explicit(&channel->layout->accepted, memory_order_acquire);
        if (!channel->region.is_owner && same_claim(accepted, channel->session)) {
            channel->is_connected = true;
            return 0;
        }
        if (stop_requested())
            return region_fail(&channel->region, EINTR, "a stop signal came");
        if (gone) {
            errno = EPIPE;
            return -1;
        }
        if (deadline_passed(deadline))
            return region_fail(&channel->region, ETIMEDOUT, "the other half does not answer");
        backoff_wait(&backoff);
    }
}

/* ---- messages in place ---- */

/* In whose turn a half is, it alone uses the chunk and the two fields before it. */
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

/* [publish] Sends what was built. Returns 0, or -1 with EINVAL. */
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
    /* Up to a chunk, no place is used twice: each is free at once, but stays as it is. */
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

/* Gives the message back. Returns 0, or -1 with EINVAL, or EPIPE: another sender had taken the
 * region over, and what was read is not to be used. */
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
 * `free`, and there are as many tokens as places. */
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
    /* A token is there when the last message was read. */
    if (channel->ended_in_order && sem_trywait(channel->semaphores[CHANNEL_WRITABLE]) == 0)
        return 0;
    return region_fail(&channel->region, EPIPE, "the other half (pid %d) %s",
                       (int)channel->region.other.pid,
                       channel->ended_in_order ? "has left a message unread" : "has died");
}

#endif
