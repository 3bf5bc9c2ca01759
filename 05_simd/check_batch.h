/* check_batch.h - is a batch what it should be? And how fast are the kernels here?
 *
 * Look first at batch_is_right(). What a batch held before it was overwritten can be made again, since it
 * depends on its number and the seed only: so it can be checked although nothing was copied.
 */
#ifndef CHECK_BATCH_H
#define CHECK_BATCH_H

#include <float.h>
#include <math.h>

#include "../common/clock.h"
#include "batch_pair.h"

/* Applies a kernel to floats in place; returns the sum, or 0 for the others. */
static inline float apply(const struct kernels *kernels, enum kernel kernel, float *floats,
                          size_t count)
{
    if (kernel == KERNEL_SUM)
        return kernels->sum(floats, count);
    if (kernel == KERNEL_SQUARE)
        kernels->square(floats, count);
    else
        kernels->sigmoid(floats, count);
    return 0;
}

static inline bool same_bits(const float *a, const float *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

/* Both sigmoids may be off by 2e-7, and so 4e-7 from each other. */
static inline bool sigmoids_agree(const float *a, const float *b, size_t count)
{
    bool agree = true;
    for (size_t i = 0; i < count; i++) {
        float bound = b[i] >= FLT_MIN ? b[i] * 4e-7F : 2 * FLT_MIN;
        agree = agree && fabsf(a[i] - b[i]) <= bound;
    }
    return agree;
}

/* [verify] Has this batch been processed as the scalar kernel would have? result: what apply() returned.
 * square and sum: the same bits; a batch that was summed is also unchanged. */
static inline bool batch_is_right(const struct batch *batch, enum kernel kernel, float result,
                                  uint32_t key)
{
    static struct batch expected;
    kernels_scalar.fill(expected.floats, BATCH_FLOATS, key);
    float expected_result = apply(&kernels_scalar, kernel, expected.floats, BATCH_FLOATS);
    if (kernel == KERNEL_SIGMOID)
        return sigmoids_agree(batch->floats, expected.floats, BATCH_FLOATS);
    return same_bits(batch->floats, expected.floats, BATCH_FLOATS) &&
           same_bits(&result, &expected_result, 1);
}

enum { SPEED_BATCHES = 16, SPEED_ROUNDS = 30 };

/* [speed] GB/s of a kernel on 64 KiB of this process's own memory: the best of 30 rounds, each with new
 * numbers. It takes about a millisecond. */
static inline double kernel_speed(const struct kernels *kernels, enum kernel kernel)
{
    static struct batch batches[SPEED_BATCHES];
    int64_t best_ns = INT64_MAX;
    for (uint32_t round = 0; round < SPEED_ROUNDS; round++) {
        kernels->fill(batches[0].floats, (size_t)SPEED_BATCHES * BATCH_FLOATS, round);
        int64_t start = now_ns();
        apply(kernels, kernel, batches[0].floats, (size_t)SPEED_BATCHES * BATCH_FLOATS);
        int64_t ns = now_ns() - start;
        if (ns < best_ns)
            best_ns = ns;
    }
    return (double)sizeof batches / (double)(best_ns > 0 ? best_ns : 1);
}

#endif
