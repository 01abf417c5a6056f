/* rabitq_body.h - the kernels of rabitq that are plain loops, compiled once a CPU level: rotation
 * and the search for the scale.
 *
 * Rotation: rounds of random signs and a fast Walsh-Hadamard transform. Of a dimension that is no
 * power of two, even rounds transform the first 2^k components and odd ones the last 2^k, 2^k the
 * largest power that fits, and each ends with a turn by 45 degrees of pairs (i, i + half), after
 * RaBitQ-Library's "FHT-Kac". O(d log d), and codes need no padding. Each component's sums have one
 * order, so that all levels agree.
 *
 * Scale: the grid's points are those with all components odd multiples of 1/2. As the signs are
 * the vector's, only magnitudes count. Under a scale t a magnitude a is in cell
 * k = min(floor(t a), top), and the best code of all is one of these for some t: the cosine is
 * S / sqrt(N), S = sum (2k + 1) a, N = sum (2k + 1)^2. Tried are 18 scales over three octaves, then
 * some 70 within an eighth of the best one: 1 - cos^2 is within 1.1 % of the least there is at
 * d >= 100, 5 % at d >= 33. With few dimensions all scales count at which a magnitude enters a
 * cell. All in integers: exact in any order of sums.
 */
#ifndef VEC_RABITQ_BODY_H
#define VEC_RABITQ_BODY_H

#include <string.h>

#include "vec/rabitq.h"

enum {
    SCALE_FIRST = 8192, /* the largest magnitude is in the middle of the cells */
    SCALE_END = 65536,  /* it is four times beyond them */
    SCALE_FINE = 256,
    ALL_SCALES_DIM = 16, /* up to here all scales that matter are tried */
    RATE_BLOCK = 128,    /* sums of so many fit into 32 bits */
};

static inline uint32_t power_below(uint32_t d)
{
    return 1u << (31 - __builtin_clz(d));
}

/* One stage in constant geometry (Pease 1968): after log2(n) of them components are in order. */
static inline void stage(const float *restrict in, float *restrict out, uint32_t half)
{
    for (uint32_t i = 0; i < half; i++) {
        float a = in[2 * i], b = in[2 * i + 1];

        out[i] = a + b;
        out[i + half] = a - b;
    }
}

/* Its own inverse. */
static void hadamard(float *restrict x, float *restrict tmp, uint32_t n)
{
    float scale = (float)(1 / __builtin_sqrt((double)n));
    uint32_t left = n;

    for (; left >= 4; left /= 4) {
        stage(x, tmp, n / 2);
        stage(tmp, x, n / 2);
    }
    if (left == 2) {
        stage(x, tmp, n / 2);
        memcpy(x, tmp, n * sizeof *x);
    }
    for (uint32_t i = 0; i < n; i++)
        x[i] *= scale;
}

/* Its own inverse. */
static void turn_pairs(float *restrict x, uint32_t d)
{
    uint32_t half = d / 2;
    float *restrict y = x + (d - half);

    for (uint32_t i = 0; i < half; i++) {
        float a = x[i], b = y[i];

        x[i] = (a + b) * 0.70710678f;
        y[i] = (a - b) * 0.70710678f;
    }
}

static void flip(float *restrict x, const float *restrict sign, uint32_t d)
{
    for (uint32_t i = 0; i < d; i++)
        x[i] *= sign[i];
}

static void turn(const struct rabitq_turn *t, float *x, float *tmp)
{
    uint32_t d = t->dim, power = power_below(d);

    for (uint32_t r = 0; r < RABITQ_ROUNDS; r++) {
        flip(x, t->sign + (size_t)r * d, d);
        hadamard(x + (r % 2 ? d - power : 0), tmp, power);
        if (power < d)
            turn_pairs(x, d);
    }
}

static void turn_back(const struct rabitq_turn *t, float *x, float *tmp)
{
    uint32_t d = t->dim, power = power_below(d);

    for (uint32_t r = RABITQ_ROUNDS; r-- > 0;) {
        if (power < d)
            turn_pairs(x, d);
        hadamard(x + (r % 2 ? d - power : 0), tmp, power);
        flip(x, t->sign + (size_t)r * d, d);
    }
}

static inline int16_t level_of(int16_t a, uint32_t scale, unsigned shift, int16_t top)
{
    int16_t k = (int16_t)((uint16_t)((uint32_t)(uint16_t)a * scale >> 16) >> shift);

    return k < top ? k : top;
}

static void levels(const int16_t *restrict a, uint32_t dim, unsigned bits, uint32_t scale,
                   int16_t *restrict level)
{
    int16_t top = (int16_t)((1 << (bits - 1)) - 1);

    for (uint32_t i = 0; i < dim; i++)
        level[i] = level_of(a[i], scale, 14 - bits, top);
}

/* The squared cosine of one scale, but for the length of a. */
static double rate(const int16_t *a, uint32_t dim, unsigned bits, uint32_t scale)
{
    int16_t level[RATE_BLOCK];
    uint64_t sum = 0, norm = 0;

    for (uint32_t from = 0; from < dim; from += RATE_BLOCK, a += RATE_BLOCK) {
        uint32_t n = dim - from < RATE_BLOCK ? dim - from : RATE_BLOCK;
        int32_t s = 0, w2 = 0;

        levels(a, n, bits, scale, level);
        for (uint32_t i = 0; i < n; i++) {
            int16_t w = (int16_t)(2 * level[i] + 1);

            s += (int32_t)w * a[i];
            w2 += (int32_t)w * w;
        }
        sum += (uint32_t)s;
        norm += (uint32_t)w2;
    }
    return (double)sum * (double)sum / (double)norm;
}

/* The best scale so far. */
struct best {
    uint32_t scale;
    double rate;
};

static inline void try_scale(struct best *b, const int16_t *a, uint32_t dim, unsigned bits,
                             uint32_t scale)
{
    double r = rate(a, dim, bits, scale);

    if (r > b->rate)
        *b = (struct best){scale, r};
}

/* Every scale at which a magnitude enters a cell. */
static void try_all(struct best *b, const int16_t *a, uint32_t dim, unsigned bits)
{
    for (uint32_t i = 0; i < dim; i++)
        for (uint32_t k = 1; k < 1u << (bits - 1) && a[i] > 0; k++) {
            uint32_t scale = ((k << (30 - bits)) + (uint32_t)a[i] - 1) / (uint32_t)a[i];

            if (scale < SCALE_END)
                try_scale(b, a, dim, bits, scale);
        }
}

static uint32_t best_scale(const int16_t *a, uint32_t dim, unsigned bits)
{
    struct best b = {SCALE_FIRST, 0};
    uint32_t first, last;

    if (bits == 1)
        return b.scale;
    for (uint32_t t = SCALE_FIRST; t < SCALE_END; t += t / 8)
        try_scale(&b, a, dim, bits, t);
    if (dim <= ALL_SCALES_DIM) {
        try_all(&b, a, dim, bits);
        return b.scale;
    }
    first = b.scale - b.scale / 8;
    last = b.scale + b.scale / 8;
    for (uint32_t t = first; t <= last && t < SCALE_END; t += first / SCALE_FINE)
        try_scale(&b, a, dim, bits, t);
    return b.scale;
}

#endif
