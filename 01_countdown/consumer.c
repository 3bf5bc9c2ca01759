/* consumer.c - receives the numbers of a countdown through shared memory and prints them
 *
 * Partner: producer.c. Both include countdown.h, which says what the region holds.
 * Build:   cc consumer.c -o consumer -pthread -lrt     (macOS: without -lrt)
 * Run:     ./consumer       and in a second terminal:  ./producer
 * Look first at main, then at try_attach() and receive().
 */
#define _GNU_SOURCE /* sem_clockwait() */
#include "countdown.h"

const char program_name[] = "consumer";

static const char help[] =
    "Usage: consumer [--name NAME] [--timeout SECONDS]\n"
    "Receives the numbers of a countdown through shared memory and prints them.\n"
    "\n"
    "  --name NAME        shared memory object (default /countdown-UID)\n"
    "  --timeout SECONDS  longest wait for the producer, 0 = for ever (default 60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run it in one terminal and, with the same --name, ./producer in another.\n"
    "Either may start first.\n";

static long long timeout_s = 60;
static struct countdown_names names;

static struct countdown *countdown; /* the region, as this process sees it; NULL: not mapped */
static sem_t *writable = SEM_FAILED, *readable = SEM_FAILED;
static struct region_claim mine;     /* what this process wrote into header.peer */
static struct region_claim producer; /* what the producer wrote into header.owner */

