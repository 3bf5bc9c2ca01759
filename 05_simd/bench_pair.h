/* bench_pair.h - the pair from end to end beside each of its halves alone
 *
 * Look first at end_to_end(). "Alone" is the same work in the same ring, which for the producer is always
 * free and for the consumer always full: nobody to wait for, and nobody takes the lines away. How fast
 * they can be taken away depends on where the processors are: so their distance is measured, too.
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <sched.h>

#include "../common/children.h"
#include "check_batch.h"

/* Short rounds, and the best of many: one of them finds both processors free, even on a busy machine. */
enum { PAIR_BATCHES = 40960, PAIR_RUN = 16, PAIR_SLOTS = 1024, PAIR_ROUNDS = 50 };
enum { ROUND_TRIPS = 20000 };

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

/* Makes batches; alone: all slots are always free. */
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

/* Processes them; alone: all slots are always full. */
static void process_batches(struct batch_ring *ring, const struct kernels *kernels,
                            enum kernel kernel, bool alone)
{
    struct batch_reader reader = batch_reader(ring);
    struct batch *first;
    while (reader.tail < PAIR_BATCHES) {
        if (alone)
            reader.head = reader.tail + PAIR_SLOTS;
        uint32_t run = batch_take(&reader, PAIR_RUN, &first);
        for (uint32_t i = 0; i < run; i++)
            apply(kernels, kernel, first[i].floats, BATCH_FLOATS);
        if (run > 0)
            batch_release(&reader, run);
        else
            spin_pause();
    }
}

static double gigabytes_per_second(int64_t start)
{
    return (double)PAIR_BATCHES * BATCH_BYTES / (double)(now_ns() - start);
}

/* fork(), which returns in both when the child is there: each on a processor of its own. */
static pid_t fork_half(struct batch_ring *ring)
{
    _Atomic uint64_t *here =
        &ring->in_hand; /* of no use yet: the child sets it, the parent resets it */
    pin(1);             /* the child begins there, and can so begin while this one spins */
    pid_t child = fork_child();
    if (child == 0)
        atomic_store(here, 1);
    else
        pin(0);
    while (atomic_load(here) == (child == 0))
        spin_pause();
    if (child != 0)
        atomic_store(here, 0);
    return child;
}

static void reap_half(pid_t child)
{
    int status = status_of(child);
    if (status != 0)
        die("the other half has ended with status %d", status);
}

/* Two processes, each on a processor of its own. */
static double end_to_end(struct batch_ring *ring, const struct kernels *kernels, enum kernel kernel)
{
    batch_ring_init(ring, PAIR_SLOTS, kernel, 1);
    pid_t child = fork_half(ring);
    if (child == 0) {
        process_batches(ring, kernels, kernel, false);
        _exit(0);
    }
    int64_t start = now_ns();
    make_batches(ring, kernels, false);
    while (atomic_load_explicit(&ring->tail, memory_order_acquire) != PAIR_BATCHES)
        spin_pause();
    double speed = gigabytes_per_second(start);
    reap_half(child);
    return speed;
}

/* [distance] Nanoseconds that a cache line takes to the other processor and back. */
static double round_trip_ns(struct batch_ring *ring)
{
    batch_ring_init(ring, PAIR_SLOTS, KERNEL_SQUARE, 1);
    pid_t child = fork_half(ring);
    int64_t start = now_ns();
    for (uint64_t trip = 0; trip < ROUND_TRIPS; trip++) {
        uint64_t mine = 2 * trip + (child == 0);
        while (atomic_load_explicit(&ring->head, memory_order_acquire) != mine)
            spin_pause();
        atomic_store_explicit(&ring->head, mine + 1, memory_order_release);
    }
    int64_t ns = now_ns() - start;
    if (child == 0)
        _exit(0);
    reap_half(child);
    return (double)ns / ROUND_TRIPS;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static void bench_pair_with(struct batch_ring *ring, const struct kernels *kernels,
                            enum kernel kernel)
{
    double producer = 0, consumer = 0, both = 0;
    for (int round = 0; round < PAIR_ROUNDS; round++) {
        batch_ring_init(ring, PAIR_SLOTS, kernel, 1);
        pin(0);
        int64_t start = now_ns();
        make_batches(ring, kernels, true);
        producer = larger(producer, gigabytes_per_second(start));
        batch_ring_init(ring, PAIR_SLOTS, kernel, 1);
        pin(1);
        start = now_ns();
        process_batches(ring, kernels, kernel, true);
        consumer = larger(consumer, gigabytes_per_second(start));
        both = larger(both, end_to_end(ring, kernels, kernel));
    }
    double slower = producer < consumer ? producer : consumer;
    printf("%-10s %10.1f %10.1f %10.1f %16.0f %% (goal: at least 90 %%)\n", kernel_names[kernel],
           producer, consumer, both, both / slower * 100);
    fflush(stdout);
}

static void bench_pair(void)
{
    const struct kernels *kernels = kernels_select(ISA_AUTO);
    struct region region;
    struct region_format format = batch_format;
    char name[REGION_NAME_LENGTH + 1], text[PAGES_TEXT_BYTES];
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        printf("\nthe pair: left out, there is one processor only\n");
        return;
    }
    format.size_bytes = batch_ring_bytes(PAIR_SLOTS);
    snprintf(name, sizeof name, "/bench-simd-%d", (int)getpid());
    if (region_create(&region, name, &format) == -1)
        die("cannot create %s: %s", name, region.problem);
    region_unlink(&region);
    pages_ask(&region, PAGES_AUTO);
    struct batch_ring *ring = batch_ring_of(&region);
    double nearest_ns = round_trip_ns(ring);
    for (int round = 1; round < 10; round++)
        nearest_ns = -larger(-nearest_ns, -round_trip_ns(ring));
    printf("\nthe pair, GB/s, %s, %s; a line goes to the other processor and back in %.0f ns\n\n",
           kernels->name, pages_text(text, &region), nearest_ns);
    printf("%-10s %10s %10s %10s %18s\n", "", "producer", "consumer", "both", "of the slower one");
    for (enum kernel kernel = 0; kernel < KERNEL_COUNT; kernel++)
        bench_pair_with(ring, kernels, kernel);
    region_unmap(&region);
    alarm(0); /* fork_child()'s */
}

#endif
