/* lock_in_file.c - a mutex in a mapped file is still locked after the power failed
 *
 * Build:   cc lock_in_file.c -o lock_in_file -pthread -lrt     (macOS: without -lrt)
 * Run:     ./lock_in_file
 * Look first at wrong() and right(): the first process after the restart. The mutex is a robust one
 * where there are such; but it's the kernel that tells of a dead owner, and that has died as well.
 */
#include "pitfall.h"

#include <sys/file.h>

const char program_name[] = "lock_in_file";

static char path[64];
static struct turns *turns;

static int open_file(void)
{
    return CHECK(open(path, O_RDWR | O_CREAT, 0600));
}

/* Takes the mutex as it lies in the file. */
static void wrong(void)
{
    int fd = open_file();
    pthread_mutex_t *mutex = map_object(fd, sizeof(pthread_mutex_t));
    CHECK_ERROR(pthread_mutex_lock(mutex));
    CHECK_ERROR(pthread_mutex_unlock(mutex));
}

/* Each process has a shared lock on the file as long as it runs: such a lock ends with its process, and
 * isn't in the file. Who gets it exclusively is alone, and makes the mutex new. */
static void right(void)
{
    int fd = open_file();
    pthread_mutex_t *mutex = map_object(fd, sizeof(pthread_mutex_t));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        make_mutex(mutex, true); /* and here repairs the data */
    CHECK(flock(fd, LOCK_SH));
    CHECK_ERROR(pthread_mutex_lock(mutex));
    CHECK_ERROR(pthread_mutex_unlock(mutex));
}

static void hold_the_lock(void)
{
    int fd = open_file();
    CHECK(flock(fd, LOCK_SH));
    pthread_mutex_t *mutex = map_object(fd, sizeof(pthread_mutex_t));
    make_mutex(mutex, true);
    CHECK_ERROR(pthread_mutex_lock(mutex));
    reach(turns, 1);
    for (;;)
        pause();
}

/* The power fails: the disk has what was in the file at that instant. */
static void lose_power(int fd, pid_t running)
{
    char disk[sizeof(pthread_mutex_t)];
    if (pread(fd, disk, sizeof disk, 0) != sizeof disk)
        die("cannot read %s: %s", path, strerror(errno));
    kill_child(running); /* of a killed process a robust mutex still hears: undo that */
    if (pwrite(fd, disk, sizeof disk, 0) != sizeof disk)
        die("cannot write %s: %s", path, strerror(errno));
}

static struct outcome restart(void (*start)(void))
{
    turns = shared_memory(sizeof *turns);
    int fd = open_file();
    CHECK(ftruncate(fd, sizeof(pthread_mutex_t)));
    pid_t first = fork_child();
    if (first == 0)
        hold_the_lock();
    await(turns, 1);
    lose_power(fd, first);
    CHECK(close(fd));

    pid_t second = fork_child();
    if (second == 0) {
        start();
        _exit(0);
    }
    return goes_on("after the restart the first process", end_or_hang(second));
}

static void tidy_up(void)
{
    unlink(path);
}

int main(void)
{
    snprintf(path, sizeof path, "/tmp%s", own_name);
    tidy_up_with(tidy_up);
    struct outcome locked = restart(wrong);
    return verdict(locked, restart(right));
}
