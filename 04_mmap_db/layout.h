/* layout.h - the bytes of the file, and what the .c files of the database know about each other
 *
 *   header page | extent 0: records, index | extent 1: records, index | extent 2 ...
 *
 * Extent 0 has room for the first capacity, each further one for as many records as there were before
 * it: so every generation doubles the capacity, nothing ever moves, and where anything lies follows
 * from the first capacity alone. An extent's index covers all records up to its end; only the last
 * one is in use. Programs include db.h, not this.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "db.h"

enum {
    DB_LAYOUT_VERSION = 1,
    DB_HEADER_BYTES = 4096,
    DB_CAPACITY_MIN = 16,
    DB_GENERATIONS = 25, /* 16 << 24 is DB_CAPACITY_MAX */
    DB_NAME_WORDS = 8,
};

/* Looks at what a writer changes, before a reader takes the lock. (Fuzzing, where no writer is coming,
 * makes do with fewer.) */
#ifndef DB_TRIES
#define DB_TRIES 1000
#endif

#define DB_MAGIC UINT64_C(0x0a1a424450414d4d) /* "MMAPDB", and two bytes that text mode changes */
#define DB_BYTE_ORDER UINT32_C(0x01020304)

/* [constants] What never changes. It is there twice: a damaged one must not cost all records. */
struct constants {
    uint64_t magic;
    uint32_t layout_version;
    uint32_t byte_order;
    uint32_t record_bytes;
    uint32_t first_capacity; /* a power of two */
    uint32_t zero;
    uint32_t crc; /* of the words before */
};

/* [seal] What the last one who closed the file found. It holds for this boot of the machine: after
 * another one nobody knows which pages had reached the disk. */
struct seal {
    uint64_t boot; /* 0: not sealed */
    uint64_t changes;
    uint64_t index_sequence;
    uint32_t generation, used, live, free_head;
    uint32_t index_crc;
    uint32_t crc; /* of the words before */
};

enum { DB_BUILDING = 0x4c495542, DB_READY = 0x59444552 }; /* BUIL, REDY */

struct header {
    struct constants constants;
    _Atomic uint32_t state;

    /* Written when records come and go, read by each get. Odd index_sequence: the index is being
     * changed, what it does not hold may exist. */
    _Alignas(128) _Atomic uint64_t index_sequence;
    _Atomic uint32_t generation;

    /* Written by each put. Derived from the records: a repair counts anew. */
    _Alignas(128) _Atomic uint64_t changes; /* the highest sequence number of a copy */
    _Atomic uint32_t used;                  /* records from here on were never used */
    _Atomic uint32_t live;
    _Atomic uint32_t free_head;        /* the first deleted record, by id + 1 */
    _Atomic uint32_t unsynced_deletes; /* not 0: the disk may not have seen some */

    _Alignas(128) pthread_mutex_t mutex;
    _Alignas(128) struct seal seal;
    uint8_t unused[2048 - 512 - sizeof(struct seal)];
    struct constants constants_again;
    uint8_t unused_too[DB_HEADER_BYTES - 2048 - sizeof(struct constants)];
};

/* [copy] One of the two states of a record: the one with the higher sequence number counts. */
struct copy {
    _Atomic uint64_t sequence; /* 0: none; COPY_BUSY: being written, or its writer died of it */
    _Atomic uint64_t meta;     /* CRC-32C, zeros, active, bytes of the name: 32, 16, 8, 8 bits */
    _Atomic uint64_t time_ns;
    _Atomic uint64_t value;
    _Atomic uint64_t name[DB_NAME_WORDS];
    _Atomic uint64_t next_free; /* in the first copy: the next deleted record, by id + 1 */
    uint64_t zero[3];
};

#define COPY_BUSY (UINT64_C(1) << 63)

struct record {
    struct copy copies[2];
};

