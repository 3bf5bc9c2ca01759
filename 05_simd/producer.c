/* producer.c - makes batches of numbers in shared memory, in the slots where they will be processed
 *
 * Partner: consumer.c. Both include batch_ring.h, the ring, and batch_pair.h, its region and its batches.
 * Build:   cc producer.c kernels*.c -o producer -O2 -pthread -lrt     (macOS: without -lrt)
 * Run:     ./producer       and in a second terminal:  ./consumer
 * Look first at main, then at produce() and create_ring().
 */
#define _GNU_SOURCE
#include "../common/sender.h"
#include "batch_pair.h"

const char program_name[] = "producer";

static const char help[] =
    "Usage: producer [--batches N] [--kernel square|sum|sigmoid] [--seed S] [--slots N]\n"
    "                [--pages auto|4k|thp|hugetlb] [--name NAME] [--timeout SECONDS]\n"
    "Makes batches of 1024 numbers in shared memory, for the consumer to process in place.\n"
    "\n"
    "  --batches N        batches to make (default: until Ctrl-C)\n"
    "  --kernel KERNEL    what is to be done with them (default square, or the ring's)\n"
    "  --seed S           what the numbers are made of, 0 to 9223372036854775807\n"
    "                     (default 1, or the ring's)\n"
    "  --slots N          batches that the ring holds, a power of two from 2 to 268435456\n"
    "                     (default 1024, or what the ring that is there has)\n"
    "  --pages PAGES      2 MiB pages: auto: thp if possible; 4k: none; thp: put together by\n"
    "                     the kernel; hugetlb: a file on a hugetlbfs (default auto)\n"
    "  --name NAME        shared memory object (default /simd-UID)\n"
    "  --timeout SECONDS  longest wait for the consumer, 0 = for ever (default 60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run it in one terminal and, with the same --name, ./consumer in another.\n"
    "Either may start first. Stopped or killed, either goes on where it was when started again.\n";

enum { SLOTS_DEFAULT = 1024, SEED_DEFAULT = 1, RUN_MAX = 16 };

static long long batches = -1, seed = -1, slots, timeout_s = 60;
static int kernel = -1;
static enum pages pages = PAGES_AUTO;
static struct region_names names;

static const struct kernels *kernels;
static struct region region;
static struct batch_writer writer;
static uint64_t first_number; /* of this run; the numbers are the ring's indices */
static uint64_t times_full;
static struct live_line line;

