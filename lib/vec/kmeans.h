/* kmeans.h - Lloyd's k-means, the same bytes for any number of threads and on every CPU level.
 *
 * It begins with k-means++ (Arthur & Vassilvitskii 2007) on a sample of the rows. Centroids are
 * chosen by nearest.h, ties go to the smaller; means are sums in double in the order of rows. A
 * centroid that loses all rows takes the row that lies farthest from its own, so that none stays
 * empty while there are different rows enough; it may be at the end, when they run out.
 *
 * Clusters can be made more even: penalties by size, added to squared distances, move rows at the
 * border from large clusters to small ones (Liu et al. 2018, "Fast clustering with flexible balance
 * constraints").
 *
 * Cost     an iteration is n * k * dim multiply-adds, the choice a tenth of that at dim 128; memory
 *          28 bytes a row.
 */
#ifndef VEC_KMEANS_H
#define VEC_KMEANS_H

#include "base/progress_fn.h"
#include "vec/ops.h"

struct kmeans_opts {
    const struct vec_ops *ops;
    uint32_t k;
    uint32_t iterations; /* at most; 0: 25. It ends when no row moves. */
    uint64_t seed;       /* of the rows that begin as centroids */
    /* Even clusters: one of twice the mean size is farther, for all rows, by `balance` mean squared
     * distances, and so in proportion; 0: not. penalty: [k], how much farther each is at the end
     * (nearest_add() with it assigns other rows in the same way). */
    double balance;
    float *penalty; /* with balance */
    int threads;
    progress_fn *progress; /* NULL: none */
    void *progress_ctx;
};

/* ERR_INPUT, with its number, when a row holds NaN or infinity or is too long for its square to be
 * a float. A caller that clusters other rows than it was given (a part of them, mapped) asks first:
 * kmeans() would name a row of those. */
int kmeans_check(const float *x, size_t n, uint32_t dim, struct err *e);

/* x: n rows of dim, n >= k >= 1. centroids: [k][dim]. assign: [n], each row's nearest of these, or
 * NULL. error: the mean squared distance to them, or NULL. ERR_INPUT when there are too few rows,
 * or as kmeans_check(). */
int kmeans(const float *x, size_t n, uint32_t dim, const struct kmeans_opts *o, float *centroids,
           uint32_t *assign, double *error, struct err *e);

/* The nearest centroid of each row by squared distance, and that distance, exact but for the last
 * rounding (or NULL). To assign block after block, keep a struct nearest (nearest.h) instead. */
int kmeans_assign(const struct vec_ops *ops, const float *x, size_t n, uint32_t dim,
                  const float *centroids, uint32_t k, uint32_t *assign, float *distance,
                  int threads, struct err *e);

#endif
