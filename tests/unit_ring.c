/* unit_ring.c - the ring's functions, one by one: full and empty, wrapping, damage, two addresses
 *
 * Prints TAP. tests/ring_buffer.t builds it once more with slots of 8 bytes.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "../03_ring_buffer/ring.h"
#include "tap.h"
#if RING_SLOT_BYTES > 8
#include "../03_ring_buffer/message.h"
#endif

const char program_name[] = "unit_ring";

enum { PAGE_BYTES = 65536 }; /* as large as any system's */

static size_t mapped_bytes(uint32_t slots)
{
    return (ring_bytes(slots) + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* A ring that ends where the mapping ends: whoever reads or writes beyond its last slot, dies. */
static struct ring *new_ring(uint32_t slots, uint64_t start)
{
    size_t bytes = mapped_bytes(slots);
    char *address =
        mmap(NULL, bytes + (size_t)2 * PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED)
        die("cannot map: %s", strerror(errno));
    CHECK(mprotect(address + PAGE_BYTES, bytes, PROT_READ | PROT_WRITE));
    struct ring *ring = (struct ring *)(address + PAGE_BYTES + bytes - ring_bytes(slots));
    ring_init(ring, slots);
    atomic_store_explicit(&ring->head, start, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, start, memory_order_relaxed);
    return ring;
}

static void put(struct ring_writer *writer, uint64_t number)
{
    struct message *message = ring_reserve(writer);
    if (message == NULL)
        die("no free slot for %llu", (unsigned long long)number);
    message->sequence = number;
    ring_commit(writer);
}

static bool take(struct ring_reader *reader, uint64_t number)
{
    const struct message *message = ring_peek(reader);
    bool right = message != NULL && message->sequence == number;
    if (message != NULL)
        ring_release(reader);
    return right;
}

static void test_sizes(void)
{
    ok("a message has the size of a slot", sizeof(struct message) == RING_SLOT_BYTES);
    ok("ring_bytes()", ring_bytes(4) == sizeof(struct ring) + (size_t)4 * RING_SLOT_BYTES);
    ok("the number of slots is a power of two",
       ring_slots_valid(1) && ring_slots_valid(65536) && ring_slots_valid(RING_SLOTS_MAX) &&
           !ring_slots_valid(0) && !ring_slots_valid(3) && !ring_slots_valid(UINT32_MAX));
}

static void test_full_and_empty(void)
{
    struct ring *ring = new_ring(4, 0);
    struct ring_writer writer = ring_writer(ring);
    struct ring_reader reader = ring_reader(ring);
    ok("an empty ring has nothing to read", ring_peek(&reader) == NULL);
    struct message *reserved = ring_reserve(&writer);
    ok("what is reserved but not committed cannot be read", ring_peek(&reader) == NULL);
    ok("reserving again gives the same slot", ring_reserve(&writer) == reserved);
    for (uint64_t i = 0; i < 4; i++)
        put(&writer, i);
    ok("a ring of 4 slots takes 4 messages", ring_reserve(&writer) == NULL);
    const struct message *oldest = ring_peek(&reader);
    ok("peeking twice gives the same message", ring_peek(&reader) == oldest);
    bool right = true;
    for (uint64_t i = 0; i < 4; i++)
        right = take(&reader, i) && right;
    ok("they come in order", right);
    ok("then it's empty again", ring_peek(&reader) == NULL && ring_reserve(&writer) != NULL);
    ok("and all that is no damage", !writer.is_damaged && !reader.is_damaged);
}

static void test_runs(void)
{
    struct ring *ring = new_ring(8, 0);
    struct ring_writer writer = ring_writer(ring);
    struct ring_reader reader = ring_reader(ring);
    struct message *first;
    const struct message *seen;
    ok("all free slots", ring_reserve_many(&writer, 100, &first) == 8 && first == ring->messages);
    for (uint32_t i = 0; i < 8; i++)
        first[i].sequence = i;
    ring_commit_many(&writer, 6);
    ok("only what is committed", ring_peek_many(&reader, 100, &seen) == 6 && seen[5].sequence == 5);
    ok("no more than wanted", ring_peek_many(&reader, 4, &seen) == 4);
    ring_release_many(&reader, 4);
    ok("a run ends at the ring's end",
       ring_reserve_many(&writer, 5, &first) == 2 && first == &ring->messages[6]);
    ring_commit_many(&writer, 2);
    ok("the next one begins at its start",
       ring_reserve_many(&writer, 5, &first) == 4 && first == ring->messages);
    first[0].sequence = 8;
    ring_commit_many(&writer, 1);
    ok("so does a run of messages",
       ring_peek_many(&reader, 100, &seen) == 4 && seen[0].sequence == 4 && seen[3].sequence == 7);
    ring_release_many(&reader, 4);
    ok("and goes on there", ring_peek_many(&reader, 100, &seen) == 1 && seen[0].sequence == 8);
    ring_release_many(&reader, 1);
    ok("0 when empty", ring_peek_many(&reader, 100, &seen) == 0);
    ring_commit_many(&writer, ring_reserve_many(&writer, 3, &first));
    ring_commit_many(&writer, ring_reserve_many(&writer, 100, &first));
    ring_commit_many(&writer, ring_reserve_many(&writer, 100, &first));
    ok("0 when full", ring_reserve_many(&writer, 1, &first) == 0 && !writer.is_damaged);
}

/* The indices may start anywhere: just below the powers of two where counters wrap. */
static void test_wrapping(uint64_t start, const char *description)
{
    struct ring *ring = new_ring(4, start);
    struct ring_writer writer = ring_writer(ring);
    struct ring_reader reader = ring_reader(ring);
    const struct message *seen;
    struct message *first;
    bool right = true;
    for (uint64_t i = 0; i < 100; i += 4) {
        for (uint64_t j = 0; j < 4; j++)
            put(&writer, start + i + j);
        right = right && ring_reserve(&writer) == NULL;
        for (uint64_t j = 0; j < 4; j++)
            right = take(&reader, start + i + j) && right;
        right = right && ring_peek(&reader) == NULL;
    }
    for (uint64_t i = 0; i < 100; i++) {
        uint32_t run = ring_reserve_many(&writer, 3, &first);
        ring_commit_many(&writer, run);
        right = right && run > 0 && ring_peek_many(&reader, 4, &seen) == run && seen == first;
        ring_release_many(&reader, run);
    }
    ok(description, right && !writer.is_damaged && !reader.is_damaged);
}

static void test_restart(void)
{
    struct ring *ring = new_ring(4, 7);
    struct ring_writer writer = ring_writer(ring);
    put(&writer, 7);
    put(&writer, 8);
    ring_reserve(&writer)->sequence = 666; /* not committed: never sent */
    struct ring_reader reader = ring_reader(ring);
    ok("a consumer that dies with 8 in hand",
       take(&reader, 7) && ring_peek(&reader)->sequence == 8);
    reader = ring_reader(ring);
    writer = ring_writer(ring);
    put(&writer, 9);
    ok("the next one begins with 8, and 9 follows", take(&reader, 8) && take(&reader, 9));
    ok("what the dead producer had not committed was never sent", ring_peek(&reader) == NULL);
}

static bool lies_within(const struct ring *ring, const struct message *first, uint32_t run,
                        uint32_t slots)
{
    return run == 0 || (first >= ring->messages && first + run <= ring->messages + slots);
}

/* Numbers that nobody can foresee, the same in every run. */
static uint64_t scribble(void)
{
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> (state >> 59); /* small ones too */
}

static void test_damage(void)
{
    struct ring *ring = new_ring(4, 100);
    struct ring_writer writer = ring_writer(ring);
    struct ring_reader reader = ring_reader(ring);
    atomic_store_explicit(&ring->head, 105, memory_order_relaxed);
    ok("head too far ahead of tail is damage", ring_peek(&reader) == NULL && reader.is_damaged);
    atomic_store_explicit(&ring->head, 101, memory_order_relaxed);
    ok("and stays it", ring_peek(&reader) == NULL);
    reader = ring_reader(ring);
    atomic_store_explicit(&ring->head, 99, memory_order_relaxed);
    ok("so is head behind tail",
       take(&reader, 0) && ring_peek(&reader) == NULL && reader.is_damaged);
    for (uint64_t i = 100; i < 104; i++)
        put(&writer, i);
    atomic_store_explicit(&ring->tail, 105, memory_order_relaxed);
    ok("tail beyond head is damage", ring_reserve(&writer) == NULL && writer.is_damaged);
    ok("for new views as well", ring_writer(ring).is_damaged && ring_reader(ring).is_damaged);
    atomic_store_explicit(&ring->slots, 3, memory_order_relaxed);
    ok("3 slots are no ring", ring_writer(ring).mask == 0 && ring_reader(ring).mask == 0);
}

static void test_scribbling(void)
{
    enum { SLOTS = 16 };
    struct ring *ring = new_ring(SLOTS, 0);
    bool within = true;
    for (int i = 0; i < 300000; i++) {
        struct ring_writer writer = ring_writer(ring);
        struct ring_reader reader = ring_reader(ring);
        for (int j = 0; j < 4; j++) {
            const struct message *seen = ring->messages;
            struct message *first = ring->messages;
            atomic_store_explicit(&ring->head, scribble(), memory_order_relaxed);
            atomic_store_explicit(&ring->tail, scribble(), memory_order_relaxed);
            uint32_t run = ring_reserve_many(&writer, (uint32_t)scribble(), &first);
            within = within && lies_within(ring, first, run, SLOTS);
            if (run > 0)
                first[run - 1].sequence = scribble();
            ring_commit_many(&writer, run);
            run = ring_peek_many(&reader, (uint32_t)scribble(), &seen);
            within = within && lies_within(ring, seen, run, SLOTS);
            ring_release_many(&reader, run);
            first = ring_reserve(&writer);
            seen = ring_peek(&reader);
            within = within && (first == NULL || lies_within(ring, first, 1, SLOTS)) &&
                     (seen == NULL || lies_within(ring, seen, 1, SLOTS));
        }
    }
    ok("whatever is scribbled on head and tail, no slot outside the ring is given out", within);
}

static void test_two_addresses(void)
{
    char name[REGION_NAME_LENGTH + 1];
    region_default_name(name, "t-unit");
    int fd = CHECK(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
    CHECK(shm_unlink(name));
    CHECK(ftruncate(fd, (off_t)ring_bytes(4)));
    struct ring *one = mmap(NULL, ring_bytes(4), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct ring *two = mmap(NULL, ring_bytes(4), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (one == MAP_FAILED || two == MAP_FAILED)
        die("cannot map: %s", strerror(errno));
    ring_init(one, 4);
    struct ring_writer writer = ring_writer(one);
    struct ring_reader reader = ring_reader(two);
    bool right = one != two;
    for (uint64_t i = 0; i < 1000; i++) {
        put(&writer, i);
        right = take(&reader, i) && right;
    }
    ok("it works mapped at two different addresses", right);
    CHECK(close(fd));
}

#if RING_SLOT_BYTES > 8
static void test_messages(void)
{
    struct message message;
    message_fill(&message, 41, 123456789);
    uint64_t *words = (uint64_t *)&message;
    struct tally tally = {.expected = 41};
    bool noticed = message_check(&message, &tally) && tally.expected == 42;
    for (size_t bit = 0; bit < sizeof message * 8; bit++) {
        words[bit / 64] ^= UINT64_C(1) << bit % 64;
        noticed = noticed && !message_check(&message, &tally);
        words[bit / 64] ^= UINT64_C(1) << bit % 64;
    }
    ok("a message with any one bit wrong is noticed", noticed);
    const uint64_t numbers[] = {42, 43, 43, 46, 47, 44};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        message_fill(&message, numbers[i], 0);
        noticed = noticed && message_check(&message, &tally);
    }
    ok("lost, doubled and out of order are counted",
       noticed && tally.lost == 2 && tally.doubled == 1 && tally.out_of_order == 1 &&
           tally.received == 7);
    tally = (struct tally){.expected = UINT64_MAX};
    message_fill(&message, UINT64_MAX, 0);
    noticed = message_check(&message, &tally) && tally.expected == 0;
    ok("0 follows 2^64 - 1", noticed && tally.lost + tally.doubled + tally.out_of_order == 0);
}
#endif

int main(void)
{
    test_sizes();
    test_full_and_empty();
    test_runs();
    test_wrapping(UINT64_MAX - 5, "indices wrap at 2^64");
    test_wrapping((UINT64_C(1) << 32) - 6, "indices pass 2^32");
    test_wrapping((UINT64_C(1) << 63) - 6, "indices pass 2^63");
    test_restart();
    test_damage();
    test_scribbling();
    test_two_addresses();
#if RING_SLOT_BYTES > 8
    test_messages();
#endif
    return done_testing();
}
