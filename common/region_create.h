/* region_create.h - the steps that 01_countdown spells out, in one call each
 *
 *   owner:  region_create(), fill the region, region_publish(), region_has_peer() ... region_close()
 *   peer:   region_attach(), open what else it takes, region_join() ...               region_close()
 *
 * In a region that outlives its halves: region_own(), and region_find() with region_take_peer().
 *
 * Nothing here prints or exits: each returns -1 with errno, and region->problem says it in words.
 */
#ifndef COMMON_REGION_CREATE_H
#define COMMON_REGION_CREATE_H

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
    bool created;
    do {
        fd = region_open_object(region->name, O_CREAT | O_EXCL | O_RDWR);
        created = fd != -1;
        if (fd == -1 && errno == EEXIST)
            fd = region_open_object(region->name, O_RDWR);
    } while (fd == -1 && errno == ENOENT);
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

/* One attempt to become the owner: 1 done, 0 the object was unlinked meanwhile, -1 refused. */
static inline int region_try_create(struct region *region, const struct region_format *format)
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

    struct region_claim found = atomic_load_explicit(&region->header->owner, memory_order_acquire);
    struct region_claim claim;
    do {
        if (process_is_alive(found.pid))
            return region_fail(region, EBUSY,
                               "another " REGION_OWNER_IS
                               " (pid %d) is running; stop it first, or choose "
                               "another --name",
                               (int)found.pid);
        claim = (struct region_claim){getpid(), (uint16_t)(found.generation + 1), REGION_BUILDING};
    } while (!region_claim(&region->header->owner, &found, claim));
    int is_named = region_is_named(region->name, &region->object, claim);
    if (is_named != 1) { /* who still works in it must not wait for this process */
        int error = errno;
        region_leave(&region->header->owner, claim);
        return is_named == 0 ? 0 : region_fail(region, error, "%s", strerror(error));
    }
    region->mine = claim;
    region->is_adopted = found.state == REGION_READY || found.state == REGION_CLOSED;
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
    while ((created = region_try_create(region, format)) == 0)
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

/* Is a peer there that lives? Then region->other is its claim. For the owner. */
static inline bool region_has_peer(struct region *region)
{
    /* acquire: pairs with the peer's compare-and-swap in region_claim(). */
    region->other = atomic_load_explicit(&region->header->peer, memory_order_acquire);
    return region->other.generation == region->mine.generation &&
           process_is_alive(region->other.pid);
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
