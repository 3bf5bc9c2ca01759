/* bench_rivals.h - what the kernels are compared with: plain C, libm, libmvec, and the machine itself
 *
 * Look first at PLAIN_LOOPS. gcc takes the level of optimisation for each function; clang has one for the
 * whole file, and makes vector instructions of these loops from -O2 on.
 */
#ifndef BENCH_RIVALS_H
#define BENCH_RIVALS_H

#include <dlfcn.h>
#include <string.h>

#include "kernels.h"
#if defined __x86_64__
#include <immintrin.h>
#endif

/* clang has no optimize, and would warn of it. */
#if defined __clang__
#define LEVEL(level) noinline
#else
#define LEVEL(level) noinline, optimize(level)
#endif

typedef float math_function(float x);
static math_function *libm_expf; /* NULL: not found */

/* [plain] The loops that one would write. */
#define PLAIN_LOOPS(suffix, ...)                                                                   \
    __attribute__((__VA_ARGS__)) static void square_##suffix(float *floats, size_t count)          \
    {                                                                                              \
        for (size_t i = 0; i < count; i++)                                                         \
            floats[i] *= floats[i];                                                                \
    }                                                                                              \
    __attribute__((__VA_ARGS__)) static float sum_##suffix(const float *floats, size_t count)      \
    {                                                                                              \
        float sum = 0;                                                                             \
        for (size_t i = 0; i < count; i++)                                                         \
            sum += floats[i];                                                                      \
        return sum;                                                                                \
    }

#define PLAIN_SIGMOID(suffix, ...)                                                                 \
    __attribute__((__VA_ARGS__)) static void sigmoid_##suffix(float *floats, size_t count)         \
    {                                                                                              \
        for (size_t i = 0; i < count; i++)                                                         \
            floats[i] = 1 / (1 + libm_expf(-floats[i]));                                           \
    }

PLAIN_LOOPS(plain_o2, LEVEL("O2"))
PLAIN_LOOPS(plain_o3, LEVEL("O3"))
PLAIN_SIGMOID(plain_o2, LEVEL("O2"))
PLAIN_SIGMOID(plain_o3, LEVEL("O3"))
#if defined __x86_64__
PLAIN_LOOPS(plain_o3_avx2, LEVEL("O3"), target("avx2"))
#endif

/* [machine] As fast as this processor reads and copies at all. Its own memcpy() knows best how to copy. */
static float *copy_target;

static void machine_copy(float *floats, size_t count)
{
    memcpy(copy_target, floats, count * sizeof *floats);
}

/* Whole cache lines at a time, with nothing to wait for: "or" takes one cycle. */
#define READ_LOOP(suffix, vector_bytes, ...)                                                       \
    __attribute__((__VA_ARGS__)) static float machine_read_##suffix(const float *floats,           \
                                                                    size_t count)                  \
    {                                                                                              \
        typedef uint32_t words __attribute__((vector_size(vector_bytes), aligned(4), may_alias));  \
        const words *from = (const void *)floats;                                                  \
        words a = {0}, b = a, c = a, d = a;                                                        \
        for (size_t i = 0; i + 4 <= count * sizeof *floats / (vector_bytes); i += 4) {             \
            a |= from[i];                                                                          \
            b |= from[i + 1];                                                                      \
            c |= from[i + 2];                                                                      \
            d |= from[i + 3];                                                                      \
        }                                                                                          \
        return (float)(a | b | c | d)[0];                                                          \
    }

READ_LOOP(16, 16, noinline)
#if defined __x86_64__
READ_LOOP(32, 32, noinline, target("avx2"))
#endif

static void *find_function(const char *library, const char *name)
{
    void *handle = dlopen(library, RTLD_NOW);
    return handle != NULL ? dlsym(handle, name) : NULL;
}

/* [libmvec] glibc's vector functions: the name says AVX2 (d) or SSE4 (b), and how many floats. */
#if defined __x86_64__
static __m256 (*mvec_8)(__m256 x);
static __m128 (*mvec_4)(__m128 x);

__attribute__((target("avx2"))) static void sigmoid_mvec_8(float *floats, size_t count)
{
    for (size_t i = 0; i + 8 <= count; i += 8) {
        __m256 x = _mm256_sub_ps(_mm256_setzero_ps(), _mm256_loadu_ps(&floats[i]));
        __m256 divisor = _mm256_add_ps(_mm256_set1_ps(1), mvec_8(x));
        _mm256_storeu_ps(&floats[i], _mm256_div_ps(_mm256_set1_ps(1), divisor));
    }
}

static void sigmoid_mvec_4(float *floats, size_t count)
{
    for (size_t i = 0; i + 4 <= count; i += 4) {
        __m128 x = _mm_sub_ps(_mm_setzero_ps(), _mm_loadu_ps(&floats[i]));
        __m128 divisor = _mm_add_ps(_mm_set1_ps(1), mvec_4(x));
        _mm_storeu_ps(&floats[i], _mm_div_ps(_mm_set1_ps(1), divisor));
    }
}
#endif

/* To be called first. The addresses of functions go through memcpy(), since ISO C has no cast for them. */
static void find_rivals(void)
{
    void *found = find_function("libm.so.6", "expf");
    memcpy(&libm_expf, &found, sizeof found);
#if defined __x86_64__
    found =
        kernels_select(ISA_AVX2) != NULL ? find_function("libmvec.so.1", "_ZGVdN8v_expf") : NULL;
    memcpy(&mvec_8, &found, sizeof found);
    found = find_function("libmvec.so.1", "_ZGVbN4v_expf");
    memcpy(&mvec_4, &found, sizeof found);
#endif
}

#endif
