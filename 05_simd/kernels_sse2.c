/* kernels_sse2.c - four floats at a time, on every x86-64 processor
 *
 * Look first at kernels_avx2.c, which explains the steps. There are no multiply-adds here, and no
 * multiplication of whole numbers that gives the low halves, see [low-halves].
 */
#include "kernels_inside.h"

#if defined __x86_64__
#include <emmintrin.h>
#include <string.h>

enum { WIDTH = 4, VECTORS = SUM_LANES / WIDTH, AT_ONCE = 4 };

static void square(float *floats, size_t count)
{
    size_t i = 0;
    for (; i < count && (uintptr_t)&floats[i] % sizeof(__m128) != 0; i++)
        floats[i] *= floats[i];
    for (; count - i >= (size_t)AT_ONCE * WIDTH; i += (size_t)AT_ONCE * WIDTH) {
        UNROLLED
        for (size_t k = 0; k < AT_ONCE; k++) {
            __m128 x = _mm_load_ps(&floats[i + k * WIDTH]);
            _mm_store_ps(&floats[i + k * WIDTH], _mm_mul_ps(x, x));
        }
    }
    for (; i < count; i++)
        floats[i] *= floats[i];
}

ALWAYS_INLINE void add_block(__m128 lanes[VECTORS], const float *block)
{
    UNROLLED
    for (size_t k = 0; k < VECTORS; k++)
        lanes[k] = _mm_add_ps(lanes[k], _mm_loadu_ps(&block[k * WIDTH]));
}

ALWAYS_INLINE void fold(__m128 lanes[VECTORS], size_t half)
{
    UNROLLED
    for (size_t k = 0; k < half; k++)
        lanes[k] = _mm_add_ps(lanes[k], lanes[k + half]);
}

static float sum(const float *floats, size_t count)
{
    __m128 lanes[VECTORS];
    UNROLLED
    for (size_t k = 0; k < VECTORS; k++)
        lanes[k] = _mm_setzero_ps();
    for (; count >= SUM_LANES; count -= SUM_LANES, floats += SUM_LANES)
        add_block(lanes, floats);
    float rest[SUM_LANES] = {0};
    memcpy(rest, floats, count * sizeof *floats);
    add_block(lanes, rest);
    fold(lanes, 8);
    fold(lanes, 4);
    fold(lanes, 2);
    fold(lanes, 1);
    __m128 two = _mm_add_ps(lanes[0], _mm_movehl_ps(lanes[0], lanes[0]));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

ALWAYS_INLINE __m128 sigmoid_of(__m128 x)
{
    const __m128 magic = _mm_set1_ps(EXP_MAGIC), one = _mm_set1_ps(1);
    x = _mm_max_ps(_mm_set1_ps(SIGMOID_LOWEST), x);
    x = _mm_min_ps(_mm_set1_ps(SIGMOID_HIGHEST), x);
    __m128 rounded = _mm_add_ps(_mm_mul_ps(x, _mm_set1_ps(-LOG2_E)), magic);
    __m128 power = _mm_castsi128_ps(_mm_slli_epi32(_mm_castps_si128(rounded), 23));
    __m128 n = _mm_sub_ps(rounded, magic);
    __m128 r = _mm_sub_ps(_mm_mul_ps(n, _mm_set1_ps(-LN2_HIGH)), x);
    r = _mm_sub_ps(r, _mm_mul_ps(n, _mm_set1_ps(LN2_LOW)));
    __m128 e = _mm_set1_ps(EXP_E6);
    e = _mm_add_ps(_mm_mul_ps(e, r), _mm_set1_ps(EXP_E5));
    e = _mm_add_ps(_mm_mul_ps(e, r), _mm_set1_ps(EXP_E4));
    e = _mm_add_ps(_mm_mul_ps(e, r), _mm_set1_ps(EXP_E3));
    e = _mm_add_ps(_mm_mul_ps(e, r), _mm_set1_ps(EXP_E2));
    e = _mm_add_ps(_mm_mul_ps(e, r), one);
    e = _mm_add_ps(_mm_mul_ps(e, r), one);
    return _mm_div_ps(one, _mm_add_ps(_mm_mul_ps(e, power), one));
}

static void sigmoid(float *floats, size_t count)
{
    size_t i = 0;
    for (; count - i >= WIDTH; i += WIDTH)
        _mm_storeu_ps(&floats[i], sigmoid_of(_mm_loadu_ps(&floats[i])));
    float rest[WIDTH] = {0};
    memcpy(rest, &floats[i], (count - i) * sizeof *floats);
    _mm_storeu_ps(rest, sigmoid_of(_mm_loadu_ps(rest)));
    memcpy(&floats[i], rest, (count - i) * sizeof *floats);
}

/* [low-halves] SSE2 multiplies two of the four whole numbers at a time, to 64 bits each: the even and
 * the odd ones apart, of which the low halves are put together again. */
ALWAYS_INLINE __m128i multiply(__m128i a, __m128i b)
{
    __m128i even = _mm_mul_epu32(a, b);
    __m128i odd = _mm_mul_epu32(_mm_srli_epi64(a, 32), _mm_srli_epi64(b, 32));
    const __m128i low = _mm_set_epi32(0, -1, 0, -1);
    return _mm_or_si128(_mm_and_si128(even, low), _mm_slli_epi64(odd, 32));
}

static void fill(float *floats, size_t count, uint32_t key)
{
    const __m128i factor = _mm_set1_epi32((int)FILL_FACTOR), term = _mm_set1_epi32((int)FILL_TERM);
    const __m128i step = _mm_set1_epi32((int)FILL_STEP);
    __m128i lane = _mm_setr_epi32(0, 1, 2, 3), states[FILL_LANES / WIDTH];
    UNROLLED
    for (size_t k = 0; k < FILL_LANES / WIDTH; k++) {
        states[k] = _mm_add_epi32(_mm_set1_epi32((int)key), multiply(lane, step));
        lane = _mm_add_epi32(lane, _mm_set1_epi32(WIDTH));
    }
    for (size_t i = 0; i < count; i += FILL_LANES) {
        UNROLLED
        for (size_t k = 0; k < FILL_LANES / WIDTH; k++) {
            states[k] = _mm_add_epi32(multiply(states[k], factor), term);
            __m128 numbers = _mm_cvtepi32_ps(states[k]);
            _mm_storeu_ps(&floats[i + k * WIDTH], _mm_mul_ps(numbers, _mm_set1_ps(FILL_SCALE)));
        }
    }
}

const struct kernels kernels_sse2 = {ISA_SSE2, "sse2", square, sum, sigmoid, fill};
#endif
