/* fuzz.h - what the targets for libFuzzer share
 *
 * libFuzzer calls fuzz_one() with bytes that it makes up, and keeps those that bring it to new places in
 * the code. It would hardly ever make up a magic number or a checksum: so it begins with a valid image
 * (fuzz_image), and fuzz_seal() makes right now and then what a hostile half would also have right.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What each target has. */
static size_t fuzz_image(uint8_t *image, size_t room); /* writes a valid one; its size */
static void fuzz_seal(uint8_t *image, size_t bytes, unsigned random);
static void fuzz_one(const uint8_t *image, size_t bytes);

/* What libFuzzer calls, and what it has for us. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t room, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t bytes, size_t room);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    fuzz_one(data, bytes);
    return 0;
}

static inline size_t fuzz_smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Mostly a few bytes, where they are: what is pushed to another place makes no sense there. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t room, unsigned seed)
{
    enum { FEW = 32, SHORTEST = 64, HEADER = 512 };
    unsigned random = seed * 2654435761U >> 8;
    if (bytes < SHORTEST)
        return fuzz_image(data, room);
    if (random % 8 == 0) {
        bytes = LLVMFuzzerMutate(data, bytes, room);
    } else {
        size_t end = random / 8 % 2 == 0 ? fuzz_smaller(bytes, HEADER) : bytes;
        size_t at = random / 16 % end;
        size_t few = fuzz_smaller(bytes - at, random / 64 % FEW + 1);
        LLVMFuzzerMutate(data + at, few, few);
    }
    fuzz_seal(data, bytes, random >> 3);
    return bytes;
}

/* Memory that ends where the image does: one byte further, and AddressSanitizer says so. */
static inline void *fuzz_copy(const uint8_t *image, size_t bytes, size_t alignment)
{
    void *copy = NULL;
    if (posix_memalign(&copy, alignment, bytes) != 0)
        abort();
    memcpy(copy, image, bytes);
    return copy;
}

#endif
