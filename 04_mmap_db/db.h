/* db.h - a small database in a memory-mapped file that many processes share: names and their values
 *
 * Any number of processes open the same file and put, get, delete and walk at once. Writers take one
 * lock, readers none. Whatever instant a process is killed or the power fails, each record has its old
 * value or its new one. Link with the .c files beside this that have no main(): check, crc, get, grow,
 * header, index, lock, open, put, record, recover.
 *
 * Every function returns 0, or -1 with errno, but db_check; none exits, none prints. A struct db
 * belongs to one process. Its threads may all use it at once; a child of fork() may go on using it if
 * no other thread was in a call at the time of the fork. errno may be, from any function
 *   EBADMSG    the file is damaged in what is needed here: db_check() names it
 *   ETIMEDOUT  the lock was held for DB_LOCK_SECONDS: is its owner suspended?
 *   EINTR      the wait for the lock was ended by db_stop
 * and what the system's calls give: EACCES, ENOENT, ENOSPC, EROFS, EIO, ENOMEM ...
 */
#ifndef DB_H
#define DB_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    DB_NAME_BYTES = 63,        /* longest name, without the 0 that ends it */
    DB_CAPACITY_MAX = 1 << 28, /* records; the file then has 73 GB */
    DB_CAPACITY_DEFAULT = 1024,
    DB_LOCK_SECONDS = 60,
};

enum {
    DB_CREATE = 1,    /* if there is no file, make one, with mode 0600; an empty one becomes one */
    DB_READ_ONLY = 2, /* never changes a byte, takes no lock, needs only the right to read */
    DB_SYNC = 4,      /* each put and delete is on disk when it returns */
};

/* A wait for a lock ends with EINTR as soon as this is not NULL and what it points to not 0: for a
 * program that catches SIGINT. */
extern volatile sig_atomic_t *db_stop;

struct db; /* private to a process; the file is shared */

struct db_record {
    uint32_t id;       /* its place in the file; the same as long as the record lives */
    bool active;       /* false: deleted; db_next() gives none of these */
    int64_t time_ns;   /* when it was put: since 1970, by the wall clock */
    uint64_t sequence; /* the number of this change: the later of two has the higher one */
    double value;
    char name[DB_NAME_BYTES + 1];
};

/* Opens the file, and repairs it if nobody else has it open and it was not closed (not DB_READ_ONLY).
 * capacity: how many records a new file has room for at first, 1 to DB_CAPACITY_MAX (rounded up to a
 * power of two; 0: DB_CAPACITY_DEFAULT); it grows as needed. errno: EINVAL (flags, capacity, or not a
 * regular file), EPROTO (not a file of ours: it is left untouched), ENOTSUP (another layout version,
 * byte order or record size), EBADMSG (damaged, truncated, or not finished by whoever made it), EBUSY
 * (another program holds a flock on it). */
int db_open(struct db **db, const char *path, int flags, uint32_t capacity);

/* Is this a name? errno: EINVAL (not 1 to DB_NAME_BYTES bytes), EILSEQ (not UTF-8). */
int db_name_check(const char *name);

/* The name for the eye, in text: what would move a terminal's cursor, or worse, is a question mark. */
const char *db_name_text(char text[DB_NAME_BYTES + 1], const char *name);

/* Inserts or replaces. name: 1 to DB_NAME_BYTES bytes of UTF-8. errno: EINVAL (another length),
 * EILSEQ (not UTF-8), EBADF (DB_READ_ONLY), ENOSPC (disk or capacity): then nothing is changed.
 * EIO with DB_SYNC: it is put, but may not be on disk. */
int db_put(struct db *db, const char *name, double value);

/* errno: ENOENT (there is none), EINVAL, EILSEQ, EAGAIN (DB_READ_ONLY, and writers were faster than
 * this process a thousand times in a row), EBADMSG (it is damaged, both copies of it). */
int db_get(struct db *db, const char *name, double *value);

/* errno: as db_put, and ENOENT. */
int db_delete(struct db *db, const char *name);

/* Walks over the live records, each a whole copy: begin with *cursor = 0. errno: ENOENT at the end,
 * EAGAIN as db_get. What is put or deleted meanwhile may be met or not; what is there all the time is
 * met exactly once. Damaged records are passed over. (DB_READ_ONLY, after a crash of the machine and before
 * the first writer's repair: a name whose delete was lost may be met twice; the higher sequence counts.) */
int db_next(struct db *db, uint32_t *cursor, struct db_record *record);

/* All that was put, by whoever, is on disk when it returns. */
int db_sync(struct db *db);

/* How many changes there have been: as long as it stays the same, a walk finds nothing new. */
uint64_t db_changes(const struct db *db);

/* Looks at everything, and prints a line for each fault; report may be NULL. Returns the number of
 * faults. Without DB_READ_ONLY it holds the lock meanwhile; with it, what writers change under its
 * eyes is not a fault, and it says what it could not look at. */
int db_check(struct db *db, FILE *report);

/* db may be NULL. The last one out marks the file as closed, so that nobody needs to repair it. */
void db_close(struct db *db);

#endif
