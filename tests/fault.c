/* fault.c - a library for LD_PRELOAD that makes the N-th call of one function fail
 *
 * Partner: fault_more.c, with more of such functions.
 * Build:   cc fault.c fault_more.c -o fault.so -shared -fPIC -ldl
 * Run:     FAULT=mmap:2:12 FAULT_MARK=file LD_PRELOAD=./fault.so PROGRAM
 *
 * The second mmap() returns MAP_FAILED with errno 12, and the file is made: so one knows that the
 * program came that far. The function `any` is each of those below. FAULT=any:5:-9 instead sends the
 * signal 9 to the program itself before the fifth call; if it survives that, the call is done. Of several
 * faults, FAULT='mmap:2:12 close:1:5', each one counts its own calls. Linux only.
 */
#define _FILE_OFFSET_BITS 64 /* as the Makefile has it: open() may be called open64() then */
#define _TIME_BITS 64
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"

enum { FAULTS_MAX = 8 };

/* That is the call: leaves the mark, and sets errno. False: it was only to get a signal. */
static bool fail_with(int error)
{
    FILE *mark = fopen(getenv("FAULT_MARK"), "w");
    if (mark != NULL)
        fclose(mark);
    if (error < 0)
        raise(-error);
    errno = error;
    return error > 0;
}

bool fault_is_due(const char *function)
{
    static int calls[FAULTS_MAX] = {0};
    const char *fault = getenv("FAULT");
    size_t length = strlen(function);
    for (int i = 0; i < FAULTS_MAX && fault != NULL; i++) {
        char *end;
        bool is_any = strncmp(fault, "any:", 4) == 0;
        const char *number = fault + (is_any ? 3 : length);
        if ((is_any || strncmp(fault, function, length) == 0) && *number == ':' &&
            ++calls[i] == strtol(number + 1, &end, 10))
            return fail_with((int)strtol(end + 1, NULL, 10));
        fault = strchr(fault, ' ');
        fault += fault != NULL;
    }
    return false;
}

void **fault_next_address(void (*mine)(void))
{
    static _Thread_local void *address;
    Dl_info symbol;
    memcpy(&address, &mine, sizeof address);
    if (dladdr(address, &symbol) == 0 || symbol.dli_sname == NULL)
        abort();
    /* In a program with clang's sanitizers that address is their own function's, which stands in front. */
    const char *name = symbol.dli_sname, prefix[] = "__interceptor_";
    if (strncmp(name, prefix, strlen(prefix)) == 0)
        name += strlen(prefix);
    address = dlsym(RTLD_NEXT, name);
    return &address;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's headers say __fd. */
int shm_open(const char *name, int flags, mode_t mode)
{
    return FAIL_OR_CALL(shm_open, -1, name, flags, mode);
}

int shm_unlink(const char *name)
{
    return FAIL_OR_CALL(shm_unlink, -1, name);
}

int fstat(int fd, struct stat *status)
{
    return FAIL_OR_CALL(fstat, -1, fd, status);
}

int ftruncate(int fd, off_t bytes)
{
    return FAIL_OR_CALL(ftruncate, -1, fd, bytes);
}

int posix_fallocate(int fd, off_t offset, off_t bytes)
{
    return FAIL_OR_CALL(posix_fallocate, errno, fd, offset, bytes);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return FAIL_OR_CALL(mmap, MAP_FAILED, address, bytes, protection, flags, fd, offset);
}

int msync(void *address, size_t bytes, int flags)
{
    return FAIL_OR_CALL(msync, -1, address, bytes, flags);
}

int fsync(int fd)
{
    return FAIL_OR_CALL(fsync, -1, fd);
}

int flock(int fd, int operation)
{
    return FAIL_OR_CALL(flock, -1, fd, operation);
}

ssize_t pread(int fd, void *buffer, size_t bytes, off_t offset)
{
    return FAIL_OR_CALL(pread, -1, fd, buffer, bytes, offset);
}

ssize_t pwrite(int fd, const void *buffer, size_t bytes, off_t offset)
{
    return FAIL_OR_CALL(pwrite, -1, fd, buffer, bytes, offset);
}

int rename(const char *from, const char *to)
{
    return FAIL_OR_CALL(rename, -1, from, to);
}

ssize_t read(int fd, void *buffer, size_t bytes)
{
    return FAIL_OR_CALL(read, -1, fd, buffer, bytes);
}

ssize_t write(int fd, const void *buffer, size_t bytes)
{
    return FAIL_OR_CALL(write, -1, fd, buffer, bytes);
}

int sem_post(sem_t *semaphore)
{
    return FAIL_OR_CALL(sem_post, -1, semaphore);
}

#ifdef __GLIBC__
int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    return FAIL_OR_CALL(sem_clockwait, -1, semaphore, clock, until);
}
#else /* there it is sem_timedwait() that waits */
int sem_timedwait(sem_t *semaphore, const struct timespec *until)
{
    return fault_is_due("sem_clockwait") ? -1 : NEXT(sem_timedwait)(semaphore, until);
}
#endif

int sem_unlink(const char *name)
{
    return FAIL_OR_CALL(sem_unlink, -1, name);
}

int shmget(key_t key, size_t bytes, int flags)
{
    return FAIL_OR_CALL(shmget, -1, key, bytes, flags);
}

void *shmat(int id, const void *address, int flags)
{
    return FAIL_OR_CALL(shmat, MAP_FAILED, id, address, flags);
}

int shmctl(int id, int command, struct shmid_ds *status)
{
    return FAIL_OR_CALL(shmctl, -1, id, command, status);
}

int semget(key_t key, int semaphores, int flags)
{
    return FAIL_OR_CALL(semget, -1, key, semaphores, flags);
}

int semop(int id, struct sembuf *operations, size_t count)
{
    return FAIL_OR_CALL(semop, -1, id, operations, count);
}

int semtimedop(int id, struct sembuf *operations, size_t count, const struct timespec *timeout)
{
    return FAIL_OR_CALL(semtimedop, -1, id, operations, count, timeout);
}

/* Those with a variable number of arguments: the rest is passed on whether it was given or not. */
int open(const char *path, int flags, ...)
{
    va_list values;
    va_start(values, flags);
    mode_t mode = va_arg(values, mode_t);
    va_end(values);
    return FAIL_OR_CALL(open, -1, path, flags, mode);
}

int fcntl(int fd, int command, ...)
{
    va_list values;
    va_start(values, command);
    void *argument = va_arg(values, void *);
    va_end(values);
    return FAIL_OR_CALL(fcntl, -1, fd, command, argument);
}

sem_t *sem_open(const char *name, int flags, ...)
{
    va_list values;
    va_start(values, flags);
    mode_t mode = va_arg(values, mode_t);
    unsigned value = va_arg(values, unsigned);
    va_end(values);
    return FAIL_OR_CALL(sem_open, SEM_FAILED, name, flags, mode, value);
}

int semctl(int id, int semaphore, int command, ...)
{
    va_list values;
    va_start(values, command);
    void *value = va_arg(values, void *);
    va_end(values);
    return FAIL_OR_CALL(semctl, -1, id, semaphore, command, value);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
