/* producer.c - counts down and hands each number to the consumer through shared memory
 *
 * Partner: consumer.c. Both include countdown.h, which says what the region holds.
 * Build:   cc producer.c -o producer -pthread -lrt     (macOS: without -lrt)
 * Run:     ./producer       and in a second terminal:  ./consumer
 * Look first at main, then at [publish] and count_down().
 */
#define _GNU_SOURCE /* sem_clockwait() */
#include "countdown.h"

const char program_name[] = "producer";

static const char help[] =
    "Usage: producer [--from N] [--interval MS] [--name NAME] [--timeout SECONDS]\n"
    "Counts down to 0 and hands each number to the consumer through shared memory.\n"
    "\n"
    "  --from N           first number, 0 to 1000000 (default 10)\n"
    "  --interval MS      pause between two numbers, 0 to 10000 ms (default 500)\n"
    "  --name NAME        shared memory object (default /countdown-UID)\n"
    "  --timeout SECONDS  longest wait for the consumer, 0 = for ever (default 60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run it in one terminal and, with the same --name, ./consumer in another.\n"
    "Either may start first.\n";

static long long from = 10, interval_ms = 500, timeout_s = 60;
static long long sent, acknowledged; /* numbers handed over, and read by the consumer */
static struct countdown_names names;
static struct stat object; /* which object has the region's name */
static bool names_are_ours;

static struct countdown *countdown; /* the region, as this process sees it */
static sem_t *writable, *readable;
static struct region_claim mine;     /* what this process wrote into header.owner */
static struct region_claim consumer; /* what the consumer wrote into header.peer */

static void read_options(int argc, char **argv)
{
    const char *name = NULL;
    const struct option_rule rules[] = {
        {"from", .number = &from, .maximum = COUNTDOWN_HIGHEST},
        {"interval", .number = &interval_ms, .maximum = 10000},
        {"name", .text = &name},
        {"timeout", .number = &timeout_s, .maximum = 86400},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    names = countdown_names(name);
}

/* [unlink] Names go; the objects live on while a process has them mapped or open. The region's name
 * goes last: only who has claimed it may touch the other two. */
static void remove_names(void)
{
    if (names_are_ours && region_is_named(names.region, &object, mine) == 1) {
        sem_unlink(names.writable); /* may not exist yet: nothing to check */
        sem_unlink(names.readable);
        shm_unlink(names.region);
    }
    names_are_ours = false;
}

/* Runs at exit, whatever the reason: die(), a stop signal, the end. */
static void leave(void)
{
    remove_names();
    if (mine.pid != 0)
        region_leave(&countdown->header.owner, mine);
}

/* [create] O_EXCL: exactly one of many producers makes the object. The others open that one. */
static int open_object(bool *created)
{
    for (;;) {
        int fd = shm_open(names.region, O_CREAT | O_EXCL | O_RDWR, 0600);
        *created = fd != -1;
        bool exists = fd == -1 && errno == EEXIST;
        if (exists)
            fd = shm_open(names.region, O_RDWR, 0);
        if (fd != -1)
            return fd;
        if (!exists || errno != ENOENT) /* unlinked between the two calls: create it then */
            die("cannot create %s: %s; choose another with --name", names.region, strerror(errno));
    }
}

/* [size] A new object has no bytes; those it gets are 0: no magic, owned by nobody. Its size is set
 * once, by whoever made it, or by the next producer if that one died before it came to it. */
static void size_object(int fd, bool created)
{
    int64_t patience = deadline_after_ms(created ? 0 : 1000);
    CHECK(fstat(fd, &object));
    if (object.st_uid != geteuid())
        die("cannot use %s: it belongs to user %u; choose another with --name", names.region,
            (unsigned)object.st_uid);
    while (object.st_size == 0 && !deadline_passed(patience)) {
        exit_if_stopped();
        sleep_until(now_ns() + 10 * NS_PER_MS);
        CHECK(fstat(fd, &object));
    }
    if (object.st_size == 0) {
        int error = 0;
#ifndef __APPLE__
        /* Reserves the page, and only then sets the size: a full /dev/shm is an error here, not a
         * SIGBUS at the first write. ftruncate() then finds the size as it should be. */
        do
            error = posix_fallocate(fd, 0, sizeof *countdown);
        while (error == EINTR);
#endif
        if (error == 0 && ftruncate(fd, sizeof *countdown) == -1 && errno != EINVAL)
            error = errno; /* EINVAL: on macOS, another producer was quicker */
        if (error != 0) {
            if (created)
                region_unlink_empty(names.region, fd);
            die("cannot reserve %zu bytes for %s: %s; see df /dev/shm, and ls -l /dev/shm for "
                "what can be removed",
                sizeof *countdown, names.region, strerror(error));
        }
        CHECK(fstat(fd, &object));
    }
    if (!region_size_fits(object.st_size, sizeof *countdown))
        die("cannot use %s: it has %lld bytes, expected %zu; " REGION_REMOVE_HINT, names.region,
            (long long)object.st_size, sizeof *countdown, names.region);
}

/* [map] From here on the region is plain memory, at an address that only this process knows. */
static void map_object(int fd)
{
    void *address = mmap(NULL, sizeof *countdown, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED)
        die("cannot map %s: %s", names.region, strerror(errno));
    countdown = address;
    CHECK(close(fd)); /* the mapping keeps the object */
}

/* [own] Returns false when the object was unlinked meanwhile. A producer that lives is not
 * disturbed; a dead one's region is taken over as it lies there. */
static bool own_region(void)
{
    char problem[REGION_PROBLEM_BYTES];
    if (region_check_format(&countdown->header, &countdown_format, &object, names.region,
                            problem) == -1)
        die("cannot use %s: %s", names.region, problem);

    struct region_claim found =
        atomic_load_explicit(&countdown->header.owner, memory_order_acquire);
    struct region_claim claim;
    do { /* after a lost round, found is the winner */
        if (process_is_alive(found.pid))
            die("cannot create %s: another producer (pid %d) is running; stop it first, or choose "
                "another --name",
                names.region, (int)found.pid);
        claim = (struct region_claim){getpid(), (uint16_t)(found.generation + 1), REGION_BUILDING};
    } while (!region_claim(&countdown->header.owner, &found, claim));

    if (CHECK(region_is_named(names.region, &object, claim)) == 0) {
        CHECK(munmap(countdown, sizeof *countdown));
        return false;
    }
    mine = claim;
    names_are_ours = true;
    return true;
}

static void create_region(void)
{
    do {
        bool created;
        int fd = open_object(&created);
        size_object(fd, created);
        map_object(fd);
    } while (!own_region());
}

/* [semaphore] sem_open() of a name that exists ignores the value and keeps the old one: what a
 * dead run left must go first. It is ours to remove, since the region is ours. */
static sem_t *create_semaphore(const char *name, unsigned value)
{
    if (sem_unlink(name) == -1 && errno != ENOENT)
        die("cannot remove the old semaphore %s: %s; choose another --name", name, strerror(errno));
    sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, value);
    if (semaphore == SEM_FAILED)
        die("cannot create the semaphore %s: %s", name, strerror(errno));
    return semaphore;
}

