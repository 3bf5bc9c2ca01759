/* bench.c - how fast the channel is, beside OpenMPI's shared memory and what the machine can do
 *
 * Partner: itself. mpirun starts both halves; without MPI the first half forks the second.
 * Build:   cc bench.c -o bench -pthread -lrt           (OpenMPI: mpicc -DBENCH_MPI instead of cc)
 * Run:     ./bench                                     (OpenMPI: mpirun --bind-to core -np 2 ./bench)
 * Look first at main, then at measure_round(): the methods take turns within a round, so that all
 * of them meet the machine in the same state, and a flag bounce before and after tells the state.
 */
#define _GNU_SOURCE /* sem_clockwait(), sched_setaffinity() */
#include "bench_halves.h"

const char program_name[] = "bench";

static const char help[] =
    "Usage: bench [--seconds N]\n"
    "Measures the latency and throughput of channel.h between two processes.\n"
    "\n"
    "  --seconds N        begin no new round after N seconds, 1 to 600 (default 40)\n"
    "  -h, --help         show this text\n"
    "\n"
    "make bench-buffer_transfer builds and runs it, with OpenMPI where mpicc is found.\n";

enum {
    LATENCY_BYTES_MAX = 1 << 10, /* up to here: there and back, above: a stream one way */
    MESSAGE_BYTES_MAX = 1 << 30,
    ATTEMPTS = 4, /* at a round that the machine doesn't disturb */
    ROUNDS = 40
};

/* What a round yields: ns per message by method, ratios of speeds, ns per flag bounce. */
enum { OURS, LIMIT, OPENMPI, METHODS, VS_MPI = METHODS, VS_LIMIT, BEFORE, AFTER, FIGURES };

