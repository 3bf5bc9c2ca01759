/* sigmoid_error.h - is a sigmoid of floats as right as kernels.h says? Judged by one of doubles
 *
 * Look first at sigmoid_is_right(). The doubles' own error is a millionth of what is permitted.
 */
#ifndef TESTS_SIGMOID_ERROR_H
#define TESTS_SIGMOID_ERROR_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SIGMOID_RELATIVE_BOUND 2e-7

static inline float float_from_bits(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static inline uint32_t bits_from_float(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* exp(x) for |x| <= 200 by its series, without libm, so that nothing has to be linked. */
static inline double exact_exp(double x)
{
    const double magic = 0x1.8p52 + 1023;
    double rounded = x * 1.4426950408889634 + magic, n = rounded - magic;
    double r = x - n * 0x1.62e42feep-1 - n * 0x1.a39ef35793c76p-33; /* ln(2), in two parts */
    double sum = 1;
    for (int i = 14; i > 0; i--)
        sum = 1 + sum * r / i;
    uint64_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    bits <<= 52; /* 2^n */
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

static inline double exact_sigmoid(double x)
{
    if (isnan(x))
        return x;
    x = x < -200 ? -200 : x > 200 ? 200 : x;
    return 1 / (1 + exact_exp(-x));
}

/* exact: exact_sigmoid(x). *worst: the largest relative error so far. */
static inline bool sigmoid_is_right(float x, double exact, float got, double *worst)
{
    if (isnan(x) || isnan(got))
        return isnan(x) && isnan(got);
    if (isinf(x))
        return got == (x > 0 ? 1.0F : 0.0F);
    double error = fabs((double)got - exact);
    if (exact < (double)FLT_MIN)
        return error < (double)FLT_MIN && got >= 0;
    if (error > *worst * exact)
        *worst = error / exact;
    return error <= SIGMOID_RELATIVE_BOUND * exact;
}

#endif
