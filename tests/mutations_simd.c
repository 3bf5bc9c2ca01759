/* mutations_simd.c - 05_simd's consumer joins mutated rings: see mutations.h */
#define _GNU_SOURCE
#include "mutations.h"
#define main lesson_main
#include "../05_simd/consumer.c" /* NOLINT(bugprone-suspicious-include) */
#undef main
#include "mutations_region.h"

enum {
    SLOTS = 4,
    FILLED = 3,
    IMAGE_BYTES = sizeof(struct batch_ring) + SLOTS * sizeof(struct batch)
};

static const struct span spans[] = {{0, 48}, {128, 8}, {256, 16}, {4096, 64}, {0, 0}};

static void write_image(void)
{
    static _Alignas(BATCH_BYTES) unsigned char image[IMAGE_BYTES];
    struct batch_ring *ring = (struct batch_ring *)image;
    memset(image, 0, sizeof image);
    fill_header(&ring->header, &batch_format, HUGE_PAGE_BYTES, getpid());
    batch_ring_init(ring, SLOTS, (enum kernel)draw(KERNEL_COUNT), 1);
    struct batch_writer writer = batch_writer(ring);
    struct batch *first;
    batch_reserve(&writer, FILLED, &first);
    for (uint32_t i = 0; i < FILLED; i++)
        kernels->fill(first[i].floats, BATCH_FLOATS, batch_key(1, i));
    batch_commit(&writer, FILLED);
    atomic_store(&ring->in_hand, draw(FILLED));
    mutate(image, spans);
    write_region(image, sizeof image, mutate_size(HUGE_PAGE_BYTES));
}

/* As join() does it, once. */
static enum outcome attempt(void)
{
    write_image();
    if (!try_join())
        return NOT_READY;
    read_ring();
    repair();
    struct batch *first;
    for (uint32_t run; (run = batch_take(&reader, RUN_MAX, &first)) > 0;) {
        process_run(first, run);
        batch_release(&reader, run);
    }
    check_ring();
    return ATTACHED;
}

static void tidy_up(void)
{
    leave();
}

int main(void)
{
    choose_region_name();
    names = region_names("simd", region_name, REGION_NAME_LENGTH);
    kernels = kernels_select(ISA_SCALAR);
    pages = PAGES_4K;
    verify = VERIFY_ALL;
    int status = play_mutations("05_simd", attempt, tidy_up);
    shm_unlink(region_name); /* the last one may have removed it */
    return status;
}
