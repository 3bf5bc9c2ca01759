/* join.h - how the consumer comes in: it finds set and segment, and takes the segment's key away
 *
 * Look first at sysv_try_join(), one attempt; see arrival.h.
 */
#ifndef JOIN_H
#define JOIN_H

#include "arrival.h"

/* The producer is dead, and nobody has its consumer's place. If none has joined (then the segment still
 * has its key, or there is none yet, and the place's pid is the producer's own), its input is lost, and
 * this consumer is the one to say so. */
static inline int sysv_find_dead(struct sysv_pipe *pipe, int set, const struct sysv_holders *dead,
                                 bool has_segment)
{
    if (sysv_bury(pipe, set, dead->producer) == -1)
        return sysv_again_or_fail(pipe, "semop()");
    if (!has_segment && dead->consumer != dead->producer)
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
    if (pipe->slots >= 1 && pipe->slots <= SLOTS_MAX && pipe->slot_bytes >= 1 &&
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
        return sysv_find_dead(pipe, set, &holders, id != -1);
    int joined = id == -1 ? 0 : sysv_attach(pipe, id);
    if (joined == 1)
        joined = sysv_take_place(pipe, set);
    if (joined != 1)
        sysv_leave(pipe); /* detaches */
    return joined;
}

#endif
