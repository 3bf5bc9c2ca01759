/* leak.c - a shared memory object outlives the program that made it
 *
 * Build:   cc leak.c -o leak -pthread -lrt     (macOS: without -lrt)
 * Run:     ./leak
 * Look first at wrong() and right(): the owner of the object, which is killed while it works.
 */
#include "pitfall.h"

const char program_name[] = "leak";

enum { BYTES = 4096 };
enum { CREATED = 1, ATTACHED, WRITTEN, READ };

static struct turns *turns;

static _Atomic int *attach(int flags)
{
    int fd = CHECK(shm_open(own_name, flags | O_RDWR, 0600));
    if (flags != 0)
        CHECK(ftruncate(fd, BYTES));
    _Atomic int *object = map_object(fd, BYTES);
    CHECK(close(fd));
    return object;
}

static void work_till_killed(_Atomic int *object)
{
    atomic_store(object, 42);
    reach(turns, WRITTEN);
    for (;;)
        pause();
}

/* Tidies up at its end: an end that kill -9, or the kernel when memory is short, doesn't let it see. */
static void wrong(void)
{
    _Atomic int *object = attach(O_CREAT | O_EXCL);
    reach(turns, CREATED);
    await(turns, ATTACHED);
    work_till_killed(object);
    shm_unlink(own_name);
}

/* Removes the name when both are attached. The object lives on, till the last one lets go of it. */
static void right(void)
{
    _Atomic int *object = attach(O_CREAT | O_EXCL);
    reach(turns, CREATED);
    await(turns, ATTACHED);
    shm_unlink(own_name);
    work_till_killed(object);
}

static void peer(void)
{
    await(turns, CREATED);
    _Atomic int *object = attach(0);
    reach(turns, ATTACHED);
    await(turns, WRITTEN);
    if (atomic_load(object) == 42)
        reach(turns, READ);
    pause();
}

/* Kills both processes at work. Is there still an object of that name? */
static struct outcome killed(void (*owner)(void))
{
    turns = shared_memory(sizeof *turns);
    pid_t children[2];
    if ((children[0] = fork_child()) == 0)
        owner();
    if ((children[1] = fork_child()) == 0)
        peer();
    await(turns, READ);
    kill_child(children[0]);
    kill_child(children[1]);

    struct stat object;
    int fd = shm_open(own_name, O_RDWR, 0);
    if (fd == -1)
        return outcome(errno == ENOENT, "nothing is left after kill -9");
    CHECK(fstat(fd, &object));
    CHECK(close(fd));
    return outcome(false, "%lld bytes are left after kill -9", (long long)object.st_size);
}

int main(void)
{
    tidy_up_with(unlink_object);
    struct outcome leaked = killed(wrong);
    unlink_object();
    return verdict(leaked, killed(right));
}
