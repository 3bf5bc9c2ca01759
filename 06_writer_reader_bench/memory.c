/* memory.c - what shm, mmap and sysv have in common: two lanes, wherever the memory comes from */
#define _GNU_SOURCE
#include "transport.h"

/* The semaphores have names since macOS has no others; they are removed as soon as both know them. */
static void semaphore_name(const struct place *place, int i, char name[REGION_NAME_LENGTH + 1])
{
    snprintf(name, REGION_NAME_LENGTH + 1, "/myshm-%d-%u-%d", (int)place->writer_pid,
             (unsigned)place->number, i);
}

static int open_semaphores(struct link *link)
{
    for (int i = 0; i < 4; i++) {
        char name[REGION_NAME_LENGTH + 1];
        semaphore_name(&link->place, i, name);
        sem_t *semaphore = sem_open(name, link->is_writer ? O_CREAT | O_EXCL : 0, 0600, 0);
        if (semaphore == SEM_FAILED)
            return -1;
        link->semaphores[i] = semaphore;
    }
    return 0;
}

static void prepare_lane(struct link *link, struct lane *lane, sem_t *const semaphores[2])
{
    lane->way = &waits[link->wait];
    lane->ready = (struct waiter){&lane->memory->ready_bell, semaphores[0], link->watch};
    lane->released = (struct waiter){&lane->memory->released_bell, semaphores[1], link->watch};
}

int memory_open(struct link *link, char *to_writer, char *to_reader, size_t to_reader_bytes)
{
    if (waits[link->wait].until == NULL) {
        errno = ENOTSUP;
        return -1;
    }
    lane_lay_out(&link->to_writer, to_writer, LANE_BYTES, link->test, link->bytes);
    lane_lay_out(&link->to_reader, to_reader, to_reader_bytes, link->test, link->bytes);
    if (link->is_writer && (lane_make(&link->to_writer) == -1 || lane_make(&link->to_reader) == -1))
        return -1;
    if (link->wait == WAIT_SEM && open_semaphores(link) == -1)
        return -1;
    prepare_lane(link, &link->to_writer, &link->semaphores[0]);
    prepare_lane(link, &link->to_reader, &link->semaphores[2]);
    return 0;
}

void memory_close(struct link *link)
{
    for (int i = 0; i < 4; i++)
        if (link->semaphores[i] != NULL)
            sem_close(link->semaphores[i]);
    memset(link->semaphores, 0, sizeof link->semaphores);
}

void memory_remove(const struct place *place)
{
    for (int i = 0; i < 4; i++) {
        char name[REGION_NAME_LENGTH + 1];
        semaphore_name(place, i, name);
        sem_unlink(name);
    }
}

int memory_send(struct link *link, const char *data, size_t bytes)
{
    return lane_send(link->is_writer ? &link->to_reader : &link->to_writer, data, bytes);
}

int memory_receive(struct link *link, char *data, size_t bytes)
{
    return lane_receive(link->is_writer ? &link->to_writer : &link->to_reader, data, bytes);
}
