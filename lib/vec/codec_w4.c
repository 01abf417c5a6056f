/* codec_w4.c - w4gG: symmetric 4-bit weights in groups of G components (MARLIN, Frantar et al.
 * 2025), and products with a batch of queries as fast as 4 bits are read.
 *
 * Of each group s = 2 max|x| / 15, kept as bf16 (MARLIN has f16; bf16 has the range of f32, and as
 * weights are rounded against the kept s, its coarseness costs nothing), and of each component
 * q = clamp(round(x / s) + 8, 0, 15), which stands for (q - 8) s. The last group may be shorter.
 *
 * Code, ceil(dim / 2) + 2 ceil(dim / G) bytes:
 *   0              components 2i (low nibble) and 2i + 1 (high) at byte i
 *   ceil(dim / 2)  bf16 s of each group
 * No sections: the spec is all there is.
 *
 * Queries become int8 with a scale a group (relative error of a product about 4e-3, well below that
 * of the weights), or stay f32 with "w4gG:f32". Keys are the same bits on all levels.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vec/codec_kind.h"
#include "vec/w4.h"

enum { GROUP_MAX = 4096, Q8_MAX = 127 };

struct w4 {
    struct w4_shape shape;
    bool f32; /* queries stay so */
    const struct w4_ops *ops;
};

static int w4_check(const struct codec_spec *s, uint32_t dim, struct err *e)
{
    (void)dim;
    if (s->has_b || s->inner[0] || (s->word[0] && strcmp(s->word, "f32") != 0))
        return err_set(e, ERR_USAGE, "%s: there are w4gG and w4gG:f32", s->text);
    if (!s->has_a || s->a % 4 || s->a > GROUP_MAX)
        return err_set(e, ERR_USAGE, "%s: a group is a multiple of 4 components, up to %d", s->text,
                       GROUP_MAX);
    return 0;
}

static size_t nibble_bytes(const struct codec *c)
{
    return ((size_t)c->dim + 1) / 2;
}

static int w4_new(struct codec *c, struct err *e)
{
    struct w4 *w = c->state = mem_zero(1, sizeof *w, e);
    uint32_t group = c->spec.a;

    if (!w)
        return e->code;
    w->shape = (struct w4_shape){.dim = c->dim,
                                 .group = group,
                                 .groups = (c->dim + group - 1) / group,
                                 .blocks = (group + W4_BLOCK - 1) / W4_BLOCK};
    w->f32 = c->spec.word[0] != 0;
    w->ops = CPU_CHOICE(w4, c->cpu);
    c->code_bytes = (uint32_t)(nibble_bytes(c) + 2 * (size_t)w->shape.groups);
    return 0;
}

static int w4_train(struct codec *c, const struct codec_train *t, struct err *e)
{
    (void)t;
    return w4_new(c, e);
}

static int w4_save(const struct codec *c, int level, struct sect_writer *w, struct err *e)
{
    (void)c, (void)level, (void)w, (void)e;
    return 0;
}

static int w4_load(struct codec *c, int level, const struct sect_file *f, struct err *e)
{
    (void)level, (void)f;
    return w4_new(c, e);
}

/* ---- coding ---- */

