/* watch.h - how long to wait for the other half: it may have died, be suspended, or a stop may come
 *
 * Every wait of this lesson, in memory or in the kernel, calls watch_look() at least every 100 ms.
 */
#ifndef WATCH_H
#define WATCH_H

#include "../common/region_object.h"

struct watch {
    const struct region *region;
    int64_t timeout_ms;    /* of a single wait; -1: for ever */
    int64_t since;         /* when the wait began; 0: none was looked at yet */
    int64_t next;          /* the next look */
    bool shares_processor; /* with the other half: who spins keeps it from running */
};

enum { WATCH_CLOSED_MS = 3000 };

/* The wait is over: the next one has its whole time. */
static inline void watch_reset(struct watch *watch)
{
    watch->since = 0;
}

/* To be called now and then in a wait. Returns 0: go on waiting, or -1 with errno: EPIPE (the other
 * half has gone), EINTR (a stop signal), ETIMEDOUT (it answers no more). */
static inline int watch_look(struct watch *watch)
{
    if (stop_requested()) {
        errno = EINTR;
        return -1;
    }
    int64_t now = now_ns();
    if (watch->since == 0)
        watch->since = watch->next = now;
    if (now < watch->next)
        return 0;
    /* Time in which this half was suspended is not the other's silence. */
    if (now - watch->next > NS_PER_S)
        watch->since += now - watch->next;
    watch->next = now + LOOK_INTERVAL_MS * NS_PER_MS;
    if (region_fate(region_other_place(watch->region), watch->region->other) != NULL)
        errno = EPIPE;
    else if (watch->timeout_ms != -1 && now - watch->since > watch->timeout_ms * NS_PER_MS)
        errno = ETIMEDOUT;
    else
        return 0;
    return -1;
}

/* An end of a pipe was closed: its half is ending, and will be gone, or say why, in a moment; in a longer
 * one where many wait for a processor. Returns what has become of it. */
static inline const char *watch_fate(const struct watch *watch)
{
    const char *fate;
    int64_t end = deadline_after_ms(WATCH_CLOSED_MS);
    while ((fate = region_fate(region_other_place(watch->region), watch->region->other)) == NULL &&
           !deadline_passed(end))
        sleep_until(now_ns() + NS_PER_MS);
    return fate != NULL ? fate : "has closed the connection";
}

#endif
