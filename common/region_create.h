/* region_create.h - the owner's steps, which 01_countdown/producer.c spells out, in one call each
 *
 *   region_create(), fill the region, region_publish(), region_has_peer() ... region_close()
 *
 * In a region that outlives its halves: region_own() for region_create(). region_attach.h is the other half.
 */
#ifndef COMMON_REGION_CREATE_H
#define COMMON_REGION_CREATE_H

#include "region_object.h"

/* How long to wait for a living process that has closed the region and is just removing its name. */
#define REGION_CLOSING_MS 1000

/* Sets the size of an empty object, with all its pages. It only ever grows an object: nobody who
 * is slow to come here can cut off what another producer has begun to use. */
static inline int region_reserve(int fd, size_t bytes)
{
#ifdef __APPLE__
    return ftruncate(fd, (off_t)bytes) == 0 || errno == EINVAL ? 0
                                                               : errno; /* EINVAL: sized already */
#else
    int error;
    do
        error = posix_fallocate(fd, 0, (off_t)bytes);
    while (error == EINTR && !stop_requested());
    return error;
#endif
}

/* An object without a size gets one: from whoever made it, or after the deadline from this process. */
static inline int region_size(struct region *region, int fd, size_t bytes, int64_t deadline)
{
    int looked;
    while ((looked = region_look(region, fd)) == 0 && region->object.st_size == 0) {
        if (stop_requested())
            return region_fail(region, EINTR, "a stop signal came");
        if (!deadline_passed(deadline)) {
            sleep_until(now_ns() + 10 * NS_PER_MS);
            continue;
        }
        int error = region_reserve(fd, bytes);
        if (error != 0)
            return region_fail(region, error, "cannot reserve %zu bytes: %s; see df /dev/shm",
                               bytes, strerror(error));
    }
    return looked;
}

/* Opens the object, new or not, and brings it to its size. Returns its descriptor, or -1. */
static inline int region_open_or_create(struct region *region, size_t bytes)
{
    int fd;
    bool created, exists;
    do { /* again, if it was unlinked between the two calls */
        fd = region_open_object(region->name, O_CREAT | O_EXCL | O_RDWR);
        created = fd != -1;
        exists = fd == -1 && errno == EEXIST;
        if (exists)
            fd = region_open_object(region->name, O_RDWR);
    } while (exists && fd == -1 && errno == ENOENT);
    if (fd == -1)
        return region_fail(region, errno, "%s; choose another --name", strerror(errno));

    region->is_new = created;
    if (region_size(region, fd, bytes, deadline_after_ms(created ? 0 : 1000)) == 0)
        return fd;
    int error = errno;
    if (created)
        region_unlink_empty(region->name, fd);
    close(fd);
    errno = error;
    return -1;
}

/* Takes the owner's place, from nobody or from a dead one. 1 done, 0 try again, -1 refused. */
static inline int region_claim_owner(struct region *region, int64_t deadline)
{
    _Atomic struct region_claim *place = &region->header->owner;
    struct region_claim claim, found = atomic_load_explicit(place, memory_order_acquire);
    do {
        bool is_alive = process_is_alive(found.pid);
        if (is_alive && found.state == REGION_CLOSED && !deadline_passed(deadline)) {
            sleep_until(now_ns() + NS_PER_MS); /* [closing] it is only about to remove the name */
            return stop_requested() ? region_fail(region, EINTR, "a stop signal came") : 0;
        }
        if (is_alive)
            return region_fail(
                region, EBUSY,
                "another %s (pid %d) is running; stop it first, or choose another --name",
                found.state == REGION_CLOSED ? "process" : REGION_OWNER_IS, (int)found.pid);
        claim = (struct region_claim){getpid(), (uint16_t)(found.generation + 1), REGION_BUILDING};
    } while (!region_claim(place, &found, claim));
    region->mine = claim;
    region->found = found;
    return 1;
}

/* The owner, before it has published: leaves the region as it was found, as if it had never come. */
static inline void region_give_back(struct region *region)
{
    /* release: who sees a claim, sees what its owner had written before. */
    atomic_store_explicit(&region->header->owner, region->found, memory_order_release);
    region->mine.pid = 0;
    region->is_named = false;
}

/* One attempt to become the owner: 1 done, 0 the object has lost its name, or loses it, -1 refused. */
static inline int region_try_create(struct region *region, const struct region_format *format,
                                    int64_t deadline)
{
    int fd = region_open_or_create(region, format->size_bytes);
    if (fd == -1)
        return -1;
    int mapped = 0;
    if (region_size_fits(region->object.st_size, format->size_bytes))
        mapped = region_map(region, fd, format->size_bytes);
    else
        mapped = region_fail(region, EPROTO, "found %lld bytes, expected %zu; " REGION_REMOVE_HINT,
                             (long long)region->object.st_size, format->size_bytes, region->name);
    close(fd);
    if (mapped == -1 || region_check_format(region->header, format, &region->object, region->name,
                                            region->problem) == -1)
        return -1;

    int claimed = region_claim_owner(region, deadline);
    if (claimed != 1)
        return claimed;
    int is_named = region_is_named(region->name, &region->object, region->mine);
    if (is_named != 1) { /* who still works in it must not wait for this process */
        int error = errno;
        region_give_back(region);
        return is_named == 0 ? 0 : region_fail(region, error, "%s", strerror(error));
    }
    region->is_adopted =
        region->found.state == REGION_READY || region->found.state == REGION_CLOSED;
    return 1;
}

/* As region_create() below, but what lies in the region, and who holds the peer's place, stays:
 * for a region that outlives its halves. New pages are zero: nobody holds that place. */
static inline int region_own(struct region *region, const char *name,
                             const struct region_format *format)
{
    *region = (struct region){.is_owner = true};
    snprintf(region->name, sizeof region->name, "%s", name);
    int created;
    int64_t deadline = deadline_after_ms(REGION_CLOSING_MS);
    while ((created = region_try_create(region, format, deadline)) == 0)
        region_unmap(region);
    if (created == -1) {
        region_unmap(region);
        return -1;
    }
    region->is_named = true;
    region_write_format(region->header, format);
    return 0;
}

/* Makes the region, or takes over a dead owner's; state BUILDING: fill it, then region_publish().
 * Returns 0, or -1 with errno and region->problem: EBUSY, EPROTO (not our layout; untouched),
 * ENOSPC, EACCES, ENOMEM, EINTR. */
static inline int region_create(struct region *region, const char *name,
                                const struct region_format *format)
{
    if (region_own(region, name, format) == -1)
        return -1;
    struct region_claim nobody = {0, region->mine.generation, REGION_FREE};
    atomic_store_explicit(&region->header->peer, nobody, memory_order_relaxed);
    return 0;
}

/* [publish] The owner, when all is in its place. */
static inline void region_publish(struct region *region)
{
    region->mine.state = REGION_READY;
    /* release: who sees READY (region_try_attach(), acquire) sees all that was written before. */
    atomic_store_explicit(&region->header->owner, region->mine, memory_order_release);
}

/* Is a peer there that lives? Then region->other is its claim. For the owner. */
static inline bool region_has_peer(struct region *region)
{
    /* acquire: pairs with the peer's compare-and-swap in region_claim(). */
    region->other = atomic_load_explicit(&region->header->peer, memory_order_acquire);
    return region->other.generation == region->mine.generation &&
           process_is_alive(region->other.pid);
}

#endif
