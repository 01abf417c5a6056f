/* ivf.h - rows in lists by their nearest centroid, and what finds the near rows of a list.
 *
 * Space. Rows are x' = (x - mean) * scale, of unit length before that with cosine, scale a power of
 * two by which f32 has room; zeros behind, to a dimension that the code wants. A query is mapped as
 * rows are, but under ip it is q * its own scale.
 *
 * Codes. r = x' - c, c the list's centroid, is coded by product quantization (vec/codec.h) as r^;
 * a scan of a list (fast scan, where a part has 4 bits) gives s ~ -<q', r^> for 32 rows at once,
 * from tables that are a query's own and serve all lists. As RaBitQ does it (Gao & Long 2024), r^
 * is made longer, F = |r|^2 / <r^, r>, so that e = r - F r^ is across r. With w = q' - c
 *
 *   |q' - x'|^2 = |w|^2 + |r|^2 - 2 <w, F r^> - 2 <w, e>       where <w, e> = <q' - x', e>:
 *
 * the nearer the row, the smaller the error. So of each row C = |r|^2 + 2 F <c, r^>, G = 2 F and
 * E = |e| are kept, and |w|^2 + C + G s is its squared distance within 2 |q' - x'| E. Directions
 * in many dimensions being nearly at right angles, the product is within `spread` times that with
 * a probability that is measured when the index is made (1 in IVF_RISK is not); spread 1 is
 * certain. Under ip: -<q', c> + G s within |q'| E, G = F, C = 0.
 *
 * Search. A row whose bound is above the k-th distance so far cannot be among the best k; each
 * other's distance is computed from the vector (or a finer code, where vectors are left out) right
 * away; without either the code's own estimate must do. Which have to be is found by the bound,
 * there is no k' to guess. A query's nearest list comes first: its best k by the codes begin.
 *
 * Many queries meet a list together: its codes are read once for eight.
 *
 * Files. Rows stand in the order of their lists, in their order there; sections beside those of
 * form and codec (MET0, CEN0, ROT0):
 *   IVFH  struct ivf_head          MIDP  f32 [dim]: the mean        CENT  f32 [lists][padded]
 *   LIST  u32 [lists]: sizes       ROWS  u32 [rows]: their numbers, deleted ones last
 *   FAST  packed codes: of a list pieces of CODEC_LIST codes, each a multiple of 64 bytes
 *   FACT  f32: of a list of n rows G, C and E, each [n rounded up to IVF_LANES]
 * In META `beam` is how many rows the lists were made of, and those from number `entries` on came
 * later (in files of before there were updates both are 0). VECS, or CODE (cells of form.h), are in
 * this order, too.
 *
 * Threads  immutable while it is searched.
 */
#ifndef ANN_IVF_H
#define ANN_IVF_H

#include <stdatomic.h>

#include "ann/ivf_near.h"
#include "ann/kind.h"
#include "vec/codec_kind.h"

enum {
    IVF_LANES = 32,
    IVF_RISK = 500,
    IVF_NPROBE = 32, /* the default */
};
#define IVF_ROWS_MAX UINT64_C(0x7fffffff)
#define IVF_EVEN     0.06 /* kmeans.h: balance */

/* ---- ivf_space.c ---- */

struct ivf_space {
    const struct vec_ops *ops;
    enum vec_metric metric;
    enum vec_type type;
    uint32_t dim, padded;
    float scale;
    const float *mean; /* [dim] */
};

/* By n rows: mean, [dim], theirs, and s->scale the power of two that makes components about 1. */
int ivf_find_space(struct ivf_space *s, float *mean, const struct vec_rows *base,
                   const uint64_t *row, uint64_t n, struct err *e);
/* The same of sums of components and of their squares, [dim], both divided by the number of rows. */
void ivf_set_space(struct ivf_space *s, float *mean, const double *sum, const double *square);
/* Row `row` of the base. False: it has no place there (too far, or no direction), and zeros are
 * given. */
bool ivf_row(const struct ivf_space *s, const struct vec_rows *base, uint64_t row, float *out);

/* Under cosine a row may have no direction: of all the first is named. */
int ivf_check_rows(const struct ivf_space *s, const struct vec_rows *base, struct err *e);

struct ivf_asked {
    double square;   /* |q'|^2 */
    double mul, add; /* a true key, knn.h, is mul * key of this space + add */
    bool far;        /* has no place: nothing is known of its distances */
};

struct ivf_asked ivf_query(const struct ivf_space *s, const float *q, float *out);

/* ---- an index ---- */

struct ivf_head {
    uint32_t lists, padded;
    float scale;
    uint32_t cells; /* 1: without vectors there are finer codes */
    double spread;
};
_Static_assert(sizeof(struct ivf_head) == 24, "IVFH has no holes");

struct ivf {
    struct ivf_head head;
    struct ivf_space space;
    struct codec *codec;
    uint64_t rows, live; /* live: those in lists */
    const float *centroid;
    const uint32_t *size, *row; /* sections LIST and ROWS */
    const uint8_t *fast;
    const float *factor;
    uint64_t *start;         /* [lists + 1]: the list's first place, */
    uint64_t *fast_at;       /* where its codes begin, */
    uint64_t *factor_at;     /* and its factors */
    struct linmap centroids; /* to multiply with */
    float *norm;             /* [lists]: |c|^2 */
    const uint8_t *cells;    /* section CODE, or NULL */
    size_t cells_stride;
    _Atomic(uint32_t *) place, list; /* [rows]: of each row; NULL until a filter wants them */
};

