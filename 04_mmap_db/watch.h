/* watch.h - shows what changes: a live table on a terminal, else a line for each change
 *
 * It polls: writers need not know of it, and any number of watchers cost them nothing. Of several
 * changes of one name between two looks, the last one is seen.
 */
#ifndef WATCH_H
#define WATCH_H

#include <sys/ioctl.h>

#include "rows.h"

enum { WATCH_POLL_MS = 50, WATCH_HIGHLIGHT_POLLS = 20 };

struct watch {
    struct db *db;
    const char *file;
    struct rows seen, now;
    long long lines, lines_max;              /* printed; -1: no end */
    uint64_t history[WATCH_HIGHLIGHT_POLLS]; /* the count of changes at the latest polls */
    unsigned polls;
};

/* ---- lines ---- */

static inline void watch_line(struct watch *watch, const struct db_record *row, bool is_deleted)
{
    char name[DB_NAME_BYTES + 1], text[VALUE_TEXT_BYTES];
    if (watch->lines == watch->lines_max || stop_requested())
        return;
    name_text(name, row->name);
    if (is_deleted)
        print_data("%s deleted\n", name);
    else
        print_data("%s = %s\n", name, value_text(text, row->value));
    watch->lines++;
}

static inline int by_sequence(const void *a, const void *b)
{
    const struct db_record *one = a, *other = b;
    return (one->sequence > other->sequence) - (one->sequence < other->sequence);
}

/* Both are sorted by name, so one walk over both finds what is in only one of them. */
static inline void watch_compare(struct watch *watch)
{
    struct rows changed = {0};
    size_t i = 0, j = 0;
    while (i < watch->seen.count || j < watch->now.count) {
        const struct db_record *old = i < watch->seen.count ? &watch->seen.rows[i] : NULL;
        const struct db_record *new = j < watch->now.count ? &watch->now.rows[j] : NULL;
        int order = old == NULL ? 1 : new == NULL ? -1 : strcmp(old->name, new->name);
        if (order < 0)
            watch_line(watch, old, true);
        else if (order > 0 || old->sequence != new->sequence)
            rows_add(&changed, new);
        i += order <= 0;
        j += order >= 0;
    }
    if (changed.count > 0)
        qsort(changed.rows, changed.count, sizeof *changed.rows, by_sequence);
    for (size_t k = 0; k < changed.count; k++)
        watch_line(watch, &changed.rows[k], false);
    free(changed.rows);
}

/* ---- the table ---- */

static inline void watch_leave_screen(void)
{
    static const char text[] =
        "\033[0m\033[?25h\033[?1049l"; /* cursor on, the screen from before */
    fputs(text, stdout);
    fflush(stdout);
}

/* Of more rows than there is room for, the ones that were changed last, by name. */
static inline void watch_fit(struct rows *rows, size_t room)
{
    if (rows->count <= room)
        return;
    qsort(rows->rows, rows->count, sizeof *rows->rows, by_sequence);
    memmove(rows->rows, rows->rows + rows->count - room, room * sizeof *rows->rows);
    rows->count = room;
    if (room > 0)
        qsort(rows->rows, rows->count, sizeof *rows->rows, by_name);
}

/* One line of the screen, cut off where the window ends: a character is never cut in two. */
static inline void watch_print(const char *line, int columns, bool is_bright)
{
    size_t bytes = 0;
    for (int shown = 0; line[bytes] != '\0'; bytes++)
        if (((unsigned char)line[bytes] & 0xc0) != 0x80 && shown++ == columns)
            break;
    printf("\r\n%s%.*s%s\033[K", is_bright ? "\033[7m" : "", (int)bytes, line,
           is_bright ? "\033[0m" : "");
}

static inline void watch_draw(struct watch *watch)
{
    struct winsize window;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0;
    int columns = known ? window.ws_col : 80, lines = known ? window.ws_row : 24;
    size_t count = watch->now.count;
    uint64_t second_ago = watch->history[watch->polls % WATCH_HIGHLIGHT_POLLS];
    char line[256];
    int widths[2];
    rows_sort(&watch->now);
    watch_fit(&watch->now, lines > 2 ? (size_t)lines - 2 : 0);
    rows_widths(&watch->now, widths);
    snprintf(line, sizeof line, "%s: %zu records, %llu changes - Ctrl-C ends", watch->file, count,
             (unsigned long long)db_changes(watch->db));
    printf("\033[H%.*s\033[K", columns, line);
    if (lines > 1)
        watch_print(row_heading(line, widths), columns, false);
    for (size_t i = 0; i < watch->now.count; i++)
        watch_print(row_text(line, &watch->now.rows[i], widths), columns,
                    watch->polls >= WATCH_HIGHLIGHT_POLLS
                        ? watch->now.rows[i].sequence > second_ago
                        : watch->now.rows[i].sequence > watch->history[0]);
    printf("\033[J");
    if (fflush(stdout) != 0)
        stop_signal = SIGPIPE;
}

/* ---- both ---- */

/* Shows changes till a stop signal comes, or lines_max are printed. is_new: the file has just been
 * made, so whatever is in it is a change. */
static inline void watch(struct watch *watch, bool is_new)
{
    bool is_table = isatty(STDOUT_FILENO) == 1 && watch->lines_max == -1;
    uint64_t seen = UINT64_MAX;
    if (is_table) {
        CHECK(atexit(watch_leave_screen));
        fputs("\033[?1049h\033[?25l\033[2J", stdout); /* a screen of its own, cursor off */
    }
    for (; !stop_requested() && watch->lines != watch->lines_max; watch->polls++) {
        uint64_t changes = db_changes(watch->db);
        if (changes != seen || is_table)
            rows_read(&watch->now, watch->db, watch->file);
        if (is_table) {
            if (watch->polls == 0)
                watch->history[0] = is_new ? 0 : changes;
            watch_draw(watch);
            watch->history[watch->polls % WATCH_HIGHLIGHT_POLLS] = changes;
        } else if (changes != seen) {
            rows_sort(&watch->now);
            if (seen != UINT64_MAX || is_new)
                watch_compare(watch);
            struct rows before = watch->seen;
            watch->seen = watch->now;
            watch->now = before;
        }
        seen = changes;
        if (watch->lines != watch->lines_max)
            sleep_until(now_ns() + WATCH_POLL_MS * NS_PER_MS);
    }
    free(watch->seen.rows);
    free(watch->now.rows);
}

#endif
