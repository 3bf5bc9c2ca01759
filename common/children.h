/* children.h - processes that a program forks: they die with it; how they ended; whether they hang
 *
 * And one that outlives it, to remove what it has left.
 */
#ifndef COMMON_CHILDREN_H
#define COMMON_CHILDREN_H

#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "clock.h"
#include "region.h" /* process_state() */

enum { CHILD_LIFE_S = 60 };        /* whatever happens: neither child nor parent waits longer */
enum { CHILD_HANGS = -1 };         /* end_or_hang() */
enum { CHILD_LOOK_MS = 10 };       /* between two looks at a child ... */
enum { CHILD_ASLEEP_LOOKS = 20 };  /* ... so many of which find it asleep, if it hangs, */
enum { CHILD_HANGS_CPU_MS = 200 }; /* or else it uses so much processor time, to no end */

static inline void exit_on_fault(int signal_number)
{
    _exit(128 + signal_number);
}

/* fork(2), in a program that dies after CHILD_LIFE_S seconds, for a child that dies with it. The child is
 * to end with _exit(). A fault ends it as well, with 128 + the signal, and without the core dump or
 * the sanitizer's report that only an unexpected one is worth. */
static inline pid_t fork_child(void)
{
    pid_t parent = getpid();
    alarm(CHILD_LIFE_S);
    pid_t child = CHECK(fork());
    if (child != 0)
        return child;
#ifdef __linux__
    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL));
#endif
    if (getppid() != parent)
        _exit(1); /* it was quicker */
    alarm(CHILD_LIFE_S);
    struct sigaction action = {.sa_handler = exit_on_fault};
    CHECK(sigaction(SIGBUS, &action, NULL));
    CHECK(sigaction(SIGSEGV, &action, NULL));
    return 0;
}

/* Its status is still there, for status_of(). */
static inline bool has_ended(pid_t child)
{
    siginfo_t info = {.si_pid = 0};
    CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT));
    return info.si_pid == child;
}

/* Waits for the end of a child: its exit status, or 128 + the signal that ended it. */
static inline int status_of(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) == -1)
        if (errno != EINTR)
            die("cannot wait for process %d: %s", (int)child, strerror(errno));
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static inline int kill_child(pid_t child)
{
    CHECK(kill(child, SIGKILL));
    return status_of(child);
}

/* Does it wait for something? Only Linux tells; elsewhere it's taken to do so after a while. */
static inline bool is_asleep(pid_t child)
{
#ifdef __linux__
    return process_state(child) == 'S';
#else
    sleep_until(now_ns() + CHILD_LOOK_MS * NS_PER_MS);
    return !has_ended(child);
#endif
}

/* Waits until the child is asleep, look after look: true; or has ended: false. A single look may find
 * any process asleep that is just about to go on. */
static inline bool falls_asleep(pid_t child)
{
    for (int asleep = 0; asleep < CHILD_ASLEEP_LOOKS; asleep = is_asleep(child) ? asleep + 1 : 0) {
        if (has_ended(child))
            return false;
        sleep_until(now_ns() + CHILD_LOOK_MS * NS_PER_MS);
    }
    return true;
}

/* Processor time, that is; where that isn't to be had (macOS), the time that passes. */
static inline int64_t time_used_ns(pid_t child)
{
#ifdef __linux__
    clockid_t clock;
    struct timespec used = {.tv_sec = 0}; /* of a child that has just ended */
    if (clock_getcpuclockid(child, &clock) == 0)
        clock_gettime(clock, &used);
    return used.tv_sec * NS_PER_S + used.tv_nsec;
#else
    (void)child;
    return now_ns();
#endif
}

/* Waits for the end of a child that has all it needs for it, and gives its status. CHILD_HANGS: it would
 * not end, and was killed. Not a matter of speed: a process that is merely slow, on a busy machine,
 * is neither asleep look after look, nor does it use up processor time without getting on. */
static inline int end_or_hang(pid_t child)
{
    int64_t limit_ns = time_used_ns(child) + CHILD_HANGS_CPU_MS * NS_PER_MS;
    for (int asleep = 0; !has_ended(child); asleep = is_asleep(child) ? asleep + 1 : 0) {
        if (asleep > CHILD_ASLEEP_LOOKS || time_used_ns(child) > limit_ns) {
            kill_child(child);
            return CHILD_HANGS;
        }
        sleep_until(now_ns() + CHILD_LOOK_MS * NS_PER_MS);
    }
    return status_of(child);
}

static pid_t tidier_of; /* the process that has started it */
static pid_t tidier;
static int tidier_pipe;

static inline void wait_for_tidier(void)
{
    if (getpid() != tidier_of)
        return; /* a child that ends by exit() */
    CHECK(close(tidier_pipe));
    status_of(tidier);
}

/* Has tidy_up() called when this process has ended, whatever ended it, even kill -9: by a process in a
 * session of its own, which waits till nobody has the other end of a pipe any more. To be called once,
 * before fork_child(). */
static inline void tidy_up_with(void (*tidy_up)(void))
{
    int ends[2];
    CHECK(pipe(ends));
    tidier_of = getpid();
    tidier_pipe = ends[1]; /* stays open, here and in all children */
    tidier = CHECK(fork());
    if (tidier != 0) {
        CHECK(close(ends[0]));
        CHECK(atexit(wait_for_tidier));
        return;
    }
    CHECK(setsid());
    CHECK(close(ends[1]));
    char byte;
    while (read(ends[0], &byte, 1) == -1 && errno == EINTR)
        ;
    tidy_up();
    _exit(0);
}

#endif
