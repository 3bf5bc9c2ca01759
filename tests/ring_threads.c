/* ring_threads.c - one producer and one consumer as two threads, for ThreadSanitizer
 *
 * tests/races.t builds it twice: as it is, where nothing may be reported, and with
 * -DRING_COMMIT_ORDER=memory_order_relaxed, where the race must be.
 */
#define _GNU_SOURCE
#include "../03_ring_buffer/message.h"
#include "threads.h"

const char program_name[] = "ring_threads";

enum { SLOTS = 4, MESSAGES = 20000 };

static void *produce(void *ring)
{
    struct ring_writer writer = ring_writer(ring);
    struct backoff backoff = {0};
    for (uint64_t i = 0; i < MESSAGES;) {
        struct message *first = NULL;
        uint32_t run = 0;
        if (i % 2 == 0) /* by turns in runs and singly */
            run = ring_reserve_many(&writer, 3, &first);
        else if ((first = ring_reserve(&writer)) != NULL)
            run = 1;
        for (uint32_t j = 0; j < run; j++)
            message_fill(&first[j], i++, 0);
        if (run > 0) {
            ring_commit_many(&writer, run);
            backoff_reset(&backoff);
        } else {
            backoff_wait(&backoff);
        }
    }
    return NULL;
}

static void consume(struct ring *ring)
{
    struct ring_reader reader = ring_reader(ring);
    struct backoff backoff = {0};
    struct tally tally = {0};
    while (tally.received < MESSAGES) {
        const struct message *first = ring_peek(&reader);
        uint32_t run = first != NULL;
        if (tally.received % 3 == 0)
            run = ring_peek_many(&reader, 2, &first);
        for (uint32_t j = 0; j < run && tally.received < MESSAGES; j++)
            if (!message_check(&first[j], &tally))
                die("wrong checksum");
        if (run > 0) {
            ring_release_many(&reader, run);
            backoff_reset(&backoff);
        } else {
            backoff_wait(&backoff);
        }
    }
    if (tally.lost + tally.doubled + tally.out_of_order > 0)
        die("not in order");
}

int main(void)
{
    spin_limit(); /* keeps what it finds out in a variable that is not for two threads at once */
    static _Alignas(struct ring) char memory[sizeof(struct ring) + SLOTS * sizeof(struct message)];
    struct ring *ring = (struct ring *)memory;
    ring_init(ring, SLOTS);
    pthread_t producer = start_thread(produce, ring);
    consume(ring);
    pthread_join(producer, NULL);
    puts("all came");
    return 0;
}
