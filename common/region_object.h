/* region_object.h - a region as one process sees it: its object, its mapping, what is wrong with it
 *
 * Look first at struct region; then at region_close(), which both halves end with. region_create.h is what the
 * owner does besides, region_attach.h what the peer does.
 *
 * Nothing here, nor there, prints or exits: each returns -1 with errno, and region->problem says it in words.
 */
#ifndef COMMON_REGION_OBJECT_H
#define COMMON_REGION_OBJECT_H

#include "region.h"

/* What the halves are called; a lesson that calls them otherwise defines both before. */
#ifndef REGION_OWNER_IS
#define REGION_OWNER_IS "producer"
#define REGION_PEER_IS "consumer"
#endif

/* A region as one process sees it. */
struct region {
    struct region_header *header; /* where it is mapped, or NULL */
    size_t size_bytes;
    char name[REGION_NAME_LENGTH + 1];
    bool is_owner;             /* this process made it; else it joined */
    bool is_named;             /* the name is this process's to remove */
    bool is_new;               /* there was none of that name */
    bool is_adopted;           /* a dead owner had published it: its contents are there */
    struct region_claim mine;  /* what this process wrote into header->owner or header->peer */
    struct region_claim found; /* what the owner found there */
    struct region_claim other; /* what the other half wrote into its place */
    struct stat object;        /* which object it is */
    char problem[REGION_PROBLEM_BYTES]; /* after an error: what a person should know */
};

/* The other half's place in the header. */
static inline _Atomic struct region_claim *region_other_place(const struct region *region)
{
    return region->is_owner ? &region->header->peer : &region->header->owner;
}

__attribute__((format(printf, 3, 4))) static inline int
region_fail(struct region *region, int error, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(region->problem, sizeof region->problem, format, values);
    va_end(values);
    errno = error;
    return -1;
}

static inline void region_unmap(struct region *region)
{
    if (region->header != NULL)
        munmap(region->header, region->size_bytes);
    region->header = NULL;
}

static inline int region_map(struct region *region, int fd, size_t bytes)
{
    void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED)
        return region_fail(region, errno, "cannot map %zu bytes: %s", bytes, strerror(errno));
    region->header = address;
    region->size_bytes = bytes;
    return 0;
}

/* Which object is it, and is it this user's? */
static inline int region_look(struct region *region, int fd)
{
    if (fstat(fd, &region->object) == -1)
        return region_fail(region, errno, "fstat: %s", strerror(errno));
    if (region->object.st_uid != geteuid())
        return region_fail(region, EACCES, "it belongs to user %u; choose another --name",
                           (unsigned)region->object.st_uid);
    return 0;
}

/* Has this process made the region, and does the name still lead to it? Then the names of what
 * belongs to the region are this process's to remove as well. */
static inline bool region_name_is_ours(const struct region *region)
{
    return region->is_named && region_is_named(region->name, &region->object, region->mine) == 1;
}

/* The owner removes the name; the region stays while it is mapped. */
static inline void region_unlink(struct region *region)
{
    if (region_name_is_ours(region))
        region_unlink_object(region->name);
    region->is_named = false;
}

/* Gives up this process's place, the owner after it has removed the name. What is mapped stays. */
static inline void region_withdraw(struct region *region)
{
    region_unlink(region);
    if (region->mine.pid != 0)
        region_leave(region->is_owner ? &region->header->owner : &region->header->peer,
                     region->mine);
    region->mine.pid = 0;
}

/* Withdraws and unmaps. Nothing to do twice. */
static inline void region_close(struct region *region)
{
    if (region->header == NULL)
        return;
    region_withdraw(region);
    region_unmap(region);
}

#endif
