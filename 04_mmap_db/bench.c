/* bench.c - how many puts and gets a second, alone and at once, and how many durable puts
 *
 * Build:   cc bench.c check.c crc.c get.c grow.c header.c index.c lock.c open.c put.c record.c recover.c -o bench -O2 -pthread -lrt
 *          (macOS: without -lrt)
 * Run:     ./bench      or, with SQLite and LMDB beside it where their headers are: make bench-mmap_db
 * Look first at the rows in main. Each figure is the median of some rounds, and the methods take turns,
 * so that what the machine does meanwhile hits them all.
 */
#define _GNU_SOURCE
#include "bench_stores.h"

const char program_name[] = "bench";

static const char help[] =
    "Usage: bench [--records N] [--large N] [--operations N] [--rounds N] [--folder PATH]\n"
    "Measures the database of db.h, with records of a name of 16 bytes and a value.\n"
    "\n"
    "  --records N        records, 1000 to 10000000 (default 100000)\n"
    "  --large N          records of the large one, 0: none (default 10000000: a file of 4.6 GB)\n"
    "  --operations N     puts or gets in a round, 1000 to 100000000 (default 1000000)\n"
    "  --rounds N         rounds, 1 to 25, of which the median is shown (default 5)\n"
    "  --folder PATH      where the files are made, and removed (default: the current one)\n"
    "  -h, --help         show this text\n";

static long long records = 100000, large = 10000000, operations = 1000000, rounds = 5;
static const char *folder = ".";

static void read_options(int argc, char **argv)
{
    const struct option_rule rules[] = {
        {"records", .number = &records, .minimum = 1000, .maximum = 10000000},
        {"large", .number = &large, .minimum = 0, .maximum = 100000000},
        {"operations", .number = &operations, .minimum = 1000, .maximum = 100000000},
        {"rounds", .number = &rounds, .minimum = 1, .maximum = BENCH_ROUNDS_MAX},
        {"folder", .text = &folder},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
}

/* ---- one round of each ---- */

enum order { IN_ORDER, RANDOM, ORDERS };

/* The next names, not measured: records one after another, or random ones, each with equal chance; the
 * same ones for every store. */
static void make_names(struct bench_name *names, uint64_t records_there, enum order order,
                       uint64_t state[2])
{
    for (int i = 0; i < BENCH_BATCH; i++) {
        state[0] = state[0] * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        names[i].number = order == RANDOM ? (state[0] >> 32) * records_there >> 32 : state[1];
        state[1] = state[1] + 1 == records_there ? 0 : state[1] + 1;
        bench_name(names[i].text, names[i].number);
    }
}

/* Puts or gets in a second. */
static double run(struct store *store, enum order order, bool is_put, uint64_t count, uint64_t seed)
{
    static struct bench_name names[BENCH_BATCH];
    uint64_t state[2] = {seed * 2 + 1, 0};
    int64_t took = 0;
    for (uint64_t done = 0; done < count; done += BENCH_BATCH) {
        uint64_t end = count - done < BENCH_BATCH ? count - done : BENCH_BATCH;
        make_names(names, store->records, order, state);
        int64_t start = now_ns();
        for (uint64_t i = 0; i < end; i++) {
            double value = (double)names[i].number + 0.5;
            if (is_put)
                store->put(store, names[i].text, value);
            else if (store->get(store, names[i].text) != value)
                die("%s: %s has a wrong value", store->label, names[i].text);
        }
        if (done + end == count)
            store->end(store);
        took += now_ns() - start;
    }
    return (double)count / ((double)took / 1e9);
}

/* A writing and a reading process at once, for as long as both are busy. */
static void run_both(struct store *store, enum order order, uint64_t count, double rates[2])
{
    double *shared = bench_share(2 * sizeof *shared);
    _Atomic uint32_t *ready = bench_share(sizeof *ready);
    pid_t pids[2];
    for (int half = 0; half < 2; half++) {
        pids[half] = CHECK(fork());
        if (pids[half] != 0)
            continue;
        struct store own = *store;
        own.open(&own); /* a process opens for itself, and meets each page for the first time */
        run(&own, IN_ORDER, half == 0, own.records / own.slower, 0);
        atomic_fetch_add_explicit(ready, 1, memory_order_acq_rel);
        while (atomic_load_explicit(ready, memory_order_acquire) < 2)
            sched_yield();
        shared[half] = run(&own, order, half == 0, count, 77 + (uint64_t)half);
        own.close(&own);
        _exit(0);
    }
    for (int half = 0; half < 2; half++) {
        int status;
        CHECK(waitpid(pids[half], &status, 0));
        if (status != 0)
            die("%s: a half has failed", store->label);
        rates[half] = shared[half];
    }
    CHECK(munmap(shared, 2 * sizeof *shared));
    CHECK(munmap((void *)ready, sizeof *ready));
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, (size_t)rounds, sizeof *values, compare_doubles);
    return values[rounds / 2];
}

/* ---- the tables ---- */

static void fill_all(struct store *stores, int count)
{
    for (int i = 0; i < count; i++)
        fill(&stores[i]);
}

enum { PUT, GET, PUT_BOTH, GET_BOTH, FIGURES };

