/* unit_writer_reader_bench.c - lesson 06: what a dead writer leaves in a place; lanes and a hostile half
 *
 * The names of what is made here hold this process's pid, or its child's.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "../06_writer_reader_bench/half.h"
#include "../06_writer_reader_bench/transport.h"
#include "tap.h"

const char program_name[] = "unit_writer_reader_bench";

enum { SHARED_BYTES = sizeof(struct shared) + 2 * LANE_BYTES };

static struct shared *shared;
static struct region region;
static struct watch watch = {.region = &region, .timeout_ms = 1000};

/* A region without a name: both halves of these tests have it from the fork. */
static void share_region(void)
{
    void *memory =
        mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        die("cannot map %zu bytes: %s", (size_t)SHARED_BYTES, strerror(errno));
    shared = memory;
    region.header = &shared->header;
    region.is_owner = true;
    region.other = (struct region_claim){getppid(), 1, REGION_READY}; /* somebody who is there */
    atomic_store(&shared->header.peer, region.other);
}

/* How many names in that folder begin so? */
static int count_names(const char *path, const char *beginning)
{
    int found = 0;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        found += strncmp(entry->d_name, beginning, strlen(beginning)) == 0;
    closedir(folder);
    return found;
}

static int names_of(pid_t pid)
{
    char name[32], semaphore[40];
    snprintf(name, sizeof name, "myshm-%d-", (int)pid);
    snprintf(semaphore, sizeof semaphore, "sem.%s", name);
    return count_names("/tmp", name) + count_names("/dev/shm", semaphore) +
           count_names("/dev/mqueue", name);
}

static struct link new_link(uint32_t transport, uint32_t wait, bool is_writer)
{
    return (struct link){.shared = shared,
                         .shared_bytes = SHARED_BYTES,
                         .place.transport = transport,
                         .watch = &watch,
                         .is_writer = is_writer,
                         .test = TEST_THROUGHPUT,
                         .wait = wait,
                         .bytes = 100};
}

/* [dead] A writer that is killed between making its objects and meeting the reader. */
static void a_dead_writer_leaves_nothing(uint32_t transport, uint32_t wait)
{
    char description[100];
    snprintf(description, sizeof description, "%s %s: a writer killed before it met the reader",
             transports[transport]->name, transports[transport]->is_memory ? waits[wait].name : "");
    pid_t writer = CHECK(fork());
    if (writer == 0) {
        struct link link = new_link(transport, wait, true);
        if (link_make(&link) == -1)
            _exit(errno == ENOSYS ? 77 : 1);
        raise(SIGKILL);
    }
    int status;
    CHECK(waitpid(writer, &status, 0));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        printf("ok %d - %s # SKIP this system has none\n", ++tests_run, description);
        return;
    }
    ok(description,
       WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && shared->place.writer_pid == writer);
    place_clear(shared);
    is_number("whoever survives removes its names", names_of(writer), 0);
    is_number("and forgets the place", shared->place.writer_pid, 0);
}

/* A place may hold anything: nothing but our own names is ever removed. */
static void a_hostile_place(void)
{
    shared->place = (struct place){.writer_pid = 1, .transport = UINT32_MAX, .number = 1};
    place_clear(shared);
    is_number("a place with an unknown transport is forgotten", shared->place.writer_pid, 0);
    shared->place = (struct place){.writer_pid = -5, .transport = 1};
    place_clear(shared);
    is_number("one with an impossible pid, too", shared->place.writer_pid, 0);

    uint32_t number = (uint32_t)getpid() << 8 | 1;
    int segment = shmget((key_t)(number & 0x7fffffff), 100, IPC_CREAT | IPC_EXCL | 0600);
    uint32_t sysv = 0;
    while (transports[sysv] != &transport_sysv)
        sysv++;
    shared->place = (struct place){.writer_pid = getppid(), .transport = sysv, .number = number};
    place_clear(shared);
    struct shmid_ds found;
    ok("a segment that another process made is left alone",
       segment != -1 && shmctl(segment, IPC_STAT, &found) == 0);
    shmctl(segment, IPC_RMID, NULL);
}

