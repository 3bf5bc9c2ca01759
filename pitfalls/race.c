/* race.c - counter++ by two processes at once: some additions are lost
 *
 * Build:   cc race.c -o race -pthread -lrt     (macOS: without -lrt)
 * Run:     ./race
 * Look first at wrong() and at the two right ways below it.
 */
#include "pitfall.h"

const char program_name[] = "race";

enum { COUNTS = 1000000 };
enum { STARTED = 1, INTERRUPTED };

struct shared {
    struct turns turns;
    _Atomic long counter;
};

static struct shared *shared;

static sem_t *token;

/* What may happen between any two instructions: the first process is interrupted, and the other one
 * comes by. Here it's made to happen twenty times. */
static void interruption(int me, int i)
{
    if (me == 0 && i % (COUNTS / 20) == 0) {
        reach(&shared->turns, INTERRUPTED);
        let_come_by(&shared->turns);
    } else if (me == 1 && i % (COUNTS / 100) == 0) {
        come_by(&shared->turns);
    }
}

/* What counter++ is to a processor: a load, an addition, a store. */
static void wrong(int me)
{
    for (int i = 0; i < COUNTS; i++) {
        long seen = atomic_load_explicit(&shared->counter, memory_order_relaxed);
        interruption(me, i);
        atomic_store_explicit(&shared->counter, seen + 1, memory_order_relaxed);
    }
}

/* One token: who holds it is alone between its wait and its post. */
static void right_semaphore(int me)
{
    for (int i = 0; i < COUNTS; i++) {
        while (sem_trywait(token) == -1) /* sem_wait(), but it shows that it's here */
            come_by(&shared->turns);
        long seen = atomic_load_explicit(&shared->counter, memory_order_relaxed);
        interruption(me, i);
        atomic_store_explicit(&shared->counter, seen + 1, memory_order_relaxed);
        CHECK(sem_post(token));
    }
}

/* One indivisible step: nothing can come between. */
static void right_atomic(int me)
{
    for (int i = 0; i < COUNTS; i++) {
        interruption(me, i);
        atomic_fetch_add_explicit(&shared->counter, 1, memory_order_relaxed);
    }
}

static long count(void (*add)(int me))
{
    shared = shared_memory(sizeof *shared);
    pid_t second = fork_child();
    if (second == 0) {
        reach(&shared->turns, STARTED);
        await(&shared->turns, INTERRUPTED);
        add(1);
        come_no_more(&shared->turns);
        _exit(0);
    }
    await(&shared->turns, STARTED);
    add(0);
    status_of(second);
    return atomic_load(&shared->counter);
}

int main(void)
{
    token = sem_open(own_name, O_CREAT | O_EXCL, 0600, 1);
    if (token == SEM_FAILED)
        die("cannot create the semaphore %s: %s", own_name, strerror(errno));
    CHECK(sem_unlink(own_name));

    const long all = 2L * COUNTS;
    long lossy = count(wrong);
    long by_token = count(right_semaphore);
    long by_atomic = count(right_atomic);
    return verdict(outcome(lossy == all, "%ld of %ld counted", lossy, all),
                   outcome(by_token == all && by_atomic == all,
                           "%ld of %ld counted by semaphore, %ld by atomic", by_token, all,
                           by_atomic));
}