_Static_assert(sizeof(struct constants) == 32, "constants");
_Static_assert(sizeof(struct seal) == 48, "seal");
_Static_assert(offsetof(struct header, state) == 32, "state");
_Static_assert(offsetof(struct header, index_sequence) == 128, "index_sequence");
_Static_assert(offsetof(struct header, generation) == 136, "generation");
_Static_assert(offsetof(struct header, changes) == 256, "changes");
_Static_assert(offsetof(struct header, used) == 264, "used");
_Static_assert(offsetof(struct header, free_head) == 272, "free_head");
_Static_assert(offsetof(struct header, unsynced_deletes) == 276, "unsynced_deletes");
_Static_assert(offsetof(struct header, mutex) == 384, "mutex");
_Static_assert(sizeof(pthread_mutex_t) <= 128, "mutex");
_Static_assert(offsetof(struct header, seal) == 512, "seal");
_Static_assert(offsetof(struct header, constants_again) == 2048, "constants_again");
_Static_assert(sizeof(struct header) == DB_HEADER_BYTES, "header");
_Static_assert(sizeof(struct copy) == 128, "copy");
_Static_assert(offsetof(struct copy, name) == 32, "name");
_Static_assert(offsetof(struct copy, next_free) == 96, "next_free");
/* 64 bits wide, and so is what is computed with it, on any machine. */
#define RECORD_BYTES UINT64_C(256)
_Static_assert(sizeof(struct record) == RECORD_BYTES, "a page holds whole records");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "atomics of processes");

/* A private copy of a copy. Its CRC is that of its words up to the end of the name. */
struct entry {
    uint64_t sequence, time_ns, value;
    uint64_t shape;               /* id, zeros, active, bytes of the name: 32, 16, 8, 8 bits */
    uint64_t name[DB_NAME_WORDS]; /* padded with zeros */
};

/* A name as it is searched for. */
struct key {
    uint64_t name[DB_NAME_WORDS]; /* padded with zeros */
    uint32_t hash;
    uint8_t name_bytes;
    uint8_t words;    /* of the name */
    uint64_t time_ns; /* of the change, where it is for one */
};

/* Where an extent is mapped. Read-only, a truncated file's last ones are not whole. */
struct extent {
    struct record *records;
    _Atomic uint64_t *index; /* NULL: not there */
    uint32_t records_there;
    void *map;
    size_t map_bytes;
};

struct db {
    int fd;
    int flags;
    struct header *header;
    uint32_t first_capacity;
    uint32_t first_bits; /* its logarithm */
    _Atomic uint32_t extents_there;
    uint64_t distrusted_sequence; /* read-only: this state of the index may not be believed */
    bool is_distrustful;          /* read-only: that state there is */
    bool after_crash;             /* read-only: nobody has looked after the file since */
    int32_t opener;               /* whose it is to close it */
    bool constants_damaged;
    pthread_mutex_t mapping; /* between the threads of this process */
    pthread_mutex_t threads; /* the same, where the writers' lock knows only processes */
    struct extent extents[DB_GENERATIONS];
};

/* [hook] A test build stops or dies where DB_HOOK says; in all others this is nothing. */
#ifdef DB_TEST_HOOKS
void db_hook(const char *where);
#else
#define db_hook(where) ((void)0)
#endif

static inline int fail(int error)
{
    errno = error;
    return -1;
}

/* The generation, for which there is room in a struct db whatever the file says. */
static inline uint32_t db_generation(const struct db *db)
{
    /* acquire: pairs with the release in file_grow(): the new index is filled. */
    uint32_t generation = atomic_load_explicit(&db->header->generation, memory_order_acquire);
    return generation < DB_GENERATIONS ? generation : DB_GENERATIONS - 1;
}

static inline uint32_t capacity_at(const struct db *db, uint32_t generation)
{
    return db->first_capacity << generation;
}

/* How many records come before the extent of this generation. */
static inline uint32_t records_before(uint32_t first_capacity, uint32_t generation)
{
    return generation == 0 ? 0 : first_capacity << (generation - 1);
}

static inline bool extents_are_there(const struct db *db, uint32_t generation)
{
    /* acquire: pairs with the release in extents_map(), of maybe another thread. */
    return generation < atomic_load_explicit(&db->extents_there, memory_order_acquire);
}

/* NULL: not mapped */
static inline struct record *record_at(const struct db *db, uint32_t id)
{
    uint32_t generation =
        id < db->first_capacity ? 0 : 32 - (uint32_t)__builtin_clz(id >> db->first_bits);
    if (!extents_are_there(db, generation))
        return NULL;
    const struct extent *extent = &db->extents[generation];
    uint32_t offset = id - records_before(db->first_capacity, generation);
    return offset < extent->records_there ? &extent->records[offset] : NULL;
}

