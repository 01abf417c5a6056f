/* kmeans.h - Lloyd's k-means, the same bytes for any number of threads and on every CPU level.
 *
 * Products are the exact chains of ops.h, ties go to the smaller centroid, means are sums in double
 * in the order of rows. A centroid that loses all rows takes the row that lies farthest from its
 * own, so that none stays empty while there are different rows enough.
 */
#ifndef VEC_KMEANS_H
#define VEC_KMEANS_H

#include "base/progress.h"
#include "vec/ops.h"

struct kmeans_opts {
    const struct vec_ops *ops;
    uint32_t k;
    uint32_t iterations; /* at most; 0: 25. It ends when no row moves. */
    uint64_t seed;       /* of the rows that begin as centroids */
    int threads;
    progress_fn *progress; /* NULL: none */
    void *progress_ctx;
};

/* x: n rows of dim, n >= k >= 1 (ERR_INPUT else). centroids: [k][dim]. assign: [n], or NULL. error:
 * the mean squared distance to the centroids, or NULL. */
int kmeans(const float *x, size_t n, uint32_t dim, const struct kmeans_opts *o, float *centroids,
           uint32_t *assign, double *error, struct err *e);

/* The nearest centroid of each row by squared distance, and that distance, at least 0 (or NULL). */
int kmeans_assign(const struct vec_ops *ops, const float *x, size_t n, uint32_t dim,
                  const float *centroids, uint32_t k, uint32_t *assign, float *distance,
                  int threads, struct err *e);

#endif
