/* bench_pair.h - the pair from end to end beside each of its halves alone
 *
 * Look first at end_to_end(). A half alone works through the same ring as often, but nobody takes the lines
 * of its batches to another processor.
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <sched.h>
#include <sys/wait.h>

#include "check_batch.h"

enum { PAIR_BATCHES = 400000, PAIR_RUN = 16, PAIR_SLOTS = 1024, PAIR_ROUNDS = 5 };

static void pin(size_t processor)
{
#ifdef __linux__
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    if (sched_setaffinity(0, sizeof one, &one) == -1)
        note("cannot run on processor %zu alone: %s", processor, strerror(errno));
#else
    (void)processor;
#endif
}

/* Makes batches; alone: never waits for room. */
static void make_batches(struct batch_ring *ring, const struct kernels *kernels, bool alone)
{
    struct batch_writer writer = batch_writer(ring);
    struct batch *first;
    while (writer.head < PAIR_BATCHES) {
        if (alone)
            writer.tail = writer.head;
        uint32_t run = batch_reserve(&writer, PAIR_RUN, &first);
        for (uint32_t i = 0; i < run; i++)
            kernels->fill(first[i].floats, BATCH_FLOATS, batch_key(1, writer.head + i));
        if (run > 0)
            batch_commit(&writer, run);
        else
            spin_pause();
    }
}

static void process_batches(struct batch_ring *ring, const struct kernels *kernels,
                            enum kernel kernel)
{
    struct batch_reader reader = batch_reader(ring);
    struct batch *first;
    while (reader.tail < PAIR_BATCHES) {
        uint32_t run = batch_take(&reader, PAIR_RUN, &first);
        for (uint32_t i = 0; i < run; i++)
            apply(kernels, kernel, first[i].floats, BATCH_FLOATS);
        if (run > 0)
            batch_release(&reader, run);
        else
            spin_pause();
    }
}

/* The consumer's half alone: all is there already. */
static void process_alone(struct batch_ring *ring, const struct kernels *kernels,
                          enum kernel kernel)
{
    for (uint64_t number = 0; number < PAIR_BATCHES; number++)
        apply(kernels, kernel, ring->batches[number % PAIR_SLOTS].floats, BATCH_FLOATS);
}

static double gigabytes_per_second(int64_t start)
{
    return (double)PAIR_BATCHES * BATCH_BYTES / (double)(now_ns() - start);
}

/* Two processes, each on a processor of its own. */
static double end_to_end(struct batch_ring *ring, const struct kernels *kernels, enum kernel kernel)
{
    batch_ring_init(ring, PAIR_SLOTS, kernel, 1);
    int64_t start = now_ns();
    pid_t pid = CHECK(fork());
    if (pid == 0) {
        pin(1);
        process_batches(ring, kernels, kernel);
        _exit(0);
    }
    pin(0);
    make_batches(ring, kernels, false);
    int status;
    CHECK(waitpid(pid, &status, 0));
    if (status != 0)
        die("the consumer's half has ended with status %d", status);
    return gigabytes_per_second(start);
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static void bench_pair(void)
{
    const struct kernels *kernels = kernels_select(ISA_AUTO);
    struct region region;
    struct region_format format = batch_format;
    char name[REGION_NAME_LENGTH + 1], text[PAGES_TEXT_BYTES];
    format.size_bytes = batch_ring_bytes(PAIR_SLOTS);
    snprintf(name, sizeof name, "/bench-simd-%d", (int)getpid());
    if (region_create(&region, name, &format) == -1)
        die("cannot create %s: %s", name, region.problem);
    region_unlink(&region);
    pages_ask(&region, PAGES_AUTO);
    struct batch_ring *ring = batch_ring_of(&region);
    printf("\nthe pair, GB/s, %s, %s\n\n%-10s %10s %10s %10s %18s\n", kernels->name,
           pages_text(text, &region), "", "producer", "consumer", "both", "of the slower one");
    for (enum kernel kernel = 0; kernel < KERNEL_COUNT; kernel++) {
        double producer = 0, consumer = 0, both = 0;
        for (int round = 0; round < PAIR_ROUNDS; round++) {
            batch_ring_init(ring, PAIR_SLOTS, kernel, 1);
            pin(0);
            int64_t start = now_ns();
            make_batches(ring, kernels, true);
            producer = larger(producer, gigabytes_per_second(start));
            pin(1);
            start = now_ns();
            process_alone(ring, kernels, kernel);
            consumer = larger(consumer, gigabytes_per_second(start));
            both = larger(both, end_to_end(ring, kernels, kernel));
        }
        double slower = producer < consumer ? producer : consumer;
        printf("%-10s %10.1f %10.1f %10.1f %16.0f %% (goal: at least 90 %%)\n",
               kernel_names[kernel], producer, consumer, both, both / slower * 100);
        fflush(stdout);
    }
    region_unmap(&region);
}

#endif
