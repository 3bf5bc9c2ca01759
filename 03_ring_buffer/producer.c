/* producer.c - sends numbered messages through a lock-free ring in shared memory
 *
 * Partner: consumer.c. Both include ring.h, the ring itself, and ring_pair.h, its region and its end.
 * Build:   cc producer.c -o producer -O2 -pthread -lrt     (macOS: without -lrt)
 * Run:     ./producer       and in a second terminal:  ./consumer
 * Look first at main, then at produce() and finish().
 */
#define _GNU_SOURCE
#include "../common/sender.h"
#include "message.h"
#include "ring_pair.h"

const char program_name[] = "producer";

static const char help[] =
    "Usage: producer [--count N] [--rate N] [--slots N] [--batch N] [--name NAME]\n"
    "                [--timeout SECONDS]\n"
    "Sends numbered messages of 64 bytes through a lock-free ring in shared memory.\n"
    "\n"
    "  --count N          messages to send (default: until Ctrl-C)\n"
    "  --rate N           messages per second, 1 to 1000000000 (default: as fast as possible)\n"
    "  --slots N          slots of the ring, a power of two from 2 to 2147483648\n"
    "                     (default 65536, or what the ring that is there has)\n"
    "  --batch N          messages published at once, 1 to 65536 (default 64)\n"
    "  --name NAME        shared memory object (default /ring-UID)\n"
    "  --timeout SECONDS  longest wait for the consumer, 0 = for ever (default 60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run it in one terminal and, with the same --name, ./consumer in another.\n"
    "Either may start first. Stopped or killed, either goes on where it was when started again.\n";

enum { SLOTS_DEFAULT = 65536, BATCH_MAX = 65536 };

static long long count = -1, rate, slots, batch = 64, timeout_s = 60;
static struct region_names names;

static struct region region;
static struct ring_writer writer;
static uint64_t first_number; /* of this run; the numbers are the ring's indices */
static uint64_t times_full;
static int64_t start_ns;
static struct live_line line;

