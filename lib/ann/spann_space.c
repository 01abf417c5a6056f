/* spann_space.c - rows and queries as heads and lists see them: spann.h. */
#include <math.h>

#include "ann/spann.h"

bool spann_row(const struct spann_space *s, const struct vec_rows *rows, uint64_t row, float *out)
{
    uint32_t dim = s->in.dim;
    double square;

    if (s->metric != VEC_IP)
        return ivf_row(&s->in, rows, row, out);
    ops_to_f32(s->in.ops, rows->type, vec_row(rows, row), dim, out);
    square = s->in.ops->dot_f64(out, out, dim);
    if (!ivf_row(&s->in, rows, row, out))
        return false;
    out[dim] = (float)(sqrt(fmax(0, s->most - square)) * (double)s->in.scale);
    return true;
}

struct ivf_asked spann_query(const struct spann_space *s, const float *x, float *q, float *out)
{
    uint32_t dim = s->in.dim;
    double square, by;
    struct ivf_asked a;

    memcpy(q, x, dim * sizeof *q);
    if (s->metric != VEC_IP)
        return ivf_query(&s->in, q, out);
    square = s->in.ops->dot_f64(q, q, dim);
    by = square > 0 && s->most > 0 ? sqrt(s->most / square) : 1;
    for (uint32_t k = 0; k < dim; k++)
        q[k] = (float)((double)q[k] * by);
    a = ivf_query(&s->in, q, out);
    /* mul * d = by^2 |q|^2 + most - 2 by <q, x> */
    a.add = -(square * by * by + s->most) / (2 * by);
    a.mul /= 2 * by;
    return a;
}
