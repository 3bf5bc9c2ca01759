/* clean_ipc.c - removes what dead runs of this project left behind, and nothing else
 *
 * Build:   cc clean_ipc.c ../06_*_bench/{transport*,stream,memory,lane,wait}.c -o clean_ipc -pthread -lrt
 *          (macOS: without -lrt. Lesson 06's transports know what they leave.)
 * Run:     ./clean_ipc [NAME ...]       or  make clean-ipc [NAMES='/lab7 ...']
 *          A NAME may also be the path of a key file of lesson 07.
 *
 * It becomes the owner of a leftover for a moment, exactly as a next producer would: so a region
 * that a living process owns is never touched. It finds the default names everywhere and, where
 * /dev/shm can be listed, every object of the user that bears one of our magics. With names, it
 * cleans those and no others. Where a hugetlbfs is mounted, it looks there, too.
 */
#define _GNU_SOURCE
#include <dirent.h>

#include "../01_countdown/countdown.h"
#include "../02_buffer_transfer/channel_layout.h"
#include "../03_ring_buffer/ring_pair.h"
#include "../05_simd/batch_pair.h"
#include "../06_writer_reader_bench/format.h"
#include "clean_sysv.h"

const char program_name[] = "clean_ipc";

static const struct lesson {
    const char *object; /* of the default name; with a slash: the name itself */
    const struct region_format *format;
    const char *semaphores[5];      /* suffixes of their names */
    void (*clear)(struct shared *); /* removes what the region names; or NULL */
} lessons[] = {
    {"countdown", &countdown_format, {"-writable", "-readable"}, NULL},
    {"transfer", &channel_format, {"-writable", "-readable", "-free", "-filled"}, NULL},
    {"ring", &ring_format, {NULL}, NULL},
    {"simd", &batch_format, {NULL}, NULL},
    {bench_name, &bench_format, {NULL}, place_clear},
};

enum { LESSONS = sizeof lessons / sizeof lessons[0] };

static void default_name_of(const struct lesson *lesson, char name[REGION_NAME_LENGTH + 1])
{
    if (lesson->object[0] == '/')
        snprintf(name, REGION_NAME_LENGTH + 1, "%s", lesson->object);
    else
        region_default_name(name, lesson->object);
}

/* Whose leftover is under this name? NULL: none of ours. Then *format is what its header says. */
static const struct lesson *look_at(const char *name, struct region_format *format)
{
    struct stat object;
    struct region_header *header = MAP_FAILED;
    const size_t length = HUGE_PAGE_BYTES; /* an object on a hugetlbfs is mapped in whole pages */
    int fd = region_open_object(name, O_RDONLY);
    if (fd == -1)
        return NULL;
    CHECK(fstat(fd, &object));
    if (object.st_uid == getuid() && object.st_size >= (off_t)sizeof *header)
        header = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(close(fd));
    if (header == MAP_FAILED)
        return NULL;
    const struct lesson *found = NULL;
    uint32_t magic = atomic_load_explicit(&header->magic, memory_order_acquire);
    for (int i = 0; i < LESSONS && found == NULL; i++)
        if (magic == region_magic(lessons[i].format)) {
            found = &lessons[i];
            *format = *found->format;
            format->layout_version = header->layout_version;
            format->size_bytes = (size_t)header->size_bytes;
        }
    CHECK(munmap(header, length));
    return found;
}

/* Removes semaphores, and says so. They are orphans, or their region is ours. */
static void unlink_semaphores(const char *name, const struct lesson *lesson)
{
    for (int i = 0; lesson->semaphores[i] != NULL; i++) {
        char semaphore[64];
        snprintf(semaphore, sizeof semaphore, "%s%s", name, lesson->semaphores[i]);
        if (sem_unlink(semaphore) == 0)
            note("removed the semaphore %s", semaphore);
    }
}

static void clean(const char *name, const struct lesson *lesson, const struct region_format *format)
{
    struct region region;
    if (region_create(&region, name, format) == -1) {
        note("left %s alone: %s", name, region.problem);
        return;
    }
    unlink_semaphores(name, lesson);
    if (lesson->clear != NULL)
        lesson->clear((struct shared *)region.header); /* what is not there reads as 0: no place */
    region_close(&region);
    note("removed %s", name);
}

/* Under a lesson's default name also what has no header yet, and semaphores without their region. A
 * region that isn't there is not created: a producer that starts now would be in its way. */
static void clean_default_name(const struct lesson *lesson)
{
    char name[REGION_NAME_LENGTH + 1];
    struct region_format format = *lesson->format;
    default_name_of(lesson, name);
    int fd = region_open_object(name, O_RDWR);
    if (fd == -1 && errno == ENOENT) {
        unlink_semaphores(name, lesson);
    } else if (fd != -1) {
        CHECK(close(fd));
        const struct lesson *found = look_at(name, &format);
        if (found == NULL && format.size_bytes == 0)
            format.size_bytes = sizeof(struct region_header); /* any will do for a moment */
        clean(name, found != NULL ? found : lesson, &format);
    }
}

static bool is_default_name(const char *name)
{
    char default_name[REGION_NAME_LENGTH + 1];
    for (int i = 0; i < LESSONS; i++) {
        default_name_of(&lessons[i], default_name);
        if (strcmp(name, default_name) == 0)
            return true;
    }
    return false;
}

static void clean_name(const char *name)
{
    struct region_format format;
    const struct lesson *lesson = look_at(name, &format);
    if (lesson != NULL)
        clean(name, lesson, &format);
}

/* Names that --name gave: only Linux can list them. */
static void clean_listed_names(void)
{
    DIR *folder = opendir(region_folder == NULL ? "/dev/shm" : region_folder);
    if (folder == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < REGION_NAME_LENGTH) {
            char name[REGION_NAME_LENGTH + 1];
            snprintf(name, sizeof name, "/%.29s", entry->d_name);
            if (region_folder != NULL || !is_default_name(name))
                clean_name(name);
        }
    CHECK(closedir(folder));
}

/* The name of an object, or a key file of lesson 07. */
static void clean_argument(const char *argument)
{
    if (access(argument, F_OK) == 0)
        clean_key_file(argument);
    else
        clean_name(argument);
}

int main(int argc, char **argv)
{
    catch_stop_signals();
    for (int i = 1; i < argc; i++)
        clean_argument(argv[i]);
    if (argc == 1) {
        for (int i = 0; i < LESSONS; i++)
            clean_default_name(&lessons[i]);
        clean_listed_names();
        clean_all_sets();
    }
    region_folder = hugetlb_folder(); /* lesson 05's regions may lie there */
    for (int i = 1; i < argc && region_folder != NULL; i++)
        clean_name(argv[i]);
    if (argc == 1 && region_folder != NULL)
        clean_listed_names();
    return exit_status();
}
