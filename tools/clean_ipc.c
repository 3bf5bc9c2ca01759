/* clean_ipc.c - removes what dead runs of this project left behind, and nothing else
 *
 * Build:   cc clean_ipc.c -o clean_ipc -pthread -lrt     (macOS: without -lrt)
 * Run:     ./clean_ipc [NAME ...]       or  make clean-ipc [NAMES='/lab7 ...']
 *
 * It becomes the owner of a leftover for a moment, exactly as a next producer would: so a region
 * that a living process owns is never touched. It finds the default names everywhere and, where
 * /dev/shm can be listed, every object of the user that bears one of our magics.
 */
#define _GNU_SOURCE
#include <dirent.h>

#include "../common/region_create.h"

const char program_name[] = "clean_ipc";

static const struct lesson {
    const char *object; /* of the default name */
    char magic[5];
    const char *semaphores[3]; /* suffixes of their names */
} lessons[] = {
    {"countdown", "CNTD", {"-writable", "-readable"}},
};

enum { LESSONS = sizeof lessons / sizeof lessons[0] };

/* Whose leftover is under this name? NULL: none of ours. Then *format is what its header says. */
static const struct lesson *look_at(const char *name, struct region_format *format)
{
    struct stat object;
    struct region_header *header = MAP_FAILED;
    int fd = shm_open(name, O_RDONLY, 0);
    if (fd == -1)
        return NULL;
    CHECK(fstat(fd, &object));
    if (object.st_uid == getuid() && object.st_size >= (off_t)sizeof *header)
        header = mmap(NULL, sizeof *header, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(close(fd));
    if (header == MAP_FAILED)
        return NULL;
    const struct lesson *found = NULL;
    for (int i = 0; i < LESSONS && found == NULL; i++) {
        memcpy(format->magic, lessons[i].magic, sizeof format->magic);
        if (atomic_load_explicit(&header->magic, memory_order_acquire) == region_magic(format)) {
            format->layout_version = header->layout_version;
            format->size_bytes = (size_t)header->size_bytes;
            found = &lessons[i];
        }
    }
    CHECK(munmap(header, sizeof *header));
    return found;
}

static void clean(const char *name, const struct lesson *lesson, const struct region_format *format)
{
    struct region region;
    if (region_create(&region, name, format) == -1) {
        note("left %s alone: %s", name, region.problem);
        return;
    }
    for (int i = 0; lesson->semaphores[i] != NULL; i++) {
        char semaphore[64];
        snprintf(semaphore, sizeof semaphore, "%s%s", name, lesson->semaphores[i]);
        if (sem_unlink(semaphore) == 0)
            note("removed the semaphore %s", semaphore);
    }
    if (!region.is_new)
        note("removed %s", name);
    region_close(&region);
}

/* Under a lesson's default name even semaphores that have lost their region are found. */
static void clean_default_name(const struct lesson *lesson)
{
    char name[REGION_NAME_LENGTH + 1];
    struct region_format format = {"", 1, sizeof(struct region_header)};
    memcpy(format.magic, lesson->magic, sizeof format.magic);
    region_default_name(name, lesson->object);
    look_at(name, &format);
    clean(name, lesson, &format);
}

static bool is_default_name(const char *name)
{
    char default_name[REGION_NAME_LENGTH + 1];
    for (int i = 0; i < LESSONS; i++) {
        region_default_name(default_name, lessons[i].object);
        if (strcmp(name, default_name) == 0)
            return true;
    }
    return false;
}

static void clean_name(const char *name)
{
    struct region_format format;
    const struct lesson *lesson = is_default_name(name) ? NULL : look_at(name, &format);
    if (lesson != NULL)
        clean(name, lesson, &format);
}

/* Names that --name gave: only Linux can list them. */
static void clean_listed_names(void)
{
    DIR *folder = opendir("/dev/shm");
    if (folder == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < REGION_NAME_LENGTH) {
            char name[REGION_NAME_LENGTH + 1];
            snprintf(name, sizeof name, "/%.29s", entry->d_name);
            clean_name(name);
        }
    CHECK(closedir(folder));
}

int main(int argc, char **argv)
{
    catch_stop_signals();
    for (int i = 0; i < LESSONS; i++)
        clean_default_name(&lessons[i]);
    for (int i = 1; i < argc; i++)
        clean_name(argv[i]);
    clean_listed_names();
    return exit_status();
}
