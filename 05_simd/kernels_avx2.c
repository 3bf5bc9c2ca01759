/* kernels_avx2.c - eight floats at a time, and multiply-adds that round once
 *
 * Look first at square(), then at sigmoid_abreast(): the steps of kernels_scalar.c, each one for 8 floats.
 */
#include "kernels_inside.h"

#if defined __x86_64__
#include <immintrin.h>
#include <string.h>

/* [target] This function may use AVX2 and FMA, whatever the rest of the program is compiled for. */
#define AVX2 __attribute__((target("avx2,fma")))

enum { WIDTH = 8, VECTORS = SUM_LANES / WIDTH, AT_ONCE = 4, ABREAST = 2 };

/* [head] [tail] Single floats up to the first multiple of 32 bytes, so that no store crosses a cache
 * line, and again behind the last whole group. */
AVX2 static void square(float *floats, size_t count)
{
    size_t i = 0;
    for (; i < count && (uintptr_t)&floats[i] % sizeof(__m256) != 0; i++)
        floats[i] *= floats[i];
    for (; count - i >= (size_t)AT_ONCE * WIDTH; i += (size_t)AT_ONCE * WIDTH) {
        UNROLLED
        for (size_t k = 0; k < AT_ONCE; k++) {
            __m256 x = _mm256_load_ps(&floats[i + k * WIDTH]);
            _mm256_store_ps(&floats[i + k * WIDTH], _mm256_mul_ps(x, x));
        }
    }
    for (; i < count; i++)
        floats[i] *= floats[i];
}

AVX2 ALWAYS_INLINE void add_block(__m256 lanes[VECTORS], const float *block)
{
    UNROLLED
    for (size_t k = 0; k < VECTORS; k++)
        lanes[k] = _mm256_add_ps(lanes[k], _mm256_loadu_ps(&block[k * WIDTH]));
}

AVX2 ALWAYS_INLINE void fold(__m256 lanes[VECTORS], size_t half)
{
    UNROLLED
    for (size_t k = 0; k < half; k++)
        lanes[k] = _mm256_add_ps(lanes[k], lanes[k + half]);
}

/* [accumulators] An addition takes 3 or 4 cycles, but two can begin in each: with one accumulator each
 * would wait for the one before. Eight vectors of them keep the adders busy. */
AVX2 static float sum(const float *floats, size_t count)
{
    __m256 lanes[VECTORS];
    UNROLLED
    for (size_t k = 0; k < VECTORS; k++)
        lanes[k] = _mm256_setzero_ps();
    for (; count >= SUM_LANES; count -= SUM_LANES, floats += SUM_LANES)
        add_block(lanes, floats);
    float rest[SUM_LANES] = {0}; /* adding 0 changes no lane: none is ever -0 */
    memcpy(rest, floats, count * sizeof *floats);
    add_block(lanes, rest);
    fold(lanes, 4);
    fold(lanes, 2);
    fold(lanes, 1);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(lanes[0]), _mm256_extractf128_ps(lanes[0], 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

#define EACH UNROLLED for (size_t k = 0; k < ABREAST; k++)

/* [abreast] Each step waits for the one before, some 4 cycles. So two vectors go through the steps side by
 * side, and the processor takes the other's step meanwhile.
 * min and max give their second operand where one of them is a nan: so a nan goes through. */
AVX2 ALWAYS_INLINE void sigmoid_abreast(float *floats)
{
    const __m256 magic = _mm256_set1_ps(EXP_MAGIC), one = _mm256_set1_ps(1);
    __m256 x[ABREAST], n[ABREAST], power[ABREAST], r[ABREAST], e[ABREAST];
    EACH x[k] = _mm256_loadu_ps(&floats[k * WIDTH]);
    EACH x[k] = _mm256_max_ps(_mm256_set1_ps(SIGMOID_LOWEST), x[k]);
    EACH x[k] = _mm256_min_ps(_mm256_set1_ps(SIGMOID_HIGHEST), x[k]);
    EACH n[k] = _mm256_fmadd_ps(x[k], _mm256_set1_ps(-LOG2_E), magic);
    EACH power[k] = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(n[k]), 23));
    EACH n[k] = _mm256_sub_ps(n[k], magic);
    EACH r[k] = _mm256_fnmsub_ps(n[k], _mm256_set1_ps(LN2_HIGH), x[k]); /* -(n * high) - x */
    EACH r[k] = _mm256_fnmadd_ps(n[k], _mm256_set1_ps(LN2_LOW), r[k]);  /* -(n * low) + r */
    EACH e[k] = _mm256_fmadd_ps(r[k], _mm256_set1_ps(EXP_E6), _mm256_set1_ps(EXP_E5));
    EACH e[k] = _mm256_fmadd_ps(e[k], r[k], _mm256_set1_ps(EXP_E4));
    EACH e[k] = _mm256_fmadd_ps(e[k], r[k], _mm256_set1_ps(EXP_E3));
    EACH e[k] = _mm256_fmadd_ps(e[k], r[k], _mm256_set1_ps(EXP_E2));
    EACH e[k] = _mm256_fmadd_ps(e[k], r[k], one);
    EACH e[k] = _mm256_fmadd_ps(e[k], r[k], one);
    EACH e[k] = _mm256_div_ps(one, _mm256_fmadd_ps(e[k], power[k], one));
    EACH _mm256_storeu_ps(&floats[k * WIDTH], e[k]);
}

AVX2 static void sigmoid(float *floats, size_t count)
{
    enum { STEP = ABREAST * WIDTH };
    for (; count >= STEP; count -= STEP, floats += STEP)
        sigmoid_abreast(floats);
    float rest[STEP] = {0}; /* the last ones, in a buffer of whole vectors */
    memcpy(rest, floats, count * sizeof *floats);
    sigmoid_abreast(rest);
    memcpy(floats, rest, count * sizeof *floats);
}

AVX2 static void fill(float *floats, size_t count, uint32_t key)
{
    const __m256i factor = _mm256_set1_epi32((int)FILL_FACTOR);
    const __m256i term = _mm256_set1_epi32((int)FILL_TERM);
    const __m256 scale = _mm256_set1_ps(FILL_SCALE);
    const __m256i step = _mm256_set1_epi32((int)FILL_STEP);
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), states[FILL_LANES / WIDTH];
    UNROLLED
    for (size_t k = 0; k < FILL_LANES / WIDTH; k++) {
        states[k] = _mm256_add_epi32(_mm256_set1_epi32((int)key), _mm256_mullo_epi32(lane, step));
        lane = _mm256_add_epi32(lane, _mm256_set1_epi32(WIDTH));
    }
    for (size_t i = 0; i < count; i += FILL_LANES) {
        UNROLLED
        for (size_t k = 0; k < FILL_LANES / WIDTH; k++) {
            states[k] = _mm256_add_epi32(_mm256_mullo_epi32(states[k], factor), term);
            _mm256_storeu_ps(&floats[i + k * WIDTH],
                             _mm256_mul_ps(_mm256_cvtepi32_ps(states[k]), scale));
        }
    }
}

const struct kernels kernels_avx2 = {ISA_AVX2, "avx2", square, sum, sigmoid, fill};
#endif
