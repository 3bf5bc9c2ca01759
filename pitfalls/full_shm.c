/* full_shm.c - ftruncate() promises more than /dev/shm has; who writes to the promise dies of SIGBUS
 *
 * Build:   cc full_shm.c -o full_shm -pthread -lrt     (macOS: without -lrt)
 * Run:     ./full_shm
 * Look first at wrong() and right(). They see a /dev/shm of their own, of 64 KB; where the system
 * doesn't allow that, there is nothing to see.
 */
#include "pitfall.h"

const char program_name[] = "full_shm";

#ifdef __linux__
#include <sys/mount.h>

enum { BYTES = 1000000, NOT_ALLOWED = 2, REFUSED = 3 };

static _Atomic int *written_bytes;

/* What the call sets is the size. Memory is taken page by page, when it is written to. */
static int wrong(int fd)
{
    return ftruncate(fd, BYTES) == -1 ? errno : 0;
}

/* Takes all the memory now, or says that there isn't enough: ENOSPC. */
static int right(int fd)
{
    return posix_fallocate(fd, 0, BYTES);
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0;
}

/* An ordinary user may mount in a user namespace, where there are such, and is root in it. */
static bool become_root(void)
{
    char uid_map[32], gid_map[32];
    snprintf(uid_map, sizeof uid_map, "0 %u 1", (unsigned)getuid());
    snprintf(gid_map, sizeof gid_map, "0 %u 1", (unsigned)getgid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_file("/proc/self/setgroups", "deny") &&
           write_file("/proc/self/uid_map", uid_map) && write_file("/proc/self/gid_map", gid_map);
}

/* Puts a small memory file system over /dev/shm, for this process alone. */
static bool enter_small_shm(void)
{
    return (unshare(CLONE_NEWNS) == 0 || become_root()) &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64k") == 0;
}

/* What the child exits with. */
static int use_much(int (*reserve)(int fd))
{
    if (!enter_small_shm())
        return NOT_ALLOWED;
    int fd = CHECK(shm_open(own_name, O_CREAT | O_EXCL | O_RDWR, 0600)); /* gone with the mount */
    if (reserve(fd) != 0)
        return REFUSED;
    _Atomic char *object = map_object(fd, BYTES);
    for (int i = 0; i < BYTES; i++) {
        atomic_store(&object[i], 'x');
        atomic_store(written_bytes, i + 1);
    }
    return 0;
}

static int status_of_using(int (*reserve)(int fd))
{
    written_bytes = shared_memory(sizeof *written_bytes);
    pid_t child = fork_child();
    if (child == 0)
        _exit(use_much(reserve));
    return status_of(child);
}

int main(void)
{
    int status = status_of_using(wrong);
    if (status == NOT_ALLOWED)
        return skip("it needs a /dev/shm of its own, which this system allows root at most");
    struct outcome promised =
        outcome(status == 0 || status == REFUSED, "size set; %s after %d bytes",
                status > 128 ? strsignal(status - 128) : "no signal", atomic_load(written_bytes));
    status = status_of_using(right);
    return verdict(promised, outcome(status == REFUSED, "refused at once, %d bytes written",
                                     atomic_load(written_bytes)));
}
#else
int main(void)
{
    return skip("the small file system that it needs is Linux's");
}
#endif
