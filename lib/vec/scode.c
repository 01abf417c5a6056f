/* scode.c - see scode.h: the shape of codes and blocks, weights made integers, packing. */
#include "vec/scode.h"

#include <math.h>
#include <string.h>

const struct scode_ops *scode_ops_for(enum cpu_level level)
{
    return CPU_CHOICE(scode, level);
}

struct scode_shape scode_shape(uint32_t dim, bool four, bool eight, bool ranged)
{
    struct scode_shape s = {.dim = dim, .four = four, .eight = eight, .ranged = ranged};
    size_t group = (size_t)4 * SCODE_ROWS;

    s.groups4 = four ? (dim + 7) / 8 : 0;
    s.groups8 = eight ? (dim + 3) / 4 : 0;
    s.code = (ranged ? SCODE_RANGE : 0) + (four ? (dim + 1) / 2 : 0) + (eight ? dim : 0);
    s.at4 = ranged ? 128 : 64;
    s.at8 = s.at4 + s.groups4 * group;
    s.block = s.at8 + s.groups8 * group;
    s.plane = ((size_t)dim + 63) / 64 * 64;
    s.weights = s.plane * ((four ? 1 + eight : 0) + (eight ? 4 : 0));
    return s;
}

/* ---- weights ---- */

/* Integers are within +-most and their sizes sum to at most `sum` whatever the rounding does. */
static double unit_of(const double *w, uint32_t dim, double most, double sum)
{
    double largest = 0, total = 0, unit;

    for (uint32_t k = 0; k < dim; k++) {
        largest = fmax(largest, fabs(w[k]));
        total += fabs(w[k]);
    }
    if (!isfinite(total))
        return total;
    unit = fmax(largest / most, total / (sum - 0.5 * dim - 1));
    return unit * (1 + 0x1p-40); /* the division below must not round past `most` */
}

/* The place of component k among those of its group of 8, 4-bit; of 4, as i16. */
static size_t place4(uint32_t k)
{
    return (size_t)(k / 8 * 8) + k % 8 / 2 + (k % 2 ? 4 : 0);
}

static size_t place16(uint32_t k)
{
    static const uint8_t at[] = {0, 2, 1, 3};

    return (size_t)(k / 4 * 4) + at[k % 4];
}

static void put_weight(const struct scode_shape *s, int8_t *plane, uint32_t k, int32_t v)
{
    int32_t high = (v + 128) >> 8, low = v - 256 * high;
    int16_t both = (int16_t)v;

    if (!s->eight) {
        plane[place4(k)] = (int8_t)v;
        return;
    }
    if (s->four) {
        plane[place4(k)] = (int8_t)high;
        plane[s->plane + place4(k)] = (int8_t)low;
        plane += 2 * s->plane;
    }
    plane[k] = (int8_t)high;
    plane[s->plane + k] = (int8_t)low;
    memcpy(plane + 2 * s->plane + 2 * place16(k), &both, sizeof both);
}

static int32_t middle(int64_t sum, double of, double *rest)
{
    double exact = (double)sum * of, down = floor(exact);

    *rest = exact - down;
    return (int32_t)down;
}

struct scode_weights scode_weights(const struct scode_shape *s, const double *w,
                                   struct scode_query *q)
{
    /* high * 256 + low with both in 8 bits; the largest cell times all weights in 31 bits */
    double most = s->eight ? 127 * 256 + 127 : 127, sum = 0x7fffffff / (s->eight ? 255 : 15);
    struct scode_weights out = {.unit = unit_of(w, s->dim, most, sum)};
    int64_t total = 0;

    if (!isfinite(out.unit)) /* of a damaged codec: no integers are near, and nothing is known */
        out = (struct scode_weights){.lost = INFINITY};
    q->plane = (int8_t *)q + SCODE_QUERY_BYTES;
    memset(q->plane, 0, s->weights);
    for (uint32_t k = 0; k < s->dim && out.unit > 0; k++) {
        double v = nearbyint(w[k] / out.unit);

        put_weight(s, q->plane, k, (int32_t)v);
        total += (int64_t)v;
        out.lost += fabs(w[k] - out.unit * v);
    }
    q->middle4 = middle(total, 7.5, &out.rest4);
    q->middle8 = middle(total, 127.5, &out.rest8);
    return out;
}

/* ---- cells and blocks ---- */

void scode_cells(const struct scode_shape *s, const uint8_t *cells, uint32_t from, uint32_t m,
                 uint16_t *out)
{
    const uint8_t *eight = cells + (s->four ? (s->dim + 1) / 2 : 0) + from;

    if (!s->four) {
        for (uint32_t k = 0; k < m; k++)
            out[k] = eight[k];
        return;
    }
    cells += from / 2;
    for (uint32_t k = 0; k + 1 < m; k += 2) {
        out[k] = cells[k / 2] & 15;
        out[k + 1] = cells[k / 2] >> 4;
    }
    if (m % 2)
        out[m - 1] = cells[m / 2] & 15;
    for (uint32_t k = 0; s->eight && k < m; k++)
        out[k] = (uint16_t)(255 * out[k] + eight[k]);
}

float *scode_norm(uint8_t *packed, size_t block, size_t i)
{
    return (float *)(void *)(packed + i / SCODE_ROWS * block) + i % SCODE_ROWS;
}

/* One vector's `bytes` of cells, 4 to each group. */
static void spread(const uint8_t *cell, size_t bytes, uint8_t *to)
{
    size_t k = 0;

    for (; k + 4 <= bytes; k += 4, to += 4 * SCODE_ROWS)
        memcpy(to, cell + k, 4);
    memcpy(to, cell + k, bytes - k);
}

void scode_pack(const struct scode_shape *s, const uint8_t *code, size_t stride, size_t n,
                uint8_t *packed)
{
    memset(packed, 0, scode_packed_bytes(s, n));
    for (size_t i = 0; i < n; i++, code += stride) {
        uint8_t *p = packed + i / SCODE_ROWS * s->block;
        size_t r = i % SCODE_ROWS;
        const uint8_t *cell = code;

        if (s->ranged) {
            memcpy(p + 64 + 2 * r, code, 2);
            memcpy(p + 96 + 2 * r, code + 2, 2);
            cell += SCODE_RANGE;
        }
        if (s->four) {
            spread(cell, (s->dim + 1) / 2, p + s->at4 + 4 * r);
            cell += (s->dim + 1) / 2;
        }
        if (s->eight)
            spread(cell, s->dim, p + s->at8 + 4 * r);
    }
}
