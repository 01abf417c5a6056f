/* codec_rabitq.c - rabitqB: B bits (1 to 8) a dimension of a randomly turned residual, with an
 * unbiased estimator of products and a bound of its error (Gao & Long, SIGMOD 2024; Gao et al.,
 * SIGMOD 2025).
 *
 * r = R (x - mean), R a random rotation (rabitq_body.h), r's code is the point c of the grid
 * {-(2^B - 1)/2, ..., (2^B - 1)/2}^d that has the largest cosine f with r: the best of the points
 * nearest to t r over all scales t. With F = |r|^2 / <c, r>,
 *     <x - mean, q>  ~  F <c, R q>
 * without bias, as what c has across r points anywhere: the error is F <c', q'>, c' and q' the
 * parts of c and R q across r, F |c'| = |r| sqrt(1 - f^2) / f =: E. It is at most E |q|, and at
 * most EPSILON / sqrt(d - 1) of that but for a pair in thousands. So the keys are
 *     l2   |r|^2 + |q - mean|^2 - 2 F <c, R (q - mean)>
 *     ip   -<mean, q> - F <c, R q>
 * and `low` is the key less that bound: probabilistic, below the true key for >= 99.9 % of pairs
 * (small d: all). It counts the query's rounding as well, whose direction is as random.
 *
 * The paper rounds queries to 4 bits at random and multiplies bit planes. Here a query is one row
 * of signed bytes (B <= 6) or two (the second holds what the first has lost), and the products of
 * cells and rows are integer dot products, VPDPBUSD where there is one: exact, so that keys are the
 * same bits on all levels. 16 codes lie side by side in a packed list, which costs no padding.
 *
 * Decoding gives mean + R^T (<c, r> / |c|^2) c, the nearest point to x on that ray.
 *
 * Cost     encoding O(d log d) and 82 passes over d for the scale; a query O(d log d); a scan B d
 *          / 8 bytes and d byte products a code. d <= 32768, so that sums fit into 32 bits.
 *
 * A code:
 *   0  4  f32 |r|^2         4  4  f32 F, 0 when r is 0
 *   8     d cells of B bits, dimension after dimension (bitpack.h): c = cell - (2^B - 1)/2
 * Sections:
 *   MEA  d f32: the mean
 *   SGN  4 rounds of d signs, a bit each, the lowest first, the last byte filled with zeros: 1 is
 *        minus
 * A packed block of 16 codes:
 *   0 64  |r|^2 of each     64 64  F        128 64  E
 *   192   planes of cells: of the highest 4 bits, the next 2, the last 1, as B is a sum of those
 *         (8: of 8 bits); a unit is 4 dimensions of 16 codes in 64 bytes of cells; w-bit planes
 *         hold 8/w units in 64 bytes, the first in the lowest bits
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "vec/bitpack.h"
#include "vec/codec_kind.h"
#include "vec/linalg.h"
#include "vec/rabitq.h"

enum {
    FACTOR_BYTES = 8,
    BLOCK_FACTORS = 3 * RABITQ_LANES * 4,
    DIM_MAX = 32768,
    TWO_ROWS_FROM = 7, /* bits from which one row of a query would be the larger error */
    PLANES_MAX = 2,
    AHEAD = 4, /* blocks between the one that is scanned and the one that is fetched */
    SUMS = 8,  /* partial sums of a sum in double, in a fixed order */
};

/* 99.9 % of a normal variable lie within 3.3 sigma. */
static const double epsilon = 3.3;
/* Of what is summed in a key, for rounding. */
static const float slack = 0x1p-20f;

struct rabitq {
    unsigned bits;
    uint32_t units; /* of 4 dimensions */
    size_t block_bytes;
    const struct rabitq_ops *ops;
    float *mean, *sign;
};

static int check(const struct codec_spec *s, uint32_t dim, struct err *e)
{
    if (s->a < 1 || s->a > 8 || s->has_b || s->word[0] || s->inner[0])
        return err_set(e, ERR_USAGE, "%s: there are rabitq1 to rabitq8", s->text);
    if (dim > DIM_MAX)
        return err_set(e, ERR_USAGE, "%s: %u dimensions are more than %d", s->text, dim, DIM_MAX);
    return 0;
}

static void rabitq_free(void *state)
{
    struct rabitq *r = state;

    if (r) {
        free(r->mean);
        free(r->sign);
    }
    free(r);
}

static struct rabitq *rabitq_new(struct codec *c, struct err *e)
{
    struct rabitq *r = c->state = mem_zero(1, sizeof *r, e);

