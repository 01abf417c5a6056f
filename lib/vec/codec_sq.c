/* codec_sq.c - sq8 and sq4: each dimension in 2^B - 1 uniform steps over the range that the sample
 * has there; what lies outside goes to the nearest end. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vec/codec_kinds.h"

struct sq {
    unsigned bits;
    float *low, *step; /* [dim] */
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
    }
    free(q);
}

static struct sq *sq_new(struct codec *c, struct err *e)
{
    struct sq *q = c->state = mem_zero(1, sizeof *q, e);

    if (q) {
        q->bits = c->spec.a;
        c->code_bytes = (c->dim * q->bits + 7) / 8;
    }
    return q;
}

static int sq_train(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct sq *q = sq_new(c, e);

    if (!q || !(q->low = codec_array(c->dim, sizeof *q->low, e)) ||
        !(q->step = codec_array(c->dim, sizeof *q->step, e)))
        return e->code;
    for (uint32_t j = 0; j < c->dim; j++) {
        float low = t->x[j], high = low;

        for (size_t i = 1; i < t->n; i++) {
            low = fminf(low, t->x[i * c->dim + j]);
            high = fmaxf(high, t->x[i * c->dim + j]);
        }
        q->low[j] = low;
        q->step[j] = (high - low) / (float)((1 << q->bits) - 1);
    }
    return 0;
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
        codec_finite(f, "LOW", level, q->low, c->dim, e) < 0)
        return e->code;
    return codec_finite(f, "STP", level, q->step, c->dim, e);
}

static unsigned sq_cell(const struct sq *q, uint32_t j, float x)
{
    float most = (float)((1 << q->bits) - 1), at;

    at = q->step[j] > 0 ? (x - q->low[j]) / q->step[j] : 0;
    return (unsigned)lrintf(at < 0 ? 0 : at > most ? most : at);
}

static int sq_encode(const struct codec *c, const float *x, size_t n, uint8_t *code, struct err *e)
{
    const struct sq *q = c->state;

    (void)e;
    memset(code, 0, n * c->code_bytes);
    for (size_t i = 0; i < n; i++, x += c->dim, code += c->code_bytes)
        for (uint32_t j = 0; j < c->dim; j++) {
            unsigned cell = sq_cell(q, j, x[j]);

            if (q->bits == 8)
                code[j] = (uint8_t)cell;
            else
                code[j / 2] |= (uint8_t)(cell << 4 * (j % 2));
        }
    return 0;
}

static int sq_decode(const struct codec *c, const uint8_t *code, size_t n, float *x, struct err *e)
{
    const struct sq *q = c->state;

    (void)e;
    for (size_t i = 0; i < n; i++, x += c->dim, code += c->code_bytes)
        for (uint32_t j = 0; j < c->dim; j++) {
            unsigned cell = q->bits == 8 ? code[j] : code[j / 2] >> 4 * (j % 2) & 15;

            x[j] = q->low[j] + q->step[j] * (float)cell;
        }
    return 0;
}

/* A query is its metric and its components. */
static size_t sq_query_bytes(const struct codec *c)
{
    return ((size_t)c->dim + 1) * sizeof(float);
}

static void sq_query_init(const struct codec *c, enum vec_metric m, const float *q, void *query)
{
    float *p = query;

    p[0] = m == VEC_L2;
    memcpy(p + 1, q, c->dim * sizeof *q);
}

static void sq_scan(const struct codec *c, const void *const *query, size_t nq,
                    const uint8_t *packed, size_t n, float *key, float *low, size_t ld)
{
    const struct sq *q = c->state;

    (void)low;
    for (size_t i = 0; i < n; i++, packed += c->code_bytes)
        for (size_t k = 0; k < nq; k++) {
            const float *p = query[k];
            float sum = 0;

            for (uint32_t j = 0; j < c->dim; j++) {
                unsigned cell = q->bits == 8 ? packed[j] : packed[j / 2] >> 4 * (j % 2) & 15;
                float x = q->low[j] + q->step[j] * (float)cell;
                float part = p[0] > 0 ? (x - p[1 + j]) * (x - p[1 + j]) : -x * p[1 + j];

                sum += part;
            }
            key[k * ld + i] = sum;
        }
}

const struct codec_kind codec_sq = {
    .name = "sq",
    .forms = "sq8, sq4",
    .what = "uniform steps over each dimension's range",
    .check = sq_check,
    .train = sq_train,
    .free = sq_free,
    .save = sq_save,
    .load = sq_load,
    .encode = sq_encode,
    .decode = sq_decode,
    .query_bytes = sq_query_bytes,
    .query_init = sq_query_init,
    .scan = sq_scan,
};
