/* bench_pages.h - the TLB, made visible: a walk through memory in an order that nobody can foresee
 *
 * Look first at walk_ns(). Each step's address comes out of the step before, so that each one waits for
 * its memory, and for the walk through the page tables if the TLB doesn't know its page.
 */
#ifndef BENCH_PAGES_H
#define BENCH_PAGES_H

#include "../common/check.h"
#include "../common/clock.h"
#include "huge_pages.h"

enum { WALK_STEPS = 2000000, WALK_LINE = 128 };

/* One cycle through all lines, in random order (Sattolo, 1986). */
static void lay_cycle(char *memory, size_t bytes)
{
    size_t count = bytes / WALK_LINE;
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++)
        *(size_t *)(void *)(memory + i * WALK_LINE) = i;
    for (size_t i = count - 1; i > 0; i--) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t *here = (size_t *)(void *)(memory + i * WALK_LINE);
        size_t *there = (size_t *)(void *)(memory + (state >> 33) % i * WALK_LINE);
        size_t swapped = *here;
        *here = *there;
        *there = swapped;
    }
}

/* Nanoseconds per step. */
static double walk_ns(const char *memory)
{
    size_t at = 0;
    int64_t start = now_ns();
    for (int i = 0; i < WALK_STEPS; i++)
        at = *(const volatile size_t *)(const void *)(memory + at * WALK_LINE);
    return (double)(now_ns() - start) / WALK_STEPS;
}

/* A walk in a region with these pages; writes what pages it really had. */
static double walk_in(enum pages pages, size_t bytes, char text[PAGES_TEXT_BYTES])
{
    struct region_format format = {"WALK", 1, bytes};
    struct region region;
    char name[REGION_NAME_LENGTH + 1];
    snprintf(name, sizeof name, "/bench-simd-%d", (int)getpid());
    if (region_create(&region, name, &format) == -1)
        die("cannot create %s: %s", name, region.problem);
    region_unlink(&region);
    pages_ask(&region, pages);
    char *memory = (char *)region.header;
    lay_cycle(memory, bytes);
    walk_ns(memory);
    double ns = walk_ns(memory);
    pages_text(text, &region);
    region_unmap(&region);
    return ns;
}

static void bench_pages(void)
{
    static const size_t sizes_mib[] = {1, 8, 64, 512};
    printf("\na random walk, ns per step\n\n%10s %14s %14s %8s\n", "MiB", "4 KiB pages",
           "2 MiB pages", "ratio");
    for (size_t i = 0; i < sizeof sizes_mib / sizeof sizes_mib[0]; i++) {
        size_t bytes = sizes_mib[i] * 1024 * 1024;
        char small[PAGES_TEXT_BYTES], huge[PAGES_TEXT_BYTES];
        bytes = bytes < HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : bytes;
        double small_ns = walk_in(PAGES_4K, bytes, small),
               huge_ns = walk_in(PAGES_THP, bytes, huge);
        printf("%10zu %14.1f %14.1f %8.2f%s%s%s\n", bytes >> 20, small_ns, huge_ns,
               small_ns / huge_ns, strcmp(huge, "2 MiB pages") == 0 ? "" : "  (but it had ",
               strcmp(huge, "2 MiB pages") == 0 ? "" : huge,
               strcmp(huge, "2 MiB pages") == 0 ? "" : ")");
        fflush(stdout);
    }
}

#endif
