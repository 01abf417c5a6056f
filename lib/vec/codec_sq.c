/* codec_sq.c - sq8 and sq4: each dimension in 2^B - 1 uniform steps over the range that the sample
 * has there; what lies outside goes to the nearest end.
 *
 *   cell = round((x - low) / step) in 0..2^B - 1;  decoded: low + step * cell
 *
 *   code    sq8  dim             cells, a byte each
 *           sq4  (dim + 1) / 2   cells, low nibble first
 *   file    LOW0  f32 low[dim]     STP0  f32 step[dim], >= 0; 0: the sample had one value there
 *
 * Scans give the key of the vector as decoded: the steps go into the query's weights, and the
 * products are of integers (scode.h). l2 is taken from the middles of the ranges: |q'|^2 + |x'|^2 -
 * 2 <q', x'>, with the norm made when a list is packed.
 *
 * There are no bounds: a vector outside the ranges may be off by anything, and its code does not
 * say so. lvq's always cover.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vec/codec_kind.h"
#include "vec/scode.h"

struct sq {
    struct scode_shape shape;
    const struct scode_ops *ops;
    float most; /* cell */
    float *low, *step;
    float *divisor; /* step; infinity where it is 0, so that the cell is 0 */
};

static int sq_check(const struct codec_spec *s, uint32_t dim, struct err *e)
{
    (void)dim;
    if ((s->a != 8 && s->a != 4) || s->has_b || s->word[0] || s->inner[0])
        return err_set(e, ERR_USAGE, "%s: there are sq8 and sq4", s->text);
    return 0;
}

static void sq_free(void *state)
{
    struct sq *q = state;

    if (q) {
        free(q->low);
        free(q->step);
        free(q->divisor);
    }
    free(q);
}

static struct sq *sq_new(struct codec *c, struct err *e)
{
    struct sq *q = c->state = mem_zero(1, sizeof *q, e);
    bool four = c->spec.a == 4;

    if (!q || !(q->divisor = codec_array(c->dim, sizeof *q->divisor, e)))
        return NULL;
    q->shape = scode_shape(c->dim, four, !four, false);
    q->ops = scode_ops_for(c->cpu);
    q->most = four ? 15 : 255;
    c->code_bytes = (uint32_t)q->shape.code;
    return q;
}

static void set_divisors(struct sq *q)
{
    for (uint32_t k = 0; k < q->shape.dim; k++)
        q->divisor[k] = q->step[k] > 0 ? q->step[k] : INFINITY;
}

/* The steps over the ranges, whose ends must be floats when they are decoded. */
static int set_steps(struct codec *c, const float *high, struct err *e)
{
    struct sq *q = c->state;

    for (uint32_t k = 0; k < c->dim; k++) {
        q->step[k] = (float)(((double)high[k] - (double)q->low[k]) / (double)q->most);
        if (!isfinite(q->low[k] + q->step[k] * q->most))
            return err_set(e, ERR_INPUT, "%s: component %u goes from %g to %g: farther than an f32",
                           c->spec.text, k, (double)q->low[k], (double)high[k]);
    }
    set_divisors(q);
    return 0;
}

static int sq_train(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct sq *q = sq_new(c, e);
    float *high = q ? codec_array(c->dim, sizeof *high, e) : NULL;
    int rc;

    if (!high || !(q->low = codec_array(c->dim, sizeof *q->low, e)) ||
        !(q->step = codec_array(c->dim, sizeof *q->step, e))) {
        free(high);
        return e->code;
    }
    memcpy(q->low, t->x, c->dim * sizeof *high);
    memcpy(high, t->x, c->dim * sizeof *high);
    for (size_t i = 1; i < t->n; i++)
        for (uint32_t k = 0; k < c->dim; k++) {
            float x = t->x[i * c->dim + k];

            q->low[k] = x < q->low[k] ? x : q->low[k];
            high[k] = x > high[k] ? x : high[k];
        }
    rc = set_steps(c, high, e);
    free(high);
    return rc;
}

static int sq_save(const struct codec *c, int level, struct sect_writer *w, struct err *e)
{
    const struct sq *q = c->state;

    if (codec_put(w, "LOW", level, q->low, c->dim, sizeof *q->low, e) < 0)
        return e->code;
    return codec_put(w, "STP", level, q->step, c->dim, sizeof *q->step, e);
}

static int sq_load(struct codec *c, int level, const struct sect_file *f, struct err *e)
{
    struct sq *q = sq_new(c, e);

    if (!q || !(q->low = codec_take(f, "LOW", level, c->dim, sizeof *q->low, e)) ||
        !(q->step = codec_take(f, "STP", level, c->dim, sizeof *q->step, e)) ||
        codec_finite(f, "LOW", level, q->low, c->dim, e) < 0 ||
        codec_finite(f, "STP", level, q->step, c->dim, e) < 0)
        return e->code;
    for (uint32_t k = 0; k < c->dim; k++)
        if (q->step[k] < 0)
            return sect_bad(f, codec_id("STP", level).s, "a step is negative", e);
    set_divisors(q);
    return 0;
}

