/* lane.c - messages in one direction through shared memory */
#define _GNU_SOURCE
#include "lane.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void lane_lay_out(struct lane *lane, char *memory, size_t lane_bytes, uint32_t test, uint64_t bytes)
{
    size_t room = lane_bytes - sizeof(struct lane_memory);
    size_t fragment = (size_t)bytes;
    if (test == TEST_LATENCY)
        fragment = smaller(fragment, LATENCY_FRAGMENT_BYTES);
    if (test == TEST_THROUGHPUT || test == TEST_COPIES)
        fragment = smaller(fragment, STREAM_FRAGMENT_BYTES);
    lane->memory = (struct lane_memory *)memory;
    lane->fragment_bytes = fragment;
    lane->stride_bytes =
        (sizeof(struct slot) + fragment + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
    bool is_alone = test == TEST_LATENCY || test == TEST_HANDOVER; /* one message at a time */
    size_t slots_max = is_alone ? LATENCY_SLOTS_MAX : STREAM_SLOTS_MAX;
    lane->fetched_bytes = is_alone ? smaller(lane->stride_bytes, FETCHED_BYTES_MAX) : 0;
    size_t slots = STREAM_RING_BYTES / fragment;
    slots = smaller(smaller(slots > 2 ? slots : 2, slots_max), room / lane->stride_bytes);
    lane->slots = 1;
    while (lane->slots <= slots / 2) /* a power of two: slot_of() counts on it */
        lane->slots *= 2;
}

/* The writer, before anybody uses the lane. */
int lane_make(struct lane *lane)
{
    memset(lane->memory, 0, sizeof *lane->memory);
    for (uint32_t i = 0; i < lane->slots; i++)
        memset(lane->memory->slots + i * lane->stride_bytes, 0, sizeof(struct slot));
    int error = bell_make(&lane->memory->ready_bell);
    error = error != 0 ? error : bell_make(&lane->memory->released_bell);
    errno = error;
    return error == 0 ? 0 : -1;
}

static struct slot *slot_of(const struct lane *lane, uint32_t number)
{
    return (struct slot *)(lane->memory->slots + (number & (lane->slots - 1)) * lane->stride_bytes);
}

/* [free] Waits till the slot for that number was given back. */
static int wait_for_room(struct lane *lane, uint32_t number)
{
    uint32_t before = number - lane->slots; /* who was in it before */
    if ((int32_t)(lane->given_back - before) >= 0)
        return 0;
    if (lane->way->until(&lane->released, &lane->memory->released, before) == -1)
        return -1;
    /* A semaphore has one token for each slot; otherwise this one look may have found many free. */
    lane->given_back = before;
    if (lane->released.semaphore == NULL)
        lane->given_back = atomic_load_explicit(&lane->memory->released, memory_order_acquire);
    return 0;
}

/* [fetch] The next slot's lines are in the other half's cache, which was the last to read them: they are
 * fetched, to be written to, while it reads this message, and not when the next one is timed. A
 * hint only: it may be done at any moment, and changes nothing. */
static void fetch_next_slot(const struct lane *lane)
{
    const char *slot = (const char *)slot_of(lane, lane->number + 1);
    for (size_t offset = 0; offset < lane->fetched_bytes; offset += SHORT_LINE_BYTES)
#ifdef __x86_64__ /* compilers for any x86-64 make a fetch for reading of the line below */
        __asm__ volatile("prefetchw %0" : : "m"(slot[offset]));
#else
        __builtin_prefetch(slot + offset, 1);
#endif
}

int lane_send(struct lane *lane, const char *data, size_t bytes)
{
    for (size_t offset = 0; offset < bytes; offset += lane->fragment_bytes) {
        uint32_t number = lane->number + 1;
        struct slot *slot = slot_of(lane, number);
        if (wait_for_room(lane, number) == -1)
            return -1;
        size_t size = smaller(bytes - offset, lane->fragment_bytes);
        slot->size = size;
        memcpy(slot->buffer, data + offset, size);
        /* [ready] last: the release publishes size and buffer; lane_receive() acquires them */
        if (lane->way->raise(&lane->ready, &slot->ready, number) == -1)
            return -1;
        lane->number = number;
    }
    fetch_next_slot(lane);
    return 0;
}

int lane_receive(struct lane *lane, char *data, size_t bytes)
{
    for (size_t offset = 0; offset < bytes; offset += lane->fragment_bytes) {
        uint32_t number = lane->number + 1;
        struct slot *slot = slot_of(lane, number);
        if (lane->way->until(&lane->ready, &slot->ready, number) == -1)
            return -1;
        uint64_t size = slot->size; /* [size] copied once, checked, used */
        copied_once();
        if (size != smaller(bytes - offset, lane->fragment_bytes)) {
            errno = EPROTO;
            return -1;
        }
        memcpy(data + offset, slot->buffer, (size_t)size);
        /* [released] the release says that the buffer was read; wait_for_room() acquires it */
        if (lane->way->raise(&lane->released, &lane->memory->released, number) == -1)
            return -1;
        lane->number = number;
    }
    return 0;
}

int lane_drain(struct lane *lane)
{
    return wait_spin_until(lane->released.watch, &lane->memory->released, lane->number);
}

void lane_copy_only(struct lane *lane, char *data, size_t bytes, bool is_sender)
{
    for (size_t offset = 0; offset < bytes; offset += lane->fragment_bytes) {
        struct slot *slot = slot_of(lane, ++lane->number);
        size_t size = smaller(bytes - offset, lane->fragment_bytes);
        if (is_sender)
            memcpy(slot->buffer, data + offset, size);
        else
            memcpy(data + offset, slot->buffer, size);
    }
}
