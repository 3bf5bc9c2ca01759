/* batch_ring.h - a ring of batches of floats, which are made and processed where they lie
 *
 * Look first at struct batch_ring, then at [in-hand]: it's what lesson 03's ring doesn't need.
 *
 *     head, tail    count up for ever; batch number n lies in slot n & mask
 *     head - tail   batches in the ring
 *     in_hand       the consumer is at work on the batches from tail up to this one
 *
 * Nothing is copied: the producer computes into a slot, the consumer overwrites it with the results.
 */
#ifndef BATCH_RING_H
#define BATCH_RING_H

#include "../common/region.h"

/* [commit-order] The tests make this relaxed, and see to it that the race is found. */
#ifndef BATCH_COMMIT_ORDER
#define BATCH_COMMIT_ORDER memory_order_release
#endif

enum { BATCH_FLOATS = 1024, BATCH_BYTES = 4096, BATCH_LINE_BYTES = 128 };
enum { HUGE_PAGE_BYTES = 2 * 1024 * 1024 };

#define BATCH_SLOTS_MAX (SIZE_MAX > UINT32_MAX ? UINT32_C(1) << 28 : UINT32_C(1) << 18)

enum kernel { KERNEL_SQUARE, KERNEL_SUM, KERNEL_SIGMOID, KERNEL_COUNT };

struct batch {
    _Alignas(BATCH_BYTES) float floats[BATCH_FLOATS];
};

/* [lines] The shared region. [false-sharing] Each index lies in a line that only one half writes. A batch
 * is 32 or 64 lines of its own: no line of it is ever the other half's at the same time. */
struct batch_ring {
    struct region_header header; /*  0: see common/region.h */
    _Atomic uint32_t slots;      /* 32: a power of two; 0: not initialised yet */
    uint32_t kernel;             /* 36: enum kernel; what is to be done with the batches */
    uint64_t seed;               /* 40: a batch is made of it and of its number alone */
    _Alignas(BATCH_LINE_BYTES) _Atomic uint64_t head; /*  128: the producer's to write */
    _Alignas(BATCH_LINE_BYTES) _Atomic uint64_t tail; /*  256: the consumer's to write */
    _Atomic uint64_t in_hand;                         /*  264: the consumer's to write */
    struct batch batches[];                           /* 4096: the slots */
};

_Static_assert(sizeof(struct batch) == BATCH_BYTES, "layout");
_Static_assert(offsetof(struct batch_ring, slots) == 32, "layout");
_Static_assert(offsetof(struct batch_ring, kernel) == 36, "layout");
_Static_assert(offsetof(struct batch_ring, seed) == 40, "layout");
_Static_assert(offsetof(struct batch_ring, head) == 128, "layout");
_Static_assert(offsetof(struct batch_ring, tail) == 256, "layout");
_Static_assert(offsetof(struct batch_ring, in_hand) == 264, "layout");
_Static_assert(offsetof(struct batch_ring, batches) == 4096, "layout");

/* What each half knows in its private memory: its own index, and the other's as last seen. */
struct batch_writer {
    struct batch_ring *ring;
    uint64_t head; /* ours: never read back */
    uint64_t tail; /* the consumer's, as last seen */
    uint64_t mask; /* slots - 1 */
    bool is_damaged;
};

struct batch_reader {
    struct batch_ring *ring;
    uint64_t tail;    /* ours: never read back */
    uint64_t head;    /* the producer's, as last seen */
    uint64_t mask;    /* slots - 1 */
    uint64_t spoiled; /* so many, from tail on, a dead consumer had in hand */
    bool is_damaged;
};

static inline bool batch_slots_valid(uint32_t slots)
{
    return slots != 0 && (slots & (slots - 1)) == 0 && slots <= BATCH_SLOTS_MAX;
}

