/* transport.h - one interface, eight ways from one process to another
 *
 *   writer                          reader
 *   link_make(&link)
 *                                   link_join(&link)
 *   link_meet(&link)                                     from here on nothing has a name any more
 *   link_send(&link, out, bytes)    link_receive(&link, in, bytes)
 *   link_receive(&link, in, bytes)  link_send(&link, out, bytes)
 *   link_close(&link)               link_close(&link)
 *
 * Each function returns 0, or -1 with errno: EPIPE (the other half has gone), EINTR (a stop signal),
 * ETIMEDOUT, EPROTO (something else answered), or why the system refused. Each transport is a file,
 * transport_NAME.c. A link belongs to one thread of each process.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "bench.h"
#include "lane.h"
#include "watch.h"

/* A connection in both directions, as one half sees it. */
struct link {
    const struct transport *transport;
    struct shared *shared;
    size_t shared_bytes;
    struct place place;
    struct watch *watch;
    bool is_writer;
    uint32_t test, wait; /* what the lanes are to be laid out for */
    uint64_t bytes;      /* of a message */

    struct lane to_reader, to_writer; /* through memory */
    char *memory;                     /* what was mapped for them, or NULL */
    sem_t *semaphores[4];
    int out, in, listener;      /* through the kernel; -1: none */
    size_t out_piece, in_piece; /* mq: the longest message that the queue takes */
};

struct transport {
    const char *name;
    bool is_memory;                       /* then it takes a way to wait */
    int (*make)(struct link *link);       /* the writer: so that the reader finds it */
    int (*join)(struct link *link);       /* the reader: without waiting for the writer */
    int (*meet)(struct link *link);       /* the writer, when the reader has joined; or NULL */
    void (*close)(struct link *link);     /* or NULL: closing out and in is enough */
    void (*remove)(const struct place *); /* the names, whether they are there or not; or NULL */
    int (*send)(struct link *link, const char *data, size_t bytes);
    int (*receive)(struct link *link, char *data, size_t bytes);
};

enum { TRANSPORTS = 8 };

extern const struct transport transport_shm, transport_mmap, transport_sysv, transport_pipe,
    transport_fifo, transport_unix, transport_tcp, transport_mq;
extern const struct transport *const transports[TRANSPORTS];

/* The writer. link: zeroed, with the fields from shared to bytes set, place.transport as well. */
int link_make(struct link *link);

/* The reader. As above, with the writer's whole place. */
int link_join(struct link *link);

/* The writer, when the reader has joined. Removes all names. */
int link_meet(struct link *link);

/* Either half; harmless twice, or when making or joining failed. */
void link_close(struct link *link);

static inline int link_send(struct link *link, const char *data, size_t bytes)
{
    return link->transport->send(link, data, bytes);
}

static inline int link_receive(struct link *link, char *data, size_t bytes)
{
    return link->transport->receive(link, data, bytes);
}

/* ---- for the transports ---- */

enum { PLACE_PATH_BYTES = 64 };

/* A folder that nobody else can look into, and the path of a file in it. */
int place_make_folder(const struct place *place);
void place_remove_folder(const struct place *place);
const char *place_path(const struct place *place, const char *file, char path[PLACE_PATH_BYTES]);

/* Lays out both lanes in memory of 2 * LANE_BYTES. The writer makes them, the reader joins them. */
int memory_open(struct link *link, char *to_writer, char *to_reader, size_t to_reader_bytes);
void memory_close(struct link *link);
void memory_remove(const struct place *place);
int memory_send(struct link *link, const char *data, size_t bytes);
int memory_receive(struct link *link, char *data, size_t bytes);

/* Through descriptors that carry a stream of bytes. */
int stream_send(struct link *link, const char *data, size_t bytes);
int stream_receive(struct link *link, char *data, size_t bytes);

/* Accepts a connection that is there already, or comes soon. Returns its descriptor or -1. */
int stream_accept(struct link *link);

#endif
