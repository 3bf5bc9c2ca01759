/* format.h - how the region is called and recognised; for the pair, and for tools/clean_ipc.c */
#ifndef FORMAT_H
#define FORMAT_H

#include "../common/region.h"

/* The size is found out: a small /dev/shm takes a smaller region. */
static const struct region_format bench_format = {"BNCH", 1, 0};

/* The classic name, without the user's id: two users of one machine each need a --name. */
static const char bench_name[] = "/myshm";

struct shared; /* the region, see bench.h */

/* Removes whatever a dead writer, or this one, has made for a transport, and forgets it. For the region's
 * owner, or a reader whose writer is dead; it trusts nothing that it finds there. */
void place_clear(struct shared *shared);

#endif
