/* transport_fifo.c - two named pipes: as pipes, but found by a path
 *
 * Opening a fifo waits for the other end. Without O_NONBLOCK a half that opens the wrong end first
 * waits for ever; with it a reading end opens at once, and a writing end as soon as somebody reads.
 */
#define _GNU_SOURCE
#include "transport.h"

enum { PIPE_BYTES = 1 << 20 };

/* Opens an end without waiting; reading and writing then wait as usual. */
static int open_end(const struct place *place, const char *file, int mode)
{
    char path[PLACE_PATH_BYTES];
    int fd = open(place_path(place, file, path), mode | O_NONBLOCK | O_CLOEXEC);
    if (fd == -1 || fcntl(fd, F_SETFL, 0) == -1)
        return -1;
#ifdef F_SETPIPE_SZ
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
#endif
    return fd;
}

static int fifo_make(struct link *link)
{
    char path[PLACE_PATH_BYTES];
    if (place_make_folder(&link->place) == -1 ||
        mkfifo(place_path(&link->place, "to-reader", path), 0600) == -1 ||
        mkfifo(place_path(&link->place, "to-writer", path), 0600) == -1)
        return -1;
    link->in = open_end(&link->place, "to-writer", O_RDONLY);
    return link->in == -1 ? -1 : 0;
}

static int fifo_join(struct link *link)
{
    link->in = open_end(&link->place, "to-reader", O_RDONLY);
    link->out = open_end(&link->place, "to-writer", O_WRONLY);
    return link->in == -1 || link->out == -1 ? -1 : 0;
}

static int fifo_meet(struct link *link)
{
    link->out = open_end(&link->place, "to-reader", O_WRONLY);
    if (link->out == -1 && errno == ENXIO)
        errno = EPIPE; /* nobody reads: the reader has just died */
    return link->out == -1 ? -1 : 0;
}

const struct transport transport_fifo = {
    .name = "fifo",
    .make = fifo_make,
    .join = fifo_join,
    .meet = fifo_meet,
    .remove = place_remove_folder,
    .send = stream_send,
    .receive = stream_receive,
};
