/* mutations_ring_buffer.c - 03_ring_buffer's consumer joins mutated rings: see mutations.h */
#define _GNU_SOURCE
#include "mutations.h"
#define main lesson_main
#include "../03_ring_buffer/consumer.c" /* NOLINT(bugprone-suspicious-include) */
#undef main
#include "mutations_region.h"

enum { SLOTS = 8, FILLED = 5, IMAGE_BYTES = sizeof(struct ring) + SLOTS * sizeof(struct message) };

static const struct span spans[] = {{0, 36}, {128, 8}, {256, 8}, {384, 24}, {0, 0}};

static void write_image(void)
{
    static _Alignas(RING_LINE_BYTES) unsigned char image[IMAGE_BYTES];
    struct ring *ring = (struct ring *)image;
    memset(image, 0, sizeof image);
    fill_header(&ring->header, &ring_format, sizeof image, getpid());
    ring_init(ring, SLOTS);
    uint64_t start = draw(1000);
    atomic_store(&ring->head, start);
    atomic_store(&ring->tail, start);
    struct ring_writer writer = ring_writer(ring);
    for (uint64_t i = start; i < start + FILLED; i++) {
        message_fill(ring_reserve(&writer), i, 0);
        ring_commit(&writer);
    }
    mutate(image, spans);
    write_region(image, sizeof image, mutate_size(sizeof image));
}

/* A stop signal has come: so join() looks once, and does not wait. */
static enum outcome attempt(void)
{
    write_image();
    stop_signal = SIGINT;
    bool joined = join();
    stop_signal = 0;
    if (!joined)
        return NOT_READY;
    const struct message *first;
    for (uint32_t run; (run = ring_peek_many(&reader, (uint32_t)batch, &first)) > 0;)
        ring_release_many(&reader, read_run(first, run));
    check_ring();
    return ATTACHED;
}

static void tidy_up(void)
{
    stop_signal = 0;
    leave();
    tally = (struct tally){0};
}

int main(void)
{
    choose_region_name();
    names = region_names("ring", region_name, REGION_NAME_LENGTH);
    int status = play_mutations("03_ring_buffer", attempt, tidy_up);
    shm_unlink(region_name); /* the last one may have removed it */
    return status;
}
