/* table.h - the results: tables, ratios, and a file for other programs */
#ifndef TABLE_H
#define TABLE_H

#include <sys/utsname.h>

#include "orders.h"

enum { RESULTS_MAX = 1024, RATIO_BYTES = 1024, RATIO_STREAM_BYTES = 1 << 20 };

/* A row, without its histogram. */
struct result {
    uint32_t test, transport, wait;
    uint64_t bytes, count;
    double min_us, mean_us, p50_us, p99_us, p999_us, max_us; /* round trips */
    double mb_per_s, messages_per_s;
    double cpu_s; /* per million messages: both halves, user and system */
    double bounce_ns[2];
};

static struct result results[RESULTS_MAX];
static size_t result_count;
static FILE *csv;

/* What a row is called, like "shm spin". */
static inline const char *row_name(const struct row *row)
{
    static char name[32];
    const struct transport *transport = transports[row->transport];
    if (row->test == TEST_COPIES)
        return "copies";
    snprintf(name, sizeof name, "%s%s%s", transport->name, transport->is_memory ? " " : "",
             transport->is_memory ? waits[row->wait].name : "");
    return name;
}

/* On a terminal: one line, which the next one replaces. No row: erases it. */
static inline void show_progress(const struct row *row, size_t number, size_t all)
{
    static const char *const tests[] = {"latency", "throughput", "throughput", ""};
    if (!isatty(STDERR_FILENO))
        return;
    if (row == NULL)
        fprintf(stderr, "\r\033[K");
    else
        fprintf(stderr, "\r\033[K%zu of %zu: %s, %s, %llu bytes", number, all, tests[row->test],
                row_name(row), (unsigned long long)row->bytes);
}

/* ---- one row ---- */

static inline void leave_out(const struct row *row, int problem)
{
    static char last[32];
    show_progress(NULL, 0, 0);
    if (strcmp(last, row_name(row)) != 0) /* once for all sizes */
        note("%s is left out: %s", row_name(row), strerror(problem));
    snprintf(last, sizeof last, "%s", row_name(row));
}

static inline void write_csv(const struct result *result, const char *name)
{
    static const char *const tests[] = {"latency", "throughput", "limit", ""};
    const char *wait = strchr(name, ' ');
    if (csv == NULL)
        return;
    fprintf(csv, "%s,%.*s,%s,%llu,%llu,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.1f,%.0f,%.3f,%.1f,%.1f\n",
            tests[result->test], (int)strcspn(name, " "), name, wait != NULL ? wait + 1 : "",
            (unsigned long long)result->bytes, (unsigned long long)result->count, result->min_us,
            result->mean_us, result->p50_us, result->p99_us, result->p999_us, result->max_us,
            result->mb_per_s, result->messages_per_s, result->cpu_s, result->bounce_ns[0],
            result->bounce_ns[1]);
}

static inline void note_result(const struct row *row)
{
    const struct histogram *durations = &row->run.durations;
    double seconds = (double)row->run.timed_ns / (double)NS_PER_S;
    double cpu_ns = (double)(row->run.cost.user_ns + row->run.cost.system_ns) +
                    (double)(row->answer.user_ns + row->answer.system_ns);
    struct result result = {
        .test = row->test,
        .transport = row->transport,
        .wait = row->wait,
        .bytes = row->bytes,
        .count = row->count,
        .min_us = durations->count > 0 ? (double)durations->min_ns / 1e3 : 0,
        .mean_us = histogram_mean(durations) / 1e3,
        .p50_us = (double)histogram_percentile(durations, 0.50) / 1e3,
        .p99_us = (double)histogram_percentile(durations, 0.99) / 1e3,
        .p999_us = (double)histogram_percentile(durations, 0.999) / 1e3,
        .max_us = (double)durations->max_ns / 1e3,
        .mb_per_s = (double)row->bytes * (double)row->count / seconds / 1e6,
        .messages_per_s = (double)row->count / seconds,
        .cpu_s = cpu_ns / (double)row->count / 1e3,
        .bounce_ns = {row->bounce_ns[0], row->bounce_ns[1]},
    };
    write_csv(&result, row_name(row));
    if (result_count < RESULTS_MAX)
        results[result_count++] = result;
}

