/* form.c - vectors and queries become cells: form.h. */
#include "ann/form.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "vec/ops.h"

void form_free(struct form *f)
{
    free(f->mean);
    free(f->b);
    linmap_free(&f->to);
    *f = (struct form){0};
}

void form_spec(const struct form *f, char spec[FORM_SPEC_MAX])
{
    struct err text = {0};

    if (f->bytes)
        err_set(&text, 0, "bytes");
    else if (f->mapped)
        err_set(&text, 0, form_is_mixed(f) ? "leanvec%u+int8x%u+int4" : "leanvec%u+int%u", f->kept,
                form_is_mixed(f) ? f->wide : f->bits);
    else
        err_set(&text, 0, "int%u", f->bits);
    memcpy(spec, text.msg, FORM_SPEC_MAX - 1);
    spec[FORM_SPEC_MAX - 1] = 0;
}

/* ---- vectors ---- */

/* y = y - mean, of length 1 before that with cosine; extra (or NULL) = the component that evens
 * lengths. */
static int centre(const struct form *f, float *y, uint64_t row, double *extra, struct err *e)
{
    double norm2 = f->metric == VEC_COSINE || f->longer ? f->ops->dot_f64(y, y, f->dim) : 0;

    if (f->metric == VEC_COSINE) {
        double length = sqrt(norm2);

        if (!(length > 0))
            return err_set(e, ERR_INPUT, "row %llu is a zero vector, which has no cosine",
                           (unsigned long long)row);
        for (uint32_t k = 0; k < f->dim; k++)
            y[k] = (float)(y[k] / length);
    }
    if (f->longer && extra)
        *extra = sqrt(fmax(0, f->most - norm2)) - f->extra_mean;
    for (uint32_t k = 0; k < f->dim; k++)
        y[k] -= f->mean[k];
    return 0;
}

/* One component in steps, clamped: NaN is the least. */
static inline uint8_t cell8(float v)
{
    v = v > -128 ? v : -128;
    return (uint8_t)(128 + (int)lrintf(v < 127 ? v : 127));
}

static inline uint8_t cell4(float v)
{
    v = v > -7.5f ? v : -7.5f;
    return (uint8_t)lrintf((v < 7.5f ? v : 7.5f) + 7.5f);
}

static void put_norm(uint8_t *row, size_t stride, float norm)
{
    memcpy(row + stride - CELLS_NORM, &norm, CELLS_NORM);
}

/* Returns the sum of squares. */
static uint32_t put_wide(const float *y, uint32_t n, float per, uint8_t *row)
{
    uint32_t norm = 0;

    for (uint32_t k = 0; k < n; k++) {
        int32_t c = (row[k] = cell8(y[k] * per)) - 128;

        norm += (uint32_t)(c * c);
    }
    return norm;
}

/* Returns four times the sum of squares. */
static uint32_t put_narrow(const float *y, uint32_t n, float per, uint8_t *row, size_t half)
{
    uint32_t norm = 0;

    for (uint32_t k = 0; k < n; k++) {
        uint8_t c = cell4(y[k] * per), *at = row + (k < half ? k : k - half);
        int32_t twice = 2 * c - 15;

        *at = (uint8_t)(k < half ? (*at & 0xf0) | c : (*at & 15) | c << 4);
        norm += (uint32_t)(twice * twice);
    }
    return norm;
}

/* The first `wide` of 8 bits, the others of 4. */
static void put_mixed(const struct form *f, const float *y, uint8_t *row, size_t stride)
{
    double ratio = (double)f->broad / (double)f->step;
    float per = 1 / f->step;
    double norm = put_narrow(y + f->wide, form_cells(f) - f->wide, per, row + f->wide,
                             stride - CELLS_NORM - f->wide);

    put_norm(row, stride,
             (float)(norm / 4 + ratio * ratio * (double)put_wide(y, f->wide, 1 / f->broad, row)));
}

