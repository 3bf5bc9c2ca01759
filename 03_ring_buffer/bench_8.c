/* bench_8.c - how fast the ring is with slots of 8 bytes, and what each of its ideas is worth
 *
 * Build:   cc bench_8.c -o bench_8 -O2 -pthread -lrt     (macOS: without -lrt)
 * Run:     ./bench_8      or both benches: make bench-ring_buffer
 * Look first at struct idea and at produce_idea(): one ring, with a switch for each idea.
 */
#define _GNU_SOURCE /* sched_setaffinity() */
#define RING_SLOT_BYTES 8
#include "bench_loops.h"

const char program_name[] = "bench_8";

static const char help[] =
    "Usage: bench_8 [--messages N] [--rounds N]\n"
    "Measures the ring of ring.h between two processes, with slots of 8 bytes; then changes one\n"
    "thing at a time in it.\n"
    "\n"
    "  --messages N       messages in each round, 10000 to 10000000000 (default 20000000)\n"
    "  --rounds N         rounds, 1 to 25, of which the median is shown (default 5)\n"
    "  -h, --help         show this text\n";

/* What is done differently. All false: as in ring.h. */
struct idea {
    bool one_line;   /* head and tail side by side: [lines] undone */
    bool not_cached; /* the other's index is read for each message: [cached] undone */
    bool sequential; /* memory_order_seq_cst instead of acquire and release */
    bool modulo;     /* index % slots instead of index & mask */
    bool semaphores; /* two semaphores count the free and the used slots */
};

enum { IDEAS = 6, IDEA_SLOTS = 1024 };

static struct idea_ring {
    _Alignas(RING_LINE_BYTES) uint64_t slots; /* read at run time: no compiler knows it */
    sem_t free, used;
    _Alignas(RING_LINE_BYTES) _Atomic uint64_t head;
    _Atomic uint64_t tail_beside;
    _Alignas(RING_LINE_BYTES) _Atomic uint64_t tail_apart;
    _Alignas(RING_LINE_BYTES) uint64_t numbers[IDEA_SLOTS];
} * idea_rings; /* shared; one for each idea */

/* Inlined with a constant idea, so that the compiler leaves out what is switched off. */
#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t load_index(_Atomic uint64_t *index, struct idea idea)
{
    if (idea.sequential)
        return atomic_load_explicit(index, memory_order_seq_cst);
    return atomic_load_explicit(index, memory_order_acquire); /* pairs with store_index() */
}

INLINE void store_index(_Atomic uint64_t *index, uint64_t value, struct idea idea)
{
    if (idea.sequential)
        atomic_store_explicit(index, value, memory_order_seq_cst);
    else
        atomic_store_explicit(index, value, memory_order_release); /* pairs with load_index() */
}

INLINE uint64_t slot_of(const struct idea_ring *ring, uint64_t index, struct idea idea)
{
    return idea.modulo ? index % ring->slots : index & (ring->slots - 1);
}

INLINE void produce_idea(struct idea_ring *ring, struct idea idea, uint64_t count)
{
    _Atomic uint64_t *tail_word = idea.one_line ? &ring->tail_beside : &ring->tail_apart;
    uint64_t head = load_index(&ring->head, idea), tail = head - ring->slots;
    for (uint64_t i = 0; i < count; i++, head++) {
        if (idea.semaphores)
            CHECK(sem_wait(&ring->free));
        else if (idea.not_cached || head - tail == ring->slots)
            while (head - (tail = load_index(tail_word, idea)) == ring->slots)
                bench_pause_longer();
        ring->numbers[slot_of(ring, head, idea)] = i;
        if (idea.semaphores)
            CHECK(sem_post(&ring->used));
        else
            store_index(&ring->head, head + 1, idea);
    }
}

INLINE void consume_idea(struct idea_ring *ring, struct idea idea, uint64_t count)
{
    _Atomic uint64_t *tail_word = idea.one_line ? &ring->tail_beside : &ring->tail_apart;
    uint64_t tail = load_index(tail_word, idea), head = tail;
    for (uint64_t i = 0; i < count; i++, tail++) {
        if (idea.semaphores)
            CHECK(sem_wait(&ring->used));
        else if (idea.not_cached || head == tail)
            while ((head = load_index(&ring->head, idea)) == tail)
                bench_pause_longer();
        if (ring->numbers[slot_of(ring, tail, idea)] != i)
            die("message %llu came wrongly", (unsigned long long)i);
        if (idea.semaphores)
            CHECK(sem_post(&ring->free));
        else
            store_index(tail_word, tail + 1, idea);
    }
}

