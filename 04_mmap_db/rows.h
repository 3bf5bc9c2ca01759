/* rows.h - all records of the moment, in memory: to be sorted, compared, laid out */
#ifndef ROWS_H
#define ROWS_H

#include <time.h>

#include "csv.h"

struct rows {
    struct db_record *rows;
    size_t count, room;
};

static inline void rows_add(struct rows *rows, const struct db_record *record)
{
    if (rows->count == rows->room) {
        size_t room = rows->room == 0 ? 64 : rows->room * 2;
        struct db_record *more = realloc(rows->rows, room * sizeof *more);
        if (more == NULL)
            die("no memory for %zu records", room);
        rows->rows = more;
        rows->room = room;
    }
    rows->rows[rows->count++] = *record;
}

static inline int by_name(const void *a, const void *b)
{
    const struct db_record *one = a, *other = b;
    int order = strcmp(one->name, other->name);
    return order != 0 ? order
                      : (one->sequence > other->sequence) - (one->sequence < other->sequence);
}

/* Reads them all, in the order of their ids. */
static inline void rows_read(struct rows *rows, struct db *db, const char *file)
{
    struct db_record record;
    rows->count = 0;
    for (uint32_t cursor = 0; db_next(db, &cursor, &record) == 0;)
        rows_add(rows, &record);
    if (errno != ENOENT)
        die_of_db("read", file);
}

/* By name, each once: one that was deleted and put again during the walk may have been met twice. */
static inline void rows_sort(struct rows *rows)
{
    size_t kept = 0;
    if (rows->count > 0)
        qsort(rows->rows, rows->count, sizeof *rows->rows, by_name);
    for (size_t i = 0; i < rows->count; i++)
        if (i + 1 == rows->count || strcmp(rows->rows[i].name, rows->rows[i + 1].name) != 0)
            rows->rows[kept++] = rows->rows[i];
    rows->count = kept;
}

/* How many columns of a screen the character takes that *text begins with; *text goes on behind it.
 * (wcwidth() knows that only in a locale of UTF-8.) */
static inline int next_columns(const char **text)
{
    static const struct {
        uint32_t first, last;
        int columns;
    } odd[] = {{0x300, 0x36f, 0},     {0x1100, 0x115f, 2},   {0x200b, 0x200f, 0},
               {0x2e80, 0x303e, 2},   {0x3041, 0xa4cf, 2},   {0xac00, 0xd7a3, 2},
               {0xf900, 0xfaff, 2},   {0xfe00, 0xfe0f, 0},   {0xfe30, 0xfe6f, 2},
               {0xff01, 0xff60, 2},   {0xffe0, 0xffe6, 2},   {0x1f300, 0x1f64f, 2},
               {0x1f680, 0x1f6ff, 2}, {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2}};
    unsigned char byte = (unsigned char)*(*text)++;
    uint32_t character = byte < 0xc0   ? byte
                         : byte < 0xe0 ? byte & 0x1f
                         : byte < 0xf0 ? byte & 0xf
                                       : byte & 7;
    while (((unsigned char)**text & 0xc0) == 0x80)
        character = character << 6 | ((unsigned char)*(*text)++ & 0x3f);
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        if (character >= odd[i].first && character <= odd[i].last)
            return odd[i].columns;
    return 1;
}

static inline int text_columns(const char *text)
{
    int columns = 0;
    while (*text != '\0')
        columns += next_columns(&text);
    return columns;
}

static inline const char *time_text(char text[32], int64_t time_ns)
{
    time_t seconds = (time_t)(time_ns / NS_PER_S);
    struct tm local;
    char day[24];
    if (localtime_r(&seconds, &local) == NULL ||
        strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &local) == 0)
        snprintf(day, sizeof day, "?");
    snprintf(text, 32, "%s.%03d", day, (int)(time_ns % NS_PER_S / NS_PER_MS) % 1000);
    return text;
}

/* The widest name and value. */
static inline void rows_widths(const struct rows *rows, int widths[2])
{
    char name[DB_NAME_BYTES + 1], text[VALUE_TEXT_BYTES];
    widths[0] = 4, widths[1] = 5; /* of the headings */
    for (size_t i = 0; i < rows->count; i++) {
        const int columns[2] = {text_columns(db_name_text(name, rows->rows[i].name)),
                                text_columns(value_text(text, rows->rows[i].value))};
        for (int j = 0; j < 2; j++)
            if (columns[j] > widths[j])
                widths[j] = columns[j];
    }
}

/* One line of the table, without its end. Fits into 256 bytes. */
static inline const char *row_text(char line[256], const struct db_record *row, const int widths[2])
{
    char name[DB_NAME_BYTES + 1], value[VALUE_TEXT_BYTES], when[32];
    db_name_text(name, row->name);
    snprintf(line, 256, "%s%*s  %*s  %s", name, widths[0] - text_columns(name), "", widths[1],
             value_text(value, row->value), time_text(when, row->time_ns));
    return line;
}

static inline const char *row_heading(char line[256], const int widths[2])
{
    snprintf(line, 256, "%-*s  %*s  %s", widths[0], "name", widths[1], "value", "put at");
    return line;
}

#endif
