/* points.h - what producer and consumer of this lesson say to each other through the channel
 *
 * A message is one batch of points, written and read in place; or, with --file, a file as it is.
 */
#ifndef POINTS_H
#define POINTS_H

#include "channel.h"

/* X and Y are in 0 ... POINT_MAX. */
struct point {
    double x, y;
};

enum { POINT_MAX = 100 };

struct batch {
    char magic[4];         /*  0: PNTS, to tell points from a file */
    uint32_t count;        /*  4: of points in this batch */
    uint64_t first_number; /*  8: points are numbered from 1 */
    struct point points[]; /* 16 */
};

_Static_assert(offsetof(struct batch, first_number) == 8, "layout");
_Static_assert(offsetof(struct batch, points) == 16, "layout");
_Static_assert(sizeof(struct point) == 16, "layout");

enum { BATCH_MAX = (CHANNEL_CHUNK_BYTES - sizeof(struct batch)) / sizeof(struct point) };

static inline size_t batch_bytes(uint32_t count)
{
    return sizeof(struct batch) + count * sizeof(struct point);
}

/* --timeout SECONDS in the channel's unit. */
static inline int timeout_ms_of(long long timeout_s)
{
    return timeout_s == 0 ? -1 : (int)(timeout_s * 1000);
}

#endif