/* Bytes of the whole object: whole 2 MiB pages, of which the first 4096 bytes are the indices. */
static inline size_t batch_ring_bytes(uint32_t slots)
{
    size_t bytes = sizeof(struct batch_ring) + (size_t)slots * BATCH_BYTES;
    return (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
}

/* Makes an empty ring; the producer, once, before READY. */
static inline void batch_ring_init(struct batch_ring *ring, uint32_t slots, enum kernel kernel,
                                   uint64_t seed)
{
    ring->kernel = (uint32_t)kernel;
    ring->seed = seed;
    atomic_store_explicit(&ring->head, 0, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, 0, memory_order_relaxed);
    atomic_store_explicit(&ring->in_hand, 0, memory_order_relaxed);
    /* release: who sees slots (batch_ring_mask(), acquire) sees all of the above. */
    atomic_store_explicit(&ring->slots, slots, memory_order_release);
}

/* slots - 1, or 0 for a ring that is not initialised or damaged. */
static inline uint64_t batch_ring_mask(const struct batch_ring *ring)
{
    /* acquire: pairs with the release in batch_ring_init(). */
    uint32_t slots = atomic_load_explicit(&ring->slots, memory_order_acquire);
    return batch_slots_valid(slots) ? slots - 1 : 0;
}

/* Looks at the consumer's index anew: how many slots are free? A tail beyond head is [hostile]. */
static inline uint64_t batch_ring_room(struct batch_writer *writer)
{
    /* acquire: pairs with [release]: the consumer is done with the slots that it gave back. */
    uint64_t tail = atomic_load_explicit(&writer->ring->tail, memory_order_acquire);
    uint64_t used = writer->head - tail;
    if (used > writer->mask + 1)
        writer->is_damaged = true;
    if (writer->is_damaged)
        return 0;
    writer->tail = tail;
    return writer->mask + 1 - used;
}

/* Looks at the producer's index anew: how many batches are there? */
static inline uint64_t batch_ring_unread(struct batch_reader *reader)
{
    /* acquire: pairs with [commit]: the batches below head are written. */
    uint64_t head = atomic_load_explicit(&reader->ring->head, memory_order_acquire);
    if (head - reader->tail > reader->mask + 1)
        reader->is_damaged = true;
    if (reader->is_damaged)
        return 0;
    reader->head = head;
    return head - reader->tail;
}

static inline struct batch_writer batch_writer(struct batch_ring *ring)
{
    struct batch_writer writer = {.ring = ring, .mask = batch_ring_mask(ring)};
    /* relaxed: only producers write it; the last one has left, or is known to be dead. */
    writer.head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    batch_ring_room(&writer);
    return writer;
}

static inline struct batch_reader batch_reader(struct batch_ring *ring)
{
    struct batch_reader reader = {.ring = ring, .mask = batch_ring_mask(ring)};
    /* relaxed: as in batch_writer(). */
    reader.tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    reader.spoiled = atomic_load_explicit(&ring->in_hand, memory_order_relaxed) - reader.tail;
    if (batch_ring_unread(&reader) < reader.spoiled)
        reader.is_damaged = true;
    return reader;
}

/* The slots that follow index without a break, at most limit: a run ends at the ring's end. */
static inline uint32_t batch_run(uint64_t index, uint64_t mask, uint64_t limit)
{
    uint64_t to_end = mask + 1 - (index & mask);
    return (uint32_t)(limit < to_end ? limit : to_end);
}

/* Up to wanted free slots in a row from *first on; 0 when full or damaged. The producer only. */
static inline uint32_t batch_reserve(struct batch_writer *writer, uint32_t wanted,
                                     struct batch **first)
{
    uint64_t room = writer->mask + 1 - (writer->head - writer->tail);
    if (writer->is_damaged || room < wanted)
        room = batch_ring_room(writer);
    *first = &writer->ring->batches[writer->head & writer->mask];
    return batch_run(writer->head, writer->mask, room < wanted ? room : wanted);
}

/* Publishes the first count of those reserved. The producer only. */
static inline void batch_commit(struct batch_writer *writer, uint32_t count)
{
    writer->head += count;
    /* [commit] release: who sees this head (batch_ring_unread(), acquire) sees the batches below. */
    atomic_store_explicit(&writer->ring->head, writer->head, BATCH_COMMIT_ORDER);
}

/* Up to wanted batches in a row from *first on, to be overwritten in place; 0 when empty or damaged.
 * The consumer only. */
static inline uint32_t batch_take(struct batch_reader *reader, uint32_t wanted,
                                  struct batch **first)
{
    uint64_t unread = reader->head - reader->tail;
    if (reader->is_damaged || unread < wanted)
        unread = batch_ring_unread(reader);
    uint32_t run = batch_run(reader->tail, reader->mask, unread < wanted ? unread : wanted);
    *first = &reader->ring->batches[reader->tail & reader->mask];
    /* [in-hand] Before the first byte of them changes: a next consumer, after this one's death, must not
     * take what is half processed for what the producer has sent. The fence keeps the stores that
     * follow it behind it; a process that is killed leaves its stores in this order. */
    if (run > 0) {
        atomic_store_explicit(&reader->ring->in_hand, reader->tail + run, memory_order_relaxed);
        atomic_thread_fence(memory_order_release);
    }
    return run;
}

/* Gives the first count of those taken back. The consumer only. */
static inline void batch_release(struct batch_reader *reader, uint32_t count)
{
    reader->tail += count;
    /* [release] release: who sees this tail (batch_ring_room(), acquire) may overwrite them. */
    atomic_store_explicit(&reader->ring->tail, reader->tail, memory_order_release);
}

#endif
