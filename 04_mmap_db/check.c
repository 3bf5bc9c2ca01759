/* check.c - looks at everything in the file, and names each fault */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "layout.h"

const char *db_name_text(char text[DB_NAME_BYTES + 1], const char *name)
{
    size_t i = 0;
    for (; i < DB_NAME_BYTES && name[i] != '\0'; i++) {
        bool is_c1 = (unsigned char)name[i] == 0xc2 && i + 1 < DB_NAME_BYTES &&
                     (unsigned char)name[i + 1] < 0xa0;
        text[i] = name[i];
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f || is_c1)
            text[i] = '?';
        if (is_c1) /* a control character of two bytes */
            text[++i] = '?';
    }
    text[i] = '\0';
    return text;
}

struct findings {
    FILE *report;
    int faults;
    uint32_t live, end; /* live records; behind the last one that was ever used */
};

__attribute__((format(printf, 2, 3))) static void fault(struct findings *findings,
                                                        const char *format, ...)
{
    va_list values;
    findings->faults++;
    if (findings->report == NULL)
        return;
    va_start(values, format);
    vfprintf(findings->report, format, values);
    va_end(values);
    fputc('\n', findings->report);
}

static void remark(const struct findings *findings, const char *text)
{
    if (findings->report != NULL)
        fprintf(findings->report, "%s\n", text);
}

/* ---- the header ---- */

static void check_header(const struct db *db, struct findings *findings)
{
    static const struct {
        size_t from, to;
    } unused[] = {{36, 128}, {140, 256}, {280, 384}, {560, 2048}, {2080, DB_HEADER_BYTES}};
    const unsigned char *bytes = (const unsigned char *)db->header;
    if (db->constants_damaged)
        fault(findings, "header: what is there twice differs, one is damaged (byte 0 or 2048)");
    if (atomic_load_explicit(&db->header->state, memory_order_relaxed) != DB_READY)
        fault(findings, "header: the state is damaged (byte 32)");
    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++)
        for (size_t byte = unused[i].from; byte < unused[i].to; byte++)
            if (bytes[byte] != 0)
                fault(findings, "header: byte %zu is unused and not 0", byte);
}

static void check_size(const struct db *db, struct findings *findings)
{
    struct stat file;
    uint32_t generation = db_generation(db);
    uint64_t bytes = extent_offset(db->first_capacity, generation + 1);
    if (fstat(db->fd, &file) == -1 || (uint64_t)file.st_size >= bytes)
        return;
    if (db->after_crash && size_is_whole(db->first_capacity, (uint64_t)file.st_size))
        remark(findings,
               "the file had just grown, and the disk has not seen it: what was put there since "
               "had not been durable");
    else
        fault(findings, "file: %jd bytes of %" PRIu64 ": truncated, or the header is damaged (136)",
              (intmax_t)file.st_size, bytes);
}

/* ---- the records ---- */

/* A copy that is not whole is a fault, except after a crash that nobody has looked after yet: then it
 * is a put that did not end. Both copies not whole are a fault anyway. */
static void check_record(struct db *db, uint32_t id, struct findings *findings)
{
    struct record *record = record_at(db, id);
    struct entry entries[2];
    enum found found[2];
    for (int i = 0; i < 2; i++)
        found[i] = copy_read(&record->copies[i], id, &entries[i]);
    for (int i = 0; i < 2; i++) {
        /* one that is being written beside none: its record is not in use yet, or who wrote it died */
        if (found[i] == FOUND_WHOLE || found[i] == FOUND_BROKEN)
            findings->end = id + 1;
        bool is_cut_off = db->after_crash && found[!i] != FOUND_BROKEN;
        char text[DB_NAME_BYTES + 1];
        const char *name =
            found[!i] == FOUND_WHOLE ? db_name_text(text, (const char *)entries[!i].name) : "?";
        if (found[i] == FOUND_BROKEN && !is_cut_off)
            fault(findings, "record %" PRIu32 " (%s): copy %d is damaged: its CRC is wrong%s", id,
                  name, i, found[!i] == FOUND_WHOLE ? "; the other one is whole" : "");
    }
}

static void check_records(struct db *db, struct findings *findings)
{
    for (uint32_t id = 0; record_at(db, id) != NULL; id++)
        check_record(db, id, findings);
}

/* ---- what is derived from them: only if it stands still meanwhile ---- */

static uint32_t check_found_by_name(struct db *db, uint32_t generation, struct findings *findings)
{
    uint32_t damaged = 0;
    struct record *record;
    findings->live = 0;
    for (uint32_t id = 0; id < findings->end && (record = record_at(db, id)) != NULL; id++) {
        struct place this = {.id = id}, place;
        enum found found = record_read(record, id, &this.entry, &this.newest);
        damaged += found == FOUND_BROKEN || found == FOUND_BUSY;
        if (found != FOUND_WHOLE || !entry_active(&this.entry))
            continue;
        findings->live++;
        struct key key = key_of_entry(&this.entry);
        char text[DB_NAME_BYTES + 1];
        const char *name = db_name_text(text, (const char *)this.entry.name);
        if (index_find(db, generation, &key, &place) != FOUND_WHOLE)
            fault(findings, "index: record %" PRIu32 " (%s) is not in it", id, name);
        else if (place.id != id)
            fault(findings, "index: %s leads to record %" PRIu32 " and not to %" PRIu32, name,
                  place.id, id);
    }
    return damaged;
}

