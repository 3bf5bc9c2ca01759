/* countdown.h - what producer and consumer agree on: the region's bytes, the names, whose turn it is
 *
 * Look first at struct countdown, then at take_turn().
 */
#ifndef COUNTDOWN_H
#define COUNTDOWN_H

#include "../common/region.h"

/* The shared region. Only numbers: an address would mean nothing in the other process. */
struct countdown {
    struct region_header header; /*  0: owner, readiness, consumer (common/region.h) */
    int64_t number;              /* 32: [number] the producer's to write, the consumer's to read,
                                        each in its own turn; the semaphores say whose turn it is */
};

_Static_assert(offsetof(struct countdown, number) == 32, "layout");
_Static_assert(sizeof(struct countdown) == 40, "layout");

static const struct region_format countdown_format = {"CNTD", 1, sizeof(struct countdown)};

enum { COUNTDOWN_HIGHEST = 1000000 };

/* The three objects. Each semaphore's value is the number of turns that half may take:
 *
 *     writable  readable
 *            1         0   the producer may write     at first, and after each read
 *            0         0   one of the halves is in its turn
 *            0         1   the consumer may read      after each write
 */
struct countdown_names {
    char region[REGION_NAME_LENGTH + 1];   /* /countdown-1000 */
    char option[REGION_NAME_LENGTH + 9];   /* what to add to the other half's command line */
    char writable[REGION_NAME_LENGTH + 1]; /* /countdown-1000-writable */
    char readable[REGION_NAME_LENGTH + 1]; /* /countdown-1000-readable */
};

enum { COUNTDOWN_NAME_LENGTH = REGION_NAME_LENGTH - (sizeof "-writable" - 1) };

/* name: what --name gave, or NULL for the default. */
static inline struct countdown_names countdown_names(const char *name)
{
    struct countdown_names names;
    struct region_names given = region_names("countdown", name, COUNTDOWN_NAME_LENGTH);
    memcpy(names.region, given.region, sizeof names.region);
    memcpy(names.option, given.option, sizeof names.option);
    /* 21 is COUNTDOWN_NAME_LENGTH: tells the compiler that the suffix fits */
    snprintf(names.writable, sizeof names.writable, "%.21s-writable", names.region);
    snprintf(names.readable, sizeof names.readable, "%.21s-readable", names.region);
    return names;
}

/* [turn] sem_wait(3), but not for ever: waits until the semaphore gives a turn, and takes it.
 * other: what stood in the other half's place in the region when the two connected.
 *
 * Returns NULL with the turn; else what to say about the other half (nothing to say when
 * stop_requested()). */
static inline const char *take_turn(sem_t *semaphore, _Atomic struct region_claim *place,
                                    struct region_claim other, int64_t deadline)
{
    /* A semaphore doesn't know who should post it, nor whether that process still lives. So wait in
     * slices, and look at the other half after each. A signal ends a slice early (EINTR). */
    for (;;) {
        if (stop_requested())
            return "";
        if (sem_wait_until(semaphore, next_look(deadline)) == 0)
            return NULL;
        if (errno != ETIMEDOUT && errno != EINTR)
            die("cannot wait for a semaphore: %s", strerror(errno));
        const char *fate = region_fate(place, other);
        if (fate != NULL) /* what it posted before it went still counts */
            return sem_trywait(semaphore) == 0 ? NULL : fate;
        if (deadline_passed(deadline))
            return "does not answer; is it suspended, or slower than --timeout allows?";
    }
}

#endif