/* NULL: not mapped */
static inline _Atomic uint64_t *index_at(const struct db *db, uint32_t generation)
{
    if (!extents_are_there(db, generation))
        return NULL;
    return db->extents[generation].index;
}

static inline bool db_may_write(const struct db *db)
{
    return (db->flags & DB_READ_ONLY) == 0;
}

/* header.c */
struct constants constants_of(uint32_t first_capacity);
int constants_read(struct db *db); /* ENODATA: the file is empty */
int header_map(struct db *db);
uint32_t state_now(const struct db *db);
int file_build(struct db *db, const char *path, uint32_t capacity); /* alone with the file */

/* grow.c: extents */
uint64_t extent_offset(uint32_t first_capacity, uint32_t generation); /* = the file's size before */
uint32_t generation_of_size(uint32_t first_capacity, uint64_t bytes);
bool size_is_whole(uint32_t first_capacity, uint64_t bytes); /* of an extent's end */
int extents_map(struct db *db, uint32_t generation); /* up to this one; EBADMSG: not in the file */
void extents_unmap(struct db *db);
int file_reserve(int fd, uint64_t offset, uint64_t bytes);
int file_grow(struct db *db); /* doubles; holding the lock */

/* crc.c */
void crc_init(void); /* once in a process, before the others */
uint32_t crc_words(uint32_t crc, const uint64_t *words, size_t count);
uint32_t crc_words_by_table(uint32_t crc, const uint64_t *words, size_t count); /* the same */
uint32_t crc_atomic_words(uint32_t crc, _Atomic uint64_t *words, size_t count);

/* What is found where a name is looked for. */
struct place {
    uint32_t id;
    int newest; /* which of its two copies; -1: none is whole */
    struct entry entry;
};

/* record.c: the two copies */
enum found {
    FOUND_NONE,
    FOUND_WHOLE,
    FOUND_BROKEN, /* its CRC is wrong */
    FOUND_BUSY,   /* being written */
};
enum found copy_read(struct copy *copy, uint32_t id, struct entry *entry);
enum found record_read(struct record *record, uint32_t id, struct entry *entry, int *newest);
bool record_hit(struct record *record, uint32_t id, const struct key *key, struct place *place);
void record_write(struct record *record, uint32_t id, struct entry *entry, int newest);
void record_mend(struct record *record, uint32_t id);

static inline bool entry_active(const struct entry *entry)
{
    return (entry->shape >> 8 & 0xff) == 1;
}

static inline uint8_t entry_name_bytes(const struct entry *entry)
{
    return (uint8_t)entry->shape;
}

/* index.c: ids by name */
int key_of(struct key *key, const char *name);
struct key key_of_entry(const struct entry *entry);
bool entry_matches(const struct entry *entry, const struct key *key); /* and is active */
enum found index_find(struct db *db, uint32_t generation, const struct key *key,
                      struct place *place);
void index_fetch(struct db *db, const struct key *key); /* hints to the processor */
void record_fetch(struct db *db, const struct key *key);
int index_insert(struct db *db, uint32_t generation, uint32_t hash, uint32_t id);
void index_remove(struct db *db, uint32_t generation, uint32_t hash, uint32_t id);
int index_double(struct db *db, uint32_t generation); /* fills the one of the next generation */
int index_clear(struct db *db, uint32_t generation);
void index_begin(struct db *db); /* from here on what it does not hold may exist ... */
void index_end(struct db *db);   /* ... till here */

/* recover.c */
bool seal_holds(const struct db *db);
bool seal_is_old(const struct db *db);              /* nobody has closed the file since a crash */
void seal_write(struct db *db);                     /* holding the lock, and alone */
void seal_break(struct db *db);                     /* holding the lock, or alone */
int index_rebuild(struct db *db, bool after_crash); /* holding the lock, or alone */

/* lock.c: each wait takes DB_LOCK_SECONDS at most */
int opening_lock(int fd); /* one process at a time opens or closes */
void opening_unlock(int fd);
int try_alone(int fd); /* 1: nobody else has the file open to write; 0: others have */
int join_others(int fd);
bool others_write(int fd); /* for whoever has it open to read only */
int writer_lock_init(struct header *header);
int writer_lock(struct db *db); /* and repairs what a dead owner left, and maps what has grown */
void writer_unlock(struct db *db);

#endif
