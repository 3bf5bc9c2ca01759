/* record.c - a record is stored twice: one copy is whole whatever happens, and readers take no lock
 *
 * A writer overwrites the older copy, then makes it the newer one by its sequence number. Whoever
 * dies, or loses power, in the middle has spoilt the copy that did not count yet.
 */
#define _GNU_SOURCE
#include <string.h>

#include "../common/backoff.h"
#include "layout.h"

enum { ENTRY_WORDS_BEFORE_NAME = 4 };

/* [word] Loads a word of a copy that a writer may just be overwriting. What was torn is noticed and thrown
 * away, but by a plain load it would be a data race all the same, and the compiler free to load it
 * twice. The tests make it one, and see to it that the race is found. */
#ifdef DB_PLAIN_WORDS
#define load_word(word) (*(const uint64_t *)(const void *)(word))
#else
#define load_word(word) atomic_load_explicit(word, memory_order_relaxed)
#endif

static uint32_t entry_crc(const struct entry *entry)
{
    size_t name_words = (entry_name_bytes(entry) + 7U) / 8;
    return crc_words(0, &entry->sequence, ENTRY_WORDS_BEFORE_NAME + name_words);
}

/* [read] Copies a copy word by word, and looks whether it is still the same one. */
static enum found copy_snapshot(struct copy *copy, uint32_t id, struct entry *entry, uint32_t *crc)
{
    /* acquire: pairs with the release in record_write(), the words of this number are there. */
    entry->sequence = atomic_load_explicit(&copy->sequence, memory_order_acquire);
    if (entry->sequence == 0)
        return FOUND_NONE;
    if (entry->sequence & COPY_BUSY)
        return FOUND_BUSY;
    uint64_t meta = load_word(&copy->meta);
    entry->shape = (uint64_t)id << 32 | (meta & UINT32_MAX);
    *crc = (uint32_t)(meta >> 32);
    entry->time_ns = load_word(&copy->time_ns);
    entry->value = load_word(&copy->value);
    size_t words = (entry_name_bytes(entry) + 7U) / 8;
    for (size_t i = 0; i < DB_NAME_WORDS; i++)
        entry->name[i] = i < words ? load_word(&copy->name[i]) : 0;
    /* acquire: if a word above is a later writer's, then so is the number that is loaded now; pairs
     * with the release fence in record_write(). */
    atomic_thread_fence(memory_order_acquire);
    uint64_t sequence = atomic_load_explicit(&copy->sequence, memory_order_relaxed);
    return sequence == entry->sequence ? FOUND_WHOLE : FOUND_BUSY;
}

enum found copy_read(struct copy *copy, uint32_t id, struct entry *entry)
{
    uint32_t crc = 0;
    enum found found = copy_snapshot(copy, id, entry, &crc);
    if (found != FOUND_WHOLE)
        return found;
    uint8_t name_bytes = entry_name_bytes(entry);
    if (name_bytes == 0 || name_bytes > DB_NAME_BYTES || entry_crc(entry) != crc)
        return FOUND_BROKEN; /* [check] no writer did this: the disk did, or a crash of the machine */
    return FOUND_WHOLE;
}

/* The newest whole copy, and which it is; -1: none is. Both copies being written at once is a sign
 * of having been too slow: then looks again. */
enum found record_read(struct record *record, uint32_t id, struct entry *entry, int *newest)
{
    for (int i = 0; i < DB_TRIES; i++) {
        uint64_t first = atomic_load_explicit(&record->copies[0].sequence, memory_order_relaxed);
        uint64_t second = atomic_load_explicit(&record->copies[1].sequence, memory_order_relaxed);
        bool second_is_newer = !(second & COPY_BUSY) && (first & COPY_BUSY || second > first);
        *newest = second_is_newer;
        enum found found = copy_read(&record->copies[*newest], id, entry);
        if (found == FOUND_WHOLE)
            return found;
        *newest = !*newest; /* the other one may count: if the power failed, if the disk erred */
        enum found other = found == FOUND_BROKEN || found == FOUND_NONE
                               ? copy_read(&record->copies[*newest], id, entry)
                               : FOUND_BUSY;
        if (found == FOUND_BROKEN && other == FOUND_WHOLE)
            return other;
        *newest = -1;
        if (found == FOUND_BROKEN && other != FOUND_BUSY)
            return FOUND_BROKEN;
        if (found == FOUND_BROKEN || other == FOUND_WHOLE)
            continue; /* written meanwhile */
        if (found == FOUND_NONE)
            return FOUND_NONE; /* and the other one is none, or the first that is ever written */
        spin_pause();
    }
    *newest = -1;
    return FOUND_BUSY;
}

