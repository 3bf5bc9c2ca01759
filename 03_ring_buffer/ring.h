/* ring.h - a ring of messages between one producer and one consumer: atomics only, no call waits
 *
 * Look first at struct ring, then at [commit] and ring_peek().
 *
 *     head, tail    count up for ever, and wrap at 2^64, which takes centuries
 *     head - tail   messages in the ring: 0 is empty, as many as there are slots is full
 *     index & mask  the slot of the message with that index; slots is a power of two
 *
 * Each index has one writer. The producer stores head, the consumer stores tail; there is no third
 * word that both would have to change, and so nothing to lock. It works between processes because
 * nothing in it is an address, and because lock-free atomics don't care where they are mapped.
 */
#ifndef RING_H
#define RING_H

#include "../common/region.h"

#ifndef RING_SLOT_BYTES
#define RING_SLOT_BYTES 64 /* or, defined before including this: 8, or a power of two from 32 on */
#endif

/* [commit-order] The tests make this relaxed, and see to it that the race is found. */
#ifndef RING_COMMIT_ORDER
#define RING_COMMIT_ORDER memory_order_release
#endif

enum { RING_LINE_BYTES = 128 };

/* So many that their bytes can still be counted: 2^31, or less where size_t has 32 bits. */
#define RING_SLOTS_MAX (SIZE_MAX > UINT32_MAX ? UINT32_C(1) << 31 : UINT32_C(1) << 24)

struct message {
    uint64_t sequence; /* 0: the message's index in the ring */
#if RING_SLOT_BYTES > 8
    int64_t sent_ns;                              /*  8: on the monotonic clock */
    uint64_t checksum;                            /* 16: of all the rest (ring_pair.h) */
    uint64_t payload[(RING_SLOT_BYTES - 24) / 8]; /* 24 */
#endif
};

/* [lines] The shared region. Two processors that write to one line take it from each other each
 * time, even if they write to different words of it: so each index has a line of its own. */
struct ring {
    struct region_header header;                         /*   0: see common/region.h */
    _Atomic uint32_t slots;                              /*  32: 0: not initialised yet */
    _Alignas(RING_LINE_BYTES) _Atomic uint64_t head;     /* 128: the next index to be written;
                                                                   the producer's to write */
    _Alignas(RING_LINE_BYTES) _Atomic uint64_t tail;     /* 256: the next index to be read;
                                                                   the consumer's to write */
    _Alignas(RING_LINE_BYTES) struct message messages[]; /* 384: the slots */
};

_Static_assert(sizeof(struct message) == RING_SLOT_BYTES, "layout");
_Static_assert(offsetof(struct ring, slots) == 32, "layout");
_Static_assert(offsetof(struct ring, head) == 128, "layout");
_Static_assert(offsetof(struct ring, tail) == 256, "layout");
_Static_assert(offsetof(struct ring, messages) == 384, "layout");
_Static_assert(sizeof(struct ring) == 384, "layout");

/* [view] What each half knows, in its private memory, where the other one can't reach it: its own
 * index, and [cached] the other half's as last seen. The other's line is read only when that copy
 * says too little: at best once per lap instead of once per message. */
struct ring_writer {
    _Alignas(RING_LINE_BYTES) struct ring *ring;
    uint64_t head;   /* ours: never read back from the ring */
    uint64_t tail;   /* the consumer's, as last seen */
    uint64_t mask;   /* slots - 1 */
    bool is_damaged; /* the ring holds what no consumer can have written: it's not usable */
};

struct ring_reader {
    _Alignas(RING_LINE_BYTES) struct ring *ring;
    uint64_t tail;   /* ours: never read back from the ring */
    uint64_t head;   /* the producer's, as last seen */
    uint64_t mask;   /* slots - 1 */
    bool is_damaged; /* the ring holds what no producer can have written: it's not usable */
};

static inline bool ring_slots_valid(uint32_t slots)
{
    return slots != 0 && (slots & (slots - 1)) == 0;
}

/* Bytes of a ring of that many slots (a power of two). */
static inline size_t ring_bytes(uint32_t slots)
{
    return sizeof(struct ring) + (size_t)slots * sizeof(struct message);
}

/* Makes an empty ring; the producer, once, before READY. */
static inline void ring_init(struct ring *ring, uint32_t slots)
{
    atomic_store_explicit(&ring->head, 0, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, 0, memory_order_relaxed);
    /* release: who sees slots (ring_mask(), acquire) sees the indices. Last, so that a producer
     * killed in here leaves a ring that the next one knows to be unfinished. */
    atomic_store_explicit(&ring->slots, slots, memory_order_release);
}

/* slots - 1, or 0 for a ring that is not initialised or damaged. The caller of ring_writer() or
 * ring_reader() checks ring_bytes(mask + 1) against the bytes that it has mapped. */
static inline uint64_t ring_mask(const struct ring *ring)
{
    /* acquire: pairs with the release in ring_init(). */
    uint32_t slots = atomic_load_explicit(&ring->slots, memory_order_acquire);
    return ring_slots_valid(slots) ? slots - 1 : 0;
}

