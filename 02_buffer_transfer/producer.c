/* producer.c - sends a stream of numbered points, or one file, through a channel
 *
 * Partner: consumer.c. points.h says what a message holds, channel.h how it gets across.
 * Build:   cc producer.c -o producer -pthread -lrt     (macOS: without -lrt)
 * Run:     ./producer       and in a second terminal:  ./consumer
 * Look first at main, then at send_points(): a batch is built where the consumer will read it.
 */
#define _GNU_SOURCE /* sem_clockwait() */
#include "points.h"

const char program_name[] = "producer";

static const char help[] =
    "Usage: producer [--points N] [--rate HZ] [--batch N] [--seed S]\n"
    "       producer --file PATH\n"
    "Sends random points, or one file as one message, through shared memory.\n"
    "\n"
    "  --points N         how many, 0 = until Ctrl-C (default 0)\n"
    "  --rate HZ          points a second, 0 = as fast as possible (default 20)\n"
    "  --batch N          points to a message, 1 to 262143 (default 1)\n"
    "  --seed S           of the random numbers (default 1)\n"
    "  --file PATH        send this file instead; - is standard input\n"
    "  --name NAME        the channel (default /transfer-UID)\n"
    "  --timeout SECONDS  longest wait for the consumer, 0 = for ever (default 60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run it in one terminal and, with the same --name, ./consumer in another\n"
    "(./consumer --output PATH for a file). Either may start first.\n";

static long long points, rate = 20, batch_size = 1, seed = 1, timeout_s = 60;
static const char *file;
static struct region_names names;
static struct channel channel;

static void read_options(int argc, char **argv)
{
    const char *name = NULL;
    const struct option_rule rules[] = {
        {"points", .number = &points, .maximum = INT64_MAX},
        {"rate", .number = &rate, .maximum = 1000000},
        {"batch", .number = &batch_size, .minimum = 1, .maximum = BATCH_MAX},
        {"seed", .number = &seed, .maximum = INT64_MAX},
        {"file", .text = &file},
        {"name", .text = &name},
        {"timeout", .number = &timeout_s, .maximum = 86400},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    names = region_names("transfer", name, CHANNEL_NAME_LENGTH);
}

/* A number in 0 ... POINT_MAX from the next 53 random bits (Vigna's splitmix64). */
static double random_coordinate(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) * (POINT_MAX / 9007199254740992.0);
}

/* [in place] The batch is built in the shared region itself. */
static void fill(struct batch *batch, uint64_t first_number, uint32_t count, uint64_t *state)
{
    memcpy(batch->magic, "PNTS", sizeof batch->magic);
    batch->count = count;
    batch->first_number = first_number;
    for (uint32_t i = 0; i < count; i++) {
        batch->points[i].x = random_coordinate(state);
        batch->points[i].y = random_coordinate(state);
    }
}

/* Runs at exit, whatever the reason: nothing of ours is left behind. */
static void close_channel(void)
{
    channel_close(&channel);
}

static void create_channel(void)
{
    if (channel_create(&channel, names.region) == -1)
        die("cannot create %s: %s", names.region, channel_problem(&channel));
    CHECK(atexit(close_channel));
    if (channel_connect(&channel, 0) == -1)
        note("waiting for the consumer; in another terminal: ./consumer%s%s",
             file != NULL ? " --output PATH" : "", names.option);
}

/* Why a message could not be sent. Returns if the loop is to go on: to wait for the next consumer, or
 * to see that a stop signal came. */
static void lose_consumer(void)
{
    switch (errno) {
    case EPIPE:
        note("%s; waiting for the next consumer: ./consumer%s", channel_problem(&channel),
             names.option);
        break;
    case EINTR:
        break;
    case ETIMEDOUT:
        if (channel.is_connected)
            die("the consumer (pid %d) has read nothing for %lld s; is it suspended?",
                (int)channel.region.other.pid, timeout_s);
        die("no consumer took anything for %lld s; start one: ./consumer%s", timeout_s,
            names.option);
    default:
        die("cannot send on %s: %s", names.region, channel_problem(&channel));
    }
}

