/* menu.h - the writer's menu, for whoever wants to try things by hand */
#ifndef MENU_H
#define MENU_H

#include "csv.h"

/* Asks, and reads a line of the answer; one that is no text, or too long for any, becomes a byte that is neither
 * a name nor a number. False at the end of input, or when a stop signal came. */
static inline bool menu_ask(const char *question, char answer[CSV_LINE_BYTES])
{
    print_data("%s", question);
    size_t length = 0;
    bool is_text = true;
    int c = fflush(stdout) != 0 || stop_requested() ? EOF : getchar();
    if (c == EOF) {
        print_data("\n");
        return false;
    }
    for (; c != '\n' && c != EOF; c = getchar()) {
        is_text &= c != '\0' && length < CSV_LINE_BYTES - 1;
        if (is_text)
            answer[length++] = (char)c;
    }
    answer[length] = '\0';
    answer[strcspn(answer, "\r")] = '\0';
    if (!is_text)
        memcpy(answer, "\xff", 2);
    return !stop_requested();
}

static inline void menu_put(struct db *db, const char *file, const char *name, double value)
{
    char shown[DB_NAME_BYTES + 1], text[VALUE_TEXT_BYTES];
    if (db_put(db, name, value) == -1)
        die_of_db("put into", file);
    die_if_replaced(file);
    print_data("put %s = %s\n", db_name_text(shown, name), value_text(text, value));
}

/* A number that nobody guesses is not needed here: the clock, well stirred. */
static inline void menu_add_random(struct db *db, const char *file)
{
    char name[DB_NAME_BYTES + 1];
    uint64_t number = (uint64_t)now_ns() * UINT64_C(0x9e3779b97f4a7c15);
    number ^= number >> 29;
    snprintf(name, sizeof name, "random-%05u", (unsigned)(number % 100000));
    menu_put(db, file, name, (double)(number >> 32 & 0xffff) / 100);
}

static inline void menu_add(struct db *db, const char *file)
{
    char name[CSV_LINE_BYTES], text[CSV_LINE_BYTES];
    double value;
    if (!menu_ask("name: ", name) || !menu_ask("value: ", text))
        return;
    if (db_name_check(name) == -1)
        note("a name has 1 to %d bytes of UTF-8 text; nothing was put", DB_NAME_BYTES);
    else if (!parse_value(text, &value))
        note("%s is not a number; nothing was put", text);
    else
        menu_put(db, file, name, value);
}

static inline void menu_count(struct db *db, const char *file)
{
    struct db_record record;
    unsigned long long count = 0;
    for (uint32_t cursor = 0; db_next(db, &cursor, &record) == 0;)
        count++;
    if (errno != ENOENT)
        die_of_db("read", file);
    print_data("%llu records in %s\n", count, file);
}

static inline void menu(struct db *db, const char *file)
{
    char choice[CSV_LINE_BYTES];
    print_data("1 add a random record   2 add a record   3 show the count   q quit\n");
    while (menu_ask("> ", choice) && strcmp(choice, "q") != 0) {
        if (strcmp(choice, "1") == 0)
            menu_add_random(db, file);
        else if (strcmp(choice, "2") == 0)
            menu_add(db, file);
        else if (strcmp(choice, "3") == 0)
            menu_count(db, file);
        else if (choice[0] != '\0')
            print_data("type 1, 2, 3 or q\n");
    }
}

#endif
