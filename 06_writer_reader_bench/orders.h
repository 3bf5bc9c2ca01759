/* orders.h - the writer's side of the pair: it gives the reader one order at a time, and does its half */
#ifndef ORDERS_H
#define ORDERS_H

#include "runs.h"

/* What a run is to be like, and what came of it. */
struct row {
    uint32_t test, transport, wait;
    uint64_t bytes, count;
    bool is_shown;
    double bounce_ns[2];  /* before and after; 0: not measured */
    struct run run;       /* the writer's half */
    struct answer answer; /* the reader's */
};

/* The pair, as the writer sees it. */
struct pair {
    struct region region;
    struct shared *shared;
    struct watch watch;
    struct link link;
    struct buffers buffers;
    struct region_names names;
    long long timeout_s;
    int processors[2]; /* for the writer and the reader; -1: any */
    uint32_t number;   /* of the last order */
};

static inline size_t message_max(const struct pair *pair)
{
    return lane_message_max(pair->region.size_bytes - sizeof(struct shared) - LANE_BYTES);
}

/* A step failed. Ends the program when there is no reader to go on with; else returns. */
static inline void end_if_lost(struct pair *pair)
{
    int reason = errno;
    exit_if_stopped();
    int reader = (int)pair->region.other.pid;
    if (region_fate(&pair->region.header->peer, pair->region.other) != NULL)
        reason = EPIPE; /* whatever followed from it */
    if (reason == ETIMEDOUT)
        die("the reader (pid %d) does not answer for %lld s; is it suspended?", reader,
            pair->timeout_s);
    if (reason == EPIPE) {
        const char *fate = watch_fate(&pair->watch);
        die("the reader (pid %d) %s; start both again: ./reader%s", reader, fate,
            pair->names.option);
    }
    errno = reason;
}

/* ---- one order ---- */

/* The reader may begin with it at once; so the words that both count up are reset before. */
static inline void give_order(struct pair *pair, enum step step, const struct row *row)
{
    struct shared *shared = pair->shared;
    atomic_store_explicit(&shared->to_reader, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->to_writer, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->is_ready, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->is_done, 0, memory_order_relaxed);
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): create_region() ends without a region
    shared->order = (struct order){.step = step, .processor = pair->processors[1], .batch = 1};
    shared->order.shares = pair->watch.shares_processor;
    if (row != NULL) {
        shared->order.test = row->test;
        shared->order.wait = row->wait;
        shared->order.bytes = row->bytes;
        shared->order.count = row->count;
        shared->order.batch = row->run.batch;
        shared->order.is_shown = row->is_shown;
        shared->order.place = pair->link.place;
    }
    /* release: publishes the order; await_order() in reader.c acquires it */
    atomic_store_explicit(&shared->order_number, ++pair->number, memory_order_release);
}

/* Waits till the reader has done it: 0, or -1 with errno, also the reader's. */
static inline int await_answer(struct pair *pair, struct answer *answer)
{
    struct backoff backoff = {0};
    while (!has_reached(&pair->shared->answer_number, pair->number))
        if (backoff_wait(&backoff) && watch_look(&pair->watch) == -1)
            return -1;
    watch_reset(&pair->watch);
    *answer = pair->shared->answer;
    copied_once();
    errno = answer->problem;
    return answer->problem == 0 ? 0 : -1;
}

/* ---- the steps of a row ---- */

/* 0, or -1 with errno: this machine, or this user, has no such transport. */
static inline int join_reader(struct pair *pair, struct row *row)
{
    pair->link = (struct link){.shared = pair->shared,
                               .shared_bytes = pair->region.size_bytes,
                               .place.transport = row->transport,
                               .watch = &pair->watch,
                               .is_writer = true,
                               .test = row->test,
                               .wait = row->wait,
                               .bytes = row->bytes};
    row->run.batch = 1;
    int joined = link_make(&pair->link);
    if (joined == 0) {
        give_order(pair, STEP_JOIN, row);
        joined = await_answer(pair, &row->answer);
    }
    if (joined == 0)
        joined = link_meet(&pair->link);
    if (joined == -1) {
        int reason = errno;
        link_close(&pair->link);
        errno = reason;
        end_if_lost(pair);
    }
    return joined;
}

static inline void leave_reader(struct pair *pair)
{
    struct answer answer;
    give_order(pair, STEP_LEAVE, NULL);
    if (await_answer(pair, &answer) == -1) {
        end_if_lost(pair);
        die("the reader cannot leave: %s", strerror(errno));
    }
    link_close(&pair->link);
}

static inline double bounce(struct pair *pair)
{
    double one_way_ns;
    struct answer answer;
    give_order(pair, STEP_BOUNCE, NULL);
    if (bounce_as_writer(pair->shared, &pair->watch, &one_way_ns) == -1 ||
        await_answer(pair, &answer) == -1) {
        end_if_lost(pair);
        die("the flag bounce failed: %s", strerror(errno));
    }
    return one_way_ns;
}

/* Runs that many messages; the reader's answer says whether each was right. */
static inline void run_messages(struct pair *pair, struct row *row, uint64_t count)
{
    bool is_stream = row->test == TEST_THROUGHPUT || row->test == TEST_COPIES;
    row->count = count;
    row->run = (struct run){.link = &pair->link,
                            .shared = pair->shared,
                            .watch = &pair->watch,
                            .buffers = &pair->buffers,
                            .test = row->test,
                            .bytes = (size_t)row->bytes,
                            .count = count,
                            .is_paced = !row->is_shown,
                            .batch = is_stream ? (size_t)batch_of(row->bytes, count) : 1};
    if (reserve_buffers(&pair->buffers, row->run.batch * row->bytes) == -1)
        die("no memory for messages of %llu bytes: %s", (unsigned long long)row->bytes,
            strerror(errno));
    give_order(pair, STEP_RUN, row);
    if (run_as_writer(&row->run) == -1 || await_answer(pair, &row->answer) == -1) {
        end_if_lost(pair);
        die("the test failed: %s", strerror(errno));
    }
    unsigned long long wrong = row->answer.wrong + row->run.wrong;
    if (wrong > 0)
        die("%llu messages did not arrive as they were sent", wrong); /* both ways together */
}

#endif
