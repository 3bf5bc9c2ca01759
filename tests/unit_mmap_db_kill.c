/* unit_mmap_db_kill.c - 04_mmap_db: a writer is killed at 500 random moments, its file copied at 200
 *
 * Writer and test share, beside the file, a page in which the writer notes what it is about to do to a
 * name and then, when the call has returned, that it was done. So the test knows what must be there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../04_mmap_db/layout.h"
#include "../common/check.h"
#include "tap.h"

const char program_name[] = "unit_mmap_db_kill";

enum { NAMES = 300, KILLS = 500, COPIES = 200, ROUNDS_OF_A_FILE = 50 };

/* Step n on a name puts n; every fifth deletes it. 0: it was never put. */
static struct {
    _Atomic uint64_t begun[NAMES], done[NAMES];
    _Atomic uint64_t steps;
    _Atomic uint64_t deletes; /* are wanted */
} * notes;

static char folder[] = "/tmp/ukilldb-XXXXXX";
static char path[64], copy_path[64];
static uint64_t random_state = 1;

static uint64_t random_number(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1;
    return random_state >> 33;
}

static bool deletes(uint64_t step)
{
    return step == 0 || (step % 5 == 0 && notes->deletes);
}

static struct db *open_db(const char *file, int flags)
{
    struct db *db;
    if (db_open(&db, file, flags, 16) == -1)
        die("cannot open %s: %s", file, strerror(errno));
    return db;
}

static void name_of(char name[DB_NAME_BYTES + 1], unsigned number)
{
    snprintf(name, DB_NAME_BYTES + 1, "name-%u", number);
}

/* The writer: never ends by itself. */
static void write_for_ever(uint64_t seed)
{
    random_state = seed;
    struct db *db = open_db(path, DB_CREATE);
    for (;;) {
        unsigned number = (unsigned)(random_number() % NAMES);
        char name[DB_NAME_BYTES + 1];
        name_of(name, number);
        uint64_t step = notes->begun[number] + 1;
        notes->begun[number] = step;
        int result = deletes(step) ? db_delete(db, name) : db_put(db, name, (double)step);
        if (result == -1 && !(deletes(step) && errno == ENOENT))
            die("step %llu: %s", (unsigned long long)step, strerror(errno));
        notes->done[number] = step;
        notes->steps++;
    }
}

/* Prints them only if there are any; to stderr, which prove doesn't hide. */
static int faults(struct db *db)
{
    return db_check(db, NULL) == 0 ? 0 : db_check(db, stderr);
}

static pid_t start_writer(uint64_t seed)
{
    fflush(stdout);
    pid_t pid = CHECK(fork());
    if (pid == 0)
        write_for_ever(seed);
    return pid;
}

static void kill_writer(pid_t pid)
{
    int status;
    CHECK(kill(pid, SIGKILL));
    CHECK(waitpid(pid, &status, 0));
    if (!WIFSIGNALED(status))
        die("the writer has ended by itself");
}

/* Is what one gets what any step from first to last has left? */
static bool is_from(struct db *db, unsigned number, uint64_t first, uint64_t last)
{
    char name[DB_NAME_BYTES + 1];
    double value;
    name_of(name, number);
    if (db_get(db, name, &value) == 0)
        return value >= (double)first && value <= (double)last && !deletes((uint64_t)value);
    for (uint64_t step = first; step <= last && errno == ENOENT; step++)
        if (deletes(step))
            return true;
    printf("# %s: %s, expected %llu to %llu\n", name, strerror(errno), (unsigned long long)first,
           (unsigned long long)last);
    return false;
}

static bool each_is_old_or_new(struct db *db)
{
    bool right = true;
    for (unsigned i = 0; i < NAMES; i++)
        right = is_from(db, i, notes->done[i], notes->begun[i]) && right;
    return right;
}

/* From here on, what was begun and not done is what is there. */
static void note_state(struct db *db)
{
    for (unsigned i = 0; i < NAMES; i++) {
        char name[DB_NAME_BYTES + 1];
        double value;
        name_of(name, i);
        bool there = db_get(db, name, &value) == 0;
        if (notes->done[i] != notes->begun[i] && there == deletes(notes->begun[i]))
            notes->begun[i] = notes->done[i];
        if (there)
            notes->begun[i] = (uint64_t)value;
        notes->done[i] = notes->begun[i];
    }
}

