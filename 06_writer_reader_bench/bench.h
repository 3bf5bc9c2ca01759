/* bench.h - what writer and reader agree on: the region, the orders, the answers
 *
 * The writer gives one order at a time and the reader answers it; both then do their half of it.
 * Look first at struct shared and enum step. transport.h is how messages travel, lane.h how they do
 * so through memory.
 */
#ifndef BENCH_H
#define BENCH_H

#define REGION_OWNER_IS "writer"
#define REGION_PEER_IS "reader"
#include "../common/region_attach.h"
#include "../common/region_create.h"
#include "format.h"

#define LINE_BYTES 128 /* Apple's line; x86 fetches pairs of 64 */
#define SHORT_LINE_BYTES 64
#define MIB ((size_t)1 << 20)

#define REGION_BYTES (110 * MIB)
#define LANE_BYTES (3 * MIB) /* of a lane whose messages need not lie in it as a whole */
#define REGION_BYTES_MIN (3 * LANE_BYTES)
#define BATCH_BYTES (8 * MIB) /* see struct order */
#define BATCH_MESSAGES_MAX 16384

/* What the reader is to do next. */
enum step { STEP_JOIN = 1, STEP_BOUNCE, STEP_RUN, STEP_LEAVE };

enum test {
    TEST_LATENCY,    /* there and back */
    TEST_THROUGHPUT, /* a stream; the clock stops while messages are made and checked */
    TEST_COPIES,     /* both halves copy as in a stream, at the same time, and wait for nothing */
    TEST_HANDOVER, /* the menu's: one message lies in the buffer as a whole, till it is released */
    TESTS
};

/* Where the halves find a transport's objects. Numbers only: the names are made of them, so that no
 * half ever removes what the other one wrote into a string. */
struct place {
    int32_t writer_pid; /* 0: nothing was made */
    uint32_t transport;
    uint32_t number; /* no other link of this writer has it */
    uint32_t port;   /* tcp */
    uint64_t token;  /* tcp: who knows it is the reader */
};

struct order {
    uint32_t step;
    uint32_t test;
    uint32_t wait;     /* which way, of waits[] */
    int32_t processor; /* for the reader; -1: any */
    uint64_t bytes;    /* of a message */
    uint64_t count;    /* of messages */
    uint64_t batch;    /* in a stream: messages between two stops of the clock */
    uint32_t is_shown; /* the reader prints each message, unless it is to be quiet */
    uint32_t shares;   /* both halves run on one processor */
    struct place place;
};

struct answer {
    int32_t problem; /* 0, or an errno value: the step failed */
    int32_t shares;  /* JOIN: this half may use one processor only */
    uint64_t wrong;  /* RUN: messages that were not what they had to be */
    int64_t user_ns; /* RUN: what the reader used of its processor */
    int64_t system_ns;
};

struct shared {
    struct region_header header;                         /*    0 */
    struct place place;                                  /*   32: what may have to be removed */
    _Alignas(LINE_BYTES) _Atomic uint32_t order_number;  /*  128: the writer's */
    _Alignas(8) struct order order;                      /*  136: also on 32-bit machines */
    _Alignas(LINE_BYTES) _Atomic uint32_t answer_number; /*  256: the reader's */
    _Alignas(8) struct answer answer;                    /*  264 */
    _Alignas(LINE_BYTES) _Atomic uint32_t to_reader;     /*  384: the writer's bare flag */
    _Alignas(LINE_BYTES) _Atomic uint32_t to_writer;     /*  512: the reader's */
    _Alignas(LINE_BYTES) _Atomic uint32_t is_ready;      /*  640: the reader's: for that batch */
    _Alignas(LINE_BYTES) _Atomic uint32_t is_done;       /*  768: the reader's: with that batch */
    _Alignas(4096) char lanes[];                         /* 4096: to the writer, to the reader */
};

_Static_assert(offsetof(struct shared, place) == 32, "layout");
_Static_assert(offsetof(struct shared, order_number) == 128, "layout");
_Static_assert(offsetof(struct shared, order) == 136, "layout");
_Static_assert(offsetof(struct shared, answer_number) == 256, "layout");
_Static_assert(offsetof(struct shared, answer) == 264, "layout");
_Static_assert(offsetof(struct shared, to_reader) == 384, "layout");
_Static_assert(offsetof(struct shared, to_writer) == 512, "layout");
_Static_assert(offsetof(struct shared, is_ready) == 640, "layout");
_Static_assert(offsetof(struct shared, is_done) == 768, "layout");
_Static_assert(offsetof(struct shared, lanes) == 4096, "layout");
_Static_assert(sizeof(struct place) == 24 && sizeof(struct order) == 72, "layout");
_Static_assert(sizeof(struct answer) == 32, "layout");

/* Message i is filled with this letter. */
static inline char letter_of(uint64_t message)
{
    return (char)('A' + message % 26);
}

/* Messages in a batch: enough to fill BATCH_BYTES, so that the stops don't count. Not 26 of them or a
 * multiple: then each message would find its own letter where the last batch left it. */
static inline uint64_t batch_of(uint64_t bytes, uint64_t count)
{
    uint64_t batch = BATCH_BYTES / bytes;
    if (batch > BATCH_MESSAGES_MAX)
        batch = BATCH_MESSAGES_MAX;
    if (batch > count)
        batch = count;
    if (batch > 1 && batch % 26 == 0)
        batch--;
    return batch < 1 ? 1 : batch;
}

#endif
