/* kernels_avx512.c - sixteen floats at a time, and masks in place of heads and tails
 *
 * Look first at [mask] in first(), then at kernels_avx2.c, which explains the steps.
 */
#include "kernels_inside.h"

#if defined __x86_64__
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f")))

enum { WIDTH = 16, VECTORS = SUM_LANES / WIDTH, AT_ONCE = 4 };

/* [mask] One bit for each float of a vector. What a masked load or store leaves out is not touched, not
 * even if it lies in a page that isn't there. */
AVX512 ALWAYS_INLINE __mmask16 first(size_t count)
{
    return (__mmask16)(count >= WIDTH ? 0xffff : (1U << count) - 1);
}

AVX512 ALWAYS_INLINE void square_first(float *floats, size_t count)
{
    __m512 x = _mm512_maskz_loadu_ps(first(count), floats);
    _mm512_mask_storeu_ps(floats, first(count), _mm512_mul_ps(x, x));
}

AVX512 static void square(float *floats, size_t count)
{
    size_t head = (0 - (uintptr_t)floats) % sizeof(__m512) / sizeof *floats;
    if (head > count)
        head = count;
    square_first(floats, head);
    size_t i = head;
    for (; count - i >= (size_t)AT_ONCE * WIDTH; i += (size_t)AT_ONCE * WIDTH) {
        UNROLLED
        for (size_t k = 0; k < AT_ONCE; k++) {
            __m512 x = _mm512_load_ps(&floats[i + k * WIDTH]);
            _mm512_store_ps(&floats[i + k * WIDTH], _mm512_mul_ps(x, x));
        }
    }
    for (; i < count; i += WIDTH)
        square_first(&floats[i], count - i);
}

AVX512 ALWAYS_INLINE void fold(__m512 lanes[VECTORS], size_t half)
{
    UNROLLED
    for (size_t k = 0; k < half; k++)
        lanes[k] = _mm512_add_ps(lanes[k], lanes[k + half]);
}

AVX512 static float sum(const float *floats, size_t count)
{
    __m512 lanes[VECTORS];
    UNROLLED
    for (size_t k = 0; k < VECTORS; k++)
        lanes[k] = _mm512_setzero_ps();
    for (; count >= SUM_LANES; count -= SUM_LANES, floats += SUM_LANES) {
        UNROLLED
        for (size_t k = 0; k < VECTORS; k++)
            lanes[k] = _mm512_add_ps(lanes[k], _mm512_loadu_ps(&floats[k * WIDTH]));
    }
    UNROLLED
    for (size_t k = 0; k < VECTORS; k++) { /* what is left out is 0, which changes no lane */
        size_t left = count > k * WIDTH ? count - k * WIDTH : 0;
        lanes[k] = _mm512_add_ps(
            lanes[k], _mm512_maskz_loadu_ps(first(left), left > 0 ? &floats[k * WIDTH] : floats));
    }
    fold(lanes, 2);
    fold(lanes, 1);
    __m512d halves = _mm512_castps_pd(lanes[0]);
    __m256 low = _mm256_castpd_ps(_mm512_extractf64x4_pd(halves, 0));
    __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(halves, 1));
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

AVX512 ALWAYS_INLINE __m512 sigmoid_of(__m512 x)
{
    const __m512 magic = _mm512_set1_ps(EXP_MAGIC), one = _mm512_set1_ps(1);
    x = _mm512_max_ps(_mm512_set1_ps(SIGMOID_LOWEST), x);
    x = _mm512_min_ps(_mm512_set1_ps(SIGMOID_HIGHEST), x);
    __m512 rounded = _mm512_fmadd_ps(x, _mm512_set1_ps(-LOG2_E), magic);
    __m512 power = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(rounded), 23));
    __m512 n = _mm512_sub_ps(rounded, magic);
    __m512 r = _mm512_fnmsub_ps(n, _mm512_set1_ps(LN2_HIGH), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(LN2_LOW), r);
    __m512 e = _mm512_set1_ps(EXP_E6);
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(EXP_E5));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(EXP_E4));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(EXP_E3));
    e = _mm512_fmadd_ps(e, r, _mm512_set1_ps(EXP_E2));
    e = _mm512_fmadd_ps(e, r, one);
    e = _mm512_fmadd_ps(e, r, one);
    return _mm512_div_ps(one, _mm512_fmadd_ps(e, power, one));
}

AVX512 static void sigmoid(float *floats, size_t count)
{
    size_t i = 0;
    for (; count - i >= (size_t)2 * WIDTH; i += (size_t)2 * WIDTH) {
        UNROLLED
        for (size_t k = 0; k < 2; k++) {
            float *sixteen = &floats[i + k * WIDTH];
            _mm512_storeu_ps(sixteen, sigmoid_of(_mm512_loadu_ps(sixteen)));
        }
    }
    for (; i < count; i += WIDTH) {
        __mmask16 there = first(count - i);
        __m512 x = _mm512_maskz_loadu_ps(there, &floats[i]);
        _mm512_mask_storeu_ps(&floats[i], there, sigmoid_of(x));
    }
}

AVX512 static void fill(float *floats, size_t count, uint32_t key)
{
    const __m512i factor = _mm512_set1_epi32((int)FILL_FACTOR);
    const __m512i term = _mm512_set1_epi32((int)FILL_TERM);
    const __m512i step = _mm512_set1_epi32((int)FILL_STEP);
    __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i states[FILL_LANES / WIDTH];
    UNROLLED
    for (size_t k = 0; k < FILL_LANES / WIDTH; k++) {
        states[k] = _mm512_add_epi32(_mm512_set1_epi32((int)key), _mm512_mullo_epi32(lane, step));
        lane = _mm512_add_epi32(lane, _mm512_set1_epi32(WIDTH));
    }
    for (size_t i = 0; i < count; i += FILL_LANES) {
        UNROLLED
        for (size_t k = 0; k < FILL_LANES / WIDTH; k++) {
            states[k] = _mm512_add_epi32(_mm512_mullo_epi32(states[k], factor), term);
            __m512 numbers = _mm512_cvtepi32_ps(states[k]);
            _mm512_storeu_ps(&floats[i + k * WIDTH],
                             _mm512_mul_ps(numbers, _mm512_set1_ps(FILL_SCALE)));
        }
    }
}

const struct kernels kernels_avx512 = {ISA_AVX512, "avx512", square, sum, sigmoid, fill};
#endif
