/* mutations_sysv.c - 07_sysv's consumer joins mutated segments and sets: see mutations.h */
#define _GNU_SOURCE
#include "mutations.h"
#define main lesson_main
#include "../07_sysv/consumer.c" /* NOLINT(bugprone-suspicious-include) */
#undef main
#include "../07_sysv/create.h"

enum { SLOTS = 4, SLOT_BYTES = 64 };

static const struct span spans[] = {{0, 56}, {64, 16}, {0, 0}};
static char path[] = "/tmp/mutations-XXXXXX";
static struct sysv_pipe producer;

/* What a producer makes, and has filled. */
static void make_pipe(void)
{
    pid_t waits_for = 0;
    producer = sysv_pipe(&key_file, PRODUCER_LIVES);
    while (sysv_try_create(&producer, SLOTS, SLOT_BYTES, &waits_for) == 0)
        ;
    if (producer.segment == NULL) {
        printf("Bail out! %s\n", producer.problem);
        abort();
    }
    for (uint32_t i = 0; i < SLOTS - 1; i++)
        CHECK(sysv_fill(&producer, draw(SLOT_BYTES)));
    mutate(producer.segment, spans);
    if (draw(8) == 0) /* the places are not spared, nor what the counters say */
        CHECK(semctl(producer.set, (int)draw(SEMAPHORES), SETVAL,
                     (union semun){.val = (int)draw(4)}));
}

static enum outcome attempt(void)
{
    make_pipe();
    pipe_end = sysv_pipe(&key_file, CONSUMER_LIVES);
    int joined = sysv_try_join(&pipe_end);
    if (joined != 1)
        return joined == 0 ? NOT_READY : refused(pipe_end.problem);
    while (slots_try_take(pipe_end.set, FILLED_SLOTS, 1) == 0) {
        int64_t bytes = sysv_length(&pipe_end);
        volatile char sum = 0;
        if (bytes == -1)
            return refused("a slot is too long");
        const char *slot = sysv_slot(&pipe_end);
        for (int64_t i = 0; i < bytes; i++)
            sum = (char)(sum + slot[i]);
        CHECK(sysv_free(&pipe_end, 0));
    }
    return ATTACHED;
}

static void tidy_up(void)
{
    int set = producer.set;
    leave();
    if (producer.segment != NULL)
        shmctl(producer.segment_id, IPC_RMID, NULL);
    sysv_leave(&producer);
    set_remove(set);
}

int main(void)
{
    CHECK(close(CHECK(mkstemp(path))));
    if (key_file_find(&key_file, path, false) == -1)
        die("%s", key_file.problem);
    int status = play_mutations("07_sysv", attempt, tidy_up);
    CHECK(unlink(path));
    return status;
}
