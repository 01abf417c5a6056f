/* ivf_space.c - rows and queries as lists see them: ivf.h. */
#include <math.h>

#include "ann/ivf.h"
#include "vec/ops.h"

static const float edge = 0x1p40f; /* beyond it squares and their sums would leave f32 */

/* out = (x * by - mean * of) * scale, in double before it is rounded. */
static bool place(const struct ivf_space *s, const float *x, double by, double scale, bool centred,
                  float *out)
{
    bool in = isfinite(by);

    for (uint32_t k = 0; k < s->dim && in; k++) {
        double v = ((double)x[k] * by - (centred ? (double)s->mean[k] : 0)) * scale;

        out[k] = (float)v;
        in = fabs(v) <= (double)edge;
    }
    for (uint32_t k = in ? s->dim : 0; k < s->padded; k++)
        out[k] = 0;
    return in;
}

bool ivf_row(const struct ivf_space *s, const struct vec_rows *base, uint64_t row, float *out)
{
    double by = 1;

    ops_to_f32(s->ops, base->type, vec_row(base, row), s->dim, out);
    if (s->metric == VEC_COSINE)
        by = 1 / sqrt(s->ops->dot_f64(out, out, s->dim));
    return place(s, out, by, (double)s->scale, true, out);
}

struct ivf_asked ivf_query(const struct ivf_space *s, const float *q, float *out)
{
    double scale = (double)s->scale, by = 1, square = s->ops->dot_f64(q, q, s->dim);
    struct ivf_asked a = {.mul = 1 / (scale * scale)};
    bool ip = s->metric == VEC_IP;

    if (s->metric == VEC_COSINE) {
        by = 1 / sqrt(square);
        a.mul /= 2;
    }
    if (ip) {
        int power;

        frexp(sqrt(square), &power);
        scale = square > 0 ? ldexp(1, -power) : 1;
        a.mul = 1 / scale / (double)s->scale;
        a.add = -s->ops->dot_f64(q, s->mean, s->dim);
    }
    a.far = !place(s, q, by, scale, !ip, out);
    a.square = s->ops->dot_f64(out, out, s->padded);
    return a;
}
