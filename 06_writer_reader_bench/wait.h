/* wait.h - five ways for one half to wait till the other one has raised a word in shared memory
 *
 * Look first at wait_spin_until() in wait.c: the others differ in what they do instead of spinning.
 */
#ifndef WAIT_H
#define WAIT_H

#include <pthread.h>

#include "bench.h"
#include "watch.h"

/* What the sleeping ways need in shared memory, for each word. */
struct bell {
    _Alignas(LINE_BYTES) pthread_mutex_t mutex;
    pthread_cond_t condition;
    _Atomic uint32_t sleepers;
};

/* One word that one half raises and the other one awaits. */
struct waiter {
    struct bell *bell;
    sem_t *semaphore;
    struct watch *watch;
};

/* Words only ever count up; value may wrap around. */
static inline bool has_reached(_Atomic uint32_t *word, uint32_t value)
{
    /* acquire: pairs with the release in each raise() of wait.c: what came before it is visible. */
    return (int32_t)(atomic_load_explicit(word, memory_order_acquire) - value) >= 0;
}

struct way_to_wait {
    const char *name;
    /* Waits till the word has reached the value: 0, or -1 with errno as watch_look(). NULL: this
     * system has no such way. */
    int (*until)(const struct waiter *waiter, _Atomic uint32_t *word, uint32_t value);
    /* Sets the word and wakes who waits for it. */
    int (*raise)(const struct waiter *waiter, _Atomic uint32_t *word, uint32_t value);
};

enum { WAIT_SPIN, WAIT_HYBRID, WAIT_SEM, WAIT_COND, WAIT_FUTEX, WAITS };

extern const struct way_to_wait waits[WAITS];

/* Makes what a bell consists of. The writer, before the reader joins. Returns 0, or an error. */
int bell_make(struct bell *bell);

int wait_spin_until(struct watch *watch, _Atomic uint32_t *word, uint32_t value);

#endif
