/* huge_pages.h - 2 MiB pages: asking for them, and reading back what there really is
 *
 * Look first at pages_ask(), then at pages_found(). A processor looks up where a page lies in a table of
 * some thousand entries, the TLB. With pages of 4 KiB these entries cover some megabytes, with
 * pages of 2 MiB some gigabytes; what isn't covered costs a walk through tables in memory.
 */
#ifndef HUGE_PAGES_H
#define HUGE_PAGES_H

#include "../common/region_attach.h"
#include "../common/region_create.h"
#include "batch_ring.h"

/* [pages] 4k: ordinary ones. thp: transparent huge pages, put together by the kernel while the object stays
 * an ordinary one. hugetlb: a file on a hugetlbfs, whose pages an administrator has set aside. */
enum pages { PAGES_AUTO, PAGES_4K, PAGES_THP, PAGES_HUGETLB, PAGES_COUNT };

static const char *const pages_names[PAGES_COUNT] = {"auto", "4k", "thp", "hugetlb"};

#define PAGES_TEXT_BYTES 64

#if defined __linux__ && !defined MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1; older headers don't name it, older kernels refuse it */
#endif

/* A mounted hugetlbfs of 2 MiB pages that this user may write to, or NULL. */
static inline const char *hugetlb_folder(void)
{
    static char folder[256];
    char line[1024], options[512];
    FILE *mounts = fopen("/proc/self/mounts", "re");
    bool found = false;
    while (mounts != NULL && !found && fgets(line, sizeof line, mounts) != NULL)
        found = sscanf(line, "%*s %255s hugetlbfs %511s", folder, options) == 2 &&
                strstr(options, "pagesize=2M") != NULL && access(folder, W_OK | X_OK) == 0;
    if (mounts != NULL)
        fclose(mounts);
    return found ? folder : NULL;
}

#ifdef __linux__
/* [align] One 2 MiB page can only stand where addresses are a multiple of 2 MiB: takes a larger piece of
 * address space, and moves the mapping to the first such address in it. */
static inline void pages_align(struct region *region)
{
    size_t bytes = region->size_bytes;
    char *room = mmap(NULL, bytes + HUGE_PAGE_BYTES, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return;
    size_t before = (HUGE_PAGE_BYTES - (uintptr_t)room % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
    void *moved =
        mremap(region->header, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, room + before);
    if (moved != MAP_FAILED)
        region->header = moved;
    if (before > 0)
        munmap(room, before);
    munmap(room + before + bytes, HUGE_PAGE_BYTES - before);
}
#endif

/* [ask] Asks for 2 MiB pages under a mapped region, or for none. All of this is advice: whether it was
 * taken, says pages_found(). */
static inline void pages_ask(struct region *region, enum pages pages)
{
#ifdef __linux__
    if (pages == PAGES_HUGETLB)
        return; /* it has no others */
    if (pages != PAGES_4K)
        pages_align(region);
    if (pages == PAGES_4K) {
        madvise(region->header, region->size_bytes, MADV_NOHUGEPAGE);
    } else if (madvise(region->header, region->size_bytes, MADV_HUGEPAGE) == 0) {
        /* MADV_HUGEPAGE is for pages yet to come, and posix_fallocate() has made them all already,
         * small ones. [collapse] This puts them together; a page that somebody looks at just now makes
         * it fail with EAGAIN. */
        int tries = 10;
        while (madvise(region->header, region->size_bytes, MADV_COLLAPSE) == -1 &&
               errno == EAGAIN && --tries > 0)
            sleep_until(now_ns() + NS_PER_MS);
    }
    /* [touch] A page that is there comes into the mapping, and so into smaps, when it is first used. */
    for (size_t at = 0; at < region->size_bytes; at += HUGE_PAGE_BYTES)
        (void)*((const volatile char *)region->header + at);
#else
    (void)region;
    (void)pages; /* macOS has no huge pages for this */
#endif
}

struct pages_found {
    size_t page_bytes; /* of the ordinary pages, or of all if that is 2 MiB */
    size_t huge_bytes; /* so much of the mapping lies in 2 MiB pages */
};

/* [read-back] What the kernel says that a mapping consists of: /proc/self/smaps has a paragraph for
 * each, which begins with its addresses. */
static inline struct pages_found pages_found(const void *address)
{
    struct pages_found found = {(size_t)sysconf(_SC_PAGESIZE), 0};
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    bool is_ours = false;
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        char *dash, *value = strchr(line, ':');
        uintptr_t from = (uintptr_t)strtoull(line, &dash, 16);
        if (*dash == '-')
            is_ours = from <= (uintptr_t)address &&
                      (uintptr_t)address < (uintptr_t)strtoull(dash + 1, NULL, 16);
        else if (is_ours && value != NULL && strncmp(line, "KernelPageSize:", 15) == 0)
            found.page_bytes = (size_t)strtoull(value + 1, NULL, 10) * 1024;
        else if (is_ours && value != NULL && strncmp(line, "ShmemPmdMapped:", 15) == 0)
            found.huge_bytes = (size_t)strtoull(value + 1, NULL, 10) * 1024;
    }
    if (maps != NULL)
        fclose(maps);
    return found;
}

/* Writes it as a person would say it: "2 MiB pages", "4 KiB pages", "4 of 6 MiB in 2 MiB pages". */
static inline const char *pages_text(char text[PAGES_TEXT_BYTES], const struct region *region)
{
    struct pages_found found = pages_found(region->header);
    size_t mib = (size_t)1024 * 1024;
    if (found.page_bytes == HUGE_PAGE_BYTES || found.huge_bytes == region->size_bytes)
        snprintf(text, PAGES_TEXT_BYTES, "2 MiB pages");
    else if (found.huge_bytes == 0)
        snprintf(text, PAGES_TEXT_BYTES, "%zu KiB pages", found.page_bytes / 1024);
    else
        snprintf(text, PAGES_TEXT_BYTES, "%zu of %zu MiB in 2 MiB pages", found.huge_bytes / mib,
                 region->size_bytes / mib);
    return text;
}

#endif