static void put_bytes(const struct form *f, const uint8_t *x, uint8_t *row, size_t stride)
{
    uint8_t flip = f->type == VEC_I8 ? 0x80 : 0;
    uint32_t norm = 0;

    for (uint32_t k = 0; k < f->dim; k++) {
        int32_t c = (row[k] = x[k] ^ flip) - 128;

        norm += (uint32_t)(c * c);
    }
    put_norm(row, stride, (float)norm);
}

int form_steps(const struct form *f, const struct vec_rows *base, uint64_t from, size_t n, float *x,
               float *y, struct err *e)
{
    uint32_t out = form_cells(f);
    double extra[FORM_BLOCK] = {0};
    float *flat = f->mapped ? y : x;

    for (size_t i = 0; i < n; i++) {
        float *at = x + i * f->dim;

        ops_to_f32(f->ops, base->type, vec_row(base, from + i), f->dim, at);
        if (centre(f, at, from + i, &extra[i], e) < 0)
            return e->code;
    }
    if (f->mapped)
        linmap_apply(&f->to, x, n, y);
    if (flat == y && !f->longer)
        return 0;
    for (size_t i = n; i-- > 0;) { /* rows move apart: from the last */
        memmove(y + i * out, flat + i * f->kept, f->kept * sizeof *y);
        if (f->longer)
            y[i * out + f->kept] = (float)extra[i];
    }
    return 0;
}