/* [publish] Last of all, when everything is in its place. */
static void publish_region(void)
{
    struct region_claim nobody = {0, mine.generation, REGION_FREE};
    region_write_format(&countdown->header, &countdown_format);
    atomic_store_explicit(&countdown->header.peer, nobody, memory_order_relaxed);
    mine.state = REGION_READY;
    /* release: who sees READY (consumer.c [attach], acquire) sees all that was written above. */
    atomic_store_explicit(&countdown->header.owner, mine, memory_order_release);
}

/* [connect] Waits till a consumer has put its pid into the region, and marks that place as taken for
 * good: should this consumer die, no other one may slip in and go on in the middle. */
static void wait_for_consumer(void)
{
    int64_t deadline = timeout_deadline(timeout_s);
    struct backoff backoff = {0};
    for (bool told = false;; told = true) {
        consumer = atomic_load_explicit(&countdown->header.peer, memory_order_acquire);
        struct region_claim connected = consumer;
        connected.state = REGION_CONNECTED;
        if (consumer.pid != 0 && consumer.generation == mine.generation &&
            atomic_compare_exchange_strong_explicit(&countdown->header.peer, &consumer, connected,
                                                    memory_order_acq_rel, memory_order_relaxed))
            return;
        if (!told)
            note("waiting for the consumer; in another terminal: ./consumer%s", names.option);
        exit_if_stopped();
        if (deadline_passed(deadline))
            die("no consumer came within %lld s; start one: ./consumer%s", timeout_s, names.option);
        backoff_wait(&backoff);
    }
}

/* [turn] Waits until the consumer has read the last number. False: a stop signal came. */
static bool my_turn(void)
{
    const char *trouble =
        take_turn(writable, &countdown->header.peer, consumer, timeout_deadline(timeout_s));
    /* A stop signal or the time-out may have come first: then the turn, if it is there, still counts. */
    if (trouble == NULL || sem_trywait(writable) == 0)
        acknowledged = sent;
    if (trouble != NULL && !stop_requested())
        die("the consumer (pid %d) %s; it has read %lld of %lld numbers", (int)consumer.pid,
            trouble, acknowledged, from + 1);
    return trouble == NULL;
}

/* The pause between two numbers. It ends early when the consumer has gone; my_turn() then says so. */
static void pause_interval(void)
{
    int64_t end = deadline_after_ms(interval_ms);
    while (!deadline_passed(end) && !stop_requested() &&
           region_fate(&countdown->header.peer, consumer) == NULL)
        sleep_until(next_look(end));
}

/* [count] One number per turn. */
static void count_down(void)
{
    for (long long number = from; number >= 0 && my_turn(); number--) {
        countdown->number = number;
        CHECK(
            sem_post(readable)); /* wakes take_turn() in consumer.c; what was written is visible */
        sent++;
        print_data("sent %lld\n", number);
        if (number > 0)
            pause_interval();
    }
    if (sent == from + 1)
        my_turn(); /* exit status 0 means that 0 was not only sent, but read */
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_stop_signals();
    CHECK(atexit(leave));

    create_region();
    writable = create_semaphore(names.writable, 1); /* the producer begins ... */
    readable = create_semaphore(names.readable, 0); /* ... and there is nothing to read yet */
    publish_region();
    wait_for_consumer();
    remove_names(); /* both have all open: from now on even kill -9 leaves nothing behind */

    int64_t start = now_ns();
    count_down();
    if (stop_signal != SIGPIPE)
        note("%lld of %lld numbers read by the consumer in %.1f s", acknowledged, from + 1,
             seconds_since(start));
    CHECK(sem_close(writable));
    CHECK(sem_close(readable));
    return exit_status();
}