/* Both halves of a lane in one process: what fits is sent, then received. */
static void lanes(void)
{
    static char out[3 * MIB], in[3 * MIB];
    struct link writer = new_link(0, WAIT_SPIN, true), reader;
    writer.bytes = 100;
    ok("a lane is made", link_make(&writer) == 0);
    reader = new_link(0, WAIT_SPIN, false);
    reader.place = writer.place;
    ok("and joined", link_join(&reader) == 0);
    bool all_right = true;
    for (int i = 0; i < 100000; i++) {
        memset(out, 'A' + i % 26, 100);
        all_right &= link_send(&writer, out, 100) == 0 && link_receive(&reader, in, 100) == 0;
        all_right &= memcmp(out, in, 100) == 0;
    }
    ok("messages go round and round", all_right);

    struct slot *slot = (struct slot *)(writer.to_reader.memory->slots +
                                        (writer.to_reader.number + 1) % writer.to_reader.slots *
                                            writer.to_reader.stride_bytes);
    CHECK(link_send(&writer, out, 100));
    slot->size = SIZE_MAX / 2;
    errno = 0;
    ok("a size that was not agreed is refused",
       link_receive(&reader, in, 100) == -1 && errno == EPROTO);
    atomic_store(&writer.to_reader.memory->released, writer.to_reader.number + 1000000);
    all_right = true;
    for (int i = 0; i < 10000; i++)
        all_right &= link_send(&writer, out, 100) == 0;
    ok("a reader that gives back too much is believed, and nothing is written out of bounds",
       all_right);
    link_close(&reader);
    link_close(&writer);
}

static void layouts(void)
{
    static const uint64_t sizes[] = {1, 63, 64, 65, 4096, 65535, 1 << 20, (1 << 20) + 1, 100000000};
    bool fit = true;
    for (uint32_t test = TEST_LATENCY; test <= TEST_COPIES; test++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct lane lane;
            lane_lay_out(&lane, shared->lanes, LANE_BYTES, test, sizes[i]);
            fit &= lane.slots >= 1 && (lane.slots & (lane.slots - 1)) == 0 &&
                   sizeof(struct lane_memory) + lane.slots * lane.stride_bytes <= LANE_BYTES &&
                   lane.stride_bytes >= sizeof(struct slot) + lane.fragment_bytes;
        }
    ok("slots of any size fit their lane", fit);
    struct lane whole;
    size_t most = lane_message_max(LANE_BYTES);
    lane_lay_out(&whole, shared->lanes, LANE_BYTES, TEST_HANDOVER, most);
    ok("the longest message lies in it as a whole",
       whole.slots == 1 && whole.fragment_bytes == most &&
           sizeof(struct lane_memory) + whole.stride_bytes <= LANE_BYTES);
}

static void checks(void)
{
    static char data[200];
    uint64_t checksum = 0;
    bool found = true;
    for (size_t bytes = 1; bytes < sizeof data; bytes++) {
        memset(data, 'Q', sizeof data);
        found &= check_message(data, bytes, 'Q', &checksum);
        for (size_t i = 0; i < bytes; i++) {
            data[i] = 'R';
            found &= !check_message(data, bytes, 'Q', &checksum);
            data[i] = 'Q';
        }
    }
    ok("a single wrong byte is found wherever it is", found);
    checksum = 0;
    check_message(data, 8 + 3, 'Q', &checksum);
    ok("the checksum: words and the bytes behind them",
       checksum == 'Q' * UINT64_C(0x0101010101010101) + UINT64_C(3) * 'Q');
    bool never_26 = true;
    for (uint64_t bytes = 1; bytes < 20000000; bytes += 1 + bytes / 7)
        for (uint64_t count = 1; count < 100; count++)
            never_26 &= batch_of(bytes, count) % 26 != 0 && batch_of(bytes, count) <= count;
    ok("no batch finds its own letters in place", never_26);
}

/* A half that was suspended itself must not blame the other one for that. */
static void suspensions(void)
{
    struct watch suspended = {.region = &region, .timeout_ms = 5000};
    suspended.since = now_ns() - 10 * NS_PER_S;
    suspended.next = now_ns() - 9 * NS_PER_S;
    is_number("time in which this half was suspended doesn't count", watch_look(&suspended), 0);
    suspended.since = now_ns() - 10 * NS_PER_S;
    suspended.next = now_ns();
    ok("... all other does", watch_look(&suspended) == -1 && errno == ETIMEDOUT);
}

int main(void)
{
    share_region();
    for (uint32_t transport = 0; transport < TRANSPORTS; transport++) {
        a_dead_writer_leaves_nothing(transport, WAIT_SPIN);
        if (transports[transport]->is_memory)
            a_dead_writer_leaves_nothing(transport, WAIT_SEM);
    }
    a_hostile_place();
    lanes();
    layouts();
    checks();
    suspensions();
    return done_testing();
}
