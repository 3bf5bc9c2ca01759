/* transport_unix.c - a Unix stream socket, with large buffers */
#define _GNU_SOURCE
#include "transport.h"

#include <sys/socket.h>
#include <sys/un.h>

enum { SOCKET_BUFFER_BYTES = 4 << 20 }; /* the system may give less */

static int open_socket(const struct place *place, struct sockaddr_un *address)
{
    char path[PLACE_PATH_BYTES];
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof address->sun_path, "%s", place_path(place, "socket", path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int bytes = SOCKET_BUFFER_BYTES;
    if (fd != -1) { /* a refusal leaves the buffers as they are */
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    return fd;
}

static int unix_make(struct link *link)
{
    struct sockaddr_un address;
    if (place_make_folder(&link->place) == -1)
        return -1;
    link->listener = open_socket(&link->place, &address);
    if (link->listener == -1 ||
        bind(link->listener, (struct sockaddr *)&address, sizeof address) == -1)
        return -1;
    return listen(link->listener, 1);
}

static int unix_join(struct link *link)
{
    struct sockaddr_un address;
    link->in = link->out = open_socket(&link->place, &address);
    if (link->in == -1)
        return -1;
    return connect(link->in, (struct sockaddr *)&address, sizeof address);
}

static int unix_meet(struct link *link)
{
    int bytes = SOCKET_BUFFER_BYTES;
    link->in = link->out = stream_accept(link);
    if (link->in == -1)
        return -1;
    (void)setsockopt(link->in, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return 0;
}

const struct transport transport_unix = {
    .name = "unix",
    .make = unix_make,
    .join = unix_join,
    .meet = unix_meet,
    .remove = place_remove_folder,
    .send = stream_send,
    .receive = stream_receive,
};