/* Both halves of an idea, as bench_row() wants them. */
#define IDEA(number, name, ...)                                                                    \
    static void produce_##name(struct bench_arena *arena, uint64_t count)                          \
    {                                                                                              \
        (void)arena;                                                                               \
        produce_idea(&idea_rings[number], (struct idea){__VA_ARGS__}, count);                      \
    }                                                                                              \
    static void consume_##name(struct bench_arena *arena, uint64_t count)                          \
    {                                                                                              \
        (void)arena;                                                                               \
        consume_idea(&idea_rings[number], (struct idea){__VA_ARGS__}, count);                      \
    }

IDEA(0, as_it_is, .one_line = false)
IDEA(1, one_line, .one_line = true)
IDEA(2, not_cached, .not_cached = true)
IDEA(3, sequential, .sequential = true)
IDEA(4, modulo, .modulo = true)
IDEA(5, semaphores, .semaphores = true)

static void make_idea_rings(void)
{
    idea_rings = bench_share(IDEAS * sizeof *idea_rings);
    for (int i = 0; i < IDEAS; i++)
        idea_rings[i].slots = IDEA_SLOTS;
#ifndef __APPLE__ /* which has no unnamed semaphores: its last row is left out */
    CHECK(sem_init(&idea_rings[5].free, 1, IDEA_SLOTS));
    CHECK(sem_init(&idea_rings[5].used, 1, 0));
#endif
}

static void measure_ideas(struct bench_arena *arena, uint64_t count)
{
    struct bench_row rows[IDEAS] = {
        {"as it is", 0, count, produce_as_it_is, consume_as_it_is, .goal_ns = 0},
        {"head and tail on one line", 0, count, produce_one_line, consume_one_line, .goal_ns = 0},
        {"no cached indices", 0, count, produce_not_cached, consume_not_cached, .goal_ns = 0},
        {"sequentially consistent", 0, count, produce_sequential, consume_sequential, .goal_ns = 0},
        {"modulo instead of mask", 0, count, produce_modulo, consume_modulo, .goal_ns = 0},
        {"two semaphores", 0, count / 20, produce_semaphores, consume_semaphores, .goal_ns = 0},
    };
#ifdef __APPLE__
    enum { SHOWN = IDEAS - 1 };
#else
    enum { SHOWN = IDEAS };
#endif
    make_idea_rings();
    bench_title("the same, 1024 slots, one at a time, with one thing changed", "as it is");
    for (int i = 0; i < SHOWN; i++)
        bench_row(arena, &rows[i], i == 0 ? 0 : rows[0].ns);
    bench_bars(rows, SHOWN);
}

int main(int argc, char **argv)
{
    uint64_t count = bench_options(argc, argv, help, 20000000);
    struct bench_arena *arena = bench_arena();
    struct bench_row rows[] = {
        {"one at a time, 1024 slots", 1024, count, produce_singly, consume_singly,
         .goal_ns = 1e3 / 150},
        {"one at a time, 65536 slots", 65536, count, produce_singly, consume_singly,
         .goal_ns = 1e3 / 150},
        {"runs of 64, 1024 slots", 1024, count * 2, produce_runs, consume_runs,
         .goal_ns = 1e3 / 700},
        {"runs of 64, 65536 slots", 65536, count * 2, produce_runs, consume_runs,
         .goal_ns = 1e3 / 700},
    };
    enum { ROWS = sizeof rows / sizeof rows[0] };
    bench_title("ring.h with slots of 8 bytes", "goal");
    for (int i = 0; i < ROWS; i++)
        bench_row(arena, &rows[i], rows[i].goal_ns);
    bench_bars(rows, ROWS);
    measure_ideas(arena, count);
    return fflush(stdout) == 0 ? 0 : 1;
}
