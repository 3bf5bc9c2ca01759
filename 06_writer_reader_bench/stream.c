/* stream.c - what pipe, fifo, unix and tcp have in common: all bytes of a message through a descriptor */
#define _GNU_SOURCE
#include "transport.h"

#include <poll.h>
#include <sys/socket.h>

/* A call has failed: 0 when it is to be tried again. */
static int look_after_error(struct link *link)
{
    if (errno == ECONNRESET || errno == ENOTCONN)
        errno = EPIPE;
    return errno == EINTR ? watch_look(link->watch) : -1;
}

/* [partial] The kernel takes, and gives, what fits: the rest is for the next call. */
int stream_send(struct link *link, const char *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t written = write(link->out, data + done, bytes - done);
        if (written == -1 && look_after_error(link) == -1)
            return -1;
        done += written > 0 ? (size_t)written : 0;
    }
    watch_reset(link->watch);
    return 0;
}

int stream_receive(struct link *link, char *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t got = read(link->in, data + done, bytes - done);
        if (got == 0) /* the other end is closed */
            errno = EPIPE;
        if (got == 0 || (got == -1 && look_after_error(link) == -1))
            return -1;
        done += got > 0 ? (size_t)got : 0;
    }
    watch_reset(link->watch);
    return 0;
}

int stream_accept(struct link *link)
{
    struct pollfd ready = {.fd = link->listener, .events = POLLIN};
    int connected = -1;
    while (connected == -1) {
        int polled = poll(&ready, 1, LOOK_INTERVAL_MS);
        if (polled == 1)
            connected = accept(link->listener, NULL, NULL);
        if (polled == 1 && connected == -1 && errno != EINTR && errno != ECONNABORTED)
            return -1;
        if (connected == -1 && watch_look(link->watch) == -1)
            return -1;
    }
    watch_reset(link->watch);
    return connected;
}
