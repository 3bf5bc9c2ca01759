/* consumer.c - processes batches of numbers in place, with the vector instructions that are there
 *
 * Partner: producer.c. Both include batch_ring.h, the ring, and batch_pair.h, its region and its batches.
 * Build:   cc consumer.c kernels*.c -o consumer -O2 -pthread -lrt     (macOS: without -lrt)
 * Run:     ./consumer       and in a second terminal:  ./producer
 * Look first at main, then at process(), process_run() and repair().
 */
#define _GNU_SOURCE
#include "../common/live_line.h"
#include "check_batch.h"

const char program_name[] = "consumer";

static const char help[] =
    "Usage: consumer [--isa auto|scalar|sse2|avx2|avx512|neon] [--verify all|sample|none]\n"
    "                [--pages auto|4k|thp|hugetlb] [--name NAME] [--timeout SECONDS]\n"
    "Processes batches of 1024 numbers in shared memory, in the slots where they were made.\n"
    "\n"
    "  --isa ISA          which instructions to use (default auto: the best that are there)\n"
    "  --verify WHICH     batches to check against the scalar kernel: all, every 1024th, none\n"
    "                     (default sample)\n"
    "  --pages PAGES      as the producer's (default auto); hugetlb finds only its hugetlb rings\n"
    "  --name NAME        shared memory object (default /simd-UID)\n"
    "  --timeout SECONDS  longest wait for the producer, 0 = for ever (default 60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run it in one terminal and, with the same --name, ./producer in another.\n"
    "Either may start first. Stopped or killed, either goes on where it was when started again.\n";

enum verify { VERIFY_ALL, VERIFY_SAMPLE, VERIFY_NONE, VERIFY_COUNT };
enum { RUN_MAX = 16, SAMPLE_EVERY = 1024, DRAIN_AFTER_STOP_MS = 1000 };

static long long timeout_s = 60;
static enum pages pages;
static enum verify verify;
static const struct kernels *kernels;
static struct region_names names;

static struct region region;
static struct batch_reader reader;
static enum kernel kernel; /* the ring's */
static uint64_t seed;      /* the ring's */
static char pages_got[PAGES_TEXT_BYTES] = "no pages";

static uint64_t processed, wrong, first_wrong;
static int64_t first_ns, last_ns;
static double speeds[ISA_COUNT]; /* GB/s; 0: not there */
static bool timed_out;
static struct peer_wait patience;
static struct live_line line;

static void choose_isa(const char *name)
{
    const char *words[ISA_COUNT + 1] = {[ISA_AUTO] = "auto"};
    for (enum isa isa = 0; isa < ISA_COUNT; isa++)
        words[isa] = kernels_name(isa);
    kernels = kernels_select((enum isa)parse_word("isa", name, words, ISA_COUNT + 1));
    if (kernels == NULL) {
        char list[KERNELS_LIST_BYTES];
        die("--isa %s: this processor has no such instructions; it has %s", name,
            kernels_list(list));
    }
}

