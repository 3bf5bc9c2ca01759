/* wall_clock.c - a deadline by the clock on the wall, which somebody sets during the wait
 *
 * Build:   cc wall_clock.c -o wall_clock -pthread -lrt     (macOS: without -lrt)
 * Run:     ./wall_clock
 * Look first at wrong() and right(). Nobody sets your clock here: the deadline is made as it would have
 * been before the clock was set by an hour. The wait itself is the real one.
 */
#include "pitfall.h"

const char program_name[] = "wall_clock";

#ifdef SEM_CLOCKWAIT

#define HOUR_NS (3600 * NS_PER_S)

struct shared {
    struct turns turns;
    sem_t semaphore;
    int64_t set_by_ns; /* forward, or back if negative */
};

static struct shared *shared;

/* What a clock would have shown if nobody had set it. The monotonic one can't be set. */
static int64_t before_it_was_set_ns(clockid_t clock)
{
    struct timespec now;
    CHECK(clock_gettime(clock, &now));
    return now.tv_sec * NS_PER_S + now.tv_nsec - (clock == CLOCK_REALTIME ? shared->set_by_ns : 0);
}

/* Returns whether it got a token within so many milliseconds. */
static bool wrong(int64_t patience_ms)
{
    int64_t start_ns = before_it_was_set_ns(CLOCK_REALTIME);
    struct timespec until = timespec_of_ns(start_ns + patience_ms * NS_PER_MS);
    return sem_timedwait(&shared->semaphore, &until) == 0;
}

static bool right(int64_t patience_ms)
{
    int64_t start_ns = before_it_was_set_ns(CLOCK_MONOTONIC);
    struct timespec until = timespec_of_ns(start_ns + patience_ms * NS_PER_MS);
    return sem_clockwait(&shared->semaphore, CLOCK_MONOTONIC, &until) == 0;
}

static pid_t start_waiting(bool (*wait_for)(int64_t), int64_t patience_ms, int64_t set_by_ns)
{
    shared = shared_memory(sizeof *shared);
    shared->set_by_ns = set_by_ns;
    CHECK(sem_init(&shared->semaphore, 1, 0));
    pid_t waiter = fork_child();
    if (waiter != 0)
        return waiter;
    reach(&shared->turns, 1);
    _exit(wait_for(patience_ms));
}

/* A minute's patience; the post comes when the other process waits for it. */
static bool gets_the_post(bool (*wait_for)(int64_t))
{
    pid_t waiter = start_waiting(wait_for, 60000, HOUR_NS);
    await(&shared->turns, 1);
    falls_asleep(waiter); /* or has given up already */
    CHECK(sem_post(&shared->semaphore));
    return end_or_hang(waiter) == true;
}

/* Little patience, and nobody posts. */
static bool gives_up(bool (*wait_for)(int64_t))
{
    return end_or_hang(start_waiting(wait_for, 50, -HOUR_NS)) == false;
}

static struct outcome waiting(bool (*wait_for)(int64_t))
{
    bool gets = gets_the_post(wait_for), ends = gives_up(wait_for);
    return outcome(gets && ends, "clock set forward: %s; set back: %s",
                   gets ? "waits" : "gives up at once", ends ? "gives up in time" : "hangs");
}

int main(void)
{
    return verdict(waiting(wrong), waiting(right));
}
#else
int main(void)
{
    return skip("this system has no semaphore wait by the monotonic clock");
}
#endif
