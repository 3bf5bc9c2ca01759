/* mutations_region.h - mutations of a POSIX region: the object, its header's words, and how it is written
 */
#ifndef TESTS_MUTATIONS_REGION_H
#define TESTS_MUTATIONS_REGION_H

#include "../common/region.h"

static char region_name[REGION_NAME_LENGTH + 1];

static inline void choose_region_name(void)
{
    snprintf(region_name, sizeof region_name, "/t%d.mut", (int)getpid());
}

/* A published region of this process, or of one that is dead, in run 1. */
static inline void fill_header(struct region_header *header, const struct region_format *format,
                               size_t bytes, int32_t owner)
{
    struct region_format whole = *format;
    whole.size_bytes = bytes;
    region_write_format(header, &whole);
    atomic_store(&header->owner, ((struct region_claim){owner, 1, REGION_READY}));
    atomic_store(&header->peer, ((struct region_claim){0, 1, REGION_FREE}));
}

/* Puts the image at the beginning of the object, which gets that size; the rest is zero. */
static inline void write_region(const void *image, size_t image_bytes, size_t bytes)
{
    int fd = CHECK(shm_open(region_name, O_CREAT | O_RDWR, 0600));
    size_t written = image_bytes < bytes ? image_bytes : bytes;
    CHECK(ftruncate(fd, 0));
    CHECK(ftruncate(fd, (off_t)bytes));
    if (pwrite(fd, image, written, 0) != (ssize_t)written)
        abort();
    CHECK(close(fd));
}

/* An attempt that ends early leaves a descriptor open; the next one gets the lowest that is free. */
static inline void close_descriptors(int first)
{
    for (int fd = first; fd < first + 8; fd++)
        close(fd);
}

/* The lowest descriptor that is free. */
static inline int next_descriptor(void)
{
    int fd = CHECK(dup(STDIN_FILENO));
    CHECK(close(fd));
    return fd;
}

#endif
