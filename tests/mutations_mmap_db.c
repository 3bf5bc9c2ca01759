/* mutations_mmap_db.c - 04_mmap_db opens mutated files, to read and to write: see mutations.h */
#define _GNU_SOURCE
#include "mutations.h"

#include "../04_mmap_db/layout.h"
#include "../common/check.h"
#include "mutations_region.h"

const char program_name[] = "mutations_mmap_db";

enum { NAMES = 12, STEPS = 100, ROOM = 64 << 10 };

/* The header's words, without the lock, which whoever is alone makes anew; records; the index. */
static const struct span spans[] = {
    {0, 36},    {128, 12},
    {256, 24},  {512, sizeof(struct seal)},
    {2048, 32}, {DB_HEADER_BYTES, 16 * sizeof(struct record) + 32 * sizeof(uint64_t)},
    {0, 0}};

static char path[] = "/tmp/mutations-XXXXXX";
static unsigned char valid[ROOM];
static size_t valid_bytes;
static struct db *db;

static void name_of(char name[DB_NAME_BYTES + 1], int number)
{
    snprintf(name, DB_NAME_BYTES + 1, "name %d", number);
}

static size_t make_valid(void)
{
    char name[DB_NAME_BYTES + 1];
    FILE *file = fopen(path, "r");
    CHECK(db_open(&db, path, DB_CREATE, DB_CAPACITY_MIN));
    for (int i = 0; i < NAMES; i++) {
        name_of(name, i);
        CHECK(db_put(db, name, i));
    }
    CHECK(db_delete(db, name));
    db_close(db);
    if (file == NULL)
        abort();
    size_t bytes = fread(valid, 1, sizeof valid, file);
    CHECK(fclose(file));
    return bytes;
}

static void write_image(void)
{
    static unsigned char image[ROOM];
    memcpy(image, valid, valid_bytes);
    mutate(image, spans);
    if (draw(2) == 0) /* what the second one is there for */
        memcpy(image, valid, sizeof(struct constants));
    FILE *file = fopen(path, "w");
    size_t bytes = mutate_size(valid_bytes);
    if (file == NULL || fwrite(image, 1, bytes, file) != bytes)
        abort();
    CHECK(fclose(file));
}

static void use(bool writes)
{
    char name[DB_NAME_BYTES + 1];
    uint32_t cursor = 0;
    struct db_record record;
    double value;
    (void)db_check(db, NULL);
    for (int i = 0; i < NAMES; i++) {
        name_of(name, i);
        (void)db_get(db, name, &value);
        if (writes && db_put(db, name, i) == 0 && (db_get(db, name, &value) == -1 || value != i))
            die("%s was put and is not there", name);
    }
    for (int i = 0; i < STEPS && db_next(db, &cursor, &record) == 0; i++)
        ;
}

static enum outcome attempt(void)
{
    bool writes = draw(2) == 0;
    write_image();
    errno = 0;
    if (db_open(&db, path, writes ? 0 : DB_READ_ONLY, 0) == -1)
        return refused(errno != 0 ? strerror(errno) : "");
    use(writes);
    return ATTACHED;
}

static void tidy_up(void)
{
    db_close(db);
    db = NULL;
}

int main(void)
{
    CHECK(close(CHECK(mkstemp(path))));
    valid_bytes = make_valid();
    db = NULL;
    int status = play_mutations("04_mmap_db", attempt, tidy_up);
    CHECK(unlink(path));
    return status;
}
