/* crc.c - CRC-32C, the one of ext4, Btrfs and iSCSI: processors have an instruction for it
 *
 * [crc] Without the instruction: a table for each of the eight bytes of a word makes their look-ups
 * independent of each other, so that the processor does them side by side ("slicing by 8", Kounavis
 * and Berry, 2005). The words are numbers, lowest byte first: on machines of today that is also
 * their order in memory.
 */
#define _GNU_SOURCE
#include <string.h>
#if defined __x86_64__
#include <cpuid.h>
#include <nmmintrin.h>
#elif defined __ARM_FEATURE_CRC32
#include <arm_acle.h>
#endif

#include "layout.h"

#define POLYNOMIAL UINT32_C(0x82f63b78)

static uint32_t table[8][256];
#if defined __x86_64__ || defined __ARM_FEATURE_CRC32
static bool has_instruction;
#endif

static void fill_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (POLYNOMIAL & -(crc & 1));
        table[0][byte] = crc;
    }
    for (int i = 1; i < 8; i++)
        for (uint32_t byte = 0; byte < 256; byte++)
            table[i][byte] = table[i - 1][byte] >> 8 ^ table[0][table[i - 1][byte] & 0xff];
#if defined __x86_64__
    unsigned eax, ebx, ecx, edx;
    has_instruction = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_SSE4_2) != 0;
#elif defined __ARM_FEATURE_CRC32
    has_instruction = true;
#endif
}

void crc_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_table);
}

#if defined __x86_64__
__attribute__((target("sse4.2,crc32"))) static uint32_t
by_instruction(uint32_t crc, const uint64_t *words, size_t count)
{
    uint64_t wide = crc;
    for (; count >= 2; count -= 2, words += 2)
        wide = _mm_crc32_u64(_mm_crc32_u64(wide, words[0]), words[1]);
    return (uint32_t)(count == 0 ? wide : _mm_crc32_u64(wide, words[0]));
}
#elif defined __ARM_FEATURE_CRC32
static uint32_t by_instruction(uint32_t crc, const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        crc = __crc32cd(crc, words[i]);
    return crc;
}
#endif

uint32_t crc_words_by_table(uint32_t crc, const uint64_t *words, size_t count)
{
    crc = ~crc;
    for (size_t i = 0; i < count; i++) {
        uint64_t word = words[i] ^ crc;
        crc = table[7][word & 0xff] ^ table[6][word >> 8 & 0xff] ^ table[5][word >> 16 & 0xff] ^
              table[4][word >> 24 & 0xff] ^ table[3][word >> 32 & 0xff] ^
              table[2][word >> 40 & 0xff] ^ table[1][word >> 48 & 0xff] ^ table[0][word >> 56];
    }
    return ~crc;
}

uint32_t crc_words(uint32_t crc, const uint64_t *words, size_t count)
{
#if defined __x86_64__ || defined __ARM_FEATURE_CRC32
    if (has_instruction)
        return ~by_instruction(~crc, words, count);
#endif
    return crc_words_by_table(crc, words, count);
}

uint32_t crc_atomic_words(uint32_t crc, _Atomic uint64_t *words, size_t count)
{
    uint64_t some[64];
    for (size_t at = 0, many; at < count; at += many) {
        many = count - at < 64 ? count - at : 64;
        for (size_t i = 0; i < many; i++)
            some[i] = atomic_load_explicit(&words[at + i], memory_order_relaxed);
        crc = crc_words(crc, some, many);
    }
    return crc;
}
