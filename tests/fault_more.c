/* fault_more.c - more functions that fault.c can make fail: of sockets, queues, semaphores, standard output, memory
 *
 * Partner: fault.c, which says how. Without _GNU_SOURCE, with which the headers declare some of these
 * with types that have no name.
 */
#define _FILE_OFFSET_BITS 64 /* as the Makefile has it: open() may be called open64() then */
#define _TIME_BITS 64
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <mqueue.h>
#include <poll.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's headers say __fd. */
int socket(int domain, int type, int protocol)
{
    return FAIL_OR_CALL(socket, -1, domain, type, protocol);
}

int bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
    return FAIL_OR_CALL(bind, -1, fd, address, bytes);
}

int listen(int fd, int count)
{
    return FAIL_OR_CALL(listen, -1, fd, count);
}

int accept(int fd, struct sockaddr *address, socklen_t *bytes)
{
    return FAIL_OR_CALL(accept, -1, fd, address, bytes);
}

int connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
    return FAIL_OR_CALL(connect, -1, fd, address, bytes);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *bytes)
{
    return FAIL_OR_CALL(getsockname, -1, fd, address, bytes);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t bytes)
{
    return FAIL_OR_CALL(setsockopt, -1, fd, level, option, value, bytes);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return FAIL_OR_CALL(sendmsg, -1, fd, message, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    return FAIL_OR_CALL(recvmsg, -1, fd, message, flags);
}

/* With a token that is not the one that was sent. */
ssize_t recv(int fd, void *buffer, size_t bytes, int flags)
{
    ssize_t got = NEXT(recv)(fd, buffer, bytes, flags);
    if (got > 0 && fault_is_due("recv"))
        ((char *)buffer)[0] ^= 1;
    return got;
}

int pipe(int ends[2])
{
    return FAIL_OR_CALL(pipe, -1, ends);
}

int poll(struct pollfd *files, nfds_t count, int timeout_ms)
{
    return FAIL_OR_CALL(poll, -1, files, count, timeout_ms);
}

int close(int fd)
{
    return FAIL_OR_CALL(close, -1, fd);
}

int lstat(const char *path, struct stat *status)
{
    return FAIL_OR_CALL(lstat, -1, path, status);
}

int mkdir(const char *path, mode_t mode)
{
    return FAIL_OR_CALL(mkdir, -1, path, mode);
}

int mkfifo(const char *path, mode_t mode)
{
    return FAIL_OR_CALL(mkfifo, -1, path, mode);
}

mqd_t mq_open(const char *name, int flags, ...)
{
    va_list values;
    va_start(values, flags);
    mode_t mode = va_arg(values, mode_t);
    struct mq_attr *attributes = va_arg(values, struct mq_attr *);
    va_end(values);
    return FAIL_OR_CALL(mq_open, -1, name, flags, mode, attributes);
}

int mq_getattr(mqd_t queue, struct mq_attr *attributes)
{
    return FAIL_OR_CALL(mq_getattr, -1, queue, attributes);
}

int mq_send(mqd_t queue, const char *message, size_t bytes, unsigned priority)
{
    return FAIL_OR_CALL(mq_send, -1, queue, message, bytes, priority);
}

ssize_t mq_receive(mqd_t queue, char *message, size_t bytes, unsigned *priority)
{
    return FAIL_OR_CALL(mq_receive, -1, queue, message, bytes, priority);
}

int sem_trywait(sem_t *semaphore)
{
    return FAIL_OR_CALL(sem_trywait, -1, semaphore);
}

/* Declared with _GNU_SOURCE only. */
extern int getentropy(void *buffer, size_t bytes);
int getentropy(void *buffer, size_t bytes)
{
    return FAIL_OR_CALL(getentropy, -1, buffer, bytes);
}

int setvbuf(FILE *file, char *buffer, int mode, size_t bytes)
{
    return FAIL_OR_CALL(setvbuf, -1, file, buffer, mode, bytes);
}

int vprintf(const char *format, va_list values)
{
    return FAIL_OR_CALL(vprintf, -1, format, values);
}

/* What an optimizing compiler makes of it. */
int vfprintf(FILE *file, const char *format, va_list values)
{
    return file == stdout && fault_is_due("vprintf") ? -1 : NEXT(vfprintf)(file, format, values);
}

extern int sched_setaffinity(pid_t process, size_t bytes, const void *processors);
int sched_setaffinity(pid_t process, size_t bytes, const void *processors)
{
    return FAIL_OR_CALL(sched_setaffinity, -1, process, bytes, processors);
}

/* No failure: a number that isn't this user's. */
uid_t geteuid(void)
{
    return fault_is_due("geteuid") ? (uid_t)errno : NEXT(geteuid)();
}

#ifdef FAULT_MEMORY /* not in front of a sanitizer's */
void *malloc(size_t bytes)
{
    return FAIL_OR_CALL(malloc, NULL, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    return FAIL_OR_CALL(realloc, NULL, memory, bytes);
}
#endif
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
