/* open.c - opening, syncing and closing the file
 *
 * Whoever is alone with the file when it opens it makes what cannot be trusted after a crash of the
 * machine: the mutex, which may be locked by a process of another boot, and what recover.c derives.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout.h"

/* [alone] Nobody else has it open to write. */
static int file_recover(struct db *db)
{
    struct header *header = db->header;
    struct stat file;
    if (fstat(db->fd, &file) == -1)
        return -1;
    uint32_t whole = generation_of_size(db->first_capacity, (uint64_t)file.st_size);
    uint32_t said = atomic_load_explicit(&header->generation, memory_order_relaxed);
    bool is_cut = said > whole && said < DB_GENERATIONS &&
                  (header->seal.boot == 0 || header->seal.generation == said);
    /* [lost growth] After a power cut the disk may have the header, and not the file's new size: then nothing
     * in there was on disk. */
    bool is_lost_growth =
        header->seal.boot == 0 && size_is_whole(db->first_capacity, (uint64_t)file.st_size);
    if (is_cut && !is_lost_growth)
        return fail(EBADMSG); /* truncated: a reader can still save what is there */
    if (extents_map(db, whole) == -1 || writer_lock_init(header) == -1)
        return -1;
    bool is_sealed = said == whole && seal_holds(db);
    seal_break(db);
    if (db->constants_damaged)
        header->constants = header->constants_again = constants_of(db->first_capacity);
    if (is_sealed)
        return 0;
    index_begin(db); /* a reader must not believe the next index before it is filled */
    atomic_store_explicit(&header->generation, whole, memory_order_release);
    return index_rebuild(db, true);
}

/* With the right to open. */
static int open_or_build(struct db *db, const char *path, uint32_t capacity)
{
    int alone = try_alone(db->fd);
    if (alone == -1)
        return -1;
    bool may_build = alone && (db->flags & DB_CREATE);
    if (constants_read(db) == -1) {
        if (errno != ENODATA || !may_build || file_build(db, path, capacity) == -1)
            return -1;
    } else {
        if (header_map(db) == -1)
            return -1;
        bool is_building = state_now(db) == DB_BUILDING;
        if (is_building && !may_build)
            return fail(ENODATA);
        if (is_building) {
            munmap(db->header, DB_HEADER_BYTES);
            db->header = NULL;
        }
        int result = is_building ? file_build(db, path, capacity) : alone ? file_recover(db) : 0;
        if (result == -1)
            return -1;
    }
    db_hook("recovered");
    if (join_others(db->fd) == -1)
        return -1;
    return extents_map(db, db_generation(db));
}

static int open_to_write(struct db *db, const char *path, uint32_t capacity)
{
    if (opening_lock(db->fd) == -1)
        return -1;
    struct stat file, named;
    int result = fstat(db->fd, &file);
    if (result == 0 &&
        (stat(path, &named) == -1 || named.st_ino != file.st_ino || named.st_dev != file.st_dev))
        result = fail(ESTALE); /* removed while this process waited */
    if (result == 0)
        result = open_or_build(db, path, capacity);
    int error = errno;
    opening_unlock(db->fd);
    errno = error;
    return result;
}

/* [read-only] Believes the index if a writer lives, who has looked after it, or if its seal holds. */
static int open_to_read(struct db *db)
{
    if (constants_read(db) == -1 || header_map(db) == -1)
        return -1;
    if (state_now(db) == DB_BUILDING)
        return fail(ENODATA);
    struct stat file;
    if (fstat(db->fd, &file) == -1)
        return -1;
    bool is_used = others_write(db->fd);
    uint32_t generation = db_generation(db);
    uint32_t whole = generation_of_size(db->first_capacity, (uint64_t)file.st_size);
    if (generation < whole && !is_used)
        generation = whole;
    if (extents_map(db, generation) == -1 && extents_map(db, whole) == -1)
        return -1;
    db->distrusted_sequence =
        atomic_load_explicit(&db->header->index_sequence, memory_order_acquire);
    db->is_distrustful = !is_used && !seal_holds(db);
    db->after_crash = !is_used && seal_is_old(db);
    return 0;
}

static int open_file(const char *path, int flags)
{
    struct stat file;
    int mode = flags & DB_READ_ONLY ? O_RDONLY : flags & DB_CREATE ? O_RDWR | O_CREAT : O_RDWR;
    int fd = open(path, mode | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600); /* or a pipe would wait */
    if (fd == -1)
        return -1;
    int error = fstat(fd, &file) == -1 ? errno : S_ISREG(file.st_mode) ? 0 : EINVAL;
    if (error == 0)
        return fd;
    close(fd);
    return fail(error);
}

static void release(struct db *db)
{
    int error = errno;
    extents_unmap(db);
    if (db->header != NULL)
        munmap(db->header, DB_HEADER_BYTES);
    if (db->fd != -1)
        close(db->fd); /* and with it all locks */
    pthread_mutex_destroy(&db->mapping);
    pthread_mutex_destroy(&db->threads);
    free(db);
    errno = error;
}

int db_open(struct db **db, const char *path, int flags, uint32_t capacity)
{
    *db = NULL;
    int all = DB_CREATE | DB_READ_ONLY | DB_SYNC;
    if (flags & ~all || (flags & DB_READ_ONLY && flags != DB_READ_ONLY) ||
        capacity > DB_CAPACITY_MAX)
        return fail(EINVAL);
    if (capacity == 0)
        capacity = DB_CAPACITY_DEFAULT;
    crc_init();
    for (int tries = 0; tries < DB_TRIES; tries++) {
        struct db *new = calloc(1, sizeof *new);
        if (new == NULL)
            return -1;
        new->flags = flags;
        new->opener = getpid();
        pthread_mutex_init(&new->mapping, NULL);
        pthread_mutex_init(&new->threads, NULL);
        new->fd = open_file(path, flags);
        if (new->fd != -1 &&
            (flags & DB_READ_ONLY ? open_to_read(new) : open_to_write(new, path, capacity)) == 0) {
            *db = new;
            return 0;
        }
        release(new);
        if (errno != ESTALE)
            return -1;
    }
    return -1;
}

int db_sync(struct db *db)
{
    uint32_t there = atomic_load_explicit(&db->extents_there, memory_order_acquire);
    for (uint32_t i = 0; i < there; i++)
        if (db->extents[i].map != NULL &&
            msync(db->extents[i].map, db->extents[i].map_bytes, MS_SYNC) == -1)
            return -1;
    return msync(db->header, DB_HEADER_BYTES, MS_SYNC) == -1 ? -1 : fsync(db->fd);
}

/* [close] The last one out seals the index. Not a child of fork(): its locks are its parent's. And the
 * parent's are its children's, who may go on: so the file is shared again. */
void db_close(struct db *db)
{
    if (db == NULL)
        return;
    if (db_may_write(db) && db->opener == getpid() && opening_lock(db->fd) == 0) {
        if (try_alone(db->fd) == 1 && writer_lock(db) == 0) {
            seal_write(db);
            writer_unlock(db);
        }
        join_others(db->fd);
        opening_unlock(db->fd);
    }
    release(db);
}
