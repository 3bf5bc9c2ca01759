/* menu.h - the menu, as people know it: whatever is typed, it answers, and nothing is ever stuck */
#ifndef MENU_H
#define MENU_H

#include <poll.h>

#include "compare.h"

enum { ANSWER_BYTES = 80 };

/* Reads one line from stdin, while it looks whether the reader is still there. False: the input has
 * ended. A line that is too long is cut: it is no number anyway. */
static inline bool read_line(struct pair *pair, bool has_reader, char line[ANSWER_BYTES])
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    size_t length = 0;
    for (char byte = '\0'; byte != '\n';) {
        exit_if_stopped();
        if (has_reader && region_fate(&pair->region.header->peer, pair->region.other) != NULL) {
            print_data("\n");
            errno = EPIPE;
            end_if_lost(pair);
        }
        if (poll(&input, 1, LOOK_INTERVAL_MS) != 1)
            continue;
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got == 0 || (got == -1 && errno != EINTR))
            return length > 0;
        if (got == 1 && byte != '\n' && length < ANSWER_BYTES - 1)
            line[length++] = byte;
        line[length] = '\0';
    }
    line[length] = '\0';
    return true;
}

/* Asks until the answer is a number from 1 to most. 0: the input has ended. */
static inline uint64_t ask(struct pair *pair, const char *prompt, uint64_t most, bool has_reader)
{
    char line[ANSWER_BYTES] = "";
    for (;;) {
        print_data("%s", prompt);
        if (fflush(stdout) != 0 || !read_line(pair, has_reader, line)) {
            print_data("\n");
            return 0;
        }
        char *end;
        errno = 0;
        long long number = strtoll(line, &end, 10);
        while (*end == ' ' || *end == '\t' || *end == '\r')
            end++;
        if (end != line && *end == '\0' && errno == 0 && number >= 1 && (uint64_t)number <= most)
            return (uint64_t)number;
        note("'%s' is not possible here; give a whole number from 1 to %llu", line,
             (unsigned long long)most);
    }
}

static inline void run_choice(struct pair *pair, uint64_t choice, uint64_t bytes, uint64_t count)
{
    struct row row = {.test = choice == 1 ? TEST_HANDOVER : TEST_THROUGHPUT,
                      .wait = WAIT_SPIN,
                      .bytes = bytes,
                      .is_shown = true};
    if (join_reader(pair, &row) == -1)
        die("cannot use shared memory: %s", strerror(errno));
    run_messages(pair, &row, count);
    leave_reader(pair);
    double seconds = (double)row.run.timed_ns / (double)NS_PER_S;
    if (choice == 1)
        print_data("Latency per message: %.6f ms\n", seconds * 1e3 / (double)count);
    else
        print_data("Throughput: %.2f MB/s\n", (double)bytes * (double)count / seconds / 1e6);
}

/* Returns the exit status. */
static inline int show_menu(struct pair *pair)
{
    bool has_reader = false;
    clock_cost_ns();
    for (;;) {
        uint64_t choice = ask(pair,
                              "Menu:\n"
                              "1. Latency test (small messages)\n"
                              "2. Throughput test (large message)\n"
                              "3. Exit\n"
                              "Enter choice: ",
                              3, has_reader);
        if (choice == 0 || choice == 3)
            return exit_status();
        uint64_t bytes = ask(pair, "Enter message size in bytes: ", message_max(pair), has_reader);
        uint64_t count =
            bytes == 0 ? 0 : ask(pair, "Enter number of messages: ", COUNT_MAX, has_reader);
        if (count == 0)
            die("the input ended before the answer; nothing was measured");
        if (!has_reader)
            await_reader(pair);
        has_reader = true;
        run_choice(pair, choice, bytes, count);
    }
}

#endif