/* Looks at the consumer's index anew. How many slots are free? What it says is copied once and
 * checked before it's believed: [hostile] a tail beyond head, or too far behind it, is damage. */
static inline uint64_t ring_room(struct ring_writer *writer)
{
    /* acquire: pairs with [release]: the slots given back have been read, and may be overwritten. */
    uint64_t tail = atomic_load_explicit(&writer->ring->tail, memory_order_acquire);
    uint64_t used = writer->head - tail;
    if (used > writer->mask + 1) /* unsigned: a tail beyond head gives a huge difference */
        writer->is_damaged = true;
    if (writer->is_damaged)
        return 0;
    writer->tail = tail;
    return writer->mask + 1 - used;
}

/* Looks at the producer's index anew. How many messages are unread? */
static inline uint64_t ring_unread(struct ring_reader *reader)
{
    /* acquire: pairs with [commit]: the messages up to head are written, and may be read. */
    uint64_t head = atomic_load_explicit(&reader->ring->head, memory_order_acquire);
    uint64_t unread = head - reader->tail;
    if (unread > reader->mask + 1)
        reader->is_damaged = true; /* [hostile] */
    if (reader->is_damaged)
        return 0;
    reader->head = head;
    return unread;
}

/* [restart] The producer's view; a restarted producer goes on where the last one stopped. */
static inline struct ring_writer ring_writer(struct ring *ring)
{
    struct ring_writer writer = {.ring = ring, .mask = ring_mask(ring)};
    /* relaxed: only producers write it. One that leaves does so with release; of one that was killed
     * the kernel has put every store in order before kill() says that it is gone. */
    writer.head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    writer.tail =
        writer.head - writer.mask - 1; /* full, as far as it knows (below 0 it wraps) ... */
    ring_room(&writer);                /* ... and now it looks */
    return writer;
}

/* The consumer's view; a restarted one goes on at the first message that wasn't released. */
static inline struct ring_reader ring_reader(struct ring *ring)
{
    struct ring_reader reader = {.ring = ring, .mask = ring_mask(ring)};
    /* relaxed: as in ring_writer(). */
    reader.tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    reader.head = reader.tail; /* empty, as far as it knows ... */
    ring_unread(&reader);      /* ... and now it looks */
    return reader;
}

/* The next free slot, to be filled in place; NULL when full or damaged. The producer only. */
static inline struct message *ring_reserve(struct ring_writer *writer)
{
    if (writer->head - writer->tail > writer->mask && ring_room(writer) == 0)
        return NULL;
    return &writer->ring->messages[writer->head & writer->mask];
}

/* Publishes the first count slots of those reserved. The producer only. */
static inline void ring_commit_many(struct ring_writer *writer, uint32_t count)
{
    writer->head += count;
    /* [commit] release: who sees this head (ring_unread(), acquire) sees the messages below it. */
    atomic_store_explicit(&writer->ring->head, writer->head, RING_COMMIT_ORDER);
}

static inline void ring_commit(struct ring_writer *writer)
{
    ring_commit_many(writer, 1);
}

/* The oldest unread message, to be read in place; NULL when empty or damaged. The consumer only. */
static inline const struct message *ring_peek(struct ring_reader *reader)
{
    if (reader->head == reader->tail && ring_unread(reader) == 0)
        return NULL;
    return &reader->ring->messages[reader->tail & reader->mask];
}

/* Gives the first count slots of those seen back. The consumer only. */
static inline void ring_release_many(struct ring_reader *reader, uint32_t count)
{
    reader->tail += count;
    /* [release] release: who sees this tail (ring_room(), acquire) knows that the messages below it
     * have been read; without it, a message could be overwritten while it's still being read. */
    atomic_store_explicit(&reader->ring->tail, reader->tail, memory_order_release);
}

static inline void ring_release(struct ring_reader *reader)
{
    ring_release_many(reader, 1);
}

/* [run] The slots that follow index without a break, at most limit: a run ends at the ring's end. */
static inline uint32_t ring_run(uint64_t index, uint64_t mask, uint64_t limit)
{
    uint64_t to_end = mask + 1 - (index & mask);
    return (uint32_t)(limit < to_end ? limit : to_end);
}

/* Up to wanted free slots in a row from *first on; returns how many, 0 when full or damaged. */
static inline uint32_t ring_reserve_many(struct ring_writer *writer, uint32_t wanted,
                                         struct message **first)
{
    uint64_t room = writer->mask + 1 - (writer->head - writer->tail);
    if (room < wanted)
        room = ring_room(writer);
    *first = &writer->ring->messages[writer->head & writer->mask];
    return ring_run(writer->head, writer->mask, room < wanted ? room : wanted);
}

/* Up to wanted unread messages in a row from *first on; returns how many, 0 when empty or damaged. */
static inline uint32_t ring_peek_many(struct ring_reader *reader, uint32_t wanted,
                                      const struct message **first)
{
    uint64_t unread = reader->head - reader->tail;
    if (unread < wanted)
        unread = ring_unread(reader);
    *first = &reader->ring->messages[reader->tail & reader->mask];
    return ring_run(reader->tail, reader->mask, unread < wanted ? unread : wanted);
}

#endif
