/* writer.c - puts records into a database that any number of processes share
 *
 * Partner: reader.c. Both include db.h, the database's calls; its .c files are linked with both.
 * Build:   cc writer.c check.c crc.c get.c grow.c header.c index.c lock.c open.c put.c record.c recover.c -o writer -O2 -pthread -lrt
 *          (macOS: without -lrt)
 * Run:     ./writer put temperature 21.5       and in a second terminal:  ./reader watch
 * Look first at main; then at put.c, where a put is made.
 */
#define _GNU_SOURCE
#include "load.h"
#include "menu.h"

const char program_name[] = "writer";

static const char help[] =
    "Usage: writer [--file PATH] [--sync] [--capacity N] [COMMAND]\n"
    "Writes into a small database in a memory-mapped file that many processes share.\n"
    "\n"
    "  put NAME VALUE     insert or replace: a name of 1 to 63 bytes, a number\n"
    "  delete NAME        the name is gone\n"
    "  load [FILE]        puts lines NAME,VALUE of a CSV file, or of standard input\n"
    "  (none)             a menu; end of input quits as well\n"
    "\n"
    "  --file PATH        the database (default mmap_db.dat), made if it is not there\n"
    "  --sync             each put is on disk before the next one begins\n"
    "  --capacity N       records a new file has room for at first, 1 to 268435456\n"
    "                     (default 1024); it doubles when it is full\n"
    "  -h, --help         show this text\n"
    "\n"
    "Run it in one terminal and, with the same --file, ./reader watch in another.\n"
    "Either may start first, and any number of both may run at once.\n";

static const char *file = FILE_DEFAULT;
static bool sync_each;
static long long capacity;
static struct db *db;

static struct {
    const char *command, *name, *value;
} words;

/* Options may be abbreviated, and --file=PATH is one word. */
static bool takes_a_word(const char *option)
{
    size_t length = strlen(option);
    return length > 2 &&
           (strncmp(option, "--file", length) == 0 || strncmp(option, "--capacity", length) == 0);
}

/* [words] Takes the command and its words off the command line before the options are read: a value
 * may begin with a minus. Returns how many words are left. */
static int take_words(int argc, char **argv)
{
    int at = 1;
    while (at < argc && argv[at][0] == '-')
        at += takes_a_word(argv[at]) ? 2 : 1;
    if (at >= argc)
        return argc;
    words.command = argv[at];
    int wanted = strcmp(words.command, "put") == 0 ? 2 : 1, there = argc - at - 1;
    if (there < wanted)
        wanted = there;
    if (wanted > 0 && strncmp(argv[at + 1], "--", 2) == 0)
        wanted = 0;
    words.name = wanted > 0 ? argv[at + 1] : NULL;
    words.value = wanted > 1 ? argv[at + 2] : NULL;
    int from = at + 1 + wanted;
    memmove(&argv[at], &argv[from], (size_t)(argc + 1 - from) * sizeof *argv);
    return argc - 1 - wanted;
}

static void read_options(int argc, char **argv)
{
    const struct option_rule rules[] = {
        {"file", .text = &file},
        {"sync", .flag = &sync_each},
        {"capacity", .number = &capacity, .minimum = 1, .maximum = DB_CAPACITY_MAX},
        {.name = NULL},
    };
    argc = take_words(argc, argv);
    reject_arguments(parse_options(argc, argv, help, rules), argv);
}

static void close_db(void)
{
    db_close(db);
    db = NULL;
}

static void open_db(int flags)
{
    if (db_open(&db, file, flags | (sync_each ? DB_SYNC : 0), (uint32_t)capacity) == -1)
        die_of_db("open", file);
    CHECK(atexit(close_db));
    remember_file(file);
}

/* ---- the commands ---- */

static void put(void)
{
    double value;
    if (words.value == NULL)
        usage_die("put needs a name and a value, like ./writer put temperature 21.5");
    if (!parse_value(words.value, &value))
        usage_die("value %s: give a number, like 21.5, -1e-3, inf or nan", words.value);
    check_name(words.name);
    open_db(DB_CREATE);
    if (db_put(db, words.name, value) == -1)
        die_of_db("put into", file);
}

static void delete (void)
{
    if (words.name == NULL)
        usage_die("delete needs a name, like ./writer delete temperature");
    check_name(words.name);
    open_db(0);
    if (db_delete(db, words.name) == 0)
        return;
    if (errno == ENOENT)
        die("there is no %s in %s; ./reader list shows what there is", words.name, file);
    die_of_db("delete from", file);
}

static void load(void)
{
    FILE *input = words.name == NULL ? stdin : fopen(words.name, "r");
    if (input == NULL)
        die("cannot open %s: %s", words.name, strerror(errno));
    open_db(DB_CREATE);
    struct load load = load_csv(db, input, words.name == NULL ? "standard input" : words.name);
    int error = errno;
    print_data("%llu records are in, %llu lines were not taken\n", load.taken, load.wrong);
    errno = error;
    if (load.failed)
        die_of_db("put more into", file);
    die_if_replaced(file);
    if (ferror(input) && !stop_requested())
        die("cannot read %s: %s", words.name == NULL ? "standard input" : words.name,
            strerror(error));
    if (input != stdin && fclose(input) == EOF)
        die("cannot close %s: %s", words.name, strerror(errno));
    if (load.wrong > 0)
        exit(stop_requested() ? exit_status() : 1);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    catch_signals();

    if (words.command == NULL) {
        open_db(DB_CREATE);
        menu(db, file);
    } else if (strcmp(words.command, "put") == 0) {
        put();
    } else if (strcmp(words.command, "delete") == 0) {
        delete ();
    } else if (strcmp(words.command, "load") == 0) {
        load();
    } else {
        usage_die("unknown command %s; see %s --help", words.command, argv[0]);
    }
    close_db();
    return exit_status();
}
