/* batch_threads.c - a ring of batches, its producer and its consumer as two threads, for ThreadSanitizer
 *
 * tests/races.t builds it twice: as it is, where nothing may be reported, and with
 * -DBATCH_COMMIT_ORDER=memory_order_relaxed, where the race must be.
 */
#define _GNU_SOURCE
#include "../05_simd/batch_ring.h"
#include "threads.h"

const char program_name[] = "batch_threads";

enum { SLOTS = 4, BATCHES = 1000 };

static float number_of(uint64_t batch, int i)
{
    return (float)(batch % 1000 + (uint64_t)i);
}

static void *produce(void *ring)
{
    struct batch_writer writer = batch_writer(ring);
    struct backoff backoff = {0};
    while (writer.head < BATCHES) {
        struct batch *first;
        uint32_t run = batch_reserve(&writer, 1 + writer.head % 3, &first);
        for (uint32_t j = 0; j < run; j++)
            for (int i = 0; i < BATCH_FLOATS; i++)
                first[j].floats[i] = number_of(writer.head + j, i);
        batch_commit(&writer, run);
        if (run > 0)
            backoff_reset(&backoff);
        else
            backoff_wait(&backoff);
    }
    return NULL;
}

/* As the lesson's consumer does: the results take the place of what they were made of. */
static void process(struct batch *batch, uint64_t number)
{
    for (int i = 0; i < BATCH_FLOATS; i++) {
        if (batch->floats[i] != number_of(number, i))
            die("batch %llu is not what was sent", (unsigned long long)number);
        batch->floats[i] *= batch->floats[i];
    }
}

static void consume(struct batch_ring *ring)
{
    struct batch_reader reader = batch_reader(ring);
    struct backoff backoff = {0};
    while (reader.tail < BATCHES) {
        struct batch *first;
        uint32_t run = batch_take(&reader, 1 + reader.tail % 2, &first);
        for (uint32_t j = 0; j < run; j++)
            process(&first[j], reader.tail + j);
        batch_release(&reader, run);
        if (run > 0)
            backoff_reset(&backoff);
        else
            backoff_wait(&backoff);
    }
}

int main(void)
{
    spin_limit(); /* keeps what it finds out in a variable that is not for two threads at once */
    static _Alignas(
        BATCH_BYTES) char memory[sizeof(struct batch_ring) + SLOTS * sizeof(struct batch)];
    struct batch_ring *ring = (struct batch_ring *)memory;
    batch_ring_init(ring, SLOTS, KERNEL_SQUARE, 0);
    pthread_t producer = start_thread(produce, ring);
    consume(ring);
    pthread_join(producer, NULL);
    puts("all came");
    return 0;
}
