/* rabitq.h - the kernels of codec_rabitq.c, a table a CPU level. Inside this domain only. All agree
 * bit for bit: integers, and floats whose order is fixed.
 */
#ifndef VEC_RABITQ_H
#define VEC_RABITQ_H

#include "base/cpu.h"

#include <stddef.h>
#include <stdint.h>

enum {
    RABITQ_ROUNDS = 4,
    RABITQ_LANES = 16, /* codes of a block */
    RABITQ_UNIT = 64,  /* cells of a unit: 4 dimensions of 16 codes */
    RABITQ_TILE = 4,   /* query rows of one call of dots */
};

/* A random rotation: `sign` is [RABITQ_ROUNDS][dim], each 1 or -1. */
struct rabitq_turn {
    uint32_t dim;
    const float *sign;
};

struct rabitq_ops {
    /* In place; tmp: room for dim. */
    void (*turn)(const struct rabitq_turn *t, float *x, float *tmp);
    void (*turn_back)(const struct rabitq_turn *t, float *x, float *tmp);
    /* The scale t, in units of 2^(bits - 15), of which the grid's points nearest to t * a have the
     * largest cosine with a: magnitudes of [0, 2^15), of dim dimensions. */
    uint32_t (*best_scale)(const int16_t *a, uint32_t dim, unsigned bits);
    /* level[i]: the grid's cell of a[i] under that scale, below 2^(bits - 1). */
    void (*levels)(const int16_t *a, uint32_t dim, unsigned bits, uint32_t scale, int16_t *level);
    /* out[k * RABITQ_LANES + i] = sum of code i's cells times row k, for the block of 16 codes of
     * `bits` bits whose planes begin at `planes`; rows are [units * 4]. n <= RABITQ_TILE. */
    void (*dots)(unsigned bits, uint32_t units, const uint8_t *planes, const int8_t *const *row,
                 size_t n, int32_t *out);
};

extern const struct rabitq_ops rabitq_portable, rabitq_avx2, rabitq_avx512;

/* Bytes of the planes of `bits` bits of a block. */
static inline size_t rabitq_plane_bytes(unsigned bits, uint32_t units)
{
    size_t n = 0;

    if (bits == 8)
        return (size_t)units * RABITQ_UNIT;
    if (bits & 4)
        n += (units + 1) / 2;
    if (bits & 2)
        n += (units + 3) / 4;
    if (bits & 1)
        n += (units + 7) / 8;
    return n * RABITQ_UNIT;
}

#endif
