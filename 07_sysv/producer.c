/* producer.c - sends its standard input through System V shared memory
 *
 * Partner: consumer.c. create.h: how it comes in; sysv_pipe.h: what it does there.
 * Build:   cc producer.c -o producer -O2 -pthread -lrt     (macOS: without -lrt)
 * Run:     ./producer < input       and in a second terminal:  ./consumer > output
 * Look first at main, then at send_input() and look_at_consumer().
 */
#define _GNU_SOURCE /* semtimedop(), SHMMAX */
#include <poll.h>

#include "../common/cleanup.h"
#include "create.h"
#include "progress.h"

const char program_name[] = "producer";

static const char help[] =
    "Usage: producer [--key PATH] [--slots N] [--slot-bytes N] [--timeout SECONDS] < input\n"
    "Sends standard input, any bytes of any length, through a System V shared memory segment\n"
    "to the standard output of ./consumer. Ends with 0 when all of it is written there.\n"
    "\n"
    "  --key PATH         a file of yours that exists, from which ftok() makes the key\n"
    "                     (default $XDG_RUNTIME_DIR/sysv-pipe.key, or else\n"
    "                     /tmp/sysv-pipe-UID.key, which is made if need be)\n"
    "  --slots N          slots in the segment, 1 to 1024 (default 4)\n"
    "  --slot-bytes N     bytes in a slot, 1 to 1073741824 (default 262144)\n"
    "  --timeout SECONDS  longest wait for the consumer to come, 0 = for ever (default 60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run it in one terminal and, with the same --key, ./consumer > output in another.\n"
    "Either may start first. Once both are there they wait as long as the other one lives.\n";

static const char *key_path;
static long long slots = 4, slot_bytes = 262144, timeout_s = 60;
static struct key_file key_file;
static struct sysv_pipe pipe_end;
static struct live_line line;
static int64_t deadline; /* for the consumer to come */
static int64_t start;    /* when it came, as far as this half knows */
static uint64_t sent_bytes;
static bool all_is_sent;

