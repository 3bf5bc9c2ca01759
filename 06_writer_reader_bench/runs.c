/* runs.c - both halves of each test */
#define _GNU_SOURCE
#include "runs.h"

/* [check] Is the message what it has to be? */
static void check(struct run *run, const char *data, uint64_t message)
{
    bool is_right = true;
    char letter = letter_of(message);
    if (run->check == CHECK_ALL)
        is_right = check_message(data, run->bytes, letter, &run->checksum);
    else if (run->check == CHECK_FIRST)
        is_right = data[0] == letter;
    run->received++;
    run->wrong += !is_right;
    if (run->is_shown)
        print_data("Received %llu bytes. First char: %c\n", (unsigned long long)run->bytes,
                   data[0]);
}

static int await_flag(struct run *run, _Atomic uint32_t *flag, uint64_t value)
{
    return wait_spin_until(run->watch, flag, (uint32_t)value);
}

/* A stop signal ends a run between two messages. */
static int stopped(void)
{
    if (!stop_requested())
        return 0;
    errno = EINTR;
    return -1;
}

/* ---- latency: there and back ---- */

static int writer_latency(struct run *run)
{
    char *out = run->buffers->out, *in = run->buffers->in;
    if (await_flag(run, &run->shared->is_ready, 1) == -1)
        return -1;
    add_cost(&run->cost, -1);
    for (uint64_t i = 0; i < run->count; i++) {
        memset(out, letter_of(i), run->bytes);
        int64_t start = now_ns();
        if (stopped() == -1 || link_send(run->link, out, run->bytes) == -1 ||
            link_receive(run->link, in, run->bytes) == -1)
            return -1;
        histogram_add(&run->durations, duration_since(start));
        check(run, in, i);
    }
    add_cost(&run->cost, +1);
    return 0;
}

/* [answer] What came is sent back, and only then checked: while the writer checks it, too. */
static int reader_latency(struct run *run)
{
    char *in = run->buffers->in;
    raise_flag(&run->shared->is_ready, 1);
    add_cost(&run->cost, -1);
    for (uint64_t i = 0; i < run->count; i++) {
        if (stopped() == -1 || link_receive(run->link, in, run->bytes) == -1 ||
            link_send(run->link, in, run->bytes) == -1)
            return -1;
        check(run, in, i);
    }
    add_cost(&run->cost, +1);
    return 0;
}

/* ---- throughput: a stream, in batches ---- */

static size_t messages_in_batch(const struct run *run, uint64_t first)
{
    uint64_t left = run->count - first;
    return left < run->batch ? (size_t)left : run->batch;
}

static int writer_sends(struct run *run, size_t messages)
{
    char *out = run->buffers->out;
    for (size_t i = 0; i < messages; i++)
        if (stopped() == -1 || link_send(run->link, out + i * run->bytes, run->bytes) == -1)
            return -1;
    return 0;
}

/* [batch] The messages are made, then the clock runs till the reader has all of them, then it stands
 * still while the reader checks them. */
static int writer_throughput(struct run *run)
{
    uint64_t batch = 0;
    for (uint64_t first = 0; first < run->count; first += run->batch) {
        size_t messages = messages_in_batch(run, first);
        for (size_t i = 0; i < messages; i++)
            memset(run->buffers->out + i * run->bytes, letter_of(first + i), run->bytes);
        if (await_flag(run, &run->shared->is_ready, ++batch) == -1)
            return -1;
        add_cost(&run->cost, -1);
        int64_t start = now_ns();
        if (writer_sends(run, messages) == -1 ||
            await_flag(run, &run->shared->is_done, batch) == -1)
            return -1;
        run->timed_ns += duration_since(start);
        add_cost(&run->cost, +1);
    }
    return 0;
}

static int reader_throughput(struct run *run)
{
    char *in = run->buffers->in;
    uint64_t batch = 0;
    for (uint64_t first = 0; first < run->count; first += run->batch) {
        size_t messages = messages_in_batch(run, first);
        add_cost(&run->cost, -1);
        raise_flag(&run->shared->is_ready, ++batch);
        for (size_t i = 0; i < messages; i++)
            if (stopped() == -1 || link_receive(run->link, in + i * run->bytes, run->bytes) == -1)
                return -1;
        raise_flag(&run->shared->is_done, batch);
        add_cost(&run->cost, +1);
        for (size_t i = 0; i < messages; i++)
            check(run, in + i * run->bytes, first + i);
    }
    return 0;
}

