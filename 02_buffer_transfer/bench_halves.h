/* bench_halves.h - the two processes of bench.c: how they start, meet, and keep in step
 *
 * Look first at meet() and barrier(). mpirun starts both; without MPI the first forks the second.
 */
#ifndef BENCH_HALVES_H
#define BENCH_HALVES_H

#include <sys/wait.h>

#include "channel.h"
#ifdef BENCH_MPI
#include <mpi.h>
#endif

enum {
    BOUNCES = 1000,
    BOUNCE_RUNS = 5, /* the fastest one counts */
    WAIT_MS = 10000  /* for the other half, at any single step */
};

/* What the halves share. Each counter has one writer, and a cache line of its own. */
static struct meeting {
    struct {
        _Alignas(128) _Atomic uint64_t count;
    } arrived[2], bounced[2];
    double figure[2];
} * meeting;

static int half;          /* 0 sends the streams, 1 receives them */
static pid_t first_half;  /* the names hold its pid */
static pid_t second_half; /* the child, where there is no mpirun */
static bool share_a_processor;
static struct channel meeting_place, outbox, inbox;

/* Runs at exit, whatever the reason. */
static void leave(void)
{
    channel_close(&outbox);
    channel_close(&inbox);
    channel_close(&meeting_place);
}

/* When the halves lose each other, the first one says so. */
_Noreturn static void fail(const char *step, const struct channel *channel)
{
    exit_if_stopped();
    if (half == 1 && errno == EPIPE)
        exit(1);
    die("the %s half cannot %s: %s", half == 0 ? "first" : "second", step,
        channel_problem(channel));
}

/* ---- both halves in step ---- */

static void await_count(_Atomic uint64_t *count, uint64_t value)
{
    /* acquire: what the other half did before it counted is visible. */
    for (uint32_t looks = 1; atomic_load_explicit(count, memory_order_acquire) < value; looks++) {
        if (share_a_processor)
            sched_yield(); /* the other half needs it */
        if (looks % (1 << 20) != 0)
            continue;
        exit_if_stopped();
        if (channel_other_is_gone(&meeting_place) && /* then it counts no more: a last look */
            atomic_load_explicit(count, memory_order_acquire) < value)
            fail("go on", &meeting_place);
    }
}

static void barrier(void)
{
    static uint64_t turn;
    turn++;
    /* release: pairs with await_count(). */
    atomic_store_explicit(&meeting->arrived[half].count, turn, memory_order_release);
    await_count(&meeting->arrived[!half].count, turn);
}

/* The larger of both halves' figures: the same in both, which so come to the same decisions. */
static double agree(double mine)
{
    meeting->figure[half] = mine;
    barrier();
    double other = meeting->figure[!half];
    barrier();
    return mine > other ? mine : other;
}

/* The least that any message costs, one way: a counter in one cache line, answered in another. */
static double bounce_ns(void)
{
    static uint64_t count;
    double fastest = 1e12;
    for (int run = 0; run < BOUNCE_RUNS; run++) {
        barrier();
        int64_t start = now_ns();
        for (int i = 0; i < BOUNCES; i++) {
            count++;
            if (half == 1)
                await_count(&meeting->bounced[0].count, count);
            atomic_store_explicit(&meeting->bounced[half].count, count, memory_order_release);
            if (half == 0)
                await_count(&meeting->bounced[1].count, count);
        }
        double one_way_ns = (double)(now_ns() - start) / (2 * BOUNCES);
        fastest = one_way_ns < fastest ? one_way_ns : fastest;
    }
    return agree(fastest);
}

/* ---- two processes ---- */

static void start_halves(void)
{
    first_half = getpid();
#ifdef BENCH_MPI
    int halves;
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &half);
    MPI_Comm_size(MPI_COMM_WORLD, &halves);
    if (halves != 2)
        die("it takes two processes, not %d; start it with mpirun -np 2", halves);
    MPI_Bcast(&first_half, 1, MPI_INT, 0, MPI_COMM_WORLD);
#else
    second_half = CHECK(fork());
    half = second_half == 0;
#endif
}

/* [pin] One processor for each half, so that they neither share one nor wander. mpirun may have
 * chosen it already. Returns which one, or -1. */
static int pin_to_processor(void)
{
#ifdef __linux__
    cpu_set_t allowed, chosen;
    CHECK(sched_getaffinity(0, sizeof allowed, &allowed));
    int skip = CPU_COUNT(&allowed) > 1 ? half : 0;
    size_t processor = 0;
    while (!CPU_ISSET(processor, &allowed) || skip-- > 0)
        processor++;
    CPU_ZERO(&chosen);
    CPU_SET(processor, &chosen);
    CHECK(sched_setaffinity(0, sizeof chosen, &chosen));
    return (int)processor;
#else
    return -1;
#endif
}

static void connect_channel(struct channel *channel, int sender, char letter)
{
    char name[REGION_NAME_LENGTH];
    snprintf(name, sizeof name, "/bench-%d-%c", (int)first_half, letter);
    if (half == sender && channel_create(channel, name) == -1)
        fail("create a channel", channel);
    if (half != sender && channel_open(channel, name, WAIT_MS) == -1)
        fail("open a channel", channel);
}

static void remove_names(struct channel *channel)
{
    if (!region_name_is_ours(&channel->region))
        return;
    channel_unlink_semaphores(channel);
    region_unlink(&channel->region);
}

/* [meet] What the halves share is a message, built where it lies, that is never given back. When
 * both have everything open the names go: not even kill -9 leaves anything behind. */
static void meet(void)
{
    connect_channel(half == 0 ? &outbox : &inbox, 0, 'a');
    connect_channel(half == 0 ? &inbox : &outbox, 1, 'b');
    connect_channel(&meeting_place, 0, 'm');
    size_t bytes;
    if (half == 0)
        meeting = channel_begin_write(&meeting_place, sizeof *meeting, WAIT_MS);
    else
        meeting = (struct meeting *)channel_begin_read(&meeting_place, &bytes, WAIT_MS);
    if (meeting == NULL)
        fail("meet the other one", &meeting_place);
    if (half == 0) {
        memset(meeting, 0, sizeof *meeting);
        CHECK(channel_end_write(&meeting_place));
    }
    barrier();
    remove_names(&outbox);
    remove_names(&meeting_place);
}

static void introduce(int processor)
{
    int last = (int)agree(processor), first = -(int)agree(-processor);
    share_a_processor = spin_limit() == 0 || (first == last && first != -1);
    if (half == 1)
        return;
    if (first == last)
        print_data("Not pinned to two processors: there is but one, or no call for it.\n");
    else
        print_data("The halves are pinned to the processors %d and %d.\n", first, last);
#ifdef BENCH_MPI
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(version, &length);
    print_data("%.*s takes turns with the channel.\n", (int)strcspn(version, ","), version);
#else
    print_data("OpenMPI is left out: mpicc is missing (on Debian: apt install libopenmpi-dev).\n");
#endif
}

static int end_halves(void)
{
    int status = 0;
#ifdef BENCH_MPI
    MPI_Finalize();
#endif
    while (second_half > 0 && waitpid(second_half, &status, 0) == -1 && errno == EINTR)
        ; /* a stop signal: the child has nothing left to do either */
    return status != 0 ? 1 : exit_status();
}

#endif
