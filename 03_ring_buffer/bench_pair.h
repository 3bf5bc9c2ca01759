/* bench_pair.h - how bench.c and bench_8.c measure: two processes, each on a processor of its own
 *
 * Look first at bench_row(). Beside each figure stands what one flag needs from one processor to the
 * other, right before and right after: some machines change that from one minute to the next, and
 * then two figures can only be compared by it.
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <sched.h>
#include <sys/wait.h>

#include "../common/backoff.h"
#include "../common/check.h"
#include "../common/clock.h"
#include "ring.h"

enum { BENCH_ROUNDS_MAX = 25, BENCH_SLOTS_MAX = 65536, FLAG_ROUNDS = 100000, ROUND_SECONDS = 60 };

static size_t bench_processors[2]; /* where the halves run; the same twice if there is but one */
static long long bench_rounds = 5;

/* What both halves see: two rings, and the flags. */
struct bench_arena {
    _Alignas(RING_LINE_BYTES) _Atomic uint64_t to_child;
    _Alignas(RING_LINE_BYTES) _Atomic uint64_t to_parent;
    _Alignas(RING_LINE_BYTES) _Atomic uint64_t child_state; /* 0, 1 is ready, 2 is done */
    struct ring *rings[2];
};

/* One half's part: moves count messages. */
typedef void bench_half(struct bench_arena *arena, uint64_t count);

static inline void bench_find_processors(void)
{
#ifdef __linux__
    cpu_set_t allowed;
    int found = 0;
    CHECK(sched_getaffinity(0, sizeof allowed, &allowed));
    for (size_t i = 0; i < CPU_SETSIZE && found < 2; i++)
        if (CPU_ISSET(i, &allowed))
            bench_processors[found++] = i;
    if (found == 1)
        bench_processors[1] = bench_processors[0];
#else
    bench_processors[1] = sysconf(_SC_NPROCESSORS_ONLN) > 1; /* the system places them */
#endif
}

static inline void bench_pin(int half)
{
#ifdef __linux__
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(bench_processors[half], &one);
    CHECK(sched_setaffinity(0, sizeof one, &one));
#else
    (void)half;
#endif
    alarm(ROUND_SECONDS); /* a half whose other half was killed does not spin for ever */
}

/* Between two looks: what the other half needs is time or, alas, this processor. */
static inline void bench_pause(void)
{
    if (bench_processors[0] == bench_processors[1])
        sched_yield();
    else
        spin_pause();
}

/* [patience] Each look at the other's index takes its line away from the half that writes it. Where
 * only throughput counts, looking less often leaves both in peace, and finds more when it looks. */
static inline void bench_pause_longer(void)
{
    for (int i = 0; i < 8; i++)
        bench_pause();
}

static inline void *bench_share(size_t bytes)
{
    void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED)
        die("cannot map %zu bytes: %s", bytes, strerror(errno));
    memset(address, 0, bytes); /* so that every page is there before the clock runs */
    return address;
}

static inline void bench_wait_for(_Atomic uint64_t *flag, uint64_t value)
{
    while (atomic_load_explicit(flag, memory_order_acquire) != value) /* pairs with bench_raise() */
        bench_pause();
}

static inline void bench_raise(_Atomic uint64_t *flag, uint64_t value)
{
    atomic_store_explicit(flag, value, memory_order_release); /* pairs with bench_wait_for() */
}

/* Runs both halves once, in two processes; returns nanoseconds. */
static inline double bench_once(struct bench_arena *arena, bench_half *parent, bench_half *child,
                                uint64_t count)
{
    bench_raise(&arena->to_child, 0);
    bench_raise(&arena->to_parent, 0);
    bench_raise(&arena->child_state, 0);
    pid_t pid = CHECK(fork());
    if (pid == 0) {
        bench_pin(1);
        bench_raise(&arena->child_state, 1);
        child(arena, count);
        bench_raise(&arena->child_state, 2);
        _exit(0);
    }
    bench_pin(0);
    bench_wait_for(&arena->child_state, 1);
    int64_t start = now_ns();
    parent(arena, count);
    bench_wait_for(&arena->child_state, 2);
    double ns = (double)(now_ns() - start);
    int status;
    CHECK(waitpid(pid, &status, 0));
    if (status != 0)
        die("the other half has ended with status %d", status);
    return ns;
}

