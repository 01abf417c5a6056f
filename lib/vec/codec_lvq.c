/* codec_lvq.c - lvq8, lvq4 and lvq4x8: locally-adaptive vector quantization (Aguerrebere,
 * Bhati, Hildebrand, Tepper & Willke, "Similarity search in the blink of an eye with compressed
 * indices", VLDB 2023): the mean taken off, each vector in uniform steps of its own range.
 *
 *   x' = x - mean;  low <= every x';  step = (largest x' - low) / (2^B - 1);
 *   cell = round((x' - low) / step);  decoded: mean + (low + step * cell)
 *   two levels: what is left, in [-step/2, step/2], in 255 steps of step / 255:
 *   second = round((x' - low - step * cell) / step * 255 + 127.5), so that
 *   decoded: mean + (low + step * ((255 * cell + second - 127.5) / 255))
 *
 *   code    0  2  low   bf16            lvq8    4  dim             cells, a byte each
 *           2  2  step  bf16, >= 0      lvq4    4  (dim + 1) / 2   cells, low nibble first
 *                                       lvq4x8  the cells of lvq4, then dim second cells
 *   file    MEA0  f32 mean[dim]
 *
 * Where it differs from the paper: the constants are bfloat16, not binary16: nothing overflows and
 * nothing small is lost. low is rounded down and the step, computed from the rounded low, up, so
 * the range still covers; cells are of the rounded constants. The 8 bits of precision cost a step
 * that is at most 1/128 + |low| / 128 / range too coarse. Codes are not padded to 32 bytes.
 *
 * Scans give the key of the vector as decoded, both levels of it, from integer products (scode.h).
 * l2 is taken of vectors less the mean: |q'|^2 + |x'|^2 - 2 <q', x'>, where the norm is exact sums
 * of cells and their squares, made when a list is packed.
 *
 * Bounds are of the step alone and cost no byte: each component is off by at most step / 2 (step /
 * 510), so <q, x> by at most |q|_1 step / 2, and |q - x| by sqrt(dim) step / 2. A norm of what is
 * left, kept with each code (2 bytes), would make them tighter by 1.4 and by 1.7 only.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vec/codec_kind.h"
#include "vec/scode.h"

/* The largest |x - mean| that is coded: a squared norm of 2^20 components stays an f32. */
#define LVQ_MOST 0x1p53f

struct lvq {
    struct scode_shape shape;
    const struct scode_ops *ops;
    float most;   /* cell of the first level */
    double half;  /* how far a component may be off, in steps */
    double reach; /* of the cells from the middle of their range, in steps */
    float *mean;
};

static int lvq_check(const struct codec_spec *s, uint32_t dim, struct err *e)
{
    (void)dim;
    if (s->word[0] || s->inner[0] || (s->a != 8 && s->a != 4) ||
        (s->has_b && !(s->a == 4 && s->b == 8)))
        return err_set(e, ERR_USAGE, "%s: there are lvq8, lvq4 and lvq4x8", s->text);
    return 0;
}

static void lvq_free(void *state)
{
    struct lvq *v = state;

    if (v)
        free(v->mean);
    free(v);
}

static struct lvq *lvq_new(struct codec *c, struct err *e)
{
    struct lvq *v = c->state = mem_zero(1, sizeof *v, e);
    bool four = c->spec.a == 4, two = c->spec.has_b;

    if (!v)
        return NULL;
    v->shape = scode_shape(c->dim, four, !four || two, true);
    v->ops = scode_ops_for(c->cpu);
    v->most = four ? 15 : 255;
    v->half = two ? 0.5 / 255 : 0.5;
    v->reach = two ? 8 : four ? 7.5 : 127.5;
    c->code_bytes = (uint32_t)v->shape.code;
    return v;
}

static int lvq_train(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct lvq *v = lvq_new(c, e);
    double *sum = v ? codec_array(c->dim, sizeof *sum, e) : NULL;

    if (!sum || !(v->mean = codec_array(c->dim, sizeof *v->mean, e))) {
        free(sum);
        return e->code;
    }
    for (size_t i = 0; i < t->n; i++)
        for (uint32_t k = 0; k < c->dim; k++)
            sum[k] += (double)t->x[i * c->dim + k];
    for (uint32_t k = 0; k < c->dim; k++)
        v->mean[k] = (float)(sum[k] / (double)t->n);
    free(sum);
    return 0;
}

