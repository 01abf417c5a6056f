/* gaps.h - how often each length of time was: the times between tokens of all requests, of which
 * there are too many to keep, and few that differ.
 *
 * A hash table, larger than the caches where there are millions of steps. So a length waits, with
 * those that came about when it did, until its place has been fetched.
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

enum { GAPS_COMING = 32 };

struct gaps { /* {0} is none */
    struct gap *v;
    size_t slots, used;                  /* slots: a power of two */
    struct gap coming[GAPS_COMING];      /* [n_coming]: that are not in the table yet */
    uint64_t coming_marked[GAPS_COMING]; /* of them */
    unsigned n_coming;
    uint64_t n;     /* in all */
    double sum;     /* of their ns */
    uint64_t *mark; /* [slots]: how many of each are marked; NULL: none is */
    uint64_t marked;
    double marked_sum;
    struct gap *sorted_marked; /* [used] */
};

int gaps_add(struct gaps *g, int64_t ns, uint64_t n, struct err *e);
/* One of the length that was added last is marked. */
void gaps_mark(struct gaps *g);
/* The table in the order of lengths, v[0..used): once nothing more is added. */
int gaps_sort(struct gaps *g, struct err *e);
/* Of the sorted values that at floor(p n), the last at most; 0 if there are none. */
int64_t gaps_percentile(const struct gaps *g, double p);
/* The same of those that are marked. */
int64_t gaps_marked_percentile(const struct gaps *g, double p);
void gaps_free(struct gaps *g);

#endif
