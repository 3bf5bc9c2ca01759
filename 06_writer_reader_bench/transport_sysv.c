/* transport_sysv.c - a System V segment: the same memory once more, found by a number */
#define _GNU_SOURCE
#include "transport.h"

#include <sys/ipc.h>
#include <sys/shm.h>

static key_t key_of(const struct place *place)
{
    return (key_t)(place->number & 0x7fffffff) | 1; /* 0 would be IPC_PRIVATE */
}

static int attach(struct link *link, int flags)
{
    int segment = shmget(key_of(&link->place), 2 * LANE_BYTES, flags);
    if (segment == -1)
        return -1;
    void *memory = shmat(segment, NULL, 0);
    if (memory == (void *)-1) // NOLINT(performance-no-int-to-ptr): so the interface is
        return -1;
    link->memory = memory;
    return memory_open(link, link->memory, link->memory + LANE_BYTES, LANE_BYTES);
}

static int sysv_make(struct link *link)
{
    return attach(link, IPC_CREAT | IPC_EXCL | 0600);
}

static int sysv_join(struct link *link)
{
    return attach(link, 0);
}

static void sysv_close(struct link *link)
{
    memory_close(link);
    if (link->memory != NULL)
        shmdt(link->memory);
    link->memory = NULL;
}

/* Only what that writer made: the key is but a number, and may be somebody else's. */
static void sysv_remove(const struct place *place)
{
    memory_remove(place);
    struct shmid_ds segment;
    int id = shmget(key_of(place), 0, 0);
    if (id != -1 && shmctl(id, IPC_STAT, &segment) == 0 && segment.shm_cpid == place->writer_pid)
        shmctl(id, IPC_RMID, NULL);
}

const struct transport transport_sysv = {
    .name = "sysv",
    .is_memory = true,
    .make = sysv_make,
    .join = sysv_join,
    .close = sysv_close,
    .remove = sysv_remove,
    .send = memory_send,
    .receive = memory_receive,
};