static void read_options(int argc, char **argv)
{
    static const char *const verify_words[] = {"all", "sample", "none"};
    const char *name = NULL, *isa = "auto", *which = "sample", *pages_name = "auto";
    const struct option_rule rules[] = {
        {"isa", .text = &isa},
        {"verify", .text = &which},
        {"pages", .text = &pages_name},
        {"name", .text = &name},
        {"timeout", .number = &timeout_s, .maximum = 86400},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    verify = (enum verify)parse_word("verify", which, verify_words, VERIFY_COUNT);
    pages = (enum pages)parse_word("pages", pages_name, pages_names, PAGES_COUNT);
    names = region_names("simd", name, REGION_NAME_LENGTH);
    choose_isa(isa);
}

/* Gives the place at the ring back. Runs at exit too, whatever the reason. */
static void leave(void)
{
    live_line_erase(&line);
    if (region.header == NULL)
        return;
    batch_ring_leave(&region);
    region_close(&region);
}

static void check_ring(void)
{
    if (!reader.is_damaged)
        return;
    char hint[HINT_BYTES];
    live_line_erase(&line);
    die("%s is damaged: its indices do not fit each other; %s", names.region,
        remove_hint(hint, names.region));
}

static bool is_worth_joining(void)
{
    struct batch_ring *ring = batch_ring_of(&region);
    return region_is_worth_joining(&region, &ring->slots, &ring->head, &ring->tail);
}

/* [join] One attempt. Looks twice: before its place is taken, another consumer may read the rest. */
static bool try_join(void)
{
    int found = region_find(&region, names.region, &batch_format);
    if (found == -1) {
        char path[REGION_PATH_BYTES];
        die("cannot use %s: %s", object_path(path, names.region), region.problem);
    }
    if (found == 0)
        return false;
    if (region.size_bytes >= sizeof(struct batch_ring) && is_worth_joining()) {
        if (region_take_peer(&region) == -1)
            die("cannot join %s: %s", names.region, region.problem);
        if (is_worth_joining())
            return true;
    }
    leave();
    return false;
}

/* Copies what the ring says once, and checks it: a hostile half may change it at any time. */
static void read_ring(void)
{
    struct batch_ring *ring = batch_ring_of(&region);
    reader = batch_reader(ring);
    uint32_t its_kernel = ring->kernel;
    seed = ring->seed;
    copied_once();
    if (!batch_ring_fits(&region, reader.mask) || its_kernel >= KERNEL_COUNT) {
        char hint[HINT_BYTES];
        die("cannot use %s: its number of slots or its kernel is damaged; %s", names.region,
            remove_hint(hint, names.region));
    }
    check_ring();
    kernel = (enum kernel)its_kernel;
}

/* [repair] A dead consumer had these in hand: some of their numbers may be processed already, and to
 * square them twice would be wrong. They can be made again here; elsewhere, see the README. */
static void repair(void)
{
    if (reader.spoiled == 0)
        return;
    note("a consumer died with %llu batches in hand; they are made again from number %llu on",
         (unsigned long long)reader.spoiled, (unsigned long long)reader.tail);
    for (uint64_t number = reader.tail; number < reader.tail + reader.spoiled; number++)
        kernels->fill(reader.ring->batches[number & reader.mask].floats, BATCH_FLOATS,
                      batch_key(seed, number));
}

/* [connect] False: a stop signal came, or nobody. */
static bool join(void)
{
    int64_t deadline = timeout_deadline(timeout_s);
    struct backoff backoff = {0};
    for (bool was_told = false; !try_join(); was_told = true) {
        if (!was_told)
            note("waiting for the producer; in another terminal: ./producer%s%s", names.option,
                 pages == PAGES_HUGETLB ? " --pages hugetlb" : "");
        timed_out = deadline_passed(deadline);
        if (timed_out || stop_requested())
            return false;
        backoff_wait(&backoff);
    }
    pages_ask(&region, pages);
    pages_text(pages_got, &region);
    read_ring();
    repair();
    return true;
}

/* Every instruction set that is there, on the kernel that the ring asks for. */
static void measure_speeds(void)
{
    for (enum isa isa = 0; isa < ISA_COUNT; isa++)
        if (kernels_select(isa) != NULL)
            speeds[isa] = kernel_speed(kernels_select(isa), kernel);
}

/* On a terminal: a bar for each instruction set that is there; a star at the one that will be used. */
static void show_speeds(void)
{
    double best = 0;
    for (int i = 0; i < ISA_COUNT; i++)
        best = speeds[i] > best ? speeds[i] : best;
    for (enum isa isa = 0; line.is_on && isa < ISA_COUNT; isa++) {
        if (speeds[isa] == 0)
            continue;
        char bar[24];
        fprintf(stderr, "%-6s%c %s %3.0f GB/s\n", kernels_name(isa),
                isa == kernels->isa ? '*' : ' ', live_bar(bar, speeds[isa] / best), speeds[isa]);
    }
}

static void show_live_line(int64_t now)
{
    if (!live_line_due(&line, now))
        return;
    char speed[24];
    double per_second = live_line_rate(&line, now, processed);
    live_line_show(&line, "%s batches/s  %.1f GB/s", rate_text(speed, per_second),
                   per_second * BATCH_BYTES / 1e9);
}

/* [stop] Ctrl-C in one terminal reaches both halves: so after a stop signal the producer has a
 * moment to close the ring, and if it does, what is left is processed, for a second at most. */
static bool must_stop(void)
{
    static int64_t deadline;
    static bool has_closed;
    int pid;
    if (!stop_requested())
        return false;
    if (deadline == 0)
        deadline = deadline_after_ms(LOOK_INTERVAL_MS);
    if (!has_closed && region_half(&region.header->owner, &pid) == HALF_STOPPED) {
        has_closed = true;
        deadline = deadline_after_ms(DRAIN_AFTER_STOP_MS);
    }
    return deadline_passed(deadline);
}

/* [process] Each batch where it is: the results replace what they were made of. */
static void process_run(struct batch *first, uint32_t run)
{
    for (uint32_t i = 0; i < run; i++) {
        uint64_t number = reader.tail + i;
        float result = apply(kernels, kernel, first[i].floats, BATCH_FLOATS);
        if ((verify == VERIFY_ALL || (verify == VERIFY_SAMPLE && number % SAMPLE_EVERY == 0)) &&
            !batch_is_right(&first[i], kernel, result, batch_key(seed, number)) && wrong++ == 0)
            first_wrong = number;
    }
    processed += run;
}

/* [end] Nothing is there. What becomes of the producer? Looked at in this order: first it is gone,
 * then the ring is empty; the other way round, its last batches might come in between. */
static enum half producer_at_empty_ring(bool look)
{
    /* acquire: pairs with the release in region_leave(): the last head is visible. */
    struct region_claim owner = atomic_load_explicit(&region.header->owner, memory_order_acquire);
    int pid = owner.pid;
    enum half producer = HALF_RUNS;
    if (owner.state == REGION_CLOSED || look)
        producer = region_half(&region.header->owner, &pid);
    wait_is_for(&patience, pid);
    if (producer == HALF_RUNS && look && waited_too_long(&patience, timeout_s)) {
        live_line_erase(&line);
        die("the producer (pid %d) has sent nothing for %lld s; is it suspended?", pid, timeout_s);
    }
    if (producer == HALF_RUNS || batch_ring_unread(&reader) > 0)
        return HALF_RUNS;
    if (producer == HALF_DIED) {
        live_line_erase(&line);
        note("the producer (pid %d) has died; all that it had made is processed, nothing is lost",
             pid);
    }
    return producer;
}

/* Processes until a stop signal comes, or the producer is gone and nothing is left. */
static enum half process(void)
{
    enum half producer = HALF_RUNS;
    while (producer == HALF_RUNS && !must_stop()) {
        struct batch *first;
        uint32_t run = batch_take(&reader, RUN_MAX, &first);
        if (run > 0) {
            if (processed == 0)
                first_ns = now_ns();
            process_run(first, run);
            batch_release(&reader, run);
            wait_is_over(&patience);
            last_ns = now_ns();
        } else {
            check_ring();
            producer = producer_at_empty_ring(wait_a_little(&patience));
        }
        show_live_line(line.is_on ? now_ns() : 0);
    }
    return producer;
}

static void report(void)
{
    double bytes = (double)processed * BATCH_BYTES, ns = (double)(last_ns - first_ns);
    char result[40] = "not checked";
    if (verify != VERIFY_NONE)
        snprintf(result, sizeof result, "%llu wrong", (unsigned long long)wrong);
    live_line_erase(&line);
    if (stop_signal == SIGPIPE)
        return;
    print_data("processed %llu batches, %.1f GB, %.1f GB/s, %s, %s, %.1f times scalar, %s\n",
               (unsigned long long)processed, bytes / 1e9, ns > 0 ? bytes / ns : 0, kernels->name,
               pages_got, speeds[0] > 0 ? speeds[kernels->isa] / speeds[0] : 0, result);
    if (wrong > 0)
        die("%llu of the batches that were checked are wrong; the first is number %llu",
            (unsigned long long)wrong, (unsigned long long)first_wrong);
    if (timed_out)
        die("no producer came within %lld s; start one: ./producer%s", timeout_s, names.option);
    if (stop_requested() && region.header != NULL && batch_ring_unread(&reader) > 0)
        note("%llu batches stay in %s; to process them: ./consumer%s",
             (unsigned long long)batch_ring_unread(&reader), names.region, names.option);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_stop_signals();
    CHECK(atexit(leave));
    choose_folder(pages);

    line = live_line();
    enum half producer = HALF_DIED;
    while (producer == HALF_DIED && join()) {
        measure_speeds();
        show_speeds();
        producer = process();
        if (producer == HALF_DIED)
            leave(); /* and wait for the next producer */
    }
    report();
    return exit_status();
}
