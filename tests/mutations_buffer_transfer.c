/* mutations_buffer_transfer.c - 02_buffer_transfer's channel, in mutated regions: see mutations.h
 *
 * Three of four times a receiver opens it and receives; else a sender takes over what a dead one left.
 */
#define _GNU_SOURCE
#define CHANNEL_CHUNK_BYTES 1024
#include "mutations.h"

/* A sender may announce what no machine has; here that ends before it takes time. */
static void *limited_realloc(void *old, size_t bytes)
{
    return bytes > (size_t)64 << 10 ? NULL : realloc(old, bytes);
}

#define realloc limited_realloc
#include "../02_buffer_transfer/channel.h"
#undef realloc
#include "mutations_region.h"

const char program_name[] = "mutations_buffer_transfer";

enum { NOBODY = INT32_MAX }; /* no process has this number */

static const struct span spans[] = {{0, 32}, {32, 24}, {128, 8}, {0, 0}};
static struct channel names; /* semaphores that are always there */
static struct channel channel;
static void *data;
static size_t capacity;

static void write_image(int32_t owner)
{
    static struct channel_layout image;
    memset(&image, 0, sizeof image);
    fill_header(&image.header, &channel_format, sizeof image, owner);
    atomic_store(&image.accepted, ((struct region_claim){getpid(), 1, REGION_READY}));
    image.message_bytes = draw(4 * CHANNEL_CHUNK_BYTES);
    image.is_fragmented = image.message_bytes > CHANNEL_FRAGMENT_BYTES;
    mutate(&image, spans);
    write_region(&image, sizeof image, mutate_size(sizeof image));
}

static void set_tokens(int semaphore, uint32_t tokens)
{
    while (sem_trywait(names.semaphores[semaphore]) == 0)
        ;
    for (; tokens > 0; tokens--)
        CHECK(sem_post(names.semaphores[semaphore]));
}

static enum outcome try_receiver(void)
{
    write_image(getpid());
    set_tokens(CHANNEL_READABLE, 2);
    set_tokens(CHANNEL_FILLED, draw(40));
    set_tokens(CHANNEL_FREE, 0);
    if (channel_open(&channel, names.region.name, 0) == -1)
        return errno == ETIMEDOUT ? NOT_READY : refused(channel_problem(&channel));
    for (int i = 0; i < 2; i++)
        if (channel_receive(&channel, &data, &capacity, 0) == -1)
            return refused(channel_problem(&channel));
    return ATTACHED;
}

static enum outcome try_sender(void)
{
    write_image(draw(2) == 0 ? 0 : NOBODY);
    channel_unlink_semaphores(&names);
    if (channel_create(&channel, names.region.name) == -1)
        return refused(channel_problem(&channel));
    (void)channel_send(&channel, "x", 1, 0); /* nobody is there, or not for long */
    return ATTACHED;
}

static void make_semaphores(void)
{
    channel_close_semaphores(&names);
    CHECK(channel_open_semaphores(&names, O_CREAT | O_EXCL));
}

static enum outcome attempt(void)
{
    return draw(4) != 0 ? try_receiver() : try_sender();
}

static void tidy_up(void)
{
    bool was_sender = channel.region.is_owner;
    channel_close(&channel);
    if (was_sender)
        make_semaphores();
    channel = (struct channel){.layout = NULL};
}

int main(void)
{
    choose_region_name();
    snprintf(names.region.name, sizeof names.region.name, "%s", region_name);
    make_semaphores();
    int status = play_mutations("02_buffer_transfer", attempt, tidy_up);
    channel_close_semaphores(&names);
    channel_unlink_semaphores(&names);
    shm_unlink(region_name);
    free(data);
    return status;
}
