/* unit_channel.c - 02_buffer_transfer/channel.h: every function, each errno, a hostile sender
 *
 * The other half is always a real process, a child of this one. The chunk is small here, so that
 * all the borders are near.
 */
#define _GNU_SOURCE
#define CHANNEL_CHUNK_BYTES (64 << 10)
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/* channel.h takes its memory from here: so it can be counted, and refused. */
static int allocations;
static _Bool no_memory;

static void *counted_realloc(void *old, size_t bytes)
{
    allocations++;
    return no_memory ? NULL : realloc(old, bytes);
}

/* A sender that goes just when a receiver is about to join. */
static pid_t going;

static void let_it_go(void)
{
    if (going == 0)
        return;
    kill(going, SIGTERM);
    waitpid(going, NULL, 0);
    going = 0;
}

#include "../common/region_attach.h"

#define realloc counted_realloc
#define region_join(region) (let_it_go(), (region_join)(region))
#include "../02_buffer_transfer/channel.h"
#undef region_join
#undef realloc
#include "tap.h"

const char program_name[] = "unit_channel";

enum { FRAGMENT = CHANNEL_CHUNK_BYTES / 8, CHUNK = CHANNEL_CHUNK_BYTES, LONG_MS = 30000 };

static char name[REGION_NAME_LENGTH + 1];
static unsigned char data[4 * CHUNK];

/* Runs the function as the other half. Its result is the exit status that end_of() gives. */
static pid_t start(int (*half)(void))
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(half());
    return child;
}

/* The exit status, or 128 + the signal. */
static int end_of(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, 0));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The errno that a function gives as the other half. */
static int in_child_errno(int (*half)(void))
{
    return end_of(start(half));
}

static bool is_data(const void *got, ssize_t bytes, size_t expected)
{
    return bytes == (ssize_t)expected && memcmp(got, data, expected) == 0;
}

static const size_t sizes[] = {0,         1,     FRAGMENT - 1, FRAGMENT,     FRAGMENT + 1,
                               CHUNK - 1, CHUNK, CHUNK + 1,    3 * CHUNK + 7};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* Receives every size, copied or in place, as long as the sender sends. 0: all were right. */
static int receive_all(bool in_place)
{
    struct channel channel;
    void *buffer = NULL;
    size_t capacity = 0, wrong = 0;
    if (channel_open(&channel, name, LONG_MS) == -1)
        return 100;
    for (int i = 0; i < SIZES; i++) {
        size_t bytes;
        const void *message = in_place ? channel_begin_read(&channel, &bytes, LONG_MS) : NULL;
        if (message != NULL) {
            wrong += !is_data(message, (ssize_t)bytes, sizes[i]) || channel_end_read(&channel) != 0;
        } else {
            wrong += in_place && (errno != EMSGSIZE || sizes[i] <= CHUNK);
            ssize_t got = channel_receive(&channel, &buffer, &capacity, LONG_MS);
            wrong += !is_data(buffer, got, sizes[i]);
        }
    }
    wrong += channel_receive(&channel, &buffer, &capacity, LONG_MS) != -1 || errno != EPIPE ||
             !channel.ended_in_order;
    free(buffer);
    channel_close(&channel);
    return (int)wrong;
}

static int receive_copies(void)
{
    return receive_all(false);
}

static int receive_in_place(void)
{
    return receive_all(true);
}

static void test_sizes(const char *what, int (*half)(void), bool write_in_place)
{
    char text[100];
    struct channel channel;
    CHECK(channel_create(&channel, name));
    pid_t child = start(half);
    int failed = 0;
    for (int i = 0; i < SIZES; i++) {
        void *place = NULL;
        if (write_in_place && sizes[i] <= CHUNK) {
            place = channel_begin_write(&channel, sizes[i], LONG_MS);
            if (place != NULL)
                memcpy(place, data, sizes[i]);
            failed += place == NULL || channel_end_write(&channel) != 0;
        } else {
            failed += channel_send(&channel, data, sizes[i], LONG_MS) != 0;
        }
    }
    channel_close(&channel);
    snprintf(text, sizeof text, "%s: every size was sent", what);
    is_number(text, failed, 0);
    snprintf(text, sizeof text, "%s: and arrived as it was", what);
    is_number(text, end_of(child), 0);
}

/* Joins, receives one message, and leaves in order. */
static int receive_one(void)
{
    struct channel channel;
    void *buffer = NULL;
    size_t capacity = 0;
    if (channel_open(&channel, name, LONG_MS) == -1)
        return 100;
    ssize_t got = channel_receive(&channel, &buffer, &capacity, LONG_MS);
    channel_close(&channel);
    return is_data(buffer, got, 10) ? 0 : 1;
}

