/* grow.c - where extents lie, how they are mapped, and how the file doubles while others use it
 *
 * The file only ever grows, and what is mapped stays mapped till db_close(): so no other thread or
 * process ever has a record pulled away from under it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout.h"

static uint64_t capacity_of(uint32_t first_capacity, uint32_t generation)
{
    return (uint64_t)first_capacity << generation;
}

/* [offset] Nothing in the file says where an extent is, so nothing can say it wrongly. */
uint64_t extent_offset(uint32_t first_capacity, uint32_t generation)
{
    uint64_t indexes = capacity_of(first_capacity, generation) - first_capacity; /* 1 + 2 + 4 ... */
    return DB_HEADER_BYTES + records_before(first_capacity, generation) * RECORD_BYTES +
           indexes * 2 * sizeof(uint64_t);
}

/* The last generation that a file of this size holds whole. */
uint32_t generation_of_size(uint32_t first_capacity, uint64_t bytes)
{
    uint32_t generation = 0;
    while (capacity_of(first_capacity, generation + 1) <= DB_CAPACITY_MAX &&
           extent_offset(first_capacity, generation + 2) <= bytes)
        generation++;
    return generation;
}

bool size_is_whole(uint32_t first_capacity, uint64_t bytes)
{
    return bytes == extent_offset(first_capacity, generation_of_size(first_capacity, bytes) + 1);
}

/* Maps what the file holds of an extent: all of it, or it is truncated and may only be read. */
static int extent_map(struct db *db, uint32_t generation)
{
    struct stat file;
    struct extent *extent = &db->extents[generation];
    uint64_t start = extent_offset(db->first_capacity, generation);
    uint64_t end = extent_offset(db->first_capacity, generation + 1);
    if (fstat(db->fd, &file) == -1)
        return -1;
    uint64_t there = (uint64_t)file.st_size < end ? (uint64_t)file.st_size : end;
    if (there < end && db_may_write(db)) {
        errno = EBADMSG;
        return -1;
    }
    uint32_t records = capacity_at(db, generation) - records_before(db->first_capacity, generation);
    uint64_t records_end = start + records * RECORD_BYTES;
    if (there < start + RECORD_BYTES)
        return 0;
    uint64_t page_start = start / (uint64_t)sysconf(_SC_PAGESIZE) * (uint64_t)sysconf(_SC_PAGESIZE);
    int protection = db_may_write(db) ? PROT_READ | PROT_WRITE : PROT_READ;
    size_t map_bytes = (size_t)(there - page_start);
    if (map_bytes != there - page_start) { /* more than a 32-bit process can address */
        errno = ENOMEM;
        return -1;
    }
    char *map = mmap(NULL, map_bytes, protection, MAP_SHARED, db->fd, (off_t)page_start);
    if (map == MAP_FAILED)
        return -1;
    extent->map = map;
    extent->map_bytes = map_bytes;
    extent->records = (struct record *)(void *)(map + (start - page_start));
    extent->records_there =
        there < records_end ? (uint32_t)((there - start) / RECORD_BYTES) : records;
    if (there == end)
        extent->index = (_Atomic uint64_t *)(void *)(map + (records_end - page_start));
    return 0;
}

int extents_map(struct db *db, uint32_t generation)
{
    if (generation < atomic_load_explicit(&db->extents_there, memory_order_acquire))
        return 0;
    if (generation >= DB_GENERATIONS ||
        capacity_of(db->first_capacity, generation) > DB_CAPACITY_MAX) {
        errno = EBADMSG;
        return -1;
    }
    pthread_mutex_lock(&db->mapping);
    int result = 0;
    uint32_t next = atomic_load_explicit(&db->extents_there, memory_order_relaxed);
    for (; next <= generation && result == 0; next++)
        if ((result = extent_map(db, next)) == 0)
            /* release: publishes the extent to other threads; pairs with the acquires above. */
            atomic_store_explicit(&db->extents_there, next + 1, memory_order_release);
    pthread_mutex_unlock(&db->mapping);
    return result;
}

void extents_unmap(struct db *db)
{
    for (int i = 0; i < DB_GENERATIONS; i++)
        if (db->extents[i].map != NULL)
            munmap(db->extents[i].map, db->extents[i].map_bytes);
}

/* [reserve] Blocks of the disk, now: without them a full disk would be a SIGBUS at some put. */
int file_reserve(int fd, uint64_t offset, uint64_t bytes)
{
#ifdef __APPLE__
    fstore_t store = {.fst_flags = F_ALLOCATEALL, .fst_posmode = F_PEOFPOSMODE};
    struct stat file;
    if (fstat(fd, &file) == -1)
        return -1;
    if ((uint64_t)file.st_size >= offset + bytes)
        return 0;
    store.fst_length = (off_t)(offset + bytes) - file.st_size;
    if (fcntl(fd, F_PREALLOCATE, &store) == -1)
        return -1;
    return ftruncate(fd, (off_t)(offset + bytes)); /* never shrinks: see above */
#else
    int error;
    do
        error = posix_fallocate(fd, (off_t)offset, (off_t)bytes);
    while (error == EINTR);
    errno = error;
    return error == 0 ? 0 : -1;
#endif
}

/* [grow] Till the last line nothing has changed for anybody: who dies before it leaves a file that is
 * longer than it must be, and the next one who grows it uses that. */
int file_grow(struct db *db)
{
    uint32_t generation = db_generation(db);
    if (capacity_of(db->first_capacity, generation + 1) > DB_CAPACITY_MAX) {
        errno = ENOSPC;
        return -1;
    }
    uint64_t start = extent_offset(db->first_capacity, generation + 1);
    uint64_t end = extent_offset(db->first_capacity, generation + 2);
    if (file_reserve(db->fd, start, end - start) == -1)
        return -1;
    db_hook("grow-reserved");
    if (extents_map(db, generation + 1) == -1 || index_double(db, generation) == -1)
        return -1;
    db_hook("grow-indexed");
    /* release: publishes the new index; pairs with the acquire loads of generation. */
    atomic_store_explicit(&db->header->generation, generation + 1, memory_order_release);
    db_hook("grow-published");
    return 0;
}
