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
    unsigned polls, quiet_polls;             /* since the latest change */
    struct winsize window;
};

/* ---- lines ---- */

static inline void watch_line(struct watch *watch, const struct db_record *row, bool is_deleted)
{
    char name[DB_NAME_BYTES + 1], text[VALUE_TEXT_BYTES];
    if (watch->lines == watch->lines_max || stop_requested())
        return;
    db_name_text(name, row->name);
    value_text(text, row->value);
    if (is_deleted)
        print_data("%s deleted\n", name);
    else
        print_data("%s = %s\n", name, text);
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
        else if (new != NULL && (order > 0 || old->sequence != new->sequence))
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
    const char *end = line, *next = line;
    while (*next != '\0' && (columns -= next_columns(&next)) >= 0)
        end = next;
    printf("\r\n%s%.*s%s\033[K", is_bright ? "\033[7m" : "", (int)(end - line), line,
           is_bright ? "\033[0m" : "");
}

/* Nothing has changed since a table was drawn without any bright row, nor has the window. */
static inline bool watch_is_drawn(struct watch *watch)
{
    struct winsize window = {.ws_row = 24, .ws_col = 80};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == -1 || window.ws_col == 0)
        window = (struct winsize){.ws_row = 24, .ws_col = 80};
    bool is_same = window.ws_row == watch->window.ws_row && window.ws_col == watch->window.ws_col;
    watch->window = window;
    return is_same && watch->quiet_polls > WATCH_HIGHLIGHT_POLLS;
}

static inline void watch_draw(struct watch *watch)
{
    int columns = watch->window.ws_col, lines = watch->window.ws_row;
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
        terminal_restore = "\033[0m\033[?25h\033[?1049l"; /* cursor on, the screen from before */
        CHECK(atexit(restore_terminal));
        fputs("\033[?1049h\033[?25l\033[2J", stdout); /* a screen of its own, cursor off */
    }
    for (; !stop_requested() && watch->lines != watch->lines_max; watch->polls++) {
        die_if_replaced(watch->file);
        uint64_t changes = db_changes(watch->db);
        watch->quiet_polls = changes == seen ? watch->quiet_polls + 1 : 0;
        bool is_due = is_table ? !watch_is_drawn(watch) : changes != seen;
        if (is_due)
            rows_read(&watch->now, watch->db, watch->file);
        if (is_table) {
            if (watch->polls == 0)
                watch->history[0] = is_new ? 0 : changes;
            if (is_due)
                watch_draw(watch);
            watch->history[watch->polls % WATCH_HIGHLIGHT_POLLS] = changes;
        } else if (is_due) {
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
