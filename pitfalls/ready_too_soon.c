/* ready_too_soon.c - who sets the flag before the data, hands over what lay there before
 *
 * Build:   cc ready_too_soon.c -o ready_too_soon -pthread -lrt     (macOS: without -lrt)
 * Run:     ./ready_too_soon
 * Look first at wrong() and right(): the same two stores.
 */
#include "pitfall.h"

const char program_name[] = "ready_too_soon";

enum { MESSAGES = 20 };

struct shared {
    struct turns turns;
    _Atomic int ready; /* the number of the message that is there */
    _Atomic int data;  /* the message: the same number */
};

static struct shared *shared;

/* Between the stores the writer is interrupted. (And without release, or with a plain int, the compiler
 * or an ARM processor may exchange the two of right() by itself.) */
static void wrong(int message)
{
    atomic_store_explicit(&shared->ready, message, memory_order_release);
    let_come_by(&shared->turns);
    atomic_store_explicit(&shared->data, message, memory_order_relaxed);
}

static void right(int message)
{
    atomic_store_explicit(&shared->data, message, memory_order_relaxed);
    let_come_by(&shared->turns);
    /* release: who sees the flag (read_all(), acquire) sees the data. */
    atomic_store_explicit(&shared->ready, message, memory_order_release);
}

/* Returns how many messages were what they should be. */
static int read_all(void)
{
    int good = 0;
    for (int message = 1; message <= MESSAGES; message++) {
        /* acquire: pairs with the release of the flag. */
        while (atomic_load_explicit(&shared->ready, memory_order_acquire) != message)
            come_by(&shared->turns);
        good += atomic_load_explicit(&shared->data, memory_order_relaxed) == message;
        reach(&shared->turns, message);
    }
    come_no_more(&shared->turns);
    return good;
}

static struct outcome sending(void (*send)(int message))
{
    shared = shared_memory(sizeof *shared);
    pid_t reader = fork_child();
    if (reader == 0)
        _exit(read_all());
    for (int message = 1; message <= MESSAGES; message++) {
        send(message);
        await(&shared->turns, message);
    }
    int good = status_of(reader);
    return outcome(good == MESSAGES, "%d of %d messages arrived", good, MESSAGES);
}

int main(void)
{
    return verdict(sending(wrong), sending(right));
}
