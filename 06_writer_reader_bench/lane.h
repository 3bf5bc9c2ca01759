/* lane.h - messages in one direction through shared memory
 *
 * A lane is a ring of slots; each has a header, size and ready, and then the buffer. Slot n % slots
 * belongs to the sender until ready says n, then to the receiver until released says n, for n = 1,
 * 2, 3 ... A message longer than a fragment takes several slots: while the receiver copies one of
 * them out, the sender fills another. Look first at lane_send() and lane_receive().
 */
#ifndef LANE_H
#define LANE_H

#include "wait.h"

/* Measured, not guessed: see the README. */
#define STREAM_FRAGMENT_BYTES ((size_t)512 << 10)
#define STREAM_RING_BYTES (2 * MIB)
#define LATENCY_FRAGMENT_BYTES ((size_t)64 << 10)
#define FETCHED_BYTES_MAX 4096 /* more wouldn't stay in the nearest cache */
#define STREAM_SLOTS_MAX 1024  /* of small messages */
#define LATENCY_SLOTS_MAX 8    /* few: so that they stay in the nearest cache */

struct slot {
    uint64_t size;          /* bytes of the message that lie in this slot */
    _Atomic uint32_t ready; /* the number of the last one that is complete */
    char unused[52];
    char buffer[]; /* 64 */
};

struct lane_memory {
    _Alignas(LINE_BYTES) _Atomic uint32_t released; /* the last one that is read */
    struct bell ready_bell, released_bell;
    _Alignas(LINE_BYTES) char slots[];
};

_Static_assert(offsetof(struct slot, ready) == 8, "layout");
_Static_assert(offsetof(struct slot, buffer) == 64, "layout");

/* A lane as one half sees it. Where things lie is computed by both, and not read from the memory. */
struct lane {
    struct lane_memory *memory;
    const struct way_to_wait *way;
    struct waiter ready, released;
    size_t fragment_bytes, stride_bytes;
    uint32_t slots;
    size_t fetched_bytes; /* how much of the next slot the sender fetches in advance */
    uint32_t number;      /* of the last slot sent or received */
    uint32_t given_back;  /* the sender's copy of released: looked at only when it has run out */
};

/* The largest message that lies in a lane of that many bytes as a whole. */
static inline size_t lane_message_max(size_t lane_bytes)
{
    return lane_bytes - sizeof(struct lane_memory) - sizeof(struct slot) - LINE_BYTES;
}

/* Lays a lane out for messages of that size. lane_bytes: of the memory. */
void lane_lay_out(struct lane *lane, char *memory, size_t lane_bytes, uint32_t test,
                  uint64_t bytes);

/* Empties it and makes its bells. The writer, before the reader joins. 0, or -1 with errno. */
int lane_make(struct lane *lane);

/* The sending half: waits for free slots, fills them. 0, or -1 as watch_look(). */
int lane_send(struct lane *lane, const char *data, size_t bytes);

/* The receiving half: waits for the message, copies it out, gives the slots back. 0, or -1 as
 * watch_look(), or with EPROTO: it hasn't the agreed size. */
int lane_receive(struct lane *lane, char *data, size_t bytes);

/* The sending half: waits till all it sent was given back. */
int lane_drain(struct lane *lane);

/* Copies to, or from, where lane_send() would, and waits for nothing: the limit. */
void lane_copy_only(struct lane *lane, char *data, size_t bytes, bool is_sender);

#endif