/* Joins, receives one message, and dies with the next one in its hand. */
static int receive_and_die(void)
{
    struct channel channel;
    size_t bytes;
    if (channel_open(&channel, name, LONG_MS) == 0 &&
        channel_begin_read(&channel, &bytes, LONG_MS) != NULL && channel_end_read(&channel) == 0 &&
        channel_begin_read(&channel, &bytes, LONG_MS) != NULL)
        kill(getpid(), SIGKILL);
    return 1;
}

static int error_of_open(void)
{
    struct channel channel;
    return channel_open(&channel, name, 0) == 0 ? 0 : errno;
}

static int error_of_create(void)
{
    struct channel channel;
    return channel_create(&channel, name) == 0 ? 0 : errno;
}

static void test_errors(void)
{
    struct channel sender, receiver;
    size_t bytes;
    void *buffer = NULL;
    size_t capacity = 0;
    is_number("no sender: channel_open() times out", in_child_errno(error_of_open), ETIMEDOUT);
    CHECK(channel_create(&sender, name));
    is_number("the name is in use: EBUSY", in_child_errno(error_of_create), EBUSY);
    ok("no receiver: sending without waiting is ETIMEDOUT",
       channel_send(&sender, data, 1, 0) == -1 && errno == ETIMEDOUT);
    ok("a sender can't receive: EINVAL",
       channel_receive(&sender, &buffer, &capacity, 0) == -1 && errno == EINVAL);
    ok("more than a chunk can't be written in place: EMSGSIZE",
       channel_begin_write(&sender, CHUNK + 1, 0) == NULL && errno == EMSGSIZE);
    ok("end without begin: EINVAL", channel_end_write(&sender) == -1 && errno == EINVAL);
    ok("a name that is too long: ENAMETOOLONG",
       channel_open(&receiver, "/0123456789012345678901", 0) == -1 && errno == ENAMETOOLONG);
    ok("... for a sender, too",
       channel_create(&receiver, "/0123456789012345678901") == -1 && errno == ENAMETOOLONG);
    ok("a message that is too long for the lesson: EMSGSIZE",
       channel_send(&sender, data, (size_t)CHANNEL_MESSAGE_MAX + 1, 0) == -1 && errno == EMSGSIZE);

    CHECK(channel_open(&receiver, name, 0));
    is_number("a second receiver: EBUSY", in_child_errno(error_of_open), EBUSY);
    ok("nothing was sent: ETIMEDOUT",
       channel_receive(&receiver, &buffer, &capacity, 0) == -1 && errno == ETIMEDOUT);
    ok("a message", channel_send(&sender, data, 10, 0) == 0);
    ok("the next one has to wait till it was read",
       channel_send(&sender, data, 10, 0) == -1 && errno == ETIMEDOUT);
    ssize_t got = channel_receive(&receiver, &buffer, &capacity, 0);
    ok("it is received", is_data(buffer, got, 10));
    ok("then the next one can be sent", channel_send(&sender, data, 20, 0) == 0);
    ok("reading in place", channel_begin_read(&receiver, &bytes, 0) != NULL && bytes == 20);
    ok("two begins: EINVAL", channel_begin_read(&receiver, &bytes, 0) == NULL && errno == EINVAL);
    ok("and its end", channel_end_read(&receiver) == 0);
    channel_close(&receiver);
    ok("a receiver that has closed: EPIPE",
       (channel_send(&sender, data, 1, LONG_MS), channel_send(&sender, data, 1, LONG_MS)) == -1 &&
           errno == EPIPE);
    CHECK(channel_open(&receiver, name, 0));
    ok("it may come back, even as the same process", channel_send(&sender, data, 10, 0) == 0);
    ok("and gets what is sent now",
       channel_receive(&receiver, &buffer, &capacity, 0) == 10 && is_data(buffer, 10, 10));
    channel_close(&sender);
    ok("a sender that has closed: EPIPE, in order",
       channel_receive(&receiver, &buffer, &capacity, LONG_MS) == -1 && errno == EPIPE &&
           receiver.ended_in_order);
    channel_close(&receiver);
    free(buffer);
}

static void test_death(void)
{
    struct channel sender;
    CHECK(channel_create(&sender, name));
    pid_t child = start(receive_and_die);
    is_number("a message is sent", channel_send(&sender, data, 10, LONG_MS), 0);
    is_number("and another one", channel_send(&sender, data, 10, LONG_MS), 0);
    ok("the receiver dies in its turn: EPIPE",
       channel_send(&sender, data, 10, LONG_MS) == -1 && errno == EPIPE);
    ok("and is named", strstr(channel_problem(&sender), "has died") != NULL);
    is_number("it was killed", end_of(child), 128 + SIGKILL);
    child = start(receive_one);
    ok("the next one is served", channel_send(&sender, data, 10, LONG_MS) == 0);
    is_number("and gets its message whole", end_of(child), 0);
    channel_close(&sender);
}

