/* unit_mmap_db_many.c - 04_mmap_db: processes, threads and a child of fork() at it at the same time
 *
 * Each of them does everything: it puts and deletes names of its own, whose values it therefore knows;
 * puts names that all share; gets the others' names; and walks. Some names are there all the time.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../04_mmap_db/db.h"
#include "../common/check.h"
#include "tap.h"

const char program_name[] = "unit_mmap_db_many";

enum { WORKERS = 8, OWN_NAMES = 200, SHARED_NAMES = 50, STAYING = 100, STEPS = 6000 };

static char folder[] = "/tmp/umanydb-XXXXXX";
static char path[64];

struct worker {
    struct db *db;
    int number;
    const char *wrong; /* what was seen that must not be */
};

static struct db *open_db(int flags)
{
    struct db *db;
    if (db_open(&db, path, flags, 16) == -1)
        die("cannot open %s: %s", path, strerror(errno));
    return db;
}

static void name_of(char name[DB_NAME_BYTES + 1], const char *kind, int worker, unsigned number)
{
    snprintf(name, DB_NAME_BYTES + 1, "%s-%d-%u", kind, worker, number);
}

/* A shared value tells who put it: worker + 1/1024 steps. */
static bool is_of_a_worker(double value)
{
    int worker = (int)value;
    double steps = (value - worker) * 1024 * 1024;
    return worker >= 0 && worker < WORKERS && steps == (double)(long)steps;
}

/* What stays is met once, whatever comes and goes meanwhile. */
static const char *walk(struct db *db)
{
    struct db_record record;
    unsigned char met[STAYING] = {0};
    uint32_t cursor = 0;
    while (db_next(db, &cursor, &record) == 0) {
        if (strncmp(record.name, "stay-", 5) == 0)
            met[strtoul(strrchr(record.name, '-') + 1, NULL, 10) % STAYING]++;
        if (strncmp(record.name, "shared-", 7) == 0 && !is_of_a_worker(record.value))
            return "a walk gives a value that nobody put";
    }
    if (errno != ENOENT)
        return "a walk fails";
    for (int i = 0; i < STAYING; i++)
        if (met[i] != 1)
            return met[i] == 0 ? "a walk misses what is there" : "a walk meets a name twice";
    return NULL;
}

/* One step on a name of its own: 0 deletes it, any other value puts it. */
static const char *own_step(const struct worker *worker, double model[OWN_NAMES], unsigned i,
                            double next)
{
    char name[DB_NAME_BYTES + 1];
    double value = 0;
    name_of(name, "own", worker->number, i);
    int result = db_get(worker->db, name, &value);
    if (result == -1 && errno != ENOENT)
        return "a get fails";
    if ((result == 0) != (model[i] != 0) || value != model[i])
        return "a get does not give what was put";
    if (next == 0 && model[i] == 0)
        return NULL;
    if ((next == 0 ? db_delete(worker->db, name) : db_put(worker->db, name, next)) == -1)
        return "a put or a delete fails";
    model[i] = next;
    return NULL;
}

static const char *others_step(const struct worker *worker, uint64_t random, int step)
{
    char name[DB_NAME_BYTES + 1];
    double value;
    name_of(name, "stay", 0, (unsigned)(random % STAYING));
    if (db_get(worker->db, name, &value) == -1 || value != (double)(random % STAYING))
        return "what is there all the time is not got";
    name_of(name, "shared", 0, (unsigned)(random % SHARED_NAMES));
    if (db_put(worker->db, name, worker->number + step / (1024.0 * 1024)) == -1)
        return "a put of a shared name fails";
    return db_get(worker->db, name, &value) == 0 && is_of_a_worker(value)
               ? NULL
               : "a shared value is torn";
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    double model[OWN_NAMES] = {0};
    uint64_t random = (uint64_t)worker->number + 1;
    for (int step = 1; step <= STEPS && worker->wrong == NULL; step++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        unsigned i = (unsigned)(random >> 33) % OWN_NAMES;
        worker->wrong = own_step(worker, model, i, random >> 62 == 0 ? 0 : step);
        if (worker->wrong == NULL && step % 4 == 0)
            worker->wrong = others_step(worker, random >> 20, step);
        if (worker->wrong == NULL && step % 100 == 0)
            worker->wrong = walk(worker->db);
    }
    for (unsigned i = 0; i < OWN_NAMES && worker->wrong == NULL; i++)
        worker->wrong = own_step(worker, model, i, i + 1);
    return NULL;
}

