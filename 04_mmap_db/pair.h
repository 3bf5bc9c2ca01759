/* pair.h - what writer and reader have in common: the file's name, errors in words, values in digits */
#ifndef PAIR_H
#define PAIR_H

#include <math.h>
#include <signal.h>
#include <sys/stat.h>
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

/* What gives the terminal back, if it was taken. */
static const char *volatile terminal_restore = "";

/* Before a last word, which would go with the screen that it is written on. */
static inline void restore_terminal(void)
{
    fputs(terminal_restore, stdout);
    fflush(stdout);
    terminal_restore = "";
}

_Noreturn static inline void die_of_db(const char *what, const char *file)
{
    if (errno == EINTR)
        exit_if_stopped(); /* while it waited for a lock: nothing was changed */
    int error = errno;
    restore_terminal();
    die("cannot %s %s: %s", what, file, db_error_text(error));
}

/* Which file was opened. */
static struct stat file_opened;

static inline void remember_file(const char *file)
{
    if (stat(file, &file_opened) == -1)
        die("cannot look at %s: %s", file, strerror(errno));
}

/* Somebody may remove the file, or put another one in its place, while it is in use: then nobody else
 * will ever see what is put into it, and what is read from it is old. */
static inline void die_if_replaced(const char *file)
{
    struct stat now;
    if (stat(file, &now) == -1 || now.st_ino != file_opened.st_ino ||
        now.st_dev != file_opened.st_dev) {
        restore_terminal();
        die("%s was removed or replaced while in use: others no longer see this one; start again",
            file);
    }
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
    static const char text[] =
        ": the file was made shorter by another program while in use, or its disk failed\n";
    ssize_t ignored = write(STDOUT_FILENO, terminal_restore, strlen(terminal_restore));
    ignored += write(STDERR_FILENO, program_name, strlen(program_name));
    ignored += write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    (void)signal_number;
    _exit(1);
}

/* SIGXFSZ: a file that may not grow (ulimit -f) is to be an error like a full disk, not an end. */
static inline void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_bus_error};
    catch_stop_signals();
    db_stop = &stop_signal;
    sigemptyset(&action.sa_mask);
    CHECK(sigaction(SIGBUS, &action, NULL));
    action.sa_handler = SIG_IGN;
    CHECK(sigaction(SIGXFSZ, &action, NULL));
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

#endif