/* A sender that sends one message and is gone at once: the message is there all the same. */
static void test_first_and_last(void)
{
    int lost = 0;
    for (int round = 0; round < 500; round++) {
        struct channel sender;
        CHECK(channel_create(&sender, name));
        pid_t child = start(receive_one);
        lost += channel_send(&sender, data, 10, LONG_MS) != 0;
        channel_close(&sender);
        lost += end_of(child) != 0;
    }
    is_number("500 times one message, and then the end: none is lost", lost, 0);
}

/* Sends a message in fragments, all of which find a place, and dies. */
static int send_and_die(void)
{
    struct channel channel;
    if (channel_create(&channel, name) == 0 &&
        channel_send(&channel, data, (size_t)3 * FRAGMENT, LONG_MS) == 0)
        kill(getpid(), SIGKILL);
    return 1;
}

/* A receiver that is in the middle of a dead sender's message when the next sender begins. */
static void test_next_run(void)
{
    struct channel sender, receiver;
    size_t bytes;
    pid_t child = start(send_and_die);
    CHECK(channel_open(&receiver, name, LONG_MS));
    ok("a dead sender's message is there", channel_begin_read(&receiver, &bytes, LONG_MS) != NULL);
    is_number("the sender was killed", end_of(child), 128 + SIGKILL);
    CHECK(channel_create(&sender, name));
    ok("but when another run has begun, it is not to be used: EPIPE, not in order",
       channel_end_read(&receiver) == -1 && errno == EPIPE && !receiver.ended_in_order);
    channel_close(&receiver);
    channel_close(&sender);
}

static void test_finish(void)
{
    struct channel sender;
    CHECK(channel_create(&sender, name));
    ok("no receiver: channel_finish() is EPIPE",
       channel_finish(&sender, LONG_MS) == -1 && errno == EPIPE);
    pid_t child = start(receive_one);
    CHECK(channel_send(&sender, data, 10, LONG_MS));
    is_number("all is read and the receiver has closed", channel_finish(&sender, LONG_MS), 0);
    is_number("it had received it", end_of(child), 0);

    struct channel first, second;
    CHECK(channel_open(&first, name, 0));
    CHECK(channel_send(&sender, data, 10, LONG_MS));
    channel_close(&first);
    ok("a message left unread: EPIPE", channel_finish(&sender, LONG_MS) == -1 && errno == EPIPE &&
                                           strstr(channel_problem(&sender), "unread") != NULL);

    child = start(receive_one);
    CHECK(channel_send(&sender, data, 10, LONG_MS));
    is_number("a receiver that closes ...", end_of(child), 0);
    CHECK(channel_open(&second, name, LONG_MS));
    is_number("... is not taken for dead when the next one has joined",
              channel_finish(&sender, LONG_MS), 0);
    for (int i = 0; i < 100; i++)
        CHECK(sem_post(sender.semaphores[CHANNEL_FILLED]));
    ok("a semaphore that a stranger has posted: EPROTO, and no endless loop",
       channel_send(&sender, data, 10, 0) == -1 && errno == EPROTO);
    channel_close(&second);
    channel_close(&sender);

    CHECK(channel_create(&sender, name));
    CHECK(channel_open(&second, name, LONG_MS));
    CHECK(channel_send(&sender, data, 10, LONG_MS));
    ok("one that does not read: ETIMEDOUT", channel_finish(&sender, 0) == -1 && errno == ETIMEDOUT);
    stop_signal = SIGINT;
    ok("... and a stop signal: EINTR", channel_finish(&sender, LONG_MS) == -1 && errno == EINTR);
    stop_signal = 0;
    channel_close(&second);
    channel_close(&sender);
}

static void test_interrupted(void)
{
    struct channel sender, receiver;
    void *buffer = NULL;
    size_t capacity = 0;
    CHECK(channel_create(&sender, name));
    CHECK(channel_open(&receiver, name, 0));
    ok("a long message that nobody takes: ETIMEDOUT",
       channel_send(&sender, data, sizeof data, 100) == -1 && errno == ETIMEDOUT);
    ok("then nothing more can be sent: EPIPE",
       channel_send(&sender, data, 1, 100) == -1 && errno == EPIPE);
    ok("nor is half of it received: EPIPE, not in order",
       channel_receive(&receiver, &buffer, &capacity, LONG_MS) == -1 && errno == EPIPE &&
           !receiver.ended_in_order);
    channel_close(&sender);
    channel_close(&receiver);

    CHECK(channel_create(&sender, name));
    stop_signal = SIGINT;
    ok("a stop signal: EINTR", channel_send(&sender, data, 1, LONG_MS) == -1 && errno == EINTR);
    stop_signal = 0;
    channel_close(&sender);
    channel_close(&sender); /* nothing to do twice */
    stop_signal = SIGINT;
    ok("... while a receiver waits",
       channel_open(&receiver, name, LONG_MS) == -1 && errno == EINTR);
    stop_signal = 0;
    free(buffer);
}

