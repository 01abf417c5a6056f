/* knn_int.h - the parts of knn.h that its files share. Inside this domain only.
 *
 * The bound. With c = OPS_DOT_ERROR(dim) (a few roundings where products are integers), queries
 * scaled by a power of two to q' = q / s with |q'| <= 1, and n2 ~ |x|^2 within c:
 *   l2      key - |q|^2 = |x|^2 - 2s <q', x> >= n2 (1 - 4c) - 2s p - 4c |q|^2 - tiny
 *           as 2 |q| |x| <= |q|^2 + |x|^2: the first error lies in the row's b, the second in the
 *           query's limit
 *   ip      key / s = -<q', x> >= -p - 4c |x| - tiny, where |x| <= (n2 / t + t) / 2 for any t: that
 *           of the longest row at hand serves, and spares the roots
 *   cosine  key - 1 >= -p / (|q'| |x|) - 4c
 * where p is the product as computed. All three are fma(p, mul * a, b) with the query's mul and the
 * row's a and b. Where numbers are so large or small that this does not hold, a or b is NaN or the
 * limit is infinite: the pair is then computed in double.
 */
#ifndef VEC_KNN_INT_H
#define VEC_KNN_INT_H

#include "vec/knn.h"
#include "vec/neigh.h"
#include "vec/ops.h"
#include "vec/sketch.h"

struct knn_best {
    double key;
    uint64_t row;
};

/* What each query has found: by one thread, where rows are shared out, else by all. */
struct knn_lists {
    size_t queries;
    uint32_t k, cap;
    struct knn_best *best; /* [queries][k], sorted, `have` of them */
    uint32_t *have;
    uint32_t *cand; /* [queries][cap]: rows of the block that may be near, `wait` of them */
    uint32_t *wait;
    double *key;  /* as cand: their keys, where products are integers; else NULL */
    float *limit; /* [queries, to whole panels] */
};

/* Rows that pass by. */
struct knn_block {
    struct vec_rows rows;
    uint64_t first;
    const uint64_t *ids;
};

struct knn {
    struct knn_opts o;
    const struct vec_ops *ops;
    uint32_t dim;
    size_t queries, panels;
    enum vec_type base_type, query_type; /* query_type VEC_F32: products of f32 */
    double error;                        /* c above */
    struct vec_matrix q;                 /* as they are, f32 */
    void *bytes;                         /* [queries][dim], where products are integers */
    struct vec_matrix scaled;            /* q / s, until it is packed */
    unsigned char *packed;               /* panels of q / s or of bytes; few: dots_pack() of them */
    size_t panel_size, packed_size;
    double *norm, *norm2;        /* |q|, |q|^2 */
    double *scale;               /* s */
    float *mul;                  /* [to whole panels] */
    struct knn_lists *lists;     /* [teams] */
    struct knn_work *work;       /* [threads] */
    const struct sketch *sketch; /* NULL: none */
    struct sketch_query *coded;  /* [queries] */
    void *signs;                 /* their codes, by dots_pack() */
    size_t signs_size;
    int teams; /* 1, or threads where rows are shared out */
};

/* What one thread works with. */
struct knn_work {
    size_t sub;  /* rows at a time: they stay in the second-level cache */
    float *rows; /* converted: [sub][dim] */
    float *a, *b, *norm2;
    int32_t *sum, *first, *inorm2;
    void *products;
    struct ops_hit *hits;
    struct knn_best *fresh, *merged;
    float *row; /* one, converted */
    float t;    /* of few queries' bounds, above: the last piece's that was looked at closely */
    void *base; /* of all the above */
    size_t base_size;
    uint64_t bad; /* lowest row of the block that is not fit, UINT64_MAX: none */
};

/* knn_lists.c */
int knn_lists_init(struct knn_lists *l, size_t queries, uint32_t k, bool ints, struct err *e);
void knn_lists_free(struct knn_lists *l);
/* Row `at` of the block may be near query q; `key` counts where products are integers. */
void knn_candidate(const struct knn *s, struct knn_lists *l, struct knn_work *w,
                   const struct knn_block *b, size_t q, uint32_t at, double key);
/* Computes what waits. */
void knn_settle(const struct knn *s, struct knn_lists *l, struct knn_work *w,
                const struct knn_block *b, size_t q);
/* The lists of all teams become those of the first. */
void knn_join(struct knn *s, size_t q);

/* knn_scan.c */
int knn_work_init(struct knn_work *w, const struct knn *s, struct err *e);
void knn_work_free(struct knn_work *w);
/* Rows [from, to) of the block with panels [p0, p1), or with all queries where they are few. */
void knn_scan(const struct knn *s, struct knn_lists *l, struct knn_work *w,
              const struct knn_block *b, uint32_t from, uint32_t to, size_t p0, size_t p1);

static inline int knn_is_few(const struct knn *s)
{
    return s->queries <= DOTS_MAX;
}

#endif