static void read_options(int argc, char **argv)
{
    const char *name = NULL, *kernel_name = NULL, *pages_name = "auto";
    const struct option_rule rules[] = {
        {"batches", .number = &batches, .maximum = INT64_MAX},
        {"kernel", .text = &kernel_name},
        {"seed", .number = &seed, .maximum = INT64_MAX},
        {"slots", .number = &slots, .minimum = 2, .maximum = BATCH_SLOTS_MAX},
        {"pages", .text = &pages_name},
        {"name", .text = &name},
        {"timeout", .number = &timeout_s, .maximum = 86400},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    if (slots != 0 && !batch_slots_valid((uint32_t)slots))
        usage_die("--slots %lld: give a power of two from 2 to %u", slots, BATCH_SLOTS_MAX);
    if (kernel_name != NULL)
        kernel = parse_word("kernel", kernel_name, kernel_names, KERNEL_COUNT);
    pages = (enum pages)parse_word("pages", pages_name, pages_names, PAGES_COUNT);
    names = region_names("simd", name, REGION_NAME_LENGTH);
}

static uint64_t made(void)
{
    return writer.head - first_number;
}

static unsigned long long batches_left(void)
{
    return region_left(writer.head, &writer.ring->tail, BATCH_SLOTS_MAX);
}

/* Runs at exit, whatever the reason: no more batches come. */
static void leave(void)
{
    live_line_erase(&line);
    if (region.header != NULL)
        batch_ring_leave(&region);
}

/* Without --slots, a ring that is there keeps its size. */
static void choose_slots(void)
{
    struct region found;
    if (slots == 0 && region_find(&found, names.region, &batch_format) == 1) {
        uint64_t mask = batch_ring_mask(batch_ring_of(&found));
        slots = mask != 0 && batch_ring_fits(&found, mask) ? (long long)mask + 1 : 0;
        region_close(&found);
    }
    /* else by its size: its creator may have died before it wrote the slots */
    size_t bytes = slots == 0 ? region_leftover_bytes(names.region, &batch_format) : 0;
    for (long long there = 2; bytes != 0 && there <= BATCH_SLOTS_MAX; there *= 2)
        if (batch_ring_bytes((uint32_t)there) <= bytes)
            slots = there;
    if (slots == 0)
        slots = SLOTS_DEFAULT;
}

static void own_region(const struct region_format *format)
{
    char path[REGION_PATH_BYTES];
    if (region_own(&region, names.region, format) == 0)
        return;
    exit_if_stopped();
    if (errno == ENOSPC && pages == PAGES_HUGETLB)
        die("cannot create %s: no %zu free pages of 2 MiB; sudo sysctl vm.nr_hugepages=%zu",
            object_path(path, names.region), format->size_bytes / HUGE_PAGE_BYTES,
            format->size_bytes / HUGE_PAGE_BYTES);
    die("cannot create %s: %s", object_path(path, names.region), region.problem);
}

/* [pages] Asks, and says what it got. Who asked for huge pages by name wants them or nothing. */
static void get_pages(void)
{
    char text[PAGES_TEXT_BYTES];
    pages_ask(&region, pages);
    pages_text(text, &region);
    bool huge = strcmp(text, "2 MiB pages") == 0;
    if (pages == PAGES_THP && !huge && region.is_adopted)
        region_give_back(&region);
    if (pages == PAGES_THP && !huge)
        die("--pages thp: the kernel gives %s; see \"Huge pages\" in the README", text);
    note("%lld slots in %s%s", slots, text,
         pages == PAGES_AUTO && !huge ? ": the kernel gives no others" : "");
}

/* [adopt] A ring that a dead producer left is taken over as it is. What is to be done with its batches,
 * and what they are made of, stays as well. False: another one was asked for, and this one is read. */
static bool adopt_ring(struct batch_ring *ring)
{
    uint32_t its_kernel = ring->kernel;
    uint64_t its_seed = ring->seed;
    copied_once();
    if (writer.is_damaged || !batch_ring_fits(&region, writer.mask) || its_kernel >= KERNEL_COUNT ||
        its_seed > INT64_MAX) {
        char hint[HINT_BYTES];
        die("cannot use %s: it is damaged; %s", names.region, remove_hint(hint, names.region));
    }
    bool fits = (kernel == -1 || (uint32_t)kernel == its_kernel) &&
                (seed == -1 || (uint64_t)seed == its_seed) && writer.mask == (uint64_t)slots - 1;
    unsigned long long left = batches_left();
    if (!fits && left == 0)
        return false;
    if (!fits) {
        region_give_back(&region); /* the consumer goes on with what is there, and waits for more */
        die("%s holds %llu batches for --kernel %s --seed %llu --slots %llu; first let them be "
            "processed: ./consumer%s",
            names.region, left, kernel_names[its_kernel], (unsigned long long)its_seed,
            (unsigned long long)writer.mask + 1, names.option);
    }
    kernel = (int)its_kernel;
    seed = (long long)its_seed;
    note("the ring %s of %lld slots is there, with %llu unread batches; going on with number %llu",
         names.region, slots, batches_left(), (unsigned long long)first_number);
    return true;
}

/* One attempt. False: what was there has been removed. */
static bool try_create(const struct region_format *format)
{
    own_region(format);
    struct batch_ring *ring = batch_ring_of(&region);
    bool is_new = atomic_load_explicit(&ring->slots, memory_order_acquire) == 0;
    if (is_new) {
        kernel = kernel == -1 ? KERNEL_SQUARE : kernel;
        seed = seed == -1 ? SEED_DEFAULT : seed;
        batch_ring_init(ring, (uint32_t)slots, (enum kernel)kernel, (uint64_t)seed);
    }
    writer = batch_writer(ring);
    first_number = writer.head;
    if (is_new || adopt_ring(ring))
        return true;
    batch_ring_leave(&region);
    region_close(&region);
    return false;
}

static void create_ring(void)
{
    choose_slots();
    struct region_format format = batch_format;
    format.size_bytes = batch_ring_bytes((uint32_t)slots);
    while (!try_create(&format))
        exit_if_stopped();
    get_pages();
    writer.ring = batch_ring_of(&region); /* it may have been moved */
    region_publish(&region);
}

static void show_live_line(int64_t now)
{
    if (!live_line_due(&line, now))
        return;
    char speed[24], bar[24];
    double fill = (double)batches_left() / (double)slots;
    double per_second = live_line_rate(&line, now, made());
    live_line_show(&line, "%s batches/s  %.1f GB/s  ring %s %3.0f %%  full %llu times",
                   rate_text(speed, per_second), per_second * BATCH_BYTES / 1e9,
                   live_bar(bar, fill), fill * 100, (unsigned long long)times_full);
}

/* Looks after the consumer: common/sender.h. */
static struct sender sender = {.region = &region,
                               .names = &names,
                               .items = "batches",
                               .verb = "process",
                               .left = batches_left,
                               .line = &line,
                               .show = show_live_line,
                               .told = HALF_RUNS};

static void check_ring(void)
{
    char hint[HINT_BYTES];
    if (!writer.is_damaged)
        return;
    live_line_erase(&line);
    die("%s is damaged: its tail is not within %lld of its head %llu; %s", names.region, slots,
        (unsigned long long)writer.head, remove_hint(hint, names.region));
}

/* [wait] Up to wanted free slots; 0: a stop signal came. */
static uint32_t reserve(uint32_t wanted, struct batch **first)
{
    uint32_t run = batch_reserve(&writer, wanted, first);
    if (run > 0)
        return run;
    times_full++;
    while ((run = batch_reserve(&writer, wanted, first)) == 0 && !stop_requested()) {
        check_ring();
        sender_wait(&sender, timeout_s);
    }
    wait_is_over(&sender.patience);
    return run;
}

/* [produce] The numbers come into being in the slot: there is nothing to copy. */
static void produce(void)
{
    while ((batches == -1 || made() < (uint64_t)batches) && !stop_requested()) {
        uint64_t left = batches == -1 ? RUN_MAX : (uint64_t)batches - made();
        struct batch *first;
        uint32_t run = reserve(left < RUN_MAX ? (uint32_t)left : RUN_MAX, &first);
        for (uint32_t i = 0; i < run; i++)
            kernels->fill(first[i].floats, BATCH_FLOATS,
                          batch_key((uint64_t)seed, writer.head + i));
        batch_commit(&writer, run);
        show_live_line(now_ns());
    }
}

/* [finish] Closes the ring. Exit status 0 means that all was not only made, but processed. */
static void finish(void)
{
    sender_finish(&sender, timeout_s);
}

static void report(void)
{
    if (stop_signal == SIGPIPE)
        return;
    note("made %llu batches; the ring was full %llu times", (unsigned long long)made(),
         (unsigned long long)times_full);
    sender_say_what_is_left(&sender);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_stop_signals();
    CHECK(atexit(leave));
    choose_folder(pages);

    kernels = kernels_select(ISA_AUTO);
    create_ring();
    line = live_line();
    produce();
    finish();
    live_line_erase(&line);
    report();
    return exit_status();
}