static void forget(void)
{
    unlink(path);
    memset((void *)notes, 0, sizeof *notes);
    notes->deletes = 1;
}

/* After every other kill somebody still has the file open, and repairs it on the fly; after the
 * others whoever opens it next is alone. */
static void test_kills(void)
{
    bool right = true, whole = true, read_only = true;
    for (int round = 0; round < KILLS && right && whole && read_only; round++) {
        if (round % ROUNDS_OF_A_FILE == 0)
            forget();
        struct db *survivor = round % 2 == 0 ? open_db(path, DB_CREATE) : NULL;
        uint64_t enough = notes->steps + random_number() % 300;
        pid_t pid = start_writer((uint64_t)round + 7);
        if (round % 10 == 3) /* while it opens, or soon after */
            for (uint64_t spins = random_number() % 300000; spins > 0; spins--)
                atomic_signal_fence(memory_order_seq_cst);
        else
            while (notes->steps <= enough)
                sched_yield();
        for (uint64_t spins = random_number() % 3000; spins > 0; spins--)
            atomic_signal_fence(memory_order_seq_cst); /* not right after a step */
        kill_writer(pid);
        struct db *reader;
        if (db_open(&reader, path, DB_READ_ONLY, 0) == 0) {
            read_only = faults(reader) == 0 && each_is_old_or_new(reader);
            db_close(reader);
        }
        struct db *db = survivor != NULL ? survivor : open_db(path, DB_CREATE);
        right = each_is_old_or_new(db);
        whole = faults(db) == 0 && each_is_old_or_new(db);
        note_state(db);
        db_close(db);
    }
    ok("500 kills: each name has its acknowledged value, or the one under way", right);
    ok("... check finds nothing wrong, and repairs nothing away", whole);
    ok("... nor does a reader that may not repair", read_only);
}

static void copy_file(void)
{
    char bytes[65536];
    ssize_t got;
    int from = CHECK(open(path, O_RDONLY)),
        to = CHECK(open(copy_path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    while ((got = CHECK((int)read(from, bytes, sizeof bytes))) > 0)
        if (write(to, bytes, (size_t)got) != got)
            die("cannot copy");
    CHECK(close(from));
    CHECK(close(to));
}

static void test_copies(void)
{
    static uint64_t before[NAMES];
    bool right = true, read_only = true;
    forget();
    notes->deletes = 0;
    pid_t pid = start_writer(3);
    for (int round = 0; round < COPIES && right && read_only; round++) {
        uint64_t enough = notes->steps + 3000 + random_number() % 100;
        while (notes->steps <= enough)
            sched_yield();
        for (unsigned i = 0; i < NAMES; i++)
            before[i] = notes->done[i];
        copy_file();
        struct db *reader = open_db(copy_path, DB_READ_ONLY);
        read_only = faults(reader) == 0;
        for (unsigned i = 0; i < NAMES; i++)
            read_only = is_from(reader, i, before[i], notes->begun[i]) && read_only;
        db_close(reader);
        struct db *db = open_db(copy_path, 0);
        right = faults(db) == 0 && db_put(db, "new", 1) == 0;
        for (unsigned i = 0; i < NAMES; i++)
            right = is_from(db, i, before[i], notes->begun[i]) && right;
        db_close(db);
        CHECK(unlink(copy_path));
    }
    kill_writer(pid);
    ok("200 copies under a running writer: each record is old or new", right);
    ok("... also for a reader that may not repair", read_only);
}

int main(void)
{
    notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if ((void *)notes == MAP_FAILED || mkdtemp(folder) == NULL)
        die("cannot begin: %s", strerror(errno));
    snprintf(path, sizeof path, "%s/db", folder);
    snprintf(copy_path, sizeof copy_path, "%s/copy", folder);
    test_kills();
    test_copies();
    unlink(path);
    CHECK(rmdir(folder));
    return done_testing();
}
