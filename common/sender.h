/* sender.h - what a producer does about its consumer, where the region outlives both (handover.h)
 *
 * Look first at sender_look(). The producer fills a ring as long as there is room; when there is none, or
 * nothing more comes, it waits for the consumer, says once what has become of it, and gives up in time.
 */
#ifndef COMMON_SENDER_H
#define COMMON_SENDER_H

#include "handover.h"
#include "live_line.h"

struct sender {
    struct region *region;
    const struct region_names *names;
    const char *items, *verb;         /* what is sent, and what the consumer does with it */
    unsigned long long (*left)(void); /* how many items it hasn't given back */
    struct live_line *line;
    void (*show)(int64_t now); /* shows that line, if it is due */
    struct peer_wait patience;
    enum half told; /* what was last said about the consumer; begins as HALF_RUNS */
    bool is_closed;
};

/* What has become of the consumer? Says so, once; its death loses nothing, for the ring keeps what it has
 * not released. Exits with 1 when it was waited for longer than timeout_s. */
static inline void sender_look(struct sender *sender, long long timeout_s)
{
    int pid;
    enum half now = region_half(&sender->region->header->peer, &pid);
    unsigned long long left = sender->left();
    if (sender->is_closed && left == 0)
        return; /* gone or not, all is done: looked at after it, as in the consumers' [end] */
    if (now != sender->told && now != HALF_RUNS) {
        live_line_erase(sender->line);
        if (now == HALF_DIED)
            note("the consumer (pid %d) has died; nothing is lost", pid);
        if (now == HALF_STOPPED)
            note("the consumer has stopped; nothing is lost");
        note("waiting for the consumer; in another terminal: ./consumer%s", sender->names->option);
    }
    if (now != sender->told)
        sender->patience.since = 0;
    wait_is_for(&sender->patience, pid); /* who has just come has its own time to begin */
    sender->told = now;
    if (!waited_too_long(&sender->patience, timeout_s))
        return;
    live_line_erase(sender->line);
    if (now == HALF_RUNS)
        die("the consumer (pid %d) has read nothing for %lld s; is it suspended? %llu %s stay in "
            "%s",
            pid, timeout_s, left, sender->items, sender->names->region);
    die("no consumer came within %lld s; %llu %s stay in %s; start one: ./consumer%s", timeout_s,
        left, sender->items, sender->names->region, sender->names->option);
}

/* Waits a little for the consumer; looks after it, and shows the live line, when that is due. */
static inline void sender_wait(struct sender *sender, long long timeout_s)
{
    if (!wait_a_little(&sender->patience))
        return;
    sender_look(sender, timeout_s);
    sender->show(now_ns());
}

/* Closes the ring: nothing more comes. Waits till nothing is left, or a stop signal comes. */
static inline void sender_finish(struct sender *sender, long long timeout_s)
{
    region_leave_place(sender->region);
    sender->is_closed = true;
    for (unsigned long long left = sender->left(); left > 0 && !stop_requested();) {
        sender_wait(sender, timeout_s);
        unsigned long long now = sender->left();
        if (now != left)
            sender->patience.since = 0; /* a slow consumer is not a lost one */
        left = now;
    }
}

/* Says what the consumer, or the next one, still has to do. */
static inline void sender_say_what_is_left(const struct sender *sender)
{
    int pid;
    enum half consumer = region_half(&sender->region->header->peer, &pid); /* first, as above */
    unsigned long long left = sender->left();
    if (left > 0 && consumer == HALF_RUNS)
        note("%llu %s are left to the consumer (pid %d)", left, sender->items, pid);
    else if (left > 0)
        note("%llu %s stay in %s; to %s them: ./consumer%s", left, sender->items,
             sender->names->region, sender->verb, sender->names->option);
}

#endif