static void read_options(int argc, char **argv)
{
    const struct option_rule rules[] = {
        {"key", .text = &key_path},
        {"slots", .number = &slots, .minimum = 1, .maximum = SLOTS_MAX},
        {"slot-bytes", .number = &slot_bytes, .minimum = 1, .maximum = SLOT_BYTES_MAX},
        {"timeout", .number = &timeout_s, .maximum = 86400},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
}

/* Runs at exit, whatever the reason: a consumer that is there learns that no more comes. */
static void leave(void)
{
    live_line_erase(&line);
    if (pipe_end.segment != NULL)
        sysv_say_end(&pipe_end, stop_requested() ? STOPPED_BY_SIGNAL : HAS_FAILED);
    sysv_leave(&pipe_end);
}

/* What was said on the live line makes way for the reason. */
_Noreturn static void give_up(void)
{
    live_line_erase(&line);
    die("cannot go on: %s", pipe_end.problem);
}

/* [create] */
static void create_pipe(void)
{
    pid_t told = 0;
    int created;
    if (key_file_find(&key_file, key_path, true) == -1)
        die("%s", key_file.problem);
    pipe_end = sysv_pipe(&key_file, PRODUCER_LIVES);
    CHECK(atexit(leave));
    for (;;) {
        pid_t earlier = 0;
        created = sysv_try_create(&pipe_end, (uint32_t)slots, (uint32_t)slot_bytes, &earlier);
        exit_if_stopped();
        if (created != 0)
            break;
        if (earlier != 0 && earlier != told)
            note("waiting for the end of an earlier consumer (pid %d)", (int)earlier);
        told = earlier != 0 ? earlier : told;
        if (deadline_passed(deadline))
            die("cannot send by %s: an earlier run has not ended within %lld s; see ipcs -ms",
                key_file.path, timeout_s);
        sleep_until(now_ns() + NS_PER_MS);
    }
    if (created == -1)
        die("cannot send by %s: %s", key_file.path, pipe_end.problem);
}

/* The consumer is gone. Ends as a process does that writes into a pipe without a reader, if the
 * reader of the consumer's output has left; else says what is lost. */
static void lose_consumer(int pid)
{
    uint32_t end = sysv_end_of(&pipe_end, CONSUMER_LIVES);
    unsigned long long written =
        atomic_load_explicit(&pipe_end.segment->written_bytes, memory_order_relaxed);
    if (end == OUTPUT_CLOSED)
        stop_signal = SIGPIPE;
    exit_if_stopped();
    live_line_erase(&line);
    die("the consumer (pid %d) %s; it has written %llu of the %llu bytes that were sent", pid,
        end == STOPPED_BY_SIGNAL ? "was stopped"
        : end == HAS_FAILED      ? "has failed"
                                 : "has died",
        written, (unsigned long long)sent_bytes);
}

/* The consumer's word is good for nothing before it can have all. */
static bool is_acknowledged(void)
{
    return all_is_sent && sysv_end_of(&pipe_end, CONSUMER_LIVES) == ALL_DONE;
}

/* [look] In every wait, ten times a second. */
static void look_at_consumer(void)
{
    static bool was_told;
    static int pid;
    if (pid == 0) /* acquire: pairs with the release in [join]. */
        pid = atomic_load_explicit(&pipe_end.segment->consumer_pid, memory_order_acquire);
    /* First whether it has left, then what it said: the other way round, one that leaves in between
     * would look as if it had died. */
    if (pid != 0 && sysv_has_left(&pipe_end, CONSUMER_LIVES) && !is_acknowledged())
        lose_consumer(pid);
    if (pid == 0)
        start = now_ns();
    if (pid == 0 && !was_told) {
        live_line_erase(&line);
        note("waiting for the consumer; in another terminal: ./consumer%s > output",
             key_file.option);
        was_told = true;
    }
    if (pid == 0 && deadline_passed(deadline)) {
        live_line_erase(&line);
        die("no consumer came within %lld s; start one: ./consumer%s > output", timeout_s,
            key_file.option);
    }
    show_progress(&line, sent_bytes, pid == 0 ? "  waiting for the consumer" : "");
}

/* [wait] Waits for so many free slots. False: a stop signal came, or a consumer that has acknowledged
 * all died before it could free the last slot. */
static bool wait_for_free(short wanted)
{
    int taken;
    while ((taken = sysv_wait(&pipe_end, FREE_SLOTS, wanted)) == 0 && !stop_requested()) {
        look_at_consumer();
        if (is_acknowledged() && sysv_has_left(&pipe_end, CONSUMER_LIVES))
            break;
    }
    if (taken == -1)
        give_up();
    return taken == 1;
}

/* [read] Reads right into the slot, and hands over what one read() gives: who types into a pipe
 * doesn't want to wait for a slot to fill. Returns 0 at the end, or when a stop signal came. */
static uint32_t read_into(void *slot)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (!stop_requested()) {
        /* A slow input is a wait, too, in which the consumer may die. */
        if (poll(&input, 1, LOOK_INTERVAL_MS) <= 0) {
            look_at_consumer();
            continue;
        }
        ssize_t bytes = read(STDIN_FILENO, slot, (size_t)slot_bytes);
        if (bytes >= 0)
            return (uint32_t)bytes;
        if (errno != EINTR && errno != EAGAIN) {
            live_line_erase(&line);
            die("cannot read standard input: %s", strerror(errno));
        }
    }
    return 0;
}

/* [send] The end of the input is a slot of no bytes: whoever dies doesn't get to send that. */
static void send_input(void)
{
    uint32_t bytes;
    do {
        if (!wait_for_free(1))
            return;
        bytes = read_into(sysv_slot(&pipe_end));
        if (stop_requested())
            return;
        if (sysv_fill(&pipe_end, bytes) == -1)
            give_up();
        sent_bytes += bytes;
        show_progress(&line, sent_bytes, "");
    } while (bytes > 0);
    all_is_sent = true;
}

/* [acknowledged] All slots are free again when the consumer has written them all, and closed its output
 * without an error. */
static void wait_for_acknowledgement(void)
{
    if (wait_for_free((short)slots) && !is_acknowledged())
        die("segment %d is damaged: all slots are free, but not all is written",
            pipe_end.segment_id);
}

static void report(bool is_all)
{
    live_line_erase(&line);
    if (is_all) {
        char amount[24], rate[24];
        double seconds = seconds_since(start);
        note("%s written by the consumer in %.1f s, %s/s", bytes_text(amount, (double)sent_bytes),
             seconds, bytes_text(rate, (double)sent_bytes / seconds));
    } else if (stop_signal != SIGPIPE) {
        note("stopped; %llu bytes were sent, %s", (unsigned long long)sent_bytes,
             all_is_sent ? "all of the input, but the consumer has not said that all is written"
                         : "and that was not the end of the input");
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    refuse_closed(STDIN_FILENO, "standard input");
    catch_stop_signals();
    deadline = timeout_deadline(timeout_s);

    create_pipe();
    line = live_line();
    if (isatty(STDIN_FILENO))
        line.is_on = false; /* what is typed has the terminal */
    start = now_ns();
    send_input();
    wait_for_acknowledgement();
    bool is_all = is_acknowledged(); /* whatever signal comes then */
    report(is_all);
    return is_all ? 0 : exit_status();
}