    if (!r)
        return NULL;
    r->bits = c->spec.a;
    r->units = (c->dim + 3) / 4;
    r->block_bytes = BLOCK_FACTORS + rabitq_plane_bytes(r->bits, r->units);
    r->ops = CPU_CHOICE(rabitq, c->cpu);
    c->code_bytes = FACTOR_BYTES + (c->dim * r->bits + 7) / 8;
    r->sign = codec_array((size_t)RABITQ_ROUNDS * c->dim, sizeof *r->sign, e);
    return r->sign ? r : NULL;
}

static int train(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct rabitq *r = rabitq_new(c, e);
    double *mean = mem_array(c->dim, sizeof *mean, e);
    uint64_t seed = t->seed;
    int rc = r && mean && (r->mean = codec_array(c->dim, sizeof *r->mean, e)) ? 0 : e->code;

    if (rc == 0)
        rc = la_mean(t->x, t->n, c->dim, mean, e);
    for (uint32_t i = 0; rc == 0 && i < c->dim; i++)
        r->mean[i] = (float)mean[i];
    for (size_t i = 0; rc == 0 && i < (size_t)RABITQ_ROUNDS * c->dim; i++)
        r->sign[i] = rand_u64(&seed) >> 63 ? -1 : 1;
    free(mean);
    return rc;
}

static size_t sign_bytes(const struct codec *c)
{
    return ((size_t)RABITQ_ROUNDS * c->dim + 7) / 8;
}

static int save(const struct codec *c, int level, struct sect_writer *w, struct err *e)
{
    const struct rabitq *r = c->state;
    uint8_t *sign = mem_zero(sign_bytes(c), 1, e);
    int rc = sign ? codec_put(w, "MEA", level, r->mean, c->dim, sizeof *r->mean, e) : e->code;

    for (size_t i = 0; rc == 0 && i < (size_t)RABITQ_ROUNDS * c->dim; i++)
        sign[i / 8] |= (uint8_t)((r->sign[i] < 0) << i % 8);
    if (rc == 0)
        rc = codec_put(w, "SGN", level, sign, sign_bytes(c), 1, e);
    free(sign);
    return rc;
}

static int load(struct codec *c, int level, const struct sect_file *f, struct err *e)
{
    struct rabitq *r = rabitq_new(c, e);
    uint8_t *sign;

    if (!r || !(r->mean = codec_take(f, "MEA", level, c->dim, sizeof *r->mean, e)) ||
        codec_finite(f, "MEA", level, r->mean, c->dim, e) < 0)
        return e->code;
    sign = codec_take(f, "SGN", level, sign_bytes(c), 1, e);
    if (!sign)
        return e->code;
    for (size_t i = 0; i < (size_t)RABITQ_ROUNDS * c->dim; i++)
        r->sign[i] = sign[i / 8] >> i % 8 & 1 ? -1 : 1;
    free(sign);
    return 0;
}

/* ---- encoding ---- */

/* <a, b> in double, in a fixed order that a vector unit can keep. */
static double product(const float *a, const float *b, uint32_t n)
{
    double part[SUMS] = {0}, sum = 0;
    uint32_t i = 0;

    for (; i + SUMS <= n; i += SUMS)
        for (uint32_t j = 0; j < SUMS; j++)
            part[j] += (double)a[i + j] * (double)b[i + j];
    for (; i < n; i++)
        part[0] += (double)a[i] * (double)b[i];
    for (uint32_t j = 0; j < SUMS; j++)
        sum += part[j];
    return sum;
}

/* One vector at work. */
struct scratch {
    float *r, *tmp;        /* [dim] */
    int16_t *size, *level; /* [dim]: magnitudes, cells of magnitudes */
    void *all;
};

static int scratch_init(struct scratch *s, uint32_t dim, struct err *e)
{
    s->r = s->all = mem_array(dim, 2 * sizeof *s->r + 2 * sizeof *s->size, e);
    if (!s->all)
        return ERR_MEM;
    s->tmp = s->r + dim;
    s->size = (int16_t *)(void *)(s->tmp + dim);
    s->level = s->size + dim;
    return 0;
}

