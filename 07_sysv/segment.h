/* segment.h - the shared memory segment: whose it is, what the halves tell each other, and the slots
 *
 * The segment takes the key while it waits for a consumer. The consumer, once attached, has it marked
 * for destruction: then it has no key any more, and the kernel frees it when both have gone.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#ifdef __APPLE__
#include <sys/sysctl.h>
#endif
#include <stdatomic.h>
#include <stddef.h>
#include <sys/shm.h>

#include "key_file.h"

enum {
    SEGMENT_MAGIC = 0x56535953, /* "SYSV", as it lies in memory */
    SEGMENT_VERSION = 1,
    SLOTS_MAX = 1024,
    SLOT_BYTES_MAX = 1 << 30,
    SLOTS_OFFSET = 16384 /* the slots begin with a page, on every machine */
};

/* How a half has left; 0 while it is there, or when it died. */
enum ending { NOT_ENDED, ALL_DONE, STOPPED_BY_SIGNAL, OUTPUT_CLOSED, HAS_FAILED };

struct segment {
    _Atomic uint32_t magic;         /*  0: SEGMENT_MAGIC, written after all up to producer_pid */
    uint32_t layout_version;        /*  4 */
    uint64_t key_device;            /*  8: st_dev of the key file, all of it */
    uint64_t key_inode;             /* 16: st_ino */
    _Atomic uint32_t slots;         /* 24 */
    _Atomic uint32_t slot_bytes;    /* 28 */
    int32_t producer_pid;           /* 32 */
    _Atomic uint32_t producer_end;  /* 36: enum ending, written by the producer */
    _Atomic int32_t consumer_pid;   /* 40: 0 till it has joined */
    _Atomic uint32_t consumer_end;  /* 44: enum ending, written by the consumer */
    _Atomic uint64_t written_bytes; /* 48: how much the consumer has written to its output */
    uint64_t unused;                /* 56 */
    _Atomic uint32_t lengths[SLOTS_MAX]; /* 64: bytes in each slot; 0 is the end of the input */
};

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
               "atomics that lock do not work between processes");
_Static_assert(offsetof(struct segment, key_device) == 8, "layout");
_Static_assert(offsetof(struct segment, key_inode) == 16, "layout");
_Static_assert(offsetof(struct segment, slots) == 24, "layout");
_Static_assert(offsetof(struct segment, producer_pid) == 32, "layout");
_Static_assert(offsetof(struct segment, consumer_pid) == 40, "layout");
_Static_assert(offsetof(struct segment, written_bytes) == 48, "layout");
_Static_assert(offsetof(struct segment, lengths) == 64, "layout");
_Static_assert(sizeof(struct segment) <= SLOTS_OFFSET, "the slots begin behind it");

static inline uint64_t segment_bytes(uint32_t slots, uint32_t slot_bytes)
{
    return SLOTS_OFFSET + (uint64_t)slots * slot_bytes;
}

/* Attaches a segment: NULL with errno. The kernel chooses the address. */
static inline struct segment *segment_attach(int id, int flags)
{
    void *address = shmat(id, NULL, flags);
    return address == (void *)-1 ? NULL : address; /* NOLINT(performance-no-int-to-ptr): shmat(2) */
}

/* What a new segment is to hold; then [publish]: who sees the magic sees all of it. */
static inline void segment_publish(struct segment *segment, const struct key_file *file,
                                   uint32_t slots, uint32_t slot_bytes)
{
    segment->layout_version = SEGMENT_VERSION;
    segment->key_device = file->device;
    segment->key_inode = file->inode;
    atomic_store_explicit(&segment->slots, slots, memory_order_relaxed);
    atomic_store_explicit(&segment->slot_bytes, slot_bytes, memory_order_relaxed);
    segment->producer_pid = getpid();
    /* release: pairs with the acquire in segment_check(). */
    atomic_store_explicit(&segment->magic, SEGMENT_MAGIC, memory_order_release);
}

/* [clash] Another file may have the same key, and another program the same idea. Returns 1: made for
 * this file by one of us; 0: its creator isn't done; -1: neither, and file->problem says what it is.
 * Writes nothing: what isn't ours stays as it is. */
static inline int segment_check(const struct segment *segment, uint64_t bytes, int id,
                                struct key_file *file)
{
    /* acquire: pairs with [publish]. */
    uint32_t magic =
        bytes < sizeof *segment ? 1 : atomic_load_explicit(&segment->magic, memory_order_acquire);
    if (magic == 0)
        return 0;
    if (magic != SEGMENT_MAGIC || segment->layout_version != SEGMENT_VERSION)
        return key_fail(file, EPROTO,
                        "a segment of another program has the key 0x%08x of %s; choose another "
                        "--key or, if nobody needs it, ipcrm -m %d",
                        (unsigned)file->key, file->path, id);
    if (segment->key_device != file->device || segment->key_inode != file->inode)
        return key_fail(file, EPROTO,
                        "the key 0x%08x of %s is also that of another file (device %llu, inode "
                        "%llu), which is in use; choose another --key",
                        (unsigned)file->key, file->path, (unsigned long long)segment->key_device,
                        (unsigned long long)segment->key_inode);
    return 1;
}

/* As above, by id: attaches for a moment, to read only. -1 with EINVAL or EIDRM: it is gone. */
static inline int segment_examine(int id, struct shmid_ds *status, struct key_file *file)
{
    struct segment *segment = NULL;
    if (shmctl(id, IPC_STAT, status) == 0) {
        if (status->shm_perm.uid != geteuid() || status->shm_perm.cuid != geteuid())
            errno = EACCES;
        else
            segment = segment_attach(id, SHM_RDONLY);
    }
    if (segment == NULL)
        return key_fail(file, errno,
                        errno == EACCES
                            ? "the segment with the key 0x%08x of %s belongs to another "
                              "user; choose another --key"
                            : "cannot attach the segment with the key 0x%08x of %s: %s",
                        (unsigned)file->key, file->path, strerror(errno));
    int checked = segment_check(segment, status->shm_segsz, id, file);
    int error = errno;
    shmdt(segment);
    errno = error;
    return checked;
}

/* SHMMAX, or 0 if the system doesn't say. */
static inline unsigned long long segment_limit_bytes(void)
{
#ifdef __APPLE__
    unsigned long long limit = 0;
    size_t bytes = sizeof limit;
    return sysctlbyname("kern.sysv.shmmax", &limit, &bytes, NULL, 0) == 0 ? limit : 0;
#else
    struct shminfo limits = {0};
    return shmctl(0, IPC_INFO, (struct shmid_ds *)&limits) == -1 ? 0 : limits.shmmax;
#endif
}

#endif
