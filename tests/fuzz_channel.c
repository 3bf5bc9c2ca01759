/* fuzz_channel.c - 02_buffer_transfer: a receiver in a region of arbitrary bytes
 *
 * make fuzz builds and runs it. The first two bytes say how many tokens the semaphores have, and what the
 * receiver does; the region follows. No wait is for longer than a look.
 */
#define _GNU_SOURCE
#define CHANNEL_CHUNK_BYTES 1024
#include <stdlib.h>

/* A sender may announce what no machine has; here that ends before it takes time. */
static void *limited_realloc(void *old, size_t bytes)
{
    return bytes > (size_t)64 << 10 ? NULL : realloc(old, bytes);
}

#define realloc limited_realloc
#include "../02_buffer_transfer/channel.h"
#undef realloc
#include "fuzz.h"

const char program_name[] = "fuzz_channel";

enum { BEFORE = 2, MESSAGES = 4, LAYOUT = sizeof(struct channel_layout) };

static void seal_layout(struct channel_layout *layout)
{
    struct region_claim owner = {getpid(), 1, REGION_READY};
    atomic_store(&layout->header.owner, owner);
    region_write_format(&layout->header, &channel_format);
}

static size_t fuzz_image(uint8_t *image, size_t room)
{
    static struct channel_layout layout;
    if (room < BEFORE + LAYOUT)
        abort();
    seal_layout(&layout);
    layout.message_bytes = 100;
    memcpy(image + BEFORE, &layout, LAYOUT);
    image[0] = 1;
    image[1] = 0;
    return BEFORE + LAYOUT;
}

static void fuzz_seal(uint8_t *image, size_t bytes, unsigned random)
{
    static struct channel_layout layout;
    if (bytes < BEFORE + LAYOUT)
        return;
    memcpy(&layout, image + BEFORE, LAYOUT);
    if (random % 4 != 0)
        seal_layout(&layout);
    if (random / 4 % 4 == 0)
        layout.message_bytes = random / 16 % 8192;
    if (random / 131072 % 4 == 0)
        layout.is_fragmented = random / 524288 % 2;
    memcpy(image + BEFORE, &layout, LAYOUT);
}

static void receive(struct channel *channel, bool in_place)
{
    void *data = NULL;
    size_t capacity = 0;
    for (int i = 0; i < MESSAGES; i++) {
        size_t bytes = 0;
        const char *message = in_place ? channel_begin_read(channel, &bytes, 0) : NULL;
        volatile char sum = 0;
        for (size_t j = 0; message != NULL && j < bytes; j++)
            sum = (char)(sum + message[j]);
        if (message != NULL)
            (void)channel_end_read(channel);
        else
            (void)channel_receive(channel, &data, &capacity, 0);
    }
    free(data);
}

/* As channel_open() leaves it when all is in its place. */
static void fuzz_one(const uint8_t *image, size_t bytes)
{
    char problem[REGION_PROBLEM_BYTES];
    sem_t semaphores[CHANNEL_SEMAPHORES];
    if (bytes < BEFORE + LAYOUT)
        return;
    unsigned tokens[CHANNEL_SEMAPHORES] = {0, image[0] % 4, image[0] / 4 % 8, image[0] / 32};
    struct channel channel = {.layout = fuzz_copy(image + BEFORE, LAYOUT, 128)};
    channel.region.header = &channel.layout->header;
    channel.region.object.st_size = LAYOUT;
    channel.region.other = atomic_load(&channel.region.header->owner);
    channel.region.mine = channel.session = (struct region_claim){getpid(), 1, REGION_READY};
    if (image[1] % 8 != 0) /* the sender has seen it */
        atomic_store(&channel.layout->accepted, channel.session);
    for (int i = 0; i < CHANNEL_SEMAPHORES; i++) {
        CHECK(sem_init(&semaphores[i], 0, tokens[i]));
        channel.semaphores[i] = &semaphores[i];
    }
    if (region_check_format(channel.region.header, &channel_format, &channel.region.object, "/fuzz",
                            problem) == 1)
        receive(&channel, image[1] / 8 % 2 == 1);
    for (int i = 0; i < CHANNEL_SEMAPHORES; i++)
        CHECK(sem_destroy(&semaphores[i]));
    free(channel.layout);
}
