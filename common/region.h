/* region.h - the header that every shared region starts with: whose is it, is it ready, who joined
 *
 *   absent --shm_open(O_CREAT|O_EXCL)--> BUILDING --[publish]--> READY --> CLOSED
 *
 * shm_unlink() comes before CLOSED where nothing outlives the owner (01, 02, 06); in a ring (03, 05) after
 * it, when all is read.
 *
 * Owning a region is one compare-and-swap on header->owner, from nobody or from a dead process to
 * oneself. A process is the owner or the peer of a region, or it is a stranger to it: strangers
 * write nothing, and nobody but the owner unlinks the name. 01_countdown spells these steps out.
 */
#ifndef COMMON_REGION_H
#define COMMON_REGION_H

#include <ctype.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "backoff.h"
#include "cleanup.h"
#include "clock.h"

#define REGION_NAME_LENGTH 30 /* with the slash; macOS allows 31 */

#define REGION_PROBLEM_BYTES 256
#define REGION_PATH_BYTES 512

/* How to be rid of an object that isn't ours; takes its name. */
#ifdef __APPLE__
#define REGION_REMOVE_HINT "choose another --name than %s"
#else
#define REGION_REMOVE_HINT "choose another --name or, if nobody needs it, rm /dev/shm%s"
#endif

/* Of an owner: BUILDING, READY, CLOSED. Of a peer in 01: READY, then CONNECTED, as the owner says; of
 * other peers: JOINED, plus how often the process has joined something before. */
enum region_state {
    REGION_FREE,
    REGION_BUILDING,
    REGION_READY,
    REGION_CONNECTED,
    REGION_CLOSED,
    REGION_JOINED = 0x8000
};

/* Who holds a place, in which run, how far: eight bytes, so that they can only change together. */
struct region_claim {
    int32_t pid;         /* 0 is nobody */
    uint16_t generation; /* counts the owners that this object has had */
    uint16_t state;      /* see enum region_state */
};

struct region_header {
    _Atomic uint32_t magic;            /*  0: four letters, written after the two fields below */
    uint32_t layout_version;           /*  4 */
    uint64_t size_bytes;               /*  8: of the whole object */
    _Atomic struct region_claim owner; /* 16: the half that made the region */
    _Atomic struct region_claim peer;  /* 24: the half that joined it */
};

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
               "atomics that lock do not work between processes");
_Static_assert(sizeof(struct region_claim) == 8 && sizeof(_Atomic struct region_claim) == 8,
               "a claim is one eight-byte word");
_Static_assert(offsetof(struct region_header, layout_version) == 4, "layout");
_Static_assert(offsetof(struct region_header, size_bytes) == 8, "layout");
_Static_assert(offsetof(struct region_header, owner) == 16, "layout");
_Static_assert(offsetof(struct region_header, peer) == 24, "layout");
_Static_assert(sizeof(struct region_header) == 32, "layout");

/* What a lesson expects to find in its header. */
struct region_format {
    char magic[5]; /* four letters */
    uint32_t layout_version;
    size_t size_bytes; /* of the whole object; 0: whatever its header says */
};

/* Where regions lie: NULL is POSIX shared memory, which most systems keep in a folder of its own, too.
 * A lesson may name a folder of another file system in memory (hugetlbfs) before it opens its region. */
__attribute__((weak)) const char *region_folder;

static inline const char *region_path(char path[REGION_PATH_BYTES], const char *name)
{
    snprintf(path, REGION_PATH_BYTES, "%s%s", region_folder, name);
    return path;
}

