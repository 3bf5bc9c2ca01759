/* results.h - what was measured, row by row: kept for the tables, and written for other programs */
#ifndef RESULTS_H
#define RESULTS_H

#include "orders.h"

enum { RESULTS_MAX = 1024 };

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

/* What a row is called, like "shm spin". */
static inline const char *row_name(const struct row *row)
{
    static char name[32];
    const struct transport *transport = transports[row->transport];
    if (row->test == TEST_COPIES)
        return "copies";
    if (row->test == TEST_HANDOVER)
        return "handover";
    snprintf(name, sizeof name, "%s%s%s", transport->name, transport->is_memory ? " " : "",
             transport->is_memory ? waits[row->wait].name : "");
    return name;
}

/* On a terminal: one line, which the next one replaces. No row: erases it. */
static inline void show_progress(const struct row *row, size_t number, size_t all)
{
    static const char *const tests[] = {"latency", "throughput", "throughput", "latency"};
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
    if (result_count < RESULTS_MAX)
        results[result_count++] = result;
}

static inline const char *result_name(const struct result *result)
{
    struct row row = {.test = result->test, .transport = result->transport, .wait = result->wait};
    return row_name(&row);
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

/* ---- for other programs ---- */

static inline void write_csv_row(FILE *csv, const struct result *result)
{
    static const char *const tests[] = {"latency", "throughput", "limit", "handover"};
    const char *name = result_name(result), *wait = strchr(name, ' ');
    fprintf(csv, "%s,%.*s,%s,%llu,%llu,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.1f,%.0f,%.3f,%.1f,%.1f\n",
            tests[result->test], (int)strcspn(name, " "), name, wait != NULL ? wait + 1 : "",
            (unsigned long long)result->bytes, (unsigned long long)result->count, result->min_us,
            result->mean_us, result->p50_us, result->p99_us, result->p999_us, result->max_us,
            result->mb_per_s, result->messages_per_s, result->cpu_s, result->bounce_ns[0],
            result->bounce_ns[1]);
}

/* Can it be written? That is found out before the measuring, which takes minutes; what it holds is lost
 * only when there is something to take its place. */
static inline FILE *open_csv(const char *path)
{
    FILE *csv = path != NULL ? fopen(path, "ae") : NULL;
    if (path != NULL && csv == NULL)
        die("cannot create %s: %s", path, strerror(errno));
    return csv;
}

static inline void write_csv(FILE *csv, const char *path)
{
    if (csv == NULL)
        return;
    if (ftruncate(fileno(csv), 0) == -1 && errno != EINVAL) /* EINVAL: a pipe, or /dev/stdout */
        die("cannot write %s: %s", path, strerror(errno));
    fprintf(csv, "test,transport,sync,bytes,messages,min_us,mean_us,p50_us,p99_us,p999_us,max_us,"
                 "mb_per_s,messages_per_s,cpu_s_per_million,flag_before_ns,flag_after_ns\n");
    for (size_t i = 0; i < result_count; i++)
        write_csv_row(csv, &results[i]);
    bool is_written = ferror(csv) == 0;
    if (fclose(csv) != 0 || !is_written)
        die("cannot write %s: %s", path, strerror(errno));
}

#endif
