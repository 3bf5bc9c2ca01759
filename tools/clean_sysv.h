/* clean_sysv.h - removes what dead runs of lesson 07 left: System V objects, which have no names
 *
 * As a next producer would do it: by taking both places of a set, which only succeeds when nobody has
 * either. Where the system can list all sets (Linux), every one of the user that is one of ours;
 * else that of the default key file.
 */
#ifndef CLEAN_SYSV_H
#define CLEAN_SYSV_H

#include "../07_sysv/segment.h"
#include "../07_sysv/semaphores.h"
#include "../common/check.h"

/* A segment with that key that was one of ours (or has no contents, and that producer made it). */
static void clean_segment(key_t key, pid_t producer, const char *of)
{
    struct shmid_ds status;
    int id = shmget(key, 0, 0);
    if (id == -1 || shmctl(id, IPC_STAT, &status) == -1 || status.shm_perm.uid != geteuid() ||
        status.shm_segsz < sizeof(struct segment))
        return;
    struct segment *segment = segment_attach(id, SHM_RDONLY);
    if (segment == NULL)
        return;
    uint32_t magic = atomic_load_explicit(&segment->magic, memory_order_acquire);
    shmdt(segment);
    if ((magic == SEGMENT_MAGIC || (magic == 0 && status.shm_cpid == producer)) &&
        shmctl(id, IPC_RMID, NULL) == 0)
        note("removed the segment %d%s", id, of);
}

static void clean_set(int set, key_t key, const char *of)
{
    if (set_examine(set) != 1)
        return; /* none of ours, or just being made */
    pid_t producer = set_pid(set, PRODUCER_LIVES), consumer = set_pid(set, CONSUMER_LIVES);
    if (place_take_both(set) == 0) {
        clean_segment(key, producer, of);
        if (set_remove(set) == 0)
            note("removed the semaphore set %d%s", set, of);
    } else if (errno == EAGAIN && set_value(set, PRODUCER_LIVES) > 0) {
        note("left the semaphore set %d%s alone: producer (pid %d) is running", set, of,
             (int)producer);
    } else if (errno == EAGAIN) {
        note("left the semaphore set %d%s alone: consumer (pid %d) is running", set, of,
             (int)consumer);
    }
}

/* What has the key of that file. path: NULL for the default file, if there is one. */
static void clean_key_file(const char *path)
{
    struct key_file file;
    char of[KEY_PATH_BYTES + 8];
    if (key_file_find(&file, path, false) == -1) {
        if (path != NULL)
            note("%s", file.problem);
        return;
    }
    snprintf(of, sizeof of, " of %s", file.path);
    int set = semget(file.key, 0, 0);
    if (set != -1)
        clean_set(set, file.key, of);
}

static void clean_all_sets(void)
{
#ifdef __linux__
    struct seminfo limits;
    struct semid_ds status = {0};
    int last = semctl(0, 0, SEM_INFO, (union semun){.array = (unsigned short *)&limits});
    for (int i = 0; i <= last; i++) {
        int set =
            semctl(i, 0, SEM_STAT, (union semun){.buf = &status}); /* i is an index, set an id */
        if (set != -1)
            clean_set(set, status.sem_perm.__key, "");
    }
#else
    clean_key_file(NULL);
#endif
}

#endif
