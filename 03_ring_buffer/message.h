/* message.h - what the producer puts into each message, and how the consumer checks it
 *
 * Look first at message_check(): lost, doubled and out of order are told apart by one difference.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "ring.h"

enum { PAYLOAD_WORDS = sizeof((struct message *)0)->payload / sizeof(uint64_t) };

/* Any change of one word changes it: each word counts times an odd number of its own. */
static inline uint64_t message_checksum(const struct message *message)
{
    uint64_t odd = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t sum = 1 + message->sequence * odd + (uint64_t)message->sent_ns * (odd + 2);
    for (uint64_t i = 0; i < PAYLOAD_WORDS; i++)
        sum += message->payload[i] * (odd + 4 + 2 * i);
    return sum;
}

/* Builds a message in its slot: nothing is copied. */
static inline void message_fill(struct message *slot, uint64_t sequence, int64_t now)
{
    slot->sequence = sequence;
    slot->sent_ns = now;
    for (uint64_t i = 0; i < PAYLOAD_WORDS; i++)
        slot->payload[i] = sequence * (i + 2);
    slot->checksum = message_checksum(slot);
}

struct tally {
    uint64_t expected; /* the next number */
    unsigned long long received, lost, doubled, out_of_order;
};

/* [check] Counts a message. False: its checksum is wrong. The slot is the producer's to write, and a
 * hostile one may change it at any time: that makes wrong numbers and no wrong address, since
 * nothing in a message is used as an index or a length. */
static inline bool message_check(const struct message *slot, struct tally *tally)
{
    struct message message = *slot;
    copied_once();
    if (message.checksum != message_checksum(&message))
        return false;
    uint64_t ahead = message.sequence - tally->expected; /* modulo 2^64, as the numbers are */
    if (ahead == UINT64_MAX)
        tally->doubled++; /* the last one again */
    else if (ahead > INT64_MAX)
        tally->out_of_order++;
    else {
        tally->lost += ahead;
        tally->expected = message.sequence + 1;
    }
    tally->received++;
    return true;
}

#endif
