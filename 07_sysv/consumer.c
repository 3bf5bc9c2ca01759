/* consumer.c - writes to its standard output what comes through System V shared memory
 *
 * Partner: producer.c. join.h: how it comes in; sysv_pipe.h: what it does there.
 * Build:   cc consumer.c -o consumer -O2 -pthread -lrt     (macOS: without -lrt)
 * Run:     ./consumer > output       and in a second terminal:  ./producer < input
 * Look first at main, then at receive() and take_slot().
 */
#define _GNU_SOURCE /* semtimedop(), SHMMAX */
#include <poll.h>

#include "../common/cleanup.h"
#include "join.h"
#include "progress.h"

const char program_name[] = "consumer";

static const char help[] =
    "Usage: consumer [--key PATH] [--timeout SECONDS] > output\n"
    "Writes what ./producer reads, any bytes of any length, to standard output. Ends with 0 when\n"
    "the producer has come to the end of its input, and all of it is written.\n"
    "\n"
    "  --key PATH         a file of yours that exists, from which ftok() makes the key\n"
    "                     (default $XDG_RUNTIME_DIR/sysv-pipe.key, or else\n"
    "                     /tmp/sysv-pipe-UID.key, which is made if need be)\n"
    "  --timeout SECONDS  longest wait for the producer to come, 0 = for ever (default 60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run it in one terminal and, with the same --key, ./producer < input in another.\n"
    "Either may start first. Once both are there they wait as long as the other one lives.\n";

enum { LINGER_MS = 1000 };

static const char *key_path;
static long long timeout_s = 60;
static struct key_file key_file;
static struct sysv_pipe pipe_end;
static struct live_line line;
static uint64_t written_bytes;

static void read_options(int argc, char **argv)
{
    const struct option_rule rules[] = {
        {"key", .text = &key_path},
        {"timeout", .number = &timeout_s, .maximum = 86400},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
}

/* Runs at exit, whatever the reason: the producer learns why no more is read. */
static void leave(void)
{
    live_line_erase(&line);
    if (pipe_end.segment != NULL && sysv_end_of(&pipe_end, CONSUMER_LIVES) != ALL_DONE)
        sysv_say_end(&pipe_end, stop_signal == SIGPIPE ? OUTPUT_CLOSED
                                : stop_requested()     ? STOPPED_BY_SIGNAL
                                                       : HAS_FAILED);
    sysv_leave(&pipe_end);
}

static void join_pipe(void)
{
    int64_t deadline = timeout_deadline(timeout_s);
    struct backoff backoff = {0};
    int joined;
    if (key_file_find(&key_file, key_path, true) == -1)
        die("%s", key_file.problem);
    pipe_end = sysv_pipe(&key_file, CONSUMER_LIVES);
    CHECK(atexit(leave));
    for (bool was_told = false; (joined = sysv_try_join(&pipe_end)) == 0; was_told = true) {
        if (!was_told)
            note("waiting for the producer; in another terminal: ./producer%s < input",
                 key_file.option);
        exit_if_stopped();
        if (deadline_passed(deadline))
            die("no producer came within %lld s; start one: ./producer%s < input", timeout_s,
                key_file.option);
        backoff_wait(&backoff);
    }
    if (joined == -1)
        die("cannot receive by %s: %s", key_file.path, pipe_end.problem);
}

/* What was said on the live line makes way for the reason. */
_Noreturn static void give_up(void)
{
    live_line_erase(&line);
    die("cannot go on: %s", pipe_end.problem);
}

/* [death] Its place is empty, nothing is left to take, and the end of the input hasn't come. */
_Noreturn static void lose_producer(void)
{
    uint32_t end = sysv_end_of(&pipe_end, PRODUCER_LIVES);
    live_line_erase(&line);
    die("the producer (pid %d) %s before the end of its input; the %llu bytes that it had sent are "
        "written",
        (int)pipe_end.segment->producer_pid,
        end == STOPPED_BY_SIGNAL ? "was stopped"
        : end == HAS_FAILED      ? "has failed"
                                 : "has died",
        (unsigned long long)written_bytes);
}

/* [take] Waits for a filled slot. False: a stop signal came. In this order: first the producer is seen
 * to be gone, then that there is no slot: the other way round, its last one might come in between. */
static bool take_slot(void)
{
    int taken;
    while ((taken = sysv_wait(&pipe_end, FILLED_SLOTS, 1)) == 0 && !stop_requested()) {
        show_progress(&line, written_bytes, "");
        if (!sysv_has_left(&pipe_end, PRODUCER_LIVES))
            continue;
        if (slots_try_take(pipe_end.set, FILLED_SLOTS, 1) == 0)
            return true;
        lose_producer();
    }
    if (taken == -1)
        give_up();
    return taken == 1;
}

/* [write] Writes right out of the slot. False: a stop signal came, which may have ended a write() half
 * way, or nobody reads any more. */
static bool write_slot(const char *slot, size_t bytes)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (bytes > 0 && !stop_requested()) {
        ssize_t written = write(STDOUT_FILENO, slot, bytes);
        if (written == -1 && errno == EPIPE)
            stop_signal = SIGPIPE;
        if (written > 0) {
            slot += written;
            bytes -= (size_t)written;
            written_bytes += (uint64_t)written;
        } else if (written == -1 && errno == EAGAIN) {
            poll(&output, 1, LOOK_INTERVAL_MS);
        } else if (written == -1 && errno != EINTR && errno != EPIPE) {
            live_line_erase(&line);
            die("cannot write to standard output: %s; %llu bytes are written", strerror(errno),
                (unsigned long long)written_bytes);
        }
    }
    return bytes == 0;
}

