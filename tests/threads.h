/* threads.h - what the programs share that play both halves as threads, for ThreadSanitizer
 *
 * Look first at tests/races.t, which builds each of them twice: right, and with a mistake.
 */
#ifndef TESTS_THREADS_H
#define TESTS_THREADS_H

#include <pthread.h>

#include "../common/check.h"

/* ThreadSanitizer asks for this at its start. The first race ends the program, with 66. A lock that
 * was waited for with pthread_mutex_clocklock(), which it doesn't know, looks to it like none. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "halt_on_error=1:exitcode=66:report_mutex_bugs=0";
}

static inline pthread_t start_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, function, argument);
    if (error != 0)
        die("cannot start a thread: %s", strerror(error));
    return thread;
}

#endif