static void test_memory(void)
{
    struct channel sender, receiver;
    void *buffer = NULL;
    size_t capacity = 0;
    CHECK(channel_create(&sender, name));
    CHECK(channel_open(&receiver, name, 0));
    CHECK(channel_send(&sender, data, 100, 0));
    no_memory = true;
    ok("no memory for a message: ENOMEM",
       channel_receive(&receiver, &buffer, &capacity, 0) == -1 && errno == ENOMEM);
    no_memory = false;
    is_number("it is still there", channel_receive(&receiver, &buffer, &capacity, 0), 100);
    allocations = 0;
    for (int i = 0; i < 1000; i++) {
        CHECK(channel_send(&sender, data, (size_t)(100 - i % 100), 0));
        CHECK((int)channel_receive(&receiver, &buffer, &capacity, 0));
    }
    is_number("once the buffer has grown, nothing is allocated", allocations, 0);

    static const struct {
        uint64_t bytes, is_fragmented;
    } absurd[] = {{UINT64_MAX, 1}, {CHANNEL_MESSAGE_MAX + 1, 1}, {CHUNK + 1, 0}, {SIZE_MAX, 0}};
    for (int i = 0; i < 4; i++) {
        ok("a place to write", channel_begin_write(&sender, 0, 0) != NULL);
        sender.layout->message_bytes = absurd[i].bytes;
        sender.layout->is_fragmented = absurd[i].is_fragmented;
        CHECK(channel_end_write(&sender));
        ok("an absurd size: EPROTO",
           channel_receive(&receiver, &buffer, &capacity, 0) == -1 && errno == EPROTO);
        channel_close(&receiver);
        CHECK(channel_open(&receiver, name, 0));
        ok("the sender goes on with the next receiver",
           channel_send(&sender, data, 1, LONG_MS) == -1 && errno == EPIPE);
    }
    is_number("nothing was allocated for it", allocations, 0);
    channel_close(&sender);
    channel_close(&receiver);
    free(buffer);
}

/* A sender may accept a receiver that is just leaving. When that process comes back, it must not believe
 * what was said to the one before; nor must what is said to it be lost, however early. */
static void test_accepted_before(void)
{
    struct channel sender, receiver;
    CHECK(channel_create(&sender, name));
    CHECK(channel_open(&receiver, name, 0));
    struct region_claim before = receiver.session;
    channel_close(&receiver);
    atomic_store(&sender.layout->accepted, before);
    CHECK(channel_open(&receiver, name, 0));
    ok("an acceptance of before isn't believed",
       channel_connect(&receiver, 0) == -1 && errno == ETIMEDOUT);
    ok("one of now is", channel_connect(&sender, 0) == 0 && channel_connect(&receiver, 0) == 0);
    channel_close(&receiver);
    channel_close(&sender);
}

static int send_nothing(void)
{
    struct channel channel;
    catch_stop_signals();
    CHECK(channel_create(&channel, name));
    while (!stop_requested())
        sleep_until(deadline_after_ms(1));
    channel_close(&channel);
    return 0;
}

/* It left in order, but not this receiver's session, which had not begun: so the next sender is waited for. */
static void test_too_late(void)
{
    struct channel receiver;
    going = start(send_nothing);
    ok("a sender that leaves just before one joins is none",
       channel_open(&receiver, name, 5000) == -1 && errno == ETIMEDOUT);
    ok("... and nothing is left open", receiver.layout == NULL && receiver.region.header == NULL);
}

/* Also when a CHECK() has failed. */
static void clean_up(void)
{
    static const char *const suffixes[] = {"-writable", "-readable", "-free", "-filled"};
    char semaphore[2 * REGION_NAME_LENGTH];
    for (int i = 0; i < 4; i++) {
        snprintf(semaphore, sizeof semaphore, "%s%s", name, suffixes[i]);
        sem_unlink(semaphore);
    }
    shm_unlink(name);
}

int main(void)
{
    snprintf(name, sizeof name, "/uc-%d", (int)getpid());
    CHECK(atexit(clean_up));
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7 + i / 251);
    test_errors();
    test_sizes("copied on both sides", receive_copies, false);
    test_sizes("written in place", receive_copies, true);
    test_sizes("read in place", receive_in_place, false);
    test_sizes("in place on both sides", receive_in_place, true);
    test_death();
    test_first_and_last();
    test_next_run();
    test_finish();
    test_interrupted();
    test_memory();
    test_accepted_before();
    test_too_late();
    int fd = shm_open(name, O_RDONLY, 0);
    ok("nothing is left", fd == -1);
    return done_testing();
}
