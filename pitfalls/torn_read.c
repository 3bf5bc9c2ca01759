/* torn_read.c - a snapshot that is taken while the writer is at work: half old, half new
 *
 * Build:   cc torn_read.c -o torn_read -pthread -lrt     (macOS: without -lrt)
 * Run:     ./torn_read
 * Look first at write_point(), then at wrong() and right(): the reader takes no lock in either.
 */
#include "pitfall.h"

const char program_name[] = "torn_read";

enum { POINTS = 20 };

struct shared {
    struct turns turns;
    _Atomic unsigned sequence; /* odd while the point is being changed */
    _Atomic int x, y;          /* always equal, but for that time */
    _Atomic bool is_over;
};

static struct shared *shared;

struct point {
    int x, y;
};

static void write_point(int value)
{
    unsigned sequence = atomic_load_explicit(&shared->sequence, memory_order_relaxed);
    atomic_store_explicit(&shared->sequence, sequence + 1, memory_order_relaxed);
    /* The fence pairs with right()'s: who has read a new x or y will find the new sequence, too. */
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&shared->x, value, memory_order_relaxed);
    let_come_by(&shared->turns);
    atomic_store_explicit(&shared->y, value, memory_order_relaxed);
    /* release: who reads the even number (right(), acquire) sees both. */
    atomic_store_explicit(&shared->sequence, sequence + 2, memory_order_release);
}

/* Returns whether there is a snapshot. */
static bool wrong(struct point *point)
{
    point->x = atomic_load_explicit(&shared->x, memory_order_relaxed);
    point->y = atomic_load_explicit(&shared->y, memory_order_relaxed);
    return true;
}

/* A sequence lock: the copy counts if no writer was at work when it began, and none has begun since. */
static bool right(struct point *point)
{
    unsigned before = atomic_load_explicit(&shared->sequence, memory_order_acquire);
    point->x = atomic_load_explicit(&shared->x, memory_order_relaxed);
    point->y = atomic_load_explicit(&shared->y, memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire); /* not to be overtaken by the next load */
    unsigned after = atomic_load_explicit(&shared->sequence, memory_order_relaxed);
    return before == after && before % 2 == 0;
}

static void read_points(bool (*take)(struct point *), int *snapshots, int *torn)
{
    while (!atomic_load_explicit(&shared->is_over, memory_order_acquire)) {
        struct point point;
        if (take(&point)) {
            ++*snapshots;
            *torn += point.x != point.y;
        }
        come_by(&shared->turns);
    }
}

static struct outcome reading(bool (*take)(struct point *))
{
    shared = shared_memory(sizeof *shared);
    int snapshots = 0, torn = 0;
    pid_t writer = fork_child();
    if (writer == 0) {
        for (int value = 1; value <= POINTS; value++) {
            write_point(value);
            let_come_by(&shared->turns);
        }
        atomic_store_explicit(&shared->is_over, true, memory_order_release);
        _exit(0);
    }
    read_points(take, &snapshots, &torn);
    status_of(writer);
    return outcome(torn == 0 && snapshots >= POINTS, "%d of %d snapshots torn", torn, snapshots);
}

int main(void)
{
    return verdict(reading(wrong), reading(right));
}
