/* pointer.c - an address means something in one process only
 *
 * Build:   cc pointer.c -o pointer -pthread -lrt     (macOS: without -lrt)
 * Run:     ./pointer
 * Look first at the structure, then at the two lines each of wrong and right.
 */
#include "pitfall.h"

const char program_name[] = "pointer";

static const char greeting[] = "hello from the writer";

struct region {
    char *address;    /* wrong: where the writer sees the text */
    ptrdiff_t offset; /* right: how far it is from the region's beginning */
    char text[100];
};

struct shared {
    void *writers_view; /* at what address the writer has the region */
};

static struct shared *shared;

static int object; /* file descriptor */

static void write_greeting(void)
{
    struct region *region = map_object(object, sizeof *region);
    shared->writers_view = region;
    memcpy(region->text, greeting, sizeof greeting);
    region->address = region->text;
    region->offset = region->text - (char *)region;
}

static const char *wrong(const struct region *region)
{
    return region->address;
}

static const char *right(const struct region *region)
{
    return (const char *)region + region->offset;
}

/* A process of another program has other things in its memory, perhaps just where the writer has the
 * region; this one has. Returns what a child is to exit with. */
static int read_greeting(const char *(*find)(const struct region *))
{
    char *other = mmap(shared->writers_view, sizeof(struct region), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (other == MAP_FAILED)
        die("cannot map memory: %s", strerror(errno));
    return strcmp(find(map_object(object, sizeof(struct region))), greeting) == 0 ? 0 : 1;
}

static struct outcome reading(const char *what, const char *(*find)(const struct region *))
{
    pid_t reader = fork_child();
    if (reader == 0)
        _exit(read_greeting(find));
    int status = status_of(reader);
    if (status > 128)
        return outcome(false, "%s leads nowhere: %s", what, strsignal(status - 128));
    return outcome(status == 0, "%s leads to %s", what,
                   status == 0 ? "the writer's text" : "the reader's own memory");
}

int main(void)
{
    shared = shared_memory(sizeof *shared);
    object = CHECK(shm_open(own_name, O_CREAT | O_EXCL | O_RDWR, 0600));
    CHECK(shm_unlink(own_name));
    CHECK(ftruncate(object, sizeof(struct region)));

    pid_t writer = fork_child();
    if (writer == 0) {
        write_greeting();
        _exit(0);
    }
    status_of(writer);
    return verdict(reading("the address", wrong), reading("the offset", right));
}
