/* load.h - puts the lines of a CSV file, with a progress line on a terminal */
#ifndef LOAD_H
#define LOAD_H

#include "csv.h"

struct load {
    unsigned long long taken, wrong; /* lines */
    bool failed;                     /* the database took no more: errno */
};

static inline void show_progress(const struct load *load, int64_t *last)
{
    if (isatty(STDERR_FILENO) != 1 || now_ns() - *last < LOOK_INTERVAL_MS * NS_PER_MS)
        return;
    *last = now_ns();
    fprintf(stderr, "\r%llu records are in", load->taken);
}

static inline void end_progress(int64_t last, int64_t start)
{
    if (last != start)
        fprintf(stderr, "\r\033[K");
}

/* All or nothing is not promised: each line is put by itself. A bad one is named, and the rest goes on;
 * a stop signal ends it between two lines. */
static inline struct load load_csv(struct db *db, FILE *file, const char *file_name)
{
    struct load sum = {0};
    char line[CSV_LINE_BYTES] = "";
    int64_t start = now_ns(), last = start;
    const char *wrong;
    unsigned long long number = 1;
    for (int lines;
         !stop_requested() && (lines = csv_read_line(file, line, number == 1, &wrong)) > 0;
         number += (unsigned)lines) {
        const char *name = NULL;
        double value = 0;
        if (line[0] == '\0' && wrong == NULL)
            continue;
        if (wrong == NULL)
            wrong = csv_split(line, &name, &value);
        if (wrong == NULL && db_name_check(name) == -1)
            wrong = errno == EINVAL ? "the name has not 1 to 63 bytes" : "the name is not UTF-8";
        if (wrong == NULL && db_put(db, name, value) == -1) {
            sum.failed = true;
            break;
        }
        if (wrong != NULL) {
            end_progress(last, start);
            if (lines == 1)
                note("%s: line %llu is left out: %s", file_name, number, wrong);
            else
                note("%s: lines %llu to %llu are left out: %s", file_name, number,
                     number + (unsigned)lines - 1, wrong);
            sum.wrong += (unsigned)lines;
        }
        sum.taken += wrong == NULL;
        show_progress(&sum, &last);
    }
    int error = errno;
    end_progress(last, start);
    errno = error;
    return sum;
}

#endif