static const struct row {
    const char *label;
    size_t bytes;
    int messages;            /* per round and method */
    int every;               /* so many rounds: the longest takes its time */
    double vs_mpi, vs_limit; /* the goals; 0 is none */
} rows[] = {
    {"8 B", 8, 10000, 1, 2, 0},           {"1 KB", 1 << 10, 10000, 1, 2, 0},
    {"64 KB", 64 << 10, 1000, 1, 0, 0},   {"1 MB", 1 << 20, 64, 1, 0, 0},
    {"4 MB", 4 << 20, 24, 1, 2.5, 0},     {"10 MB", 10 << 20, 10, 1, 2.5, 0},
    {"64 MB", 64 << 20, 2, 2, 1.25, 0.9}, {"1 GB", MESSAGE_BYTES_MAX, 1, 5, 1.25, 0.9},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static struct rounds {
    int count;
    double figures[FIGURES][ROUNDS * ATTEMPTS];
} steady[ROWS], disturbed[ROWS];

static long long seconds = 40;
static char *outgoing; /* plain malloc(), as in most programs */
static void *incoming;
static size_t incoming_capacity;

/* ---- one message from a half to the other ---- */

static void pass_ours(int from, size_t bytes)
{
    if (half == from) {
        if (channel_send(&outbox, outgoing, bytes, WAIT_MS) == -1)
            fail("send", &outbox);
        return;
    }
    ssize_t received = channel_receive(&inbox, &incoming, &incoming_capacity, WAIT_MS);
    if (received == -1)
        fail("receive", &inbox);
    if ((size_t)received != bytes)
        die("the channel made %zd bytes of a message of %zu", received, bytes);
}

/* MPI's functions are not checked: unless told otherwise, they end the program when they fail. */
static void pass_mpi(int from, size_t bytes)
{
#ifdef BENCH_MPI
    MPI_Status status;
    int received = (int)bytes;
    if (half == from) {
        MPI_Send(outgoing, (int)bytes, MPI_BYTE, !half, 0, MPI_COMM_WORLD);
    } else {
        MPI_Recv(incoming, (int)bytes, MPI_BYTE, from, 0, MPI_COMM_WORLD, &status);
        MPI_Get_count(&status, MPI_BYTE, &received);
    }
    if ((size_t)received != bytes)
        die("OpenMPI made %d bytes of a message of %zu", received, bytes);
#else
    (void)from, (void)bytes;
#endif
}

/* [limit] What the channel does, in the same memory, but without waiting: one half copies in while
 * the other copies out. Neither cares what it finds there; they only share the caches. */
static void copy_without_waiting(size_t bytes)
{
    for (size_t offset = 0; offset < bytes; offset += CHANNEL_FRAGMENT_BYTES) {
        size_t left = bytes - offset;
        size_t length = left < CHANNEL_FRAGMENT_BYTES ? left : CHANNEL_FRAGMENT_BYTES;
        if (half == 0)
            memcpy(channel_fragment(&outbox, offset, bytes), outgoing + offset, length);
        else
            memcpy((char *)incoming + offset, channel_fragment(&inbox, offset, bytes), length);
    }
}

static void pass(int method, int from, size_t bytes)
{
    if (method == OURS)
        pass_ours(from, bytes);
    else if (method == OPENMPI)
        pass_mpi(from, bytes);
    else
        copy_without_waiting(bytes);
}

/* A series of messages bears its number at the beginning, in the middle and at the end. */
static void stamp(char *message, size_t bytes, uint64_t series, bool is_received)
{
    for (size_t i = 0; i < 3; i++) {
        size_t offset = (bytes - sizeof series) / 2 * i;
        if (!is_received)
            memcpy(message + offset, &series, sizeof series);
        else if (memcmp(message + offset, &series, sizeof series) != 0)
            die("a message of %zu bytes was damaged at %zu", bytes, offset);
    }
}

/* ---- measuring ---- */

/* Nanoseconds per message, one way, of the half that took longer. */
static double measure(int method, const struct row *row)
{
    static uint64_t series;
    bool there_and_back = row->bytes <= LATENCY_BYTES_MAX;
    if (method == LIMIT && there_and_back)
        return bounce_ns();
#ifndef BENCH_MPI
    if (method == OPENMPI)
        return 0;
#endif
    series++;
    if (half == 0 || there_and_back)
        stamp(outgoing, row->bytes, series, false);
    int64_t start = 0;
    for (int i = -(row->messages / 8); i < row->messages; i++) { /* below 0: warming up */
        if (i == 0) {
            barrier();
            start = now_ns();
        }
        pass(method, 0, row->bytes);
        if (there_and_back)
            pass(method, 1, row->bytes);
    }
    double ns = agree((double)(now_ns() - start) / row->messages);
    if (method != LIMIT && (half == 1 || there_and_back))
        stamp(incoming, row->bytes, series, true);
    return there_and_back ? ns / 2 : ns;
}

/* How long this half has been ready to run while something else had its processor; 0 where the
 * system doesn't say. */
static double seconds_queued(void)
{
    char queued_ns[32] = "";
    FILE *file = fopen("/proc/self/schedstat", "r");
    if (file == NULL)
        return 0;
    int fields = fscanf(file, "%*s %31s", queued_ns);
    fclose(file);
    return fields == 1 ? (double)strtoull(queued_ns, NULL, 10) / (double)NS_PER_S : 0;
}

/* [round] The methods in turn, each time beginning with another one. False: disturbed. A bounce that
 * changed by half says that the machine did; a half that stood in the queue for 2 % of the time, that
 * it was not alone. Then what was measured can't be compared. */
static bool measure_round(int row, int round)
{
    double now[FIGURES] = {0};
    double queued = seconds_queued();
    int64_t start = now_ns();
    now[BEFORE] = bounce_ns();
    for (int i = 0; i < METHODS; i++) {
        int method = (round + i) % METHODS;
        now[method] = measure(method, &rows[row]);
    }
    now[AFTER] = bounce_ns();
    now[VS_MPI] = now[OPENMPI] / now[OURS];
    now[VS_LIMIT] = now[LIMIT] / now[OURS];
    bool is_steady = now[AFTER] < 1.5 * now[BEFORE] && now[BEFORE] < 1.5 * now[AFTER] &&
                     agree(seconds_queued() - queued) <= 0.02 * agree(seconds_since(start));
    struct rounds *rounds = is_steady ? &steady[row] : &disturbed[row];
    for (int figure = 0; figure < FIGURES; figure++)
        rounds->figures[figure][rounds->count] = now[figure];
    rounds->count++;
    return is_steady;
}

static void measure_all(void)
{
    for (int row = 0; row < ROWS; row++) /* not counted: buffers grow, memory is first touched */
        for (int method = 0; method < METHODS; method++)
            measure(method, &rows[row]);
    int64_t start = now_ns();
    for (int round = 0; round < ROUNDS && agree(seconds_since(start)) < (double)seconds; round++)
        for (int row = 0; row < ROWS; row++)
            for (int attempt = 0; attempt < ATTEMPTS && round % rows[row].every == 0; attempt++)
                if (measure_round(row, round))
                    break;
}

/* ---- the report ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of the undisturbed rounds; where there are none, of the others. */
static double median(int row, int figure)
{
    const struct rounds *rounds = steady[row].count > 0 ? &steady[row] : &disturbed[row];
    double sorted[ROUNDS * ATTEMPTS];
    memcpy(sorted, rounds->figures[figure], sizeof sorted);
    qsort(sorted, (size_t)rounds->count, sizeof sorted[0], by_value);
    return sorted[rounds->count / 2];
}

static void print_figure(double figure, const char *unit)
{
    if (figure > 0)
        print_data("%8.2f %-4s", figure, unit);
    else
        print_data("%8s %-4s", "-", "");
}

static void print_row(int row)
{
    bool is_latency = rows[row].bytes <= LATENCY_BYTES_MAX;
    print_data("%-6s", rows[row].label);
    for (int method = 0; method < METHODS; method++) {
        double ns = median(row, method);
        double gb_per_s = ns > 0 ? (double)rows[row].bytes / ns : 0;
        print_figure(is_latency ? ns : gb_per_s, is_latency ? "ns" : "GB/s");
    }
    print_figure(median(row, VS_MPI), "");
    print_figure(median(row, VS_LIMIT), "");
    print_data("%5.0f ->%4.0f ns%6d", median(row, BEFORE), median(row, AFTER), steady[row].count);
    if (disturbed[row].count > 0)
        print_data(" %c%d", steady[row].count > 0 ? '*' : '!', disturbed[row].count);
    print_data("\n");
}

static void print_goal(int row, const char *rival, double ratio, double goal)
{
    if (goal <= 0)
        return;
    print_data("  %-6s %.2f times as fast as %-9s ", rows[row].label, goal, rival);
    if (ratio > 0)
        print_data("%6.2f: %s%s\n", ratio, ratio >= goal ? "reached" : "missed",
                   steady[row].count > 0 ? "" : ", but disturbed");
    else
        print_data("     -: not measured\n");
}

static void report(void)
{
    print_data("\nsize      ours         limit        OpenMPI      ours/MPI     ours/limit   "
               "bounce        rounds\n");
    for (int row = 0; row < ROWS; row++)
        print_row(row);
    print_data(
        "\n"
        "Medians over the rounds; ours/...: of the speeds' ratios. Above 1 ours is faster.\n"
        "limit: up to 1 KB a flag bounce; above, the two copies at once, without waiting.\n"
        "bounce: one way, before and after a round. *N: N more rounds were dropped, since it\n"
        "changed by half between, or other programs took the processors. !N: all were.\n"
        "\nGoals, and what was measured\n");
    for (int row = 0; row < ROWS; row++) {
        print_goal(row, "OpenMPI", median(row, VS_MPI), rows[row].vs_mpi);
        print_goal(row, "the limit", median(row, VS_LIMIT), rows[row].vs_limit);
    }
}

static void allocate(void)
{
    size_t bytes = half == 0 ? MESSAGE_BYTES_MAX : LATENCY_BYTES_MAX;
    outgoing = malloc(bytes);
    if (outgoing == NULL)
        die("no memory for a message of %zu bytes", bytes);
    memset(outgoing, 1, bytes); /* untouched, all its pages would be one page of zeros */
}

int main(int argc, char **argv)
{
    const struct option_rule rules[] = {
        {"seconds", .number = &seconds, .minimum = 1, .maximum = 600},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    catch_stop_signals();
    CHECK(atexit(leave));

    start_halves();
    int processor = pin_to_processor();
    meet();
    introduce(processor);
    allocate();
    measure_all();
    if (half == 0)
        report();
    return end_halves();
}