/* Bytes of the packed codes of n rows, and floats of their factors. */
uint64_t ivf_packed(const struct codec *c, uint64_t n);

static inline uint64_t ivf_factors(uint64_t n)
{
    return 3 * ((n + IVF_LANES - 1) / IVF_LANES * IVF_LANES);
}

/* ---- making: ivf_build.c ---- */

/* What an update takes over of the index that was; without one all of it is 0. */
struct ivf_was {
    const struct ivf *v;
    uint64_t rows;         /* the first rows of the base are its, */
    const uint32_t *place; /* and stood there: of all rows of the base, IVF_NEW: nowhere */
    uint32_t lists;        /* the first lists are its, */
    const bool *split;     /* but for those that another centroid was given */
};
#define IVF_NEW UINT32_MAX

struct ivf_made {
    struct ivf_head head;
    struct ivf_space space;
    struct codec *codec;
    float *mean, *centroid, *penalty;
    uint32_t *assign, *order, *size; /* [rows], [all_rows], [lists] */
    uint32_t *number; /* of the rows of the base, as they are written; NULL: theirs */
    uint64_t *start, *fast_at, *factor_at;
    uint8_t *fast, *cells;
    float *factor;
    size_t cells_stride, fast_bytes, cells_bytes;
    uint64_t rows, all_rows; /* in lists, the first of the base; and those deleted, behind them */
    struct ivf_was was;
};

/* How an index is asked for. */
struct ivf_plan {
    uint32_t lists, parts, bits, padded;
    bool turned;               /* opq */
    const char *finer;         /* spec of the finer codes, or NULL */
    bool bare;                 /* neither vectors nor finer codes */
    char spec[CODEC_SPEC_MAX]; /* of the codec */
};

int ivf_plan(struct ivf_plan *p, const struct ann_build_opts *o, uint64_t rows, uint32_t dim,
             struct err *e);
int ivf_make(struct ivf_made *v, const struct ann_maker *m, const struct ivf_plan *p,
             struct err *e);
/* The same in parts, for kinds that put rows into lists in another way: ivf_start(); a space by n
 * rows; room for lists; centroids and v->assign of all rows, in the order of lists; ivf_finish().
 */
int ivf_start(struct ivf_made *v, const struct ann_maker *m, const struct ivf_plan *p,
              struct err *e);
int ivf_list_room(struct ivf_made *v, uint32_t lists, struct err *e);
int ivf_finish(struct ivf_made *v, const struct ann_maker *m, const struct ivf_plan *p,
               struct err *e);
void ivf_made_free(struct ivf_made *v);

/* All that is before ivf_finish(): each row's list is in v->assign. `even` as kmeans.h has
 * `balance`. */
int ivf_make_lists(struct ivf_made *v, const struct ann_maker *m, const struct ivf_plan *p,
                   double even, struct err *e);

/* Parts of it. Arrays of `lists` lists. */
int ivf_arrays(struct ivf_made *v, uint32_t lists, struct err *e);
/* The lists of rows [from, rows), the nearest. */
int ivf_assign(struct ivf_made *v, const struct ann_maker *m, uint64_t from, struct err *e);
void ivf_group(struct ivf_made *v); /* rows in the order of lists, and where these begin */
/* Codes of all lists, where they are not taken over, and room for them. */
int ivf_code(struct ivf_made *v, const struct ann_maker *m, struct err *e);
int ivf_make_cells(struct ivf_made *v, const struct ann_maker *m, struct err *e);
/* How many lists there are by default. */
uint32_t ivf_lists_of(uint64_t rows);

/* ---- changing: ivf_update.c ---- */

struct ivf_change {
    struct ivf_made made;
    struct vec_rows all; /* live rows in their order, then deleted ones: */
    unsigned char *base;
    size_t bytes;    /* of that mapping */
    uint32_t *place; /* ivf_was */
    bool *split;
};

/* m->change; sets m->base and m->order. */
int ivf_update(struct ivf_change *c, struct ann_maker *m, struct err *e);
void ivf_change_free(struct ivf_change *c);

/* ---- in an index: kind_ivf.c; of kinds whose state begins with a struct ivf, too ---- */

#define IVF_SECTIONS "IVFHMIDPCENTLISTROWSFASTFACTCODEMET0CEN0ROT0"

int ivf_form_part(const struct ann_build_opts *o, uint32_t dim, const char **spec, struct err *e);
int ivf_save(const struct ivf_made *v, struct sect_writer *w, struct err *e);
int ivf_open(struct ann *a, struct ivf *v, struct err *e);
void ivf_close(struct ivf *v); /* but for *v itself */
void ivf_rows_at(const struct ann *a, uint64_t from, uint64_t n, uint64_t *row);
void ivf_lists(const struct ann *a, struct ann_lists *l);
int ivf_check(const struct ann *a, struct err *e);
void ivf_info(const struct ann *a, struct ann_info *i);
void ivf_cost(struct ann_plan *p, const struct vec_rows *base, const struct ann_build_opts *o);

/* ---- searching: ivf_search.c ---- */

uint64_t ivf_block(const struct ann *a, const struct ann_search_opts *o, uint64_t n);
int ivf_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                     uint64_t block, struct err *e);
void ivf_search(void *searcher, const struct ann_queries *q);
void ivf_count(const void *searcher, struct ann_search_stats *s);
void ivf_searcher_free(void *searcher);

#endif
