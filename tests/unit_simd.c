/* unit_simd.c - every kernel of every instruction set that this processor has, against the scalar ones
 *
 * Prints TAP. tests/simd.t builds it once more for arm64 and runs it under qemu.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../05_simd/kernels.h"
#include "../common/check.h"
#include "sigmoid_error.h"
#include "tap.h"

const char program_name[] = "unit_simd";

enum { LENGTHS = 258, MISALIGNMENTS = 16, ROOM = 512, SAMPLE_STEP = 4093, SAMPLE_RUN = 1024 };

static const float canary = 12345.678F;

/* Numbers of all sizes and signs, the same in every run. */
static float some_float(void)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    float small = (float)(int32_t)state * 0x1.0p-28F;
    return state % 16 == 0 ? small * 0x1.0p-120F : state % 16 == 1 ? small * 10 : small;
}

static bool same_bits(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bits_from_float(a[i]) != bits_from_float(b[i]) && !(isnan(a[i]) && isnan(b[i])))
            return false;
    return true;
}

static bool all_canaries(const float *from, const float *to)
{
    for (; from < to; from++)
        if (bits_from_float(*from) != bits_from_float(canary))
            return false;
    return true;
}

static bool sigmoids_are_right(const float *x, const float *got, size_t count)
{
    double worst = 0;
    bool right = true;
    for (size_t i = 0; i < count; i++)
        right = right && sigmoid_is_right(x[i], exact_sigmoid((double)x[i]), got[i], &worst);
    return right;
}

/* All three on copies of input in array, which may lie next to a page that isn't there. */
static bool agree(const struct kernels *kernels, float *array, const float *input, size_t count)
{
    float expected[ROOM];
    memcpy(expected, input, count * sizeof *input);
    kernels_scalar.square(expected, count);
    memcpy(array, input, count * sizeof *input);
    kernels->square(array, count);
    bool right = same_bits(array, expected, count);
    memcpy(array, input, count * sizeof *input);
    float sum = kernels->sum(array, count), expected_sum = kernels_scalar.sum(input, count);
    right = right && same_bits(&sum, &expected_sum, 1) && same_bits(array, input, count);
    kernels->sigmoid(array, count);
    return right && sigmoids_are_right(input, array, count);
}

static void test_lengths(const struct kernels *kernels)
{
    _Alignas(64) float room[ROOM];
    float input[ROOM];
    bool right = true, untouched = true;
    for (size_t count = 0; count < LENGTHS; count++)
        for (size_t shift = 0; shift < MISALIGNMENTS; shift++) {
            for (size_t i = 0; i < ROOM; i++) {
                room[i] = canary;
                input[i] = some_float();
            }
            float *array = &room[64 + shift];
            right = agree(kernels, array, input, count) && right;
            untouched =
                untouched && all_canaries(room, array) && all_canaries(array + count, room + ROOM);
        }
    char text[96];
    snprintf(text, sizeof text, "%s: lengths 0 to 257, 0 to 15 floats off a line", kernels->name);
    ok(text, right);
    snprintf(text, sizeof text, "%s: ... and nothing beside the array is touched", kernels->name);
    ok(text, untouched);
}

/* Whoever reads or writes one byte beyond the array dies. */
static void test_guard_pages(const struct kernels *kernels)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        die("cannot map: %s", strerror(errno));
    CHECK(mprotect(pages + page, page, PROT_READ | PROT_WRITE));
    float *begin = (float *)(void *)(pages + page), *end = (float *)(void *)(pages + 2 * page);
    float input[ROOM] = {0};
    bool right = true;
    for (size_t count = 0; count < LENGTHS + MISALIGNMENTS; count++) {
        for (size_t i = 0; i < count; i++)
            input[i] = some_float();
        right = agree(kernels, end - count, input, count) && right;
        right = agree(kernels, begin, input, count) && right;
    }
    CHECK(munmap(pages, 3 * page));
    char text[96];
    snprintf(text, sizeof text, "%s: right behind, and right before, a page that isn't there",
             kernels->name);
    ok(text, right);
}

