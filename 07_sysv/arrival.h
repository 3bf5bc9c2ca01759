/* arrival.h - how a half comes in: the producer makes set and segment, the consumer joins them
 *
 * Look first at sysv_try_create(), then at sysv_try_join(). Each is one attempt, which returns 1 (in),
 * 0 (not yet: wait a little and call again) or -1 with errno and pipe->problem. So it is the caller who
 * decides how long to wait, and what to say meanwhile.
 */
#ifndef ARRIVAL_H
#define ARRIVAL_H

#include "sysv_pipe.h"

/* Refuses a segment under our key that is another program's, or another file's, before anything is
 * touched. -1, or its id; *id is -1 when there is none. */
static inline int sysv_refuse_clash(struct sysv_pipe *pipe, int *id)
{
    struct shmid_ds status;
    *id = shmget(pipe->file->key, 0, 0);
    pipe->problem = pipe->file->problem;
    if (*id != -1 && segment_examine(*id, &status, pipe->file) == -1) {
        if (!set_is_gone(errno))
            return -1;
        *id = -1; /* it was removed meanwhile */
    }
    return 0;
}

/* ---- the producer ---- */

static inline int sysv_refuse_size(struct sysv_pipe *pipe, unsigned long long bytes)
{
    unsigned long long limit = segment_limit_bytes();
    if (errno == EINVAL && limit != 0 && bytes > limit)
        return SYSV_FAIL(pipe, EINVAL,
                         "a segment of %llu bytes is beyond the limit SHMMAX of %llu; give smaller "
                         "--slots or --slot-bytes, or see ipcs -l",
                         bytes, limit);
    return SYSV_FAIL(pipe, errno,
                     "cannot make a segment of %llu bytes: %s; give smaller --slots or "
                     "--slot-bytes; see ipcs -l for the limits, ipcs -u for the use",
                     bytes, strerror(errno));
}

/* A segment without a set, since somebody has removed that by hand. */
static inline int sysv_clear_segment(struct sysv_pipe *pipe)
{
    struct shmid_ds status;
    int id = shmget(pipe->file->key, 0, 0);
    int examined = id == -1 ? -1 : segment_examine(id, &status, pipe->file);
    if (examined == -1 && (id == -1 || set_is_gone(errno)))
        return 0;
    pipe->problem = pipe->file->problem;
    if (examined == -1)
        return -1;
    if (examined == 0 || status.shm_nattch > 0)
        return SYSV_FAIL(pipe, EBUSY,
                         "a segment without a semaphore set has the key 0x%08x of %s; choose "
                         "another --key or, if nobody needs it, ipcrm -m %d",
                         (unsigned)pipe->file->key, pipe->file->path, id);
    return shmctl(id, IPC_RMID, NULL);
}

/* For who holds the producer's place: nobody else makes segments under this key, but for clashes. */
static inline int sysv_make_segment(struct sysv_pipe *pipe, uint32_t slots, uint32_t slot_bytes)
{
    uint64_t bytes = segment_bytes(slots, slot_bytes);
    int id;
    while ((id = shmget(pipe->file->key, (size_t)bytes, IPC_CREAT | IPC_EXCL | 0600)) == -1) {
        if (errno != EEXIST)
            return sysv_refuse_size(pipe, bytes);
        if (sysv_clear_segment(pipe) == -1)
            return -1;
    }
    pipe->segment_id = id;
    pipe->segment = segment_attach(id, 0);
    if (pipe->segment == NULL) {
        shmctl(id, IPC_RMID, NULL);
        return SYSV_FAIL(pipe, errno, "cannot attach %llu bytes: %s", (unsigned long long)bytes,
                         strerror(errno));
    }
    pipe->slots = slots;
    pipe->slot_bytes = slot_bytes;
    segment_publish(pipe->segment, pipe->file, slots, slot_bytes);
    return 1;
}

/* There is a set under our key already. What a dead run has left goes; a consumer that is still
 * writing what a dead producer had sent may end first: then *waits_for is its pid. */
static inline int sysv_clear_way(struct sysv_pipe *pipe, pid_t *waits_for)
{
    struct sysv_holders holders = {0};
    int set;
    int found = sysv_look(pipe, &set, &holders);
    if (found != 1)
        return found;
    if (holders.has_producer)
        return SYSV_FAIL(pipe, EBUSY,
                         "another producer (pid %d) is running; stop it first, or choose another "
                         "--key for both halves",
                         (int)holders.producer);
    if (holders.has_consumer)
        *waits_for = holders.consumer;
    else if (sysv_bury(pipe, set, holders.producer) == -1)
        return sysv_again_or_fail(pipe, "semop()");
    return 0;
}

/* One attempt to be the producer. *waits_for: set when an earlier run's consumer is in the way.
 * errno: EBUSY (another producer), EPROTO (a clash), EACCES (another user), or a limit. */
