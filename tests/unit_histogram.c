/* unit_histogram.c - lesson 06's histogram against the same samples, sorted */
#define _GNU_SOURCE
#include <stdlib.h>

#include "../06_writer_reader_bench/histogram.h"
#include "tap.h"

enum { SAMPLES = 100000 };

static uint64_t samples[SAMPLES];
static struct histogram histogram;

static int compare_samples(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The same numbers in each run: xorshift64. */
static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252U;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Of n sorted ones the share * n-th, rounded up, in parts of a thousand. */
static uint64_t sorted_percentile(size_t count, uint64_t thousandths)
{
    size_t rank = (size_t)((count * thousandths + 999) / 1000);
    return samples[rank == 0 ? 0 : rank - 1];
}

static bool is_within(uint64_t got, uint64_t expected, double share)
{
    double error = (double)got - (double)expected;
    if (error < 0)
        error = -error;
    if (error <= share * (double)expected)
        return true;
    printf("#   got %llu, expected %llu\n", (unsigned long long)got, (unsigned long long)expected);
    return false;
}

/* Takes the samples as they are now. */
static void compare_with_sorted(const char *name, size_t count)
{
    static const uint64_t shares[] = {0, 1, 10, 100, 500, 900, 990, 999, 1000};
    char description[96];
    uint64_t sum = 0;
    bool all_within = true;
    histogram_clear(&histogram);
    for (size_t i = 0; i < count; i++) {
        histogram_add(&histogram, samples[i]);
        sum += samples[i];
    }
    qsort(samples, count, sizeof samples[0], compare_samples);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++)
        all_within &= is_within(histogram_percentile(&histogram, (double)shares[i] / 1000),
                                sorted_percentile(count, shares[i]), 0.01);
    snprintf(description, sizeof description, "%s: percentiles are off by 1 %% at most", name);
    ok(description, all_within);
    snprintf(description, sizeof description, "%s: count, sum, min and max are exact", name);
    ok(description, histogram.count == count && histogram.sum_ns == sum &&
                        histogram.min_ns == samples[0] && histogram.max_ns == samples[count - 1]);
}

static void every_value_has_its_bucket(void)
{
    bool in_order = true, in_bounds = true, close = true;
    uint32_t last = 0;
    for (uint64_t value = 0; value < (uint64_t)1 << HISTOGRAM_BITS; value += 1 + value / 1000) {
        uint32_t bucket = histogram_bucket(value);
        in_order &= bucket == last || bucket == last + 1;
        in_bounds &= bucket < HISTOGRAM_BUCKETS;
        close &= is_within(histogram_value(bucket), value, 1.0 / 256);
        last = bucket;
    }
    ok("a larger value never has a lower bucket, and no bucket is left out", in_order);
    ok("every bucket is in bounds", in_bounds);
    ok("a bucket's value is off by at most 1/256", close);
    is_number("the last bucket is used", last, HISTOGRAM_BUCKETS - 1);
    is_number("what is too long counts as the longest", histogram_bucket(UINT64_MAX),
              HISTOGRAM_BUCKETS - 1);
}

int main(void)
{
    every_value_has_its_bucket();

    for (size_t i = 0; i < SAMPLES; i++)
        samples[i] = next_random() % 1000;
    compare_with_sorted("evenly spread up to 1 us", SAMPLES);
    for (size_t i = 0; i < SAMPLES; i++)
        samples[i] = next_random() >> (24 + next_random() % 40);
    compare_with_sorted("over all magnitudes", SAMPLES);
    for (size_t i = 0; i < SAMPLES; i++)
        samples[i] = 140 + 10 * (next_random() % 8) + (i % 100 == 0 ? next_random() % 5000000 : 0);
    compare_with_sorted("as latencies are, with a long tail", SAMPLES);
    for (size_t i = 0; i < SAMPLES; i++)
        samples[i] = 123457;
    compare_with_sorted("all the same", SAMPLES);
    samples[0] = 7;
    compare_with_sorted("a single one", 1);
    samples[0] = 1;
    samples[1] = 1000000;
    compare_with_sorted("two that are far apart", 2);

    histogram_clear(&histogram);
    is_number("none at all: 0", (long long)histogram_percentile(&histogram, 0.5), 0);
    ok("and no mean", histogram_mean(&histogram) <= 0);
    return done_testing();
}
