/* sysv_pipe.h - the pipe as one half sees it: slots, the other half's end, and what is left behind
 *
 * Look first at sysv_wait(), then at sysv_leave(). The set has the key as long as anybody is there, so
 * that a second producer or consumer meets it; the segment loses the key as soon as both are
 * attached. Nothing here prints or exits: -1 comes with errno and pipe->problem.
 */
#ifndef SYSV_PIPE_H
#define SYSV_PIPE_H

#include "segment.h"
#include "semaphores.h"

enum { UNFINISHED_MS = 1000 /* that long a creator may take between semget() and semop() */ };

struct sysv_pipe {
    struct key_file *file;
    struct segment *segment; /* NULL: not attached */
    int set, segment_id;
    unsigned short place;       /* PRODUCER_LIVES or CONSUMER_LIVES */
    bool has_place;             /* it is held by this process, in set */
    uint32_t slots, slot_bytes; /* copied once, and checked */
    uint64_t count;             /* slots that have passed: the next one is count % slots */
    int unfinished_set;         /* found without its first semop() ... */
    int64_t unfinished_end;     /* ... and no longer waited for after this */
    const char *problem;        /* after an error: what a person should know */
};

static inline struct sysv_pipe sysv_pipe(struct key_file *file, unsigned short place)
{
    return (struct sysv_pipe){.file = file, .place = place, .unfinished_set = -1};
}

#define SYSV_FAIL(pipe, ...)                                                                       \
    ((pipe)->problem = (pipe)->file->problem, key_fail((pipe)->file, __VA_ARGS__))

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

/* ---- what others have left ---- */

/* Removes the segment under our key if it was left by that producer: it says so itself, or it says
 * nothing yet and was made by that process. For who holds both places. */
static inline void sysv_remove_segment(struct sysv_pipe *pipe, pid_t producer)
{
    struct shmid_ds status;
    int id = shmget(pipe->file->key, 0, 0);
    int examined = id == -1 ? -1 : segment_examine(id, &status, pipe->file);
    if (examined == 1 || (examined == 0 && status.shm_cpid == producer))
        shmctl(id, IPC_RMID, NULL);
}

/* [unfinished] The creator has not done its first semop() for a whole second: it is dead, or so slow that it will
 * have to start over. */
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
    if (producer && consumer && holders->producer == holders->consumer)
        return 0; /* one process in both places: it is just removing the set */
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

/* ---- slots ---- */

/* Where the next slot lies. */
static inline void *sysv_slot(const struct sysv_pipe *pipe)
{
    return (char *)pipe->segment + SLOTS_OFFSET +
           (size_t)(pipe->count % pipe->slots) * pipe->slot_bytes;
}

static inline int sysv_lose_set(struct sysv_pipe *pipe)
{
    return SYSV_FAIL(pipe, errno,
                     set_is_gone(errno) ? "somebody has removed the semaphore set %d: %s"
                                        : "semop() on the semaphore set %d failed: %s",
                     pipe->set, strerror(errno));
}

/* Waits for so many slots of that kind, for LOOK_INTERVAL_MS at most; then look whether the other
 * half lives. 1: taken; 0: not yet, or a signal came; -1: the set is gone. */
static inline int sysv_wait(struct sysv_pipe *pipe, unsigned short counter, short slots)
{
    if (slots_take(pipe->set, counter, slots) == 0)
        return 1;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    return sysv_lose_set(pipe);
}

/* [fill] The producer: the next slot is filled; 0 bytes are the end of the input. */
static inline int sysv_fill(struct sysv_pipe *pipe, uint32_t bytes)
{
    /* relaxed: the lock that the kernel takes in semop() is the release, and in the other half's
     * semop() the acquire, for this and for what lies in the slot. */
    atomic_store_explicit(&pipe->segment->lengths[pipe->count++ % pipe->slots], bytes,
                          memory_order_relaxed);
    return slots_post(pipe->set, FILLED_SLOTS) == 0 ? 0 : sysv_lose_set(pipe);
}

/* The consumer: how many bytes lie in the next slot, or -1 when that can't be. */
static inline int64_t sysv_length(const struct sysv_pipe *pipe)
{
    uint32_t bytes = atomic_load_explicit(&pipe->segment->lengths[pipe->count % pipe->slots],
                                          memory_order_relaxed); /* copied once, then checked */
    return bytes <= pipe->slot_bytes ? (int64_t)bytes : -1;
}

/* [free] The consumer: the slot has been read, written bytes in all. */
static inline int sysv_free(struct sysv_pipe *pipe, uint64_t written)
{
    pipe->count++;
    atomic_store_explicit(&pipe->segment->written_bytes, written, memory_order_relaxed);
    return slots_post(pipe->set, FREE_SLOTS) == 0 ? 0 : sysv_lose_set(pipe);
}

/* ---- the end ---- */

static inline _Atomic uint32_t *sysv_end_word(const struct sysv_pipe *pipe, unsigned short place)
{
    return place == PRODUCER_LIVES ? &pipe->segment->producer_end : &pipe->segment->consumer_end;
}

/* Says how this half ends. */
static inline void sysv_say_end(struct sysv_pipe *pipe, enum ending end)
{
    /* release: pairs with sysv_end_of(); what is written is written. */
    atomic_store_explicit(sysv_end_word(pipe, pipe->place), end, memory_order_release);
}

/* How the half in that place has ended, by its own word. */
static inline uint32_t sysv_end_of(const struct sysv_pipe *pipe, unsigned short place)
{
    return atomic_load_explicit(sysv_end_word(pipe, place), memory_order_acquire);
}

/* Does anybody hold that place? A set that is gone is held by nobody. */
static inline bool sysv_is_alive(const struct sysv_pipe *pipe, unsigned short place)
{
    return set_value(pipe->set, place) > 0;
}

static inline void sysv_remove_all(struct sysv_pipe *pipe)
{
    if (pipe->segment != NULL)
        shmctl(pipe->segment_id, IPC_RMID, NULL);
    set_remove(pipe->set);
}

/* [leave] Gives up the place. Who leaves last removes the set: that is who can take the other half's place as
 * well, or has its word that it needs nothing any more. If both leave at once, neither can take the
 * other's place; so each looks once more when it has left its own. */
static inline void sysv_leave(struct sysv_pipe *pipe)
{
    unsigned short other = PRODUCER_LIVES + CONSUMER_LIVES - pipe->place;
    if (pipe->has_place) {
        bool is_last = pipe->segment != NULL && sysv_end_of(pipe, other) == ALL_DONE;
        bool is_alone = is_last || place_take(pipe->set, other) == 0;
        if (!is_alone && errno == EAGAIN && place_leave(pipe->set, pipe->place) == 0)
            is_alone = place_take_both(pipe->set) == 0;
        if (is_alone)
            sysv_remove_all(pipe);
    }
    if (pipe->segment != NULL)
        shmdt(pipe->segment);
    pipe->segment = NULL;
    pipe->has_place = false;
}

#endif
