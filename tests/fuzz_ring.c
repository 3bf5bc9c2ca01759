/* fuzz_ring.c - 03_ring_buffer: a consumer, and a producer, in a region of arbitrary bytes
 *
 * make fuzz builds and runs it.
 */
#define _GNU_SOURCE
#include "../03_ring_buffer/message.h"
#include "../03_ring_buffer/ring_pair.h"
#include "fuzz.h"

const char program_name[] = "fuzz_ring";

enum { SLOTS = 8, STEPS = 64 };

static void seal_header(struct ring *ring, size_t bytes)
{
    struct region_format format = ring_format;
    format.size_bytes = bytes;
    region_write_format(&ring->header, &format);
}

static size_t fuzz_image(uint8_t *image, size_t room)
{
    size_t bytes = ring_bytes(SLOTS);
    if (room < bytes)
        abort();
    struct ring *ring = aligned_alloc(RING_LINE_BYTES, bytes);
    if (ring == NULL)
        abort();
    memset(ring, 0, bytes);
    seal_header(ring, bytes);
    ring_init(ring, SLOTS);
    struct ring_writer writer = ring_writer(ring);
    for (uint64_t i = 0; i < SLOTS / 2; i++) {
        message_fill(ring_reserve(&writer), i, 0);
        ring_commit(&writer);
    }
    memcpy(image, ring, bytes);
    free(ring);
    return bytes;
}

/* The header's own words, the number of slots, a full ring. */
static void fuzz_seal(uint8_t *image, size_t bytes, unsigned random)
{
    if (bytes < sizeof(struct ring))
        return;
    struct ring *ring = fuzz_copy(image, bytes, RING_LINE_BYTES);
    uint64_t tail = atomic_load(&ring->tail);
    if (random % 4 != 0)
        seal_header(ring, bytes);
    if (random / 4 % 4 == 0)
        atomic_store(&ring->slots, 1U << random / 16 % 8);
    if (random / 128 % 4 == 0)
        atomic_store(&ring->head, tail + random / 512 % 256);
    memcpy(image, ring, bytes);
    free(ring);
}

static void read_messages(struct region *region)
{
    const struct message *message;
    struct tally tally = {0};
    struct ring_reader reader = ring_reader(ring_of(region));
    if (!ring_fits(region, reader.mask))
        return;
    for (int i = 0; i < STEPS; i++) {
        uint32_t run = ring_peek_many(&reader, (uint32_t)i, &message);
        for (uint32_t j = 0; j < run; j++)
            message_check(&message[j], &tally);
        ring_release_many(&reader, run);
        if ((message = ring_peek(&reader)) == NULL)
            return;
        message_check(message, &tally);
        ring_release(&reader);
    }
}

static void write_messages(struct region *region)
{
    struct message *message;
    struct ring_writer writer = ring_writer(ring_of(region));
    if (!ring_fits(region, writer.mask))
        return;
    for (uint32_t i = 0; i < STEPS; i++) {
        uint32_t run = ring_reserve_many(&writer, i, &message);
        for (uint32_t j = 0; j < run; j++)
            message_fill(&message[j], i, 0);
        ring_commit_many(&writer, run);
        if ((message = ring_reserve(&writer)) == NULL)
            return;
        message_fill(message, i, 0);
        ring_commit(&writer);
    }
}

/* The system's zeros follow up to the page's end: so what has a header has the indices, too. */
static void fuzz_one(const uint8_t *image, size_t bytes)
{
    char problem[REGION_PROBLEM_BYTES];
    if (bytes < sizeof(struct ring))
        return;
    struct region region = {.header = fuzz_copy(image, bytes, RING_LINE_BYTES),
                            .size_bytes = bytes,
                            .object.st_size = (off_t)bytes};
    if (region_check_format(region.header, &ring_format, &region.object, "/fuzz", problem) == 1) {
        read_messages(&region);
        write_messages(&region);
        read_messages(&region);
    }
    free(region.header);
}