static float largest(const float *x, uint32_t n)
{
    float most = 0;

    for (uint32_t i = 0; i < n; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    return most;
}

/* The cells of s->r; tmp becomes the grid's point. */
static void quantize(const struct rabitq *q, uint32_t dim, const struct scratch *s, uint8_t *code)
{
    float most = largest(s->r, dim);
    double to15 = most > 0 ? 32767 / (double)most : 0;
    struct bit_writer w = {.p = code};
    int half = 1 << (q->bits - 1);

    for (uint32_t i = 0; i < dim; i++)
        s->size[i] = (int16_t)(fabs((double)s->r[i]) * to15 + 0.5);
    q->ops->levels(s->size, dim, q->bits, q->ops->best_scale(s->size, dim, q->bits), s->level);
    for (uint32_t i = 0; i < dim; i++) {
        int cell = s->r[i] < 0 ? half - 1 - s->level[i] : half + s->level[i];

        s->tmp[i] = (float)(2 * cell + 1 - 2 * half) / 2;
        bit_put(&w, q->bits, (unsigned)cell);
    }
    bit_end(&w);
}

static int encode_one(const struct codec *c, const float *x, const struct scratch *s, uint8_t *code,
                      struct err *e)
{
    const struct rabitq *q = c->state;
    const struct rabitq_turn turn = {c->dim, q->sign};
    float factor[2];
    double norm, cr;

    for (uint32_t i = 0; i < c->dim; i++)
        s->r[i] = x[i] - q->mean[i];
    norm = product(s->r, s->r, c->dim);
    if (!(norm <= (double)FLT_MAX / 4))
        return err_set(e, ERR_INPUT,
                       "%s: a vector is too far from the mean, %g: squares do not fit into 32 bits",
                       c->spec.text, sqrt(norm));
    q->ops->turn(&turn, s->r, s->tmp);
    quantize(q, c->dim, s, code + FACTOR_BYTES);
    cr = product(s->tmp, s->r, c->dim);
    factor[0] = (float)norm;
    factor[1] = cr > 0 ? (float)(norm / cr) : 0;
    memcpy(code, factor, FACTOR_BYTES);
    return 0;
}

static int encode(const struct codec *c, const float *x, size_t n, uint8_t *code, struct err *e)
{
    struct scratch s;
    int rc = scratch_init(&s, c->dim, e);

    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = encode_one(c, x + i * c->dim, &s, code + i * c->code_bytes, e);
    free(s.all);
    return rc;
}

/* A code's cells as points of the grid, twice: odd integers. Returns their squared length. */
static int64_t points_of(const struct rabitq *q, uint32_t dim, const uint8_t *code, int16_t *twice)
{
    struct bit_reader r = {.p = code + FACTOR_BYTES};
    int64_t norm = 0;

    for (uint32_t i = 0; i < dim; i++) {
        twice[i] = (int16_t)(2 * (int)bit_get(&r, q->bits) + 1 - (1 << q->bits));
        norm += (int64_t)twice[i] * twice[i];
    }
    return norm;
}

static int decode(const struct codec *c, const uint8_t *code, size_t n, float *x, struct err *e)
{
    const struct rabitq *q = c->state;
    const struct rabitq_turn turn = {c->dim, q->sign};
    struct scratch s;
    int rc = scratch_init(&s, c->dim, e);

    for (size_t i = 0; rc == 0 && i < n; i++, code += c->code_bytes, x += c->dim) {
        int64_t norm = points_of(q, c->dim, code, s.size);
        float factor[2], scale;

        memcpy(factor, code, FACTOR_BYTES);
        if (!(factor[0] >= 0 && factor[0] <= FLT_MAX && factor[1] >= 0 && factor[1] <= FLT_MAX)) {
            rc = err_set(e, ERR_INPUT, "a code is not one of %s", c->spec.text);
            continue;
        }
        /* <c, r> / |c|^2, of twice the point. */
        scale = factor[1] > 0 ? (float)(2 * (double)factor[0] / ((double)factor[1] * (double)norm))
                              : 0;
        for (uint32_t j = 0; j < c->dim; j++)
            s.r[j] = scale * (float)s.size[j];
        q->ops->turn_back(&turn, s.r, s.tmp);
        for (uint32_t j = 0; j < c->dim; j++)
            x[j] = q->mean[j] + s.r[j];
    }
    free(s.all);
    return rc;
}

/* ---- queries ---- */

/* Then rows of units * 4 signed bytes, and two vectors of f32 to work in. */
struct query {
    float norm_weight; /* of |r|^2 in a key */
    float base;
    float weight[PLANES_MAX]; /* of 2 <cells, row> - (2^B - 1) sum(row) */
    int32_t sum[PLANES_MAX];  /* (2^B - 1) sum(row) */
    float error, rounding;    /* what E, and F |c|, count in the bound */
    float size;               /* of the constant parts, for rounding */
};

enum { QUERY_HEAD = 64 };
_Static_assert(sizeof(struct query) <= QUERY_HEAD, "a query's head is 64 bytes");

static unsigned rows_of(const struct rabitq *q)
{
    return q->bits >= TWO_ROWS_FROM ? 2 : 1;
}

static size_t row_bytes(const struct rabitq *q)
{
    return ((size_t)q->units * 4 + 63) / 64 * 64;
}

static size_t query_bytes(const struct codec *c)
{
    const struct rabitq *q = c->state;

    return QUERY_HEAD + rows_of(q) * row_bytes(q) + 2 * sizeof(float) * (size_t)c->dim;
}

static int8_t *query_row(const struct rabitq *q, void *query, unsigned k)
{
    return (int8_t *)query + QUERY_HEAD + k * row_bytes(q);
}

/* One row: y to the nearest of 2 most + 1 steps; y becomes what is lost. Returns the step. */
static float round_row(float *y, uint32_t dim, int most, int8_t *row, int32_t *sum)
{
    float step = largest(y, dim) / (float)most, inverse = step > 0 ? 1 / step : 0;

    *sum = 0;
    if (!isfinite(inverse)) /* a query of next to nothing */
        inverse = step = 0;
    for (uint32_t i = 0; i < dim; i++) {
        int v = (int)lrintf(y[i] * inverse);

        v = v > most ? most : v < -most ? -most : v;
        row[i] = (int8_t)v;
        *sum += v;
        y[i] -= step * (float)v;
    }
    return step;
}

static void query_init(const struct codec *c, enum vec_metric m, const float *x, void *query)
{
    const struct rabitq *q = c->state;
    const struct rabitq_turn turn = {c->dim, q->sign};
    struct query *p = query;
    float *y = (float *)(void *)query_row(q, query, rows_of(q)), *tmp = y + c->dim;
    /* VPMADDUBSW adds two products within 16 bits. */
    int most = q->bits == 8 ? 63 : 127, levels = (1 << q->bits) - 1;
    float double_l2 = m == VEC_L2 ? 2 : 1;
    double norm, part = c->dim > 1 ? fmin(1, epsilon / sqrt(c->dim - 1.0)) : 1;

    memset(query, 0, QUERY_HEAD + rows_of(q) * row_bytes(q));
    for (uint32_t i = 0; i < c->dim; i++)
        y[i] = x[i] - (m == VEC_L2 ? q->mean[i] : 0);
    norm = product(y, y, c->dim);
    p->norm_weight = m == VEC_L2;
    p->base = m == VEC_L2 ? (float)norm : (float)-product(x, q->mean, c->dim);
    p->size = m == VEC_L2 ? (float)norm : (float)sqrt(norm * product(q->mean, q->mean, c->dim));
    q->ops->turn(&turn, y, tmp);
    for (unsigned k = 0; k < rows_of(q); k++) {
        p->weight[k] = double_l2 / 2 *
                       round_row(y, c->dim, most, query_row(q, query, k), p->sum + k);
        p->sum[k] *= levels;
    }
    p->error = (float)(part * double_l2 * sqrt(norm));
    p->rounding = (float)(part * double_l2 * sqrt(product(y, y, c->dim)));
}

/* ---- lists ---- */

static size_t packed_bytes(const struct codec *c, size_t n)
{
    const struct rabitq *q = c->state;

    return (n + RABITQ_LANES - 1) / RABITQ_LANES * q->block_bytes;
}

/* Puts one code into lane `lane` of a zeroed block; returns |c|^2. */
static double pack_cells(const struct rabitq *q, uint32_t dim, const uint8_t *code, size_t lane,
                         uint8_t *planes)
{
    struct bit_reader r = {.p = code + FACTOR_BYTES};
    int64_t norm = 0;

    for (uint32_t i = 0; i < dim; i++) {
        unsigned cell = bit_get(&r, q->bits), left = q->bits;
        int64_t twice = 2 * (int64_t)cell + 1 - (1 << q->bits);
        uint8_t *p = planes + 4 * lane + i % 4;

        norm += twice * twice;
        for (unsigned width = q->bits == 8 ? 8 : 4; width > 0; width /= 2)
            if (q->bits & width) {
                unsigned per = 8 / width;
                uint32_t u = i / 4;

                left -= width;
                p[(size_t)(u / per) * RABITQ_UNIT] |= (uint8_t)((cell >> left & ((1u << width) - 1))
                                                                << width * (u % per));
                p += (size_t)((q->units + per - 1) / per) * RABITQ_UNIT;
            }
    }
    return (double)norm / 4;
}

static void pack(const struct codec *c, const uint8_t *code, size_t stride, size_t n,
                 uint8_t *packed)
{
    const struct rabitq *q = c->state;

    memset(packed, 0, packed_bytes(c, n));
    for (size_t i = 0; i < n; i++, code += stride) {
        uint8_t *block = packed + i / RABITQ_LANES * q->block_bytes;
        float *factor = (float *)(void *)block + i % RABITQ_LANES, f[2];
        double norm = pack_cells(q, c->dim, code, i % RABITQ_LANES, block + BLOCK_FACTORS);
        double error;

        memcpy(f, code, FACTOR_BYTES);
        error = (double)f[1] * (double)f[1] * norm - (double)f[0];
        factor[0] = f[0];
        factor[RABITQ_LANES] = f[1];
        /* The difference of two numbers that are rounded to f32. */
        factor[2 * RABITQ_LANES] = (float)sqrt(fmax(0, error + 0x1p-22 * (double)f[0]));
    }
}

/* ---- scanning ---- */

/* Keys, and lower bounds, of a block from the sums of a query's rows. */
static void finish(const struct query *p, unsigned rows, const float *factor, const int32_t *sums,
                   size_t n, float *key, float *low)
{
    float k[RABITQ_LANES], l[RABITQ_LANES];

    for (size_t i = 0; i < RABITQ_LANES; i++) {
        float norm = factor[i] * p->norm_weight, f = factor[RABITQ_LANES + i];
        float dot = p->weight[0] * (float)(2 * sums[i] - p->sum[0]);

        if (rows == 2)
            dot += p->weight[1] * (float)(2 * sums[RABITQ_LANES + i] - p->sum[1]);
        k[i] = norm + p->base - f * dot;
        l[i] = k[i] - slack * (norm + p->size + fabsf(f * dot));
    }
    memcpy(key, k, n * sizeof *k);
    if (!low)
        return;
    for (size_t i = 0; i < RABITQ_LANES; i++) {
        float e = factor[2 * RABITQ_LANES + i], point = sqrtf(e * e + factor[i]);

        l[i] -= e * p->error + point * p->rounding;
        if (p->norm_weight > 0 && l[i] < 0)
            l[i] = 0;
    }
    memcpy(low, l, n * sizeof *l);
}

/* One block and some queries, as many as one call of the kernel takes. */
static void scan_block(const struct rabitq *q, const void *const *query, size_t nq,
                       const uint8_t *block, size_t n, float *key, float *low, size_t ld)
{
    const int8_t *row[RABITQ_TILE];
    int32_t sums[RABITQ_TILE * RABITQ_LANES];
    unsigned rows = rows_of(q);

    for (size_t k = 0; k < nq * rows; k++)
        row[k] = (const int8_t *)query[k / rows] + QUERY_HEAD + k % rows * row_bytes(q);
    q->ops->dots(q->bits, q->units, block + BLOCK_FACTORS, row, nq * rows, sums);
    for (size_t k = 0; k < nq; k++)
        finish(query[k], rows, (const float *)(const void *)block, sums + k * rows * RABITQ_LANES,
               n, key + k * ld, low ? low + k * ld : NULL);
}

/* Planes are read side by side, which the processor does not take for a stream. */
static void fetch(const uint8_t *block, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(block + i);
}

static void scan(const struct codec *c, const void *const *query, size_t nq, const uint8_t *packed,
                 size_t n, float *key, float *low, size_t ld)
{
    const struct rabitq *q = c->state;
    size_t tile = RABITQ_TILE / rows_of(q);

    for (size_t from = 0; from < n; from += RABITQ_LANES, packed += q->block_bytes) {
        size_t some = n - from < RABITQ_LANES ? n - from : RABITQ_LANES;

        if (from + AHEAD * RABITQ_LANES < n)
            fetch(packed + AHEAD * q->block_bytes, q->block_bytes);
        for (size_t k = 0; k < nq; k += tile)
            scan_block(q, query + k, nq - k < tile ? nq - k : tile, packed, some,
                       key + k * ld + from, low ? low + k * ld + from : NULL, ld);
    }
}

const struct codec_kind codec_rabitq = {
    .name = "rabitq",
    .forms = "rabitq1 to rabitq8",
    .what = "1 to 8 bits a dimension after a random rotation, unbiased, with error bounds",
    .sections = "MEASGN",
    .check = check,
    .train = train,
    .free = rabitq_free,
    .save = save,
    .load = load,
    .encode = encode,
    .decode = decode,
    .query_bytes = query_bytes,
    .query_init = query_init,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .scan = scan,
    .bounds = true,
};
