/* gather.h - the plan "exact" of filter.h: all allowed rows are compared.
 *
 * With codes, these are compared first, a line or two of memory a row, and the nearest by them,
 * more than k, by their vectors. What a code's distance is off is seen there; any row whose code is
 * not farther than the k-th distance by GATHER_SURE times that (its root mean square) is then
 * compared, too. So a row is missed only if its code misjudges it by more; kinds without codes, or
 * with so few allowed rows that all of them are compared, miss none.
 *
 * Threads  a gather belongs to one.
 */
#ifndef ANN_GATHER_H
#define ANN_GATHER_H

#include "ann/allowed.h"
#include "ann/kind.h"

enum { GATHER_SURE = 3 };

struct gather {
    const struct ann *a;
    const uint8_t *cells; /* of places, a->meta's form; NULL: vectors are all there is */
    size_t stride;
    const uint32_t *place; /* of a row; NULL: rows are places */
    const uint32_t *row;   /* of a place; likewise */
    struct exact *exact;   /* the query is its `now`; not looked at if there are no vectors */
    /* its own */
    uint32_t k;
    const struct allowed_ops *ops;
    uint32_t *id;            /* [chunk]: places */
    float *key;              /* [chunk] */
    uint64_t *pool;          /* [cap] */
    size_t first, keep, cap; /* rows whose vectors are read in any case; what the pool is cut to */
    uint32_t *shared;        /* rows of `shared_of`, which other queries have, too */
    const struct ann_allowed *shared_of;
    uint64_t n_shared;
    uint64_t keys, exacts; /* of all so far */
};

/* a, ... exact are set; o->allowed is there. */
int gather_init(struct gather *g, const struct ann_search_opts *o, struct err *e);
void gather_free(struct gather *g); /* {0} is fine */
/* The best k rows of `m`, a heap as best_offer() has it: how many. codes: the query's, where there
 * are cells. */
size_t gather(struct gather *g, const struct ann_allowed *m, const struct form_query *codes,
              struct best *best);
/* The same of n rows, all of which are allowed. */
size_t gather_rows(struct gather *g, const uint32_t *row, size_t n, const struct form_query *codes,
                   struct best *best);

#endif
