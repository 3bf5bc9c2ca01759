/* bench.c - how fast the pipe is, beside `cat file | cat >/dev/null` and what this machine can do
 *
 * Build:   cc bench.c -o bench -O2 -pthread -lrt     (macOS: without -lrt); needs ./producer, ./consumer
 * Run:     ./bench      or  make bench-sysv
 * Look first at main and at the comment [limit]. All methods take turns within a round, so that they
 * meet the machine in the same state; the median of the rounds' ratios is what counts.
 */
#define _GNU_SOURCE
#include <libgen.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../common/cleanup.h"
#include "../common/clock.h"

const char program_name[] = "bench";

static const char help[] =
    "Usage: bench [--folder PATH] [--mib N] [--rounds N]\n"
    "Measures ./producer < file and ./consumer > /dev/null with a file in the page cache.\n"
    "\n"
    "  --folder PATH      where the file is made, and removed at once (default /dev/shm)\n"
    "  --mib N            its size in MiB, 64 to 65536 (default 4096)\n"
    "  --rounds N         rounds, 1 to 99, of which the medians are shown (default 5)\n"
    "  -h, --help         show this text\n";

enum {
    SLOTS = 4,
    SLOT_BYTES = 262144,
    FAR_BYTES = 256 << 20 /* fits in no cache */,
    ROUNDS_MAX = 99
};

enum method { CAT, OURS, READ_ALONE, COPY_ALONE, TWO_COPIES, WRITE_ALONE, METHODS };

static const char *const titles[METHODS] = {
    "cat file | cat >/dev/null",         "producer <file, consumer >/dev/null",
    "read() alone, into 4 slots",        "memcpy alone, into 4 slots",
    "two overlapping memcpys, by slots", "write() alone, to /dev/null",
};

static const char *folder = "/dev/shm";
static long long mib = 4096, rounds = 5;
static size_t bytes;
static int file, nowhere;
static char *slots, *far_source, *far_sink, *programs;
static _Atomic bool *is_ready; /* shared: the copying child is */
static char key_path[] = "/tmp/bench-sysv-XXXXXX";

static void *share(size_t length)
{
    void *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED)
        die("cannot map %zu bytes: %s", length, strerror(errno));
    memset(address, 1, length); /* so that every page is there before the clock runs */
    return address;
}

/* Random bytes, no holes: a hole is read from a page of zeros that is always in the cache. */
static void make_file(void)
{
    char path[4096];
    uint64_t state = 1;
    snprintf(path, sizeof path, "%s/bench-sysv-XXXXXX", folder);
    file = mkstemp(path);
    if (file == -1)
        die("cannot make a file in %s: %s; see --folder", folder, strerror(errno));
    CHECK(unlink(path));
    for (size_t done = 0; done < bytes; done += SLOT_BYTES) {
        for (size_t i = 0; i < SLOT_BYTES; i += sizeof state) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            memcpy(slots + i, &state, sizeof state);
        }
        exit_if_stopped();
        if (write(file, slots, SLOT_BYTES) != SLOT_BYTES)
            die("cannot write %lld MiB into %s: %s; see --folder, --mib", mib, folder,
                strerror(errno));
    }
}

