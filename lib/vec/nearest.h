/* nearest.h - the nearest of k centroids for many rows: the inner loop of k-means and of codecs
 * that choose a centroid.
 *
 * Centroids are packed once into panels (ops.h). A block of rows meets one panel after the other;
 * each lane of the panel keeps its own best centroid so far, and lanes are compared only at the
 * end, so that the choice costs a few instructions a panel beside the products.
 *
 * The key of a centroid is |c|^2 - 2<x, c> in f32, the product an exact chain: the same choice on
 * every CPU level. Equal keys: the smaller number. Distances that differ by less than about
 * 2^-22 (|x|^2 + |c|^2) are not told apart; a row whose keys all overflow gets centroid 0.
 */
#ifndef VEC_NEAREST_H
#define VEC_NEAREST_H

#include "vec/linmap.h"

struct nearest {
    struct linmap products; /* with each centroid */
    float *norm;            /* |c|^2, infinity behind the last, of whole panels */
};

/* centroids: [k][dim], not needed afterwards. On failure there is nothing to free. */
int nearest_init(struct nearest *t, const struct vec_ops *ops, const float *centroids, uint32_t k,
                 uint32_t dim, struct err *e);
/* From now on centroid i is farther by add[i] of squared distance. */
void nearest_add(struct nearest *t, const float *add);
void nearest_free(struct nearest *t); /* leaves it empty; {0} is fine */
/* best[i]: of row i. One thread, no memory of its own. */
void nearest_find(const struct nearest *t, const float *x, size_t n, uint32_t *best);

#endif
