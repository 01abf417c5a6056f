/* osq_index.h - the kind "osq": SQUASH (arXiv 2502.01528), small codes for searches that find some
 * rows only.
 *
 * Rows stand in lists of about equal sizes, by their nearest centroid (balanced k-means, in the
 * space of ivf.h). Of each row there are
 *   - its osqB code (vec/codec_osq.c): bits by variance after a KLT, packed, B bits a component,
 *   - a sign a component: of the row less its list's centroid, turned (osq_turn.c),
 *   - its number.
 * Attributes are the column store's (attrs.h), packed codes as well.
 *
 * A search goes through each query's lists in one pass:
 *   1. Lists are visited in the order of their distances, up to `near_lists` (T) times that of the
 *      first, and on from there until they hold k rows that may be found: so there is no second
 *      pass.
 *      The rows that may be found are a bitmap; a list's are counted before it is visited.
 *   2. Of a list's rows that may be found, `keep` (H) percent stay by their signs, k * factor at
 *      least.
 *   3. Of these, k * factor by the keys of their codes.
 *   4. Of these, the vectors are read of those whose lower bound is not above the k-th key so far.
 *      Bounds are never above what is true, so nothing is lost here.
 * With keep = 100 nothing is left out in 2 and 3: a list then gives all that it should, and with
 * all lists visited a search finds what looking at every row finds. So it does where few rows may
 * be found (filter.h, the plan "exact").
 *
 * How far a list is: the root of the mean square of its rows' distances, |q - c|^2 + the mean of |x
 * - c|^2, where SQUASH has the centroid's distance. On the mixture of normal clouds of a million
 * vectors, 10 lists, T = 1.15, 8 % of the rows, the ten nearest are found in .895 by the one, in
 * .98 by the other.
 *
 * Signs are weighed by the query's components, so that their sum estimates a product, where
 * Hamming's distance counts all alike; a table a byte of signs has the sums. They are turned at
 * random, as those of a KLT tell much where the variance is and little elsewhere: of the ten
 * nearest of 100,000 such vectors the best tenth by signs holds .97, by the signs of a KLT .89.
 *
 * What a list gives to a query does not depend on other lists, but for what step 4 may spare. So
 * lists can be searched apart, by other processes, and give the same (osq_tree.c).
 *
 * Unlike SQUASH there is one KLT for all lists: of 128 components it takes 64 KB, as the codes of
 * 1,000 rows do; and attributes are exact, not to be looked at again.
 *
 * Files. Rows stand in the order of their lists, in their order there; sections beside those of
 * form and codec:
 *   OSQH  struct osq_head          MIDP  f32 [dim]: the mean       CENT  f32 [lists][dim]
 *   LIST  u32 [lists]: sizes       AWAY  f32 [lists]: mean square of distances from the centroid
 *   OROW  rows' numbers, `width` bytes each
 *   CODE  codes                    SIGN  [rows][ceil(dim / 8)]: bit j % 8 of byte j / 8:
 *                                        component j is above 0
 * VECS is in this order, too. Sections CODE and SIGN have no padding between lists.
 *
 * Threads  immutable while it is searched.
 */
#ifndef ANN_OSQ_INDEX_H
#define ANN_OSQ_INDEX_H

#include "ann/ivf.h"
#include "ann/row_bytes.h"

enum {
    OSQ_KEEP = 10, /* the default */
};

struct osq_head {
    uint32_t lists, width;
    float scale;
    uint32_t zero;
    double longest; /* of x' */
};
_Static_assert(sizeof(struct osq_head) == 24, "OSQH has no holes");

struct osq_index {
    struct osq_head head;
    struct ivf_space space;
    struct codec *codec;
    uint64_t rows;
    const float *centroid;
    const uint32_t *size;
    const uint8_t *row, *code, *sign;
    const float *away;       /* [lists] */
    uint64_t *start;         /* [lists + 1]: the list's first place */
    struct linmap centroids; /* to multiply with */
    float *norm;             /* [lists]: |c|^2 */
    float *turned;           /* [lists][dim] */
    uint32_t largest;        /* rows of a list */
};

static inline size_t osq_sign_bytes(uint32_t dim)
{
    return ((size_t)dim + 7) / 8;
}

/* osq_turn.c: a rotation of x[0..dim), the same for all. */
void osq_turn(float *x, uint32_t dim);

static inline uint32_t osq_row(const struct osq_index *v, uint64_t place)
{
    return row_read(v->row + place * v->head.width, v->head.width);
}

/* ---- making: osq_build.c ---- */

struct osq_made {
    struct ivf_made lists;
    struct osq_head head;
    uint8_t *row, *code, *sign;
    float *away;
};

/* How an index is asked for. */
struct osq_plan {
    uint32_t lists;
    char spec[CODEC_SPEC_MAX];
};

int osq_plan(struct osq_plan *p, const struct ann_build_opts *o, uint64_t rows, uint32_t dim,
             struct err *e);
int osq_make(struct osq_made *v, const struct ann_maker *m, const struct osq_plan *p,
             struct err *e);
void osq_made_free(struct osq_made *v);

/* ---- searching: osq_search.c ---- */

uint64_t osq_block(const struct ann *a, const struct ann_search_opts *o, uint64_t n);
int osq_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                     uint64_t block, struct err *e);
void osq_search(void *searcher, const struct ann_queries *q);
void osq_count(const void *searcher, struct ann_search_stats *s);
void osq_searcher_free(void *searcher);

#endif