/* shm_open(), for objects of one's own, wherever they lie. */
static inline int region_open_object(const char *name, int flags)
{
    char path[REGION_PATH_BYTES];
    if (region_folder == NULL)
        return shm_open(name, flags, 0600);
    return open(region_path(path, name), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static inline int region_unlink_object(const char *name)
{
    char path[REGION_PATH_BYTES];
    return region_folder == NULL ? shm_unlink(name) : unlink(region_path(path, name));
}

/* Writes the default name, like /countdown-1000: with the uid, so that many users share a machine. */
static inline void region_default_name(char name[REGION_NAME_LENGTH + 1], const char *lesson)
{
    snprintf(name, REGION_NAME_LENGTH + 1, "/%s-%u", lesson, (unsigned)getuid());
}

/* What both halves of a lesson take from --name. */
struct region_names {
    char region[REGION_NAME_LENGTH + 1];
    char option[REGION_NAME_LENGTH + 9]; /* what to add to the other half's command line */
};

/* name: what --name gave, of at most longest characters; or NULL for the lesson's default. */
static inline struct region_names region_names(const char *lesson, const char *name, size_t longest)
{
    struct region_names names = {.option = ""};
    region_default_name(names.region, lesson);
    if (name != NULL) {
        snprintf(names.region, sizeof names.region, "%s", parse_name(name, longest));
        snprintf(names.option, sizeof names.option, " --name %s", names.region);
    }
    return names;
}

/* What Linux says of a process by the letter behind its name in /proc/PID/stat: R runs, S sleeps ...;
 * elsewhere, and where there is no such process, a null byte. */
static inline char process_state(int32_t pid)
{
    char path[32], stat[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return '\0';
    ssize_t bytes = read(fd, stat, sizeof stat - 1);
    close(fd);
    const char *name_end = bytes > 0 ? strrchr(stat, ')') : NULL;
    if (name_end == NULL)
        return '\0';
    return name_end[2];
}

/* A process that has ended stays in the table, as a zombie, till its parent asks for its exit
 * status; some parents never do. */
static inline bool process_is_zombie(int32_t pid)
{
    char state = process_state(pid);
    return state == 'Z' || state == 'X';
}

/* kill(pid, 0) sends nothing: it asks. EPERM means alive, and another user's. */
static inline bool process_is_alive(int32_t pid)
{
    return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM) && !process_is_zombie(pid);
}

static inline bool same_claim(struct region_claim a, struct region_claim b)
{
    return a.pid == b.pid && a.generation == b.generation && a.state == b.state;
}

/* [copy once] To be called between copying a value out of shared memory and checking the copy: it
 * forbids the compiler to read the memory again, where a hostile half may have changed it. */
static inline void copied_once(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* [claim] Takes a place for this process unless a living one holds it. Of several that try, one
 * wins. found: what the caller saw there; after a loss, what is there now. */
static inline bool region_claim(_Atomic struct region_claim *place, struct region_claim *found,
                                struct region_claim mine)
{
    if (process_is_alive(found->pid))
        return false;
    /* acquire: what the dead holder wrote is visible; release: this process is set up before. */
    return atomic_compare_exchange_strong_explicit(place, found, mine, memory_order_acq_rel,
                                                   memory_order_acquire);
}

/* Why the half that held a place is not to be waited for, or NULL while it is there. */
static inline const char *region_fate(_Atomic struct region_claim *place, struct region_claim seen)
{
    /* First whether it lives, then what it left: the other way round, a half that leaves and ends
     * between the two would look as if it had died. acquire: pairs with [leave]. */
    bool is_alive = process_is_alive(seen.pid);
    struct region_claim now = atomic_load_explicit(place, memory_order_acquire);
    if (now.pid == 0 && now.generation == seen.generation)
        return "has stopped";
    if (now.pid != seen.pid || now.generation != seen.generation)
        return "has died, and another process has taken its place";
    return is_alive ? NULL : "has died";
}

/* [leave] Gives the caller's own place up, so that the other half need not guess. The owner does
 * so after it has removed the name: who finds a region by its name finds it claimed, or dead. */
static inline void region_leave(_Atomic struct region_claim *place, struct region_claim mine)
{
    struct region_claim now = atomic_load_explicit(place, memory_order_relaxed);
    while (now.pid == mine.pid && now.generation == mine.generation) {
        struct region_claim nobody = {0, mine.generation, REGION_CLOSED};
        if (now.state == REGION_CONNECTED)
            nobody.state = REGION_CONNECTED; /* taken for good */
        /* release: what this half wrote is visible to whoever sees that it left (region_fate()). */
        if (atomic_compare_exchange_weak_explicit(place, &now, nobody, memory_order_release,
                                                  memory_order_relaxed))
            return;
    }
}

/* Does an object of that many bytes fit? (macOS rounds the size up to whole pages.) */
static inline bool region_size_fits(off_t found_bytes, size_t expected_bytes)
{
#ifdef __APPLE__
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if ((uint64_t)found_bytes == (expected_bytes + page - 1) / page * page)
        return true;
#endif
    return (uint64_t)found_bytes == expected_bytes; /* also where off_t is wider than size_t */
}

/* An object that its creator can't bring to its size is removed, while it is empty: then nobody can
 * own it. (Who finds it empty waits a second before touching it.) */
static inline void region_unlink_empty(const char *name, int fd)
{
    struct stat now;
    if (fstat(fd, &now) == 0 && now.st_size == 0)
        region_unlink_object(name);
}

static inline uint32_t region_magic(const struct region_format *format)
{
    uint32_t magic;
    memcpy(&magic, format->magic, sizeof magic);
    return magic;
}

/* Writes what cannot change in an object's life; the caller owns it, in state BUILDING. */
static inline void region_write_format(struct region_header *header,
                                       const struct region_format *format)
{
    header->layout_version = format->layout_version;
    header->size_bytes = format->size_bytes;
    /* release: who sees the magic (region_check_format, acquire) sees version and size. */
    atomic_store_explicit(&header->magic, region_magic(format), memory_order_release);
}

/* Is this our layout? 1 yes, 0 not written yet, -1 no: then problem says what was found. */
static inline int region_check_format(const struct region_header *header,
                                      const struct region_format *format, const struct stat *object,
                                      const char *name, char problem[REGION_PROBLEM_BYTES])
{
    uint32_t magic = atomic_load_explicit(&header->magic, memory_order_acquire);
    if (magic == 0)
        return 0;
    uint32_t version = header->layout_version;
    uint64_t bytes = header->size_bytes;
    copied_once();
    if (magic == region_magic(format) && version == format->layout_version &&
        (format->size_bytes == 0 || bytes == format->size_bytes) && bytes >= sizeof *header &&
        bytes <= SIZE_MAX && region_size_fits(object->st_size, (size_t)bytes))
        return 1;
    char letters[5] = "";
    memcpy(letters, &magic, sizeof magic);
    for (int i = 0; i < 4; i++)
        if (!isgraph((unsigned char)letters[i]))
            letters[i] = '?';
    snprintf(problem, REGION_PROBLEM_BYTES,
             "found magic %s, version %u, %llu bytes; expected magic %s, version %u, %zu "
             "bytes; " REGION_REMOVE_HINT,
             letters, (unsigned)version, (unsigned long long)bytes, format->magic,
             (unsigned)format->layout_version, format->size_bytes, name);
    errno = EPROTO;
    return -1;
}

/* [look-again] Does the name still lead to the region that this process has claimed? Another process
 * may have unlinked it between opening and claiming, or somebody by hand: then it leads nowhere, or
 * to another object, which is not ours to use or to remove. Returns 1, 0, or -1 with errno when that
 * can't be told. */
static inline int region_is_named(const char *name, const struct stat *object,
                                  struct region_claim mine)
{
    struct stat now;
    int fd = region_open_object(name, O_RDONLY);
    if (fd == -1)
        return errno == ENOENT ? 0 : -1;
    int found = fstat(fd, &now);
#ifndef __APPLE__
    if (found == 0)
        found = now.st_dev == object->st_dev && now.st_ino == object->st_ino;
    (void)mine;
#else /* all objects have the inode number 0 there: look for our claim in it */
    if (found == 0 && now.st_size == object->st_size) {
        struct region_header *header = mmap(NULL, sizeof *header, PROT_READ, MAP_SHARED, fd, 0);
        found = -1;
        if (header != MAP_FAILED) {
            struct region_claim owner = atomic_load(&header->owner);
            found = owner.pid == mine.pid && owner.generation == mine.generation;
            munmap(header, sizeof *header);
        }
    }
#endif
    close(fd);
    return found;
}

#endif
