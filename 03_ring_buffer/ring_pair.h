/* ring_pair.h - what producer and consumer agree on beside the ring: its region, and how it ends
 *
 * Look first at ring_leave().
 *
 * The region outlives either half. Its name is removed when the stream has ended and is read:
 *
 *     owner's place     who is there        what it means
 *     pid, BUILDING     a living producer   it sets the ring up, or takes it over as it is
 *     pid, READY        a living producer   messages may come
 *     pid, READY        a dead one          messages in the ring are whole; a next producer goes on
 *     0, CLOSED         nobody              no more messages come; who finds it drained, removes it
 *     pid, CLOSED       either half         it is just removing the name
 */
#ifndef RING_PAIR_H
#define RING_PAIR_H

#include "../common/region_create.h"
#include "ring.h"

static const struct region_format ring_format = {"RING", 1, 0};

static inline struct ring *ring_of(const struct region *region)
{
    return (struct ring *)region->header;
}

/* [fits] The number of slots came out of shared memory: does a ring of so many lie within what this
 * process has mapped? */
static inline bool ring_fits(const struct region *region, uint64_t mask)
{
    return mask != 0 && region->size_bytes > sizeof(struct ring) &&
           mask < (region->size_bytes - sizeof(struct ring)) / sizeof(struct message);
}

enum half { HALF_NEVER_CAME, HALF_RUNS, HALF_STOPPED, HALF_DIED };

/* What has become of the half that holds, or held, this place? */
static inline enum half ring_half(_Atomic struct region_claim *place, int *pid)
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

/* Gives the caller's place up, free for the next one. The name stays: whose it is to remove is
 * decided in ring_leave(). */
static inline void leave_place(struct region *region)
{
    region->is_named = false;
    region_withdraw(region); /* release: this half's last index is visible to who takes the place */
}

/* How many messages below that index are unread? None when tail has passed it, which it may when the
 * next producer is there already. */
static inline uint64_t ring_left(const struct ring *ring, uint64_t index)
{
    /* A difference: both may have passed 2^64. acquire: pairs with ring.h [release]. */
    uint64_t left = index - atomic_load_explicit(&ring->tail, memory_order_acquire);
    return left <= RING_SLOTS_MAX ? left : 0;
}

/* [close] Leaves the ring. The producer's leaving closes it: no more messages come, and the name is
 * nobody's. [remove] If the ring is closed and drained, its name is removed. Both halves try that at
 * their ends; the one that wins the owner's place may do it. So a next producer isn't disturbed: if
 * it came first, the swap fails, and if it comes later, it finds no name and makes a new region. */
static inline void ring_leave(struct region *region)
{
    struct ring *ring = ring_of(region);
    leave_place(region);
    /* Each half has stored its word (CLOSED, tail) and now loads the other's. Here alone release and
     * acquire are not enough: without the fence both might see the old one, and nobody removes the
     * name. */
    atomic_thread_fence(memory_order_seq_cst);
    /* acquire: pairs with the release in region_leave(): head is the last one. */
    struct region_claim found = atomic_load_explicit(&region->header->owner, memory_order_acquire);
    struct region_claim mine = {getpid(), (uint16_t)(found.generation + 1), REGION_CLOSED};
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire); /* [release] */
    if (found.state == REGION_CLOSED && head == tail &&
        region_claim(&region->header->owner, &found, mine)) {
        region->mine = mine;
        region->is_owner = region->is_named = true;
        region_unlink(region);
    }
}

/* One wait for the other half: short ones cost no system call, long ones no processor time. */
struct ring_wait {
    struct backoff backoff;
    int64_t since;     /* when this wait was first looked at; 0: not yet */
    int64_t next_look; /* at the other half; not reset, so that many short waits cost little */
};

/* Something came. */
static inline void wait_is_over(struct ring_wait *wait)
{
    backoff_reset(&wait->backoff);
    wait->since = 0;
}

/* Ten times a second: look whether the other half lives. */
static inline bool look_is_due(struct ring_wait *wait, int64_t now)
{
    if (now < wait->next_look)
        return false;
    wait->next_look = now + LOOK_INTERVAL_MS * NS_PER_MS;
    return true;
}

/* Waits a little, at most two milliseconds. True: look whether the other half lives. */
static inline bool wait_a_little(struct ring_wait *wait)
{
    if (!backoff_wait(&wait->backoff))
        return false;
    int64_t now = now_ns();
    if (wait->since == 0)
        wait->since = now;
    return look_is_due(wait, now);
}

/* timeout_s: 0 is never. */
static inline bool waited_too_long(const struct ring_wait *wait, long long timeout_s)
{
    return timeout_s != 0 && wait->since != 0 && now_ns() - wait->since >= timeout_s * NS_PER_S;
}

#endif
