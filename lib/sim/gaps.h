/* gaps.h - how often each length of time was: the times between tokens of all requests, of which
 * there are too many to keep, and few that differ.
 */
#ifndef SIM_GAPS_H
#define SIM_GAPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct gap {
    int64_t ns; /* 0 or more */
    uint64_t n; /* 0: a free place of the table */
};

struct gaps { /* {0} is none */
    struct gap *v;
    size_t slots, used; /* slots: a power of two */
    uint64_t n;         /* in all */
    double sum;         /* of their ns */
    uint64_t *mark;     /* [slots]: how many of each are marked; NULL: none is */
    uint64_t marked;
    double marked_sum;
    struct gap *sorted_marked; /* [used] */
};

int gaps_add(struct gaps *g, int64_t ns, uint64_t n, struct err *e);
/* One of this length, that was added, is marked. */
int gaps_mark(struct gaps *g, int64_t ns, struct err *e);
/* The table in the order of lengths, v[0..used): once nothing more is added. */
int gaps_sort(struct gaps *g, struct err *e);
/* Of the sorted values that at floor(p n), the last at most; 0 if there are none. */
int64_t gaps_percentile(const struct gaps *g, double p);
/* The same of those that are marked. */
int64_t gaps_marked_percentile(const struct gaps *g, double p);
void gaps_free(struct gaps *g);

#endif