/* ---- the tables ---- */

static inline const char *result_name(const struct result *result)
{
    struct row row = {.test = result->test, .transport = result->transport, .wait = result->wait};
    return row_name(&row);
}

/* The flag before and after; ! where the machine has changed by more than a quarter. */
static inline void print_bounce(const struct result *result)
{
    double before = result->bounce_ns[0], after = result->bounce_ns[1];
    bool has_changed = before > 1.25 * after || after > 1.25 * before;
    print_data("%7.0f -> %-4.0f%s\n", before, after, has_changed ? "!" : "");
}

/* NULL: that was not measured. */
static inline const struct result *find_result(uint32_t test, const struct transport *transport,
                                               uint32_t wait, uint64_t bytes)
{
    for (size_t i = 0; i < result_count; i++)
        if (results[i].test == test && transports[results[i].transport] == transport &&
            results[i].bytes == bytes && (!transport->is_memory || results[i].wait == wait))
            return &results[i];
    return NULL;
}

static inline void print_classic_figures(const struct result *result)
{
    if (result == NULL)
        print_data("  %10s %10s %10s", "-", "-", "-");
    else
        print_data("  %10.3f %10.3f %10.3f", result->min_us, result->mean_us, result->max_us);
}

static inline void print_classic_table(void)
{
    uint64_t last = 0;
    print_data("\nRound trips through memory, spinning, in us\n\n"
               "%9s  %10s %10s %10s  %10s %10s %10s\n",
               "bytes", "shmem min", "mean", "max", "mmap min", "mean", "max");
    for (size_t i = 0; i < result_count; i++) {
        uint64_t bytes = results[i].bytes;
        if (results[i].test != TEST_LATENCY || bytes == last)
            continue;
        last = bytes;
        print_data("%9llu", (unsigned long long)bytes);
        print_classic_figures(find_result(TEST_LATENCY, &transport_shm, WAIT_SPIN, bytes));
        print_classic_figures(find_result(TEST_LATENCY, &transport_mmap, WAIT_SPIN, bytes));
        print_data("\n");
    }
}

static inline void print_latencies(void)
{
    print_data(
        "\nLatency: round trips, in us\n\n%-11s %9s %9s %9s %9s %9s %9s %9s %9s %9s %8s %13s\n", "",
        "bytes", "messages", "min", "mean", "p50", "p99", "p99.9", "max", "one way", "CPU s/M",
        "flag, ns");
    for (size_t i = 0; i < result_count; i++) {
        const struct result *result = &results[i];
        if (result->test != TEST_LATENCY)
            continue;
        print_data("%-11s %9llu %9llu %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f %8.2f",
                   result_name(result), (unsigned long long)result->bytes,
                   (unsigned long long)result->count, result->min_us, result->mean_us,
                   result->p50_us, result->p99_us, result->p999_us, result->max_us,
                   result->p50_us / 2, result->cpu_s);
        print_bounce(result);
    }
}

static inline void print_throughputs(void)
{
    print_data("\nThroughput: received and checked\n\n%-11s %9s %9s %10s %12s %9s %10s %13s\n", "",
               "bytes", "messages", "MB/s", "messages/s", "CPU s/M", "of limit", "flag, ns");
    for (size_t i = 0; i < result_count; i++) {
        const struct result *result = &results[i];
        if (result->test == TEST_LATENCY)
            continue;
        const struct result *limit =
            find_result(TEST_COPIES, &transport_shm, WAIT_SPIN, result->bytes);
        print_data("%-11s %9llu %9llu %10.1f %12.0f", result_name(result),
                   (unsigned long long)result->bytes, (unsigned long long)result->count,
                   result->mb_per_s, result->messages_per_s);
        if (result == limit)
            print_data(" %9s %10s", "-", "limit");
        else if (limit == NULL)
            print_data(" %9.2f %10s", result->cpu_s, "-");
        else
            print_data(" %9.2f %8.0f %%", result->cpu_s, 100 * result->mb_per_s / limit->mb_per_s);
        print_bounce(result);
    }
}

/* ---- ratios ---- */

