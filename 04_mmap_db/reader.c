/* reader.c - looks into a database while others write it: one value, all of them, or what changes
 *
 * Partner: writer.c. Both include db.h, the database's calls; its .c files are linked with both.
 * Build:   cc reader.c check.c crc.c get.c grow.c header.c index.c lock.c open.c put.c record.c recover.c -o reader -O2 -pthread -lrt
 *          (macOS: without -lrt)
 * Run:     ./reader watch       and in a second terminal:  ./writer put temperature 21.5
 * Look first at main; then at get.c, where a record is found without a lock.
 */
#define _GNU_SOURCE
#include "watch.h"

const char program_name[] = "reader";

static const char help[] =
    "Usage: reader [--file PATH] [--count N] [--timeout SECONDS] [COMMAND]\n"
    "Reads a small database in a memory-mapped file that many processes share. It takes no lock "
    "and\n"
    "never changes a byte.\n"
    "\n"
    "  get NAME           prints its value; exit status 1 when there is none\n"
    "  list [--csv]       prints all records, as a table or as lines NAME,VALUE\n"
    "  watch              a live table; a line for each change where there is no terminal\n"
    "                     (the default)\n"
    "  check              looks for damage; exit status 1 when there is some\n"
    "\n"
    "  --file PATH        the database (default mmap_db.dat)\n"
    "  --csv              list: comma-separated values, which ./writer load takes\n"
    "  --count N          watch: ends after so many lines of changes (default: until Ctrl-C)\n"
    "  --timeout SECONDS  watch: longest wait for the file, 0 = for ever (default 60)\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run ./reader watch in one terminal and, with the same --file, ./writer in another.\n"
    "Either may start first, and any number of both may run at once.\n";

static const char *file = FILE_DEFAULT, *command = "watch", *wanted;
static bool csv;
static long long count = -1, timeout_s = 60;
static struct db *db;

static void read_options(int argc, char **argv)
{
    const struct option_rule rules[] = {
        {"file", .text = &file},
        {"csv", .flag = &csv},
        {"count", .number = &count, .minimum = 1, .maximum = INT64_MAX},
        {"timeout", .number = &timeout_s, .maximum = 86400},
        {.name = NULL},
    };
    int next = parse_options(argc, argv, help, rules);
    if (argv[next] != NULL)
        command = argv[next++];
    bool is_get = strcmp(command, "get") == 0;
    if (is_get && argv[next] == NULL)
        usage_die("get needs a name, like ./reader get temperature");
    if (is_get)
        wanted = argv[next++];
    if (!is_get && strcmp(command, "list") != 0 && strcmp(command, "watch") != 0 &&
        strcmp(command, "check") != 0)
        usage_die("unknown command %s; see %s --help", command, argv[0]);
    reject_arguments(next, argv);
}

static void close_db(void)
{
    db_close(db);
    db = NULL;
}

static void open_db(void)
{
    if (db_open(&db, file, DB_READ_ONLY, 0) == -1 && errno == ENOENT)
        die("there is no %s; make it: ./writer put NAME VALUE", file);
    else if (db == NULL)
        die_of_db("open", file);
    CHECK(atexit(close_db));
}

/* [wait] Only watch waits for a file that is not there yet. Returns whether it has waited. */
static bool wait_for_file(void)
{
    int64_t deadline = timeout_deadline(timeout_s);
    bool has_waited = false;
    while (db_open(&db, file, DB_READ_ONLY, 0) == -1) {
        if (errno != ENOENT && errno != ENODATA)
            die_of_db("open", file);
        if (!has_waited)
            note("waiting for the writer to make %s; in another terminal: ./writer%s%s", file,
                 strcmp(file, FILE_DEFAULT) == 0 ? "" : " --file ",
                 strcmp(file, FILE_DEFAULT) == 0 ? "" : file);
        has_waited = true;
        if (deadline_passed(deadline))
            die("no writer made %s within %lld s; start one: ./writer", file, timeout_s);
        sleep_until(now_ns() + 10 * NS_PER_MS);
        exit_if_stopped();
    }
    CHECK(atexit(close_db));
    return has_waited;
}

static void get(void)
{
    char text[VALUE_TEXT_BYTES];
    double value;
    check_name(wanted);
    open_db();
    int result = db_get(db, wanted, &value);
    if (result == -1 && errno == ENOENT)
        die("there is no %s in %s; ./reader list shows what there is", wanted, file);
    if (result == -1)
        die_of_db("read", file);
    print_data("%s\n", value_text(text, value));
}

static void list(void)
{
    struct rows rows = {0};
    char line[256];
    int widths[2];
    open_db();
    rows_read(&rows, db, file);
    rows_sort(&rows);
    rows_widths(&rows, widths);
    if (!csv)
        print_data("%s\n", row_heading(line, widths));
    for (size_t i = 0; i < rows.count && !stop_requested(); i++)
        if (csv)
            csv_print(rows.rows[i].name, rows.rows[i].value);
        else
            print_data("%s\n", row_text(line, &rows.rows[i], widths));
    free(rows.rows);
}

static void watch_file(void)
{
    bool is_new = wait_for_file();
    remember_file(file);
    struct watch state = {.db = db, .file = file, .lines_max = count};
    watch(&state, is_new);
}

static void check(void)
{
    open_db();
    int faults = db_check(db, stdout);
    if (faults > 0)
        die("%s has %d fault%s; ./reader list --csv | ./writer --file NEW load saves the rest",
            file, faults, faults == 1 ? "" : "s");
    print_data("no fault found in %s\n", file);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_signals();

    if (strcmp(command, "get") == 0)
        get();
    else if (strcmp(command, "list") == 0)
        list();
    else if (strcmp(command, "check") == 0)
        check();
    else
        watch_file();
    return exit_status();
}