/* [hit] Is it this name's, and in order, as nearly every record is? So little is done, and the newest
 * copy chosen without a branch, that the processor is at the caller's next name while the memory has
 * not answered yet. False: *place is spoilt, and record_read() says what it is. */
bool record_hit(struct record *record, uint32_t id, const struct key *key, struct place *place)
{
    uint64_t first = atomic_load_explicit(&record->copies[0].sequence, memory_order_relaxed);
    uint64_t second = atomic_load_explicit(&record->copies[1].sequence, memory_order_relaxed);
    struct copy *copy = &record->copies[second > first]; /* one that is being written is refused */
    struct entry *entry = &place->entry;
    uint32_t words = key->words;
    place->id = id;
    place->newest = second > first;
    /* acquire, and the fence: as in copy_snapshot(). */
    entry->sequence = atomic_load_explicit(&copy->sequence, memory_order_acquire);
    entry->time_ns = load_word(&copy->time_ns);
    entry->value = load_word(&copy->value);
    uint64_t meta = load_word(&copy->meta);
    entry->shape = (uint64_t)id << 32 | (meta & UINT32_MAX);
    uint64_t difference = (uint32_t)meta ^ (1U << 8 | key->name_bytes);
    for (uint32_t i = 0; i < words; i++) {
        entry->name[i] = load_word(&copy->name[i]);
        difference |= entry->name[i] ^ key->name[i];
    }
    atomic_thread_fence(memory_order_acquire);
    difference |= entry->sequence ^ atomic_load_explicit(&copy->sequence, memory_order_relaxed);
    return difference == 0 && entry->sequence - 1 < COPY_BUSY - 1 &&
           crc_words(0, &entry->sequence, ENTRY_WORDS_BEFORE_NAME + words) == meta >> 32;
}

/* [put] Writes the copy that does not count. newest: the one that does; -1: none. */
void record_write(struct record *record, uint32_t id, struct entry *entry, int newest)
{
    struct copy *copy = &record->copies[newest == 0];
    entry->shape = (uint64_t)id << 32 | (entry->shape & UINT32_MAX);
    uint64_t meta = (uint64_t)entry_crc(entry) << 32 | (entry->shape & UINT32_MAX);
    db_hook("before-copy");
    atomic_store_explicit(&copy->sequence, entry->sequence | COPY_BUSY, memory_order_relaxed);
    /* release: whoever sees a word below sees the copy busy; pairs with the fence of a reader. */
    atomic_thread_fence(memory_order_release);
    db_hook("copy-busy");
    atomic_store_explicit(&copy->meta, meta, memory_order_relaxed);
    atomic_store_explicit(&copy->time_ns, entry->time_ns, memory_order_relaxed);
    db_hook("half-copy");
    atomic_store_explicit(&copy->value, entry->value, memory_order_relaxed);
    size_t words = (entry_name_bytes(entry) + 7U) / 8;
    for (size_t i = 0; i < words; i++)
        atomic_store_explicit(&copy->name[i], entry->name[i], memory_order_relaxed);
    db_hook("whole-copy");
    /* [newer] release: publishes the words; pairs with the acquire in copy_snapshot(). */
    atomic_store_explicit(&copy->sequence, entry->sequence, memory_order_release);
    db_hook("after-copy");
}

/* After a crash: a copy that was being written, or reached the disk in part, is none; unless there
 * is nothing better, and it may be of use to whoever comes with a hex editor. */
void record_mend(struct record *record, uint32_t id)
{
    struct entry entry;
    enum found found[2];
    for (int i = 0; i < 2; i++)
        found[i] = copy_read(&record->copies[i], id, &entry);
    if (found[0] == FOUND_BROKEN && found[1] == FOUND_BROKEN)
        return;
    for (int i = 0; i < 2; i++)
        if (found[i] == FOUND_BUSY || found[i] == FOUND_BROKEN)
            atomic_store_explicit(&record->copies[i].sequence, 0, memory_order_relaxed);
}
