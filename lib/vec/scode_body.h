/* scode_body.h - what every level of scode.h shares: compiled once a level, so that the compiler
 * makes vectors of that level of these loops. Before it stand the level's own
 *
 *   dots4(s, p, nb, plane, np, sum)   sum[j][r] = the products of the 4-bit cells of vector r of
 *                                     the nb blocks at p with plane j of 8-bit weights
 *   dots8(s, p, nb, plane, nq, sum)   the same of 8-bit cells with 16-bit weights; plane[j] is the
 *                                     first of the four
 *
 * nb <= SCODE_BLOCKS; nq and np <= TILE_QUERIES * 2. No loop below changes the order of a float
 * sum, so all levels give the same bits.
 */
#include <math.h>
#include <string.h>

/* A block's bf16, the upper halves of f32. */
static inline void load_bf16(const uint8_t *p, float *out)
{
    uint16_t half[SCODE_ROWS];
    uint32_t bits[SCODE_ROWS];

    memcpy(half, p, sizeof half);
    for (size_t r = 0; r < SCODE_ROWS; r++)
        bits[r] = (uint32_t)half[r] << 16;
    memcpy(out, bits, sizeof bits);
}

/* The constants of a tile's vectors. */
struct tile {
    float norm[SCODE_TILE], low[SCODE_TILE], step[SCODE_TILE];
};

static void load_tile(const struct scode_shape *s, const uint8_t *p, size_t nb, struct tile *t)
{
    for (size_t b = 0; b < nb; b++, p += s->block) {
        memcpy(t->norm + b * SCODE_ROWS, p, SCODE_ROWS * sizeof *t->norm);
        if (s->ranged) {
            load_bf16(p + 64, t->low + b * SCODE_ROWS);
            load_bf16(p + 96, t->step + b * SCODE_ROWS);
        }
    }
}

/* first + second / 255 of a tile, as f32. */
static void join(const struct scode_shape *s, const struct scode_query *q,
                 int32_t (*four)[SCODE_TILE], const int32_t *eight, float *out)
{
    const uint32_t middle4 = (uint32_t)q->middle4, middle8 = (uint32_t)q->middle8;

    for (size_t r = 0; s->four && !s->eight && r < SCODE_TILE; r++)
        out[r] = (float)(int32_t)((uint32_t)four[0][r] - middle4);
    for (size_t r = 0; !s->four && r < SCODE_TILE; r++)
        out[r] = (float)(int32_t)((uint32_t)eight[r] - middle8);
    for (size_t r = 0; s->four && s->eight && r < SCODE_TILE; r++) {
        uint32_t sum = 256 * (uint32_t)four[0][r] + (uint32_t)four[1][r] - middle4;
        float second = (float)(int32_t)((uint32_t)eight[r] - middle8);

        out[r] = (float)(int32_t)sum + second * (1.0f / 255);
    }
}

static void keys(const struct scode_shape *s, const struct scode_query *q, const struct tile *t,
                 const float *sum, float *restrict key)
{
    const float base = q->base, u = q->u, v = q->v, w = q->w;

    if (q->l2)
        for (size_t r = 0; r < SCODE_TILE; r++)
            key[r] = base + t->norm[r];
    else
        for (size_t r = 0; r < SCODE_TILE; r++)
            key[r] = base;
    if (s->ranged)
        for (size_t r = 0; r < SCODE_TILE; r++)
            key[r] = key[r] + u * t->low[r] + t->step[r] * (v + w * sum[r]);
    else
        for (size_t r = 0; r < SCODE_TILE; r++)
            key[r] = key[r] + w * sum[r];
    if (q->l2)
        for (size_t r = 0; r < SCODE_TILE; r++)
            key[r] = key[r] > 0 ? key[r] : 0;
}

static void lows(const struct scode_query *q, const struct tile *t, const float *key,
                 float *restrict low)
{
    for (size_t r = 0; r < SCODE_TILE; r++)
        low[r] = key[r] - (q->a0 + q->a1 * fabsf(t->low[r]) + q->a2 * t->step[r]);
    for (size_t r = 0; q->l2 && r < SCODE_TILE; r++) {
        float at = low[r] - q->a3 * t->norm[r];
        float past = sqrtf(at > 0 ? at : 0) - (q->r1 * fabsf(t->low[r]) + q->r2 * t->step[r]);

        low[r] = past > 0 ? past * past * (1 - 0x1p-20f) : 0;
    }
}

