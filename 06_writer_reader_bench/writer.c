/* writer.c - measures how fast messages reach another process: shared memory, and everything else
 *
 * Partner: reader.c.  Agreement between the two: bench.h.
 * Build:   cc writer.c runs.c gauge.c transport*.c stream.c memory.c lane.c wait.c -o writer -O2 -pthread -lrt
 * Run:     ./writer             and in another terminal     ./reader
 * Look first at main(); menu.h is the menu, compare.h the comparison, orders.h how the halves keep in
 * step; then at runs.c, where the halves of each test stand side by side.
 */
#define _GNU_SOURCE
#include "compare.h"
#include "menu.h"

const char program_name[] = "writer";

static const char help[] =
    "Usage: writer [OPTIONS]                                   the menu\n"
    "       writer latency|throughput|compare [OPTIONS]        one test, or both, and a table\n"
    "Sends messages to ./reader and measures how long they take.\n"
    "\n"
    "  --transport T,...  how: shm, mmap, sysv, pipe, fifo, unix, tcp, mq (default all)\n"
    "  --sync S,...       how to wait in shm and mmap: spin, hybrid, sem, cond, futex (default "
    "all;\n"
    "                     sysv only spins unless this is given)\n"
    "  --size N,...       bytes of a message (default 64,1024,65536,1048576,10485760)\n"
    "  --count N          messages, 1 to 100000000 (default as many as take half a second)\n"
    "  --warmup N         messages before, not counted, 0 to 100000000 (default 20 ms of them)\n"
    "  --cpu A,B          the processors for the writer and the reader (default the first two "
    "that\n"
    "                     the writer may use; with the menu, wherever they are)\n"
    "  --bars             latency: how each row's times are distributed, instead of the tables\n"
    "  --csv FILE         the figures as a table for programs, too\n"
    "  --name NAME        the region's name: a slash and up to 29 other characters (default "
    "/myshm)\n"
    "  --timeout SECONDS  how long to wait for the reader, 0 to 1000000; 0 is for ever (default "
    "60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run the pair:  ./writer  and, in another terminal,  ./reader\n";

static struct pair pair = {.watch.region = &pair.region, .timeout_s = 60, .processors = {-1, -1}};
static struct plan plan;
static const char *mode;

static void read_options(int argc, char **argv)
{
    const char *name = bench_name, *cpus = NULL;
    plan = default_plan();
    const struct option_rule rules[] = {
        {"transport", .text = &plan.transport_list},
        {"sync", .text = &plan.wait_list},
        {"size", .text = &plan.size_list},
        {"count", .number = &plan.count, .minimum = 1, .maximum = 100000000},
        {"warmup", .number = &plan.warmup, .minimum = 0, .maximum = 100000000},
        {"cpu", .text = &cpus},
        {"bars", .flag = &plan.bars},
        {"csv", .text = &plan.csv_path},
        {"name", .text = &name},
        {"timeout", .number = &pair.timeout_s, .minimum = 0, .maximum = 1000000},
        {.name = NULL},
    };
    int first = parse_options(argc, argv, help, rules);
    mode = argv[first];
    if (mode != NULL)
        reject_arguments(first + 1, argv);
    read_plan(&plan, mode);
    read_processors(pair.processors, cpus, mode != NULL);
    pair.names = region_names("", name, REGION_NAME_LENGTH);
    if (strcmp(name, bench_name) == 0)
        pair.names.option[0] = '\0'; /* the reader's default, too */
    pair.watch.timeout_ms = pair.timeout_s == 0 ? -1 : pair.timeout_s * 1000;
}

/* Runs at exit, whatever the reason. */
static void leave(void)
{
    link_close(&pair.link);
    free_buffers(&pair.buffers);
    region_close(&pair.region);
}

/* [fit] Containers often have but 64 MB of shared memory: what doesn't fit is halved. What a dead writer left
 * is taken over in the size it has. */
static void own_region(void)
{
    struct region_format format = bench_format;
    format.size_bytes = region_leftover_bytes(pair.names.region, &bench_format);
    if (format.size_bytes < REGION_BYTES_MIN || format.size_bytes > REGION_BYTES)
        format.size_bytes = REGION_BYTES;
    while (region_own(&pair.region, pair.names.region, &format) == -1) {
        exit_if_stopped();
        if (errno != ENOSPC || format.size_bytes / 2 < REGION_BYTES_MIN)
            die("cannot create %s: %s", pair.names.region, pair.region.problem);
        format.size_bytes = format.size_bytes / 2 / 4096 * 4096;
    }
    pair.shared = (struct shared *)pair.region.header;
    place_clear(pair.shared); /* what a dead writer had made */
}

enum { FORMER_READER_MS = 500 }; /* some looks */

/* Empties the reader's place when whoever holds it has gone: the reader of a writer that died will, with
 * its next look, unless it is suspended. */
static bool empty_readers_place(void)
{
    _Atomic struct region_claim *place = &pair.region.header->peer;
    struct region_claim nobody = {0, pair.region.mine.generation, REGION_FREE};
    struct region_claim found = atomic_load_explicit(place, memory_order_acquire);
    int64_t deadline = deadline_after_ms(FORMER_READER_MS);
    while (!region_claim(place, &found, nobody)) {
        exit_if_stopped();
        if (deadline_passed(deadline))
            return false;
        sleep_until(now_ns() + NS_PER_MS);
        found = atomic_load_explicit(place, memory_order_acquire);
    }
    return true;
}

/* [former] A dead writer's reader works on till its next look: what it writes would be taken for the next
 * reader's. So it is waited for; or it keeps the region, whose name goes, and another one is made. */
static void create_region(void)
{
    for (own_region(); !empty_readers_place(); own_region())
        region_close(&pair.region);
    if (pair.region.size_bytes != REGION_BYTES)
        note("the region has %zu MiB instead of %zu, since there is no more room (df /dev/shm); "
             "the longest message has %zu bytes",
             pair.region.size_bytes / MIB, REGION_BYTES / MIB, message_max(&pair));
    struct shared *shared = pair.shared;
    atomic_store_explicit(&shared->order_number, 0, memory_order_relaxed);
    atomic_store_explicit(&shared->answer_number, 0, memory_order_relaxed);
    region_publish(&pair.region);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_stop_signals();
    signal(SIGPIPE, SIG_IGN); /* print_data() notices a closed stdout; a transport its closed end */
    CHECK(atexit(leave));

    create_region();
    if (mode == NULL)
        return show_menu(&pair);
    check_sizes(&plan, message_max(&pair));
    FILE *csv = open_csv(plan.csv_path);
    await_reader(&pair);
    compare(&pair, &plan, csv);
    return exit_status();
}