/* The pause between two batches. It ends early when the consumer has gone: the next call says so. */
static void pause_till(int64_t next)
{
    while (rate != 0 && !deadline_passed(next) && !stop_requested() &&
           !channel_other_is_gone(&channel))
        sleep_until(next_look(next));
}

/* [stream] The place for a batch is free only when the batch before has been read. Till then that
 * one counts as unread, and is sent again if its consumer goes: at least once, and none is lost. */
static long long send_points(void)
{
    uint64_t state = (uint64_t)seed, state_of_unread = state;
    long long sent = 0, read = 0;
    int64_t next = now_ns();
    while (!stop_requested()) {
        long long count = points == 0 || points - sent > batch_size ? batch_size : points - sent;
        struct batch *batch =
            channel_begin_write(&channel, batch_bytes((uint32_t)count), timeout_ms_of(timeout_s));
        if (batch == NULL) {
            int error = errno;
            if (channel_was_read(&channel)) { /* and then the consumer went */
                read = sent;
                state_of_unread = state;
            }
            if (points != 0 && read == points)
                break;
            errno = error;
            lose_consumer();
            sent = read;
            state = state_of_unread;
            continue;
        }
        if (next < now_ns() - LOOK_INTERVAL_MS * NS_PER_MS)
            next = now_ns(); /* what fell due while nobody listened is not made up for */
        read = sent;
        state_of_unread = state;
        if (points != 0 && sent == points)
            break; /* the turn says that the last batch was read; there is no more to write */
        fill(batch, (uint64_t)sent + 1, (uint32_t)count, &state);
        if (channel_end_write(&channel) == -1)
            die("cannot send on %s: %s", names.region, channel_problem(&channel));
        sent += count;
        next += rate == 0 ? 0 : count * NS_PER_S / rate;
        pause_till(sent == points ? 0 : next);
    }
    return read;
}

/* Reads all of a file, whose size need not be known (a pipe's is not). */
static char *read_file(size_t *bytes)
{
    struct stat before;
    int fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    exit_if_stopped(); /* opening a FIFO waits for its other end */
    if (fd == -1 || fstat(fd, &before) == -1)
        die("cannot open %s: %s", file, strerror(errno));
    size_t capacity = (size_t)before.st_size + 1; /* one more: read() says 0 at the end */
    char *data = NULL;
    ssize_t got = 1;
    for (*bytes = 0; got > 0; *bytes += (size_t)got) {
        if (data == NULL || *bytes == capacity) {
            capacity += data == NULL ? 0 : capacity + (1 << 16); /* from the second round on */
            char *larger = realloc(data, capacity);
            if (larger == NULL)
                die("no memory for %s: as one message, it has to fit", file);
            data = larger;
        }
        got = read(fd, data + *bytes, capacity - *bytes);
        exit_if_stopped();
        if (got == -1)
            die("cannot read %s: %s", file, strerror(errno));
    }
    if (S_ISREG(before.st_mode) && *bytes < (size_t)before.st_size)
        die("%s has shrunk while it was read: %zu bytes of %lld; nothing was sent", file, *bytes,
            (long long)before.st_size);
    return data;
}

/* One file, one message; a consumer that goes before it has stored the file is an error. */
static void send_file(const char *data, size_t bytes)
{
    int64_t start = now_ns();
    if (channel_send(&channel, data, bytes, timeout_ms_of(timeout_s)) == 0) {
        double seconds = seconds_since(start);
        if (channel_finish(&channel, timeout_ms_of(timeout_s)) == 0) {
            note("%zu bytes received and stored; sent in %.3f s", bytes, seconds);
            return;
        }
    }
    if (errno == EPIPE)
        die("%s; it has not stored %s", channel_problem(&channel), file);
    lose_consumer();
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_stop_signals();

    size_t bytes = 0;
    char *data = file != NULL ? read_file(&bytes) : NULL;
    create_channel();
    if (file != NULL) {
        send_file(data, bytes);
    } else {
        int64_t start = now_ns();
        long long read = send_points();
        if (stop_signal != SIGPIPE)
            note("%lld points read by the consumer in %.1f s", read, seconds_since(start));
    }
    free(data);
    return exit_status();
}
