/* bench_rivals.h - LMDB and SQLite, for who has their headers (Debian: liblmdb-dev, libsqlite3-dev)
 *
 * make bench-mmap_db sets BENCH_LMDB and BENCH_SQLITE. Their records have 100 bytes as well.
 */
#ifndef BENCH_RIVALS_H
#define BENCH_RIVALS_H

enum { RIVAL_BYTES = 84 }; /* beside a name of 16 */

#ifdef BENCH_LMDB
#include <lmdb.h>

static inline void lmdb_check(int error)
{
    if (error != 0)
        die("lmdb: %s", mdb_strerror(error));
}

static inline void lmdb_begin(struct store *store, unsigned flags)
{
    MDB_txn *transaction;
    lmdb_check(mdb_txn_begin(store->handle, NULL, flags, &transaction));
    store->more[0] = transaction;
    store->operations = 0;
    store->is_writing = flags == 0;
}

static inline void lmdb_end(struct store *store)
{
    if (store->more[0] != NULL && store->is_writing)
        lmdb_check(mdb_txn_commit(store->more[0]));
    else if (store->more[0] != NULL)
        mdb_txn_abort(store->more[0]);
    store->more[0] = NULL;
}

static inline void lmdb_open(struct store *store)
{
    MDB_env *environment;
    MDB_dbi table;
    lmdb_check(mdb_env_create(&environment));
    lmdb_check(mdb_env_set_mapsize(environment, (size_t)4 << 30));
    unsigned flags = MDB_NOSUBDIR | (store->durable ? 0U : (unsigned)MDB_NOSYNC);
    lmdb_check(mdb_env_open(environment, store->path, flags, 0600));
    store->handle = environment;
    lmdb_begin(store, 0);
    lmdb_check(mdb_dbi_open(store->more[0], NULL, 0, &table));
    store->number = table;
    lmdb_end(store);
}

static inline void lmdb_put(struct store *store, const char *name, double value)
{
    char bytes[RIVAL_BYTES] = {0};
    memcpy(bytes, &value, sizeof value);
    MDB_val key = {BENCH_NAME_BYTES - 1, (void *)(uintptr_t)name}, data = {sizeof bytes, bytes};
    if (store->more[0] != NULL && (!store->is_writing || store->operations == BENCH_BATCH))
        lmdb_end(store);
    if (store->more[0] == NULL)
        lmdb_begin(store, 0);
    lmdb_check(mdb_put(store->more[0], (MDB_dbi)store->number, &key, &data, 0));
    store->operations++;
    if (store->each_durable)
        lmdb_end(store);
}

static inline double lmdb_get(struct store *store, const char *name)
{
    MDB_val key = {BENCH_NAME_BYTES - 1, (void *)(uintptr_t)name}, data;
    double value;
    if (store->more[0] != NULL && (store->is_writing || store->operations == BENCH_BATCH))
        lmdb_end(store);
    if (store->more[0] == NULL)
        lmdb_begin(store, MDB_RDONLY);
    store->operations++;
    lmdb_check(mdb_get(store->more[0], (MDB_dbi)store->number, &key, &data));
    memcpy(&value, data.mv_data, sizeof value);
    return value;
}

static inline void lmdb_close(struct store *store)
{
    lmdb_end(store);
    mdb_env_close(store->handle);
}

static inline void lmdb_remove(struct store *store)
{
    char lock[PATH_MAX + 8];
    lmdb_close(store);
    snprintf(lock, sizeof lock, "%s-lock", store->path);
    CHECK(unlink(store->path));
    CHECK(unlink(lock));
}
#endif

#ifdef BENCH_SQLITE
#include <sqlite3.h>

enum { SQLITE_PUT, SQLITE_GET };

static inline void sqlite_run(struct store *store, const char *command)
{
    char *problem = NULL;
    if (sqlite3_exec(store->handle, command, NULL, NULL, &problem) != SQLITE_OK)
        die("sqlite: %s: %s", command, problem);
}

static inline void sqlite_end(struct store *store)
{
    if (store->is_writing)
        sqlite_run(store, "COMMIT");
    store->is_writing = false;
}

