/* unit_region.c - common/region_create.h, region_attach.h: who gets in, who is refused, what is left untouched
 *
 * Real objects and real processes: each rival is a child of this one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Between claiming an object and looking at its name again (which alone only reads), somebody else
 * may remove the name. */
static bool somebody_unlinks;

static int open_object(const char *name, int flags, mode_t mode)
{
    if (somebody_unlinks && (flags & O_ACCMODE) == O_RDONLY) {
        somebody_unlinks = false;
        shm_unlink(name);
    }
    return shm_open(name, flags, mode);
}

#define shm_open open_object
#include "../common/handover.h"
#undef shm_open

#include "tap.h"

const char program_name[] = "unit_region";

static const struct region_format format = {"TEST", 1, 4096};
static char name[REGION_NAME_LENGTH + 1];

static bool object_exists(void)
{
    int fd = shm_open(name, O_RDONLY, 0);
    if (fd != -1)
        close(fd);
    return fd != -1;
}

/* Runs the function in a child; it dies there by SIGKILL, cleaning up nothing. */
static void in_a_child_that_is_killed(void (*work)(void))
{
    pid_t child = fork();
    if (child == 0) {
        work();
        kill(getpid(), SIGKILL);
    }
    CHECK(waitpid(child, NULL, 0));
}

/* The exit status that the function gives in a child. */
static int in_a_child(int (*work)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(work());
    CHECK(waitpid(child, &status, 0));
    return WEXITSTATUS(status);
}

static void create_and_publish(void)
{
    struct region region;
    if (region_create(&region, name, &format) == 0)
        region_publish(&region);
}

static void create_only(void)
{
    struct region region;
    CHECK(region_create(&region, name, &format));
}

