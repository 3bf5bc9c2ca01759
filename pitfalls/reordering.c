/* reordering.c - each says "here I am" and looks for the other one; with relaxed order both may miss
 *
 * Build:   cc reordering.c -o reordering -pthread -lrt     (macOS: without -lrt)
 * Run:     ./reordering
 * Look first at wrong() and right(). A processor, x86 too, keeps a store back for a while, and lets
 * later loads go ahead of it ("store buffering"). Release and acquire permit that as well.
 */
#include "pitfall.h"

const char program_name[] = "reordering";

enum { ROUNDS = 100000, ROUNDS_BY_HAND = 10, LOOK_MS = 250 };

struct shared {
    struct {
        _Alignas(128) _Atomic int here;    /* the last round in which it said so */
        _Alignas(128) _Atomic int arrived; /* see meet() */
        unsigned char missed[ROUNDS + 1];  /* the rounds in which it didn't see the other one */
    } side[2];
    _Atomic int last_round;
};

static struct shared *shared;

/* Returns whether the other side is not to be seen. */
static bool wrong(int me, int round)
{
    atomic_store_explicit(&shared->side[me].here, round, memory_order_relaxed);
    return atomic_load_explicit(&shared->side[!me].here, memory_order_relaxed) < round;
}

/* One order of all four accesses, for all processors: whoever comes second sees the first. */
static bool right(int me, int round)
{
    atomic_store_explicit(&shared->side[me].here, round, memory_order_seq_cst);
    return atomic_load_explicit(&shared->side[!me].here, memory_order_seq_cst) < round;
}

/* Returns when both sides are here; release and acquire, each with the other side's. */
static void meet(int me, int when)
{
    atomic_store_explicit(&shared->side[me].arrived, when, memory_order_release);
    _Atomic int *other = &shared->side[!me].arrived;
    for (int looks = 1; atomic_load_explicit(other, memory_order_acquire) < when; looks++)
        if (looks % 1000 == 0)
            sched_yield();
}

/* What relaxed order permits, for a processor that doesn't do it now: both load, then both store. */
static bool wrong_by_hand(int me, int round)
{
    int seen = atomic_load_explicit(&shared->side[!me].here, memory_order_relaxed);
    meet(me, 2 * round + 1);
    atomic_store_explicit(&shared->side[me].here, round, memory_order_relaxed);
    return seen < round;
}

static void play(int me, int rounds, bool (*greet)(int me, int round))
{
    int64_t deadline = deadline_after_ms(LOOK_MS);
    for (int round = 1; round <= rounds; round++) {
        if (me == 0 && (round == rounds || deadline_passed(deadline)))
            atomic_store_explicit(&shared->last_round, round, memory_order_relaxed);
        meet(me, 2 * round);
        shared->side[me].missed[round] = greet(me, round);
        if (atomic_load_explicit(&shared->last_round, memory_order_relaxed) == round)
            return;
    }
}

/* Returns in how many rounds neither saw the other; played: how many there were. */
static int both_missed(int rounds, bool (*greet)(int me, int round), int *played)
{
    shared = shared_memory(sizeof *shared);
    pid_t other = fork_child();
    play(other == 0, rounds, greet);
    if (other == 0)
        _exit(0);
    status_of(other);
    *played = atomic_load(&shared->last_round);
    int count = 0;
    for (int i = 1; i <= *played; i++)
        count += shared->side[0].missed[i] && shared->side[1].missed[i];
    return count;
}

int main(void)
{
    int played, played_right, by_hand = 0, played_by_hand = 0;
    int count = both_missed(ROUNDS, wrong, &played);
    int count_right = both_missed(ROUNDS, right, &played_right);
    if (count == 0)
        by_hand = both_missed(ROUNDS_BY_HAND, wrong_by_hand, &played_by_hand);
    const char *what = "rounds: each missed the other";
    return verdict(count > 0 ? outcome(false, "%d of %d %s", count, played, what)
                             : outcome(by_hand == 0, "0 of %d %s; by hand %d of %d", played, what,
                                       by_hand, played_by_hand),
                   outcome(count_right == 0, "%d of %d %s", count_right, played_right, what));
}
