/* runs.h - the tests: what is timed, what is checked, and when
 *
 * In runs.c the halves of each test stand one below the other. The clock runs from right before a
 * message is sent till the writer knows that it was received as a whole. Making messages and checking
 * them lies outside of that; a latency is that of one message, and not of a stream of them.
 */
#ifndef RUNS_H
#define RUNS_H

#include "half.h"
#include "histogram.h"
#include "transport.h"

enum check { CHECK_ALL, CHECK_FIRST, CHECK_NONE };

/* One half's part in a run, and what came of it. */
struct run {
    struct link *link;
    struct shared *shared;
    struct watch *watch;
    struct buffers *buffers;
    uint32_t test;
    size_t bytes, batch; /* as in struct order */
    uint64_t count;
    enum check check;
    bool is_shown; /* the reader: prints each message */
    bool is_paced; /* a handover: the clock starts when the reader has checked the last message */

    struct histogram durations; /* the writer: of each message, or of each round trip */
    uint64_t timed_ns;          /* the writer: of all */
    uint64_t received, wrong, checksum;
    struct cost cost;
};

static inline void raise_flag(_Atomic uint32_t *flag, uint64_t value)
{
    /* release: pairs with the acquire in has_reached() */
    atomic_store_explicit(flag, (uint32_t)value, memory_order_release);
}

/* Flags in a round, and how many rounds there are at most; the last flag ends them. */
enum { BOUNCES = 500, BOUNCE_ROUNDS = 25, BOUNCE_MS = 10, BOUNCE_END = INT32_MAX };

/* What one reading of the clock takes; every duration contains it once. */
uint64_t clock_cost_ns(void);

/* Nanoseconds since then, without what reading the clock takes. */
uint64_t duration_since(int64_t start);

/* A half's part in a run, for both: 0, or -1 with errno as link_send(). */
int run_as_writer(struct run *run);
int run_as_reader(struct run *run);

/* A bare flag, to and fro. The writer gets the nanoseconds that it takes one way, the median of
 * its rounds. 0, or -1 with errno as watch_look(). */
int bounce_as_writer(struct shared *shared, struct watch *watch, double *one_way_ns);
int bounce_as_reader(struct shared *shared, struct watch *watch);

#endif
