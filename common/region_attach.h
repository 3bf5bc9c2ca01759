/* region_attach.h - the peer's steps, which 01_countdown/consumer.c spells out, in one call each
 *
 *   region_attach(), open what else it takes, region_join() ... region_close()
 *
 * In a region that outlives its halves: region_find(), and region_take_peer() for region_join().
 */
#ifndef COMMON_REGION_ATTACH_H
#define COMMON_REGION_ATTACH_H

#include "region_object.h"

/* One attempt to map the region of that name, in whatever state: 1 mapped, and region->other is the
 * owner's claim; 0 there is none yet, -1 never. */
static inline int region_try_map(struct region *region, const struct region_format *format)
{
    int fd = region_open_object(region->name, O_RDWR);
    if (fd == -1)
        return errno == ENOENT ? 0 : region_fail(region, errno, "%s", strerror(errno));
    int mapped = region_look(region, fd);
    if (mapped == 0 && region->object.st_size == 0) {
        close(fd);
        return 0; /* not sized yet: to touch it now is SIGBUS */
    }
    if (mapped == 0 && ((uint64_t)region->object.st_size < sizeof *region->header ||
                        (format->size_bytes != 0 &&
                         !region_size_fits(region->object.st_size, format->size_bytes))))
        mapped = region_fail(region, EPROTO, "found %lld bytes, expected %zu; " REGION_REMOVE_HINT,
                             (long long)region->object.st_size, format->size_bytes, region->name);
    else if (mapped == 0)
        mapped = region_map(region, fd, (size_t)region->object.st_size);
    close(fd);
    int fits = mapped == -1 ? -1
                            : region_check_format(region->header, format, &region->object,
                                                  region->name, region->problem);
    if (fits != 1)
        return fits;
    /* acquire: pairs with [publish]. */
    region->other = atomic_load_explicit(&region->header->owner, memory_order_acquire);
    return 1;
}

/* One attempt to find a published region of a living owner: 1 found, 0 not yet, -1 never. */
static inline int region_try_attach(struct region *region, const struct region_format *format)
{
    int mapped = region_try_map(region, format);
    if (mapped != 1)
        return mapped;
    return region->other.state == REGION_READY && process_is_alive(region->other.pid);
}

/* Maps the region of that name if there is one, without waiting; its owner, region->other, may be
 * dead or have closed it. 1 found, 0 there is none yet, -1 with errno and region->problem. */
static inline int region_find(struct region *region, const char *name,
                              const struct region_format *format)
{
    *region = (struct region){.is_owner = false};
    snprintf(region->name, sizeof region->name, "%s", name);
    int mapped = region_try_map(region, format);
    if (mapped != 1)
        region_unmap(region);
    return mapped;
}

/* How many bytes the object of that name has, also if whoever made it died before it wrote the header; 0:
 * there is none, or none of this format. */
static inline size_t region_leftover_bytes(const char *name, const struct region_format *format)
{
    struct region found;
    size_t bytes = region_find(&found, name, format) == -1 ? 0 : (size_t)found.object.st_size;
    region_close(&found);
    return bytes;
}

/* Waits for a published region of a living owner; then open what else it takes, and join.
 * timeout_ms: -1 for ever, 0 not at all. Returns 0, or -1 with errno and region->problem:
 * ETIMEDOUT, EINTR (a stop signal), EPROTO, EACCES, ENOMEM. */
static inline int region_attach(struct region *region, const char *name,
                                const struct region_format *format, int timeout_ms)
{
    *region = (struct region){.is_owner = false};
    snprintf(region->name, sizeof region->name, "%s", name);
    int64_t deadline = deadline_after_ms(timeout_ms);
    struct backoff backoff = {0};
    int attached;
    while ((attached = region_try_attach(region, format)) == 0) {
        region_unmap(region);
        if (stop_requested())
            return region_fail(region, EINTR, "a stop signal came");
        if (deadline_passed(deadline))
            return region_fail(region, ETIMEDOUT, "no " REGION_OWNER_IS " is there");
        backoff_wait(&backoff);
    }
    if (attached == -1)
        region_unmap(region);
    return attached == -1 ? -1 : 0;
}

/* Takes the peer's place from nobody or from a dead one; from another run's only if any_run. */
static inline int region_claim_peer(struct region *region, bool any_run)
{
    /* [unlike] No claim is like the one before: who leaves and comes back at once, as the same process,
     * must not take for its own what was meant for who it was. relaxed: only the number counts */
    static _Atomic uint16_t joins;
    uint16_t times = atomic_fetch_add_explicit(&joins, 1, memory_order_relaxed);
    struct region_claim claim = {getpid(), region->other.generation,
                                 (uint16_t)(REGION_JOINED | times)};
    struct region_claim found = atomic_load_explicit(&region->header->peer, memory_order_acquire);
    do {
        if (!any_run && found.generation != claim.generation)
            return region_fail(region, EAGAIN, "another " REGION_OWNER_IS " has taken over");
        if (process_is_alive(found.pid))
            return region_fail(region, EBUSY,
                               "another " REGION_PEER_IS
                               " (pid %d) is connected; wait for its end, or "
                               "choose another --name for both halves",
                               (int)found.pid);
    } while (!region_claim(&region->header->peer, &found, claim));
    region->mine = claim;
    return 0;
}

/* Becomes the peer. Returns 0, or -1 with errno: EBUSY (a living one is there), EAGAIN (another
 * owner has taken the region over: attach anew). */
static inline int region_join(struct region *region)
{
    return region_claim_peer(region, false);
}

/* Becomes the peer in whatever run: for a region that outlives its halves. Returns 0, or -1 with
 * errno: EBUSY. */
static inline int region_take_peer(struct region *region)
{
    return region_claim_peer(region, true);
}

#endif
