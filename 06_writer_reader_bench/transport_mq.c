/* transport_mq.c - two POSIX message queues; macOS has none
 *
 * A queue takes a few messages of limited size: longer ones go in pieces.
 */
#define _GNU_SOURCE
#include "transport.h"

#ifdef __linux__
#include <mqueue.h>

enum { PIECE_BYTES_MAX = 64 << 10 };

/* The largest that the system gives, tried in turn: an ordinary user has 800 KiB for all queues, and
 * 10 messages of 8 KiB in each (mq_overview(7)). */
static const struct mq_attr sizes[] = {
    {.mq_maxmsg = 6, .mq_msgsize = PIECE_BYTES_MAX},
    {.mq_maxmsg = 10, .mq_msgsize = 32 << 10},
    {.mq_maxmsg = 10, .mq_msgsize = 8 << 10},
};

static const char *queue_name(const struct place *place, bool to_reader,
                              char name[PLACE_PATH_BYTES])
{
    snprintf(name, PLACE_PATH_BYTES, "/myshm-%d-%u-to-%s", (int)place->writer_pid,
             (unsigned)place->number, to_reader ? "reader" : "writer");
    return name;
}

/* mq_open() gives a descriptor; on Linux it is an ordinary one, which link_close() closes. */
static int make_queue(const struct place *place, bool to_reader)
{
    char name[PLACE_PATH_BYTES];
    queue_name(place, to_reader, name);
    int flags = O_CREAT | O_EXCL | O_CLOEXEC | (to_reader ? O_WRONLY : O_RDONLY);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct mq_attr size = sizes[i];
        mqd_t queue = mq_open(name, flags, 0600, &size);
        if (queue != (mqd_t)-1 || errno == EEXIST)
            return queue;
    }
    return -1;
}

/* Asks how long a message may be: who makes a queue decides, also whether it is ours. */
static int find_pieces(struct link *link)
{
    struct mq_attr out, in;
    if (mq_getattr(link->out, &out) == -1 || mq_getattr(link->in, &in) == -1)
        return -1;
    link->out_piece = (size_t)out.mq_msgsize;
    link->in_piece = (size_t)in.mq_msgsize;
    if (link->in_piece <= PIECE_BYTES_MAX)
        return 0;
    errno = EPROTO;
    return -1;
}

static int mq_make(struct link *link)
{
    link->out = make_queue(&link->place, true);
    link->in = link->out == -1 ? -1 : make_queue(&link->place, false);
    return link->in == -1 ? -1 : find_pieces(link);
}

static int mq_join(struct link *link)
{
    char name[PLACE_PATH_BYTES];
    link->in = mq_open(queue_name(&link->place, true, name), O_RDONLY | O_CLOEXEC);
    link->out = mq_open(queue_name(&link->place, false, name), O_WRONLY | O_CLOEXEC);
    return link->in == -1 || link->out == -1 ? -1 : find_pieces(link);
}

static void mq_remove(const struct place *place)
{
    char name[PLACE_PATH_BYTES];
    mq_unlink(queue_name(place, true, name));
    mq_unlink(queue_name(place, false, name));
}

/* A queue doesn't tell that the other half has closed it: the look after each tick does. */
static int mq_send_all(struct link *link, const char *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        size_t piece = bytes - done < link->out_piece ? bytes - done : link->out_piece;
        if (mq_send(link->out, data + done, piece, 0) == 0)
            done += piece;
        else if (errno != EINTR || watch_look(link->watch) == -1)
            return -1;
    }
    watch_reset(link->watch);
    return 0;
}

/* mq_receive() wants room for the longest message: the last piece may not have it in place. */
static int mq_receive_all(struct link *link, char *data, size_t bytes)
{
    static char last[PIECE_BYTES_MAX];
    size_t most = link->in_piece;
    for (size_t done = 0; done < bytes;) {
        bool has_room = bytes - done >= most;
        ssize_t got = mq_receive(link->in, has_room ? data + done : last, most, NULL);
        if (got == -1 && (errno != EINTR || watch_look(link->watch) == -1))
            return -1;
        if (got > (ssize_t)(bytes - done)) {
            errno = EPROTO;
            return -1;
        }
        if (got > 0 && !has_room)
            memcpy(data + done, last, (size_t)got);
        done += got > 0 ? (size_t)got : 0;
    }
    watch_reset(link->watch);
    return 0;
}

#else

static int mq_make(struct link *link)
{
    (void)link;
    errno = ENOTSUP;
    return -1;
}

#define mq_join mq_make
#define mq_remove NULL
#define mq_send_all NULL
#define mq_receive_all NULL

#endif

const struct transport transport_mq = {
    .name = "mq",
    .make = mq_make,
    .join = mq_join,
    .remove = mq_remove,
    .send = mq_send_all,
    .receive = mq_receive_all,
};
