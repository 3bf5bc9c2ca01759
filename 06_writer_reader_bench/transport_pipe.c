/* transport_pipe.c - two pipes between processes that are no relatives
 *
 * A pipe has no name, and is usually inherited. The reader makes both and hands the writer its ends
 * over a Unix socket, with SCM_RIGHTS: the kernel puts them into the other process.
 */
#define _GNU_SOURCE
#include "transport.h"

#include <sys/socket.h>
#include <sys/un.h>

enum { PIPE_BYTES = 1 << 20 }; /* what Linux gives to anybody */

/* A control message with two descriptors, as cmsg(3) wants it laid out. */
union rights {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
};

static int open_socket(const struct place *place, struct sockaddr_un *address)
{
    char path[PLACE_PATH_BYTES];
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof address->sun_path, "%s", place_path(place, "socket", path));
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int pipe_make(struct link *link)
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

static int send_descriptors(int fd, const int descriptors[2])
{
    char byte = 0;
    union rights rights = {.bytes = ""};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = rights.bytes,
                             .msg_controllen = sizeof rights.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, 2 * sizeof(int));
    return sendmsg(fd, &message, 0) == 1 ? 0 : -1;
}

static int receive_descriptors(int fd, int descriptors[2])
{
    char byte;
    union rights rights = {.bytes = ""};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = rights.bytes,
                             .msg_controllen = sizeof rights.bytes};
    if (recvmsg(fd, &message, 0) == -1)
        return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(2 * sizeof(int))) {
        errno = EPROTO;
        return -1;
    }
    memcpy(descriptors, CMSG_DATA(header), 2 * sizeof(int));
    return 0;
}

/* The writer's ends are closed here as soon as they were sent: so each half notices at once when the
 * other one's end is the last one to be closed. */
static int pipe_join(struct link *link)
{
    struct sockaddr_un address;
    int forth[2] = {-1, -1}, back[2] = {-1, -1};
    if (pipe(forth) == -1 || pipe(back) == -1)
        return -1;
    link->in = forth[0];
    link->out = back[1];
#ifdef F_SETPIPE_SZ
    (void)fcntl(link->in, F_SETPIPE_SZ, PIPE_BYTES);
    (void)fcntl(link->out, F_SETPIPE_SZ, PIPE_BYTES);
#endif
    int fd = open_socket(&link->place, &address);
    int joined = fd == -1 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof address);
    if (joined == 0)
        joined = send_descriptors(fd, (const int[2]){forth[1], back[0]});
    int reason = errno;
    close(forth[1]);
    close(back[0]);
    if (fd != -1)
        close(fd);
    errno = reason;
    return joined;
}

static int pipe_meet(struct link *link)
{
    int ends[2];
    int fd = stream_accept(link);
    if (fd == -1)
        return -1;
    int received = receive_descriptors(fd, ends);
    int reason = errno;
    close(fd);
    errno = reason;
    if (received == -1)
        return -1;
    link->out = ends[0];
    link->in = ends[1];
    return 0;
}

const struct transport transport_pipe = {
    .name = "pipe",
    .make = pipe_make,
    .join = pipe_join,
    .meet = pipe_meet,
    .remove = place_remove_folder,
    .send = stream_send,
    .receive = stream_receive,
};
