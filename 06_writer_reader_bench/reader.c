/* reader.c - receives what the writer sends, in whatever way the writer says, and checks every byte
 *
 * Partner: writer.c.  Agreement between the two: bench.h.
 * Build:   cc reader.c runs.c gauge.c transport*.c stream.c memory.c lane.c wait.c -o reader -O2 -pthread -lrt
 * Run:     ./reader             and in another terminal     ./writer
 * Look first at main() and at follow_orders(); then at runs.c, where the halves of each test stand side by side.
 */
#define _GNU_SOURCE
#include "runs.h"

const char program_name[] = "reader";

static const char help[] =
    "Usage: reader [--quiet] [--check WHAT] [--name NAME] [--timeout SECONDS]\n"
    "Receives the messages of ./writer, through shared memory or however the writer says, and "
    "checks\n"
    "them. Ends when the writer does.\n"
    "\n"
    "  --quiet            do not print each message of the menu's tests: printing takes longer "
    "than\n"
    "                     the message does\n"
    "  --check WHAT       what to check of each message: all its bytes, the first, none\n"
    "                     (default all)\n"
    "  --name NAME        the region's name: a slash and up to 29 other characters (default "
    "/myshm)\n"
    "  --timeout SECONDS  how long to wait for the writer, 0 to 1000000; 0 is for ever (default "
    "60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run the pair:  ./reader  and, in another terminal,  ./writer\n";

static bool quiet;
static enum check checked;
static long long timeout_s = 60;
static struct region_names names;

static struct region region;
static struct shared *shared;
static struct watch watch = {.region = &region};
static struct link connection;
static struct buffers buffers;
static uint64_t received, wrong, checksum;

