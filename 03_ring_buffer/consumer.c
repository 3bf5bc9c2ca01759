/* consumer.c - receives messages through a lock-free ring in shared memory, and checks each one
 *
 * Partner: producer.c. Both include ring.h, the ring itself, and ring_pair.h, its region and its end.
 * Build:   cc consumer.c -o consumer -O2 -pthread -lrt     (macOS: without -lrt)
 * Run:     ./consumer       and in a second terminal:  ./producer
 * Look first at main, then at receive(), read_run() and producer_at_empty_ring().
 */
#define _GNU_SOURCE
#include "../common/live_line.h"
#include "ages.h"
#include "message.h"
#include "ring_pair.h"

const char program_name[] = "consumer";

static const char help[] =
    "Usage: consumer [--batch N] [--work NS] [--print] [--name NAME] [--timeout SECONDS]\n"
    "Receives messages through a lock-free ring in shared memory and checks every one of them.\n"
    "\n"
    "  --batch N          messages given back at once, 1 to 65536 (default 64)\n"
    "  --work NS          pretend work on each message, 0 to 1000000000 ns (default 0)\n"
    "  --print            print the number of each message\n"
    "  --name NAME        shared memory object (default /ring-UID)\n"
    "  --timeout SECONDS  longest wait for the producer, 0 = for ever (default 60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run it in one terminal and, with the same --name, ./producer in another.\n"
    "Either may start first. Stopped or killed, either goes on where it was when started again.\n";

enum { BATCH_MAX = 65536, DRAIN_AFTER_STOP_MS = 1000 };

static long long batch = 64, work_ns, timeout_s = 60;
static bool print;
static struct region_names names;

static struct region region;
static struct ring_reader reader;
static struct tally tally;
static int64_t first_ns, last_ns;
static struct ages ages;
static bool timed_out;
static struct peer_wait patience;
static struct live_line line;

