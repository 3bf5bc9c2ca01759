/* plan.h - what is to be measured: the command line's lists, read and checked */
#ifndef PLAN_H
#define PLAN_H

#include "orders.h"

enum { SIZES_MAX = 16, COUNT_MAX = 100000000, SIZE_MAX_BYTES = 110 << 20 };

struct plan {
    const char *transport_list, *wait_list, *size_list, *csv_path;
    long long count, warmup; /* -1: as many as fit the time */
    bool bars;               /* instead of the tables */
    bool tests[TESTS], transports[TRANSPORTS], waits[WAITS];
    uint64_t sizes[SIZES_MAX];
    size_t size_count;
};

static inline struct plan default_plan(void)
{
    return (struct plan){.size_list = "64,1024,65536,1048576,10485760", .count = -1, .warmup = -1};
}

static inline const char *transport_name(size_t i)
{
    return transports[i]->name;
}

static inline const char *wait_name(size_t i)
{
    return waits[i].name;
}

/* Takes the next word of a list out of it: its length, or 0 at the end. */
static inline size_t next_word(const char **list, const char **word)
{
    *word = *list;
    size_t length = strcspn(*list, ",");
    *list += length + ((*list)[length] == ',');
    return length;
}

/* Marks what a list names. No list names everything. */
static inline void read_names(const char *option, const char *list, const char *(*name_of)(size_t),
                              bool *marks, size_t count)
{
    if (list == NULL) {
        memset(marks, true, count * sizeof *marks);
        return;
    }
    char known[80] = "";
    for (size_t i = 0; i < count; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i == 0 ? "" : ", ",
                 name_of(i));
    const char *rest = list, *word;
    do {
        size_t length = next_word(&rest, &word), i = 0;
        while (i < count && (strncmp(word, name_of(i), length) != 0 || name_of(i)[length] != '\0'))
            i++;
        if (i == count || length == 0)
            usage_die("--%s %s: '%.*s' is none of %s", option, list, (int)length, word, known);
        marks[i] = true;
    } while (*rest != '\0');
}

static inline void read_sizes(struct plan *plan)
{
    const char *rest = plan->size_list, *word;
    do {
        char text[24];
        size_t length = next_word(&rest, &word);
        if (plan->size_count == SIZES_MAX)
            usage_die("--size %s: give at most %d sizes", plan->size_list, (int)SIZES_MAX);
        snprintf(text, sizeof text, "%.*s", (int)length, word);
        plan->sizes[plan->size_count++] = (uint64_t)parse_number("size", text, 1, SIZE_MAX_BYTES);
    } while (*rest != '\0');
}

/* mode: latency, throughput, compare; or NULL: the menu, which takes no plan. */
static inline void read_plan(struct plan *plan, const char *mode)
{
    bool is_both = mode == NULL || strcmp(mode, "compare") == 0;
    plan->tests[TEST_LATENCY] = is_both || strcmp(mode, "latency") == 0;
    plan->tests[TEST_THROUGHPUT] = is_both || strcmp(mode, "throughput") == 0;
    if (!plan->tests[TEST_LATENCY] && !plan->tests[TEST_THROUGHPUT])
        usage_die("unknown test %s; give latency, throughput or compare, or nothing for the menu",
                  mode);
    if (mode == NULL &&
        (plan->transport_list != NULL || plan->wait_list != NULL || plan->csv_path != NULL ||
         plan->bars || plan->count != -1 || plan->warmup != -1))
        usage_die("these options are for a test; give latency, throughput or compare before them");
    if (plan->bars && plan->tests[TEST_THROUGHPUT])
        usage_die("--bars: in a stream no message has a time of its own; give latency");
    read_names("transport", plan->transport_list, transport_name, plan->transports, TRANSPORTS);
    read_names("sync", plan->wait_list, wait_name, plan->waits, WAITS);
    read_sizes(plan);
}

/* The region may be smaller than it should be. */
static inline void check_sizes(const struct plan *plan, size_t most)
{
    for (size_t i = 0; i < plan->size_count; i++)
        if (plan->sizes[i] > most)
            usage_die("--size %llu: the longest message that fits the region has %zu bytes",
                      (unsigned long long)plan->sizes[i], most);
}

/* cpus: A,B or NULL. Two processors that this process may use, or -1 for any. */
static inline void read_processors(int processors[2], const char *cpus, bool is_pinned)
{
    for (int half = 0; half < 2 && cpus == NULL && is_pinned; half++) {
        processors[half] = nth_processor(half);
        if (processors[half] == -1)
            processors[half] = nth_processor(0);
    }
    if (cpus == NULL)
        return;
#ifndef __linux__
    usage_die("--cpu %s: this system cannot keep a process on a processor", cpus);
#endif
    char *end;
    processors[0] = (int)strtol(cpus, &end, 10);
    if (*end == ',')
        processors[1] = (int)strtol(end + 1, &end, 10);
    if (end == cpus || end[-1] == ',' || *end != '\0' || strchr(cpus, ',') == NULL)
        usage_die("--cpu %s: give two processors, the writer's and the reader's, like --cpu 0,1",
                  cpus);
    for (int half = 0; half < 2; half++)
        if (processors[half] < 0 || run_on(processors[half]) == -1)
            usage_die("--cpu %s: there is no processor %d that this process may use (see nproc, "
                      "taskset -p $$)",
                      cpus, processors[half]);
}

#endif
