/* live_line.h - one line on the terminal that is written over ten times a second
 *
 * It goes to stderr, and only if that is a terminal; its end is cut off where the window ends, since
 * a line that wraps cannot be written over.
 */
#ifndef COMMON_LIVE_LINE_H
#define COMMON_LIVE_LINE_H

#include <sys/ioctl.h>
#include <unistd.h>

#include "check.h"
#include "clock.h"

enum { LIVE_INTERVAL_MS = 100, LIVE_LINE_BYTES = 512 };

struct live_line {
    bool is_on;
    int64_t last;       /* when it was last written */
    int shown;          /* columns in use now */
    uint64_t last_done; /* what had been done by then */
};

static inline struct live_line live_line(void)
{
    return (struct live_line){.is_on = isatty(STDERR_FILENO) == 1, .last = now_ns()};
}

static inline bool live_line_due(const struct live_line *line, int64_t now)
{
    return line->is_on && now - line->last >= LIVE_INTERVAL_MS * NS_PER_MS;
}

static inline int window_columns(void)
{
    struct winsize window;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col : 80;
}

/* Things done per second since the line was last written. */
static inline double live_line_rate(struct live_line *line, int64_t now, uint64_t done)
{
    double rate = (double)(done - line->last_done) * 1e9 / (double)(now - line->last);
    line->last_done = done;
    line->last = now;
    return rate;
}

__attribute__((format(printf, 2, 3))) static inline void live_line_show(struct live_line *line,
                                                                        const char *format, ...)
{
    char text[LIVE_LINE_BYTES];
    va_list values;
    va_start(values, format);
    int columns = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    int room = window_columns() - 1; /* a full last column would wrap */
    if (columns > room)
        columns = room;
    int blanks = line->shown > columns ? line->shown - columns : 0;
    fprintf(stderr, "\r%.*s%*s", columns, text, blanks, "");
    line->shown = columns;
    fflush(stderr);
}

/* Takes the line away, so that something else can be written in its place. */
static inline void live_line_erase(struct live_line *line)
{
    if (line->shown > 0)
        fprintf(stderr, "\r%*s\r", line->shown, "");
    line->shown = 0;
}

/* Writes a bar like [######----] for a fraction from 0 to 1. */
static inline const char *live_bar(char bar[24], double fraction)
{
    memcpy(bar, "[--------------------]", 23);
    for (int i = 0; i < 20 && fraction * 20 >= i + 0.5; i++)
        bar[1 + i] = '#';
    return bar;
}

/* Writes a rate as one would say it: 61.3 M, or 950. */
static inline const char *rate_text(char text[24], double per_second)
{
    if (per_second >= 1e5)
        snprintf(text, 24, "%.1f M", per_second / 1e6);
    else
        snprintf(text, 24, "%.0f", per_second);
    return text;
}

#endif