static pid_t start(const char *command)
{
    pid_t pid = CHECK(fork());
    if (pid == 0) {
        if (dup2(file, STDIN_FILENO) == -1 || dup2(nowhere, STDOUT_FILENO) == -1 ||
            dup2(nowhere, STDERR_FILENO) == -1)
            _exit(126);
        execl("/bin/sh", "sh", "-c", command, programs, key_path, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void await(pid_t pid, const char *what)
{
    int status;
    pid_t ended;
    do
        ended = waitpid(pid, &status, 0);
    while (ended == -1 && errno == EINTR);
    exit_if_stopped();
    if (ended == -1 || status != 0)
        die("%s has failed", what);
}

static char *slot(size_t offset)
{
    return slots + offset / SLOT_BYTES % SLOTS * SLOT_BYTES;
}

static void copy_in(void)
{
    for (size_t offset = 0; offset < bytes; offset += SLOT_BYTES)
        memcpy(slot(offset), far_source + offset % FAR_BYTES, SLOT_BYTES);
}

static void copy_out(void)
{
    for (size_t offset = 0; offset < bytes; offset += SLOT_BYTES)
        memcpy(far_sink + offset % FAR_BYTES, slot(offset), SLOT_BYTES);
}

/* Both at once, in two processes, neither waiting for the other. A new process meets each page for the
 * first time: it does so before the clock runs. Returns seconds. */
static double copy_in_and_out(void)
{
    atomic_store_explicit(is_ready, false, memory_order_relaxed);
    pid_t pid = CHECK(fork());
    if (pid == 0) {
        memset(far_sink, 2, FAR_BYTES);
        memset(slots, 2, (size_t)SLOTS * SLOT_BYTES);
        atomic_store_explicit(is_ready, true,
                              memory_order_release); /* pairs with the acquire below */
        copy_out();
        _exit(0);
    }
    while (!atomic_load_explicit(is_ready, memory_order_acquire))
        sched_yield();
    int64_t begin = now_ns();
    copy_in();
    await(pid, "copying");
    return seconds_since(begin);
}

static void read_all(void)
{
    for (size_t offset = 0; offset < bytes; offset += SLOT_BYTES)
        if (read(file, slot(offset), SLOT_BYTES) != SLOT_BYTES)
            die("cannot read the file: %s", strerror(errno));
}

static void write_all(void)
{
    for (size_t offset = 0; offset < bytes; offset += SLOT_BYTES)
        if (write(nowhere, slot(offset), SLOT_BYTES) != SLOT_BYTES)
            die("cannot write to /dev/null: %s", strerror(errno));
}

static double measure(enum method method)
{
    pid_t producer;
    CHECK(lseek(file, 0, SEEK_SET) == 0 ? 0 : -1);
    int64_t begin = now_ns();
    switch (method) {
    case CAT:
        await(start("cat | cat >/dev/null"), "cat");
        break;
    case OURS:
        producer = start("exec \"$0/producer\" --key \"$1\"");
        await(start("exec \"$0/consumer\" --key \"$1\""), "consumer");
        await(producer, "producer");
        break;
    case READ_ALONE:
        read_all();
        break;
    case COPY_ALONE:
        copy_in();
        break;
    case TWO_COPIES:
        return copy_in_and_out();
    default:
        write_all();
    }
    return seconds_since(begin);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values)
{
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, (size_t)rounds * sizeof *values);
    qsort(sorted, (size_t)rounds, sizeof *sorted, compare);
    return sorted[rounds / 2];
}

/* [limit] The data is copied twice, into the slots and out of them, by read() and by write(). Two
 * memcpys that overlap are the least that this takes. What read() takes more than the memcpy in its
 * place, and what write() to /dev/null takes, which copies nothing, is not the pipe's doing. */
static double limit_seconds(const double seconds[METHODS])
{
    double read_cost = seconds[READ_ALONE] - seconds[COPY_ALONE];
    return seconds[TWO_COPIES] + (read_cost > 0 ? read_cost : 0) + seconds[WRITE_ALONE];
}

static void run_rounds(void)
{
    static double seconds[METHODS][ROUNDS_MAX], vs_cat[ROUNDS_MAX], vs_limit[ROUNDS_MAX],
        vs_read[ROUNDS_MAX];
    for (long long round = 0; round < rounds; round++) {
        double now[METHODS];
        for (int method = 0; method < METHODS; method++)
            seconds[method][round] = now[method] = measure((enum method)method);
        vs_cat[round] = now[CAT] / now[OURS];
        vs_limit[round] = limit_seconds(now) / now[OURS];
        vs_read[round] = now[READ_ALONE] / now[OURS];
    }
    print_data("%-38s %8s %8s\n", "", "seconds", "GB/s");
    for (int method = 0; method < METHODS; method++) {
        double middle = median(seconds[method]);
        print_data("%-38s %8.3f %8.1f\n", titles[method], middle, (double)bytes / middle / 1e9);
    }
    print_data("\nbeside cat | cat: %.2f times as fast (goal: 3)\n", median(vs_cat));
    print_data(
        "of two overlapping memcpys, less the cost of read() and write(): %.0f %% (goal: 80 %%)\n",
        100 * median(vs_limit));
    print_data("of read() alone, in one process: %.0f %%\n", 100 * median(vs_read));
}

static void remove_key_file(void)
{
    unlink(key_path);
}

int main(int argc, char **argv)
{
    const struct option_rule rules[] = {
        {"folder", .text = &folder},
        {"mib", .number = &mib, .minimum = 64, .maximum = 65536},
        {"rounds", .number = &rounds, .minimum = 1, .maximum = ROUNDS_MAX},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    catch_stop_signals();

    bytes = (size_t)mib << 20;
    static char own_path[4096]; /* dirname() may change its argument */
    snprintf(own_path, sizeof own_path, "%s", argv[0]);
    programs = dirname(own_path);
    is_ready = share(sizeof *is_ready);
    slots = share((size_t)SLOTS * SLOT_BYTES);
    far_source = share(FAR_BYTES);
    far_sink = share(FAR_BYTES);
    nowhere = CHECK(open("/dev/null", O_WRONLY));
    make_file();
    CHECK(close(CHECK(mkstemp(key_path))));
    CHECK(atexit(remove_key_file));
    print_data("A file of %lld MiB of random bytes in %s; %lld rounds, medians.\n\n", mib, folder,
               rounds);
    run_rounds();
    return exit_status();
}
