/* unit_mmap_db.c - 04_mmap_db, function by function: what a shell cannot reach */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../04_mmap_db/layout.h"
#include "../common/check.h"
#include "tap.h"

const char program_name[] = "unit_mmap_db";

static char folder[] = "/tmp/umapdb-XXXXXX";
static char path[64], copy_path[64];

static struct db *open_db(const char *file, int flags, uint32_t capacity)
{
    struct db *db;
    if (db_open(&db, file, flags, capacity) == -1)
        die("cannot open %s: %s", file, strerror(errno));
    return db;
}

static struct db *fresh_db(uint32_t capacity)
{
    unlink(path);
    return open_db(path, DB_CREATE, capacity);
}

static void copy_file(void)
{
    char command[160];
    snprintf(command, sizeof command, "cp %s %s", path, copy_path);
    unlink(copy_path);
    if (system(command) != 0) /* NOLINT(cert-env33-c): two names of our own */
        die("%s failed", command);
}

static bool fails_with(int result, int error)
{
    return result == -1 && errno == error;
}

static bool has(struct db *db, const char *name, double value)
{
    double got;
    uint64_t bits, got_bits; /* -0 is not 0 */
    if (db_get(db, name, &got) == -1)
        return false;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&got_bits, &got, sizeof got_bits);
    return bits == got_bits;
}

static void numbered(char name[DB_NAME_BYTES + 1], unsigned number)
{
    snprintf(name, DB_NAME_BYTES + 1, "name-%u", number);
}

static void test_crc(void)
{
    uint64_t word;
    crc_init();
    memcpy(&word, "12345678", 8);
    is_number("CRC-32C is that of iSCSI", crc_words(0, &word, 1), 0x6087809a);
    uint64_t words[6] = {1, 2, 3, 4, 5, 6};
    uint32_t crc = crc_words(0, words, 6);
    bool noticed = true;
    for (int bit = 0; bit < 6 * 64; bit++) {
        words[bit / 64] ^= UINT64_C(1) << bit % 64;
        noticed = noticed && crc_words(0, words, 6) != crc;
        words[bit / 64] ^= UINT64_C(1) << bit % 64;
    }
    ok("any one bit changes it", noticed);
    bool same = true;
    for (size_t count = 0; count <= 6; count++)
        same = same && crc_words(7, words, count) == crc_words_by_table(7, words, count);
    ok("processors with and without the instruction agree", same);
}

