/* bench_loops.h - the loops that bench.c and bench_8.c measure, over ring.h as it is
 *
 * Every word of every slot is written, read and checked.
 */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include "bench_pair.h"

enum { RUN = 64 };

static inline void write_slot(struct message *message, uint64_t number)
{
    uint64_t *words = (uint64_t *)message;
    for (size_t i = 0; i < sizeof *message / sizeof *words; i++)
        words[i] = number;
}

/* What a reader finds out; in registers, since it's local to each loop. */
struct findings {
    uint64_t sum;   /* of all words */
    uint64_t wrong; /* 0 as long as all numbers are right */
};

static inline void read_slot(const struct message *message, uint64_t number,
                             struct findings *findings)
{
    const uint64_t *words = (const uint64_t *)message;
    for (size_t i = 0; i < sizeof *message / sizeof *words; i++)
        findings->sum += words[i];
    findings->wrong |= message->sequence ^ number;
}

/* Each word is the message's number: so the sum is known, and no compiler may leave it out. */
static inline void check_findings(struct findings findings, uint64_t count)
{
    uint64_t words = sizeof(struct message) / sizeof(uint64_t);
    uint64_t numbers = count % 2 == 0 ? count / 2 * (count - 1) : (count - 1) / 2 * count;
    if (findings.wrong != 0 || findings.sum != numbers * words)
        die("messages came wrongly");
}

static inline void produce_singly(struct bench_arena *arena, uint64_t count)
{
    struct ring_writer writer = ring_writer(arena->rings[0]);
    for (uint64_t i = 0; i < count; i++) {
        struct message *message;
        while ((message = ring_reserve(&writer)) == NULL)
            bench_pause_longer();
        write_slot(message, i);
        ring_commit(&writer);
    }
}

static inline void consume_singly(struct bench_arena *arena, uint64_t count)
{
    struct ring_reader reader = ring_reader(arena->rings[0]);
    struct findings findings = {0};
    for (uint64_t i = 0; i < count; i++) {
        const struct message *message;
        while ((message = ring_peek(&reader)) == NULL)
            bench_pause_longer();
        read_slot(message, i, &findings);
        ring_release(&reader);
    }
    check_findings(findings, count);
}

static inline void produce_runs(struct bench_arena *arena, uint64_t count)
{
    struct ring_writer writer = ring_writer(arena->rings[0]);
    for (uint64_t i = 0; i < count;) {
        struct message *first;
        uint32_t run =
            ring_reserve_many(&writer, count - i < RUN ? (uint32_t)(count - i) : RUN, &first);
        for (uint32_t j = 0; j < run; j++)
            write_slot(&first[j], i++);
        if (run > 0)
            ring_commit_many(&writer, run);
        else
            bench_pause_longer();
    }
}

static inline void consume_runs(struct bench_arena *arena, uint64_t count)
{
    struct ring_reader reader = ring_reader(arena->rings[0]);
    struct findings findings = {0};
    for (uint64_t i = 0; i < count;) {
        const struct message *first;
        uint32_t run = ring_peek_many(&reader, RUN, &first);
        for (uint32_t j = 0; j < run; j++)
            read_slot(&first[j], i++, &findings);
        if (run > 0)
            ring_release_many(&reader, run);
        else
            bench_pause_longer();
    }
    check_findings(findings, count);
}

/* A message to the child through one ring, and its answer through the other. */
static inline void round_trips(struct ring *to, struct ring *from, uint64_t count, bool begins)
{
    struct ring_writer writer = ring_writer(to);
    struct ring_reader reader = ring_reader(from);
    struct findings findings = {0};
    for (uint64_t i = 0; i < count; i++) {
        const struct message *message;
        for (int turn = 0; turn < 2; turn++) {
            if ((turn == 0) == begins) {
                write_slot(ring_reserve(&writer), i); /* never full: one message is under way */
                ring_commit(&writer);
                continue;
            }
            while ((message = ring_peek(&reader)) == NULL)
                bench_pause();
            read_slot(message, i, &findings);
            ring_release(&reader);
        }
    }
    check_findings(findings, count);
}

static inline void ask(struct bench_arena *arena, uint64_t count)
{
    round_trips(arena->rings[0], arena->rings[1], count, true);
}

static inline void answer(struct bench_arena *arena, uint64_t count)
{
    round_trips(arena->rings[1], arena->rings[0], count, false);
}

#endif