static void read_options(int argc, char **argv)
{
    static const char *const checks[] = {
        [CHECK_ALL] = "all", [CHECK_FIRST] = "first", [CHECK_NONE] = "none"};
    const char *name = bench_name, *check = "all";
    const struct option_rule rules[] = {
        {"quiet", .flag = &quiet},
        {"check", .text = &check},
        {"name", .text = &name},
        {"timeout", .number = &timeout_s, .minimum = 0, .maximum = 1000000},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    while (checked <= CHECK_NONE && strcmp(check, checks[checked]) != 0)
        checked++;
    if (checked > CHECK_NONE)
        usage_die("--check %s: give all, first or none", check);
    names = region_names("", name, REGION_NAME_LENGTH);
    if (strcmp(name, bench_name) == 0)
        names.option[0] = '\0'; /* the writer's default, too */
}

/* Runs at exit, whatever the reason. */
static void leave(void)
{
    link_close(&connection);
    free_buffers(&buffers);
    region_close(&region);
}

static void join_writer(void)
{
    int64_t deadline = timeout_deadline(timeout_s);
    struct backoff backoff = {0};
    if (region_attach(&region, names.region, &bench_format, 0) == -1 && errno == ETIMEDOUT)
        note("waiting for the writer; in another terminal: ./writer%s", names.option);
    while (region.header == NULL || region_join(&region) == -1) {
        if (region.header != NULL && errno != EAGAIN)
            die("cannot join %s: %s", names.region, region.problem);
        region_close(&region);
        exit_if_stopped();
        if (deadline_passed(deadline))
            die("no writer came within %lld s; start one: ./writer%s", timeout_s, names.option);
        backoff_wait(&backoff); /* a region that is there, and not to be joined, is found at once */
        int64_t look_ms = (next_look(deadline) - now_ns()) / NS_PER_MS;
        if (region_attach(&region, names.region, &bench_format, look_ms > 0 ? (int)look_ms : 0) ==
                -1 &&
            errno != ETIMEDOUT && errno != EINTR)
            die("cannot open %s: %s", names.region, region.problem);
    }
    if (region.size_bytes < REGION_BYTES_MIN)
        die("cannot use %s: it has %zu bytes only; " REGION_REMOVE_HINT, names.region,
            region.size_bytes, names.region);
    shared = (struct shared *)region.header;
}

/* ---- orders ---- */

/* [trust] The order is a copy that nobody changes any more; what it asks for has its limits. */
static bool is_possible(const struct order *order)
{
    size_t lane_bytes = region.size_bytes - sizeof(struct shared) - LANE_BYTES;
    return order->place.transport < TRANSPORTS && order->test < TESTS && order->wait < WAITS &&
           order->bytes >= 1 && order->bytes <= lane_message_max(lane_bytes) && order->batch >= 1 &&
           order->batch <= BATCH_MESSAGES_MAX &&
           (order->batch == 1 || order->batch <= BATCH_BYTES / order->bytes) &&
           (order->test != TEST_HANDOVER || transports[order->place.transport] == &transport_shm) &&
           (order->test != TEST_COPIES || transports[order->place.transport]->is_memory);
}

static int join_link(const struct order *order)
{
    link_close(&connection);
    if (order->processor != -1 && run_on(order->processor) == -1)
        return -1;
    watch.shares_processor = order->shares != 0;
    connection = (struct link){.shared = shared,
                               .shared_bytes = region.size_bytes,
                               .place = order->place,
                               .watch = &watch,
                               .test = order->test,
                               .wait = order->wait,
                               .bytes = order->bytes};
    if (link_join(&connection) == 0)
        return 0;
    int reason = errno;
    link_close(&connection); /* what is half joined must not be run */
    errno = reason;
    return -1;
}

static int do_run(const struct order *order, struct answer *answer)
{
    if (connection.transport == NULL || order->test != connection.test ||
        order->bytes != connection.bytes) {
        errno = EPROTO;
        return -1;
    }
    if (reserve_buffers(&buffers, order->batch * order->bytes) == -1)
        return -1;
    static struct run run;
    run = (struct run){.link = &connection,
                       .shared = shared,
                       .watch = &watch,
                       .buffers = &buffers,
                       .test = order->test,
                       .bytes = (size_t)order->bytes, /* [trust]: it fits */
                       .count = order->count,
                       .batch = (size_t)order->batch,
                       .check = checked,
                       .is_paced = order->is_shown == 0,
                       .is_shown = order->is_shown != 0 && !quiet};
    int done = run_as_reader(&run);
    if (order->test != TEST_COPIES) {
        received += run.received;
        wrong += run.wrong;
        checksum += run.checksum;
    }
    answer->wrong = run.wrong;
    answer->user_ns = run.cost.user_ns;
    answer->system_ns = run.cost.system_ns;
    return done;
}

static int do_step(const struct order *order, struct answer *answer)
{
    if (order->step == STEP_BOUNCE)
        return bounce_as_reader(shared, &watch);
    if (order->step == STEP_LEAVE) {
        link_close(&connection);
        return 0;
    }
    if (!is_possible(order)) {
        errno = EPROTO;
        return -1;
    }
    return order->step == STEP_JOIN ? join_link(order) : do_run(order, answer);
}

/* Waits for the next order: as long as the writer is there, since a person may be sitting before
 * its menu. 0, or -1 with errno as watch_look(), or EALREADY: these orders are not for this reader, which
 * has come in the middle, after another one. */
static int await_order(uint32_t number)
{
    struct backoff backoff = {0};
    watch.timeout_ms = -1;
    while (!has_reached(&shared->order_number, number))
        if (backoff_wait(&backoff) && watch_look(&watch) == -1)
            return -1;
    watch_reset(&watch);
    watch.timeout_ms = timeout_s == 0 ? -1 : timeout_s * 1000;
    if (atomic_load_explicit(&shared->order_number, memory_order_relaxed) == number)
        return 0;
    errno = EALREADY;
    return -1;
}

/* Does this error mean that the two halves have lost each other? */
static bool is_loss(int problem)
{
    return problem == EPIPE || problem == EINTR || problem == ETIMEDOUT;
}

/* [orders] One at a time; what can't be done is answered with the reason. Returns when the writer is
 * there no more, or a stop signal came, with errno; true: in the middle of a test. */
static bool follow_orders(void)
{
    for (uint32_t number = 1; await_order(number) == 0; number++) {
        struct order order = shared->order;
        struct answer answer = {.problem = 0};
        copied_once();
        if (do_step(&order, &answer) == -1)
            answer.problem = errno;
        if (answer.problem != 0 && (order.step != STEP_JOIN || is_loss(answer.problem)))
            return true;
        shared->answer = answer;
        /* release: publishes the answer; await_answer() in orders.h acquires it */
        atomic_store_explicit(&shared->answer_number, number, memory_order_release);
    }
    return false;
}

/* ---- the end ---- */

/* [inherit] The writer is dead: what it made is this half's to remove, if it gets the owner's place.
 * A next writer that takes the region over at the same time gets it, or not at all. */
static void remove_what_it_left(void)
{
    /* acquire: what the dead one wrote is visible */
    struct region_claim found = atomic_load_explicit(&region.header->owner, memory_order_acquire);
    struct region_claim mine = {getpid(), (uint16_t)(found.generation + 1), REGION_CLOSED};
    if (found.pid != region.other.pid || found.generation != region.other.generation ||
        !region_claim(&region.header->owner, &found, mine))
        return;
    if (shared->place.writer_pid == found.pid)
        place_clear(shared);
    region.mine = mine;
    region.is_owner = region.is_named = true; /* region_close() removes the name */
}

static void report(void)
{
    static const char *const what[] = {"every byte checked", "the first byte of each checked",
                                       "none checked"};
    note("received %llu messages, %s: %llu wrong; checksum %016llx", (unsigned long long)received,
         what[checked], (unsigned long long)wrong, (unsigned long long)checksum);
}

/* Says why it is over, and returns the exit status. */
static int finish(bool in_test)
{
    int reason = errno;
    if (reason == ETIMEDOUT)
        die("the writer (pid %d) does not answer for %lld s; is it suspended?",
            (int)region.other.pid, timeout_s);
    if (reason == EALREADY)
        die("the writer (pid %d) is in the middle of something with another reader; start both "
            "again: ./writer%s",
            (int)region.other.pid, names.option);
    if (!is_loss(reason))
        die("cannot do what the writer (pid %d) says: %s", (int)region.other.pid, strerror(reason));
    const char *fate = reason == EPIPE ? watch_fate(&watch) : NULL;
    bool has_died = fate != NULL && strstr(fate, "died") != NULL;
    if (stop_signal != SIGPIPE)
        report();
    if (has_died || (fate != NULL && in_test))
        note("the writer (pid %d) %s%s", (int)region.other.pid, fate,
             in_test ? " in the middle of a test" : "");
    if (has_died)
        remove_what_it_left();
    return has_died || (fate != NULL && in_test) || wrong != 0 ? 1 : exit_status();
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_stop_signals();
    signal(SIGPIPE, SIG_IGN); /* print_data() notices a closed stdout; a transport its closed end */
    CHECK(atexit(leave));

    join_writer();
    print_data("Shared memory receiver ready.\n");
    return finish(follow_orders());
}