/* To nearest, ties to even. */
static uint16_t bf16_of(float v)
{
    uint32_t bits;

    memcpy(&bits, &v, 4);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* To the nearest whole number, ties to even, for |v| < 2^22: unlike lrintf() of the baseline this
 * is done four at a time. */
static inline float round_even(float v)
{
    return (v + 0x1.8p23f) - 0x1.8p23f;
}

static uint16_t scale_of(const float *x, uint32_t n)
{
    float most = 0;

    for (uint32_t k = 0; k < n; k++)
        most = fabsf(x[k]) > most ? fabsf(x[k]) : most;
    return bf16_of(most / 7.5f);
}

static void encode_group(const float *x, uint32_t n, uint16_t scale, uint8_t *weight)
{
    float s = w4_scale(scale);

    for (uint32_t k = 0; k < n; k++) {
        float q = s > 0 ? round_even(x[k] / s) + 8 : 8;

        q = q < 0 ? 0 : q > 15 ? 15 : q;
        weight[k] = (uint8_t)q;
    }
}

static int w4_encode(const struct codec *c, const float *x, size_t n, uint8_t *code, struct err *e)
{
    const struct w4 *w = c->state;
    uint8_t weight[GROUP_MAX];

    memset(code, 0, n * c->code_bytes);
    for (size_t i = 0; i < n; i++, x += c->dim, code += c->code_bytes)
        for (uint32_t g = 0; g < w->shape.groups; g++) {
            uint32_t from = g * w->shape.group;
            uint32_t len = c->dim - from < w->shape.group ? c->dim - from : w->shape.group;
            uint16_t scale = scale_of(x + from, len);

            if (!isfinite(-8 * w4_scale(scale)))
                return err_set(e, ERR_INPUT,
                               "%s: a component is too large: 8 steps of its group are no f32",
                               c->spec.text);
            encode_group(x + from, len, scale, weight);
            memcpy(code + nibble_bytes(c) + 2 * (size_t)g, &scale, 2);
            for (uint32_t k = 0; k < len; k++) /* groups begin at even components */
                code[(from + k) / 2] |= (uint8_t)(weight[k] << 4 * (k % 2));
        }
    return 0;
}

static float code_scale(const struct codec *c, const uint8_t *code, uint32_t g)
{
    uint16_t bf16;

    memcpy(&bf16, code + nibble_bytes(c) + 2 * (size_t)g, 2);
    return w4_scale(bf16);
}

static void decode_row(const struct codec *c, const uint8_t *code, float *x)
{
    const struct w4 *w = c->state;

    for (uint32_t k = 0; k < c->dim; k++) {
        int q = code[k / 2] >> 4 * (k % 2) & 15;

        x[k] = (float)(q - 8) * code_scale(c, code, k / w->shape.group);
    }
}

static int w4_decode(const struct codec *c, const uint8_t *code, size_t n, float *x, struct err *e)
{
    (void)e;
    for (size_t i = 0; i < n; i++)
        decode_row(c, code + i * c->code_bytes, x + i * c->dim);
    return 0;
}

/* ---- lists ---- */

static size_t w4_packed_bytes(const struct codec *c, size_t n)
{
    const struct w4 *w = c->state;

    return (n + W4_ROWS - 1) / W4_ROWS * w4_panel_bytes(&w->shape);
}

/* The squared norm of the decoded row, in double. */
static float row_norm(const struct codec *c, const uint8_t *code)
{
    const struct w4 *w = c->state;
    double sum = 0;

    for (uint32_t k = 0; k < c->dim; k++) {
        double v = (code[k / 2] >> 4 * (k % 2) & 15) - 8;
        double s = (double)code_scale(c, code, k / w->shape.group);

        sum += v * v * s * s;
    }
    return (float)sum;
}

static void pack_row(const struct codec *c, const uint8_t *code, size_t row, uint8_t *panel)
{
    const struct w4 *w = c->state;
    const struct w4_shape *s = &w->shape;
    float norm = row_norm(c, code);

    memcpy(panel + 4 * row, &norm, 4);
    for (uint32_t g = 0; g < s->groups; g++) {
        uint8_t *group = panel + W4_NORM_BYTES + g * w4_group_bytes(s);

        memcpy(group + 2 * row, code + nibble_bytes(c) + 2 * (size_t)g, 2);
        group += W4_SCALE_BYTES + 4 * row;
        for (uint32_t k = 0; k < s->group && g * s->group + k < c->dim; k++) {
            uint32_t at = g * s->group + k;
            uint8_t q = code[at / 2] >> 4 * (at % 2) & 15;
            unsigned shift = k % W4_BLOCK < W4_BLOCK / 2 ? 0 : 4;

            group[k / W4_BLOCK * W4_BLOCK_BYTES + k % (W4_BLOCK / 2)] |= (uint8_t)(q << shift);
        }
    }
}

static void w4_pack(const struct codec *c, const uint8_t *code, size_t stride, size_t n,
                    uint8_t *packed)
{
    const struct w4 *w = c->state;
    size_t bytes = w4_panel_bytes(&w->shape);

    memset(packed, 0, w4_packed_bytes(c, n));
    for (size_t i = 0; i < n; i++)
        pack_row(c, code + i * stride, i % W4_ROWS, packed + i / W4_ROWS * bytes);
}

/* ---- queries ---- */

/* A prepared query: this, then f32 scale[groups], i32 start[groups], and the components of all
 * groups, int8 or f32. */
struct prepared {
    enum vec_metric metric;
    float norm; /* |q|^2 */
};

static size_t query_width(const struct w4 *w)
{
    return (size_t)w->shape.groups * w->shape.blocks * W4_BLOCK;
}

static size_t w4_query_bytes(const struct codec *c)
{
    const struct w4 *w = c->state;

    return sizeof(struct prepared) + (size_t)w->shape.groups * 8 +
           query_width(w) * (w->f32 ? sizeof(float) : 1);
}

static struct w4_query query_of(const struct w4 *w, const void *query)
{
    const char *p = (const char *)query + sizeof(struct prepared);
    size_t groups = w->shape.groups;

    return (struct w4_query){.scale = (const void *)p,
                             .start = (const void *)(p + 4 * groups),
                             .q8 = (const void *)(p + 8 * groups),
                             .q32 = (const void *)(p + 8 * groups)};
}

/* One group to int8; returns its scale. */
static float quantise(const float *q, uint32_t n, int8_t *out, int32_t *start)
{
    float most = 0, s;
    int32_t sum = 0;

    for (uint32_t k = 0; k < n; k++)
        most = fabsf(q[k]) > most ? fabsf(q[k]) : most;
    s = most / Q8_MAX;
    for (uint32_t k = 0; k < n; k++) {
        float v = s > 0 ? round_even(q[k] / s) : 0;

        out[k] = (int8_t)(v > Q8_MAX ? Q8_MAX : v < -Q8_MAX ? -Q8_MAX : v);
        sum += out[k];
    }
    *start = -8 * sum;
    return s;
}

static void w4_query_init(const struct codec *c, enum vec_metric m, const float *q, void *query)
{
    const struct w4 *w = c->state;
    struct prepared *head = query;
    struct w4_query at = query_of(w, query);
    float *scale = (float *)(uintptr_t)at.scale, *q32 = (float *)(uintptr_t)at.q32;
    int32_t *start = (int32_t *)(uintptr_t)at.start;
    int8_t *q8 = (int8_t *)(uintptr_t)at.q8;
    size_t width = (size_t)w->shape.blocks * W4_BLOCK;

    memset(query, 0, w4_query_bytes(c));
    *head = (struct prepared){m, (float)vec_norm2(q, c->dim)};
    for (uint32_t g = 0; g < w->shape.groups; g++) {
        uint32_t from = g * w->shape.group;
        uint32_t len = c->dim - from < w->shape.group ? c->dim - from : w->shape.group;

        if (w->f32)
            memcpy(q32 + g * width, q + from, len * sizeof *q);
        else
            scale[g] = quantise(q + from, len, q8 + g * width, &start[g]);
    }
}

/* Keys of one panel's rows from their products. */
static void panel_keys(const struct prepared *head, const uint8_t *panel, const float *product,
                       size_t n, float *key)
{
    for (size_t i = 0; i < n; i++) {
        float norm;

        memcpy(&norm, panel + 4 * i, 4);
        key[i] = head->metric == VEC_L2 ? head->norm + norm - 2 * product[i] : -product[i];
    }
}

static void w4_scan(const struct codec *c, const void *const *query, size_t nq,
                    const uint8_t *packed, size_t n, float *key, float *low, size_t ld)
{
    const struct w4 *w = c->state;
    size_t bytes = w4_panel_bytes(&w->shape);
    w4_product_fn *product = w->f32 ? w->ops->product_f32 : w->ops->product_i8;
    struct w4_query q[W4_QUERIES];
    float out[W4_QUERIES * W4_ROWS];

    (void)low;
    for (size_t row = 0; row < n; row += W4_ROWS, packed += bytes)
        for (size_t first = 0; first < nq; first += W4_QUERIES) {
            size_t some = nq - first < W4_QUERIES ? nq - first : W4_QUERIES;

            for (size_t j = 0; j < some; j++)
                q[j] = query_of(w, query[first + j]);
            product(&w->shape, packed, q, some, out);
            for (size_t j = 0; j < some; j++)
                panel_keys(query[first + j], packed, out + j * W4_ROWS,
                           n - row < W4_ROWS ? n - row : W4_ROWS, key + (first + j) * ld + row);
        }
}

const struct codec_kind codec_w4g = {
    .name = "w4g",
    .forms = "w4gG, w4gG:f32",
    .what = "4-bit steps, a range a group of G components",
    .sections = "",
    .check = w4_check,
    .train = w4_train,
    .free = free,
    .save = w4_save,
    .load = w4_load,
    .encode = w4_encode,
    .decode = w4_decode,
    .query_bytes = w4_query_bytes,
    .query_init = w4_query_init,
    .packed_bytes = w4_packed_bytes,
    .pack = w4_pack,
    .scan = w4_scan,
};
