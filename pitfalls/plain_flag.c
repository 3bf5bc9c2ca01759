/* plain_flag.c - a flag that isn't atomic: the compiler may read it once, before the loop
 *
 * Build:   cc plain_flag.c -O2 -o plain_flag -pthread -lrt     (macOS: without -lrt)
 * Run:     ./plain_flag
 * Look first at wrong() and right(). What an optimiser makes of wrong() is written out below it, for
 * a build without one: there wrong() works, until somebody says -O2.
 */
#include "pitfall.h"

const char program_name[] = "plain_flag";

struct shared {
    struct turns turns;
    int plain;
    _Atomic int atomic;
    int number;
};

static struct shared *shared;

/* Nothing in the loop changes the flag, and another thread may not: that would be a data race, of
 * which C says that it doesn't occur. So one look will do. */
static void wrong(void)
{
    while (shared->plain == 0)
        ;
}

/* What gcc -O2 makes of it. (clang -O2 may also leave the loop out, and go on at once.) */
static void wrong_by_hand(void)
{
    if (shared->plain == 0)
        for (;;)
            ;
}

/* An atomic is looked at each time. */
static void right(void)
{
    /* acquire: pairs with the release in waiting(), which publishes the number. */
    while (atomic_load_explicit(&shared->atomic, memory_order_acquire) == 0)
        ;
}

/* Sets both flags when the other process is in its loop, which its processor time tells. Returns what
 * it has found then: 42, or 0 if it didn't wait at all, or CHILD_HANGS. */
static int waiting(void (*wait_for_flag)(void))
{
    shared = shared_memory(sizeof *shared);
    pid_t waiter = fork_child();
    if (waiter == 0) {
        reach(&shared->turns, 1);
        wait_for_flag();
        _exit(shared->number);
    }
    await(&shared->turns, 1);
    int64_t start_ns = time_used_ns(waiter);
    while (time_used_ns(waiter) - start_ns < 5 * NS_PER_MS && !has_ended(waiter))
        sleep_until(now_ns() + NS_PER_MS);
    shared->number = 42;
    shared->plain = 1;
    /* release: who sees the flag sees the number. */
    atomic_store_explicit(&shared->atomic, 1, memory_order_release);
    return end_or_hang(waiter);
}

static struct outcome what_came(int number, const char *how)
{
    if (number == CHILD_HANGS)
        return outcome(false, "the flag is set, and the loop goes on for ever%s", how);
    if (number == 0)
        return outcome(false, "did not wait for the flag at all%s", how);
    return outcome(true, "the flag is set, and the loop ends");
}

int main(void)
{
    struct outcome outcomes[] = {what_came(waiting(wrong), ""), what_came(waiting(right), "")};
    if (outcomes[0].holds) /* not optimised here: show what it comes to where it is */
        outcomes[0] = what_came(waiting(wrong_by_hand), ", where -O2 is used");
    return verdict(outcomes[0], outcomes[1]);
}
