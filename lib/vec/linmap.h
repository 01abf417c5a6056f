/* linmap.h - a matrix packed once, to map many rows by: y = M x, exact chains of ops.h, so the same
 * bits on every CPU level.
 *
 * Threads  immutable once made: share it.
 */
#ifndef VEC_LINMAP_H
#define VEC_LINMAP_H

#include "vec/ops.h"

struct linmap {
    const struct vec_ops *ops;
    float *panels; /* 64-byte aligned: PANEL rows of M each, the last filled up with zeros */
    uint32_t out, in;
};

/* m: [out][in], not needed afterwards. On failure there is nothing to free. */
int linmap_init(struct linmap *l, const struct vec_ops *ops, const float *m, uint32_t out,
                uint32_t in, struct err *e);
void linmap_free(struct linmap *l); /* leaves it empty; {0} is fine */

static inline size_t linmap_panels(const struct linmap *l)
{
    return ((size_t)l->out + PANEL - 1) / PANEL;
}

/* The products of n rows with panel p: tile[n][PANEL]. */
static inline void linmap_tile(const struct linmap *l, size_t p, const float *x, size_t n,
                               float *tile)
{
    l->ops->tile_f32(x, l->in * sizeof *x, n, l->panels + p * PANEL * l->in, l->in, tile);
}

/* x: [n][in], y: [n][out]. One thread, no memory of its own. */
void linmap_apply(const struct linmap *l, const float *x, size_t n, float *y);

#endif
