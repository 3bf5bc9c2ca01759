/* lock.c - who may do what: the writers' lock, and who has the file open; all of it that differs
 * between Linux and macOS
 *
 * Three things can be held, in this order: the right to open or close (one process at a time), the
 * file itself (all who may write share it; who holds it alone may repair), and the writers' lock.
 * The kernel gives back all that a dead process held.
 *
 *                     Linux                                macOS
 *   opening           record lock on byte 0                record lock on byte 0
 *   the file          flock(); record lock on byte 1       record lock on byte 1
 *   writing           robust mutex in the file             record lock on byte 2
 *
 * The record locks belong to the open file ("OFD"), not to the process: closing another descriptor
 * of the same file does not lose them. On macOS, flock() and record locks exclude each other.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "../common/clock.h"
#include "layout.h"

enum { BYTE_OPENING, BYTE_IN_USE, BYTE_WRITER };

volatile sig_atomic_t *db_stop;

/* Between two looks at a lock that is taken. Sets errno when there is to be no further one. */
static bool may_wait(int64_t deadline)
{
    errno = db_stop != NULL && *db_stop != 0 ? EINTR : deadline_passed(deadline) ? ETIMEDOUT : 0;
    return errno == 0;
}

static int lock_byte(int fd, off_t byte, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &lock);
}

/* Tries until it is granted: neither call has a deadline of its own. */
static int wait_for_byte(int fd, off_t byte, short type)
{
    int64_t deadline = timeout_deadline(DB_LOCK_SECONDS);
    while (lock_byte(fd, byte, type) == -1) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return -1;
        if (!may_wait(deadline))
            return -1;
        sleep_until(now_ns() + NS_PER_MS);
    }
    return 0;
}

int opening_lock(int fd)
{
    return wait_for_byte(fd, BYTE_OPENING, F_WRLCK);
}

void opening_unlock(int fd)
{
    lock_byte(fd, BYTE_OPENING, F_UNLCK);
}

bool others_write(int fd)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = BYTE_IN_USE, .l_len = 1};
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

#ifdef __linux__

int try_alone(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 1;
    return errno == EWOULDBLOCK ? 0 : -1;
}

/* [share] Turning the exclusive lock into a shared one is not atomic: the kernel gives it up first.
 * It does no harm, since whoever could come in between waits for the right to open. */
int join_others(int fd)
{
    int64_t deadline = deadline_after_ms(1000); /* only a program that is none of ours holds it */
    while (flock(fd, LOCK_SH | LOCK_NB) == -1) {
        if (errno == EWOULDBLOCK && deadline_passed(deadline))
            errno = EBUSY;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -1;
        sleep_until(now_ns() + NS_PER_MS);
    }
    return wait_for_byte(fd, BYTE_IN_USE, F_RDLCK);
}

int writer_lock_init(struct header *header)
{
    pthread_mutexattr_t attributes;
    int error = pthread_mutexattr_init(&attributes);
    if (error == 0) {
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        error = pthread_mutex_init(&header->mutex, &attributes);
        pthread_mutexattr_destroy(&attributes);
    }
    errno = error;
    return error == 0 ? 0 : -1;
}

static int mutex_wait(pthread_mutex_t *mutex)
{
#ifdef SEM_CLOCKWAIT /* then so is this */
    struct timespec until = timespec_of_ns(deadline_after_ms(LOOK_INTERVAL_MS));
    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
#else
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until = timespec_of_ns(until.tv_sec * NS_PER_S + until.tv_nsec + LOOK_INTERVAL_MS * NS_PER_MS);
    return pthread_mutex_timedlock(mutex, &until);
#endif
}

/* EOWNERDEAD counts as locked; *died says so. */
static int mutex_lock(struct db *db, bool *died)
{
    int error = pthread_mutex_trylock(&db->header->mutex);
    if (error == EBUSY) {
        int64_t deadline = timeout_deadline(DB_LOCK_SECONDS);
        while ((error = mutex_wait(&db->header->mutex)) == ETIMEDOUT && may_wait(deadline))
            ;
        if (error == ETIMEDOUT)
            return -1;
    }
    *died = error == EOWNERDEAD;
    if (error == 0 || *died)
        return 0;
    errno = EBADMSG; /* not a mutex any more: somebody has scribbled on it */
    return -1;
}

static void mutex_consistent(struct db *db)
{
    pthread_mutex_consistent(&db->header->mutex);
}

void writer_unlock(struct db *db)
{
    db_hook("before-unlock");
    pthread_mutex_unlock(&db->header->mutex);
}

#else

int try_alone(int fd)
{
    if (lock_byte(fd, BYTE_IN_USE, F_WRLCK) == 0)
        return 1;
    return errno == EAGAIN || errno == EACCES ? 0 : -1;
}

int join_others(int fd)
{
    return wait_for_byte(fd, BYTE_IN_USE, F_RDLCK);
}

int writer_lock_init(struct header *header)
{
    (void)header;
    return 0;
}

/* A record lock says nothing about its last owner: [odd] does. */
static int mutex_lock(struct db *db, bool *died)
{
    *died = false;
    pthread_mutex_lock(&db->threads);
    if (wait_for_byte(db->fd, BYTE_WRITER, F_WRLCK) == 0)
        return 0;
    pthread_mutex_unlock(&db->threads);
    return -1;
}

static void mutex_consistent(struct db *db)
{
    (void)db;
}

void writer_unlock(struct db *db)
{
    lock_byte(db->fd, BYTE_WRITER, F_UNLCK);
    pthread_mutex_unlock(&db->threads);
}

#endif

/* [lock] A dead owner may have left an index half changed, and nothing else that needs a repair: of
 * a record the copy that counts is always whole. Consistent comes after the repair: who dies in it is
 * a dead owner again. */
int writer_lock(struct db *db)
{
    bool died;
    if (mutex_lock(db, &died) == -1)
        return -1;
    struct header *header = db->header;
    uint64_t sequence = atomic_load_explicit(&header->index_sequence, memory_order_relaxed);
    uint32_t generation = db_generation(db);
    if (header->seal.boot != 0) /* by one who thought it was the last */
        seal_break(db);
    int result = extents_are_there(db, generation) ? 0 : extents_map(db, generation);
    if (result == 0 && sequence % 2 != 0)
        result = index_rebuild(db, false);
    if (died) {
        atomic_fetch_add_explicit(&header->changes, 1, memory_order_relaxed); /* maybe uncounted */
        mutex_consistent(db);
    }
    if (result == -1) {
        int error = errno;
        writer_unlock(db);
        errno = error;
    }
    return result;
}
