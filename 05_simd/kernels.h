/* kernels.h - the same four loops over floats for each instruction set, chosen when the program runs
 *
 * Look first at struct kernels, then at kernels_scalar.c, then at the file for your processor.
 *
 * Each file is compiled with the same flags; inside, __attribute__((target(...))) allows one function
 * to use instructions that not every processor has. So one binary runs everywhere, as long as
 * nobody calls a function of a table that kernels_select() has not given out.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum isa { ISA_SCALAR, ISA_SSE2, ISA_AVX2, ISA_AVX512, ISA_NEON, ISA_COUNT, ISA_AUTO = ISA_COUNT };

enum {
    SUM_LANES = 64, /* [lanes] sum() adds float i to lane i % 64, whatever the instruction set */
    FILL_LANES = 64,
    KERNELS_LIST_BYTES = 64,
};

/* The arrays need no alignment, except that a float must lie at a multiple of 4 bytes. Nothing
 * outside them is touched. Any thread or process may call them on arrays of its own. */
struct kernels {
    enum isa isa;
    const char *name; /* as --isa takes it */

    /* x becomes x * x. The same bits from every instruction set. */
    void (*square)(float *floats, size_t count);

    /* The sum in one agreed order: 64 lanes, then lane i takes lane i + 32, i + 16 ... i + 1. So it
     * gives the same bits from every instruction set (a nan is some nan); 0 for no floats. */
    float (*sum)(const float *floats, size_t count);

    /* x becomes 1 / (1 + exp(-x)), wrong by at most 2e-7 of it where that is a normal number, and by
     * less than the smallest normal number elsewhere; exactly 0 and 1 at the ends; nan stays nan. */
    void (*sigmoid)(float *floats, size_t count);

    /* Writes made-up numbers from -8 to 8 that depend on key and their place, and on nothing else:
     * the same bits from every instruction set. count: a multiple of FILL_LANES. */
    void (*fill)(float *floats, size_t count, uint32_t key);
};

/* The kernels for one instruction set, or for ISA_AUTO the best that this processor has. NULL: this
 * program or this processor doesn't have it (ENOTSUP). */
const struct kernels *kernels_select(enum isa isa);

/* "scalar" ... "neon", also of those that are not there; NULL for others. */
const char *kernels_name(enum isa isa);

/* Writes the names of those that are there, like "scalar, sse2, avx2". */
const char *kernels_list(char text[KERNELS_LIST_BYTES]);

/* One per file; a program asks kernels_select() for them. */
extern const struct kernels kernels_scalar, kernels_sse2, kernels_avx2, kernels_avx512,
    kernels_neon;

#endif
