/* kernels_neon.c - four floats at a time, on every arm64 processor
 *
 * Look first at kernels_avx2.c, which explains the steps.
 */
#include "kernels_inside.h"

#if defined __aarch64__
#include <arm_neon.h>
#include <string.h>

enum { WIDTH = 4, VECTORS = SUM_LANES / WIDTH, AT_ONCE = 4 };

static void square(float *floats, size_t count)
{
    size_t i = 0;
    for (; i < count && (uintptr_t)&floats[i] % sizeof(float32x4_t) != 0; i++)
        floats[i] *= floats[i];
    for (; count - i >= (size_t)AT_ONCE * WIDTH; i += (size_t)AT_ONCE * WIDTH) {
        UNROLLED
        for (size_t k = 0; k < AT_ONCE; k++) {
            float32x4_t x = vld1q_f32(&floats[i + k * WIDTH]);
            vst1q_f32(&floats[i + k * WIDTH], vmulq_f32(x, x));
        }
    }
    for (; i < count; i++)
        floats[i] *= floats[i];
}

ALWAYS_INLINE void add_block(float32x4_t lanes[VECTORS], const float *block)
{
    UNROLLED
    for (size_t k = 0; k < VECTORS; k++)
        lanes[k] = vaddq_f32(lanes[k], vld1q_f32(&block[k * WIDTH]));
}

ALWAYS_INLINE void fold(float32x4_t lanes[VECTORS], size_t half)
{
    UNROLLED
    for (size_t k = 0; k < half; k++)
        lanes[k] = vaddq_f32(lanes[k], lanes[k + half]);
}

static float sum(const float *floats, size_t count)
{
    float32x4_t lanes[VECTORS];
    UNROLLED
    for (size_t k = 0; k < VECTORS; k++)
        lanes[k] = vdupq_n_f32(0);
    for (; count >= SUM_LANES; count -= SUM_LANES, floats += SUM_LANES)
        add_block(lanes, floats);
    float rest[SUM_LANES] = {0};
    memcpy(rest, floats, count * sizeof *floats);
    add_block(lanes, rest);
    fold(lanes, 8);
    fold(lanes, 4);
    fold(lanes, 2);
    fold(lanes, 1);
    float32x2_t two = vadd_f32(vget_low_f32(lanes[0]), vget_high_f32(lanes[0]));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

/* Here min and max give a nan where either operand is one; and vfmaq(c, a, b) is a * b + c, vfmsq c - a * b,
 * rounded once. */
ALWAYS_INLINE float32x4_t sigmoid_of(float32x4_t x)
{
    const float32x4_t magic = vdupq_n_f32(EXP_MAGIC), one = vdupq_n_f32(1);
    x = vmaxq_f32(vdupq_n_f32(SIGMOID_LOWEST), x);
    x = vminq_f32(vdupq_n_f32(SIGMOID_HIGHEST), x);
    float32x4_t rounded = vfmsq_f32(magic, x, vdupq_n_f32(LOG2_E));
    float32x4_t power =
        vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(rounded), 23)); /* 2^n */
    float32x4_t n = vsubq_f32(rounded, magic);
    float32x4_t r = vfmsq_f32(vnegq_f32(x), n, vdupq_n_f32(LN2_HIGH));
    r = vfmsq_f32(r, n, vdupq_n_f32(LN2_LOW));
    float32x4_t e = vdupq_n_f32(EXP_E6);
    e = vfmaq_f32(vdupq_n_f32(EXP_E5), e, r);
    e = vfmaq_f32(vdupq_n_f32(EXP_E4), e, r);
    e = vfmaq_f32(vdupq_n_f32(EXP_E3), e, r);
    e = vfmaq_f32(vdupq_n_f32(EXP_E2), e, r);
    e = vfmaq_f32(one, e, r);
    e = vfmaq_f32(one, e, r);
    return vdivq_f32(one, vfmaq_f32(one, e, power));
}

static void sigmoid(float *floats, size_t count)
{
    size_t i = 0;
    for (; count - i >= (size_t)AT_ONCE * WIDTH; i += (size_t)AT_ONCE * WIDTH) {
        UNROLLED
        for (size_t k = 0; k < AT_ONCE; k++) {
            float *four = &floats[i + k * WIDTH];
            vst1q_f32(four, sigmoid_of(vld1q_f32(four)));
        }
    }
    for (; i < count; i += WIDTH) { /* the last ones through a buffer of a whole vector */
        float rest[WIDTH] = {0};
        size_t bytes = (count - i < WIDTH ? count - i : WIDTH) * sizeof *floats;
        memcpy(rest, &floats[i], bytes);
        vst1q_f32(rest, sigmoid_of(vld1q_f32(rest)));
        memcpy(&floats[i], rest, bytes);
    }
}

static void fill(float *floats, size_t count, uint32_t key)
{
    static const uint32_t first[WIDTH] = {0, 1, 2, 3};
    uint32x4_t lane = vld1q_u32(first), states[FILL_LANES / WIDTH];
    UNROLLED
    for (size_t k = 0; k < FILL_LANES / WIDTH; k++) {
        states[k] = vmlaq_u32(vdupq_n_u32(key), lane, vdupq_n_u32(FILL_STEP));
        lane = vaddq_u32(lane, vdupq_n_u32(WIDTH));
    }
    for (size_t i = 0; i < count; i += FILL_LANES) {
        UNROLLED
        for (size_t k = 0; k < FILL_LANES / WIDTH; k++) {
            states[k] = vmlaq_u32(vdupq_n_u32(FILL_TERM), states[k], vdupq_n_u32(FILL_FACTOR));
            float32x4_t numbers = vcvtq_f32_s32(vreinterpretq_s32_u32(states[k]));
            vst1q_f32(&floats[i + k * WIDTH], vmulq_n_f32(numbers, FILL_SCALE));
        }
    }
}

const struct kernels kernels_neon = {ISA_NEON, "neon", square, sum, sigmoid, fill};
#endif
