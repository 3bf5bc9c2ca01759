/* bench_stores.h - what bench.c measures: our database, a bare msync, and those that others would link
 *
 * Each is used as its manual recommends for this: prepared statements, one transaction for a run of
 * puts and gets that need not be durable, one for each put that must be.
 */
#ifndef BENCH_STORES_H
#define BENCH_STORES_H

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "pair.h"

enum {
    BENCH_BATCH = 1000,
    BENCH_NAME_BYTES = 17,
    BENCH_STORES = 4,
    BENCH_ROUNDS_MAX = 25,
    BENCH_PAGE = 4096
};

struct store {
    const char *label;
    uint64_t records;
    uint64_t slower; /* does so many times fewer operations */
    double rate;     /* measured */
    void *handle, *more[2];
    void (*open)(struct store *store);
    void (*put)(struct store *store, const char *name, double value);
    double (*get)(struct store *store, const char *name);
    void (*end)(struct store *store);    /* of a batch */
    void (*close)(struct store *store);  /* what this process has opened */
    void (*remove)(struct store *store); /* and closes */
    unsigned number, operations;         /* for its own use */
    bool is_writing;
    bool durable;      /* opened for it */
    bool each_durable; /* each put is, from now on */
    char path[PATH_MAX];
};

static inline void *bench_share(size_t bytes)
{
    void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED)
        die("cannot map %zu bytes: %s", bytes, strerror(errno));
    return address;
}

struct bench_name {
    uint64_t number;
    char text[BENCH_NAME_BYTES + 7];
};

/* Like sensor-00012345: 15 bytes, and the 0 that ends it. */
static inline void bench_name(char name[BENCH_NAME_BYTES], uint64_t number)
{
    memcpy(name, "sensor-00000000", 16);
    for (int i = 14; number > 0; i--, number /= 10)
        name[i] = (char)('0' + number % 10);
}

/* All records once. */
static inline void fill(struct store *store)
{
    char name[BENCH_NAME_BYTES];
    if (store->open == NULL || store->slower == 0) /* for clang-tidy: each has */
        die("%s: not a store", store->label);
    store->open(store);
    store->each_durable = false;
    for (uint64_t i = 0; i < store->records; i++) {
        bench_name(name, i);
        store->put(store, name, (double)i + 0.5);
    }
    store->end(store);
    store->each_durable = store->durable;
}

/* ---- ours ---- */

static inline void ours_open(struct store *store)
{
    struct db *db, *syncing = NULL;
    if (db_open(&db, store->path, DB_CREATE, 0) == -1 ||
        (store->durable && db_open(&syncing, store->path, DB_SYNC, 0) == -1))
        die_of_db("open", store->path);
    store->handle = db;
    store->more[0] = syncing;
}

static inline void ours_put(struct store *store, const char *name, double value)
{
    if (db_put(store->each_durable ? store->more[0] : store->handle, name, value) == -1)
        die_of_db("put into", store->path);
}

static inline double ours_get(struct store *store, const char *name)
{
    double value;
    if (db_get(store->handle, name, &value) == -1)
        die_of_db("get from", store->path);
    return value;
}

/* Each put and get stands by itself. But where the next puts are to be durable, the file is on disk
 * first, as those of the others are: a block's first way to the disk takes longer than all others. */
static inline void ours_end(struct store *store)
{
    if (store->durable && !store->each_durable && db_sync(store->handle) == -1)
        die_of_db("sync", store->path);
}

static inline void no_end(struct store *store)
{
    (void)store;
}

static inline void ours_close(struct store *store)
{
    db_close(store->more[0]);
    db_close(store->handle);
}

static inline void ours_remove(struct store *store)
{
    ours_close(store);
    CHECK(unlink(store->path));
}

static inline void store_path(struct store *store, const char *folder, const char *what)
{
    snprintf(store->path, sizeof store->path, "%s/mmap_db_bench_%s_%d", folder, what, getpid());
}

static inline struct store store_ours(const char *folder, const char *what, uint64_t records,
                                      bool durable)
{
    struct store store = {.label = "ours",
                          .records = records,
                          .slower = 1,
                          .durable = durable,
                          .open = ours_open,
                          .put = ours_put,
                          .get = ours_get,
                          .end = ours_end,
                          .close = ours_close,
                          .remove = ours_remove};
    store_path(&store, folder, what);
    return store;
}

/* ---- a bare msync: what the disk can do ---- */

static inline void msync_open(struct store *store)
{
    int fd = CHECK(open(store->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    size_t bytes = (size_t)store->records * 256;
    CHECK(ftruncate(fd, (off_t)bytes));
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        die("cannot map %zu bytes: %s", bytes, strerror(errno));
    memset(map, 1, bytes);
    CHECK(fsync(fd));
    CHECK(close(fd));
    store->handle = map;
}

static inline void msync_put(struct store *store, const char *name, double value)
{
    uint64_t number = (uint64_t)value;
    char *page = (char *)store->handle + number * 256 / BENCH_PAGE * BENCH_PAGE;
    memcpy(page, name, BENCH_NAME_BYTES - 1);
    memcpy(page + 64, &value, sizeof value);
    if (store->each_durable)
        CHECK(msync(page, BENCH_PAGE, MS_SYNC));
}

static inline void file_remove(struct store *store)
{
    CHECK(unlink(store->path));
}

static inline struct store store_msync(const char *folder, uint64_t records)
{
    struct store store = {.label = "bare msync",
                          .records = records,
                          .slower = 1,
                          .durable = true,
                          .open = msync_open,
                          .put = msync_put,
                          .end = no_end,
                          .remove = file_remove};
    store_path(&store, folder, "msync");
    return store;
}

#include "bench_rivals.h"

#endif
