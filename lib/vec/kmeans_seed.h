/* kmeans_seed.h - the centroids that k-means begins with. Inside this domain only. */
#ifndef VEC_KMEANS_SEED_H
#define VEC_KMEANS_SEED_H

#include "vec/kmeans.h"

/* k of the rows, by k-means++: [k][dim]. Rows are finite, n >= k. */
int kmeans_seed(const float *x, size_t n, uint32_t dim, const struct kmeans_opts *o,
                float *centroids, struct err *e);

#endif