/* One tile and up to TILE_QUERIES queries. */
static void scan_tile(const struct scode_shape *s, const struct scode_query *const *q, size_t nq,
                      const uint8_t *p, size_t nb, const struct tile *t, size_t rows, float *key,
                      float *low, size_t ld)
{
    _Alignas(64) int32_t four[2 * TILE_QUERIES][SCODE_TILE], eight[TILE_QUERIES][SCODE_TILE];
    _Alignas(64) float sum[SCODE_TILE], out[SCODE_TILE], bound[SCODE_TILE];
    const int8_t *plane4[2 * TILE_QUERIES], *plane8[TILE_QUERIES];
    size_t each = s->four ? 1 + s->eight : 0;

    for (size_t j = 0; j < nq; j++) {
        for (size_t i = 0; i < each; i++)
            plane4[j * each + i] = q[j]->plane + i * s->plane;
        plane8[j] = q[j]->plane + each * s->plane;
    }
    if (s->four)
        dots4(s, p + s->at4, nb, plane4, nq * each, four);
    if (s->eight)
        dots8(s, p + s->at8, nb, plane8, nq, eight);
    for (size_t j = 0; j < nq; j++) {
        float *to = key + j * ld, *to_low = low ? low + j * ld : NULL;
        bool full = rows == SCODE_TILE; /* as nearly all are: written where they belong */

        join(s, q[j], four + j * each, eight[j], sum);
        keys(s, q[j], t, sum, full ? to : out);
        if (low)
            lows(q[j], t, full ? to : out, full ? to_low : bound);
        if (!full)
            memcpy(to, out, rows * sizeof *to);
        if (!full && low)
            memcpy(to_low, bound, rows * sizeof *to_low);
    }
}

static void scan(const struct scode_shape *s, const void *const *query, size_t nq,
                 const uint8_t *packed, size_t n, float *key, float *low, size_t ld)
{
    struct tile t = {{0}, {0}, {0}};

    for (size_t i = 0; i < n; i += SCODE_TILE) {
        size_t rows = n - i < SCODE_TILE ? n - i : SCODE_TILE;
        size_t nb = (rows + SCODE_ROWS - 1) / SCODE_ROWS;
        const uint8_t *p = packed + i / SCODE_ROWS * s->block;

        load_tile(s, p, nb, &t);
        for (size_t j = 0; j < nq; j += TILE_QUERIES) {
            const struct scode_query *q[TILE_QUERIES];
            size_t m = nq - j < TILE_QUERIES ? nq - j : TILE_QUERIES;

            for (size_t k = 0; k < m; k++)
                q[k] = query[j + k];
            scan_tile(s, q, m, p, nb, &t, rows, key + j * ld + i, low ? low + j * ld + i : NULL,
                      ld);
        }
    }
}

/* ---- encoding ---- */

enum { LANES = 16 };

static void centre(const float *x, const float *mean, uint32_t dim, float *y, float *low,
                   float *high)
{
    float lo[LANES], hi[LANES];
    uint32_t k = 0;

    for (size_t r = 0; r < LANES; r++)
        lo[r] = hi[r] = x[0] - mean[0];
    for (; k + LANES <= dim; k += LANES)
        for (size_t r = 0; r < LANES; r++) {
            float v = x[k + r] - mean[k + r];

            y[k + r] = v;
            lo[r] = v < lo[r] ? v : lo[r];
            hi[r] = v > hi[r] ? v : hi[r];
        }
    for (; k < dim; k++) {
        float v = y[k] = x[k] - mean[k];

        lo[0] = v < lo[0] ? v : lo[0];
        hi[0] = v > hi[0] ? v : hi[0];
    }
    for (size_t r = 1; r < LANES; r++) {
        lo[0] = lo[r] < lo[0] ? lo[r] : lo[0];
        hi[0] = hi[r] > hi[0] ? hi[r] : hi[0];
    }
    *low = lo[0];
    *high = hi[0];
}

/* v in 0..255 to the nearest integer, ties to even: what is added leaves it in the low bits. */
static inline uint8_t round_cell(float v)
{
    uint32_t bits;

    v += 0x1.8p23f;
    memcpy(&bits, &v, sizeof bits);
    return (uint8_t)bits;
}

static inline float clamp(float v, float most)
{
    v = v > 0 ? v : 0;
    return v < most ? v : most;
}

static void quantize(const float *y, uint32_t dim, float low, float step, float most,
                     uint8_t *restrict cell)
{
    for (uint32_t k = 0; k < dim; k++)
        cell[k] = round_cell(clamp((y[k] - low) / step, most));
}

static void quantize_each(const float *x, const float *low, const float *step, uint32_t dim,
                          float most, uint8_t *restrict cell)
{
    for (uint32_t k = 0; k < dim; k++)
        cell[k] = round_cell(clamp((x[k] - low[k]) / step[k], most));
}

static void refine(const float *y, const uint8_t *cell, uint32_t dim, float low, float step,
                   uint8_t *restrict second)
{
    for (uint32_t k = 0; k < dim; k++) {
        float rest = y[k] - (low + step * (float)cell[k]);

        second[k] = round_cell(clamp(rest / step * 255 + 127.5f, 255));
    }
}

static void halve(const uint8_t *cell, uint32_t dim, uint8_t *restrict out)
{
    for (uint32_t k = 0; k < dim / 2; k++)
        out[k] = (uint8_t)(cell[2 * k] | cell[2 * k + 1] << 4);
    if (dim % 2)
        out[dim / 2] = cell[dim - 1];
}