static void test_special_numbers(const struct kernels *kernels)
{
    const float input[] = {INFINITY,  -INFINITY, NAN,        -NAN,        0.0F,       -0.0F,
                           FLT_MAX,   -FLT_MAX,  FLT_MIN,    -FLT_MIN,    0x1p-149F,  -0x1p-149F,
                           0x1p-130F, 87.336F,   -87.336F,   -87.3365F,   -87.3366F,  -88.37F,
                           -88.38F,   -88.7F,    -88.73F,    -103.98F,    -104.0F,    17.33F,
                           16.6F,     -16.6F,    0.3465736F, -0.3465736F, 0.3465735F, 200.0F};
    enum { COUNT = sizeof input / sizeof input[0] };
    float array[COUNT], ends[2] = {INFINITY, -INFINITY};
    char text[96];
    snprintf(text, sizeof text, "%s: infinities, nan, zeros, denormals, and where exp() overflows",
             kernels->name);
    ok(text, agree(kernels, array, input, COUNT));
    kernels->sigmoid(ends, 2);
    float zeros[3] = {0.0F, -0.0F, -0.0F}, nothing = kernels->sum(zeros, 0);
    kernels->square(zeros, 3);
    snprintf(text, sizeof text, "%s: 0 and 1 at the ends, and no floats make 0", kernels->name);
    ok(text, ends[0] == 1 && ends[1] == 0 && bits_from_float(nothing) == 0 && zeros[1] == 0);
}

static void test_fill(const struct kernels *kernels)
{
    _Alignas(64) float array[1024], expected[1024];
    bool right = true, in_range = true;
    double sum = 0;
    for (uint32_t key = 0; key < 2000; key++) {
        kernels->fill(array, 1024, key * UINT32_C(2246822519));
        kernels_scalar.fill(expected, 1024, key * UINT32_C(2246822519));
        right = right && same_bits(array, expected, 1024);
        for (int i = 0; i < 1024; i++) {
            in_range = in_range && fabsf(array[i]) <= 8;
            sum += (double)array[i];
        }
    }
    char text[96];
    snprintf(text, sizeof text, "%s: made-up numbers are the same, from -8 to 8", kernels->name);
    ok(text, right && in_range && fabs(sum / 2000 / 1024) < 0.05);
}

/* A sample of all floats, runs of neighbours; `make test-exhaustive` takes them all. */
static void test_sigmoid_sample(const struct kernels *kernels)
{
    float input[SAMPLE_RUN], got[SAMPLE_RUN];
    double worst = 0;
    bool right = true;
    for (uint64_t first = 0; first <= UINT32_MAX; first += (uint64_t)SAMPLE_RUN * SAMPLE_STEP) {
        for (uint32_t i = 0; i < SAMPLE_RUN; i++)
            input[i] = float_from_bits((uint32_t)first + i * SAMPLE_STEP);
        memcpy(got, input, sizeof got);
        kernels->sigmoid(got, SAMPLE_RUN);
        for (int i = 0; i < SAMPLE_RUN; i++)
            right = sigmoid_is_right(input[i], exact_sigmoid((double)input[i]), got[i], &worst) &&
                    right;
    }
    char text[96];
    snprintf(text, sizeof text, "%s: sigmoid of every 4093rd float there is (off by %.3g at most)",
             kernels->name, worst);
    ok(text, right);
}

static void test_selection(void)
{
    char list[KERNELS_LIST_BYTES];
    const struct kernels *best = kernels_select(ISA_AUTO);
    bool right = best != NULL && strstr(kernels_list(list), best->name) != NULL;
    for (enum isa isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = kernels_select(isa);
        bool listed = strstr(list, kernels_name(isa)) != NULL;
        right = right && listed == (kernels != NULL) && (listed || errno == ENOTSUP) &&
                (kernels == NULL || kernels->isa == isa);
    }
    ok("what can be selected is what is listed", right && kernels_name(ISA_COUNT) == NULL);
    ok("the best is the last of the list", strstr(list, best->name)[strlen(best->name)] == '\0');
}

int main(void)
{
    test_selection();
    for (enum isa isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = kernels_select(isa);
        if (kernels == NULL) {
            char text[64];
            snprintf(text, sizeof text, "%s # SKIP this processor has none", kernels_name(isa));
            ok(text, true);
            continue;
        }
        test_lengths(kernels);
        test_guard_pages(kernels);
        test_special_numbers(kernels);
        test_fill(kernels);
        test_sigmoid_sample(kernels);
    }
    return done_testing();
}
