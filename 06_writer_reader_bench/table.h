/* table.h - the results as people read them: two tables, ratios, and where they were measured */
#ifndef TABLE_H
#define TABLE_H

#include <sys/utsname.h>

#include "results.h"

enum { RATIO_BYTES = 1024, RATIO_STREAM_BYTES = 1 << 20 };

/* The flag before and after; ! where the machine has changed by more than a quarter. */
static inline void print_bounce(const struct result *result)
{
    double before = result->bounce_ns[0], after = result->bounce_ns[1];
    bool has_changed = before > 1.25 * after || after > 1.25 * before;
    print_data(" %6.0f -> %-4.0f%s\n", before, after, has_changed ? "!" : "");
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

static inline bool is_latency(const struct result *result)
{
    return result->test == TEST_LATENCY || result->test == TEST_HANDOVER;
}

static inline void print_latencies(void)
{
    print_data(
        "\nLatency: round trips, in us\n\n%-11s %9s %9s %9s %9s %9s %9s %9s %9s %9s %8s %13s\n", "",
        "bytes", "messages", "min", "mean", "p50", "p99", "p99.9", "max", "one way", "CPU s/M",
        "flag, ns");
    for (size_t i = 0; i < result_count; i++) {
        const struct result *result = &results[i];
        if (!is_latency(result))
            continue;
        print_data("%-11s %9llu %9llu %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f", result_name(result),
                   (unsigned long long)result->bytes, (unsigned long long)result->count,
                   result->min_us, result->mean_us, result->p50_us, result->p99_us, result->p999_us,
                   result->max_us);
        if (result->test == TEST_LATENCY)
            print_data(" %9.3f %8.2f", result->p50_us / 2, result->cpu_s);
        else
            print_data(" %9s %8.2f", "-", result->cpu_s);
        print_bounce(result);
    }
}

static inline void print_throughputs(void)
{
    print_data("\nThroughput: received and checked\n\n%-11s %9s %9s %10s %12s %9s %10s %13s\n", "",
               "bytes", "messages", "MB/s", "messages/s", "CPU s/M", "of limit", "flag, ns");
    for (size_t i = 0; i < result_count; i++) {
        const struct result *result = &results[i];
        if (is_latency(result))
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

static inline void print_ratios(void)
{
    print_ratio(TEST_LATENCY, RATIO_BYTES);
    print_ratio(TEST_THROUGHPUT, RATIO_STREAM_BYTES);
}

/* ---- the host ---- */

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
        "handover: a message through shm, and only a flag back. copies, the limit: both halves\n"
        "copy the same bytes at once, and wait for nothing.\n\n");
}

/* ---- all of it ---- */

static inline void print_tables(const struct pair *pair, uint64_t clock_ns)
{
    print_host(clock_ns);
    if (best_figure(TEST_LATENCY, &transport_shm, results[0].bytes) > 0)
        print_classic_table();
    if (result_count > 0 && is_latency(&results[0]))
        print_latencies();
    if (result_count > 0 && !is_latency(&results[result_count - 1]))
        print_throughputs();
    print_data("\n");
    print_notes(pair);
    print_ratios();
}

#endif
