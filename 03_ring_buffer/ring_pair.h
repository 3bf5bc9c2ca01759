/* ring_pair.h - what producer and consumer agree on beside the ring: the region that it lies in
 *
 * Look first at ring_fits(). The region outlives either half: see common/handover.h.
 */
#ifndef RING_PAIR_H
#define RING_PAIR_H

#include "../common/handover.h"
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

/* Leaves the ring; the producer's leaving closes it. What is closed and read is removed. */
static inline void ring_leave(struct region *region)
{
    struct ring *ring = ring_of(region);
    region_leave_drained(region, &ring->head, &ring->tail);
}

#endif
