/* half.h - what both halves do: make messages, check them, count what they cost, run on a processor */
#ifndef HALF_H
#define HALF_H

#include <sched.h>
#include <sys/resource.h>

#include "bench.h"

/* ---- messages ---- */

/* Two messages, or two batches: one to send, one to receive. They begin as the slots' buffers do, 64
 * bytes behind a page: rep movsb, which memcpy() uses, is slow when the two are few bytes apart. */
struct buffers {
    char *memory, *out, *in;
    size_t bytes; /* of each */
};

enum { BUFFER_OFFSET = 64 };

static inline void free_buffers(struct buffers *buffers)
{
    if (buffers->memory != NULL)
        munmap(buffers->memory, 2 * buffers->bytes);
    buffers->memory = NULL;
}

/* Makes them that large at least. 0, or -1 with errno. */
static inline int reserve_buffers(struct buffers *buffers, uint64_t bytes)
{
    size_t rounded = ((size_t)bytes + BUFFER_OFFSET + 4095) / 4096 * 4096;
    if (buffers->memory != NULL && rounded <= buffers->bytes)
        return 0;
    free_buffers(buffers);
    void *memory =
        mmap(NULL, 2 * rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -1;
    memset(memory, 0, 2 * rounded); /* so that every page is there before the clock runs */
    *buffers = (struct buffers){memory, NULL, NULL, rounded};
    buffers->out = buffers->memory + BUFFER_OFFSET;
    buffers->in = buffers->memory + rounded + BUFFER_OFFSET;
    return 0;
}

/* Is every byte that letter? Adds the message's 64-bit words, and the bytes behind the last one, to
 * the checksum. */
static inline bool check_message(const char *data, size_t bytes, char letter, uint64_t *checksum)
{
    uint64_t pattern = (unsigned char)letter * UINT64_C(0x0101010101010101);
    uint64_t differences[4] = {0}, sums[4] = {0}, words[4];
    size_t done = 0;
    for (; done + sizeof words <= bytes; done += sizeof words) {
        memcpy(words, data + done, sizeof words);
        for (int i = 0; i < 4; i++) {
            differences[i] |= words[i] ^ pattern;
            sums[i] += words[i];
        }
    }
    for (; done + sizeof words[0] <= bytes; done += sizeof words[0]) {
        memcpy(words, data + done, sizeof words[0]);
        differences[0] |= words[0] ^ pattern;
        sums[0] += words[0];
    }
    for (; done < bytes; done++) {
        differences[0] |= (uint64_t)(data[done] != letter);
        sums[0] += (unsigned char)data[done];
    }
    *checksum += sums[0] + sums[1] + sums[2] + sums[3];
    return (differences[0] | differences[1] | differences[2] | differences[3]) == 0;
}

/* ---- cost ---- */

struct cost {
    int64_t user_ns, system_ns;
};

/* Adds what this process has used of its processor till now, or subtracts it. */
static inline void add_cost(struct cost *cost, int sign)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    cost->user_ns += sign * (usage.ru_utime.tv_sec * NS_PER_S + usage.ru_utime.tv_usec * 1000);
    cost->system_ns += sign * (usage.ru_stime.tv_sec * NS_PER_S + usage.ru_stime.tv_usec * 1000);
}

/* ---- processors ---- */

/* Keeps this process on that processor: 0, or -1 with errno. */
static inline int run_on(int processor)
{
#ifdef __linux__
    cpu_set_t one;
    CPU_ZERO(&one);
    if (processor >= CPU_SETSIZE) {
        errno = EINVAL;
        return -1;
    }
    CPU_SET((size_t)processor, &one);
    return sched_setaffinity(0, sizeof one, &one);
#else
    (void)processor;
    errno = ENOTSUP;
    return -1;
#endif
}

/* The n-th processor, from 0, that this process may use; -1: there are not so many, or no telling. */
static inline int nth_processor(int n)
{
#ifdef __linux__
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) == -1)
        return -1;
    for (int processor = 0; processor < CPU_SETSIZE; processor++)
        if (CPU_ISSET((size_t)processor, &allowed) && n-- == 0)
            return processor;
#else
    (void)n;
#endif
    return -1;
}

#endif
