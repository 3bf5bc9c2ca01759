/* ages.h - how old messages were when they were read: counts in buckets, 4 to each doubling
 *
 * A histogram takes the same 2 KB for ten messages and for ten billion, and any percentile can be
 * read from it, to within a fifth.
 */
#ifndef AGES_H
#define AGES_H

#include <stdint.h>
#include <stdio.h>

struct ages {
    uint64_t counts[256];
    uint64_t total;
};

static inline void ages_add(struct ages *ages, uint64_t age_ns)
{
    unsigned bucket = (unsigned)age_ns;
    if (age_ns >= 4) { /* the highest bit, and the two that follow it */
        unsigned highest = 63 - (unsigned)__builtin_clzll(age_ns);
        bucket = highest * 4 + (unsigned)(age_ns >> (highest - 2) & 3);
    }
    ages->counts[bucket]++;
    ages->total++;
}

/* The age that this part of all messages, 0 to 1, did not exceed. */
static inline double ages_percentile_ns(const struct ages *ages, double part)
{
    uint64_t seen = 0;
    unsigned bucket = 0;
    while (bucket < 255 && (double)(seen += ages->counts[bucket]) < part * (double)ages->total)
        bucket++;
    return bucket < 8 ? (double)bucket
                      : (double)(5 + bucket % 4) * (double)(1ULL << (bucket / 4 - 2));
}

/* Writes an age as one would say it, like 850 ns or 1.3 ms. */
static inline const char *age_text(char text[24], double ns)
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    int unit = 0;
    for (; ns >= 1000 && unit < 3; unit++)
        ns /= 1000;
    snprintf(text, 24, "%.*f %s", ns < 10 && unit > 0, ns, units[unit]);
    return text;
}

#endif
