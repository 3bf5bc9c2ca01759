/* pair.h - what writer and reader have in common: the file's name, errors in words, values in digits */
#ifndef PAIR_H
#define PAIR_H

#include <math.h>
#include <signal.h>
#include <unistd.h>

#include "../common/check.h"
#include "../common/cleanup.h"
#include "../common/clock.h"
#include "db.h"

#define FILE_DEFAULT "mmap_db.dat"
enum { VALUE_TEXT_BYTES = 32 };

/* What is wrong, and what to type next. */
static inline const char *db_error_text(int error)
{
    switch (error) {
    case EPROTO:
        return "it is not a database of this lesson; it is left as it is; give another --file";
    case ENOTSUP:
        return "it was written with another layout version or byte order; it is left as it is";
    case EBADMSG:
        return "it is damaged or truncated; ./reader check says where, and "
               "./reader list --csv | ./writer --file NEW load saves the rest";
    case ENODATA:
        return "it is empty: whoever made it did not finish; ./writer does";
    case ETIMEDOUT:
        return "another process holds the lock; is it suspended? see fuser -v FILE";
    case EBUSY:
        return "another program holds a lock on it; see fuser -v FILE";
    case EINVAL:
        return "it is not a regular file";
    case EACCES:
        return "permission denied; its owner may: see ls -l";
    default:
        return strerror(error);
    }
}

_Noreturn static inline void die_of_db(const char *what, const char *file)
{
    die("cannot %s %s: %s", what, file, db_error_text(errno));
}

/* For names of the command line. */
static inline void check_name(const char *name)
{
    if (db_name_check(name) == -1 && errno == EINVAL)
        usage_die("name '%.70s': give 1 to %d bytes", name, DB_NAME_BYTES);
    if (db_name_check(name) == -1)
        usage_die("name %s: give UTF-8 text", name);
}

/* [sigbus] The file was made shorter while it was mapped, which no program of ours does: there is no
 * memory any more where the processor wants to go on, so all that can be done is to say so. */
static inline void on_bus_error(int signal_number)
{
    static const char text[] = ": the file was made shorter by another program while in use\n";
    ssize_t ignored = write(STDERR_FILENO, program_name, strlen(program_name));
    ignored += write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    (void)signal_number;
    _exit(1);
}

static inline void catch_bus_errors(void)
{
    struct sigaction action = {.sa_handler = on_bus_error};
    sigemptyset(&action.sa_mask);
    CHECK(sigaction(SIGBUS, &action, NULL));
}

/* As few digits as bring the same double back. */
static inline const char *value_text(char text[VALUE_TEXT_BYTES], double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, VALUE_TEXT_BYTES, "%.*g", digits, value);
        if (!(strtod(text, NULL) != value)) /* nan neither */
            break;
    }
    return text;
}

/* A name for the eye: what would move the cursor, or worse, is a question mark. */
static inline const char *name_text(char text[DB_NAME_BYTES + 1], const char *name)
{
    size_t i = 0;
    for (; name[i] != '\0' && i < DB_NAME_BYTES; i++) {
        bool is_c1 = (unsigned char)name[i] == 0xc2 && (unsigned char)name[i + 1] < 0xa0;
        text[i] = name[i];
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f || is_c1)
            text[i] = '?';
        if (is_c1) /* a control character of two bytes */
            text[i + 1] = '?', i++;
    }
    text[i] = '\0';
    return text;
}

#endif
