/* kernels_inside.h - what the files of kernels agree on among themselves: the numbers in their loops
 *
 * Look first at [reduction]: what is left of exp() after it is a short polynomial.
 */
#ifndef KERNELS_INSIDE_H
#define KERNELS_INSIDE_H

#include "kernels.h"

/* [unrolled] A loop whose bounds the compiler knows becomes straight code, and the array of vectors that
 * it goes through becomes registers. */
#if defined __clang__
#define UNROLLED _Pragma("unroll")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

#define ALWAYS_INLINE __attribute__((always_inline)) static inline

/* [reduction] exp(-x) = 2^n exp(r), where n = round(-x / ln(2)) and r = -x - n ln(2). ln(2) is given
 * in two parts (Cody and Waite, 1980): the first has so few bits that n times it is exact. */
#define LOG2_E 0x1.715476p+0F
#define LN2_HIGH 0.693359375F
#define LN2_LOW (-2.12194440e-4F)

/* [polynomial] What is left: exp(r) is 1 + r + E2 r^2 + ... E6 r^6, wrong by less than 3e-9 of it for
 * |r| <= ln(2) / 2. Found by Remez's exchange algorithm (1934), which makes the largest error smallest. */
#define EXP_E2 0x1.000002p-1F
#define EXP_E3 0x1.5553bep-3F
#define EXP_E4 0x1.555156p-5F
#define EXP_E5 0x1.1291dap-7F
#define EXP_E6 0x1.70a046p-10F

/* [magic] A float this large has no bits left for a fraction: adding it rounds to a whole number. It
 * then stands in the lowest bits, plus 127: shifted left by 23 they are the float 2^n. */
#define EXP_MAGIC (0x1.8p+23F + 127)

/* [ends] Beyond these, the result doesn't change any more. -88.7 makes n = 128, and the bits of 2^128
 * are those of infinity: 1 / (1 + infinity) is 0. */
#define SIGMOID_LOWEST (-88.7F)
#define SIGMOID_HIGHEST 87.0F

/* fill(): lane i begins with key + i times FILL_STEP; each next number is the last one times
 * FILL_FACTOR plus FILL_TERM (a linear congruential generator; the factor is from Knuth, TAOCP 2). */
#define FILL_STEP UINT32_C(2654435769)
#define FILL_FACTOR UINT32_C(1664525)
#define FILL_TERM UINT32_C(1013904223)
#define FILL_SCALE 0x1.0p-28F

#endif
