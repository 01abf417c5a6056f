/* recall.h - how much of the truth lists of neighbours found.
 *
 * recall@k of a query: of the first k of its true neighbours (or all, if there are fewer), the
 * share that is among the first k of the result; a row that a result names twice counts once. With
 * a base and queries, ties count: a row is a hit when it is as near as the farthest of those true
 * neighbours, by keys in double (knn.h), so that which of several equally near rows the truth names
 * does not matter.
 *
 * Errors   ERR_USAGE: no list of the truth has place for k, or the result has queries that the
 *          truth has not. ERR_INPUT: a row that the base does not have.
 */
#ifndef VEC_RECALL_H
#define VEC_RECALL_H

#include "vec/neigh.h"
#include "vec/ops.h"

struct recall_ties {
    const struct vec_ops *ops;
    enum vec_metric metric;
    struct vec_rows base;             /* any type */
    const struct vec_matrix *queries; /* of the truth */
};

struct recall {
    uint64_t queries;
    uint32_t *hits, *of; /* of each query; `of` 0: it has no true neighbour and is not counted */
    uint64_t counted;
    double mean; /* of hits / of over the counted, rounded once; NaN where none is */
};

/* ties NULL: by number. */
int recall_compute(struct recall *r, const struct neigh *result, const struct neigh *truth,
                   uint32_t k, const struct recall_ties *ties, struct err *e);
void recall_free(struct recall *r);

/* The recall that a share p of the counted queries does not reach: of n sorted ones the one at
 * min(n - 1, floor(p n)), NaN of none. `sorted` as recall_sort() made it. */
double *recall_sort(const struct recall *r, struct err *e); /* free() it */
double recall_percentile(const double *sorted, uint64_t n, double p);

#endif
