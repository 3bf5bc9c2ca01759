/* index.c - ids by name: a hash table in the file, derived from the records
 *
 * [slot] A slot has 64 bits: the name's hash and the record's id + 1; 0 is free. At least every second
 * one is free. A name's slot is the first free one from hash mod slots on ("linear probing"), so a
 * search ends at a free slot. What is found is always checked against the record itself; what is not
 * found is believed only if nobody changed the index meanwhile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "layout.h"

/* Is text[0..] the beginning of one well-formed character of UTF-8? Its length, or 0. */
static size_t utf8_character(const unsigned char *text)
{
    static const struct {
        unsigned char first, last, low, high; /* of the first byte, and of the second */
        size_t bytes;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last)
            continue;
        if (forms[i].bytes > 1 && (text[1] < forms[i].low || text[1] > forms[i].high))
            return 0;
        for (size_t j = 2; j < forms[i].bytes; j++)
            if (text[j] < 0x80 || text[j] > 0xbf)
                return 0;
        return forms[i].bytes;
    }
    return 0;
}

/* [hash] Eight bytes at a time: multiply, and bring the high bits down. Not made against an enemy:
 * whoever may choose names can make many collide, which costs time and nothing else. Returns the bits
 * that are set in any word. */
static uint64_t hash_name(struct key *key, size_t name_bytes)
{
    uint64_t hash = name_bytes, bits = 0;
    uint32_t words = ((uint32_t)name_bytes + 7) / 8;
    for (uint32_t i = 0; i < words; i++) {
        bits |= key->name[i];
        hash = (hash ^ key->name[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    key->hash = (uint32_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    key->name_bytes = (uint8_t)name_bytes;
    key->words = (uint8_t)words;
    return bits;
}

int key_of(struct key *key, const char *name)
{
    size_t length = strnlen(name, DB_NAME_BYTES + 1);
    errno = EINVAL;
    if (length < 1 || length > DB_NAME_BYTES)
        return -1;
    memset(key->name, 0, sizeof key->name);
    memcpy(key->name, name, length);
    if ((hash_name(key, length) & UINT64_C(0x8080808080808080)) == 0)
        return 0; /* ASCII */
    errno = EILSEQ;
    const unsigned char *text = (const unsigned char *)name;
    for (size_t i = 0, bytes; i < length; i += bytes)
        if ((bytes = utf8_character(text + i)) == 0)
            return -1;
    return 0;
}

int db_name_check(const char *name)
{
    struct key key;
    return key_of(&key, name);
}

struct key key_of_entry(const struct entry *entry)
{
    struct key key;
    memcpy(key.name, entry->name, sizeof key.name);
    hash_name(&key, entry_name_bytes(entry));
    return key;
}

bool entry_matches(const struct entry *entry, const struct key *key)
{
    uint64_t difference = (uint64_t)entry_name_bytes(entry) ^ key->name_bytes;
    for (size_t i = 0; i < DB_NAME_WORDS; i++)
        difference |= entry->name[i] ^ key->name[i];
    return difference == 0 && entry_active(entry);
}

static uint64_t slot_of(uint32_t hash, uint32_t id)
{
    return (uint64_t)hash << 32 | (id + 1);
}

static uint32_t slot_mask(const struct db *db, uint32_t generation)
{
    return capacity_at(db, generation) * 2 - 1;
}

static inline uint32_t if_hash(_Atomic uint64_t *index, uint32_t at, uint32_t hash, uint32_t other)
{
    return atomic_load_explicit(&index[at], memory_order_relaxed) >> 32 == hash ? at : other;
}

/* [guess] Which slot to look at first: one of the first three, chosen without a branch. A branch that
 * is guessed wrongly is known to be so only when the memory has answered, and throws away all that the
 * processor has done meanwhile. */
static inline uint32_t slot_guess(_Atomic uint64_t *index, uint32_t mask, uint32_t hash)
{
    uint32_t first = hash & mask;
    uint32_t guess = if_hash(index, (hash + 2) & mask, hash, first);
    guess = if_hash(index, (hash + 1) & mask, hash, guess);
    return if_hash(index, first, hash, guess);
}

/* [fetch] Asks the memory for what a put will need, so that it comes while the put is busy otherwise:
 * first the slot, then the record. Whether they are the right ones is found out later. */
void index_fetch(struct db *db, const struct key *key)
{
    uint32_t generation = db_generation(db);
    _Atomic uint64_t *index = index_at(db, generation);
    if (index != NULL)
        __builtin_prefetch((void *)&index[key->hash & slot_mask(db, generation)], 1);
}

void record_fetch(struct db *db, const struct key *key)
{
    uint32_t generation = db_generation(db), mask = slot_mask(db, generation);
    _Atomic uint64_t *index = index_at(db, generation);
    if (index == NULL)
        return;
    uint64_t slot =
        atomic_load_explicit(&index[slot_guess(index, mask, key->hash)], memory_order_relaxed);
    struct record *record = slot == 0 ? NULL : record_at(db, (uint32_t)slot - 1);
    if (record == NULL)
        return;
    __builtin_prefetch(&record->copies[0], 1);
    __builtin_prefetch(&record->copies[1], 1);
}

/* [find] A hit is sure, whatever the index says. FOUND_NONE and FOUND_BROKEN are only as true as the
 * index is; FOUND_BUSY: writers were faster. */
enum found index_find(struct db *db, uint32_t generation, const struct key *key,
                      struct place *place)
{
    _Atomic uint64_t *index = index_at(db, generation);
    uint32_t mask = slot_mask(db, generation);
    enum found result = FOUND_NONE;
    uint32_t broken = 0;
    if (index == NULL)
        return FOUND_NONE;
    for (uint32_t i = 0, at = slot_guess(index, mask, key->hash); i <= mask; i++) {
        /* acquire: pairs with the release in index_insert(), the record is there. */
        uint64_t slot = atomic_load_explicit(&index[at], memory_order_acquire);
        at = (at + 1) & mask;
        if (slot == 0)
            break;
        if (slot >> 32 != key->hash)
            continue;
        uint32_t id = (uint32_t)slot - 1;
        struct record *record = record_at(db, id);
        if (record == NULL)
            continue;
        if (record_hit(record, id, key, place))
            return FOUND_WHOLE;
        struct place here = {.id = id};
        enum found found = record_read(record, id, &here.entry, &here.newest);
        if (found == FOUND_NONE || (found == FOUND_WHOLE && !entry_matches(&here.entry, key)))
            continue; /* another name of the same hash; or it was deleted under our eyes */
        *place = here;
        if (found != FOUND_BROKEN)
            return found;
        broken = id;
        result = found;
    }
    if (result == FOUND_BROKEN)
        *place = (struct place){.id = broken, .newest = -1};
    return result;
}

int index_insert(struct db *db, uint32_t generation, uint32_t hash, uint32_t id)
{
    _Atomic uint64_t *index = index_at(db, generation);
    uint32_t mask = slot_mask(db, generation);
    for (uint32_t i = 0, at = hash & mask; index != NULL && i <= mask; i++, at = (at + 1) & mask)
        if (atomic_load_explicit(&index[at], memory_order_relaxed) == 0) {
            /* release: publishes the record; pairs with the acquire in index_find(). */
            atomic_store_explicit(&index[at], slot_of(hash, id), memory_order_release);
            return 0;
        }
    errno = EBADMSG; /* full: somebody has scribbled on it */
    return -1;
}

/* [remove] Closes the gap, so that every other name is still found before a free slot: a later slot
 * moves into it if its own search would have come by ("backward shift", Knuth 6.4, algorithm R). */
void index_remove(struct db *db, uint32_t generation, uint32_t hash, uint32_t id)
{
    _Atomic uint64_t *index = index_at(db, generation);
    uint32_t mask = slot_mask(db, generation), gap = hash & mask;
    if (index == NULL)
        return;
    for (uint32_t i = 0; i <= mask; i++, gap = (gap + 1) & mask)
        if (atomic_load_explicit(&index[gap], memory_order_relaxed) == slot_of(hash, id))
            break;
    uint32_t at = gap;
    for (uint32_t i = 0; i < mask; i++) {
        at = (at + 1) & mask;
        uint64_t slot = atomic_load_explicit(&index[at], memory_order_relaxed);
        if (slot == 0)
            break;
        if (((at - (uint32_t)(slot >> 32)) & mask) < ((at - gap) & mask))
            continue; /* its search begins behind the gap */
        atomic_store_explicit(&index[gap], slot, memory_order_release);
        db_hook("index-shift");
        gap = at;
    }
    atomic_store_explicit(&index[gap], 0, memory_order_relaxed);
}

int index_clear(struct db *db, uint32_t generation)
{
    _Atomic uint64_t *index = index_at(db, generation);
    for (uint32_t i = 0; index != NULL && i <= slot_mask(db, generation); i++)
        atomic_store_explicit(&index[i], 0, memory_order_relaxed);
    errno = EBADMSG;
    return index != NULL ? 0 : -1;
}

int index_double(struct db *db, uint32_t generation)
{
    _Atomic uint64_t *index = index_at(db, generation);
    /* cleared: a writer that died in here may have left something */
    if (index == NULL || index_clear(db, generation + 1) == -1)
        return -1;
    for (uint32_t i = 0; i <= slot_mask(db, generation); i++) {
        uint64_t slot = atomic_load_explicit(&index[i], memory_order_relaxed);
        if (slot != 0 &&
            index_insert(db, generation + 1, (uint32_t)(slot >> 32), (uint32_t)slot - 1) == -1)
            return -1;
    }
    return 0;
}

/* [odd] Whoever finds nothing while the number is odd, or has changed, can't know, and looks again;
 * and who gets the lock and finds it odd knows that its last owner died in here. */
void index_begin(struct db *db)
{
    uint64_t sequence = atomic_load_explicit(&db->header->index_sequence, memory_order_relaxed);
    atomic_store_explicit(&db->header->index_sequence, sequence | 1, memory_order_relaxed);
    /* release: a reader that misses what is moved from here on sees the number; pairs with the
     * acquire fence in db_get's look(). */
    atomic_thread_fence(memory_order_release);
}

void index_end(struct db *db)
{
    uint64_t sequence = atomic_load_explicit(&db->header->index_sequence, memory_order_relaxed);
    /* release: publishes the index as it is now; pairs with the acquire load in look(). */
    atomic_store_explicit(&db->header->index_sequence, sequence + 1, memory_order_release);
}
