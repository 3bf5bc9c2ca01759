/* histogram.h - millions of durations in 34 KiB, each counted with an error of at most 0.4 %
 *
 * Buckets as HdrHistogram has them (hdrhistogram.org): each power of two is divided into 128 equal
 * parts. Below 256 ns every nanosecond has its own. Look first at histogram_bucket().
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>
#include <string.h>

enum {
    HISTOGRAM_PART_BITS = 7,
    HISTOGRAM_PARTS = 1 << HISTOGRAM_PART_BITS,
    HISTOGRAM_EXACT = 2 * HISTOGRAM_PARTS, /* below it, a bucket for each value */
    HISTOGRAM_BITS = 40, /* values from 2^40 ns, 18 minutes, on are counted as that */
    HISTOGRAM_BUCKETS = (HISTOGRAM_BITS - HISTOGRAM_PART_BITS + 1) * HISTOGRAM_PARTS
};

struct histogram {
    uint64_t count, sum_ns, min_ns, max_ns; /* exact */
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* [bucket] The 8 highest bits of the value select it: how many bits there are below them, and the 7
 * bits behind the first one. */
static inline uint32_t histogram_bucket(uint64_t ns)
{
    if (ns < HISTOGRAM_EXACT)
        return (uint32_t)ns;
    if (ns >> HISTOGRAM_BITS != 0)
        return HISTOGRAM_BUCKETS - 1;
    uint32_t shift = 63 - HISTOGRAM_PART_BITS - (uint32_t)__builtin_clzll(ns);
    return shift * HISTOGRAM_PARTS + (uint32_t)(ns >> shift);
}

/* The middle of a bucket: off by at most half its width, 1/256 of the value. */
static inline uint64_t histogram_value(uint32_t bucket)
{
    if (bucket < HISTOGRAM_EXACT)
        return bucket;
    uint32_t shift = bucket / HISTOGRAM_PARTS - 1;
    uint64_t lowest = (uint64_t)(bucket - shift * HISTOGRAM_PARTS) << shift;
    return lowest + ((uint64_t)1 << shift) / 2;
}

static inline void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
    histogram->min_ns = UINT64_MAX;
}

static inline void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->count++;
    histogram->sum_ns += ns;
    if (ns < histogram->min_ns)
        histogram->min_ns = ns;
    if (ns > histogram->max_ns)
        histogram->max_ns = ns;
    histogram->buckets[histogram_bucket(ns)]++;
}

/* The value that share of all are at most, share from 0 to 1: of n sorted ones the share * n-th,
 * rounded up. 0 when there are none. */
static inline uint64_t histogram_percentile(const struct histogram *histogram, double share)
{
    if (histogram->count == 0)
        return 0;
    double wanted = share * (double)histogram->count;
    uint64_t rank = (uint64_t)wanted + ((double)(uint64_t)wanted < wanted);
    if (rank <= 1)
        return histogram->min_ns;
    if (rank >= histogram->count)
        return histogram->max_ns;
    uint32_t bucket = 0;
    for (uint64_t below = histogram->buckets[0]; below < rank;)
        below += histogram->buckets[++bucket];
    uint64_t value = histogram_value(bucket);
    if (value < histogram->min_ns)
        return histogram->min_ns;
    return value < histogram->max_ns ? value : histogram->max_ns;
}

static inline double histogram_mean(const struct histogram *histogram)
{
    return histogram->count == 0 ? 0 : (double)histogram->sum_ns / (double)histogram->count;
}

#endif
