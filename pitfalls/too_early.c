/* too_early.c - a new object has no bytes yet: who touches it before ftruncate() dies of SIGBUS
 *
 * Build:   cc too_early.c -o too_early -pthread -lrt     (macOS: without -lrt)
 * Run:     ./too_early
 * Look first at wrong() and right(): both attach before the creator has set the size.
 */
#include "pitfall.h"

const char program_name[] = "too_early";

enum { LOOKED = 1 };

struct region {
    _Atomic int ready;
    int number;
};

static struct turns *turns;

/* The name is there, so the object is there. But creating takes several calls, and this is between. */
static int wrong(void)
{
    int fd = CHECK(shm_open(own_name, O_RDWR, 0));
    struct region *region = map_object(fd, sizeof *region);
    while (atomic_load_explicit(&region->ready, memory_order_acquire) == 0)
        sched_yield();
    return region->number;
}

/* Size 0 means: not yet. (In a real program with a deadline; here the creator is sure to come.) */
static int right(void)
{
    int fd = CHECK(shm_open(own_name, O_RDWR, 0));
    for (struct stat object = {.st_size = 0}; object.st_size == 0; reach(turns, LOOKED))
        CHECK(fstat(fd, &object));
    struct region *region = map_object(fd, sizeof *region);
    /* acquire: pairs with the release in creation(). */
    while (atomic_load_explicit(&region->ready, memory_order_acquire) == 0)
        sched_yield();
    return region->number;
}

/* The creator is interrupted between shm_open() and ftruncate(), until the other one came by. */
static struct outcome creation(int (*attach)(void))
{
    turns = shared_memory(sizeof *turns);
    int fd = CHECK(shm_open(own_name, O_CREAT | O_EXCL | O_RDWR, 0600));
    pid_t child = fork_child();
    if (child == 0)
        _exit(attach());
    await_or_end(turns, LOOKED, child);

    CHECK(ftruncate(fd, sizeof(struct region)));
    struct region *region = map_object(fd, sizeof *region);
    region->number = 42;
    /* release: who sees that it's ready sees the number. */
    atomic_store_explicit(&region->ready, 1, memory_order_release);
    int status = status_of(child);
    CHECK(close(fd));
    CHECK(shm_unlink(own_name));
    if (status > 128)
        return outcome(false, "attached, and died: %s", strsignal(status - 128));
    return outcome(status == 42, "waited for the size, and read %d", status);
}

int main(void)
{
    tidy_up_with(unlink_object);
    return verdict(creation(wrong), creation(right));
}