static void open_only(void)
{
    CHECK(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
}

static void join(void)
{
    struct region region;
    CHECK(region_attach(&region, name, &format, 0));
    CHECK(region_join(&region));
}

static int error_of_create(void)
{
    struct region region;
    return region_create(&region, name, &format) == 0 ? 0 : errno;
}

static int error_of_attach(void)
{
    struct region region;
    return region_attach(&region, name, &format, 0) == 0 ? 0 : errno;
}

static int error_of_join(void)
{
    struct region region;
    if (region_attach(&region, name, &format, 0) == -1)
        return 255;
    return region_join(&region) == 0 ? 0 : errno;
}

static void test_life(void)
{
    struct region owner, peer;
    is_number("a region is created", region_create(&owner, name, &format), 0);
    ok("it is new, of the first generation", owner.is_new && owner.mine.generation == 1);
    is_number("it is not attached to before READY", in_a_child(error_of_attach), ETIMEDOUT);
    region_publish(&owner);
    is_number("a second owner is refused", in_a_child(error_of_create), EBUSY);
    is_number("a published region is attached to", region_attach(&peer, name, &format, 0), 0);
    ok("nobody has joined yet", !region_has_peer(&owner));
    is_number("the first peer joins", region_join(&peer), 0);
    ok("and is seen", region_has_peer(&owner) && owner.other.pid == getpid());
    is_number("a second peer is refused", in_a_child(error_of_join), EBUSY);
    ok("both are there", region_fate(region_other_place(&owner), owner.other) == NULL &&
                             region_fate(region_other_place(&peer), peer.other) == NULL);
    region_close(&peer);
    is_text("a peer that leaves is seen to have stopped",
            region_fate(region_other_place(&owner), owner.other), "has stopped");
    region_close(&owner);
    ok("the owner removes the name", !object_exists());
}

static void test_deaths(void)
{
    struct region owner, peer;
    in_a_child_that_is_killed(open_only);
    is_number("a creator that died before sizing is taken over",
              region_create(&owner, name, &format), 0);
    region_close(&owner);

    in_a_child_that_is_killed(create_only);
    is_number("one that died in BUILDING is not attached to", in_a_child(error_of_attach),
              ETIMEDOUT);
    is_number("but taken over", region_create(&owner, name, &format), 0);
    ok("as the next generation, its contents not trusted",
       owner.mine.generation == 2 && !owner.is_adopted);
    region_close(&owner);

    in_a_child_that_is_killed(create_and_publish);
    is_number("a dead owner's region is not attached to", in_a_child(error_of_attach), ETIMEDOUT);
    is_number("but taken over", region_create(&owner, name, &format), 0);
    ok("with its contents", owner.is_adopted);
    region_publish(&owner);
    in_a_child_that_is_killed(join);
    ok("a peer that has died is none", !region_has_peer(&owner));
    is_text("it is seen to have died", region_fate(region_other_place(&owner), owner.other),
            "has died");
    is_number("a dead peer's place is taken", in_a_child(error_of_join), 0);
    region_close(&owner);

    in_a_child_that_is_killed(create_and_publish);
    int fd = CHECK(shm_open(name, O_RDWR, 0));
    struct region_header *header =
        mmap(NULL, sizeof *header, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(close(fd));
    struct region_claim seen = atomic_load(&header->owner);
    seen.pid = getpid(); /* as if the owner still lived: this process may attach */
    atomic_store(&header->owner, seen);
    CHECK(region_attach(&peer, name, &format, 0));
    struct region_claim nobody = {0, (uint16_t)(seen.generation + 1), REGION_FREE};
    atomic_store(&header->peer, nobody); /* what a next owner writes */
    ok("who attached to an older generation can't join the new one",
       region_join(&peer) == -1 && errno == EAGAIN);
    region_unmap(&peer);
    CHECK(munmap(header, sizeof *header));
    CHECK(shm_unlink(name));
}

static void test_unlinked_meanwhile(void)
{
    struct region owner, other;
    CHECK(region_create(&owner, name, &format));
    ok("its name leads to it", region_is_named(name, &owner.object, owner.mine) == 1);
    CHECK(shm_unlink(name));
    ok("a removed name does not", region_is_named(name, &owner.object, owner.mine) == 0);
    in_a_child_that_is_killed(create_and_publish);
    region_close(&owner);
    ok("the name of another object is not removed", object_exists());
    CHECK(region_create(&other, name, &format));
    region_close(&other);
    ok("its own is", !object_exists());
}

/* Who works in the nameless object still must not wait for a producer that isn't there. */
static void test_claim_without_name(void)
{
    struct region owner, left_behind;
    in_a_child_that_is_killed(create_and_publish);
    ok("a dead owner's region is found", region_find(&left_behind, name, &format) == 1);
    somebody_unlinks = true;
    CHECK(region_own(&owner, name, &format));
    ok("it lost its name just when it was claimed: a new one is made", owner.is_new);
    struct region_claim claim = atomic_load(&left_behind.header->owner);
    ok("and the claim on the nameless one is given up", same_claim(claim, left_behind.other));
    region_close(&left_behind);
    region_close(&owner);
}

/* What holds a place, where it is `taken` already, when its process leaves. */
static void test_leave(void)
{
    struct region owner, peer;
    CHECK(region_create(&owner, name, &format));
    region_publish(&owner);
    CHECK(region_attach(&peer, name, &format, 0));
    CHECK(region_join(&peer));
    struct region_claim connected = peer.mine;
    connected.state = REGION_CONNECTED;
    atomic_store(&peer.header->peer, connected); /* as lesson 01's producer does */
    region_close(&peer);
    struct region_claim left = atomic_load(&owner.header->peer);
    ok("a place that is taken for good stays so when its holder leaves",
       left.pid == 0 && left.state == REGION_CONNECTED);
    region_close(&owner);
}

static int remove_slowly(void)
{
    struct region region;
    if (region_create(&region, name, &format) == -1)
        return errno;
    region.mine.state =
        REGION_CLOSED; /* as in region_leave_drained(), before it removes the name */
    atomic_store(&region.header->owner, region.mine);
    kill(getppid(), SIGCONT);
    sleep_until(deadline_after_ms(100));
    region_close(&region);
    return 0;
}

/* Who comes while a living process is just removing the name waits for that. */
static void test_closing(void)
{
    struct region owner;
    sigset_t cont;
    sigemptyset(&cont);
    sigaddset(&cont, SIGCONT);
    sigprocmask(SIG_BLOCK, &cont, NULL);
    pid_t child = CHECK(fork());
    if (child == 0)
        _exit(remove_slowly());
    int number;
    sigwait(&cont, &number);
    is_number("while a region is being removed, a next one is waited for, and made",
              region_create(&owner, name, &format), 0);
    ok("it is another object", owner.is_new);
    int status;
    waitpid(child, &status, 0);
    is_number("... and the first one is removed", status, 0);
    region_close(&owner);
}

static bool is_too_long_after_a_look(struct peer_wait wait)
{
    while (!wait_a_little(&wait))
        ;
    return waited_too_long(&wait, 5);
}

/* Whose silence is it? */
static void test_waits(void)
{
    int64_t now = now_ns();
    struct peer_wait wait = {.pid = 7, .since = now - 10 * NS_PER_S, .last = now};
    ok("ten seconds are too long", is_too_long_after_a_look(wait));
    wait_is_for(&wait, 7);
    ok("... also when the same one is waited for", is_too_long_after_a_look(wait));
    struct peer_wait suspended = {
        .pid = 7, .since = now - 10 * NS_PER_S, .last = now - 9 * NS_PER_S};
    ok("... not if this process was suspended nine of them", !is_too_long_after_a_look(suspended));
    wait_is_for(&wait, 8);
    ok("... nor for one who has just come", !is_too_long_after_a_look(wait));
}

/* Children meet at each round and try for the same place at once. */
static void test_race(void)
{
    enum { RIVALS = 4, ROUNDS = 5000 };
    struct race {
        _Atomic struct region_claim place;
        _Atomic int arrived[ROUNDS], winners[ROUNDS];
    } *race = mmap(NULL, sizeof *race, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < RIVALS; i++)
        if (fork() == 0) {
            for (int round = 0; round < ROUNDS; round++) {
                struct region_claim found = {0, (uint16_t)round, REGION_FREE};
                struct region_claim mine = {getpid(), (uint16_t)(round + 1), REGION_FREE};
                atomic_fetch_add(&race->arrived[round], 1);
                while (atomic_load(&race->arrived[round]) < RIVALS)
                    sched_yield();
                if (!region_claim(&race->place, &found, mine))
                    continue;
                atomic_fetch_add(&race->winners[round], 1);
                struct region_claim next = {0, (uint16_t)(round + 1), REGION_FREE};
                while (round + 1 < ROUNDS && atomic_load(&race->arrived[round + 1]) < RIVALS - 1)
                    sched_yield(); /* all others have lost this round */
                atomic_store(&race->place, next);
            }
            _exit(0);
        }
    while (wait(NULL) != -1)
        ;
    int single = 0;
    for (int round = 0; round < ROUNDS; round++)
        single += atomic_load(&race->winners[round]) == 1;
    is_number("of four that claim a place at once one wins, each time", single, ROUNDS);
}

static void test_zombie(void)
{
    siginfo_t info;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
    ok("a process that has ended, and whose parent hasn't asked, is dead",
       !process_is_alive(child));
    CHECK(waitpid(child, NULL, 0));
    ok("so is one that is gone", !process_is_alive(child));
    ok("this one lives", process_is_alive(getpid()));
}

static void refuses(const char *what, const char *magic, uint32_t version, uint64_t claimed_bytes,
                    off_t bytes)
{
    char text[100];
    struct region_format other = {"", version, (size_t)claimed_bytes};
    memcpy(other.magic, magic, 4);
    int fd = CHECK(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
    CHECK(ftruncate(fd, bytes));
    struct region_header *header = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    region_write_format(header, &other);
    snprintf(text, sizeof text, "%s: not created", what);
    is_number(text, in_a_child(error_of_create), EPROTO);
    snprintf(text, sizeof text, "%s: not attached to", what);
    is_number(text, in_a_child(error_of_attach), EPROTO);
    snprintf(text, sizeof text, "%s: untouched", what);
    struct region_claim owner = atomic_load(&header->owner);
    ok(text, owner.pid == 0 && header->layout_version == version);
    CHECK(munmap(header, 4096));
    CHECK(close(fd));
    CHECK(shm_unlink(name));
}

/* On a 32-bit machine, an object may be larger than what size_t can say. */
static void test_sizes(void)
{
    ok("an object of that size fits", region_size_fits(4096, 4096));
    ok("one of 4 GiB more does not", !region_size_fits((off_t)((INT64_C(1) << 32) + 4096), 4096));
}

int main(void)
{
    snprintf(name, sizeof name, "/unit_region-%d", (int)getpid());
    test_sizes();
    test_race();
    test_zombie();
    test_life();
    test_deaths();
    test_unlinked_meanwhile();
    test_claim_without_name();
    test_leave();
    test_closing();
    test_waits();
    refuses("another magic", "XMAS", 1, 4096, 4096);
    refuses("another version", "TEST", 2, 4096, 4096);
    refuses("another size", "TEST", 1, 8192, 8192);
    refuses("a header that lies about its size", "TEST", 1, 8192, 4096);
    return done_testing();
}