static inline void flag_parent(struct bench_arena *arena, uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++) {
        bench_raise(&arena->to_child, i);
        bench_wait_for(&arena->to_parent, i);
    }
}

static inline void flag_child(struct bench_arena *arena, uint64_t count)
{
    for (uint64_t i = 1; i <= count; i++) {
        bench_wait_for(&arena->to_child, i);
        bench_raise(&arena->to_parent, i);
    }
}

static inline int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}

/* What a flag takes one way, on a line of its own each way. */
static inline double flag_bounce_ns(struct bench_arena *arena)
{
    double rounds[3] = {0};
    for (int i = 0; i < 3; i++)
        rounds[i] = bench_once(arena, flag_parent, flag_child, FLAG_ROUNDS) / FLAG_ROUNDS / 2;
    return median(rounds, 3);
}

struct bench_row {
    const char *name;
    uint32_t slots;
    uint64_t count; /* messages in a round */
    bench_half *parent, *child;
    double goal_ns;    /* per message; 0: none */
    double ns;         /* measured: per message */
    double bounces[2]; /* before and after */
};

static inline void bench_title(const char *title, const char *known)
{
    printf("\n%s\n\n%-28s %9s %9s %9s   %s\n", title, "", "M mess./s", "ns each", known,
           "flag before, after (ns one way)");
}

static inline void print_row(const struct bench_row *row, double known_ns)
{
    char ratio[16] = "-";
    if (known_ns > 0)
        snprintf(ratio, sizeof ratio, "x %.2f", known_ns / row->ns);
    printf("%-28s %9.1f %9.2f %9s   %.1f, %.1f\n", row->name, 1e3 / row->ns, row->ns, ratio,
           row->bounces[0], row->bounces[1]);
    fflush(stdout);
}

/* Measures a row and prints it; with its ratio to what is known already, in nanoseconds. */
static inline void bench_row(struct bench_arena *arena, struct bench_row *row, double known_ns)
{
    double rounds[BENCH_ROUNDS_MAX] = {0};
    row->bounces[0] = flag_bounce_ns(arena);
    for (long long i = 0; i < bench_rounds; i++) {
        ring_init(arena->rings[0], row->slots);
        ring_init(arena->rings[1], row->slots);
        rounds[i] = bench_once(arena, row->parent, row->child, row->count) / (double)row->count;
    }
    row->ns = median(rounds, (size_t)bench_rounds);
    row->bounces[1] = flag_bounce_ns(arena);
    print_row(row, known_ns);
}

/* Reads the command line; returns the number of messages in a round. */
static inline uint64_t bench_options(int argc, char **argv, const char *help, long long messages)
{
    const struct option_rule rules[] = {
        {"messages", .number = &messages, .minimum = 10000, .maximum = 10000000000},
        {"rounds", .number = &bench_rounds, .minimum = 1, .maximum = BENCH_ROUNDS_MAX},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    return (uint64_t)messages;
}

static inline struct bench_arena *bench_arena(void)
{
    bench_find_processors();
    struct bench_arena *arena = bench_share(sizeof *arena);
    for (int i = 0; i < 2; i++)
        arena->rings[i] = bench_share(ring_bytes(BENCH_SLOTS_MAX));
    return arena;
}

/* The table's rows as bars, the longest for the fastest. */
static inline void bench_bars(const struct bench_row *rows, size_t count)
{
    double fastest = 0;
    for (size_t i = 0; i < count; i++)
        fastest = 1 / rows[i].ns > fastest ? 1 / rows[i].ns : fastest;
    putchar('\n');
    for (size_t i = 0; i < count; i++) {
        printf("%-28s ", rows[i].name);
        for (int j = 0; j + 0.5 < 30 / (rows[i].ns * fastest); j++)
            putchar('#');
        printf(" %.1f\n", 1e3 / rows[i].ns);
    }
}

#endif
