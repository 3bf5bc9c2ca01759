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
static uint64_t read_boot_number(void)
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

static uint64_t boot;

static void find_boot(void)
{
    boot = read_boot_number();
}

/* Read once: that it is known at one time and unknown at another must not look like damage. */
static uint64_t boot_number(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_boot);
    return boot;
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
    struct seal seal = db->header->seal;
    return seal.boot == 0 || (seal.crc == seal_crc(&seal) && seal.boot != boot_number());
}

/* [broken seal] Without its boot it is none. So that comes last and goes first, whenever its writer dies. */
void seal_write(struct db *db)
{
    struct seal seal = seal_now(db);
    uint64_t its_boot = seal.boot;
    seal.boot = 0;
    db->header->seal = seal;
    atomic_signal_fence(memory_order_seq_cst);
    db->header->seal.boot = its_boot;
}

void seal_break(struct db *db)
{
    db->header->seal.boot = 0;
    atomic_signal_fence(memory_order_seq_cst);
    db->header->seal = (struct seal){0};
}

/* What a repair finds. It is put into the header at its end: a reader walks on meanwhile, and must not
 * find that nothing is in use. */
struct counts {
    uint64_t changes; /* the highest number of all copies */
    uint32_t used, live, free_head;
};

/* [twice] A delete that did not reach the disk leaves two records of one name: the one that was put
 * later counts. Returns 1 if *this is now the other one: deleted, and free. */
static int take_in(struct db *db, uint32_t generation, struct place *this, struct counts *counts)
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
    atomic_store_explicit(&db->header->unsynced_deletes, 1, memory_order_relaxed);
    this->entry.shape &= UINT64_C(0xff); /* not active */
    this->entry.sequence = ++counts->changes;
    record_write(record_at(db, this->id), this->id, &this->entry, this->newest);
    return 1;
}

/* One record's part in the counts, the index and the list of free ones. */
static int count_in(struct db *db, uint32_t generation, uint32_t id, struct counts *counts)
{
    struct record *record = record_at(db, id);
    struct place this = {.id = id};
    enum found found = record_read(record, id, &this.entry, &this.newest);
    if (found == FOUND_NONE && counts->used == 0)
        return 0; /* never used, nor any behind it */
    if (counts->used == 0)
        counts->used = id + 1;
    if (found == FOUND_BROKEN || found == FOUND_BUSY)
        return 0; /* damaged: neither live nor free */
    if (found == FOUND_WHOLE && this.entry.sequence > counts->changes)
        counts->changes = this.entry.sequence;
    if (found == FOUND_WHOLE && entry_active(&this.entry)) {
        int twice = take_in(db, generation, &this, counts);
        if (twice == 0)
            counts->live++;
        if (twice <= 0)
            return twice;
    }
    atomic_store_explicit(&record_at(db, this.id)->copies[0].next_free, counts->free_head,
                          memory_order_relaxed);
    counts->free_head = this.id + 1;
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
    /* Never backwards: somebody who watches would take the next change for one that it has seen. */
    struct counts counts = {.changes =
                                atomic_load_explicit(&header->changes, memory_order_relaxed)};
    if (counts.changes >= COPY_BUSY / 2)
        counts.changes = 0; /* nobody has counted that far */
    for (uint32_t id = capacity_at(db, generation);
         id-- > 0;) { /* so the first ones are used first */
        if (after_crash)
            record_mend(record_at(db, id), id);
        if (count_in(db, generation, id, &counts) == -1)
            return -1;
        db_hook("rebuild");
    }
    atomic_store_explicit(&header->used, counts.used, memory_order_relaxed);
    atomic_store_explicit(&header->live, counts.live, memory_order_relaxed);
    atomic_store_explicit(&header->free_head, counts.free_head, memory_order_relaxed);
    atomic_store_explicit(&header->changes, counts.changes, memory_order_relaxed);
    index_end(db);
    return 0;
}