static inline int sysv_try_create(struct sysv_pipe *pipe, uint32_t slots, uint32_t slot_bytes,
                                  pid_t *waits_for)
{
    int clash;
    if (sysv_refuse_clash(pipe, &clash) == -1)
        return -1;
    int set = semget(pipe->file->key, SEMAPHORES, IPC_CREAT | IPC_EXCL | 0600);
    if (set == -1 && errno == EEXIST)
        return sysv_clear_way(pipe, waits_for);
    if (set == -1)
        return SYSV_FAIL(pipe, errno,
                         "cannot make a semaphore set: %s; see ipcs -l for the limits, ipcs -u "
                         "for the use",
                         strerror(errno));
    pipe->set = set;
    pipe->has_place = set_initialise(set, (unsigned short)slots) == 0;
    if (!pipe->has_place) {
        int made = sysv_again_or_fail(pipe, "semop()"); /* 0: we were too slow, see [unfinished] */
        if (made == -1)
            set_remove(set);
        return made;
    }
    return sysv_make_segment(pipe, slots, slot_bytes);
}

/* ---- the consumer ---- */

/* The producer is dead, and nobody has its consumer's place. If nobody ever had it, its input is
 * lost, and this consumer is the one to say so. (The place's pid is the producer's own, or 0, till a
 * consumer takes it.) */
static inline int sysv_find_dead(struct sysv_pipe *pipe, int set, const struct sysv_holders *dead)
{
    if (sysv_bury(pipe, set, dead->producer) == -1)
        return sysv_again_or_fail(pipe, "semop()");
    if (dead->consumer != 0 && dead->consumer != dead->producer)
        return 0;
    return SYSV_FAIL(pipe, EPIPE,
                     "the producer (pid %d) has died before a consumer came; what it left is "
                     "removed: start both anew",
                     (int)dead->producer);
}

/* Attaches the segment and looks at its sizes: 1, 0 it isn't published yet, or -1. */
static inline int sysv_attach(struct sysv_pipe *pipe, int id)
{
    struct shmid_ds status;
    int examined = segment_examine(id, &status, pipe->file);
    pipe->problem = pipe->file->problem;
    if (examined != 1)
        return examined == -1 && set_is_gone(errno) ? 0 : examined;
    pipe->segment = segment_attach(id, 0);
    if (pipe->segment == NULL)
        return set_is_gone(errno) ? 0 : SYSV_FAIL(pipe, errno, "shmat(): %s", strerror(errno));
    pipe->segment_id = id;
    /* relaxed: segment_examine() has seen the magic. Copied once, then checked. */
    pipe->slots = atomic_load_explicit(&pipe->segment->slots, memory_order_relaxed);
    pipe->slot_bytes = atomic_load_explicit(&pipe->segment->slot_bytes, memory_order_relaxed);
    if (pipe->slots >= 1 && pipe->slots <= SLOTS_MAX &&
        segment_bytes(pipe->slots, pipe->slot_bytes) <= status.shm_segsz)
        return 1;
    return SYSV_FAIL(pipe, EPROTO,
                     "segment %d is damaged: %u slots of %u bytes in %llu bytes; ipcrm -m %d", id,
                     (unsigned)pipe->slots, (unsigned)pipe->slot_bytes,
                     (unsigned long long)status.shm_segsz, id);
}

/* [join] Takes the place, looks whether the segment still has its key, and takes that away: from now
 * on nobody else can join, and the kernel frees the segment when both have gone. */
static inline int sysv_take_place(struct sysv_pipe *pipe, int set)
{
    if (place_take(set, CONSUMER_LIVES) == -1)
        return sysv_again_or_fail(pipe, "semop()");
    pipe->set = set;
    if (shmget(pipe->file->key, 0, 0) != pipe->segment_id) { /* another one has joined, and gone */
        place_leave(set, CONSUMER_LIVES);
        return 0;
    }
    pipe->has_place = true;
    /* release: pairs with the producer's acquire; before the key goes, so that it always learns who has
     * joined, even if that one dies right here. */
    atomic_store_explicit(&pipe->segment->consumer_pid, getpid(), memory_order_release);
    shmctl(pipe->segment_id, IPC_RMID, NULL);
    return 1;
}

/* One attempt to be the consumer. errno: EBUSY (another consumer), EPIPE (a producer has died before
 * this one came), EPROTO (a clash, or damage), EACCES (another user). */
static inline int sysv_try_join(struct sysv_pipe *pipe)
{
    struct sysv_holders holders = {0};
    int set, id;
    if (sysv_refuse_clash(pipe, &id) == -1)
        return -1;
    int found = sysv_look(pipe, &set, &holders);
    if (found != 1)
        return found;
    if (holders.has_consumer)
        return SYSV_FAIL(pipe, EBUSY,
                         "another consumer (pid %d) is connected; wait for its end, or choose "
                         "another --key for both halves",
                         (int)holders.consumer);
    if (!holders.has_producer)
        return sysv_find_dead(pipe, set, &holders);
    int joined = id == -1 ? 0 : sysv_attach(pipe, id);
    if (joined == 1)
        joined = sysv_take_place(pipe, set);
    if (joined != 1)
        sysv_leave(pipe); /* detaches */
    return joined;
}

#endif
