/* create.h - how the producer comes in: it makes set and segment
 *
 * Look first at sysv_try_create(), one attempt; see arrival.h.
 */
#ifndef CREATE_H
#define CREATE_H

#include "arrival.h"

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
    errno = EINVAL;
    if ((size_t)bytes != bytes) /* more than a 32-bit process can address */
        return sysv_refuse_size(pipe, bytes);
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

#endif
