/* csv.h - lines NAME,VALUE: how a name with commas or quotes is written, and how it is read again */
#ifndef CSV_H
#define CSV_H

#include "pair.h"

enum { CSV_LINE_BYTES = 1024, CSV_QUOTED_BYTES = 2 * DB_NAME_BYTES + 2 };

/* The value of text, which holds nothing else. Too large for a double is no value. */
static inline bool parse_value(const char *text, double *value)
{
    char *end;
    if (text[0] == '\0' || strchr(" \t\n\v\f\r", text[0]) != NULL)
        return false;
    *value = strtod(text, &end);
    bool is_too_large = isinf(*value) && strpbrk(text, "0123456789") != NULL;
    return *end == '\0' && !is_too_large;
}

#define CSV_MARK "\xef\xbb\xbf" /* a spreadsheet's mark of UTF-8, at the beginning of a file */

/* One line of text, without its end; a line end within the quotes of a name is part of it. Returns how
 * many lines it was, 0 at the end, or where reading failed. wrong: NULL, or why it is none. What is longer than
 * a line may be is read to its end; and quotes that do not end must not swallow all that follows. */
static inline int csv_read_line(FILE *file, char line[CSV_LINE_BYTES], bool is_first,
                                const char **wrong)
{
    size_t length = 0;
    int c, lines = 0;
    bool quoted = false;
    *wrong = NULL;
    while ((c = getc(file)) != EOF) {
        quoted ^= c == '"' && (length == 0 || line[0] == '"');
        lines += c == '\n';
        if (c == '\n' && (!quoted || length > CSV_QUOTED_BYTES))
            break;
        if (c == '\0')
            *wrong = "there is a zero byte in it";
        if (length == CSV_LINE_BYTES - 1)
            *wrong = "it is too long";
        else
            line[length++] = (char)c;
        if (is_first && length == strlen(CSV_MARK) && memcmp(line, CSV_MARK, length) == 0)
            length = 0;
        is_first &= length < strlen(CSV_MARK) && length > 0;
    }
    bool is_last = c == EOF && !ferror(file) && (length > 0 || *wrong != NULL);
    if (length > 0 && line[length - 1] == '\r')
        length--;
    line[length] = '\0';
    return lines + is_last;
}

/* Splits a line in place. Returns NULL, or what is wrong with it. */
static inline const char *csv_split(char *line, const char **name, double *value)
{
    char *comma = strrchr(line, ',');
    if (comma == NULL)
        return "there is no comma";
    *comma = '\0';
    *name = line;
    if (line[0] == '"') {
        char *to = line;
        const char *from = line + 1;
        for (; *from != '\0' && (from[0] != '"' || from[1] == '"'); from++) {
            from += from[0] == '"';
            *to++ = *from;
        }
        if (from[0] != '"' || from[1] != '\0')
            return "the quotes of the name do not end";
        *to = '\0';
    }
    if (!parse_value(comma + 1, value))
        return "the value is not a number";
    return NULL;
}

static inline void csv_print(const char *name, double value)
{
    char quoted[CSV_QUOTED_BYTES + 1], text[VALUE_TEXT_BYTES], *to = quoted;
    bool is_plain = strpbrk(name, ",\"\r\n") == NULL && strncmp(name, CSV_MARK, 3) != 0;
    if (!is_plain)
        *to++ = '"';
    for (; *name != '\0'; name++) {
        if (*name == '"')
            *to++ = '"';
        *to++ = *name;
    }
    if (!is_plain)
        *to++ = '"';
    *to = '\0';
    print_data("%s,%s\n", quoted, value_text(text, value));
}

#endif