/* ---- the limit: both copy the same bytes, at the same time, and nobody waits ---- */

static void copy_batch(struct run *run, size_t messages)
{
    bool is_writer = run->link->is_writer;
    char *data = is_writer ? run->buffers->out : run->buffers->in;
    for (size_t i = 0; i < messages; i++)
        lane_copy_only(&run->link->to_reader, data + i * run->bytes, run->bytes, is_writer);
}

static int writer_copies(struct run *run)
{
    uint64_t batch = 0;
    for (uint64_t first = 0; first < run->count; first += run->batch) {
        size_t messages = messages_in_batch(run, first);
        memset(run->buffers->out, letter_of(first), messages * run->bytes);
        if (stopped() == -1 || await_flag(run, &run->shared->is_ready, ++batch) == -1)
            return -1;
        int64_t start = now_ns();
        raise_flag(&run->shared->to_reader, batch);
        copy_batch(run, messages);
        if (await_flag(run, &run->shared->is_done, batch) == -1)
            return -1;
        run->timed_ns += duration_since(start);
    }
    return 0;
}

/* What it copies may be of two messages at once. It reads all of it, to have in its cache what a
 * checking reader has. */
static int reader_copies(struct run *run)
{
    uint64_t batch = 0;
    for (uint64_t first = 0; first < run->count; first += run->batch) {
        size_t messages = messages_in_batch(run, first);
        raise_flag(&run->shared->is_ready, ++batch);
        if (stopped() == -1 || await_flag(run, &run->shared->to_reader, batch) == -1)
            return -1;
        copy_batch(run, messages);
        raise_flag(&run->shared->is_done, batch);
        check_message(run->buffers->in, messages * run->bytes, letter_of(first), &run->checksum);
    }
    return 0;
}

/* ---- handover: written, read, released ---- */

/* A message, and a flag back. */
static int writer_handover(struct run *run)
{
    char *out = run->buffers->out;
    if (await_flag(run, &run->shared->is_ready, 1) == -1)
        return -1;
    add_cost(&run->cost, -1);
    for (uint64_t i = 0; i < run->count; i++) {
        memset(out, letter_of(i), run->bytes);
        if (run->is_paced && await_flag(run, &run->shared->is_ready, i + 1) == -1)
            return -1;
        int64_t start = now_ns();
        if (stopped() == -1 || link_send(run->link, out, run->bytes) == -1 ||
            lane_drain(&run->link->to_reader) == -1)
            return -1;
        histogram_add(&run->durations, duration_since(start));
    }
    add_cost(&run->cost, +1);
    return 0;
}

/* [print] A reader that prints is not waiting for the next message yet. */
static int reader_handover(struct run *run)
{
    add_cost(&run->cost, -1);
    for (uint64_t i = 0; i < run->count; i++) {
        raise_flag(&run->shared->is_ready, i + 1);
        if (stopped() == -1 || link_receive(run->link, run->buffers->in, run->bytes) == -1)
            return -1;
        check(run, run->buffers->in, i);
    }
    add_cost(&run->cost, +1);
    return 0;
}

/* ---- each test, for each half ---- */

static int (*const halves[TESTS][2])(struct run *) = {
    [TEST_LATENCY] = {writer_latency, reader_latency},
    [TEST_THROUGHPUT] = {writer_throughput, reader_throughput},
    [TEST_COPIES] = {writer_copies, reader_copies},
    [TEST_HANDOVER] = {writer_handover, reader_handover},
};

int run_as_writer(struct run *run)
{
    histogram_clear(&run->durations);
    int done = halves[run->test][0](run);
    if (run->durations.count > 0)
        run->timed_ns = run->durations.sum_ns;
    return done;
}

int run_as_reader(struct run *run)
{
    return halves[run->test][1](run);
}
