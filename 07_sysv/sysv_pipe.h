/* sysv_pipe.h - the pipe as one half sees it: slots, the other half's end, and how to leave
 *
 * Look first at sysv_wait(), then at sysv_leave(). How one comes in: create.h and join.h. The set has
 * the key as long as anybody is there, so that a second producer or consumer meets it; the segment loses
 * the key as soon as both are attached. Nothing here prints or exits: -1 comes with errno and
 * pipe->problem.
 */
#ifndef SYSV_PIPE_H
#define SYSV_PIPE_H

#include "segment.h"
#include "semaphores.h"

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

/* Is that place empty? Of a set that is gone nobody can say; the next sysv_wait() tells of that. */
static inline bool sysv_has_left(const struct sysv_pipe *pipe, unsigned short place)
{
    return set_value(pipe->set, place) == 0;
}

static inline void sysv_remove_all(struct sysv_pipe *pipe)
{
    if (pipe->segment != NULL)
        shmctl(pipe->segment_id, IPC_RMID, NULL);
    set_remove(pipe->set);
}

/* [leave] Gives up the place. Who leaves last removes the set: that is who can take the other half's
 * place as well, or has its word that it needs nothing any more. If both leave at once, neither can take
 * the other's place; so each looks once more when it has left its own. Where somebody has removed the
 * set by hand, the segment may still have its key. */
static inline void sysv_leave(struct sysv_pipe *pipe)
{
    unsigned short other = PRODUCER_LIVES + CONSUMER_LIVES - pipe->place;
    if (pipe->has_place) {
        bool is_last = pipe->segment != NULL && sysv_end_of(pipe, other) == ALL_DONE;
        bool is_alone = is_last || place_take(pipe->set, other) == 0;
        if (!is_alone && errno == EAGAIN && place_leave(pipe->set, pipe->place) == 0)
            is_alone = place_take_both(pipe->set) == 0;
        if (is_alone || set_is_gone(errno))
            sysv_remove_all(pipe);
    }
    if (pipe->segment != NULL)
        shmdt(pipe->segment);
    pipe->segment = NULL;
    pipe->has_place = false;
}

#endif
