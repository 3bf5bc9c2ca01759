/* consumer.c - shows a stream of points, live in a terminal or line by line, or stores a file
 *
 * Partner: producer.c. points.h says what a message holds, channel.h how it gets across.
 * Build:   cc consumer.c -o consumer -pthread -lrt     (macOS: without -lrt)
 * Run:     ./consumer       and in a second terminal:  ./producer
 * Look first at main, then at read_batch(): what is read in place is checked before it is used.
 */
#define _GNU_SOURCE /* sem_clockwait() */
#include "plot.h"

const char program_name[] = "consumer";

static const char help[] =
    "Usage: consumer [--plain]\n"
    "       consumer --output PATH\n"
    "Shows the points, or stores the file, that ./producer sends through shared memory.\n"
    "\n"
    "  --plain            a line for each point, also on a terminal; else a live plot\n"
    "  --output PATH      receive one file (./producer --file) and store it there\n"
    "  --name NAME        the channel (default /transfer-UID)\n"
    "  --timeout SECONDS  longest wait for the producer, 0 = for ever (default 60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run it in one terminal and, with the same --name, ./producer in another.\n"
    "Either may start first. The plot honours NO_COLOR.\n";

static long long timeout_s = 60;
static bool plain;
static const char *output;
static struct region_names names;
static struct channel channel;
static unsigned long long points; /* received */

