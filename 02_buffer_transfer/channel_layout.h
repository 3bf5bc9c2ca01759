/* channel_layout.h - a channel's bytes in the region and its four semaphores, and what one half knows
 *
 * Included by channel_wait.h; channel.h says how they are used.
 */
#ifndef CHANNEL_LAYOUT_H
#define CHANNEL_LAYOUT_H

#include "../common/region_attach.h"
#include "../common/region_create.h"

/* Bytes of data in the region; both halves must be compiled with the same. */
#ifndef CHANNEL_CHUNK_BYTES
#define CHANNEL_CHUNK_BYTES (4 << 20)
#endif

/* Measured, not guessed (make bench-buffer_transfer): of 64 KiB to 2 MiB, 512 KiB were fastest. */
#define CHANNEL_FRAGMENT_BYTES ((size_t)CHANNEL_CHUNK_BYTES / 8)
#define CHANNEL_FRAGMENTS_IN_FLIGHT 4

/* No message is longer: a size beyond it is damage, not data. */
#define CHANNEL_MESSAGE_MAX (SIZE_MAX < UINT64_MAX ? (uint64_t)SIZE_MAX / 2 : UINT64_C(1) << 36)

/* The shared region. message_bytes, is_fragmented and chunk belong to the half whose turn it is; while
 * a message goes in fragments, the chunk is both halves', place by place.
 *
 * The chunk begins 128 bytes behind a page's start, and not on it: large buffers from malloc() begin
 * 16 bytes behind one, and where target and source are 16 bytes apart (modulo 4096), x86
 * processors' rep movsb, which memcpy() uses, falls from 40 GB/s to 3. */
struct channel_layout {
    struct region_header header;          /*   0 */
    _Atomic struct region_claim accepted; /*  32: whom the sender serves; 0: it has left in order */
    uint64_t message_bytes;               /*  40: of the message that is published */
    uint64_t is_fragmented; /*  48: 1: it comes in fragments; 0: it lies in the chunk */
    char unused[72];
    char chunk[CHANNEL_CHUNK_BYTES]; /* 128 */
};

_Static_assert(offsetof(struct channel_layout, accepted) == 32, "layout");
_Static_assert(offsetof(struct channel_layout, message_bytes) == 40, "layout");
_Static_assert(offsetof(struct channel_layout, is_fragmented) == 48, "layout");
_Static_assert(offsetof(struct channel_layout, chunk) == 128, "layout");
_Static_assert(sizeof(struct channel_layout) == 128 + CHANNEL_CHUNK_BYTES, "layout");
_Static_assert(CHANNEL_CHUNK_BYTES % (8 * 128) == 0, "fragments begin on cache lines");

static const struct region_format channel_format = {"CHAN", 1, sizeof(struct channel_layout)};

/* [turns] Two turns at once would be one too many: the tests make it 2, and see to it that the race
 * is found. */
#ifndef CHANNEL_TURNS
#define CHANNEL_TURNS 1
#endif

/* The semaphores, by the suffix of their names and their value before a message. */
enum { CHANNEL_WRITABLE, CHANNEL_READABLE, CHANNEL_FREE, CHANNEL_FILLED, CHANNEL_SEMAPHORES };

static const struct {
    const char *suffix;
    unsigned value;
} channel_semaphores[CHANNEL_SEMAPHORES] = {{"-writable", CHANNEL_TURNS},
                                            {"-readable", 0},
                                            {"-free", CHANNEL_FRAGMENTS_IN_FLIGHT},
                                            {"-filled", 0}};

enum { CHANNEL_NAME_LENGTH = REGION_NAME_LENGTH - (sizeof "-writable" - 1) };

/* A channel as one half sees it. */
struct channel {
    struct region region;
    struct channel_layout *layout; /* the region, once more */
    sem_t *semaphores[CHANNEL_SEMAPHORES];
    struct region_claim session; /* the receiver's claim, which is accepted, or to be */
    bool is_connected;           /* the session is on */
    bool is_broken;              /* it ended amid a message, or by damage: nothing goes any more */
    bool in_turn;                /* between begin and end */
    bool ended_in_order;         /* the other half has closed the channel, and not died */
};

/* In words, why the last call failed. */
static inline const char *channel_problem(const struct channel *channel)
{
    return channel->region.problem;
}

#endif
