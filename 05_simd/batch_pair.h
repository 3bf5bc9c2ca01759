/* batch_pair.h - what producer and consumer agree on beside the ring: its region, and what is in a batch
 *
 * Look first at batch_key(). How the region outlives its halves is in common/handover.h.
 */
#ifndef BATCH_PAIR_H
#define BATCH_PAIR_H

#include "../common/handover.h"
#include "batch_ring.h"
#include "huge_pages.h"
#include "kernels.h"

static const struct region_format batch_format = {"SIMD", 1, 0};

static const char *const kernel_names[KERNEL_COUNT] = {"square", "sum", "sigmoid"};

static inline struct batch_ring *batch_ring_of(const struct region *region)
{
    return (struct batch_ring *)region->header;
}

/* [fits] What came out of shared memory: does a ring of so many slots lie within what is mapped? */
static inline bool batch_ring_fits(const struct region *region, uint64_t mask)
{
    return mask != 0 && mask < BATCH_SLOTS_MAX && region->size_bytes >= HUGE_PAGE_BYTES &&
           batch_ring_bytes((uint32_t)mask + 1) <= region->size_bytes;
}

/* Leaves the ring; the producer's leaving closes it. What is closed and read is removed. */
static inline void batch_ring_leave(struct region *region)
{
    struct batch_ring *ring = batch_ring_of(region);
    region_leave_drained(region, &ring->head, &ring->tail);
}

/* [key] What kernels->fill() makes a batch of. Each bit of seed and number changes half of its bits (the
 * mixing steps are those of splitmix64; Steele, Lea and Flood, 2014). */
static inline uint32_t batch_key(uint64_t seed, uint64_t number)
{
    uint64_t mixed = seed + number * UINT64_C(0x9E3779B97F4A7C15);
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(mixed >> 32);
}

/* The place of an option's value in a list of words; says which there are, and exits with 2. */
static inline int parse_word(const char *option, const char *text, const char *const *words,
                             int count)
{
    char all[96] = "";
    for (int i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0)
            return i;
        size_t length = strlen(all);
        snprintf(all + length, sizeof all - length, "%s%s", i == 0 ? "" : ", ", words[i]);
    }
    usage_die("--%s %s: give one of %s", option, text, all);
}

/* [hugetlb] Where the region lies. With --pages hugetlb it's a file, in the folder that this finds. */
static inline void choose_folder(enum pages pages)
{
    if (pages != PAGES_HUGETLB)
        return;
    region_folder = hugetlb_folder();
    if (region_folder == NULL)
        die("--pages hugetlb: no hugetlbfs of 2 MiB pages is mounted where you may write; "
            "sudo sysctl vm.nr_hugepages=16 && sudo mkdir -p /dev/hugepages && "
            "sudo mount -t hugetlbfs -o pagesize=2M,uid=$(id -u),mode=0700 none /dev/hugepages");
}

/* Where a person finds the object of that name. */
static inline const char *object_path(char path[REGION_PATH_BYTES], const char *name)
{
    snprintf(path, REGION_PATH_BYTES, "%s%s", region_folder != NULL ? region_folder : "", name);
    return path;
}

enum { HINT_BYTES = REGION_PATH_BYTES + 64 };

/* How to be rid of an object that isn't ours. */
static inline const char *remove_hint(char hint[HINT_BYTES], const char *name)
{
    if (region_folder == NULL)
        snprintf(hint, HINT_BYTES, REGION_REMOVE_HINT, name);
    else
        snprintf(hint, HINT_BYTES, "choose another --name or, if nobody needs it, rm %s%s",
                 region_folder, name);
    return hint;
}

#endif
