/* false_sharing.c - two counters that have nothing to do with each other, but lie on one cache line
 *
 * Build:   cc false_sharing.c -O2 -o false_sharing -pthread -lrt     (macOS: without -lrt)
 * Run:     ./false_sharing
 * Look first at struct wrong and struct right. How much faster the right one is, depends: not at all
 * on one processor. So where the counters lie decides what is wrong, and the time is only shown.
 */
#include "pitfall.h"

const char program_name[] = "false_sharing";

enum { LINE_BYTES = 128 }; /* Apple's; x86 has 64, and fetches them in pairs */
enum { ADDITIONS = 4000000, REPEATS = 3 };

struct wrong {
    _Alignas(LINE_BYTES) _Atomic long first; /* each is written by a process of its own ... */
    _Atomic long second;                     /* ... but a processor writes to whole lines */
};

struct right {
    _Alignas(LINE_BYTES) _Atomic long first;
    _Alignas(LINE_BYTES) _Atomic long second;
};

static void add(_Atomic long *counter)
{
    for (int i = 0; i < ADDITIONS; i++)
        atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* How long two processes take, each with its own counter, in ms. */
static double total_ms(_Atomic long *first, _Atomic long *second)
{
    int64_t start_ns = now_ns();
    for (int i = 0; i < REPEATS; i++) {
        pid_t other = fork_child();
        if (other == 0) {
            add(second);
            _exit(0);
        }
        add(first);
        status_of(other);
    }
    return seconds_since(start_ns) * 1e3;
}

static bool are_apart(const _Atomic long *first, const _Atomic long *second)
{
    return (uintptr_t)first / LINE_BYTES != (uintptr_t)second / LINE_BYTES;
}

static bool is_counted(_Atomic long *first, _Atomic long *second)
{
    const long all = (long)REPEATS * ADDITIONS;
    return atomic_load(first) == all && atomic_load(second) == all;
}

int main(void)
{
    struct wrong *wrong = shared_memory(sizeof *wrong);
    struct right *right = shared_memory(sizeof *right);
    double wrong_ms = total_ms(&wrong->first, &wrong->second);
    double right_ms = total_ms(&right->first, &right->second);
    return verdict(outcome(are_apart(&wrong->first, &wrong->second) ||
                               !is_counted(&wrong->first, &wrong->second),
                           "two counters on one line, %.1f ms", wrong_ms),
                   outcome(are_apart(&right->first, &right->second) &&
                               is_counted(&right->first, &right->second),
                           "on two lines, %.1f ms, %.1f times as fast", right_ms,
                           wrong_ms / right_ms));
}
