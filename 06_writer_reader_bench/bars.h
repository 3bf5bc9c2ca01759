/* bars.h - how the round trips of a row are distributed, drawn as soon as it has been measured
 *
 * A line for each power of two nanoseconds, from the 1st to the 99th percentile; one for what is faster, one
 * for what is slower.
 */
#ifndef BARS_H
#define BARS_H

#include "results.h"

enum { BAR_COLUMNS = 20 };

/* Durations from from_ns on, below to_ns, both powers of two: no bucket reaches across one. */
static inline uint64_t bars_count(const struct histogram *durations, uint64_t from_ns,
                                  uint64_t to_ns)
{
    uint64_t count = 0;
    for (uint32_t i = histogram_bucket(from_ns); i < histogram_bucket(to_ns); i++)
        count += durations->buckets[i];
    return count;
}

/* "256 ns", "16.4 us", "1.05 ms": three digits and the unit, so that narrow windows do. */
static inline const char *duration_text(char text[24], uint64_t ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double value = (double)ns;
    int unit = 0;
    for (; value >= 1000 && unit < 3; unit++)
        value /= 1000;
    snprintf(text, 24, "%.3g %s", value, units[unit]);
    return text;
}

/* What is there has at least a dot. */
static inline void print_bar(uint64_t to_ns, uint64_t count, uint64_t all)
{
    static const char full[BAR_COLUMNS + 1] = "####################";
    char text[24];
    double share = (double)count / (double)all;
    int length = (int)(share * BAR_COLUMNS + 0.5);
    print_data("< %7s  %-*.*s %5.1f %%\n", duration_text(text, to_ns), BAR_COLUMNS,
               count > 0 && length == 0 ? 1 : length, length == 0 ? "." : full, share * 100);
}

/* How many there are beyond the bars, and how far they reach. */
static inline void print_rest(uint64_t count, const char *what, uint64_t ns)
{
    if (count == 0)
        return;
    char text[24];
    print_data("%llu %s %s\n", (unsigned long long)count, what, duration_text(text, ns));
}

static inline void print_bars(const struct row *row)
{
    const struct histogram *durations = &row->run.durations;
    uint64_t all = durations->count, from_ns = 1;
    uint64_t first_ns = histogram_percentile(durations, 0.01);
    uint64_t last_ns = histogram_percentile(durations, 0.99);
    show_progress(NULL, 0, 0);
    print_data("\n%s: %llu x %llu bytes%s\n", row_name(row), (unsigned long long)all,
               (unsigned long long)row->bytes, row->test == TEST_LATENCY ? " and back" : "");
    while (from_ns * 2 <= first_ns)
        from_ns *= 2;
    uint64_t shown = bars_count(durations, 0, from_ns);
    print_rest(shown, "faster, from", durations->min_ns);
    for (; shown < all && from_ns <= last_ns; from_ns *= 2) {
        uint64_t count = bars_count(durations, from_ns, from_ns * 2);
        print_bar(from_ns * 2, count, all);
        shown += count;
    }
    print_rest(all - shown, "slower, up to", durations->max_ns);
}

#endif