static inline void sqlite_open(struct store *store)
{
    static const char *const statements[] = {"INSERT OR REPLACE INTO records VALUES (?1, ?2, ?3)",
                                             "SELECT value FROM records WHERE name = ?1"};
    sqlite3 *handle;
    if (sqlite3_open(store->path, &handle) != SQLITE_OK)
        die("sqlite: cannot open %s", store->path);
    store->handle = handle;
    sqlite3_busy_timeout(handle, 10000);
    sqlite_run(store, "PRAGMA journal_mode = WAL");
    sqlite_run(store, store->durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF");
    sqlite_run(store, "PRAGMA cache_size = -100000");
    sqlite_run(store, "CREATE TABLE IF NOT EXISTS records "
                      "(name TEXT PRIMARY KEY, value REAL, rest BLOB) WITHOUT ROWID");
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *statement;
        if (sqlite3_prepare_v2(handle, statements[i], -1, &statement, NULL) != SQLITE_OK)
            die("sqlite: %s", sqlite3_errmsg(handle));
        store->more[i] = statement;
    }
}

static inline void sqlite_put(struct store *store, const char *name, double value)
{
    static const char rest[RIVAL_BYTES - sizeof value];
    sqlite3_stmt *put = store->more[SQLITE_PUT];
    if (store->is_writing && ++store->operations == BENCH_BATCH)
        sqlite_end(store);
    if (!store->is_writing && !store->each_durable) {
        sqlite_run(store, "BEGIN IMMEDIATE");
        store->is_writing = true;
        store->operations = 0;
    }
    sqlite3_bind_text(put, 1, name, BENCH_NAME_BYTES - 1, SQLITE_STATIC);
    sqlite3_bind_double(put, 2, value);
    sqlite3_bind_blob(put, 3, rest, sizeof rest, SQLITE_STATIC);
    if (sqlite3_step(put) != SQLITE_DONE)
        die("sqlite: %s", sqlite3_errmsg(store->handle));
    sqlite3_reset(put);
}

static inline double sqlite_get(struct store *store, const char *name)
{
    sqlite3_stmt *get = store->more[SQLITE_GET];
    sqlite_end(store);
    sqlite3_bind_text(get, 1, name, BENCH_NAME_BYTES - 1, SQLITE_STATIC);
    if (sqlite3_step(get) != SQLITE_ROW)
        die("sqlite: %s", sqlite3_errmsg(store->handle));
    double value = sqlite3_column_double(get, 0);
    sqlite3_reset(get);
    return value;
}

static inline void sqlite_close(struct store *store)
{
    sqlite_end(store);
    sqlite3_finalize(store->more[SQLITE_PUT]);
    sqlite3_finalize(store->more[SQLITE_GET]);
    sqlite3_close(store->handle);
}

static inline void sqlite_remove(struct store *store)
{
    sqlite_close(store); /* removes its two other files */
    CHECK(unlink(store->path));
}
#endif

/* Those there are, behind the count that is there already. Returns how many there are then. */
static inline int stores_add_rivals(struct store *stores, int count, const char *folder,
                                    uint64_t records, bool durable)
{
    (void)stores, (void)folder, (void)records, (void)durable;
#ifdef BENCH_LMDB
    stores[count] = (struct store){"LMDB",
                                   .records = records,
                                   .slower = 4,
                                   .durable = durable,
                                   .open = lmdb_open,
                                   .put = lmdb_put,
                                   .get = lmdb_get,
                                   .end = lmdb_end,
                                   .close = lmdb_close,
                                   .remove = lmdb_remove};
    store_path(&stores[count++], folder, durable ? "lmdb_durable" : "lmdb");
#endif
#ifdef BENCH_SQLITE
    stores[count] = (struct store){"SQLite",
                                   .records = records,
                                   .slower = 20,
                                   .durable = durable,
                                   .open = sqlite_open,
                                   .put = sqlite_put,
                                   .get = sqlite_get,
                                   .end = sqlite_end,
                                   .close = sqlite_close,
                                   .remove = sqlite_remove};
    store_path(&stores[count++], folder, durable ? "sqlite_durable" : "sqlite");
#endif
    return count;
}

static inline void stores_left_out(void)
{
#ifndef BENCH_LMDB
    note("LMDB is left out: its header was not there, or this was not made by make bench-mmap_db "
         "(Debian: liblmdb-dev)");
#endif
#ifndef BENCH_SQLITE
    note("SQLite is left out: its header was not there, or this was not made by make bench-mmap_db "
         "(Debian: libsqlite3-dev)");
#endif
}

#endif
