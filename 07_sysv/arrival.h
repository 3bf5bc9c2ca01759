/* arrival.h - what both halves do when they come: who is there, and what has a dead run left?
 *
 * Look first at sysv_look(). An attempt to come in, here and in create.h and join.h, returns 1 (in),
 * 0 (not yet: wait a little and try again) or -1 with errno and pipe->problem. So it is the caller who
 * decides how long to wait, and what to say meanwhile.
 */
#ifndef ARRIVAL_H
#define ARRIVAL_H

#include "sysv_pipe.h"

enum { UNFINISHED_MS = 1000 /* that long a creator may take between semget() and semop() */ };

/* A set that was removed is no error while a half comes in: it looks again. */
static inline int sysv_again_or_fail(struct sysv_pipe *pipe, const char *step)
{
    if (set_is_gone(errno) || errno == EAGAIN || errno == ENOENT)
        return 0;
    if (errno == EACCES)
        return SYSV_FAIL(pipe, EACCES,
                         "the semaphore set with the key 0x%08x of %s belongs to another user; "
                         "choose another --key",
                         (unsigned)pipe->file->key, pipe->file->path);
    if (errno == EPROTO)
        return SYSV_FAIL(pipe, EPROTO,
                         "a semaphore set of another program has the key 0x%08x of %s; choose "
                         "another --key, or see ipcs -s",
                         (unsigned)pipe->file->key, pipe->file->path);
    return SYSV_FAIL(pipe, errno, "%s failed: %s; see ipcs -l for the limits, ipcs -u for the use",
                     step, strerror(errno));
}

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

/* Removes the segment under our key if it was left by that producer: it says so itself, or it says
 * nothing yet and was made by that process. (0 is a process that this one cannot see, and may be any.)
 * For who holds both places. */
static inline void sysv_remove_segment(struct sysv_pipe *pipe, pid_t producer)
{
    struct shmid_ds status;
    int id = shmget(pipe->file->key, 0, 0);
    int examined = id == -1 ? -1 : segment_examine(id, &status, pipe->file);
    if (examined == 1 || (examined == 0 && producer != 0 && status.shm_cpid == producer))
        shmctl(id, IPC_RMID, NULL);
}

/* [unfinished] The creator has not done its first semop() for a whole second: it is dead, or so slow
 * that it will have to start over. */
static inline void sysv_await_creator(struct sysv_pipe *pipe, int set)
{
    if (pipe->unfinished_set != set) {
        pipe->unfinished_set = set;
        pipe->unfinished_end = deadline_after_ms(UNFINISHED_MS);
    } else if (deadline_passed(pipe->unfinished_end)) {
        set_remove(set);
    }
}

struct sysv_holders {
    bool has_producer, has_consumer;
    pid_t producer, consumer; /* who holds the place, or held it last */
};

/* Looks at the set under our key: 1 in use; 0 look again later; -1 never. */
static inline int sysv_look(struct sysv_pipe *pipe, int *set, struct sysv_holders *holders)
{
    *set = semget(pipe->file->key, 0, 0);
    if (*set == -1)
        return sysv_again_or_fail(pipe, "semget()");
    int examined = set_examine(*set);
    if (examined == -1)
        return sysv_again_or_fail(pipe, "semctl()");
    if (examined == 0) {
        sysv_await_creator(pipe, *set);
        return 0;
    }
    int producer = set_value(*set, PRODUCER_LIVES), consumer = set_value(*set, CONSUMER_LIVES);
    holders->producer = set_pid(*set, PRODUCER_LIVES);
    holders->consumer = set_pid(*set, CONSUMER_LIVES);
    if (producer == -1 || consumer == -1 || holders->producer == -1 || holders->consumer == -1)
        return 0; /* removed meanwhile */
    holders->has_producer = producer != 0;
    holders->has_consumer = consumer != 0;
    /* [namespace] One process in both places is just removing the set. Not so two that are both 0: from
     * within a container the processes outside of it have no numbers. */
    if (producer && consumer && holders->producer == holders->consumer && holders->producer != 0)
        return 0;
    return 1;
}

/* Removes set and segment of a run of which nobody lives. */
static inline int sysv_bury(struct sysv_pipe *pipe, int set, pid_t producer)
{
    if (place_take_both(set) == -1)
        return -1;
    sysv_remove_segment(pipe, producer);
    return set_remove(set);
}

#endif
