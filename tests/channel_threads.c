/* channel_threads.c - a channel's two halves as two threads, for ThreadSanitizer
 *
 * tests/races.t builds it twice: as it is, where nothing may be reported, and with -DCHANNEL_TURNS=2,
 * where the race must be. ThreadSanitizer knows memory by its address: so both halves use one mapping.
 */
#define _DEFAULT_SOURCE /* and not _GNU_SOURCE: ThreadSanitizer doesn't know sem_clockwait() */
#define CHANNEL_CHUNK_BYTES (8 << 10)
#include "../02_buffer_transfer/channel.h"
#include "threads.h"

const char program_name[] = "channel_threads";

enum { MESSAGES = 600, LONGEST = 3 * CHANNEL_CHUNK_BYTES, PATIENCE_MS = 60000 };

static struct channel sender, receiver;

/* By turns within a fragment, within a chunk, and longer than that. */
static size_t bytes_of(int message)
{
    return (size_t)message * 7919 % (LONGEST >> message % 3 * 3);
}

static char byte_of(int message, size_t i)
{
    return (char)((size_t)message + i);
}

static void *send_all(void *unused)
{
    static char data[LONGEST];
    for (int message = 0; message < MESSAGES; message++) {
        size_t bytes = bytes_of(message);
        for (size_t i = 0; i < bytes; i++)
            data[i] = byte_of(message, i);
        if (channel_send(&sender, data, bytes, PATIENCE_MS) == -1)
            die("cannot send message %d: %s", message, channel_problem(&sender));
    }
    return unused;
}

static bool is_right(int message, const char *data, size_t bytes)
{
    if (bytes != bytes_of(message))
        return false;
    for (size_t i = 0; i < bytes; i++)
        if (data[i] != byte_of(message, i))
            return false;
    return true;
}

static void receive_all(void)
{
    void *data = malloc(LONGEST);
    size_t capacity = LONGEST;
    int wrong = 0;
    if (data == NULL)
        die("no memory");
    for (int message = 0; message < MESSAGES; message++) {
        ssize_t bytes = channel_receive(&receiver, &data, &capacity, PATIENCE_MS);
        if (bytes == -1)
            die("cannot receive message %d: %s", message, channel_problem(&receiver));
        wrong += !is_right(message, data, (size_t)bytes);
    }
    free(data);
    if (wrong > 0)
        die("%d messages are not what was sent", wrong);
}

int main(void)
{
    char name[REGION_NAME_LENGTH + 1];
    spin_limit(); /* keeps what it finds out in a variable that is not for two threads at once */
    snprintf(name, sizeof name, "/t%d.race", (int)getpid());
    if (channel_create(&sender, name) == -1)
        die("cannot create %s: %s", name, channel_problem(&sender));
    if (channel_open(&receiver, name, 0) == -1) {
        channel_close(&sender);
        die("cannot open %s: %s", name, channel_problem(&receiver));
    }
    region_unmap(&receiver.region);
    receiver.region.header = sender.region.header;
    receiver.layout = sender.layout;
    /* a race ends this program at once, and what has a name then would stay */
    channel_unlink_semaphores(&sender);
    region_unlink(&sender.region);

    pthread_t thread = start_thread(send_all, NULL);
    receive_all();
    pthread_join(thread, NULL);
    puts("all came");
    return 0;
}