static void test_names(void)
{
    static const char *const good[] = {"a", "é", "€", "𝄞", "\xf4\x8f\xbf\xbf", "a\nb"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc3",
                                      "\xed\xa0\x80",
                                      "\xe0\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "a\xff"};
    bool right = true;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        right = right && db_name_check(good[i]) == 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        right = right && fails_with(db_name_check(bad[i]), EILSEQ);
    ok("UTF-8 is told from what is not", right);
    char name[DB_NAME_BYTES + 2];
    memset(name, 'n', sizeof name);
    name[DB_NAME_BYTES + 1] = '\0';
    ok("64 bytes are no name", fails_with(db_name_check(name), EINVAL));
    ok("nor are 0", fails_with(db_name_check(""), EINVAL));
    struct db *db = fresh_db(0);
    ok("nor does db_put take them", fails_with(db_put(db, name, 1), EINVAL) &&
                                        fails_with(db_put(db, "", 1), EINVAL) &&
                                        fails_with(db_put(db, "\xff", 1), EILSEQ));
    name[DB_NAME_BYTES] = '\0';
    ok("63 are", db_put(db, name, 1) == 0 && has(db, name, 1));
    db_close(db);
}

static void test_arguments(void)
{
    struct db *db;
    unlink(path);
    ok("no file", fails_with(db_open(&db, path, 0, 0), ENOENT) && db == NULL);
    ok("unknown flags", fails_with(db_open(&db, path, 64, 0), EINVAL));
    ok("read only and create", fails_with(db_open(&db, path, DB_READ_ONLY | DB_CREATE, 0), EINVAL));
    ok("too large a capacity",
       fails_with(db_open(&db, path, DB_CREATE, DB_CAPACITY_MAX + 1U), EINVAL));
    ok("a folder", fails_with(db_open(&db, folder, DB_READ_ONLY, 0), EINVAL));
    db_close(fresh_db(17));
    db = open_db(path, DB_READ_ONLY, 0);
    is_number("a capacity is rounded up", capacity_at(db, 0), 32);
    ok("read only: no put", fails_with(db_put(db, "a", 1), EBADF));
    ok("read only: no delete", fails_with(db_delete(db, "a"), EBADF));
    db_close(db);
    db_close(NULL);
}

/* Random puts and deletes, beside an array that is surely right. */
static void test_model(void)
{
    enum { NAMES = 500, STEPS = 40000 };
    static double model[NAMES]; /* 0: not there */
    struct db *db = fresh_db(16);
    uint64_t random = 1;
    bool right = true;
    for (int i = 0; i < STEPS && right; i++) {
        char name[DB_NAME_BYTES + 1];
        random = random * UINT64_C(6364136223846793005) + 1;
        unsigned number = (unsigned)(random >> 40) % NAMES;
        numbered(name, number);
        if (random >> 63) {
            right = db_put(db, name, i + 1) == 0;
            model[number] = i + 1;
        } else if (model[number] != 0) {
            right = db_delete(db, name) == 0;
            model[number] = 0;
        } else {
            right = fails_with(db_delete(db, name), ENOENT);
        }
        double value = 0;
        bool there = db_get(db, name, &value) == 0;
        right = right && there == (model[number] != 0) && (!there || value == model[number]);
    }
    ok("random puts and deletes do what an array does", right);
    is_number("... and leave nothing to complain of", db_check(db, stdout), 0);
    ok("deleted records are used again: 500 names need 512",
       capacity_at(db, db_generation(db)) <= 512);
    struct db_record record;
    unsigned live = 0, walked = 0;
    for (int i = 0; i < NAMES; i++)
        live += model[i] != 0;
    for (uint32_t cursor = 0; db_next(db, &cursor, &record) == 0; walked++)
        right = right && record.active && model[atoi(record.name + 5)] == record.value; /* NOLINT */
    ok("a walk meets each live record once", right && live == walked && errno == ENOENT);
    ok("rebuilt, the index is as good", writer_lock(db) == 0 && index_rebuild(db, true) == 0);
    writer_unlock(db);
    is_number("... and is the same", db_check(db, stdout), 0);
    db_close(db);
}

/* Among 200000 names some share a hash of 32 bits, as sure as birthdays. */
static void test_collision(void)
{
    enum { NAMES = 200000 };
    struct named_hash {
        uint32_t hash;
        unsigned number;
    } *hashes = calloc((size_t)NAMES * 2, sizeof *hashes);
    char one[DB_NAME_BYTES + 1] = "", other[DB_NAME_BYTES + 1] = "";
    if (hashes == NULL)
        die("no memory");
    for (unsigned i = 1; i <= NAMES && other[0] == '\0'; i++) {
        struct key key;
        numbered(one, i);
        CHECK(key_of(&key, one));
        unsigned at = key.hash % (NAMES * 2);
        for (; hashes[at].number != 0; at = (at + 1) % (NAMES * 2))
            if (hashes[at].hash == key.hash)
                numbered(other, hashes[at].number);
        hashes[at] = (struct named_hash){key.hash, i};
    }
    free(hashes);
    struct db *db = fresh_db(0);
    ok("two names of one hash are found", other[0] != '\0');
    ok("... both are put", db_put(db, one, 1) == 0 && db_put(db, other, 2) == 0);
    ok("... both are got", has(db, one, 1) && has(db, other, 2));
    ok("... one is deleted", db_delete(db, one) == 0);
    double value;
    ok("... the other stays", has(db, other, 2) && fails_with(db_get(db, one, &value), ENOENT));
    is_number("... nothing to complain of", db_check(db, stdout), 0);
    db_close(db);
}

static void test_growth(void)
{
    struct db *db = fresh_db(16), *other = open_db(path, 0, 0),
              *reader = open_db(path, DB_READ_ONLY, 0);
    char name[DB_NAME_BYTES + 1];
    bool right = true;
    for (unsigned i = 0; i < 5000 && right; i++) {
        numbered(name, i);
        right = db_put(i % 2 ? db : other, name, i) == 0 && has(reader, name, i);
    }
    for (unsigned i = 0; i < 5000 && right; i++) {
        numbered(name, i);
        right = has(db, name, i) && has(other, name, i);
    }
    ok("it grows from 16 to 8192 under three who have it open", right);
    is_number("... nothing to complain of", db_check(reader, stdout), 0);
    db_close(db);
    db_close(other);
    ok("the reader goes on when the writers have left", has(reader, "name-4999", 4999));
    db_close(reader);
    reader = open_db(path, DB_READ_ONLY, 0);
    ok("the file is sealed", !reader->is_distrustful);
    db_close(reader);
}

/* Its boot is another one, its mutex is locked by nobody who lives, its index is half changed. */
static void test_dead_machine(void)
{
    struct db *db = fresh_db(16);
    db_put(db, "a", 1);
    db_put(db, "b", 2);
    CHECK(writer_lock(db));
    index_begin(db);
    index_remove(db, 0, 0, 0);
    copy_file();
    index_end(db);
    writer_unlock(db);
    db_close(db);
    struct db *reader = open_db(copy_path, DB_READ_ONLY, 0);
    double value;
    ok("left locked by a dead machine: readers read", has(reader, "a", 1) && has(reader, "b", 2));
    ok("... and miss what is not there", fails_with(db_get(reader, "c", &value), ENOENT));
    is_number("... it is no damage", db_check(reader, stdout), 0);
    alarm(20);
    db = open_db(copy_path, 0, 0);
    ok("... a writer opens at once, beside a reader",
       db_put(db, "c", 3) == 0 && has(reader, "c", 3));
    is_number("... nothing to complain of", db_check(db, stdout), 0);
    alarm(0);
    db_close(reader);
    db_close(db);
}

/* What a delete that never reached the disk leaves: two records of one name. */
static void test_twice(void)
{
    struct db *db = fresh_db(16);
    db_put(db, "twin", 1);
    db_put(db, "filler", 1);
    struct place place = {.id = 1};
    struct record *filler = record_at(db, 1);
    CHECK(record_read(filler, 1, &place.entry, &place.newest) == FOUND_WHOLE ? 0 : -1);
    memset(place.entry.name, 0, sizeof place.entry.name);
    memcpy(place.entry.name, "twin", 4);
    place.entry.shape = 1 << 8 | 4;
    place.entry.sequence = 99;
    double two = 2;
    memcpy(&place.entry.value, &two, sizeof two);
    record_write(filler, 1, &place.entry, place.newest);
    copy_file(); /* nobody has closed it */
    db_close(db);
    struct db *reader = open_db(copy_path, DB_READ_ONLY, 0);
    ok("of two records of one name the later one counts: for a reader", has(reader, "twin", 2));
    db_close(reader);
    db = open_db(copy_path, 0, 0);
    ok("... and for a writer", has(db, "twin", 2));
    is_number("... nothing to complain of", db_check(db, stdout), 0);
    ok("... and deleted, it is gone", db_delete(db, "twin") == 0);
    double value;
    ok("... for good", fails_with(db_get(db, "twin", &value), ENOENT));
    db_close(db);
}

/* A child of fork() has the file open as its parent had, who closes it first. */
static void test_fork(void)
{
    struct db *db = fresh_db(16);
    int go[2];
    db_put(db, "a", 1);
    CHECK(pipe(go));
    pid_t child = CHECK(fork());
    if (child == 0) {
        char byte;
        close(go[1]);
        int result = read(go[0], &byte, 1) == 0 ? db_put(db, "b", 2) : -1;
        db_close(db);
        _exit(result == 0 ? 0 : 1);
    }
    db_close(db);
    close(go[0]);
    close(go[1]);
    int status;
    CHECK(waitpid(child, &status, 0));
    is_number("a child puts when its parent has closed the file", status, 0);
    db = open_db(path, DB_READ_ONLY, 0);
    is_number("... no fault: that seal was broken", db_check(db, stdout), 0);
    ok("... and all is there", has(db, "a", 1) && has(db, "b", 2));
    db_close(db);
}

/* A writer that dies between two of its words: the other copy counts. */
static void test_torn_copy(void)
{
    struct db *db = fresh_db(16);
    db_put(db, "a", 1);
    db_put(db, "a", 2);
    struct record *record = record_at(db, 0);
    for (int i = 0; i < 2; i++) {
        uint64_t sequence = atomic_load(&record->copies[i].sequence);
        atomic_store(&record->copies[i].sequence, sequence | COPY_BUSY);
        ok("a copy that was being written does not count", has(db, "a", i == 0 ? 2 : 1));
        atomic_store(&record->copies[i].sequence, sequence);
        uint64_t bits = atomic_load(&record->copies[i].value);
        atomic_store(&record->copies[i].value, bits ^ 1);
        ok("nor does one whose CRC is wrong", has(db, "a", i == 0 ? 2 : 1));
        is_number("... which is a fault", db_check(db, NULL), 1);
        atomic_store(&record->copies[i].value, bits);
    }
    uint64_t bits[2];
    for (int i = 0; i < 2; i++) {
        bits[i] = atomic_load(&record->copies[i].value);
        atomic_store(&record->copies[i].value, bits[i] ^ 1);
    }
    double value;
    ok("with both wrong a get says so", fails_with(db_get(db, "a", &value), EBADMSG));
    ok("... and a put heals it", db_put(db, "a", 3) == 0 && has(db, "a", 3));
    is_number("... but for the other copy", db_check(db, NULL), 1);
    db_close(db);
}

/* A reader that may not repair, and a record that never stands still. */
static void test_busy(void)
{
    struct db *db = fresh_db(16);
    db_put(db, "a", 1);
    db_put(db, "b", 1);
    db_put(db, "c", 1);
    struct record *record = record_at(db, 1);
    uint64_t sequence = atomic_load(&record->copies[0].sequence);
    for (int i = 0; i < 2; i++)
        atomic_store(&record->copies[i].sequence, sequence | COPY_BUSY);
    copy_file(); /* nobody has closed it */
    struct db *trusting = open_db(path, DB_READ_ONLY, 0),
              *distrustful = open_db(copy_path, DB_READ_ONLY, 0);
    double value;
    ok("a busy record may be what is looked for",
       fails_with(db_get(distrustful, "b", &value), EAGAIN) &&
           fails_with(db_get(trusting, "b", &value), EAGAIN));
    ok("... others are got", has(distrustful, "c", 1) && has(trusting, "c", 1));
    struct db_record met;
    uint32_t cursor = 1;
    ok("... a walk says so too", fails_with(db_next(trusting, &cursor, &met), EAGAIN));
    atomic_store(&record->copies[0].sequence, sequence);
    ok("... and goes on there",
       db_next(trusting, &cursor, &met) == 0 && strcmp(met.name, "b") == 0);
    db_close(trusting);
    db_close(distrustful);
    db_close(db);
}

/* After a crash of the machine nothing in the header is true: a reader's walk goes on to the last
 * record, also while the first writer is about to repair. */
static void test_stale_header(void)
{
    struct db *db = fresh_db(16);
    for (int i = 0; i < 5; i++) {
        char name[DB_NAME_BYTES + 1];
        numbered(name, (unsigned)i);
        db_put(db, name, i);
    }
    atomic_store(&db->header->used, 2);
    copy_file();
    struct db *reader = open_db(copy_path, DB_READ_ONLY, 0), *other = open_db(copy_path, 0, 0);
    atomic_store(&other->header->used, 2);
    index_begin(other);
    struct db_record record;
    int met = 0;
    for (uint32_t cursor = 0; db_next(reader, &cursor, &record) == 0;)
        met++;
    is_number("a walk does not end where a stale header says", met, 5);
    db_close(other);
    db_close(reader);
    db_close(db);
}

/* Values from the file that lead nowhere: no access out of bounds (the sanitizers look), no endless
 * loop, and a right answer or an error. */
static void test_scribbled(void)
{
    struct db *db = fresh_db(16);
    char name[DB_NAME_BYTES + 1];
    for (unsigned i = 0; i < 12; i++) {
        numbered(name, i);
        db_put(db, name, i);
    }
    struct header *header = db->header;
    double value;
    alarm(60);
    atomic_store(&header->generation, UINT32_MAX);
    ok("a generation that cannot be", db_get(db, "name-1", &value) == -1 || value == 1);
    db_put(db, "new", 1);
    atomic_store(&header->generation, 7);
    ok("one that is not in the file", fails_with(db_put(db, "new", 1), EBADMSG));
    atomic_store(&header->generation, 0);
    atomic_store(&header->used, UINT32_MAX);
    atomic_store(&header->free_head, UINT32_MAX);
    ok("counts that cannot be: derived anew", db_put(db, "new", 1) == 0 && has(db, "new", 1));
    atomic_store(&header->free_head, 1);
    ok("a free record that lives: derived anew",
       db_put(db, "new2", 1) == 0 && has(db, "name-0", 0));
    _Atomic uint64_t *index = index_at(db, 0);
    for (int i = 0; i < 32; i++)
        atomic_store(&index[i], UINT64_MAX);
    ok("an index full of nonsense: a get ends", fails_with(db_get(db, "name-1", &value), ENOENT));
    ok("... a put makes it anew", db_put(db, "new3", 1) == 0 && has(db, "name-1", 1));
    atomic_store(&header->index_sequence, 12345);
    ok("an index that is not to be trusted: made anew",
       fails_with(db_get(db, "none", &value), ENOENT));
    is_number("... nothing to complain of", db_check(db, stdout), 0);
    uint64_t changes = 1000000; /* more than any record says: its writer died before it was put */
    atomic_store(&header->changes, changes);
    atomic_store(&header->index_sequence, 12345);
    ok("a repair does not count back", db_put(db, "name-1", 1) == 0 && db_changes(db) > changes);
    atomic_store(&header->free_head, 1); /* a list that is a ring */
    for (uint32_t id = 0; id < 16; id++)
        atomic_store(&record_at(db, id)->copies[0].next_free, (id + 1) % 16 + 1);
    atomic_store(&header->used, UINT32_MAX);
    ok("a list of free records that has no end: check ends", db_check(db, NULL) > 0);
    memset((void *)&header->mutex, 0xff, 24);
    ok("what is no mutex any more is an error", fails_with(db_put(db, "name-1", 2), EBADMSG));
    CHECK(writer_lock_init(header));
    atomic_store(&header->changes, UINT64_MAX);
    ok("a count of changes at its end: derived anew",
       db_put(db, "name-1", 2) == 0 && has(db, "name-1", 2));
    alarm(0);
    db_close(db);
}

/* Also on a 32-bit machine. A record has 256 bytes, and two places of 8 in the index. */
static void test_offsets(void)
{
    const uint64_t many = UINT64_C(1) << 24;
    ok("the first extent follows the header", extent_offset(1U << 24, 0) == DB_HEADER_BYTES);
    ok("the second one the first one, beyond 4 GiB",
       extent_offset(1U << 24, 1) == DB_HEADER_BYTES + many * (256 + 16));
}

int main(void)
{
    if (mkdtemp(folder) == NULL)
        die("cannot make %s: %s", folder, strerror(errno));
    snprintf(path, sizeof path, "%s/db", folder);
    snprintf(copy_path, sizeof copy_path, "%s/copy", folder);
    test_offsets();
    test_crc();
    test_names();
    test_arguments();
    test_model();
    test_collision();
    test_growth();
    test_dead_machine();
    test_twice();
    test_fork();
    test_torn_copy();
    test_busy();
    test_stale_header();
    test_scribbled();
    unlink(path);
    unlink(copy_path);
    CHECK(rmdir(folder));
    return done_testing();
}
