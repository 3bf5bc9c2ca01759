/* fuzz_db.c - 04_mmap_db: a file of arbitrary bytes is opened, checked, read, written to
 *
 * make fuzz builds and runs it. The file lies in memory (memfd_create(2)), and its path is the one that
 * /proc has for it. Its lock is made anew by whoever is alone with it, so what stands there doesn't count.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "../04_mmap_db/layout.h"
#include "../common/check.h"
#include "fuzz.h"

const char program_name[] = "fuzz_db";

enum { NAMES = 12, STEPS = 100 };

static int fd = -1;
static char path[32];
static FILE *report;

static void name_of(char name[DB_NAME_BYTES + 1], int number)
{
    snprintf(name, DB_NAME_BYTES + 1, "%.*s%d", number * 5,
             "a name that is longer and longer ......", number);
}

static void open_files(void)
{
    if (fd != -1)
        return;
    fd = CHECK(memfd_create("fuzz", 0));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    report = fopen("/dev/null", "w");
    if (report == NULL)
        die("cannot open /dev/null: %s", strerror(errno));
}

static size_t fuzz_image(uint8_t *image, size_t room)
{
    struct db *db;
    char name[DB_NAME_BYTES + 1];
    open_files();
    CHECK(ftruncate(fd, 0));
    if (db_open(&db, path, DB_CREATE, DB_CAPACITY_MIN) == -1)
        die("cannot make a file: %s", strerror(errno));
    for (int i = 0; i < NAMES; i++) {
        name_of(name, i);
        CHECK(db_put(db, name, i));
    }
    CHECK(db_delete(db, name));
    db_close(db);
    return (size_t)CHECK((int)pread(fd, image, room, 0));
}

/* ---- checksums ---- */

static void seal_constants(struct constants *constants)
{
    uint64_t words[sizeof *constants / 8] = {0};
    constants->magic = DB_MAGIC;
    memcpy(words, constants, offsetof(struct constants, crc));
    constants->crc = crc_words(0, words, sizeof words / 8);
}

static void seal_copy(struct copy *copy, uint32_t id)
{
    uint32_t meta = (uint32_t)atomic_load(&copy->meta);
    size_t words = ((uint8_t)meta + 7U) / 8;
    struct entry entry = {atomic_load(&copy->sequence),
                          atomic_load(&copy->time_ns),
                          atomic_load(&copy->value),
                          (uint64_t)id << 32 | meta,
                          {0}};
    for (size_t i = 0; i < DB_NAME_WORDS; i++)
        entry.name[i] = atomic_load(&copy->name[i]);
    if (words <= DB_NAME_WORDS)
        atomic_store(&copy->meta, (uint64_t)crc_words(0, &entry.sequence, 4 + words) << 32 | meta);
}

static void fuzz_seal(uint8_t *image, size_t bytes, unsigned random)
{
    crc_init();
    if (bytes < sizeof(struct header))
        return;
    struct header *header = fuzz_copy(image, bytes, 128);
    if (random % 4 != 0)
        seal_constants(&header->constants);
    if (random / 4 % 2 != 0)
        header->constants_again = header->constants;
    struct record *records = (struct record *)(header + 1);
    for (uint32_t id = 0; random / 8 % 4 != 0 && id < DB_CAPACITY_MIN &&
                          sizeof *header + (id + 1) * sizeof *records <= bytes;
         id++)
        for (int i = 0; i < 2; i++)
            seal_copy(&records[id].copies[i], id);
    memcpy(image, header, bytes);
    free(header);
}

/* ---- use ---- */

static void read_all(struct db *db, FILE *faults)
{
    char name[DB_NAME_BYTES + 1];
    uint32_t cursor = 0;
    struct db_record record;
    double value;
    (void)db_check(db, faults);
    for (int i = 0; i < NAMES; i++) {
        name_of(name, i);
        (void)db_get(db, name, &value);
    }
    for (int i = 0; i < STEPS && db_next(db, &cursor, &record) == 0; i++)
        if (strnlen(record.name, sizeof record.name) > DB_NAME_BYTES)
            die("a name without an end");
}

/* What could be put, is there; what could be deleted, is not. */
static void write_all(struct db *db)
{
    char name[DB_NAME_BYTES + 1];
    double value;
    for (int i = 0; i < 2 * NAMES; i++) {
        name_of(name, i % DB_CAPACITY_MIN);
        if (i % 3 == 0 && db_delete(db, name) == 0 && db_get(db, name, &value) == 0)
            die("%s was deleted and is there", name);
        if (i % 3 != 0 && db_put(db, name, i) == 0 &&
            (db_get(db, name, &value) == -1 || value != i))
            die("%s was put and is not there: %s", name, strerror(errno));
    }
}

static void fuzz_one(const uint8_t *image, size_t bytes)
{
    struct db *db;
    open_files();
    CHECK(ftruncate(fd, (off_t)bytes));
    CHECK((int)pwrite(fd, image, bytes, 0));
    if (db_open(&db, path, DB_READ_ONLY, 0) == 0)
        read_all(db, report);
    db_close(db);
    if (db_open(&db, path, 0, 0) == 0) {
        read_all(db, NULL);
        write_all(db);
        read_all(db, NULL);
    }
    db_close(db);
}