/* ---- coding ---- */

static int sq_encode(const struct codec *c, const float *x, size_t n, uint8_t *code, struct err *e)
{
    const struct sq *q = c->state;
    uint8_t *cell = mem_array(c->dim, 1, e);

    if (!cell)
        return e->code;
    for (size_t i = 0; i < n; i++, x += c->dim, code += q->shape.code) {
        q->ops->quantize_each(x, q->low, q->divisor, c->dim, q->most, q->shape.four ? cell : code);
        if (q->shape.four)
            q->ops->halve(cell, c->dim, code);
    }
    free(cell);
    return 0;
}

static int sq_decode(const struct codec *c, const uint8_t *code, size_t n, float *x, struct err *e)
{
    const struct sq *q = c->state;
    uint16_t cell[SCODE_CHUNK];

    (void)e;
    for (size_t i = 0; i < n; i++, code += q->shape.code)
        for (uint32_t from = 0, m; from < c->dim; from += m, x += m) {
            m = c->dim - from < SCODE_CHUNK ? c->dim - from : SCODE_CHUNK;
            scode_cells(&q->shape, code, from, m, cell);
            for (uint32_t k = 0; k < m; k++)
                x[k] = q->low[from + k] + q->step[from + k] * (float)cell[k];
        }
    return 0;
}

/* ---- lists ---- */

static size_t sq_packed_bytes(const struct codec *c, size_t n)
{
    const struct sq *q = c->state;

    return scode_packed_bytes(&q->shape, n);
}

/* |decoded - middles|^2, in eight sums that a processor may do side by side. */
static float norm_of(const struct sq *q, const uint8_t *code)
{
    enum { SUMS = 8 };
    const float middle = q->most / 2;
    double sum[SUMS] = {0}, total = 0;

    for (uint32_t from = 0, m; from < q->shape.dim; from += m) {
        uint16_t cell[SCODE_CHUNK];
        float x[SCODE_CHUNK + SUMS];

        m = q->shape.dim - from < SCODE_CHUNK ? q->shape.dim - from : SCODE_CHUNK;
        scode_cells(&q->shape, code, from, m, cell);
        for (uint32_t k = 0; k < m; k++)
            x[k] = q->step[from + k] * ((float)cell[k] - middle);
        memset(x + m, 0, SUMS * sizeof *x);
        for (uint32_t k = 0; k < m; k += SUMS)
            for (size_t i = 0; i < SUMS; i++)
                sum[i] += (double)x[k + i] * (double)x[k + i];
    }
    for (size_t i = 0; i < SUMS; i++)
        total += sum[i];
    return (float)total;
}

static void sq_pack(const struct codec *c, const uint8_t *code, size_t stride, size_t n,
                    uint8_t *packed)
{
    const struct sq *q = c->state;

    scode_pack(&q->shape, code, stride, n, packed);
    for (size_t i = 0; i < n; i++)
        *scode_norm(packed, q->shape.block, i) = norm_of(q, code + i * stride);
}

/* ---- searching ---- */

static size_t sq_query_bytes(const struct codec *c)
{
    const struct sq *q = c->state;

    return scode_query_bytes(&q->shape);
}

static void sq_query_init(const struct codec *c, enum vec_metric m, const float *x, void *query)
{
    const struct sq *s = c->state;
    struct scode_query *q = query;
    double *w = scode_query_weights(&s->shape, query), base = 0, factor = m == VEC_L2 ? -2 : -1;
    struct scode_weights made;

    for (uint32_t k = 0; k < c->dim; k++) {
        double step = (double)s->step[k], middle = (double)s->low[k] + step * (double)s->most / 2;
        double at = m == VEC_L2 ? (double)x[k] - middle : (double)x[k];

        base += m == VEC_L2 ? at * at : -at * middle;
        w[k] = at * step;
    }
    made = scode_weights(&s->shape, w, q);
    q->l2 = m == VEC_L2;
    q->base = (float)(base - factor * made.unit * (s->shape.four ? made.rest4 : made.rest8));
    q->w = (float)(factor * made.unit);
}

static void sq_scan(const struct codec *c, const void *const *query, size_t nq,
                    const uint8_t *packed, size_t n, float *key, float *low, size_t ld)
{
    const struct sq *q = c->state;

    q->ops->scan(&q->shape, query, nq, packed, n, key, low, ld);
}

const struct codec_kind codec_sq = {
    .name = "sq",
    .forms = "sq8, sq4",
    .what = "uniform steps over each dimension's range",
    .sections = "LOWSTP",
    .check = sq_check,
    .train = sq_train,
    .free = sq_free,
    .save = sq_save,
    .load = sq_load,
    .encode = sq_encode,
    .decode = sq_decode,
    .query_bytes = sq_query_bytes,
    .query_init = sq_query_init,
    .packed_bytes = sq_packed_bytes,
    .pack = sq_pack,
    .scan = sq_scan,
};
