/* ftok_clash.c - two files, one key: ftok() keeps 16 bits of a file's number
 *
 * Build:   cc ftok_clash.c -o ftok_clash -pthread -lrt     (macOS: without -lrt)
 * Run:     ./ftok_clash
 * Look first at wrong() and right(): how a program finds the segment that belongs to its file.
 */
#include "pitfall.h"
#include <sys/shm.h>

const char program_name[] = "ftok_clash";
enum { PROJECTS = 4, FILES_MAX = 2000000 };

struct shared {
    int count, ids[2 * PROJECTS]; /* the segments that were made, to be removed */
};
static struct shared *shared;
static char paths[2][64];

/* Gets the segment of the file's key. What stat() says of the file is in it: the device and the file's
 * number there say for sure whose it is. Returns whether it's this one's. */
static bool get_segment(const char *path, int project)
{
    struct stat file;
    CHECK(stat(path, &file));
    key_t key = CHECK(ftok(path, project));
    int id = shmget(key, sizeof(struct stat), IPC_CREAT | IPC_EXCL | 0600);
    bool is_new = id != -1;
    if (is_new)
        shared->ids[shared->count++] = id;
    else
        id = CHECK(shmget(key, sizeof(struct stat), 0));
    struct stat *owner = shmat(id, NULL, 0);
    if ((intptr_t)owner == -1)
        die("cannot attach the segment %d: %s", id, strerror(errno));
    if (is_new)
        *owner = file;
    return owner->st_dev == file.st_dev && owner->st_ino == file.st_ino;
}

/* Takes what the key leads to. */
static bool wrong(const char *path)
{
    return get_segment(path, 'A');
}

/* Looks at whose it is, and goes on to the next key if it's another file's. */
static bool right(const char *path)
{
    for (int project = 'A'; project < 'A' + PROJECTS; project++)
        if (get_segment(path, project))
            return true;
    return false;
}

/* Makes files until one has the first one's key. Where numbers go up, that is the 65537th; a later
 * one if others make files at the same time, and get the number. */
static bool make_files(void)
{
    CHECK(mknod(paths[0], S_IFREG | 0600, 0));
    key_t key = CHECK(ftok(paths[0], 'A'));
    for (int i = 0; i < FILES_MAX; i++) {
        CHECK(mknod(paths[1], S_IFREG | 0600, 0));
        if (ftok(paths[1], 'A') == key)
            return true;
        CHECK(unlink(paths[1]));
    }
    return false;
}

static void tidy_up(void)
{
    while (shared->count > 0)
        shmctl(shared->ids[--shared->count], IPC_RMID, NULL);
    unlink(paths[0]);
    unlink(paths[1]);
}

static struct outcome two_programs(bool (*find)(const char *path))
{
    int own = 0;
    for (int i = 0; i < 2; i++) {
        pid_t program = fork_child();
        if (program == 0)
            _exit(find(paths[i]));
        own += status_of(program);
    }
    return outcome(own == 2, "%d of 2 files got a segment of their own", own);
}

int main(void)
{
    shared = shared_memory(sizeof *shared);
    snprintf(paths[0], sizeof paths[0], "/dev/shm%s-0", own_name);
    snprintf(paths[1], sizeof paths[1], "/dev/shm%s-1", own_name);
    tidy_up_with(tidy_up);
    if (!make_files())
        return skip("found no two files with one key");
    struct outcome clash = two_programs(wrong);
    return verdict(clash, two_programs(right));
}
