/* transport.c - a link's life, the same for every transport; the names that its objects have */
#define _GNU_SOURCE
#include "transport.h"

#include <sys/random.h>
#include <sys/time.h>

const struct transport *const transports[TRANSPORTS] = {
    &transport_shm,  &transport_mmap, &transport_sysv, &transport_pipe,
    &transport_fifo, &transport_unix, &transport_tcp,  &transport_mq,
};

/* ---- a tick, for waits in the kernel ---- */

static void do_nothing(int signal_number)
{
    (void)signal_number;
}

/* [tick] Ten times a second a signal interrupts whatever system call the process is waiting in, which
 * then looks whether to go on waiting: it costs nothing while messages flow. */
static void set_tick(suseconds_t interval_ms)
{
    struct sigaction action = {.sa_handler = do_nothing}; /* no SA_RESTART: waits end with EINTR */
    sigemptyset(&action.sa_mask);
    struct itimerval timer = {.it_interval = {.tv_usec = interval_ms * 1000},
                              .it_value = {.tv_usec = interval_ms * 1000}};
    CHECK(sigaction(SIGALRM, &action, NULL));
    CHECK(setitimer(ITIMER_REAL, &timer, NULL));
}

/* ---- names ---- */

static void folder_path(const struct place *place, char path[PLACE_PATH_BYTES])
{
    snprintf(path, PLACE_PATH_BYTES, "/tmp/myshm-%d-%u", (int)place->writer_pid,
             (unsigned)place->number);
}

int place_make_folder(const struct place *place)
{
    char path[PLACE_PATH_BYTES];
    folder_path(place, path);
    return mkdir(path, 0700);
}

const char *place_path(const struct place *place, const char *file, char path[PLACE_PATH_BYTES])
{
    folder_path(place, path);
    size_t length = strlen(path);
    snprintf(path + length, PLACE_PATH_BYTES - length, "/%s", file);
    return path;
}

void place_remove_folder(const struct place *place)
{
    static const char *const files[] = {"memory", "socket", "to-reader", "to-writer"};
    char path[PLACE_PATH_BYTES];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlink(place_path(place, files[i], path));
    folder_path(place, path);
    rmdir(path);
}

void place_clear(struct shared *shared)
{
    struct place place = shared->place;
    copied_once();
    if (place.writer_pid > 0 && place.transport < TRANSPORTS &&
        transports[place.transport]->remove != NULL)
        transports[place.transport]->remove(&place);
    shared->place = (struct place){.writer_pid = 0};
}

/* ---- a link's life ---- */

static void link_prepare(struct link *link)
{
    link->transport = transports[link->place.transport];
    link->out = link->in = link->listener = -1;
}

/* [place] What is to be made is written down before it is made: so whoever survives can remove it. */
int link_make(struct link *link)
{
    link_prepare(link);
    int made = -1;
    for (int attempts = 0; made == -1 && attempts < 8; attempts++) {
        link->place.writer_pid = getpid();
        if (getentropy(&link->place.number, sizeof link->place.number) == -1 ||
            getentropy(&link->place.token, sizeof link->place.token) == -1)
            return -1;
        link->shared->place = link->place;
        atomic_signal_fence(memory_order_seq_cst);
        made = link->transport->make(link);
        if (made == -1 && errno != EEXIST)
            break;
    }
    return made;
}

int link_join(struct link *link)
{
    link_prepare(link);
    if (link->transport->join(link) == -1)
        return -1;
    if (!link->transport->is_memory)
        set_tick(LOOK_INTERVAL_MS);
    return 0;
}

/* [early] Both have everything open: from here on even kill -9 of both leaves nothing behind. */
int link_meet(struct link *link)
{
    int met = link->transport->meet != NULL ? link->transport->meet(link) : 0;
    int reason = errno;
    if (met == 0)
        place_clear(link->shared);
    if (met == 0 && !link->transport->is_memory)
        set_tick(LOOK_INTERVAL_MS);
    errno = reason;
    return met;
}

void link_close(struct link *link)
{
    if (link->transport == NULL)
        return;
    set_tick(0);
    if (link->transport->close != NULL)
        link->transport->close(link);
    int *const descriptors[] = {&link->listener, &link->in, &link->out};
    if (link->in == link->out)
        link->in = -1;
    for (int i = 0; i < 3; i++)
        if (*descriptors[i] != -1)
            close(*descriptors[i]);
    if (link->is_writer)
        place_clear(link->shared);
    link->transport = NULL;
}
