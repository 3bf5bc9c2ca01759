/* semaphores.h - the semaphore set: free slots, filled slots, and who lives
 *
 *   absent --semget(IPC_CREAT|IPC_EXCL)--> unfinished --first semop()--> in use --IPC_RMID--> absent
 *
 * The set says who may do what. A half that lives holds its place, by a semop() with SEM_UNDO that
 * the kernel takes back when the half ends, however it ends. Only who holds both places at once,
 * or has the other half's word that all is done, removes the set.
 *
 * Nothing here prints or exits: each function returns -1 with errno as its system call does. EIDRM
 * and EINVAL say that the set was removed while waiting, or before.
 */
#ifndef SEMAPHORES_H
#define SEMAPHORES_H

#include <errno.h>
#include <stdbool.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <unistd.h>

#include "../common/clock.h"

enum {
    FREE_SLOTS,     /* how many the producer may fill */
    FILLED_SLOTS,   /* how many the consumer may read */
    PRODUCER_LIVES, /* its place: 1 while it is held */
    CONSUMER_LIVES,
    IDENTITY, /* always IDENTITY_VALUE: this set is one of ours */
    SEMAPHORES
};

enum { IDENTITY_VALUE = 0x5356 /* "SV"; a semaphore takes up to SEMVMX = 32767 */ };

/* [semun] POSIX wants the program to declare it, Linux does too; macOS has declared it already. */
#ifndef __APPLE__
union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};
#endif

static inline bool set_is_gone(int error)
{
    return error == EIDRM || error == EINVAL;
}

static inline int set_value(int set, int semaphore)
{
    return semctl(set, semaphore, GETVAL);
}

/* Who last changed it: of a place, who holds it, or held it last (a death counts, too). */
static inline pid_t set_pid(int set, int semaphore)
{
    return semctl(set, semaphore, GETPID);
}

static inline int set_remove(int set)
{
    return semctl(set, 0, IPC_RMID);
}

/* ---- places ---- */

/* [place] An operation is {semaphore, what to add, flags}; to add 0 is to wait till it is 0, with
 * IPC_NOWAIT: EAGAIN instead. Several in one semop() are done all or none: of two processes that find
 * the place empty, one gets it. SEM_UNDO: at the end of this process the kernel subtracts the 1 again.
 * Returns 0, or -1 with EAGAIN (somebody holds it), ENOSPC (too many
 * processes use SEM_UNDO), or the set is gone. */
static inline int place_take(int set, unsigned short place)
{
    struct sembuf operations[] = {{place, 0, IPC_NOWAIT}, {place, 1, IPC_NOWAIT | SEM_UNDO}};
    return semop(set, operations, 2);
}

/* [both] Who holds both places knows that nobody else is there, or can come, and may remove it all. */
static inline int place_take_both(int set)
{
    struct sembuf operations[] = {{PRODUCER_LIVES, 0, IPC_NOWAIT},
                                  {CONSUMER_LIVES, 0, IPC_NOWAIT},
                                  {PRODUCER_LIVES, 1, IPC_NOWAIT | SEM_UNDO},
                                  {CONSUMER_LIVES, 1, IPC_NOWAIT | SEM_UNDO}};
    return semop(set, operations, 4);
}

/* SEM_UNDO here, too: it cancels the kernel's note that there is a 1 to subtract at the end. */
static inline int place_leave(int set, unsigned short place)
{
    struct sembuf operation = {place, -1, IPC_NOWAIT | SEM_UNDO};
    return semop(set, &operation, 1);
}

/* ---- slots ---- */

/* [no-undo] Adds slots to a counter, without SEM_UNDO: a slot that was filled stays filled when its
 * producer ends. (-DCOUNTER_FLAGS=SEM_UNDO shows what would happen otherwise.) */
#ifndef COUNTER_FLAGS
#define COUNTER_FLAGS 0
#endif
static inline int slots_post(int set, unsigned short counter)
{
    struct sembuf operation = {counter, 1, COUNTER_FLAGS};
    return semop(set, &operation, 1);
}

static inline int slots_try_take(int set, unsigned short counter, short count)
{
    struct sembuf operation = {counter, (short)-count, IPC_NOWAIT | COUNTER_FLAGS};
    return semop(set, &operation, 1);
}

/* [slice] Waits for so many slots, for LOOK_INTERVAL_MS at most: no semop() can wait for "a slot, or
 * the end of the other half", so whoever waits looks at the other half's place between slices.
 * Returns 0, or -1 with EAGAIN (not yet), EINTR, or the set is gone. */
static inline int slots_take(int set, unsigned short counter, short count)
{
#ifdef __APPLE__ /* it has no semtimedop() */
    int64_t end = deadline_after_ms(LOOK_INTERVAL_MS);
    while (slots_try_take(set, counter, count) == -1) {
        if (errno != EAGAIN || deadline_passed(end))
            return -1;
        sleep_until(now_ns() + NS_PER_MS);
    }
    return 0;
#else
    struct sembuf operation = {counter, (short)-count, COUNTER_FLAGS};
    struct timespec slice = timespec_of_ns(LOOK_INTERVAL_MS * NS_PER_MS);
    return semtimedop(set, &operation, 1, &slice);
#endif
}

/* ---- birth ---- */

/* Sets all values and takes the producer's place: by this first semop() sem_otime becomes the time
 * of day, which tells all others that the values are there. For who has made the set. */
static inline int set_initialise(int set, unsigned short slots)
{
    unsigned short values[SEMAPHORES] = {[FREE_SLOTS] = slots, [IDENTITY] = IDENTITY_VALUE};
    if (semctl(set, 0, SETALL, (union semun){.array = values}) == -1)
        return -1;
    return place_take(set, PRODUCER_LIVES);
}

/* [otime] semget() makes a set whose values nobody has set yet; and its creator may be interrupted
 * right here, or killed. Till then only its size and its mode tell whether it is one of ours. Returns
 * 1: one of ours, in use; 0: its creator isn't done; -1 with EACCES (another user's), EPROTO (none of
 * ours), or it is gone. */
static inline int set_examine(int set)
{
    struct semid_ds status = {0};
    if (semctl(set, 0, IPC_STAT, (union semun){.buf = &status}) == -1)
        return -1;
    unsigned short values[SEMAPHORES] = {0};
    int error = 0;
    if (status.sem_perm.uid != geteuid() || status.sem_perm.cuid != geteuid())
        error = EACCES;
    else if (status.sem_nsems != SEMAPHORES || (status.sem_perm.mode & 0777) != 0600)
        error = EPROTO;
    else if (semctl(set, 0, GETALL, (union semun){.array = values}) == -1)
        return -1;
    else if (status.sem_otime != 0)
        error = values[IDENTITY] == IDENTITY_VALUE ? 0 : EPROTO;
    else /* zero, before SETALL, on every system known */
        error = values[IDENTITY] == IDENTITY_VALUE || values[IDENTITY] == 0 ? 0 : EPROTO;
    errno = error;
    return error != 0 ? -1 : status.sem_otime != 0;
}

#endif
