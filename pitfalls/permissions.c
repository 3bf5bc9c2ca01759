/* permissions.c - 0666 less the umask: too little to share, too much to be private
 *
 * Build:   cc permissions.c -o permissions -pthread -lrt     (macOS: without -lrt)
 * Run:     ./permissions     (as root it tries it out as another user; else it goes by the mode)
 * Look first at wrong() and right().
 */
#include "pitfall.h"

#include <grp.h>

const char program_name[] = "permissions";

enum { NOBODY = 65534 };
enum { READS = 1, WRITES = 2, TRIED = 4 };

static const char secret[] = "secret";

/* Anybody may read and write? The umask, mostly 022, takes the writing away. */
static int wrong(void)
{
    return CHECK(shm_open(own_name, O_CREAT | O_EXCL | O_RDWR, 0666));
}

/* Nobody else may. (Where another user really is to write: fchmod(), which no umask changes, to 0660
 * with a group of those who may.) */
static int right(void)
{
    return CHECK(shm_open(own_name, O_CREAT | O_EXCL | O_RDWR, 0600));
}

/* What another user's process can do; it exits with that. */
static int try_as_nobody(void)
{
    int rights = TRIED;
    char text[sizeof secret] = "";
    if (setgroups(0, NULL) == -1 || setgid(NOBODY) == -1 || setuid(NOBODY) == -1)
        return 0;
    int fd = shm_open(own_name, O_RDONLY, 0);
    if (fd != -1 && pread(fd, text, sizeof text, 0) == sizeof text && strcmp(text, secret) == 0)
        rights |= READS;
    if (shm_open(own_name, O_RDWR, 0) != -1)
        rights |= WRITES;
    return rights;
}

static int rights_of_others(mode_t mode)
{
    pid_t child = fork_child();
    if (child == 0)
        _exit(try_as_nobody());
    int rights = status_of(child);
    if (rights != 0)
        return rights;
    return ((mode & S_IROTH) != 0 ? READS : 0) | ((mode & S_IWOTH) != 0 ? WRITES : 0);
}

static struct outcome private_data(int (*create)(void))
{
    struct stat object;
    int fd = create();
    CHECK(ftruncate(fd, sizeof secret));
    memcpy(map_object(fd, sizeof secret), secret, sizeof secret);
    CHECK(fstat(fd, &object));
    int rights = rights_of_others(object.st_mode);
    CHECK(close(fd));
    CHECK(shm_unlink(own_name));
    return outcome((rights & (READS | WRITES)) == 0, "mode %04o: others %s read, %s write%s",
                   (unsigned)object.st_mode & 07777, (rights & READS) != 0 ? "can" : "can't",
                   (rights & WRITES) != 0 ? "can" : "can't",
                   (rights & TRIED) != 0 ? "" : " (by the mode; not tried)");
}

int main(void)
{
    umask(022); /* what most people have */
    tidy_up_with(unlink_object);
    struct outcome open_to_others = private_data(wrong);
    return verdict(open_to_others, private_data(right));
}
