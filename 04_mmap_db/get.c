/* get.c - get and walk, without a lock: what a reader looks at, in which order
 *
 * Look first at look().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "../common/backoff.h"
#include "layout.h"

/* No index may be believed: looks at every record there is. One that could not be read may be it; of two of
 * that name, the one that was put later counts, as for a repair ([twice] in recover.c). */
static enum found look_everywhere(struct db *db, const struct key *key, struct place *place)
{
    struct record *record;
    struct place here = {.id = 0};
    enum found result = FOUND_NONE;
    for (; (record = record_at(db, here.id)) != NULL; here.id++) {
        enum found found = record_read(record, here.id, &here.entry, &here.newest);
        bool matches =
            (found == FOUND_WHOLE || found == FOUND_BROKEN) && entry_matches(&here.entry, key);
        if (found == FOUND_WHOLE && matches &&
            (result != FOUND_WHOLE || here.entry.sequence > place->entry.sequence)) {
            *place = here;
            result = FOUND_WHOLE;
        } else if (result != FOUND_WHOLE && (found == FOUND_BUSY || matches)) {
            result = found;
        }
    }
    return result;
}

/* [look] Without a lock. A hit is a hit; a miss counts if nobody changed the index meanwhile. */
static enum found look(struct db *db, const struct key *key, struct place *place)
{
    for (int i = 0; i < DB_TRIES; i++) {
        /* acquire: pairs with the release in index_end(): the index as it is since then. */
        uint64_t sequence = atomic_load_explicit(&db->header->index_sequence, memory_order_acquire);
        uint32_t generation = db_generation(db);
        if (!extents_are_there(db, generation) && extents_map(db, generation) == -1 &&
            !db->is_distrustful)
            return FOUND_BROKEN;
        if (db->is_distrustful && sequence == db->distrusted_sequence)
            return look_everywhere(db, key, place);
        enum found found = index_find(db, generation, key, place);
        if (found == FOUND_WHOLE)
            return found;
        /* acquire: pairs with the release fence in index_begin(). */
        atomic_thread_fence(memory_order_acquire);
        bool is_still =
            atomic_load_explicit(&db->header->index_sequence, memory_order_relaxed) == sequence &&
            db_generation(db) == generation;
        if (is_still && sequence % 2 == 0 && found != FOUND_BUSY)
            return found;
        spin_pause();
    }
    return FOUND_BUSY;
}

int db_get(struct db *db, const char *name, double *value)
{
    struct key key;
    struct place place;
    if (key_of(&key, name) == -1)
        return -1;
    enum found found = look(db, &key, &place);
    if (found == FOUND_BUSY && !db_may_write(db)) {
        found = look_everywhere(db, &key, &place);
    } else if (found == FOUND_BUSY) {
        if (writer_lock(db) == -1)
            return -1;
        found = index_find(db, db_generation(db), &key, &place);
        writer_unlock(db);
    }
    if (found == FOUND_WHOLE)
        memcpy(value, &place.entry.value, sizeof *value);
    if (found == FOUND_BUSY && !db_may_write(db))
        return fail(EAGAIN);
    return found == FOUND_WHOLE ? 0 : fail(found == FOUND_NONE ? ENOENT : EBADMSG);
}

/* Where a walk ends. After a crash that is not known before the first repair has ended. */
static uint32_t records_in_use(const struct db *db)
{
    /* acquire: pairs with the release in index_end(): the repaired count. */
    uint64_t sequence = atomic_load_explicit(&db->header->index_sequence, memory_order_acquire);
    if (db->is_distrustful && (sequence == db->distrusted_sequence || sequence % 2 != 0))
        return DB_CAPACITY_MAX;
    return atomic_load_explicit(&db->header->used, memory_order_acquire);
}

static enum found read_again_locked(struct db *db, struct place *place)
{
    if (!db_may_write(db))
        return FOUND_BUSY;
    if (writer_lock(db) == -1)
        return FOUND_BUSY;
    enum found found =
        record_read(record_at(db, place->id), place->id, &place->entry, &place->newest);
    writer_unlock(db);
    return found == FOUND_BUSY ? FOUND_BROKEN : found;
}

int db_next(struct db *db, uint32_t *cursor, struct db_record *record)
{
    uint32_t end = records_in_use(db);
    struct record *next;
    if (extents_map(db, db_generation(db)) == -1 && !db->is_distrustful)
        return -1;
    for (; *cursor < end && (next = record_at(db, *cursor)) != NULL; ++*cursor) {
        struct place place = {.id = *cursor};
        enum found found = record_read(next, place.id, &place.entry, &place.newest);
        if (found == FOUND_BUSY)
            found = read_again_locked(db, &place);
        if (found == FOUND_BUSY)
            return fail(EAGAIN);
        if (found != FOUND_WHOLE || !entry_active(&place.entry))
            continue;
        *record = (struct db_record){.id = place.id,
                                     .active = true,
                                     .time_ns = (int64_t)place.entry.time_ns,
                                     .sequence = place.entry.sequence};
        memcpy(&record->value, &place.entry.value, sizeof record->value);
        memcpy(record->name, place.entry.name, DB_NAME_BYTES);
        ++*cursor;
        return 0;
    }
    return fail(ENOENT);
}

uint64_t db_changes(const struct db *db)
{
    /* acquire: pairs with the release in change_record(): a walk finds that change. */
    return atomic_load_explicit(&db->header->changes, memory_order_acquire);
}
