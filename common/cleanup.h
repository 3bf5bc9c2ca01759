/* cleanup.h - stop signals: the work in hand is finished, what was made is removed, then it ends
 *
 * A signal handler may do next to nothing (signal-safety(7)), so this one only notes the signal.
 * The loops look at stop_requested(), and whatever a program must remove, it gives to atexit(),
 * which runs on every way out: the end of main, die(), and a noted signal, but not on SIGKILL.
 */
#ifndef COMMON_CLEANUP_H
#define COMMON_CLEANUP_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"

/* Written by the handler, read by the loops: all that volatile is good for. Weak: one for the whole
 * program, however many of its files include this. */
__attribute__((weak)) volatile sig_atomic_t stop_signal;

static inline void note_stop_signal(int signal_number)
{
    stop_signal = signal_number;
}

/* A program may be started without stdin, stdout or stderr (`2>&-`): the next object it opened would
 * then become its stderr, and get its messages. Puts /dev/null in their place. */
static inline void open_standard_files(void)
{
    int fd;
    do
        fd = CHECK(open("/dev/null", O_RDWR));
    while (fd <= STDERR_FILENO);
    CHECK(close(fd));
}

/* To be called once, before anything is created. SIGPIPE counts too: a reader that has left
 * (`| head`) ends the program as Ctrl-C does, cleaned up and without a word. */
static inline void catch_stop_signals(void)
{
    open_standard_files();
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    struct sigaction action = {.sa_handler = note_stop_signal}; /* no SA_RESTART: waits end */
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction before;
        CHECK(sigaction(signals[i], NULL, &before));
        if (signals[i] == SIGHUP && before.sa_handler == SIG_IGN)
            continue; /* started by nohup, which wants it so */
        CHECK(sigaction(signals[i], &action, NULL));
    }
    if (setvbuf(stdout, NULL, _IOLBF, 0) != 0)
        die("cannot make standard output line-buffered");
}

static inline bool stop_requested(void)
{
    return stop_signal != 0;
}

/* Prints one line of data. A reader that has left is a reason to stop, any other failure an error.
 * ferror(stdout) says afterwards that the line was not printed: then it is not to be acknowledged.
 * From then on stdout is /dev/null, so that a reader that is stuck can't keep the program from ending. */
__attribute__((format(printf, 1, 2))) static inline void print_data(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int written = vprintf(format, values);
    va_end(values);
    if (written >= 0)
        return;
    if (errno == EPIPE)
        stop_signal = SIGPIPE;
    if (!stop_requested())
        die("cannot write to standard output: %s", strerror(errno));
    int nowhere = CHECK(open("/dev/null", O_WRONLY));
    CHECK(dup2(nowhere, STDOUT_FILENO));
    CHECK(close(nowhere));
}

/* What main returns: 0, or 128 + the signal, as the shell says it. */
static inline int exit_status(void)
{
    if (fflush(stdout) != 0 && !stop_requested())
        die("cannot write to standard output: %s", strerror(errno));
    return stop_requested() ? 128 + stop_signal : 0;
}

/* For a wait before anything is at stake: a stop signal simply ends the program. */
static inline void exit_if_stopped(void)
{
    if (stop_requested())
        exit(exit_status());
}

#endif
