/* db_threads.c - a database's writers and readers as threads of one process, for ThreadSanitizer
 *
 * tests/races.t builds it twice: as it is, where nothing may be reported, and with -DDB_PLAIN_WORDS,
 * where the race must be. ThreadSanitizer knows memory by its address: so all threads use one struct
 * db, and with it one mapping of the file.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <unistd.h>

#include "../04_mmap_db/db.h"
#include "threads.h"

const char program_name[] = "db_threads";

enum { WRITERS = 2, READERS = 2, NAMES = 100, STEPS = 1500 };

static struct db *db;

/* All go on until the last one has done its STEPS: so they work at once, however few processors there are. Relaxed, or
 * it would be an order between them that the database doesn't give. */
static atomic_int not_done = WRITERS + READERS;

static bool goes_on(int step)
{
    if (step == STEPS)
        atomic_fetch_sub_explicit(&not_done, 1, memory_order_relaxed);
    return atomic_load_explicit(&not_done, memory_order_relaxed) > 0;
}

static void name_of(char name[DB_NAME_BYTES + 1], int number)
{
    snprintf(name, DB_NAME_BYTES + 1, "a name of several words, number %d", number);
}

/* Each number's values are its own: from number * 1000 to number * 1000 + 999. */
static void check_value(int number, double value)
{
    if ((int)value / 1000 != number)
        die("number %d has the value %g", number, value);
}

static void *change_all(void *seed)
{
    char name[DB_NAME_BYTES + 1];
    unsigned random = *(unsigned *)seed;
    for (int step = 0; goes_on(step); step++) {
        random = random * 1103515245 + 12345;
        int number = (int)(random >> 16) % NAMES;
        name_of(name, number);
        if (step % 5 == 0 && db_delete(db, name) == -1 && errno != ENOENT)
            die("cannot delete %s: %s", name, strerror(errno));
        if (step % 5 != 0 && db_put(db, name, number * 1000 + step % 1000) == -1)
            die("cannot put %s: %s", name, strerror(errno));
    }
    return NULL;
}

static void *read_all(void *unused)
{
    char name[DB_NAME_BYTES + 1];
    struct db_record record;
    for (int step = 0; goes_on(step); step++) {
        double value;
        uint32_t cursor = 0;
        int number = step % NAMES;
        name_of(name, number);
        if (db_get(db, name, &value) == 0)
            check_value(number, value);
        else if (errno != ENOENT)
            die("cannot get %s: %s", name, strerror(errno));
        while (number == 0 && db_next(db, &cursor, &record) == 0)
            check_value(atoi(strrchr(record.name, ' ')), record.value); /* NOLINT(cert-err34-c) */
    }
    return unused;
}

int main(void)
{
    char path[] = "/tmp/races-XXXXXX";
    pthread_t threads[WRITERS + READERS];
    unsigned seeds[WRITERS];
    CHECK(close(CHECK(mkstemp(path))));
    int opened = db_open(&db, path, DB_CREATE, 16); /* it grows under the threads' eyes */
    CHECK(unlink(path));
    if (opened == -1)
        die("cannot open %s", path);
    for (int i = 0; i < WRITERS + READERS; i++) {
        bool writes = i < WRITERS;
        if (writes)
            seeds[i] = (unsigned)i;
        threads[i] = start_thread(writes ? change_all : read_all, writes ? &seeds[i] : NULL);
    }
    for (int i = 0; i < WRITERS + READERS; i++)
        pthread_join(threads[i], NULL);
    int faults = db_check(db, stderr);
    db_close(db);
    puts(faults == 0 ? "all is right" : "the file has faults");
    return faults != 0;
}
