/* progress.h - how much has passed, and how fast, on stderr: the live line, and the last word
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <fcntl.h>

#include "../common/backoff.h"
#include "../common/live_line.h"

/* Writes a number of bytes as one would say it: 950 bytes, 61.3 MB. */
static inline const char *bytes_text(char text[24], double bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    int unit = 0;
    for (; bytes >= 1000 && unit < 4; unit++)
        bytes /= 1000;
    snprintf(text, 24, "%.*f %s", unit > 0, bytes, units[unit]);
    return text;
}

/* Before catch_stop_signals() puts /dev/null there, which would swallow the data without a word. */
static inline void refuse_closed(int fd, const char *file)
{
    if (fcntl(fd, F_GETFD) == -1)
        die("%s is closed: %s", file, strerror(errno));
}

/* The live line, if it is due. It is off where another file of this half is a terminal, too: then the
 * data has that. */
static inline void show_progress(struct live_line *line, uint64_t bytes, const char *remark)
{
    char amount[24], rate[24];
    int64_t now = now_ns();
    if (!live_line_due(line, now))
        return;
    double per_second = live_line_rate(line, now, bytes);
    live_line_show(line, "%s  %s/s%s", bytes_text(amount, (double)bytes),
                   bytes_text(rate, per_second), remark);
}

#endif