static void measure_fast(struct store *stores, int count, enum order order,
                         double medians[][FIGURES])
{
    static double figures[BENCH_STORES][FIGURES][BENCH_ROUNDS_MAX];
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < count; i++) {
            uint64_t operations_here = (uint64_t)operations / stores[i].slower;
            double both[2];
            figures[i][PUT][round] = run(&stores[i], order, true, operations_here, 1);
            figures[i][GET][round] = run(&stores[i], order, false, operations_here, 2);
            run_both(&stores[i], order, operations_here, both);
            figures[i][PUT_BOTH][round] = both[0];
            figures[i][GET_BOTH][round] = both[1];
        }
    for (int i = 0; i < count; i++)
        for (int figure = 0; figure < FIGURES; figure++)
            medians[i][figure] = median(figures[i][figure]);
}

static void goal(const char *what, double reached, double wanted)
{
    printf("  %-44s %8.2f   goal %6.2f   %s\n", what, reached, wanted,
           reached >= wanted ? "reached" : "missed");
}

static void report_order(struct store *stores, int count, enum order order)
{
    double medians[BENCH_STORES][FIGURES] = {{0}};
    measure_fast(stores, count, order, medians);
    printf("\n%lld records %s, not synced, M/s; in brackets ours / it\n\n"
           "%-10s %16s %16s %16s %16s\n",
           records, order == RANDOM ? "at random" : "one after another", "", "puts", "gets",
           "puts, both", "gets, both");
    for (int i = 0; i < count; i++) {
        printf("%-10s", stores[i].label);
        for (int figure = 0; figure < FIGURES; figure++)
            printf(" %7.2f (%6.2f)", medians[i][figure] / 1e6,
                   medians[0][figure] / medians[i][figure]);
        printf("\n");
    }
    printf("\n");
    goal("puts, M/s", medians[0][PUT] / 1e6, 2.5);
    goal("gets, M/s", medians[0][GET] / 1e6, 6);
    goal("puts while another process gets, M/s", medians[0][PUT_BOTH] / 1e6, 4);
    goal("gets while another process puts, M/s", medians[0][GET_BOTH] / 1e6, 6);
}

static void report_fast(struct store *stores, int count)
{
    fill_all(stores, count);
    report_order(stores, count, RANDOM);
    report_order(stores, count, IN_ORDER);
}

static void report_durable(struct store *stores, int count)
{
    enum { TURNS = 25, PUTS_IN_A_TURN = 40 }; /* short turns: disks have moods */
    static double seconds[BENCH_STORES][BENCH_ROUNDS_MAX];
    fill_all(stores, count);
    for (int round = 0; round < rounds; round++)
        for (int turn = 0; turn < TURNS; turn++)
            for (int i = 0; i < count; i++)
                seconds[i][round] += PUTS_IN_A_TURN / run(&stores[i], RANDOM, true, PUTS_IN_A_TURN,
                                                          (uint64_t)round * TURNS + (uint64_t)turn);
    printf("\ndurable puts, thousand/s; in brackets ours / it\n\n");
    for (int i = 0; i < count; i++) {
        stores[i].rate = TURNS * PUTS_IN_A_TURN / median(seconds[i]);
        printf("%-10s %7.2f (%6.2f)\n", stores[i].label, stores[i].rate / 1e3,
               stores[0].rate / stores[i].rate);
    }
    printf("\n");
    goal("durable puts / bare msync of 4 KiB", stores[0].rate / stores[1].rate, 0.9);
}

static void report_large(struct store *small)
{
    static double figures[2][BENCH_ROUNDS_MAX];
    struct store big = store_ours(folder, "large", (uint64_t)large, false);
    fill(&big);
    for (int round = 0; round < rounds; round++) {
        figures[0][round] = run(small, RANDOM, false, (uint64_t)operations, 3);
        figures[1][round] = run(&big, RANDOM, false, (uint64_t)operations, 3);
    }
    double few = median(figures[0]), many = median(figures[1]);
    printf("\na get among %lld records: %.0f ns, among %lld: %.0f ns\n\n", records, 1e9 / few,
           large, 1e9 / many);
    printf("  %-44s %8.2f   goal %6.2f   %s\n", "ratio, at most", few / many, 3.0,
           few / many <= 3 ? "reached" : "missed");
    big.remove(&big);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    struct store fast[BENCH_STORES] = {store_ours(folder, "fast", (uint64_t)records, false)};
    int fast_count = stores_add_rivals(fast, 1, folder, (uint64_t)records, false);
    struct store durable[BENCH_STORES] = {store_ours(folder, "durable", (uint64_t)records, true),
                                          store_msync(folder, (uint64_t)records)};
    int durable_count = stores_add_rivals(durable, 2, folder, (uint64_t)records, true);
    stores_left_out();

    report_fast(fast, fast_count);
    if (large > 0)
        report_large(&fast[0]);
    report_durable(durable, durable_count);
    for (int i = 0; i < fast_count; i++)
        fast[i].remove(&fast[i]);
    for (int i = 0; i < durable_count; i++)
        durable[i].remove(&durable[i]);
    return fflush(stdout) == 0 ? 0 : 1;
}