static void check_slots(struct db *db, uint32_t generation, uint32_t damaged,
                        struct findings *findings)
{
    uint64_t slots = (uint64_t)capacity_at(db, generation) * 2, taken = 0;
    _Atomic uint64_t *index = index_at(db, generation);
    for (uint64_t i = 0; i < slots; i++)
        taken += atomic_load_explicit(&index[i], memory_order_relaxed) != 0;
    if (taken < findings->live || taken > (uint64_t)findings->live + damaged)
        fault(findings, "index: %" PRIu64 " names are in it, and %" PRIu32 " records are live",
              taken, findings->live);
}

static void check_free_list(struct db *db, uint32_t generation, uint32_t damaged,
                            struct findings *findings)
{
    const struct header *header = db->header;
    uint32_t used = atomic_load_explicit(&header->used, memory_order_relaxed), listed = 0;
    uint64_t next = atomic_load_explicit(&header->free_head, memory_order_relaxed);
    struct record *record;
    if (used > capacity_at(db, generation)) {
        fault(findings, "counts: %" PRIu32 " used of %" PRIu32, used, capacity_at(db, generation));
        return; /* a list that is a ring would be walked for minutes */
    }
    while (next != 0 && next <= used && listed < used &&
           (record = record_at(db, (uint32_t)next - 1)) != NULL) {
        struct place place;
        listed++;
        if (record_read(record, (uint32_t)next - 1, &place.entry, &place.newest) == FOUND_WHOLE &&
            entry_active(&place.entry))
            fault(findings, "free list: record %" PRIu64 " is live", next - 1);
        next = atomic_load_explicit(&record->copies[0].next_free, memory_order_relaxed);
    }
    uint32_t live = atomic_load_explicit(&header->live, memory_order_relaxed);
    if (next != 0 || (uint64_t)listed + findings->live + damaged != used)
        fault(findings,
              "free list: %" PRIu32 " records, where %" PRIu32 " are used and %" PRIu32 " live",
              listed, used, findings->live);
    if (live != findings->live || used < findings->end)
        fault(findings,
              "counts: %" PRIu32 " live of %" PRIu32 " used; there are %" PRIu32 " of %" PRIu32,
              live, used, findings->live, findings->end);
}

static int check_derived_once(struct db *db, FILE *report, uint32_t end)
{
    struct findings findings = {.report = report, .end = end};
    uint32_t generation = db_generation(db);
    if (extents_map(db, generation) == -1 || index_at(db, generation) == NULL) {
        fault(&findings, "index: it is not in the file");
        return findings.faults;
    }
    uint32_t damaged = check_found_by_name(db, generation, &findings);
    check_slots(db, generation, damaged, &findings);
    check_free_list(db, generation, damaged, &findings);
    return findings.faults;
}

/* First silently: what a writer changes meanwhile would look like a fault. */
static void check_derived(struct db *db, struct findings *findings)
{
    for (int i = 0; i < 10; i++) {
        uint64_t before = atomic_load_explicit(&db->header->index_sequence, memory_order_acquire);
        uint32_t end = atomic_load_explicit(&db->header->used, memory_order_relaxed);
        if (end < findings->end)
            end = findings->end;
        int faults = check_derived_once(db, NULL, end);
        atomic_thread_fence(memory_order_acquire);
        bool is_still =
            atomic_load_explicit(&db->header->index_sequence, memory_order_relaxed) == before &&
            before % 2 == 0;
        if (is_still && faults > 0)
            findings->faults += check_derived_once(db, findings->report, end);
        if (is_still)
            return;
    }
    remark(findings, "the index was not checked: writers are changing it, or one has died of it; "
                     "the next one repairs it");
}

int db_check(struct db *db, FILE *report)
{
    struct findings findings = {.report = report};
    if (db_may_write(db) && writer_lock(db) == -1) {
        fault(&findings, "lock: %s", strerror(errno));
        return findings.faults;
    }
    check_header(db, &findings);
    check_size(db, &findings);
    check_records(db, &findings);
    bool is_trusted = !db->is_distrustful ||
                      atomic_load_explicit(&db->header->index_sequence, memory_order_relaxed) !=
                          db->distrusted_sequence;
    if (is_trusted)
        check_derived(db, &findings);
    else if (db->after_crash)
        remark(&findings, "the file was not closed: the next writer makes its index anew");
    else
        fault(&findings, "index or header: not as they were when the file was closed");
    if (db_may_write(db))
        writer_unlock(db);
    return findings.faults;
}
