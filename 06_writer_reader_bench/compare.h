/* compare.h - the comparison: row after row, each with a bare flag before and after it */
#ifndef COMPARE_H
#define COMPARE_H

#include "bars.h"
#include "plan.h"
#include "table.h"

enum { ROW_MS = 200, WARMUP_MS = 20, MESSAGES_MIN = 10, LIMIT_BYTES_MIN = 64 << 10 };

/* Waits till a reader has joined. */
static inline void await_reader(struct pair *pair)
{
    int64_t deadline = timeout_deadline(pair->timeout_s);
    struct backoff backoff = {0};
    if (!region_has_peer(&pair->region))
        note("waiting for the reader; in another terminal: ./reader%s", pair->names.option);
    while (!region_has_peer(&pair->region)) {
        exit_if_stopped();
        if (deadline_passed(deadline))
            die("no reader came within %lld s; start one: ./reader%s", pair->timeout_s,
                pair->names.option);
        backoff_wait(&backoff);
    }
    int writer = pair->processors[0], reader = pair->processors[1];
    if (writer != -1 && run_on(writer) == -1)
        die("cannot run on processor %d: %s", writer, strerror(errno));
    pair->watch.shares_processor = spin_limit() == 0 || (writer != -1 && writer == reader);
}

/* [count] The warm-up grows till it takes long enough to tell how many messages fit the time. The
 * fastest of its runs counts: another one may have been interrupted. */
static inline uint64_t warm_up(struct pair *pair, const struct plan *plan, struct row *row)
{
    if (plan->warmup > 0)
        run_messages(pair, row, (uint64_t)plan->warmup);
    if (plan->warmup >= 0 && plan->count > 0)
        return (uint64_t)plan->count;
    double fastest_ns = 1e18, last_ns = 0;
    for (uint64_t messages = 1, runs = 0; runs < 3 || last_ns < WARMUP_MS * 1e6; runs++) {
        int64_t start = now_ns();
        run_messages(pair, row, messages);
        last_ns = (double)(now_ns() - start);
        if (last_ns / (double)messages < fastest_ns)
            fastest_ns = last_ns / (double)messages;
        messages *= last_ns < WARMUP_MS * 1e6 ? 4 : 1;
    }
    if (plan->count > 0)
        return (uint64_t)plan->count;
    double fitting = ROW_MS * 1e6 / fastest_ns;
    return fitting < MESSAGES_MIN ? MESSAGES_MIN
           : fitting > COUNT_MAX  ? COUNT_MAX
                                  : (uint64_t)fitting;
}

/* Measures one row. What this machine doesn't have is left out, unless it was asked for by name. */
static inline void measure_row(struct pair *pair, const struct plan *plan, struct row *row)
{
    if (join_reader(pair, row) == -1) {
        if (plan->transport_list != NULL && (errno != ENOTSUP || plan->wait_list != NULL))
            die("cannot use %s: %s", row_name(row), strerror(errno));
        leave_out(row, errno);
        return;
    }
    uint64_t count = warm_up(pair, plan, row);
    row->bounce_ns[0] = bounce(pair);
    run_messages(pair, row, count);
    row->bounce_ns[1] = bounce(pair);
    leave_reader(pair);
    note_result(row);
    if (plan->bars)
        print_bars(row);
}

/* Which ways to wait belong to a transport? What goes through the kernel waits there. */
static inline bool takes_wait(const struct plan *plan, uint32_t transport, uint32_t wait)
{
    if (!transports[transport]->is_memory)
        return wait == 0;
    if (transports[transport] == &transport_sysv && plan->wait_list == NULL)
        return wait == WAIT_SPIN;
    return plan->waits[wait];
}

/* Shows and measures a row, or only counts it: then all is 0. */
static inline void next_row(struct pair *pair, const struct plan *plan, struct row row,
                            size_t *rows, size_t all)
{
    ++*rows;
    if (all == 0)
        return;
    show_progress(&row, *rows, all);
    measure_row(pair, plan, &row);
}

/* The rows of one test and one size; in a stream the limit stands before them; after
 * the round trips there are messages that only a flag answers. */
static inline void each_way(struct pair *pair, const struct plan *plan, uint32_t test,
                            uint64_t bytes, size_t *rows, size_t all)
{
    if (test == TEST_THROUGHPUT && bytes >= LIMIT_BYTES_MIN)
        next_row(pair, plan, (struct row){.test = TEST_COPIES, .bytes = bytes}, rows, all);
    for (uint32_t transport = 0; transport < TRANSPORTS; transport++)
        for (uint32_t wait = 0; wait < WAITS; wait++) {
            struct row row = {.test = test, .transport = transport, .wait = wait, .bytes = bytes};
            if (plan->transports[transport] && takes_wait(plan, transport, wait))
                next_row(pair, plan, row, rows, all);
        }
    if (test == TEST_LATENCY && plan->transports[0] && plan->waits[WAIT_SPIN])
        next_row(pair, plan, (struct row){.test = TEST_HANDOVER, .bytes = bytes}, rows, all);
}

/* Returns how many rows there are. all: 0 to count them only. */
static inline size_t each_row(struct pair *pair, const struct plan *plan, size_t all)
{
    size_t rows = 0;
    for (uint32_t test = TEST_LATENCY; test <= TEST_THROUGHPUT; test++)
        for (size_t size = 0; size < plan->size_count; size++)
            if (plan->tests[test])
                each_way(pair, plan, test, plan->sizes[size], &rows, all);
    return rows;
}

static inline void compare(struct pair *pair, const struct plan *plan, FILE *csv)
{
    uint64_t clock_ns = clock_cost_ns();
    each_row(pair, plan, each_row(pair, plan, 0));
    show_progress(NULL, 0, 0);
    write_csv(csv, plan->csv_path);
    if (plan->bars)
        print_ratios();
    else
        print_tables(pair, clock_ns);
}

#endif
