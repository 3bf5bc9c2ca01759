/* check.h - error checking: one line on stderr that says what failed, why, and what to type next
 *
 * A program that includes this defines  const char program_name[] = "producer";
 * Every function here may end the program: exit status 1 when the work failed, 2 for wrong usage.
 */
#ifndef COMMON_CHECK_H
#define COMMON_CHECK_H

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const char program_name[];

/* Prints "producer: <message>" on stderr. */
__attribute__((format(printf, 1, 0))) static inline void print_message(const char *format,
                                                                       va_list values)
{
    fflush(stdout); /* so that what was said before the message also stands before it */
    fprintf(stderr, "%s: ", program_name);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
}

/* Says what the program is doing, on stderr: stdout is for data. */
__attribute__((format(printf, 1, 2))) static inline void note(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_message(format, values);
    va_end(values);
}

/* The work failed: says why and exits with 1. Whatever atexit() was given still runs. */
__attribute__((format(printf, 1, 2))) _Noreturn static inline void die(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    print_message(format, values);
    va_end(values);
    exit(1);
}

/* The command line is wrong: says what was expected and exits with 2. */
__attribute__((format(printf, 1, 2))) _Noreturn static inline void usage_die(const char *format,
                                                                             ...)
{
    va_list values;
    va_start(values, format);
    print_message(format, values);
    va_end(values);
    exit(2);
}

static inline int check_result(int result, const char *call)
{
    if (result == -1)
        die("%s failed: %s", call, strerror(errno));
    return result;
}

/* CHECK(call): for a call that returns -1 only through a bug or an exhausted system. */
#define CHECK(call) check_result((call), #call)

/* The value of a numeric option (named without the dashes), from minimum to maximum. */
static inline long long parse_number(const char *option, const char *text, long long minimum,
                                     long long maximum)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (strchr("+-0123456789", text[0]) == NULL || *end != '\0' || end == text || errno != 0 ||
        number < minimum || number > maximum)
        usage_die("--%s %s: give a whole number from %lld to %lld", option, text, minimum, maximum);
    return number;
}

/* The name of a shared memory object: a slash and up to longest - 1 other characters. (macOS takes
 * 31 with the slash; a lesson that adds suffixes for its semaphores takes fewer.) */
static inline const char *parse_name(const char *text, size_t longest)
{
    if (text[0] != '/' || text[1] == '\0' || strchr(text + 1, '/') != NULL ||
        strlen(text) > longest)
        usage_die("--name %s: give a slash and 1 to %zu other characters, like --name /lab7", text,
                  longest - 1);
    return text;
}

/* One long option: exactly one of number, text and flag says where its value goes. */
struct option_rule {
    const char *name; /* without the dashes */
    long long *number, minimum, maximum;
    const char **text;
    bool *flag;
};

enum { OPTIONS_MAX = 16 };

/* Reads the options that the rules (ended by one without a name) allow, -h and --help. Prints the
 * help text and exits with 0, or says what is wrong and exits with 2, or returns the index of the
 * first argument that is no option. */
static inline int parse_options(int count, char **arguments, const char *help,
                                const struct option_rule *rules)
{
    struct option options[OPTIONS_MAX + 2] = {{.name = "help", .val = 'h'}};
    for (int i = 0; i < OPTIONS_MAX && rules[i].name != NULL; i++)
        options[i + 1] =
            (struct option){.name = rules[i].name,
                            .has_arg = rules[i].flag != NULL ? no_argument : required_argument,
                            .val = 256 + i};
    opterr = 0; /* getopt_long() itself stays silent */
    int option;
    while ((option = getopt_long(count, arguments, ":h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            exit(fflush(stdout) == 0 ? 0 : 1);
        }
        if (option == ':')
            usage_die("%s needs a value; see %s --help", arguments[optind - 1], arguments[0]);
        if (option == '?' && optopt > 0 && optopt < 256)
            usage_die("unknown option -%c; see %s --help", optopt, arguments[0]);
        if (option == '?')
            usage_die("unknown option %s; see %s --help", arguments[optind - 1], arguments[0]);
        const struct option_rule *rule = &rules[option - 256];
        if (rule->flag != NULL)
            *rule->flag = true;
        else if (rule->text != NULL)
            *rule->text = optarg;
        else
            *rule->number = parse_number(rule->name, optarg, rule->minimum, rule->maximum);
    }
    return optind;
}

/* For programs that take options only. */
static inline void reject_arguments(int first, char *const *arguments)
{
    if (arguments[first] != NULL)
        usage_die("unexpected argument %s; see %s --help", arguments[first], arguments[0]);
}

#endif
