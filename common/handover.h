/* handover.h - a region that outlives its halves: is the other one there, and who removes the name
 *
 * Look first at region_leave_drained(). One half sends, the other one reads; either may leave, or die, and
 * be followed by another process. The name is removed when the stream has ended and is read:
 *
 *     owner's place     who is there        what it means
 *     pid, BUILDING     a living producer   it sets the region up, or takes it over as it is
 *     pid, READY        a living producer   something may come
 *     pid, READY        a dead one          what it had published is whole; a next producer goes on
 *     0, CLOSED         nobody              nothing more comes; who finds it drained, removes it
 *     pid, CLOSED       either half         it is just removing the name
 */
#ifndef COMMON_HANDOVER_H
#define COMMON_HANDOVER_H

#include "region_attach.h"
#include "region_create.h"

enum half { HALF_NEVER_CAME, HALF_RUNS, HALF_STOPPED, HALF_DIED };

/* What has become of the half that holds, or held, this place? */
static inline enum half region_half(_Atomic struct region_claim *place, int *pid)
{
    /* First whether it lives, then what stands there, as in region_fate(): a half that leaves and
     * ends between the two has not died. acquire: pairs with the release in region_leave(). */
    struct region_claim seen = atomic_load_explicit(place, memory_order_relaxed);
    bool is_alive = process_is_alive(seen.pid);
    struct region_claim claim = atomic_load_explicit(place, memory_order_acquire);
    *pid = claim.pid;
    if (claim.state == REGION_CLOSED)
        return HALF_STOPPED;
    if (claim.pid == 0)
        return HALF_NEVER_CAME;
    return is_alive || claim.pid != seen.pid ? HALF_RUNS : HALF_DIED; /* a new one has just come */
}

/* How many below that index, one that was ever sent, are unread? None when tail has passed it, which it
 * may when the next producer is there already; no ring holds more than most. */
static inline uint64_t region_left(uint64_t index, const _Atomic uint64_t *tail, uint64_t most)
{
    /* A difference: both may have passed 2^64. acquire: pairs with the rings' [release]. */
    uint64_t left = index - atomic_load_explicit(tail, memory_order_acquire);
    return left <= most ? left : 0;
}

/* Is there a living producer, or, from one that is gone, something left to read? slots is 0 as long as the
 * ring isn't set up. For who may become the consumer. */
static inline bool region_is_worth_joining(const struct region *region,
                                           const _Atomic uint32_t *slots,
                                           const _Atomic uint64_t *head,
                                           const _Atomic uint64_t *tail)
{
    /* acquire: pairs with [publish], and with the release in region_leave(). */
    struct region_claim owner = atomic_load_explicit(&region->header->owner, memory_order_acquire);
    if (owner.state != REGION_CLOSED && process_is_alive(owner.pid))
        return owner.state == REGION_READY;
    return atomic_load_explicit(slots, memory_order_acquire) != 0 &&
           atomic_load_explicit(head, memory_order_relaxed) !=
               atomic_load_explicit(tail, memory_order_relaxed);
}

/* Gives the caller's place up, free for the next one. The name stays: whose it is to remove is
 * decided in region_leave_drained(). */
static inline void region_leave_place(struct region *region)
{
    region->is_named = false;
    region_withdraw(region); /* release: this half's last index is visible to who takes the place */
}

/* [close] Leaves the region. The producer's leaving closes it: nothing more comes, and the name is
 * nobody's. [remove] If it is closed and drained (head, what was ever sent, is tail, what was ever read),
 * its name is removed. Both halves try that at their ends; the one that wins the owner's place may do
 * it. So a next producer isn't disturbed: if it came first, the swap fails, and if it comes later, it
 * finds no name and makes a new region. */
static inline void region_leave_drained(struct region *region, const _Atomic uint64_t *head,
                                        const _Atomic uint64_t *tail)
{
    region_leave_place(region);
    /* Each half has stored its word (CLOSED, tail) and now loads the other's. Here alone release and
     * acquire are not enough: without the fence both might see the old one, and nobody removes the
     * name. */
    atomic_thread_fence(memory_order_seq_cst);
    /* acquire: pairs with the release in region_leave(): head is the last one. */
    struct region_claim found = atomic_load_explicit(&region->header->owner, memory_order_acquire);
    struct region_claim mine = {getpid(), (uint16_t)(found.generation + 1), REGION_CLOSED};
    uint64_t ever_sent = atomic_load_explicit(head, memory_order_relaxed);
    uint64_t ever_read =
        atomic_load_explicit(tail, memory_order_acquire); /* its store: [release] */
    if (found.state == REGION_CLOSED && ever_sent == ever_read &&
        region_claim(&region->header->owner, &found, mine)) {
        region->mine = mine;
        region->is_owner = region->is_named = true;
        region_unlink(region);
    }
}

/* One wait for the other half: short ones cost no system call, long ones no processor time. */
struct peer_wait {
    struct backoff backoff;
    int32_t pid;       /* who is waited for */
    int64_t since;     /* when this wait was first looked at; 0: not yet */
    int64_t last;      /* when it was last looked at */
    int64_t next_look; /* at the other half; not reset, so that many short waits cost little */
};

/* Something came. */
static inline void wait_is_over(struct peer_wait *wait)
{
    backoff_reset(&wait->backoff);
    wait->since = 0;
}

/* Who is waited for: another one than before has its own time. */
static inline void wait_is_for(struct peer_wait *wait, int32_t pid)
{
    if (wait->pid != pid)
        wait->since = 0;
    wait->pid = pid;
}

/* Ten times a second: look whether the other half lives. */
static inline bool look_is_due(struct peer_wait *wait, int64_t now)
{
    if (now < wait->next_look)
        return false;
    wait->next_look = now + LOOK_INTERVAL_MS * NS_PER_MS;
    return true;
}

/* Waits a little, at most two milliseconds. True: look whether the other half lives. */
static inline bool wait_a_little(struct peer_wait *wait)
{
    if (!backoff_wait(&wait->backoff))
        return false;
    int64_t now = now_ns();
    /* [suspended] Time in which this half was suspended is not the other's silence. */
    if (wait->since == 0)
        wait->since = now;
    else if (now - wait->last > NS_PER_S)
        wait->since += now - wait->last;
    wait->last = now;
    return look_is_due(wait, now);
}

/* timeout_s: 0 is never. */
static inline bool waited_too_long(const struct peer_wait *wait, long long timeout_s)
{
    return timeout_s != 0 && wait->since != 0 && now_ns() - wait->since >= timeout_s * NS_PER_S;
}

#endif
