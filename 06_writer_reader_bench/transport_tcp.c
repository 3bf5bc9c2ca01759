/* transport_tcp.c - TCP over the loopback interface, without Nagle's delay
 *
 * Any process of this machine can connect to the port: who doesn't know the token is turned away.
 */
#define _GNU_SOURCE
#include "transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { SOCKET_BUFFER_BYTES = 4 << 20, TOKEN_PATIENCE_US = 200000 };

static struct sockaddr_in loopback(uint32_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Messages go out at once; the buffers before connecting, for they decide the window. */
static int open_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int bytes = SOCKET_BUFFER_BYTES, yes = 1;
    if (fd != -1) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    return fd;
}

static int tcp_make(struct link *link)
{
    struct sockaddr_in address = loopback(0); /* whichever port is free */
    socklen_t bytes = sizeof address;
    link->listener = open_socket();
    if (link->listener == -1 || bind(link->listener, (struct sockaddr *)&address, bytes) == -1 ||
        listen(link->listener, 8) == -1 ||
        getsockname(link->listener, (struct sockaddr *)&address, &bytes) == -1)
        return -1;
    link->place.port = ntohs(address.sin_port);
    return 0;
}

static int tcp_join(struct link *link)
{
    struct sockaddr_in address = loopback(link->place.port);
    link->in = link->out = open_socket();
    if (link->in == -1 || connect(link->in, (struct sockaddr *)&address, sizeof address) == -1)
        return -1;
    return stream_send(link, (const char *)&link->place.token, sizeof link->place.token);
}

/* Has the one who connected written the token? The reader has, before it said that it joined. */
static bool knows_token(const struct link *link)
{
    uint64_t token = 0;
    struct timeval patience = {.tv_usec = TOKEN_PATIENCE_US}, never = {.tv_sec = 0};
    (void)setsockopt(link->in, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ssize_t got = recv(link->in, &token, sizeof token, MSG_WAITALL);
    (void)setsockopt(link->in, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof never);
    return got == sizeof token && token == link->place.token;
}

static int tcp_meet(struct link *link)
{
    int yes = 1;
    for (;;) {
        link->in = link->out = stream_accept(link);
        if (link->in == -1)
            return -1;
        if (knows_token(link))
            break;
        close(link->in);
        link->in = link->out = -1;
    }
    return setsockopt(link->in, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

const struct transport transport_tcp = {
    .name = "tcp",
    .make = tcp_make,
    .join = tcp_join,
    .meet = tcp_meet,
    .send = stream_send,
    .receive = stream_receive,
};
