/* put.c - put and delete, under the lock: what happens to records and index, in which order
 *
 * Look first at put_locked().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "layout.h"

/* ---- all of these hold the lock ---- */

static uint64_t next_sequence(const struct db *db, uint64_t before)
{
    uint64_t changes = atomic_load_explicit(&db->header->changes, memory_order_relaxed);
    return (changes > before ? changes : before) + 1;
}

/* Writes the copy that does not count yet; afterwards it is the one that does. */
static int change_record(struct db *db, const struct key *key, struct place *place, double value,
                         bool active)
{
    struct entry *entry = &place->entry;
    entry->sequence = next_sequence(db, place->newest == -1 ? 0 : entry->sequence);
    if (entry->sequence == 0 || entry->sequence >= COPY_BUSY)
        return fail(EBADMSG); /* nobody has counted that far */
    entry->time_ns = key->time_ns;
    entry->shape = key->name_bytes | (uint64_t)active << 8;
    memcpy(entry->name, key->name, sizeof key->name);
    memcpy(&entry->value, &value, sizeof value);
    record_write(record_at(db, place->id), place->id, entry, place->newest);
    /* release: whoever sees the count finds the change; pairs with the acquire in db_changes(). */
    atomic_store_explicit(&db->header->changes, entry->sequence, memory_order_release);
    return 0;
}

/* Is this record one that may be overwritten? Then *place says which of its copies counts. */
static bool record_is_free(struct db *db, uint32_t id, struct place *place)
{
    struct record *record = record_at(db, id);
    place->id = id;
    if (record == NULL)
        return false;
    enum found found = record_read(record, id, &place->entry, &place->newest);
    return found == FOUND_NONE || (found == FOUND_WHOLE && !entry_active(&place->entry));
}

/* A deleted record, else one that was never used, else the file grows. What the header says about
 * free records is derived, and checked like everything that comes out of the file. */
static int take_free(struct db *db, struct place *place)
{
    struct header *header = db->header;
    uint32_t head = atomic_load_explicit(&header->free_head, memory_order_relaxed);
    uint32_t used = atomic_load_explicit(&header->used, memory_order_relaxed);
    uint32_t capacity = capacity_at(db, db_generation(db));
    if (head != 0) {
        if (head > used || !record_is_free(db, head - 1, place))
            return fail(EBADMSG);
        uint64_t next = atomic_load_explicit(&record_at(db, head - 1)->copies[0].next_free,
                                             memory_order_relaxed);
        atomic_store_explicit(&header->free_head, (uint32_t)next, memory_order_relaxed);
        return 0;
    }
    if (used >= capacity || !record_is_free(db, used, place))
        return fail(EBADMSG);
    atomic_store_explicit(&header->used, used + 1, memory_order_relaxed);
    return 0;
}

static bool is_full(const struct db *db)
{
    return atomic_load_explicit(&db->header->free_head, memory_order_relaxed) == 0 &&
           atomic_load_explicit(&db->header->used, memory_order_relaxed) ==
               capacity_at(db, db_generation(db));
}

/* [insert] The index is odd as long as a new name's record is there and the index does not hold it. */
static int insert_locked(struct db *db, const struct key *key, double value, struct place *place)
{
    if (is_full(db) && file_grow(db) == -1)
        return -1;
    db_hook("insert");
    index_begin(db);
    db_hook("odd");
    if (take_free(db, place) == -1)
        return -1;
    db_hook("taken");
    if (change_record(db, key, place, value, true) == -1 ||
        index_insert(db, db_generation(db), key->hash, place->id) == -1)
        return -1;
    db_hook("indexed");
    atomic_fetch_add_explicit(&db->header->live, 1, memory_order_relaxed);
    index_end(db);
    db_hook("even");
    return 0;
}

static int put_locked(struct db *db, const struct key *key, double value, struct place *place)
{
    enum found found = index_find(db, db_generation(db), key, place);
    if (found == FOUND_NONE)
        return insert_locked(db, key, value, place);
    if (found != FOUND_WHOLE)
        place->newest = -1; /* damaged, both copies: putting it anew heals it */
    return change_record(db, key, place, value, true);
}

/* [delete] */
static int delete_locked(struct db *db, const struct key *key, struct place *place)
{
    enum found found = index_find(db, db_generation(db), key, place);
    if (found != FOUND_WHOLE)
        return fail(found == FOUND_NONE ? ENOENT : EBADMSG);
    struct header *header = db->header;
    atomic_store_explicit(&header->unsynced_deletes, 1, memory_order_relaxed);
    index_begin(db);
    db_hook("delete-odd");
    if (change_record(db, key, place, 0, false) == -1)
        return -1;
    db_hook("deleted");
    index_remove(db, db_generation(db), key->hash, place->id);
    db_hook("unindexed");
    uint32_t next =
        atomic_exchange_explicit(&header->free_head, place->id + 1, memory_order_relaxed);
    atomic_store_explicit(&record_at(db, place->id)->copies[0].next_free, next,
                          memory_order_relaxed);
    atomic_fetch_sub_explicit(&header->live, 1, memory_order_relaxed);
    index_end(db);
    return 0;
}

/* ---- the calls ---- */

static uint64_t time_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* [durable] One page: a record never lies across two. The index and the counts are derived, and how
 * often the file has grown follows from its size: none of them has to be on disk. Deletes do, see below. */
static int sync_record(const struct db *db, uint32_t id)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct record *record = record_at(db, id);
    char *start = (char *)record - (uintptr_t)record % page;
    return msync(start, page, MS_SYNC);
}

/* [deletes] Before anything else is durable: a name may have been deleted in one record and be put in another.
 * Were that delete lost, and the later one not, the first record's value would come back. */
static int sync_deletes(struct db *db)
{
    _Atomic uint32_t *unsynced = &db->header->unsynced_deletes;
    if ((db->flags & DB_SYNC) == 0 || atomic_load_explicit(unsynced, memory_order_relaxed) == 0)
        return 0;
    if (db_sync(db) == -1)
        return -1;
    db_hook("deletes-synced");
    atomic_store_explicit(unsynced, 0, memory_order_relaxed);
    return 0;
}

static int change_locked(struct db *db, const struct key *key, const double *value,
                         struct place *place)
{
    place->newest = -1;
    if (sync_deletes(db) == -1)
        return -1;
    return value != NULL ? put_locked(db, key, *value, place) : delete_locked(db, key, place);
}

static int change(struct db *db, const char *name, const double *value)
{
    struct key key;
    struct place place;
    if (!db_may_write(db))
        return fail(EBADF);
    if (key_of(&key, name) == -1)
        return -1;
    index_fetch(db, &key); /* the slot comes while the clock is read, the record with the lock */
    key.time_ns = time_now_ns();
    record_fetch(db, &key);
    if (writer_lock(db) == -1)
        return -1;
    int result = change_locked(db, &key, value, &place);
    /* what is derived may be damaged: then it is derived anew, once */
    if (result == -1 && errno == EBADMSG && index_rebuild(db, false) == 0)
        result = change_locked(db, &key, value, &place);
    int error = errno;
    writer_unlock(db);
    if (result == -1)
        return fail(error);
    return db->flags & DB_SYNC ? sync_record(db, place.id) : 0;
}

int db_put(struct db *db, const char *name, double value)
{
    return change(db, name, &value);
}

int db_delete(struct db *db, const char *name)
{
    return change(db, name, NULL);
}