static void read_options(int argc, char **argv)
{
    const char *name = NULL;
    const struct option_rule rules[] = {
        {"batch", .number = &batch, .minimum = 1, .maximum = BATCH_MAX},
        {"work", .number = &work_ns, .maximum = NS_PER_S},
        {"print", .flag = &print},
        {"name", .text = &name},
        {"timeout", .number = &timeout_s, .maximum = 86400},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    names = region_names("ring", name, REGION_NAME_LENGTH);
}

/* Gives the place at the ring back: what isn't released is for the next consumer. Runs at exit too,
 * whatever the reason. */
static void leave(void)
{
    live_line_erase(&line);
    if (region.header == NULL)
        return;
    ring_leave(&region);
    region_close(&region);
}

static void check_ring(void)
{
    if (!ring_fits(&region, reader.mask) || reader.is_damaged)
        live_line_erase(&line);
    if (!ring_fits(&region, reader.mask))
        die("cannot use %s: its number of slots is damaged; " REGION_REMOVE_HINT, names.region,
            names.region);
    if (reader.is_damaged)
        die("%s is damaged: its head is not between %llu and %llu; " REGION_REMOVE_HINT,
            names.region, (unsigned long long)reader.tail,
            (unsigned long long)reader.tail + reader.mask + 1, names.region);
}

static bool is_worth_joining(void)
{
    struct ring *ring = ring_of(&region);
    return region_is_worth_joining(&region, &ring->slots, &ring->head, &ring->tail);
}

/* [join] One attempt. Looks twice: before its place is taken, another consumer may read the rest. */
static bool try_join(void)
{
    int found = region_find(&region, names.region, &ring_format);
    if (found == -1)
        die("cannot use %s: %s", names.region, region.problem);
    if (found == 0)
        return false;
    if (is_worth_joining()) {
        if (region_take_peer(&region) == -1)
            die("cannot join %s: %s", names.region, region.problem);
        if (is_worth_joining())
            return true;
    }
    leave();
    return false;
}

/* [connect] False: a stop signal came, or nobody. */
static bool join(void)
{
    int64_t deadline = timeout_deadline(timeout_s);
    struct backoff backoff = {0};
    for (bool was_told = false; !try_join(); was_told = true) {
        if (!was_told)
            note("waiting for the producer; in another terminal: ./producer%s", names.option);
        timed_out = deadline_passed(deadline);
        if (timed_out || stop_requested())
            return false;
        backoff_wait(&backoff);
    }
    reader = ring_reader(ring_of(&region));
    check_ring();
    if (reader.tail != tally.expected && reader.tail != 0)
        note("going on with number %llu, the first that was not given back; a consumer that was "
             "killed may have begun with it",
             (unsigned long long)reader.tail);
    tally.expected = reader.tail;
    return true;
}

static void show_live_line(int64_t now)
{
    if (!live_line_due(&line, now))
        return;
    char speed[24], half[24], most[24];
    unsigned long long lag = ring_unread(&reader);
    double per_second = live_line_rate(&line, now, tally.received);
    live_line_show(&line, "%s messages/s  lag %llu  age p50 %s  p99 %s",
                   rate_text(speed, per_second), lag,
                   age_text(half, ages_percentile_ns(&ages, 0.50)),
                   age_text(most, ages_percentile_ns(&ages, 0.99)));
    ages = (struct ages){0};
}

/* Pretends to: short work keeps the processor busy. */
static void work(void)
{
    int64_t end = now_ns() + work_ns;
    while (!deadline_passed(end))
        if (work_ns >= NS_PER_MS)
            sleep_until(end);
}

/* [stop] Ctrl-C in one terminal reaches both halves: so after a stop signal the producer has a
 * moment to close the ring, and if it does, what is left is read, for a second at most. */
static bool must_stop(void)
{
    static int64_t deadline;
    static bool has_closed;
    int pid;
    if (!stop_requested())
        return false;
    if (ferror(stdout))
        return true; /* nobody listens, or a stop signal has interrupted the printing */
    if (deadline == 0)
        deadline = deadline_after_ms(LOOK_INTERVAL_MS);
    if (!has_closed && region_half(&region.header->owner, &pid) == HALF_STOPPED) {
        has_closed = true;
        deadline = deadline_after_ms(DRAIN_AFTER_STOP_MS);
    }
    return deadline_passed(deadline);
}

/* [read] Reads messages where they are, in their slots. Returns how many of the run are done with.
 * Slow work ends a run early, so that what is read is given back, and seen to be, now and then. */
static uint32_t read_run(const struct message *first, uint32_t run)
{
    uint32_t done = 0;
    int64_t now = now_ns(), end_of_run = now + LOOK_INTERVAL_MS * NS_PER_MS;
    if (tally.received == 0)
        first_ns = now;
    while (done < run && now < end_of_run && !must_stop()) {
        const struct message *message = &first[done];
        uint64_t age = (uint64_t)now - (uint64_t)message->sent_ns;
        ages_add(&ages, age <= INT64_MAX ? age : 0);
        if (!message_check(message, &tally)) {
            live_line_erase(&line);
            ring_release_many(&reader, done); /* those before it were right */
            die("message %llu in %s is damaged: its checksum is wrong; " REGION_REMOVE_HINT,
                (unsigned long long)tally.expected, names.region, names.region);
        }
        if (work_ns > 0) {
            work();
            now = now_ns();
        }
        if (print)
            print_data("%llu\n", (unsigned long long)tally.expected - 1);
        if (!ferror(stdout)) /* else it was not printed: it is for the next consumer */
            done++;
    }
    last_ns = now_ns();
    return done;
}

/* [end] Nothing is there to be read. What becomes of the producer? Looked at in this order: first it
 * is gone, then the ring is empty; the other way round, its last messages might come in between. */
static enum half producer_at_empty_ring(bool look)
{
    /* acquire: pairs with the release in region_leave(): the last head is visible. */
    struct region_claim owner = atomic_load_explicit(&region.header->owner, memory_order_acquire);
    int pid = owner.pid;
    enum half producer = HALF_RUNS;
    if (owner.state == REGION_CLOSED || look)
        producer = region_half(&region.header->owner, &pid);
    wait_is_for(&patience, pid);
    if (producer == HALF_RUNS && look && waited_too_long(&patience, timeout_s)) {
        live_line_erase(&line);
        die("the producer (pid %d) has sent nothing for %lld s; is it suspended?", pid, timeout_s);
    }
    if (producer == HALF_RUNS || ring_unread(&reader) > 0)
        return HALF_RUNS;
    if (producer == HALF_DIED) {
        live_line_erase(&line);
        note("the producer (pid %d) has died; all that it had sent is read, nothing is lost", pid);
    }
    return producer;
}

/* Reads until a stop signal comes, or the producer is gone and all is read: then returns how. */
static enum half receive(void)
{
    enum half producer = HALF_RUNS;
    while (producer == HALF_RUNS && !must_stop()) {
        const struct message *first;
        uint32_t run = ring_peek_many(&reader, (uint32_t)batch, &first);
        if (run > 0) {
            uint32_t done = read_run(first, run);
            show_live_line(last_ns); /* before giving back: the run in hand is part of the lag */
            ring_release_many(&reader, done);
            wait_is_over(&patience);
        } else {
            check_ring();
            producer = producer_at_empty_ring(wait_a_little(&patience));
            show_live_line(now_ns());
        }
    }
    return producer;
}

static void report(void)
{
    char speed[24];
    double seconds = (double)(last_ns - first_ns) / (double)NS_PER_S;
    live_line_erase(&line);
    if (stop_signal == SIGPIPE)
        return;
    print_data(
        "received %llu messages, %llu lost, %llu doubled, %llu out of order, %s messages/s\n",
        tally.received, tally.lost, tally.doubled, tally.out_of_order,
        rate_text(speed, seconds > 0 ? (double)tally.received / seconds : 0));
    if (stop_requested() && region.header != NULL && ring_unread(&reader) > 0)
        note("%llu messages stay in %s; to read them: ./consumer%s",
             (unsigned long long)ring_unread(&reader), names.region, names.option);
    if (timed_out)
        die("no producer came within %lld s; start one: ./producer%s", timeout_s, names.option);
    if (tally.lost + tally.doubled + tally.out_of_order > 0)
        die("%s has lost, doubled or reordered messages", names.region);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_stop_signals();
    CHECK(atexit(leave));

    line = live_line();
    if (print && isatty(STDOUT_FILENO))
        line.is_on = false; /* the numbers have the terminal */
    while (join() && receive() == HALF_DIED)
        leave(); /* and wait for the next producer */
    report();
    return exit_status();
}
