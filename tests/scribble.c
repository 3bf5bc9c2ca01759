/* scribble.c - the worst peer there is: writes random bytes at random places of what others share
 *
 * Build:   cc scribble.c -o scribble -pthread
 * Run:     ./scribble PATH SEED WRITES PAUSE_US        a file, also one in /dev/shm
 *          ./scribble --sysv KEY SEED WRITES PAUSE_US  a System V segment, by its key
 *
 * With --spare FROM TO before these, the bytes from FROM to TO - 1 are left alone.
 * It waits until that is there and has its size. Every other write hits the first 512 bytes: that
 * is where headers and indices are. Between two writes it sleeps for PAUSE_US at most.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/check.h"
#include "../common/clock.h"

const char program_name[] = "scribble";

enum { HEADER_BYTES = 512, PATIENCE_MS = 5000 };

/* Maps the object; *bytes is its size. Exits with 1 when there is nothing to write to. */
static volatile unsigned char *map_file(const char *path, size_t *bytes)
{
    struct stat object = {.st_size = 0};
    int fd = -1;
    for (int64_t end = deadline_after_ms(PATIENCE_MS); object.st_size == 0;) {
        if (fd == -1)
            fd = open(path, O_RDWR);
        if (fd != -1)
            CHECK(fstat(fd, &object));
        if (deadline_passed(end))
            die("nothing to scribble on: %s", path);
        sleep_until(now_ns() + NS_PER_MS / 10);
    }
    *bytes = (size_t)object.st_size;
    void *address = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED)
        die("cannot map %s: %s", path, strerror(errno));
    CHECK(close(fd));
    return address;
}

static volatile unsigned char *map_segment(const char *key, size_t *bytes)
{
    struct shmid_ds segment;
    int id;
    for (int64_t end = deadline_after_ms(PATIENCE_MS);
         (id = shmget((key_t)strtol(key, NULL, 16), 0, 0)) == -1;
         sleep_until(now_ns() + NS_PER_MS / 10))
        if (deadline_passed(end))
            die("nothing to scribble on: segment %s", key);
    void *address = shmat(id, NULL, 0);
    if (address == MAP_FAILED || shmctl(id, IPC_STAT, &segment) == -1)
        die("cannot attach segment %s: %s", key, strerror(errno));
    *bytes = segment.shm_segsz;
    return address;
}

int main(int argc, char **argv)
{
    size_t spare_from = 0, spare_to = 0;
    if (argc > 4 && strcmp(argv[1], "--spare") == 0) {
        spare_from = strtoul(argv[2], NULL, 10);
        spare_to = strtoul(argv[3], NULL, 10);
        argc -= 3;
        argv += 3;
    }
    bool is_segment = argc == 6 && strcmp(argv[1], "--sysv") == 0;
    if (argc != 5 && !is_segment)
        usage_die("usage: scribble PATH SEED WRITES PAUSE_US, or --sysv KEY SEED WRITES PAUSE_US");
    size_t bytes;
    volatile unsigned char *object =
        is_segment ? map_segment(argv[2], &bytes) : map_file(argv[1], &bytes);
    srandom((unsigned)strtoul(argv[argc - 3], NULL, 10));
    int64_t pause_ns = strtol(argv[argc - 1], NULL, 10) * 1000;
    for (long left = strtol(argv[argc - 2], NULL, 10); left > 0; left--) {
        size_t place = (size_t)random() % bytes;
        if (left % 2 == 0 && bytes > HEADER_BYTES)
            place %= HEADER_BYTES;
        unsigned char byte = (unsigned char)random();
        if (place < spare_from || place >= spare_to)
            object[place] = byte;
        if (pause_ns > 0)
            sleep_until(now_ns() + random() % pause_ns);
    }
    return 0;
}
