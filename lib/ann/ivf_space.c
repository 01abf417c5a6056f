/* ivf_space.c - rows and queries as lists see them: ivf.h. */
#include <math.h>
#include <stdlib.h>

#include "ann/ivf.h"
#include "base/mem.h"
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

void ivf_set_space(struct ivf_space *s, float *mean, const double *sum, const double *square)
{
    double all = 0;
    int power = 0;

    for (uint32_t k = 0; k < s->dim; k++) {
        mean[k] = (float)sum[k];
        all += fmax(0, square[k] - sum[k] * sum[k]) / s->dim;
    }
    frexp(sqrt(all), &power);
    s->scale = ldexpf(1, all > 0 && isfinite(all) && power > -126 ? -power : 0);
}

int ivf_find_space(struct ivf_space *s, float *mean, const struct vec_rows *base,
                   const uint64_t *row, uint64_t n, struct err *e)
{
    double *sum = mem_zero(2 * (size_t)s->dim, sizeof *sum, e), *square = sum + s->dim;
    float *x = mem_array(s->dim, sizeof *x, e);

    for (uint64_t i = 0; sum && x && i < n; i++) {
        double by = 1;

        ops_to_f32(s->ops, base->type, vec_row(base, row[i]), s->dim, x);
        if (s->metric == VEC_COSINE)
            by = 1 / sqrt(s->ops->dot_f64(x, x, s->dim));
        for (uint32_t k = 0; k < s->dim && isfinite(by); k++) {
            sum[k] += (double)x[k] * by / (double)n;
            square[k] += (double)x[k] * by * (double)x[k] * by / (double)n;
        }
    }
    if (sum && x)
        ivf_set_space(s, mean, sum, square);
    free(x);
    free(sum);
    return sum && x ? 0 : e->code;
}

int ivf_check_rows(const struct ivf_space *s, const struct vec_rows *base, struct err *e)
{
    float *x = mem_array(s->dim, sizeof *x, e);
    int rc = x ? 0 : e->code;

    for (uint64_t i = 0; rc == 0 && s->metric == VEC_COSINE && i < base->rows; i++) {
        ops_to_f32(s->ops, base->type, vec_row(base, i), s->dim, x);
        if (!(s->ops->dot_f64(x, x, s->dim) > 0))
            rc = err_set(e, ERR_INPUT, "row %llu is a zero vector, which has no cosine",
                         (unsigned long long)i);
    }
    free(x);
    return rc;
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
