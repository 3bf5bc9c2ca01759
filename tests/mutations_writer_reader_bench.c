/* mutations_writer_reader_bench.c - 06_writer_reader_bench's reader gets mutated orders: see mutations.h */
#define _GNU_SOURCE
#include "mutations.h"
#define main lesson_main
#include "../06_writer_reader_bench/reader.c" /* NOLINT(bugprone-suspicious-include) */
#undef main
#include "mutations_region.h"

enum { MESSAGE_BYTES = 100, FIRST_SLOT = 256 /* number 1; number 0 is a slot before it */ };

/* The slot is not where the header is: it gets spans of its own. */
static const struct span spans[] = {{0, 56}, {128, 4}, {136, sizeof(struct order)}, {0, 0}};
static const struct span slot_spans[] = {{0, 16}, {0, 0}};

static const struct shared valid = {
    .order_number = 1,
    .order = {.step = STEP_JOIN,
              .test = TEST_LATENCY,
              .wait = WAIT_SPIN,
              .processor = -1,
              .bytes = MESSAGE_BYTES,
              .count = 1,
              .batch = 1},
};

static void write_slot(void)
{
    struct slot slot = {.size = MESSAGE_BYTES, .ready = 1};
    if (draw(2) == 0)
        mutate(&slot, slot_spans);
    int fd = CHECK(shm_open(region_name, O_RDWR, 0));
    off_t offset = offsetof(struct shared, lanes) + LANE_BYTES +
                   offsetof(struct lane_memory, slots) + FIRST_SLOT;
    if (pwrite(fd, &slot, sizeof slot, offset) != sizeof slot)
        abort();
    CHECK(close(fd));
}

static void write_image(void)
{
    static struct shared image;
    memcpy(&image, &valid, sizeof image);
    fill_header(&image.header, &bench_format, REGION_BYTES_MIN, getpid());
    image.order.place.transport = draw(3) == 0 ? draw(TRANSPORTS) : 0;
    mutate(&image, spans);
    image.order.place.port = 1; /* where nobody listens: who knows who does elsewhere */
    size_t bytes = mutate_size(REGION_BYTES_MIN);
    write_region(&image, sizeof image, bytes);
    if (bytes >= REGION_BYTES_MIN)
        write_slot();
}

/* A stop signal has come: so whatever isn't there is not waited for. */
static enum outcome attempt(void)
{
    struct answer answer = {.problem = 0};
    write_image();
    if (region_attach(&region, names.region, &bench_format, 0) == -1)
        return errno == ETIMEDOUT ? NOT_READY : refused(region.problem);
    region_close(&region);
    stop_signal = SIGINT;
    join_writer();
    if (await_order(1) == -1)
        return NOT_READY;
    struct order order = shared->order;
    copied_once();
    bool is_joined = do_step(&order, &answer) != -1;
    const char *reason = strerror(errno);
    order.step = STEP_RUN;
    if (!is_joined) /* what is half joined must not be run */
        return do_step(&order, &answer) == -1 ? refused(reason) : ATTACHED;
    if (connection.transport == NULL || reserve_buffers(&buffers, connection.bytes) == -1 ||
        link_receive(&connection, buffers.in, connection.bytes) == -1 ||
        (do_step(&order, &answer) == -1 && errno != EINTR))
        return refused(strerror(errno));
    return ATTACHED;
}

static void tidy_up(void)
{
    leave();
    stop_signal = 0;
    watch = (struct watch){.region = &region};
}

int main(void)
{
    choose_region_name();
    names = region_names("", region_name, REGION_NAME_LENGTH);
    int status = play_mutations("06_writer_reader_bench", attempt, tidy_up);
    shm_unlink(region_name);
    return status;
}
