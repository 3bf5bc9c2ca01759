/* header.c - the file's first page: is it ours, and how a new file gets one
 *
 *   empty --[building]--> BUILDING --[ready]--> READY, and so for ever
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout.h"

/* ---- the constants ---- */

static uint32_t constants_crc(const struct constants *constants)
{
    uint64_t words[sizeof *constants / 8] = {0};
    memcpy(words, constants, offsetof(struct constants, crc));
    return crc_words(0, words, sizeof words / 8);
}

struct constants constants_of(uint32_t first_capacity)
{
    struct constants constants = {.magic = DB_MAGIC,
                                  .layout_version = DB_LAYOUT_VERSION,
                                  .byte_order = DB_BYTE_ORDER,
                                  .record_bytes = sizeof(struct record),
                                  .first_capacity = first_capacity};
    constants.crc = constants_crc(&constants);
    return constants;
}

static bool constants_are_ours(const struct constants *constants)
{
    struct constants ours = constants_of(constants->first_capacity);
    uint32_t capacity = constants->first_capacity;
    return memcmp(constants, &ours, sizeof ours) == 0 && capacity >= DB_CAPACITY_MIN &&
           capacity <= DB_CAPACITY_MAX && (capacity & (capacity - 1)) == 0;
}

/* Why a file is refused whose constants are not ours. */
static int refuse(const struct constants *constants)
{
    bool is_swapped = constants->magic == __builtin_bswap64(DB_MAGIC);
    if (constants->magic != DB_MAGIC && !is_swapped)
        return fail(EPROTO);
    if (is_swapped || constants->layout_version != DB_LAYOUT_VERSION ||
        constants->byte_order != DB_BYTE_ORDER || constants->record_bytes != sizeof(struct record))
        return fail(ENOTSUP);
    return fail(EBADMSG);
}

/* [refuse] Reads both by a system call: what is not ours is not even mapped. */
int constants_read(struct db *db)
{
    struct constants twice[2] = {{0}, {0}};
    ssize_t bytes = pread(db->fd, &twice[0], sizeof twice[0], 0);
    if (bytes == -1)
        return -1;
    if (bytes == 0)
        return fail(ENODATA);
    if (pread(db->fd, &twice[1], sizeof twice[1], offsetof(struct header, constants_again)) == -1)
        return -1;
    const struct constants *good = constants_are_ours(&twice[0])   ? &twice[0]
                                   : constants_are_ours(&twice[1]) ? &twice[1]
                                                                   : NULL;
    if (good == NULL)
        return refuse(&twice[0]);
    db->constants_damaged = memcmp(&twice[0], &twice[1], sizeof twice[0]) != 0;
    db->first_capacity = good->first_capacity;
    db->first_bits = 31 - (uint32_t)__builtin_clz(good->first_capacity);
    return 0;
}

int header_map(struct db *db)
{
    struct stat file;
    int protection = db_may_write(db) ? PROT_READ | PROT_WRITE : PROT_READ;
    if (fstat(db->fd, &file) == -1)
        return -1;
    if (file.st_size < DB_HEADER_BYTES)
        return fail(EBADMSG);
    void *map = mmap(NULL, DB_HEADER_BYTES, protection, MAP_SHARED, db->fd, 0);
    if (map == MAP_FAILED)
        return -1;
    db->header = map;
    return 0;
}

uint32_t state_now(const struct db *db)
{
    /* acquire: pairs with the release in file_build(). */
    return atomic_load_explicit(&db->header->state, memory_order_acquire);
}

/* ---- making a file ---- */

/* The folder's entry must be on disk as well, or a crash takes the whole file. */
static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : slash == path ? 1 : (int)(slash - path);
    snprintf(folder, sizeof folder, "%.*s", length > 0 ? length : 1, length > 0 ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1)
        return errno == EACCES ? 0 : -1; /* a folder may be closed to reading */
    int result = fsync(fd);
    close(fd);
    return result == -1 && errno != EINVAL ? -1 : 0;
}

/* [building] One write: who dies after it has left a file that says that it is not finished. */
static int header_write(struct db *db, uint32_t capacity)
{
    struct header header;
    memset(&header, 0, sizeof header);
    db->first_capacity = DB_CAPACITY_MIN;
    while (db->first_capacity < capacity)
        db->first_capacity *= 2;
    db->first_bits = 31 - (uint32_t)__builtin_clz(db->first_capacity);
    header.constants = header.constants_again = constants_of(db->first_capacity);
    atomic_init(&header.state, DB_BUILDING);
    ssize_t written = pwrite(db->fd, &header, sizeof header, 0);
    if (written == DB_HEADER_BYTES)
        return 0;
    int error = written == -1 ? errno : ENOSPC;
    if (ftruncate(db->fd, 0) == -1) /* half a header would be refused for ever */
        error = errno;
    return fail(error);
}

/* Alone with a file that is empty, or that somebody died of making: (again) from the beginning. */
int file_build(struct db *db, const char *path, uint32_t capacity)
{
    if (header_write(db, capacity) == -1)
        return -1;
    db_hook("building");
    uint64_t end = extent_offset(db->first_capacity, 1);
    if (file_reserve(db->fd, DB_HEADER_BYTES, end - DB_HEADER_BYTES) == -1)
        return -1;
    db_hook("reserved");
    if (header_map(db) == -1 || extents_map(db, 0) == -1 || writer_lock_init(db->header) == -1)
        return -1;
    if (fsync(db->fd) == -1 || sync_folder(path) == -1)
        return -1;
    db_hook("built");
    /* [ready] release: publishes the mutex and the zeros; pairs with the acquire in state_now(). */
    atomic_store_explicit(&db->header->state, DB_READY, memory_order_release);
    return msync(db->header, DB_HEADER_BYTES, MS_SYNC);
}