static void begin(void)
{
    unlink(path);
    struct db *db = open_db(DB_CREATE);
    for (unsigned i = 0; i < STAYING; i++) {
        char name[DB_NAME_BYTES + 1];
        name_of(name, "stay", 0, i);
        CHECK(db_put(db, name, i));
    }
    db_close(db);
}

/* Is each last value there, and nothing else? */
static void account(struct db *db, unsigned workers)
{
    struct db_record record;
    unsigned own = 0, shared = 0, staying = 0;
    for (uint32_t cursor = 0; db_next(db, &cursor, &record) == 0;) {
        const char *number = strrchr(record.name, '-') + 1;
        own += record.name[0] == 'o' && record.value == strtod(number, NULL) + 1;
        shared += strncmp(record.name, "shared", 6) == 0;
        staying += strncmp(record.name, "stay", 4) == 0;
    }
    is_number("... every value is accounted for", own, (long long)workers * OWN_NAMES);
    is_number("... the shared ones", shared, SHARED_NAMES);
    is_number("... those that stayed", staying, STAYING);
    is_number("... check finds nothing wrong", db_check(db, stdout), 0);
}

static void wait_for(pid_t pid, bool *right)
{
    int status;
    CHECK(waitpid(pid, &status, 0));
    *right = *right && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The child of a fork: works, and ends without the parent's clean-up. */
static void work_and_exit(struct worker *worker)
{
    work(worker);
    if (worker->wrong != NULL)
        printf("# worker %d: %s: %s\n", worker->number, worker->wrong, strerror(errno));
    fflush(stdout);
    db_close(worker->db);
    _exit(worker->wrong != NULL);
}

static void test_processes(void)
{
    pid_t pids[WORKERS];
    bool right = true;
    begin();
    fflush(stdout);
    for (int i = 0; i < WORKERS; i++) {
        pids[i] = CHECK(fork());
        if (pids[i] == 0)
            work_and_exit(&(struct worker){.number = i, .db = open_db(0)});
    }
    for (int i = 0; i < WORKERS; i++)
        wait_for(pids[i], &right);
    ok("8 processes put, delete, get and walk at once", right);
    struct db *db = open_db(0);
    account(db, WORKERS);
    db_close(db);
}

static void test_threads(void)
{
    pthread_t threads[WORKERS];
    struct worker workers[WORKERS];
    begin();
    struct db *db = open_db(0);
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.number = i, .db = db};
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            die("cannot start a thread");
    }
    bool right = true;
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        if (workers[i].wrong != NULL)
            printf("# worker %d: %s\n", i, workers[i].wrong);
        right = right && workers[i].wrong == NULL;
    }
    ok("8 threads do the same on one struct db", right);
    account(db, WORKERS);
    db_close(db);
}

/* The parent closes while its children go on; nobody may then believe what it sealed. */
static void test_forks(void)
{
    pid_t pids[2];
    bool right = true;
    begin();
    struct worker parent = {.number = 2, .db = open_db(0)};
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        pids[i] = CHECK(fork());
        if (pids[i] == 0)
            work_and_exit(&(struct worker){.number = i, .db = parent.db});
    }
    work(&parent);
    ok("a parent and two children of fork() use one struct db", parent.wrong == NULL);
    db_close(parent.db);
    struct db *db = open_db(0);
    ok("... the parent closes, and opens anew", walk(db) == NULL);
    for (int i = 0; i < 2; i++)
        wait_for(pids[i], &right);
    ok("... its children go on", right);
    account(db, 3);
    db_close(db);
    db = open_db(DB_READ_ONLY);
    ok("... whoever opens it then finds all", walk(db) == NULL);
    account(db, 3);
    db_close(db);
}

int main(void)
{
    if (mkdtemp(folder) == NULL)
        die("cannot make %s: %s", folder, strerror(errno));
    snprintf(path, sizeof path, "%s/db", folder);
    test_processes();
    test_threads();
    test_forks();
    unlink(path);
    CHECK(rmdir(folder));
    return done_testing();
}