static void read_options(int argc, char **argv)
{
    const char *name = NULL;
    const struct option_rule rules[] = {
        {"name", .text = &name},
        {"timeout", .number = &timeout_s, .maximum = 86400},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    names = countdown_names(name);
}

/* Runs at exit, whatever the reason. The names are the producer's to remove, not ours. */
static void leave(void)
{
    if (mine.pid != 0)
        region_leave(&countdown->header.peer, mine);
}

/* Undoes a try_attach() that came too early. */
static void let_go(void)
{
    if (writable != SEM_FAILED)
        CHECK(sem_close(writable));
    if (readable != SEM_FAILED)
        CHECK(sem_close(readable));
    if (countdown != NULL)
        CHECK(munmap(countdown, sizeof *countdown));
    writable = readable = SEM_FAILED;
    countdown = NULL;
}

/* [map] False: there is no object yet, or it has no size yet. To touch it sooner would kill this
 * process (SIGBUS: there is no memory behind the address). */
static bool map_region(struct stat *object)
{
    int fd = shm_open(names.region, O_RDWR, 0);
    if (fd == -1 && errno == ENOENT)
        return false;
    if (fd == -1)
        die("cannot open %s: %s; choose another with --name", names.region, strerror(errno));
    CHECK(fstat(fd, object));
    if (object->st_size == 0) {
        CHECK(close(fd));
        return false;
    }
    if (object->st_uid != geteuid())
        die("cannot use %s: it belongs to user %u; choose another with --name", names.region,
            (unsigned)object->st_uid);
    if (!region_size_fits(object->st_size, sizeof *countdown))
        die("cannot use %s: it has %lld bytes, expected %zu; " REGION_REMOVE_HINT, names.region,
            (long long)object->st_size, sizeof *countdown, names.region);
    void *address = mmap(NULL, sizeof *countdown, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED)
        die("cannot map %s: %s", names.region, strerror(errno));
    countdown = address;
    CHECK(close(fd)); /* the mapping keeps the object */
    return true;
}

/* [attach] False: no living producer has published it. */
static bool region_is_ready(const struct stat *object)
{
    char problem[REGION_PROBLEM_BYTES];
    int fits =
        region_check_format(&countdown->header, &countdown_format, object, names.region, problem);
    if (fits == -1)
        die("cannot use %s: %s", names.region, problem);
    /* acquire: pairs with producer.c [publish]. Before READY nothing in the region may be used. */
    producer = atomic_load_explicit(&countdown->header.owner, memory_order_acquire);
    return fits == 1 && producer.state == REGION_READY && process_is_alive(producer.pid);
}

/* False: the producer has connected to another consumer and removed the names. */
static bool open_semaphores(void)
{
    writable = sem_open(names.writable, 0); /* no O_CREAT: the one that exists, or none */
    if (writable != SEM_FAILED)
        readable = sem_open(names.readable, 0);
    if (readable == SEM_FAILED && errno != ENOENT)
        die("cannot open the semaphores of %s: %s", names.region, strerror(errno));
    return readable != SEM_FAILED;
}

/* [same run] False: these are another run's semaphores. While they were opened, the producer may have gone
 * and a next one have come, which made others: for a new region of that name, or for this one. */
static bool is_still_that_run(const struct stat *object)
{
    int named = CHECK(region_is_named(names.region, object, producer));
    struct region_claim now = atomic_load_explicit(&countdown->header.owner, memory_order_acquire);
    return named == 1 && same_claim(now, producer);
}

/* [join] Last, when everything else is open. False: the producer is connected to a consumer that has
 * died, or another producer has taken the region over. */
static bool join_region(void)
{
    struct region_claim found = atomic_load_explicit(&countdown->header.peer, memory_order_acquire);
    struct region_claim claim = {getpid(), producer.generation, REGION_READY};
    while (found.generation == producer.generation) {
        if (process_is_alive(found.pid))
            die("cannot join %s: another consumer (pid %d) is connected; wait for its end, or "
                "choose another --name for both halves",
                names.region, (int)found.pid);
        if (found.state == REGION_CONNECTED)
            return false;
        if (region_claim(&countdown->header.peer, &found, claim)) {
            mine = claim;
            return true;
        }
    }
    return false;
}

/* One attempt to be connected to a producer. False: nothing there yet; nothing is left open. */
static bool try_attach(void)
{
    struct stat object;
    if (map_region(&object) && region_is_ready(&object) && open_semaphores() &&
        is_still_that_run(&object) && join_region())
        return true;
    let_go();
    return false;
}

/* [connect] Polls: nothing in POSIX tells a process that a name has appeared. */
static void wait_for_producer(void)
{
    int64_t deadline = timeout_deadline(timeout_s);
    struct backoff backoff = {0};
    for (bool told = false; !try_attach(); told = true) {
        if (!told)
            note("waiting for the producer; in another terminal: ./producer%s", names.option);
        exit_if_stopped();
        if (deadline_passed(deadline))
            die("no producer came within %lld s; start one: ./producer%s", timeout_s, names.option);
        backoff_wait(&backoff);
    }
}

/* [turn] Waits until there is a number to read. False: a stop signal came. */
static bool my_turn(long long expected)
{
    const char *trouble =
        take_turn(readable, &countdown->header.owner, producer, timeout_deadline(timeout_s));
    if (trouble == NULL || stop_requested())
        return trouble == NULL;
    if (expected == -1)
        die("the producer (pid %d) %s; nothing was received", (int)producer.pid, trouble);
    die("the producer (pid %d) %s; %lld to 0 are missing", (int)producer.pid, trouble, expected);
}

/* [count] Reads each number once, in its turn; only then may the producer write the next. */
static void receive(void)
{
    long long expected = -1; /* -1: the first number may be any */
    do {
        if (!my_turn(expected)) {
            if (stop_signal != SIGPIPE)
                note("stopped before the countdown had ended");
            return;
        }
        long long number = countdown->number;
        copied_once(); /* from here on the copy is checked and used, whatever happens in the region */
        if (number < 0 || number > COUNTDOWN_HIGHEST)
            die("%s is damaged: it holds %lld, which is no number of a countdown", names.region,
                number);
        if (expected != -1 && number != expected)
            die("%s is damaged: it holds %lld where %lld was expected", names.region, number,
                expected);
        print_data("received %lld\n", number);
        if (ferror(stdout))
            return; /* a stop signal came first: a number that nobody saw is not acknowledged */
        CHECK(sem_post(writable)); /* wakes take_turn() in producer.c */
        expected = number - 1;
    } while (expected >= 0);
    print_data("liftoff\n");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_stop_signals();
    CHECK(atexit(leave));

    wait_for_producer();
    receive();
    CHECK(sem_close(writable));
    CHECK(sem_close(readable));
    return exit_status();
}
