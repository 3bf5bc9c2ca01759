/* pitfall.h - what the pitfalls share: memory for two, whose turn it is, the last two lines
 *
 * A race that would strike once in a million runs strikes in each: at the dangerous line one process
 * waits until the other one has come by. That is all that struct turns is for.
 */
#ifndef PITFALL_H
#define PITFALL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* what the Linux parts need */
#endif
#include <limits.h>
#include <pthread.h>

#include "../common/children.h" /* also check.h, clock.h, backoff.h, region.h */

enum { SKIPPED = 77 };       /* exit status, as automake has it: neither way was seen */
enum { OUTCOME_BYTES = 80 }; /* two of them fit into a row of the table */

/* --- the last two lines ------------------------------------------------------------------------ */

struct outcome {
    bool holds; /* it came out as it should */
    char text[OUTCOME_BYTES];
};

__attribute__((format(printf, 2, 3))) static inline struct outcome outcome(bool holds,
                                                                           const char *format, ...)
{
    struct outcome outcome = {.holds = holds};
    va_list values;
    va_start(values, format);
    vsnprintf(outcome.text, sizeof outcome.text, format, values);
    va_end(values);
    return outcome;
}

/* Of a process that has all that it waits for: status is what end_or_hang() says. */
static inline struct outcome goes_on(const char *who, int status)
{
    return outcome(status == 0, "%s %s", who, status == CHILD_HANGS ? "hangs" : "goes on");
}

/* What main returns: 0 only when the wrong way was seen to fail and the right way to hold. */
static inline int verdict(struct outcome wrong, struct outcome right)
{
    printf("wrong: %s\nright: %s\n", wrong.text, right.text);
    return exit_status() != 0 || wrong.holds || !right.holds;
}

static inline int skip(const char *why)
{
    printf("skipped: %s\n", why);
    return exit_status() != 0 ? 1 : SKIPPED;
}

/* --- memory and names -------------------------------------------------------------------------- */

/* A name like /pitfall-1000-4242: one of its own for each run, and the same for the processes that it
 * forks. Made before main() begins, and so before the first fork. */
static char own_name[REGION_NAME_LENGTH + 1];

__attribute__((constructor)) static void make_own_name(void)
{
    snprintf(own_name, sizeof own_name, "/pitfall-%u-%d", (unsigned)getuid(), (int)getpid());
}

/* For tidy_up_with(). */
static inline void unlink_object(void)
{
    shm_unlink(own_name);
}

/* Maps a shared memory object that is open; -1 is memory without a name, for this process and those
 * that it forks from now on. */
static inline void *map_object(int fd, size_t bytes)
{
    int flags = fd == -1 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
    void *object = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (object == MAP_FAILED)
        die("cannot map %zu bytes: %s", bytes, strerror(errno));
    return object;
}

static inline void *shared_memory(size_t bytes)
{
    return map_object(-1, bytes);
}

/* --- locks ------------------------------------------------------------------------------------- */

static inline void check_error(int error, const char *call)
{
    if (error != 0)
        die("%s failed: %s", call, strerror(error));
}

/* As CHECK(), for the calls that return the error instead of setting errno: those of pthread. */
#define CHECK_ERROR(call) check_error((call), #call)

/* A mutex for several processes; a robust one tells when its owner has died (not on macOS). */
static inline void make_mutex(pthread_mutex_t *mutex, bool robust)
{
    pthread_mutexattr_t attributes;
    CHECK_ERROR(pthread_mutexattr_init(&attributes));
    CHECK_ERROR(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
#ifdef __linux__
    if (robust)
        CHECK_ERROR(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
#else
    (void)robust;
#endif
    CHECK_ERROR(pthread_mutex_init(mutex, &attributes));
    CHECK_ERROR(pthread_mutexattr_destroy(&attributes));
}

/* --- whose turn it is -------------------------------------------------------------------------- */

/* In the memory that both share. */
struct turns {
    _Atomic int step;   /* how far the play has come */
    _Atomic int visits; /* how often the process that is let by has come by */
};

static inline void reach(struct turns *turns, int step)
{
    /* release: whoever awaits the step (acquire) sees what was done before it. */
    atomic_store_explicit(&turns->step, step, memory_order_release);
}

static inline bool has_reached(struct turns *turns, int step)
{
    return atomic_load_explicit(&turns->step, memory_order_acquire) >= step;
}

static inline void await(struct turns *turns, int step)
{
    struct backoff backoff = {0};
    while (!has_reached(turns, step))
        backoff_wait(&backoff);
}

/* For a step that a child may die before it reaches. */
static inline void await_or_end(struct turns *turns, int step, pid_t child)
{
    struct backoff backoff = {0};
    while (!has_reached(turns, step) && !has_ended(child))
        backoff_wait(&backoff);
}

/* The process that is let by says in each round, and while it waits at a lock, that it's there ... */
static inline void come_by(struct turns *turns)
{
    atomic_fetch_add_explicit(&turns->visits, 1, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst); /* pairs with let_come_by()'s */
    sched_yield();                             /* the other one may need this processor */
}

/* ... and, before it ends, that it will not come again. */
static inline void come_no_more(struct turns *turns)
{
    atomic_store_explicit(&turns->visits, INT_MAX / 2, memory_order_release);
}

/* Here it is let by: returns when it has done one whole round, or waited, since the call. */
static inline void let_come_by(struct turns *turns)
{
    struct backoff backoff = {0};
    /* What was stored before the call is seen in the round after this count: see reordering.c. */
    atomic_thread_fence(memory_order_seq_cst);
    int seen = atomic_load_explicit(&turns->visits, memory_order_acquire);
    while (seen < INT_MAX / 2 &&
           atomic_load_explicit(&turns->visits, memory_order_acquire) < seen + 2)
        backoff_wait(&backoff);
}

#endif
