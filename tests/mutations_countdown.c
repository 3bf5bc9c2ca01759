/* mutations_countdown.c - 01_countdown's consumer attaches to mutated regions: see mutations.h */
#define _GNU_SOURCE
#include "mutations.h"
#define main lesson_main
#include "../01_countdown/consumer.c" /* NOLINT(bugprone-suspicious-include) */
#undef main
#include "mutations_region.h"

static const struct span spans[] = {{0, 32}, {32, 8}, {0, 0}};
static sem_t *turn; /* the consumer's */
static int first_descriptor;

static enum outcome attempt(void)
{
    struct countdown image = {.number = 0};
    fill_header(&image.header, &countdown_format, sizeof image, getpid());
    mutate(&image, spans);
    write_region(&image, sizeof image, mutate_size(sizeof image));
    if (!try_attach())
        return NOT_READY;
    while (sem_trywait(turn) == 0)
        ;
    CHECK(
        sem_post(turn)); /* for a number that is the last one, or none of a countdown; or for two */
    CHECK(sem_post(turn)); /* that don't follow each other */
    receive();
    return ATTACHED;
}

static void tidy_up(void)
{
    leave();
    let_go();
    mine.pid = 0;
    close_descriptors(first_descriptor);
}

static sem_t *make_semaphore(const char *semaphore)
{
    sem_t *made = sem_open(semaphore, O_CREAT | O_EXCL, 0600, 0);
    if (made == SEM_FAILED)
        abort();
    return made;
}

int main(void)
{
    choose_region_name();
    names = countdown_names(region_name);
    turn = make_semaphore(names.readable);
    sem_t *others = make_semaphore(names.writable);
    first_descriptor = next_descriptor() + 1; /* /dev/null is opened before them */
    int status = play_mutations("01_countdown", attempt, tidy_up);
    CHECK(sem_close(turn) + sem_close(others));
    CHECK(sem_unlink(names.readable) + sem_unlink(names.writable) + shm_unlink(region_name));
    return status;
}
