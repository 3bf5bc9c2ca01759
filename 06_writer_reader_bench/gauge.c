/* gauge.c - what the measuring itself takes: the clock, and the bare flag that each row is compared with */
#define _GNU_SOURCE
#include "runs.h"

/* ---- the clock ---- */

static uint64_t clock_ns; /* what clock_cost_ns() found */

/* The fastest of many rounds: a round that was interrupted would make short messages take no time. */
uint64_t clock_cost_ns(void)
{
    enum { ROUNDS = 100, READINGS = 1000 };
    clock_ns = UINT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = now_ns(), now = start;
        for (int i = 0; i < READINGS; i++)
            now = now_ns();
        uint64_t ns = (uint64_t)(now - start) / READINGS;
        clock_ns = ns < clock_ns ? ns : clock_ns;
    }
    return clock_ns;
}

uint64_t duration_since(int64_t start)
{
    uint64_t ns = (uint64_t)(now_ns() - start);
    return ns > clock_ns ? ns - clock_ns : 0;
}

/* ---- the bare flag ---- */

/* Nanoseconds one way, or -1. */
static double bounce_round(struct shared *shared, struct watch *watch, uint32_t first)
{
    int64_t start = now_ns();
    for (uint32_t i = first; i < first + BOUNCES; i++) {
        raise_flag(&shared->to_reader, i);
        if (wait_spin_until(watch, &shared->to_writer, i) == -1)
            return -1;
    }
    return (double)(now_ns() - start) / BOUNCES / 2;
}

int bounce_as_writer(struct shared *shared, struct watch *watch, double *one_way_ns)
{
    double rounds[BOUNCE_ROUNDS];
    uint32_t count = 0;
    if (wait_spin_until(watch, &shared->is_ready, 1) == -1)
        return -1;
    int64_t end = deadline_after_ms(BOUNCE_MS); /* a busy machine takes its time */
    while (count < BOUNCE_ROUNDS && (count == 0 || !deadline_passed(end))) {
        double ns = bounce_round(shared, watch, count * BOUNCES + 1);
        if (ns < 0)
            return -1;
        uint32_t place = count++; /* kept in order */
        for (; place > 0 && rounds[place - 1] > ns; place--)
            rounds[place] = rounds[place - 1];
        rounds[place] = ns;
    }
    raise_flag(&shared->to_reader, BOUNCE_END);
    *one_way_ns = rounds[count / 2];
    return 0;
}

int bounce_as_reader(struct shared *shared, struct watch *watch)
{
    raise_flag(&shared->is_ready, 1);
    for (uint32_t i = 1;; i++) {
        if (wait_spin_until(watch, &shared->to_reader, i) == -1)
            return -1;
        if (atomic_load_explicit(&shared->to_reader, memory_order_relaxed) == BOUNCE_END)
            return 0;
        raise_flag(&shared->to_writer, i);
    }
}
