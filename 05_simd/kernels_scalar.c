/* kernels_scalar.c - one float at a time, on any processor: what the others are compared with
 *
 * Look first at sigmoid(): the same steps, eight at a time, are in kernels_avx2.c.
 *
 * [scalar] "Scalar" means one float per instruction. Compilers make vector instructions of such loops
 * by themselves (gcc at -O3, clang at -O2); here they are told not to, so that the comparison is what it
 * says. What they make of plain C when they may is in bench.c.
 */
#include "kernels_inside.h"

#include <string.h>

#if defined __clang__
#define ONE_AT_A_TIME _Pragma("clang loop vectorize(disable) interleave(disable)")
#define SCALAR
#else
#define ONE_AT_A_TIME
#define SCALAR __attribute__((optimize("no-tree-vectorize")))
#endif

SCALAR static void square(float *floats, size_t count)
{
    ONE_AT_A_TIME
    for (size_t i = 0; i < count; i++)
        floats[i] *= floats[i];
}

/* [order] In real numbers the order of additions is free; in floats each one rounds, and another order
 * gives other bits. So the compiler must not split a sum into lanes. We may, and say so here. */
SCALAR static float sum(const float *floats, size_t count)
{
    float lanes[SUM_LANES] = {0};
    size_t i = 0;
    for (; count - i >= SUM_LANES; i += SUM_LANES) {
        ONE_AT_A_TIME
        for (size_t lane = 0; lane < SUM_LANES; lane++)
            lanes[lane] += floats[i + lane];
    }
    ONE_AT_A_TIME
    for (size_t lane = 0; i < count; i++, lane++)
        lanes[lane] += floats[i];
    for (size_t half = SUM_LANES / 2; half > 0; half /= 2) {
        ONE_AT_A_TIME
        for (size_t lane = 0; lane < half; lane++)
            lanes[lane] += lanes[lane + half];
    }
    return lanes[0];
}

static float float_of_bits(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static uint32_t bits_of_float(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* Both comparisons are false for a nan, which so goes through all that follows. */
static float sigmoid_of(float x)
{
    x = x < SIGMOID_LOWEST ? SIGMOID_LOWEST : x;
    x = x > SIGMOID_HIGHEST ? SIGMOID_HIGHEST : x;
    float rounded = x * -LOG2_E + EXP_MAGIC;
    float power = float_of_bits(bits_of_float(rounded) << 23); /* 2^n */
    float n = rounded - EXP_MAGIC;
    float r = -x - n * LN2_HIGH - n * LN2_LOW;
    float e = EXP_E6;
    e = e * r + EXP_E5;
    e = e * r + EXP_E4;
    e = e * r + EXP_E3;
    e = e * r + EXP_E2;
    e = e * r + 1;
    e = e * r + 1;
    return 1 / (1 + e * power);
}

SCALAR static void sigmoid(float *floats, size_t count)
{
    ONE_AT_A_TIME
    for (size_t i = 0; i < count; i++)
        floats[i] = sigmoid_of(floats[i]);
}

SCALAR static void fill(float *floats, size_t count, uint32_t key)
{
    ONE_AT_A_TIME
    for (uint32_t lane = 0; lane < FILL_LANES; lane++) {
        uint32_t state = key + lane * FILL_STEP;
        ONE_AT_A_TIME
        for (size_t i = lane; i < count; i += FILL_LANES) {
            state = state * FILL_FACTOR + FILL_TERM;
            floats[i] = (float)(int32_t)state * FILL_SCALE;
        }
    }
}

const struct kernels kernels_scalar = {ISA_SCALAR, "scalar", square, sum, sigmoid, fill};
