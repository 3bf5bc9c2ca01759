/* double_fetch.c - a length is checked, and read again: in between the peer has changed it
 *
 * Build:   cc double_fetch.c -o double_fetch -pthread -lrt     (macOS: without -lrt)
 * Run:     ./double_fetch
 * Look first at wrong() and right(): what is checked is not what is used.
 */
#include "pitfall.h"

const char program_name[] = "double_fetch";

enum { ROOM = 16, PAGE = 4096 };
enum { CHECKED = 1, CHANGED };

struct shared {
    struct turns turns;
    _Atomic uint32_t length; /* of the text; the peer may write here what and when it likes */
    char text[PAGE];
};

static struct shared *shared;

/* A message is to be copied into ROOM bytes. What lies behind them here stands for what must not be
 * touched: the stack, a return address. */
struct receiver {
    char room[ROOM];
    char beyond[PAGE];
};

static void interruption(void)
{
    reach(&shared->turns, CHECKED);
    await(&shared->turns, CHANGED);
}

static void copy_text(struct receiver *receiver, uint32_t bytes)
{
    memcpy(receiver->room, shared->text, bytes); /* the whole struct is larger than any text */
}

static bool wrong(struct receiver *receiver)
{
    if (atomic_load_explicit(&shared->length, memory_order_acquire) > ROOM)
        return false;
    interruption();
    copy_text(receiver, atomic_load_explicit(&shared->length, memory_order_acquire));
    return true;
}

/* Copied once, then checked, then used. Of a plain int (not atomic) the compiler may make two reads
 * even here: see copied_once() in region.h. */
static bool right(struct receiver *receiver)
{
    uint32_t length = atomic_load_explicit(&shared->length, memory_order_acquire);
    if (length > ROOM)
        return false;
    interruption();
    copy_text(receiver, length);
    return true;
}

static void hostile_peer(void)
{
    await(&shared->turns, CHECKED);
    atomic_store_explicit(&shared->length, PAGE, memory_order_release);
    reach(&shared->turns, CHANGED);
}

static struct outcome receiving(bool (*receive)(struct receiver *))
{
    shared = shared_memory(sizeof *shared);
    atomic_store(&shared->length, ROOM);
    memset(shared->text, 'x', sizeof shared->text);
    pid_t peer = fork_child();
    if (peer == 0) {
        hostile_peer();
        _exit(0);
    }
    struct receiver receiver = {.room = ""};
    bool is_received = receive(&receiver);
    status_of(peer);

    int overrun = 0;
    for (int i = 0; i < PAGE; i++)
        overrun += receiver.beyond[i] != 0;
    return outcome(is_received && overrun == 0, "%d bytes written beyond the %d that were checked",
                   overrun, ROOM);
}

int main(void)
{
    return verdict(receiving(wrong), receiving(right));
}
