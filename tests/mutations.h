/* mutations.h - a half attaches, ten thousand times, to what somebody has changed before
 *
 * A program per lesson, tests/mutations_LESSON.c, includes the lesson's own half, whose exit() ends one attempt
 * here and not the program. It writes what the other half would have made, mutated, and lets the half attach to it
 * and look at one message. It must get on with it or say why not; and not crash, hang, or read where nothing is.
 * make mutations builds all with sanitizers. SEED=N in the environment draws the same again.
 */
#ifndef TESTS_MUTATIONS_H
#define TESTS_MUTATIONS_H

#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

enum { MUTATIONS = 10000, REASON_BYTES = 4096 };

enum outcome { NOT_READY, ATTACHED, REFUSED, OUTCOMES };

static jmp_buf attempt_ends;
static char said[REASON_BYTES]; /* what the half has said on stderr */

_Noreturn static inline void end_attempt(int status)
{
    longjmp(attempt_ends, status == 0 ? -1 : status);
}

#define exit end_attempt

/* Bytes in whole pages, and one more page. */
static inline size_t guarded_bytes(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + 2 * page - 1) / page * page;
}

/* What is mapped is followed by what nobody may touch: by a byte, says AddressSanitizer, by a page, says the
 * processor. Else another mapping might follow, and hide an access that is out of bounds. */
static inline void *guarded_mmap(void *unused, size_t bytes, int protection, int flags, int fd,
                                 off_t offset)
{
    size_t all = guarded_bytes(bytes);
    char *room = mmap(unused, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return room;
    void *mapped = mmap(room, bytes, protection, flags | MAP_FIXED, fd, offset);
    if (mapped != MAP_FAILED)
        ASAN_POISON_MEMORY_REGION(room + bytes, all - bytes);
    return mapped;
}

static inline int guarded_munmap(void *address, size_t bytes)
{
    ASAN_UNPOISON_MEMORY_REGION(address, guarded_bytes(bytes));
    return munmap(address, guarded_bytes(bytes));
}

#define mmap guarded_mmap
#define munmap guarded_munmap

/* ---- chance ---- */

static uint64_t chance;

/* From 0 to below - 1; xorshift64*. */
static inline uint32_t draw(uint32_t below)
{
    chance ^= chance >> 12;
    chance ^= chance << 25;
    chance ^= chance >> 27;
    return (uint32_t)(chance * UINT64_C(0x2545F4914F6CDD1D) >> 32) % below;
}

static inline uint64_t draw_number(uint64_t old)
{
    const uint64_t numbers[] = {0,       1,       2,        UINT64_MAX, INT64_MAX,
                                old + 1, old - 1, old << 1, old >> 1,   UINT64_C(1) << draw(64)};
    return numbers[draw(sizeof numbers / sizeof numbers[0])];
}

/* Bytes of a layout that mean something. */
struct span {
    size_t from, bytes;
};

static inline void mutate_once(unsigned char *image, struct span span)
{
    size_t at = span.from + draw((uint32_t)span.bytes), bytes = draw(2) == 0 ? 4 : 8;
    uint64_t word = 0;
    if (draw(2) == 0) {
        image[at] = (unsigned char)draw(256);
        return;
    }
    at -= at % bytes;
    memcpy(&word, image + at, bytes);
    word = draw_number(word);
    memcpy(image + at, &word, bytes);
}

/* Changes one to three words or bytes of these spans, the last of which has no bytes. */
static inline void mutate(void *image, const struct span *spans)
{
    uint32_t count = 1;
    while (spans[count].bytes != 0)
        count++;
    for (uint32_t left = draw(3) + 1; left > 0; left--)
        mutate_once(image, spans[draw(count)]);
}

/* One in sixteen objects has another size. */
static inline size_t mutate_size(size_t bytes)
{
    return draw(16) != 0 ? bytes : draw(2) == 0 ? draw((uint32_t)bytes) : bytes + draw(8192);
}

/* ---- the attempts ---- */

/* SEED=N, or another one each time. */
static inline unsigned long read_seed(void)
{
    const char *text = getenv("SEED");
    return text != NULL && *text != '\0' ? strtoul(text, NULL, 10) : (unsigned long)time(NULL);
}

/* An attempt's result when a function gives -1 and words instead of ending the program. */
static inline enum outcome refused(const char *words)
{
    snprintf(said, sizeof said, "%s", words);
    return REFUSED;
}

static inline enum outcome try_once(enum outcome (*attempt)(void))
{
    int status = setjmp(attempt_ends);
    if (status == 0)
        return attempt();
    return status == 1 ? REFUSED : NOT_READY;
}

/* Plays all rounds. tidy_up undoes what an attempt has left open, wherever it ended. */
static inline int play_mutations(const char *lesson, enum outcome (*attempt)(void),
                                 void (*tidy_up)(void))
{
    static int counts[OUTCOMES];
    int unexplained = 0;
    unsigned long seed = read_seed();
    printf("# %s: SEED=%lu\n", lesson, seed);
    fflush(stdout);
    FILE *real_out = stdout, *real_err = stderr;
    stderr = fmemopen(said, sizeof said, "w");
    stdout = fopen("/dev/null", "w");
    if (stderr == NULL || stdout == NULL)
        abort();
    for (int round = 0; round < MUTATIONS; round++) {
        chance = (seed + (unsigned long)round + 1) * UINT64_C(0x9E3779B97F4A7C15) | 1;
        rewind(stderr);
        said[0] = '\0';
        enum outcome outcome = try_once(attempt);
        fflush(stderr);
        counts[outcome]++;
        unexplained += outcome == REFUSED && said[0] == '\0';
        tidy_up();
    }
    fclose(stderr);
    fclose(stdout);
    stderr = real_err;
    stdout = real_out;
    printf("# %s: %d mutated: %d attached, %d refused, %d not ready\n", lesson, MUTATIONS,
           counts[ATTACHED], counts[REFUSED], counts[NOT_READY]);
    ok("some are attached to, some refused", counts[ATTACHED] > 0 && counts[REFUSED] > 0);
    is_number("each refusal has its reason", unexplained, 0);
    return done_testing();
}

#endif
