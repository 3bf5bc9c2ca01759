/* crc.c - CRC-32 as in zlib and Ethernet, eight bytes at a time
 *
 * [crc] A table for each of the eight bytes of a word makes their look-ups independent of each other,
 * so that the processor does them side by side ("slicing by 8", Kounavis and Berry, 2005). The words
 * are numbers, lowest byte first: on machines of today that is also their order in memory.
 */
#define _GNU_SOURCE
#include "layout.h"

#define POLYNOMIAL UINT32_C(0xedb88320)

static uint32_t table[8][256];

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
}

void crc_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_table);
}

static inline uint32_t crc_word(uint32_t crc, uint64_t word)
{
    word ^= crc;
    return table[7][word & 0xff] ^ table[6][word >> 8 & 0xff] ^ table[5][word >> 16 & 0xff] ^
           table[4][word >> 24 & 0xff] ^ table[3][word >> 32 & 0xff] ^ table[2][word >> 40 & 0xff] ^
           table[1][word >> 48 & 0xff] ^ table[0][word >> 56];
}

uint32_t crc_words(uint32_t crc, const uint64_t *words, size_t count)
{
    crc = ~crc;
    for (size_t i = 0; i < count; i++)
        crc = crc_word(crc, words[i]);
    return ~crc;
}

uint32_t crc_atomic_words(uint32_t crc, _Atomic uint64_t *words, size_t count)
{
    crc = ~crc;
    for (size_t i = 0; i < count; i++)
        crc = crc_word(crc, atomic_load_explicit(&words[i], memory_order_relaxed));
    return ~crc;
}