static void read_options(int argc, char **argv)
{
    const char *name = NULL;
    const struct option_rule rules[] = {
        {"plain", .flag = &plain},
        {"output", .text = &output},
        {"name", .text = &name},
        {"timeout", .number = &timeout_s, .maximum = 86400},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    names = region_names("transfer", name, CHANNEL_NAME_LENGTH);
}

static void open_channel(void)
{
    if (channel_open(&channel, names.region, 0) == 0)
        return;
    if (errno == ETIMEDOUT) {
        note("waiting for the producer; in another terminal: ./producer%s%s",
             output != NULL ? " --file PATH" : "", names.option);
        if (channel_open(&channel, names.region, timeout_ms_of(timeout_s)) == 0)
            return;
    }
    exit_if_stopped();
    if (errno == ETIMEDOUT)
        die("no producer came within %lld s; start one: ./producer%s%s", timeout_s,
            output != NULL ? " --file PATH" : "", names.option);
    die("cannot open %s: %s", names.region, channel_problem(&channel));
}

/* No more messages: returns at the stream's end and at a stop signal, else ends the program. */
static void end_of_stream(const char *what_is_missing)
{
    int error = errno;
    plot_end(); /* so that what is said is seen */
    if (stop_requested() || (error == EPIPE && channel.ended_in_order && what_is_missing == NULL))
        return;
    if (error == ETIMEDOUT)
        die("the producer (pid %d) sent nothing for %lld s; is it suspended?",
            (int)channel.region.other.pid, timeout_s);
    die("%s%s%s", channel_problem(&channel), what_is_missing != NULL ? "; " : "",
        what_is_missing != NULL ? what_is_missing : "");
}

static void show_point(uint64_t number, struct point point)
{
    points++;
    if (plot.is_on)
        plot_add(point);
    else
        print_data("point %llu x=%.2f y=%.2f\n", (unsigned long long)number, point.x, point.y);
}

/* [check] A broken producer may write anything at any time: each value is copied once, and the copy
 * is checked and used. Returns the number of the point after the batch, or 0: it makes no sense.
 * expected: the number that it should begin with, or 0 for any. */
static uint64_t read_batch(const struct batch *batch, size_t bytes, uint64_t expected)
{
    struct batch head = {.count = 0};
    if (bytes >= sizeof head)
        memcpy(&head, batch, sizeof head);
    copied_once();
    if (memcmp(head.magic, "PNTS", sizeof head.magic) != 0 || head.count == 0 ||
        head.count > BATCH_MAX || bytes != batch_bytes(head.count) ||
        (expected != 0 && head.first_number != expected))
        return 0;
    for (uint32_t i = 0; i < head.count && !ferror(stdout); i++) {
        struct point point = batch->points[i];
        copied_once();
        if (!(point.x >= 0 && point.x <= POINT_MAX && point.y >= 0 && point.y <= POINT_MAX))
            return 0;
        show_point(head.first_number + i, point);
    }
    return head.first_number + head.count;
}

/* [stream] Waits in slices, so that the plot follows the window's size also while nothing comes. */
static void show_stream(void)
{
    enum { FRAME_MS = 50 };
    uint64_t next_number = 0;
    int64_t start = now_ns(), deadline = timeout_deadline(timeout_s), frame = start;
    while (!stop_requested()) {
        size_t bytes;
        const struct batch *batch = channel_begin_read(&channel, &bytes, FRAME_MS);
        if (batch != NULL) {
            uint64_t expected = next_number;
            next_number = read_batch(batch, bytes, expected);
            if (next_number == 0) {
                plot_end();
                die("%zu bytes that are no points from number %llu on; to receive a file: "
                    "./consumer --output PATH%s",
                    bytes, (unsigned long long)(expected == 0 ? 1 : expected), names.option);
            }
            if (ferror(stdout))
                break; /* a stop signal came first: the batch is for the next consumer */
            if (channel_end_read(&channel) == -1) {
                end_of_stream("the last points are not to be trusted");
                break;
            }
            deadline = timeout_deadline(timeout_s);
        } else if (errno != ETIMEDOUT || deadline_passed(deadline)) {
            end_of_stream(NULL);
            break;
        }
        if (plot.is_on && deadline_passed(frame)) {
            plot_draw();
            frame = deadline_after_ms(FRAME_MS);
        }
    }
    plot_end();
    if (stop_signal != SIGPIPE)
        note("%llu points received in %.1f s", points, seconds_since(start));
}

/* The file's name before it is complete: beside it, so that rename(2) can put it in its place. */
static char *temporary;

static void remove_temporary(void)
{
    if (temporary != NULL)
        unlink(temporary);
}

static int create_temporary(void)
{
    struct stat there;
    if (stat(output, &there) == 0 && !S_ISREG(there.st_mode))
        die("cannot store into %s: it is no regular file; give another --output", output);
    size_t length = strlen(output) + sizeof ".XXXXXX";
    char *name = malloc(length);
    if (name == NULL)
        die("no memory");
    snprintf(name, length, "%s.XXXXXX", output);
    int fd = mkstemp(name);
    if (fd == -1)
        die("cannot create %s: %s", name, strerror(errno));
    temporary = name;
    CHECK(atexit(remove_temporary));
    mode_t mask = umask(0); /* mkstemp() says 0600; give what open() would have given */
    umask(mask);
    CHECK(fchmod(fd, 0666 & ~mask));
    return fd;
}

/* [store] The file appears under its name when it is complete, or not at all. */
static void store_file(void)
{
    int fd = create_temporary(); /* before anything is received: a bad path is known at once */
    void *data = NULL;
    size_t capacity = 0;
    open_channel();
    ssize_t bytes = channel_receive(&channel, &data, &capacity, timeout_ms_of(timeout_s));
    if (bytes == -1) {
        end_of_stream("the file was not received");
        free(data);
        return;
    }
    for (ssize_t done = 0; done < bytes;) {
        ssize_t written = write(fd, (char *)data + done, (size_t)(bytes - done));
        exit_if_stopped();
        if (written == -1)
            die("cannot write %s: %s; the file was not stored", temporary, strerror(errno));
        done += written;
    }
    /* First the bytes on the disk, then the name: not even a crash leaves the name with half of them. */
    if (fsync(fd) == -1 || close(fd) == -1 || rename(temporary, output) == -1)
        die("cannot store %s: %s", output, strerror(errno));
    free(temporary);
    temporary = NULL;
    free(data);
    note("%zd bytes stored in %s", bytes, output);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_stop_signals();

    if (output != NULL) {
        store_file();
    } else {
        open_channel();
        if (!plain && isatty(STDOUT_FILENO))
            plot_begin();
        show_stream();
    }
    channel_close(&channel); /* only here: to the producer, any other end is an error */
    return exit_status();
}
