/* key_file.h - which file both halves mean, and the System V key that ftok(3) makes of it
 *
 * System V objects have no names but numbers, and ftok() turns a file that exists into a number: 8
 * bits of project id, 8 bits of the device, 16 bits of the inode. All that is left out makes clashes:
 * see [clash] in segment.h. The file is never read. It must not be replaced either, for the new one
 * has another inode: so it is a file of its own, and no source file or program.
 */
#ifndef KEY_FILE_H
#define KEY_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_PATH_BYTES = 4096, KEY_PROBLEM_BYTES = KEY_PATH_BYTES + 256, KEY_PROJECT = 'S' };

struct key_file {
    char path[KEY_PATH_BYTES];
    char option[KEY_PATH_BYTES + 8]; /* what to add to the other half's command line */
    key_t key;
    uint64_t device, inode; /* all of what ftok() cuts off */
    char problem[KEY_PROBLEM_BYTES];
};

__attribute__((format(printf, 3, 4))) static inline int key_fail(struct key_file *file, int error,
                                                                 const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(file->problem, sizeof file->problem, format, values);
    va_end(values);
    errno = error;
    return -1;
}

/* [default] One for each user, where nobody else can write, or else in /tmp. */
static inline void key_default_path(char path[KEY_PATH_BYTES])
{
    const char *folder = getenv("XDG_RUNTIME_DIR");
    if (folder != NULL && folder[0] == '/' && strlen(folder) < KEY_PATH_BYTES - 32)
        snprintf(path, KEY_PATH_BYTES, "%s/sysv-pipe.key", folder);
    else
        snprintf(path, KEY_PATH_BYTES, "/tmp/sysv-pipe-%u.key", (unsigned)geteuid());
}

/* [no-follow] In /tmp anybody may have put anything under that name: a link to another file, a pipe
 * that would block open(). What was opened is looked at by its descriptor, not by its name. */
static inline int key_open(struct key_file *file, bool may_create)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, fd;
    do {
        fd = open(file->path, flags);
        if (fd == -1 && errno == ENOENT && may_create)
            fd = open(file->path, flags | O_CREAT | O_EXCL, 0600);
    } while (fd == -1 && errno == EEXIST); /* just made by the other half */
    if (fd != -1)
        return fd;
    if (errno == ELOOP || errno == EMLINK)
        return key_fail(file, ELOOP, "%s is a symbolic link; choose another file by --key PATH",
                        file->path);
    if (errno == ENOENT && !may_create)
        return key_fail(file, ENOENT, "there is no file %s; make one: touch %s", file->path,
                        file->path);
    return key_fail(file, errno, "cannot open the key file %s: %s; choose another by --key PATH",
                    file->path, strerror(errno));
}

static inline int key_examine(struct key_file *file, int fd)
{
    struct stat opened, named;
    if (fstat(fd, &opened) == -1)
        return key_fail(file, errno, "cannot look at the key file %s: %s", file->path,
                        strerror(errno));
    if (!S_ISREG(opened.st_mode))
        return key_fail(file, EINVAL, "%s is no regular file; choose another by --key PATH",
                        file->path);
    if (opened.st_uid != geteuid())
        return key_fail(file, EACCES, "%s belongs to user %u; choose another file by --key PATH",
                        file->path, (unsigned)opened.st_uid);
    file->device = (uint64_t)opened.st_dev;
    file->inode = (uint64_t)opened.st_ino;
    file->key = ftok(file->path, KEY_PROJECT);
    /* ftok() has looked at the name again: is it still the same file? */
    if (file->key == -1 || lstat(file->path, &named) == -1 || named.st_dev != opened.st_dev ||
        named.st_ino != opened.st_ino)
        return key_fail(file, ESTALE, "%s was replaced just now; try again", file->path);
    return 0;
}

/* Finds the key. path: an existing file; or NULL for the user's default one, which may_create makes.
 * Returns 0, or -1 with errno and file->problem: ENOENT, ELOOP, EACCES, EINVAL, ESTALE. */
static inline int key_file_find(struct key_file *file, const char *path, bool may_create)
{
    *file = (struct key_file){.option = ""};
    if (path == NULL)
        key_default_path(file->path);
    else if (strlen(path) >= sizeof file->path)
        return key_fail(file, ENAMETOOLONG, "the path of the key file is too long");
    else {
        snprintf(file->path, sizeof file->path, "%s", path);
        snprintf(file->option, sizeof file->option, " --key %s", path);
    }
    int fd = key_open(file, path == NULL && may_create);
    if (fd == -1)
        return -1;
    int examined = key_examine(file, fd);
    int error = errno;
    close(fd);
    errno = error;
    return examined;
}

#endif