static int lvq_save(const struct codec *c, int level, struct sect_writer *w, struct err *e)
{
    const struct lvq *v = c->state;

    return codec_put(w, "MEA", level, v->mean, c->dim, sizeof *v->mean, e);
}

static int lvq_load(struct codec *c, int level, const struct sect_file *f, struct err *e)
{
    struct lvq *v = lvq_new(c, e);

    if (!v || !(v->mean = codec_take(f, "MEA", level, c->dim, sizeof *v->mean, e)))
        return e->code;
    return codec_finite(f, "MEA", level, v->mean, c->dim, e);
}

/* ---- bfloat16: the upper half of an f32 ---- */

static float bf16_f32(const uint8_t *p)
{
    uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 24;
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Toward minus infinity, or (a step, at least 0) plus infinity. Returns what it has become. */
static float bf16_put(float x, bool up, uint8_t *p)
{
    uint32_t bits;

    x += 0.0f; /* -0 is 0 */
    memcpy(&bits, &x, sizeof bits);
    if (up || x < 0)
        bits += 0xffff; /* away from 0 */
    p[0] = (uint8_t)(bits >> 16);
    p[1] = (uint8_t)(bits >> 24);
    return bf16_f32(p);
}

/* ---- coding ---- */

/* y = x - mean of one vector, to its code. */
static void encode_row(const struct lvq *v, const float *y, float least, float largest,
                       uint8_t *cell, uint8_t *code)
{
    const struct scode_shape *s = &v->shape;
    float low = bf16_put(least, false, code);
    float step = bf16_put((largest - low) / v->most, true, code + 2);
    uint8_t *first = s->four ? cell : code + SCODE_RANGE;
    uint8_t *second = code + SCODE_RANGE + (s->dim + 1) / 2;

    if (!(step > 0)) { /* all components are low */
        memset(code + SCODE_RANGE, 0, s->code - SCODE_RANGE);
        return;
    }
    v->ops->quantize(y, s->dim, low, step, v->most, first);
    if (s->four && s->eight)
        v->ops->refine(y, cell, s->dim, low, step, second);
    if (s->four)
        v->ops->halve(cell, s->dim, code + SCODE_RANGE);
}

static int lvq_encode(const struct codec *c, const float *x, size_t n, uint8_t *code, struct err *e)
{
    const struct lvq *v = c->state;
    float *y = mem_array(c->dim, sizeof *y + 1, e);
    uint8_t *cell = (uint8_t *)(y + c->dim);
    int rc = y ? 0 : e->code;

    for (size_t i = 0; i < n && rc == 0; i++, x += c->dim, code += v->shape.code) {
        float least, largest;

        v->ops->centre(x, v->mean, c->dim, y, &least, &largest);
        if (least >= -LVQ_MOST && largest <= LVQ_MOST)
            encode_row(v, y, least, largest, cell, code);
        else
            rc = err_set(e, ERR_INPUT, "a component is %g from its mean: %s codes up to %g",
                         (double)(-least > largest ? least : largest), c->spec.text,
                         (double)LVQ_MOST);
    }
    free(y);
    return rc;
}

static int bad_code(const struct codec *c, struct err *e)
{
    return err_set(e, ERR_INPUT, "the range of a code is none that %s makes", c->spec.text);
}

static int lvq_decode(const struct codec *c, const uint8_t *code, size_t n, float *x, struct err *e)
{
    const struct lvq *v = c->state;
    uint16_t cell[SCODE_CHUNK];
    bool two = v->shape.four && v->shape.eight;

    for (size_t i = 0; i < n; i++, code += v->shape.code) {
        float low = bf16_f32(code), step = bf16_f32(code + 2);

        if (!(fabsf(low) <= 2 * LVQ_MOST && step >= 0 && step <= LVQ_MOST))
            return bad_code(c, e);
        for (uint32_t from = 0, m; from < c->dim; from += m, x += m) {
            m = c->dim - from < SCODE_CHUNK ? c->dim - from : SCODE_CHUNK;
            scode_cells(&v->shape, code + SCODE_RANGE, from, m, cell);
            for (uint32_t k = 0; k < m; k++) {
                float at = two ? ((float)cell[k] - 127.5f) / 255 : (float)cell[k];

                x[k] = v->mean[from + k] + (low + step * at);
            }
        }
    }
    return 0;
}

/* ---- lists ---- */

static size_t lvq_packed_bytes(const struct codec *c, size_t n)
{
    const struct lvq *v = c->state;

    return scode_packed_bytes(&v->shape, n);
}

/* |decoded - mean|^2, of exact sums of cells and their squares. */
static float norm_of(const struct scode_shape *s, const uint8_t *code)
{
    double a = (double)bf16_f32(code), b = (double)bf16_f32(code + 2), sum = 0, squares = 0;
    uint16_t cell[SCODE_CHUNK];

    for (uint32_t from = 0, m; from < s->dim; from += m) {
        uint32_t one = 0, two = 0;

        m = s->dim - from < SCODE_CHUNK ? s->dim - from : SCODE_CHUNK;
        scode_cells(s, code + SCODE_RANGE, from, m, cell);
        for (uint32_t k = 0; k < m; k++) {
            one += cell[k];
            two += (uint32_t)cell[k] * cell[k];
        }
        sum += one;
        squares += two;
    }
    if (s->four && s->eight) {
        a -= b / 2;
        b /= 255;
    }
    return (float)(s->dim * a * a + 2 * a * b * sum + b * b * squares);
}

static void lvq_pack(const struct codec *c, const uint8_t *code, size_t stride, size_t n,
                     uint8_t *packed)
{
    const struct lvq *v = c->state;

    scode_pack(&v->shape, code, stride, n, packed);
    for (size_t i = 0; i < n; i++)
        *scode_norm(packed, v->shape.block, i) = norm_of(&v->shape, code + i * stride);
}

/* ---- searching ---- */

static size_t lvq_query_bytes(const struct codec *c)
{
    const struct lvq *v = c->state;

    return scode_query_bytes(&v->shape);
}

/* What float arithmetic loses: every sum below has less than 16 roundings of terms that are at most
 * 4 times these sizes. */
#define SLACK 0x1p-18

static void bound(const struct lvq *v, double size, double lost, struct scode_query *q)
{
    double root = sqrt(v->shape.dim);

    q->a0 = (float)(SLACK * fabs((double)q->base));
    q->a1 = (float)(SLACK * size);
    q->a2 = (float)((q->l2 ? 2 : 1) * v->reach * lost + (q->l2 ? 0 : v->half * size) +
                    SLACK * v->reach * size);
    q->a3 = (float)SLACK;
    q->r1 = (float)(SLACK * root);
    q->r2 = (float)((v->half + SLACK * v->reach) * root);
}

static void lvq_query_init(const struct codec *c, enum vec_metric m, const float *x, void *query)
{
    const struct lvq *v = c->state;
    struct scode_query *q = query;
    double *w = scode_query_weights(&v->shape, query);
    double sum = 0, size = 0, base = 0, factor = m == VEC_L2 ? -2 : -1, middle, rest;
    struct scode_weights made;

    for (uint32_t k = 0; k < c->dim; k++) {
        w[k] = m == VEC_L2 ? (double)x[k] - (double)v->mean[k] : (double)x[k];
        base += m == VEC_L2 ? w[k] * w[k] : -w[k] * (double)v->mean[k];
        sum += w[k];
        size += fabs(w[k]);
    }
    made = scode_weights(&v->shape, w, q);
    middle = v->shape.four ? 7.5 : 127.5;
    rest = v->shape.four ? made.rest4 + (v->shape.eight ? made.rest8 / 255 : 0) : made.rest8;
    q->l2 = m == VEC_L2;
    q->base = (float)base;
    q->u = (float)(factor * sum);
    q->v = (float)(factor * (sum * middle - made.unit * rest));
    q->w = (float)(factor * made.unit);
    bound(v, size, made.lost, q);
}

static void lvq_scan(const struct codec *c, const void *const *query, size_t nq,
                     const uint8_t *packed, size_t n, float *key, float *low, size_t ld)
{
    const struct lvq *v = c->state;

    v->ops->scan(&v->shape, query, nq, packed, n, key, low, ld);
}

const struct codec_kind codec_lvq = {
    .name = "lvq",
    .forms = "lvq8, lvq4, lvq4x8",
    .what = "uniform steps over each vector's range, in one or two levels, with bounds",
    .sections = "MEA",
    .check = lvq_check,
    .train = lvq_train,
    .free = lvq_free,
    .save = lvq_save,
    .load = lvq_load,
    .encode = lvq_encode,
    .decode = lvq_decode,
    .query_bytes = lvq_query_bytes,
    .query_init = lvq_query_init,
    .packed_bytes = lvq_packed_bytes,
    .pack = lvq_pack,
    .scan = lvq_scan,
    .bounds = true,
};