static void read_options(int argc, char **argv)
{
    const char *name = NULL;
    const struct option_rule rules[] = {
        {"count", .number = &count, .maximum = INT64_MAX},
        {"rate", .number = &rate, .minimum = 1, .maximum = 1000000000},
        {"slots", .number = &slots, .minimum = 2, .maximum = RING_SLOTS_MAX},
        {"batch", .number = &batch, .minimum = 1, .maximum = BATCH_MAX},
        {"name", .text = &name},
        {"timeout", .number = &timeout_s, .maximum = 86400},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    if (slots != 0 && !ring_slots_valid((uint32_t)slots))
        usage_die("--slots %lld: give a power of two from 2 to %u", slots, RING_SLOTS_MAX);
    names = region_names("ring", name, REGION_NAME_LENGTH);
}

static uint64_t sent(void)
{
    return writer.head - first_number;
}

static unsigned long long messages_left(void)
{
    return region_left(writer.head, &ring_of(&region)->tail, RING_SLOTS_MAX);
}

/* Runs at exit, whatever the reason: no more messages come. */
static void leave(void)
{
    live_line_erase(&line);
    if (region.header != NULL)
        ring_leave(&region);
}

/* Without --slots, a ring that is there keeps its size. */
static void choose_slots(void)
{
    if (slots != 0)
        return;
    /* by its size: whoever made it may have died before it wrote the number of slots */
    size_t bytes = region_leftover_bytes(names.region, &ring_format);
    uint64_t there =
        bytes < sizeof(struct ring) ? 0 : (bytes - sizeof(struct ring)) / sizeof(struct message);
    slots = there <= RING_SLOTS_MAX && ring_slots_valid((uint32_t)there) ? (long long)there
                                                                         : SLOTS_DEFAULT;
}

/* [adopt] A ring that a dead producer left is taken over as it is: its messages are whole, since
 * what a producer had not committed when it died was never sent. */
static void create_ring(void)
{
    choose_slots();
    struct region_format format = ring_format;
    format.size_bytes = ring_bytes((uint32_t)slots);
    if (region_own(&region, names.region, &format) == -1) {
        exit_if_stopped();
        die("cannot create %s: %s", names.region, region.problem);
    }
    struct ring *ring = ring_of(&region);
    bool is_new = atomic_load_explicit(&ring->slots, memory_order_acquire) == 0;
    if (is_new)
        ring_init(ring, (uint32_t)slots);
    writer = ring_writer(ring);
    first_number = writer.head;
    if (writer.is_damaged || writer.mask != (uint64_t)slots - 1)
        die("cannot use %s: it is damaged; " REGION_REMOVE_HINT, names.region, names.region);
    region_publish(&region);
    if (!is_new)
        note("the ring %s of %lld slots is there, with %llu unread messages; going on with "
             "number %llu",
             names.region, slots, messages_left(), (unsigned long long)first_number);
}

static void show_live_line(int64_t now)
{
    if (!live_line_due(&line, now))
        return;
    char speed[24], bar[24];
    double fill = (double)messages_left() / (double)slots;
    double per_second = live_line_rate(&line, now, sent());
    live_line_show(&line, "ring %s %3.0f %%  %s messages/s  full %llu times", live_bar(bar, fill),
                   fill * 100, rate_text(speed, per_second), (unsigned long long)times_full);
}

/* Looks after the consumer: common/sender.h. */
static struct sender sender = {.region = &region,
                               .names = &names,
                               .items = "messages",
                               .verb = "read",
                               .left = messages_left,
                               .line = &line,
                               .show = show_live_line,
                               .told = HALF_RUNS};

static void check_ring(void)
{
    unsigned long long head = writer.head;
    if (!writer.is_damaged)
        return;
    live_line_erase(&line);
    die("%s is damaged: its tail is not between %llu and %llu; " REGION_REMOVE_HINT, names.region,
        head > (uint64_t)slots ? head - (uint64_t)slots : 0, head, names.region);
}

/* [pace] How many messages are due by --rate, at most wanted? Waits for the first; 0: stopped. */
static uint32_t wait_until_due(uint32_t wanted)
{
    while (rate != 0 && !stop_requested()) {
        double due = seconds_since(start_ns) * (double)rate - (double)sent();
        if (due >= 1)
            return due < wanted ? (uint32_t)due : wanted;
        int64_t next = start_ns + (int64_t)((double)(sent() + 1) / (double)rate * 1e9) + 1;
        sleep_until(next_look(next));
        int64_t now = now_ns();
        if (look_is_due(&sender.patience, now))
            sender_look(&sender, timeout_s);
        show_live_line(now);
    }
    return stop_requested() ? 0 : wanted;
}

/* [wait] Up to wanted free slots; 0: a stop signal came. ring.h never waits: how, is decided here. */
static uint32_t reserve(uint32_t wanted, struct message **first)
{
    uint32_t run = ring_reserve_many(&writer, wanted, first);
    if (run > 0)
        return run;
    times_full++;
    while ((run = ring_reserve_many(&writer, wanted, first)) == 0 && !stop_requested()) {
        check_ring();
        sender_wait(&sender, timeout_s);
    }
    wait_is_over(&sender.patience);
    return run;
}

/* [produce] */
static void produce(void)
{
    start_ns = now_ns();
    while (count == -1 || sent() < (uint64_t)count) {
        uint64_t left = count == -1 ? (uint64_t)batch : (uint64_t)count - sent();
        struct message *first;
        uint32_t run = wait_until_due((uint32_t)(left < (uint64_t)batch ? left : (uint64_t)batch));
        if (run > 0)
            run = reserve(run, &first);
        if (run == 0)
            return; /* stopped */
        int64_t now = now_ns();
        for (uint32_t i = 0; i < run; i++) /* if it dies in here, nobody will ever see them ... */
            message_fill(&first[i], writer.head + i, now);
        ring_commit_many(&writer, run); /* ... and from here on nobody can lose them */
        show_live_line(now);
    }
}

/* [finish] Closes the ring. Exit status 0 means that all was not only sent, but read; after a stop
 * signal, reading the rest and removing the name is left to the consumer. */
static void finish(void)
{
    sender_finish(&sender, timeout_s);
}

static void report(void)
{
    if (stop_signal == SIGPIPE)
        return;
    note("sent %llu messages; the ring was full %llu times", (unsigned long long)sent(),
         (unsigned long long)times_full);
    sender_say_what_is_left(&sender);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_stop_signals();
    CHECK(atexit(leave));

    create_ring();
    line = live_line();
    produce();
    finish();
    live_line_erase(&line);
    report();
    return exit_status();
}