/* The fastest way that was measured through shm, or through another transport. */
static inline double best_figure(uint32_t test, const struct transport *transport, uint64_t bytes)
{
    double best = 0;
    for (uint32_t wait = 0; wait < WAITS; wait++) {
        const struct result *result = find_result(test, transport, wait, bytes);
        if (result == NULL)
            continue;
        double speed = test == TEST_LATENCY ? 1 / result->p50_us : result->mb_per_s;
        best = speed > best ? speed : best;
    }
    return best;
}

/* Of the size that is wanted, or else of the first one. */
static inline void print_ratio(uint32_t test, uint64_t wanted)
{
    static const struct transport *const others[] = {&transport_pipe, &transport_unix,
                                                     &transport_tcp, &transport_mq};
    uint64_t bytes = 0;
    for (size_t i = 0; i < result_count; i++)
        if (results[i].test == test && (bytes == 0 || results[i].bytes == wanted))
            bytes = results[i].bytes;
    double shm = best_figure(test, &transport_shm, bytes);
    if (shm == 0)
        return;
    print_data("%s of %llu bytes, times as long as through shm:  shm 1",
               test == TEST_LATENCY ? "A round trip" : "A stream", (unsigned long long)bytes);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        double other = best_figure(test, others[i], bytes);
        if (other > 0)
            print_data(" : %s %.*f", others[i]->name, shm / other < 10 ? 1 : 0, shm / other);
    }
    print_data("\n");
}

static inline void print_host(uint64_t clock_ns)
{
    char line[256], model[200] = "";
    struct utsname system;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && model[0] == '\0' && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL)
            snprintf(model, sizeof model, ", %.*s", (int)strcspn(strchr(line, ':') + 2, "\n"),
                     strchr(line, ':') + 2);
    if (file != NULL)
        fclose(file);
    CHECK(uname(&system));
    print_data("\nMeasured on %ld processors%s; %s %s, %s; compiler %s\n",
               sysconf(_SC_NPROCESSORS_ONLN), model, system.sysname, system.release, system.machine,
               __VERSION__);
    print_data("One reading of the clock, %llu ns, is taken off each duration.\n",
               (unsigned long long)clock_ns);
}

static inline void print_notes(const struct pair *pair)
{
    if (pair->processors[0] == -1)
        print_data("The halves were not pinned to processors.\n");
    else
        print_data("The writer ran on processor %d, the reader on %d.\n", pair->processors[0],
                   pair->processors[1]);
    print_data(
        "One way is half of p50. CPU s/M: seconds of processor time, user and system, of both\n"
        "halves, for a million messages. The flag: what one bare flag took one way, before and\n"
        "after the row; ! where that changed by more than a quarter: the machine did, too.\n"
        "copies, the limit: both halves copy the same bytes at once, and wait for nothing.\n\n");
}

static inline void print_tables(const struct pair *pair, uint64_t clock_ns)
{
    print_host(clock_ns);
    if (best_figure(TEST_LATENCY, &transport_shm, results[0].bytes) > 0)
        print_classic_table();
    if (result_count > 0 && results[0].test == TEST_LATENCY)
        print_latencies();
    if (result_count > 0 && results[result_count - 1].test != TEST_LATENCY)
        print_throughputs();
    print_data("\n");
    print_notes(pair);
    print_ratio(TEST_LATENCY, RATIO_BYTES);
    print_ratio(TEST_THROUGHPUT, RATIO_STREAM_BYTES);
}

/* ---- for other programs ---- */

static inline void open_csv(const char *path)
{
    if (path == NULL)
        return;
    csv = fopen(path, "we");
    if (csv == NULL)
        die("cannot create %s: %s", path, strerror(errno));
    fprintf(csv, "test,transport,sync,bytes,messages,min_us,mean_us,p50_us,p99_us,p999_us,max_us,"
                 "mb_per_s,messages_per_s,cpu_s_per_million,flag_before_ns,flag_after_ns\n");
}

static inline void close_csv(const char *path)
{
    if (csv != NULL && (ferror(csv) != 0 || fclose(csv) != 0))
        die("cannot write %s: %s", path, strerror(errno));
    csv = NULL;
}

#endif