static int encode_block(const struct form *f, const struct vec_rows *base, uint64_t from, size_t n,
                        bool fine, float *room, uint8_t *rows, struct err *e)
{
    size_t stride = fine ? form_fine_stride(f) : form_stride(f);
    float *y = room + FORM_BLOCK * (size_t)f->dim;

    memset(rows, 0x80, n * stride);
    if (!f->bytes && form_steps(f, base, from, n, room, y, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++, rows += stride, y += form_cells(f))
        if (f->bytes)
            put_bytes(f, vec_row(base, from + i), rows, stride);
        else if (fine || f->bits == 8)
            put_norm(rows, stride, (float)put_wide(y, form_cells(f), 1 / f->fine, rows));
        else
            put_mixed(f, y, rows, stride);
    return 0;
}

int form_encode(const struct form *f, const struct vec_rows *base, uint64_t from, uint64_t n,
                bool fine, uint8_t *rows, struct err *e)
{
    float *room = mem_array(FORM_BLOCK * ((size_t)f->dim + form_cells(f)), sizeof *room, e);
    size_t stride = fine ? form_fine_stride(f) : form_stride(f);
    int rc = room ? 0 : e->code;

    for (uint64_t at = 0; at < n && rc == 0; at += FORM_BLOCK) {
        size_t block = n - at < FORM_BLOCK ? (size_t)(n - at) : FORM_BLOCK;

        rc = encode_block(f, base, from + at, block, fine, room, rows + at * stride, e);
    }
    free(room);
    return rc;
}

/* Component k of a row of 4-bit or mixed cells, in steps of the fine ones. */
static float component(const struct form *f, const uint8_t *row, uint32_t k)
{
    size_t half = form_stride(f) - CELLS_NORM - f->wide, at = k - f->wide;
    int32_t four;

    if (k < f->wide)
        return (float)(row[k] - 128) * (f->broad / f->fine);
    row += f->wide;
    four = at < half ? row[at] & 15 : row[at - half] >> 4;
    return ((float)four - 7.5f) * (f->step / f->fine);
}

void form_refine(const struct form *f, const uint8_t *rows, uint64_t n, uint8_t *fine)
{
    size_t stride = form_stride(f), fine_stride = form_fine_stride(f);

    memset(fine, 0x80, n * fine_stride);
    for (uint64_t i = 0; i < n; i++, rows += stride, fine += fine_stride) {
        uint32_t norm = 0;

        for (uint32_t k = 0; k < form_cells(f); k++) {
            int32_t c = (fine[k] = cell8(component(f, rows, k))) - 128;

            norm += (uint32_t)(c * c);
        }
        put_norm(fine, fine_stride, (float)norm);
    }
}

/* ---- queries ---- */

/* The query as its weights will be taken of it, before B; `t` is what it was made longer by. */
static void place_query(const struct form *f, const float *x, float *y, double *t)
{
    double norm2 = f->ops->dot_f64(x, x, f->dim);

    *t = 1;
    memcpy(y, x, f->dim * sizeof *y);
    if (f->metric == VEC_IP && f->longer)
        return;
    if (f->metric != VEC_L2) {
        *t = sqrt((f->metric == VEC_IP ? f->most : 1) / norm2);
        *t = isfinite(*t) ? *t : 0;
        for (uint32_t k = 0; k < f->dim; k++)
            y[k] = (float)(y[k] * *t);
    }
    for (uint32_t k = 0; k < f->dim; k++)
        y[k] -= f->mean[k];
}

/* How keys of cells become keys: of squared distances in steps, or of products. */
static void scale_keys(const struct form *f, const float *x, double square, double unit, double t,
                       struct form_query *q)
{
    double step2 = (double)f->step * (double)f->step;

    if (f->metric == VEC_IP && f->longer) {
        q->mul = unit * step2;
        q->add = -f->ops->dot_f64(x, f->mean, f->dim);
    } else if (f->metric == VEC_IP) {
        q->mul = t > 0 ? step2 / 2 / t : 0;
        q->add = t > 0 ? (step2 * square / 2 - f->most) / t : 0;
    } else {
        q->mul = f->metric == VEC_L2 ? step2 : step2 / 2;
        q->add = q->mul * square;
    }
}

/* Where the weight of component k goes. */
static inline size_t place_of_cell(const struct form *f, uint32_t k)
{
    size_t stride = form_stride(f), high = stride - CELLS_NORM;

    if (k < f->wide)
        return k + (f->bits == 8 ? 0 : 2 * stride);
    return k < high ? k : k - high + f->wide + stride;
}

/* `kept` components in steps become weights, as fine as 8 bits allow. Returns their unit. */
static float weigh(const struct form *f, const float *y, int8_t *weights, struct cells_query *q)
{
    bool product = f->metric == VEC_IP && f->longer;
    float most = 0, unit;
    int32_t wide = 0, narrow = 0; /* sums */

    memset(weights, 0, form_weights(f));
    for (uint32_t k = 0; k < f->kept; k++)
        most = fabsf(y[k]) > most ? fabsf(y[k]) : most;
    unit = most > 0 && most <= 0x1p100f ? most / 127 : 1;
    if (f->bytes && most <= 127)
        unit = 1; /* whole numbers stay what they are */
    for (uint32_t k = 0; k < f->kept; k++) {
        int8_t w = (int8_t)(cell8(y[k] / unit) - 128);

        weights[place_of_cell(f, k)] = w;
        *(k < f->wide ? &wide : &narrow) += w;
    }
    *q = (struct cells_query){weights, 128 * wide + 15 * narrow / 2, product ? 0.0f : 1.0f,
                              product ? -1.0f : -2 * unit, f->wide};
    return unit;
}

void form_queries(const struct form *f, const float *x, size_t n, float *room, int8_t *weights,
                  struct form_query *q)
{
    float *y = room + n * f->dim, per = 1 / f->step, ratio = f->broad / f->step;
    bool mixed = form_is_mixed(f);
    double t[FORM_BLOCK];

    for (size_t i = 0; i < n; i++)
        place_query(f, x + i * f->dim, room + i * f->dim, &t[i]);
    if (f->mapped)
        linmap_apply(&f->to, room, n, y);
    else
        memcpy(y, room, n * f->dim * sizeof *y);
    for (size_t i = 0; i < n; i++, y += f->kept, weights += form_weights(f)) {
        double square = 0;
        float unit;

        for (uint32_t k = 0; k < f->kept; k++) {
            y[k] *= per;
            square += (double)y[k] * (double)y[k];
            y[k] *= mixed && k < f->wide ? ratio : 1;
        }
        unit = weigh(f, y, weights, &q[i].cells);
        scale_keys(f, x + i * f->dim, square, (double)unit, t[i], &q[i]);
    }
}

/* ---- the file ---- */

struct form_head form_head(const struct form *f)
{
    return (struct form_head){.dim = f->dim,
                              .kept = f->kept,
                              .metric = (uint8_t)f->metric,
                              .type = (uint8_t)f->type,
                              .bits = (uint8_t)f->bits,
                              .mapped = f->mapped,
                              .bytes = f->bytes,
                              .longer = f->longer,
                              .step = f->step,
                              .fine = f->fine,
                              .most = f->most,
                              .extra_mean = f->extra_mean,
                              .wide = f->wide,
                              .broad = f->broad};
}

int form_save(const struct form *f, struct sect_writer *w, struct err *e)
{
    if (sect_put(w, "MEAN", SECT_REQUIRED, f->mean, f->dim * sizeof *f->mean, e) < 0)
        return e->code;
    if (!f->mapped)
        return 0;
    return sect_put(w, "MAPB", SECT_REQUIRED, f->b, (size_t)f->kept * f->dim * sizeof *f->b, e);
}

static bool head_is_good(const struct form_head *h)
{
    return h->dim >= 1 && h->dim <= VEC_DIM_MAX && h->kept >= 1 && h->kept <= h->dim &&
           h->kept < CELLS_DIM_MAX && h->metric <= VEC_COSINE && h->type <= VEC_I8 &&
           (h->bits == 8 || h->bits == 4) && h->mapped <= 1 && h->bytes <= 1 && h->longer <= 1 &&
           (h->mapped || h->kept == h->dim) && !(h->mapped && h->bytes) &&
           (!h->bytes || (h->type >= VEC_U8 && h->bits == 8)) && h->step > 0 && isfinite(h->step) &&
           h->fine > 0 && isfinite(h->fine) && h->broad > 0 && isfinite(h->broad) &&
           (h->bits == 8 ? h->wide == h->kept + h->longer
                         : h->wide == 0 || (h->mapped && h->wide < h->kept));
}

static float *take(const struct sect_file *s, const char id[4], size_t n, struct err *e)
{
    const void *from;
    float *p;

    if (sect_need(s, id, n, sizeof *p, &from, e) < 0 || !(p = mem_array(n, sizeof *p, e)))
        return NULL;
    memcpy(p, from, n * sizeof *p);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(p[i])) {
            sect_bad(s, id, "a number is not finite", e);
            free(p);
            return NULL;
        }
    return p;
}

int form_load(struct form *f, const struct form_head *h, const struct sect_file *s,
              enum cpu_level cpu, struct err *e)
{
    if (!head_is_good(h))
        return sect_bad(s, "META", "its numbers contradict each other", e);
    *f = (struct form){.ops = ops_for(cpu),
                       .metric = (enum vec_metric)h->metric,
                       .type = (enum vec_type)h->type,
                       .dim = h->dim,
                       .kept = h->kept,
                       .bits = h->bits,
                       .mapped = h->mapped,
                       .bytes = h->bytes,
                       .longer = h->longer,
                       .step = h->step,
                       .fine = h->fine,
                       .most = h->most,
                       .extra_mean = h->extra_mean,
                       .wide = h->wide,
                       .broad = h->broad};
    if (!(f->mean = take(s, "MEAN", f->dim, e)))
        return e->code;
    if (!f->mapped)
        return 0;
    if (!(f->b = take(s, "MAPB", (size_t)f->kept * f->dim, e)))
        return e->code;
    return linmap_init(&f->to, f->ops, f->b, f->kept, f->dim, e);
}