/* [receive] Returns true at the end of the input. */
static bool receive(void)
{
    while (take_slot()) {
        int64_t bytes = sysv_length(&pipe_end);
        if (bytes == -1) {
            live_line_erase(&line);
            die("segment %d is damaged: a slot is longer than %u bytes", pipe_end.segment_id,
                (unsigned)pipe_end.slot_bytes);
        }
        if (bytes == 0)
            return true;
        if (!write_slot(sysv_slot(&pipe_end), (size_t)bytes))
            return false;
        if (sysv_free(&pipe_end, written_bytes) == -1)
            give_up();
        show_progress(&line, written_bytes, "");
    }
    return false;
}

/* [acknowledge] Some file systems report only at close() that something was not stored. */
static void acknowledge(void)
{
    if (close(STDOUT_FILENO) == -1) {
        live_line_erase(&line);
        die("cannot write to standard output: %s", strerror(errno));
    }
    sysv_say_end(&pipe_end, ALL_DONE);
    /* A producer that is being stopped may see that at once, and remove the set. */
    if (sysv_free(&pipe_end, written_bytes) == -1 && !set_is_gone(errno))
        give_up();
}

/* [linger] The producer now removes the set. If it dies before it does, this half is still there to do
 * that. */
static void wait_for_producer_to_leave(void)
{
    int64_t end = deadline_after_ms(LINGER_MS);
    struct backoff backoff = {0};
    while (set_value(pipe_end.set, PRODUCER_LIVES) > 0 && !deadline_passed(end) &&
           !stop_requested())
        backoff_wait(&backoff);
}

static void report(int64_t start, bool is_all)
{
    live_line_erase(&line);
    if (is_all) {
        char amount[24], rate[24];
        double seconds = seconds_since(start);
        note("%s written in %.1f s, %s/s", bytes_text(amount, (double)written_bytes), seconds,
             bytes_text(rate, (double)written_bytes / seconds));
    } else if (stop_signal != SIGPIPE) {
        note("stopped; %llu bytes are written, and that was not the end of the input",
             (unsigned long long)written_bytes);
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    refuse_closed(STDOUT_FILENO, "standard output");
    catch_stop_signals();

    join_pipe();
    line = live_line();
    if (isatty(STDOUT_FILENO))
        line.is_on = false; /* the data has the terminal */
    int64_t start = now_ns();
    bool is_all = receive();
    if (is_all) {
        acknowledge();
        wait_for_producer_to_leave();
    }
    report(start, is_all);
    return is_all ? 0 : exit_status();
}
