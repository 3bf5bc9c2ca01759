/* recover.c - after a crash: what can be derived from the records is derived anew
 *
 * That is the index, the counts, the list of free records, and how often the file has grown.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

#include "layout.h"

/* [boot] A number for this boot of this machine; 0: unknown. */
static uint64_t boot_number(void)
{
    char text[64] = {0};
#ifdef __APPLE__
    size_t bytes = sizeof text;
    if (sysctlbyname("kern.bootsessionuuid", text, &bytes, NULL, 0) == -1)
        return 0;
#else
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return 0;
    ssize_t bytes = read(fd, text, sizeof text - 1);
    close(fd);
    if (bytes <= 0)
        return 0;
#endif
    uint64_t words[sizeof text / 8];
    memcpy(words, text, sizeof text);
    return (uint64_t)crc_words(0, words, 8) << 32 | crc_words(1, words, 8) | 1;
}

static uint32_t seal_crc(const struct seal *seal)
{
    uint64_t words[sizeof *seal / 8] = {0};
    memcpy(words, seal, offsetof(struct seal, crc));
    return crc_words(0, words, sizeof words / 8);
}

/* What a seal says if it is made now. */
static struct seal seal_now(const struct db *db)
{
    const struct header *header = db->header;
    struct seal seal = {
        .boot = boot_number(),
        .changes = atomic_load_explicit(&header->changes, memory_order_relaxed),
        .index_sequence = atomic_load_explicit(&header->index_sequence, memory_order_relaxed),
        .generation = db_generation(db),
        .used = atomic_load_explicit(&header->used, memory_order_relaxed),
        .live = atomic_load_explicit(&header->live, memory_order_relaxed),
        .free_head = atomic_load_explicit(&header->free_head, memory_order_relaxed),
    };
    _Atomic uint64_t *index = index_at(db, seal.generation);
    if (index == NULL || seal.index_sequence % 2 != 0)
        return (struct seal){0};
    seal.index_crc = crc_atomic_words(0, index, (size_t)capacity_at(db, seal.generation) * 2);
    seal.crc = seal_crc(&seal);
    return seal;
}

/* Is the index as the last one left it who closed the file, in this boot? */
bool seal_holds(const struct db *db)
{
    struct seal seal = db->header->seal;
    if (seal.boot == 0 ||
        seal.generation != atomic_load_explicit(&db->header->generation, memory_order_relaxed))
        return false; /* before an index is read for nothing */
    struct seal now = seal_now(db);
    return memcmp(&seal, &now, sizeof seal) == 0;
}

bool seal_is_old(const struct db *db)
{
    struct seal seal = db->header->seal, none = {0};
    return memcmp(&seal, &none, sizeof seal) == 0 ||
           (seal.crc == seal_crc(&seal) && seal.boot != boot_number());
}

void seal_write(struct db *db)
{
    db->header->seal = seal_now(db);
}

/* Is there a higher number? Returns the highest. */
static uint64_t count_change(struct header *header, uint64_t sequence)
{
    uint64_t highest = atomic_load_explicit(&header->changes, memory_order_relaxed);
    if (sequence > highest)
        atomic_store_explicit(&header->changes, highest = sequence, memory_order_relaxed);
    return highest;
}

/* [twice] A delete that did not reach the disk leaves two records of one name: the one that was put
 * later counts. Returns 1 if *this is now the other one: deleted, and free. */
static int take_in(struct db *db, uint32_t generation, struct place *this)
{
    struct place other = {0};
    struct key key = key_of_entry(&this->entry);
    if (index_find(db, generation, &key, &other) != FOUND_WHOLE)
        return index_insert(db, generation, key.hash, this->id);
    if (other.entry.sequence < this->entry.sequence) {
        struct place later = *this;
        index_remove(db, generation, key.hash, other.id);
        if (index_insert(db, generation, key.hash, later.id) == -1)
            return -1;
        *this = other;
    }
    this->entry.shape &= UINT64_C(0xff); /* not active */
    this->entry.sequence = count_change(db->header, this->entry.sequence + 1);
    record_write(record_at(db, this->id), this->id, &this->entry, this->newest);
    return 1;
}

/* One record's part in the counts, the index and the list of free ones. */
static int count_in(struct db *db, uint32_t generation, uint32_t id)
{
    struct header *header = db->header;
    struct record *record = record_at(db, id);
    struct place this = {.id = id};
    enum found found = record_read(record, id, &this.entry, &this.newest);
    uint32_t used = atomic_load_explicit(&header->used, memory_order_relaxed);
    if (found == FOUND_NONE && used == 0)
        return 0; /* never used, nor any behind it */
    if (used == 0)
        atomic_store_explicit(&header->used, id + 1, memory_order_relaxed);
    if (found == FOUND_BROKEN || found == FOUND_BUSY)
        return 0; /* damaged: neither live nor free */
    if (found == FOUND_WHOLE)
        count_change(header, this.entry.sequence);
    if (found == FOUND_WHOLE && entry_active(&this.entry)) {
        int twice = take_in(db, generation, &this);
        if (twice == 0)
            atomic_fetch_add_explicit(&header->live, 1, memory_order_relaxed);
        if (twice <= 0)
            return twice;
    }
    uint32_t next = atomic_exchange_explicit(&header->free_head, this.id + 1, memory_order_relaxed);
    atomic_store_explicit(&record_at(db, this.id)->copies[0].next_free, next, memory_order_relaxed);
    return 0;
}

/* [rebuild] Readers meanwhile find what they find; what they don't find they don't believe. Who dies
 * in here leaves the number odd, and the next one begins again. */
int index_rebuild(struct db *db, bool after_crash)
{
    struct header *header = db->header;
    uint32_t generation = db_generation(db);
    if (extents_map(db, generation) == -1)
        return -1;
    index_begin(db);
    if (index_clear(db, generation) == -1)
        return -1;
    atomic_store_explicit(&header->used, 0, memory_order_relaxed);
    atomic_store_explicit(&header->live, 0, memory_order_relaxed);
    atomic_store_explicit(&header->free_head, 0, memory_order_relaxed);
    atomic_store_explicit(&header->changes, 0, memory_order_relaxed);
    for (uint32_t id = capacity_at(db, generation);
         id-- > 0;) { /* so the first ones are used first */
        if (after_crash)
            record_mend(record_at(db, id), id);
        if (count_in(db, generation, id) == -1)
            return -1;
        db_hook("rebuild");
    }
    index_end(db);
    return 0;
}
