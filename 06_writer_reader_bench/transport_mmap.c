/* transport_mmap.c - a file that both halves map: the same memory, by another name */
#define _GNU_SOURCE
#include "transport.h"

static int map_file(struct link *link, int flags)
{
    char path[PLACE_PATH_BYTES];
    int fd = open(place_path(&link->place, "memory", path), flags | O_RDWR | O_CLOEXEC, 0600);
    if (fd == -1)
        return -1;
    /* pages now: a full disk is an error here, and not a SIGBUS later */
    int error = link->is_writer ? region_reserve(fd, 2 * LANE_BYTES) : 0;
    struct stat file;
    if (error == 0 && fstat(fd, &file) == -1)
        error = errno;
    if (error == 0 && file.st_size != (off_t)(2 * LANE_BYTES))
        error = EPROTO; /* to touch what isn't there is SIGBUS, too */
    void *memory = MAP_FAILED;
    if (error == 0)
        memory = mmap(NULL, 2 * LANE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (error == 0 && memory == MAP_FAILED)
        error = errno;
    close(fd);
    errno = error;
    if (error != 0)
        return -1;
    link->memory = memory;
    return memory_open(link, link->memory, link->memory + LANE_BYTES, LANE_BYTES);
}

static int mmap_make(struct link *link)
{
    return place_make_folder(&link->place) == -1 ? -1 : map_file(link, O_CREAT | O_EXCL);
}

static int mmap_join(struct link *link)
{
    return map_file(link, 0);
}

static void mmap_close(struct link *link)
{
    memory_close(link);
    if (link->memory != NULL)
        munmap(link->memory, 2 * LANE_BYTES);
    link->memory = NULL;
}

static void mmap_remove(const struct place *place)
{
    memory_remove(place);
    place_remove_folder(place);
}

const struct transport transport_mmap = {
    .name = "mmap",
    .is_memory = true,
    .make = mmap_make,
    .join = mmap_join,
    .close = mmap_close,
    .remove = mmap_remove,
    .send = memory_send,
    .receive = memory_receive,
};
