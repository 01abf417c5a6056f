/* linear.h - a matrix that rows are multiplied by again and again: packed once, into the panels of
 * ops.h. One row costs as little a component as many do, so queries may come one by one.
 *
 * Products are the exact chains of ops.h: the same bits on all levels.
 */
#ifndef VEC_LINEAR_H
#define VEC_LINEAR_H

#include "vec/ops.h"

struct linear {
    struct vec_matrix panels;
    uint32_t out, in;
};

/* m: [out][in], row-major without gaps. {0} is an empty one. */
int linear_init(struct linear *l, const float *m, uint32_t out, uint32_t in, struct err *e);
void linear_free(struct linear *l);
/* y[i * out + j] = <row i of x, row j of m>: n rows of `in` floats become n rows of `out`. */
void linear_apply(const struct linear *l, const struct vec_ops *ops, const float *x, size_t n,
                  float *y);

#endif
