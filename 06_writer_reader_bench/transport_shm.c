/* transport_shm.c - POSIX shared memory: the region itself, where both halves are already */
#define _GNU_SOURCE
#include "transport.h"

static int shm_join(struct link *link)
{
    char *lanes = link->shared->lanes;
    size_t lanes_bytes = link->shared_bytes - sizeof(struct shared);
    return memory_open(link, lanes, lanes + LANE_BYTES, lanes_bytes - LANE_BYTES);
}

const struct transport transport_shm = {
    .name = "shm",
    .is_memory = true,
    .make = shm_join,
    .join = shm_join,
    .close = memory_close,
    .remove = memory_remove,
    .send = memory_send,
    .receive = memory_receive,
};
