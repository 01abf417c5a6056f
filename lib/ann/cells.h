/* cells.h - rows of small integers, and the keys of some rows out of many: what a walk through an
 * index does all day.
 *
 * A row is coded by cells of 8 or 4 bits, all rows and components in the same steps:
 *   8 bits   c in 0..255 stands for c - 128 steps      4 bits   c in 0..15 for c - 7.5
 * Rows take `stride` bytes, a multiple of 64, and begin at one:
 *
 *   0            stride - 4   cells. 8 bits: component k in byte k. 4 bits: with P = stride - 4,
 *                             component k in the low half of byte k, component P + k in its high
 *                             half. What no component takes is 0x80.
 *   stride - 4   4            f32: the sum of squares of what the cells stand for
 *
 * so the lines of a row are all that one key needs: 60 or 120 components in one line, 124 or 248 in
 * two. Rows may be mixed: their first `wide` bytes are cells of 8 bits, the others hold cells of 4,
 * as above with P = stride - 4 - wide and from byte `wide`; both sorts may have steps of their own,
 * which the norm and the weights know. A query is made of weights of 8 bits, 0 under what is no
 * cell, and key = take * norm + scale * (<weights, cells> - middle) where the product is exact and
 * the rest f32, in this order, unfused: the same bits on every level of CPU. Smaller is nearer.
 * With take 1, scale -2 * unit it is the squared distance to the query less the query's own square,
 * in steps; with take 0 and scale -1 a product.
 *
 * Threads  kernels have no state.
 */
#ifndef ANN_CELLS_H
#define ANN_CELLS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cpu.h"

enum {
    CELLS_DIM_MAX = 32768, /* 2^15 * 255 * 127 stays below 2^31 */
    CELLS_LINE = 64,
    CELLS_NORM = 4, /* bytes at a row's end */
    CELLS_MIXED = 84,
};

/* Bytes of a row whose first `wide` cells have 8 bits, the others 4. */
static inline size_t cells_row_bytes(uint32_t dim, uint32_t wide)
{
    size_t bytes = wide + ((size_t)dim - wide + 1) / 2;

    return (bytes + CELLS_NORM + CELLS_LINE - 1) / CELLS_LINE * CELLS_LINE;
}

static inline float cells_norm(const uint8_t *row, size_t stride)
{
    float v;

    memcpy(&v, row + stride - CELLS_NORM, sizeof v);
    return v;
}

/* A query; weights: 64-byte aligned, `stride` of them for cells of 8 bits; for 4 as many for the
 * low halves, and then for the high; for both these, and then those for cells of 8 bits. */
struct cells_query {
    const int8_t *weights;
    int32_t middle;
    float take, scale;
    uint32_t wide; /* of mixed rows; else not looked at */
};

/* key[i] of row id[i], n of them. */
typedef void cells_keys(const struct cells_query *q, const uint8_t *rows, size_t stride,
                        const uint32_t *id, size_t n, float *key);

struct cells_ops {
    const char *name;
    cells_keys *keys8, *keys4, *keys84;
    /* The squared distance of two rows of bytes, each xor `flip`: exact, for dim <= 2^16. */
    uint64_t (*l2_bytes)(const uint8_t *a, const uint8_t *b, uint32_t dim, uint8_t flip);
    /* Which of n <= 65536 keys are not above the limit (NaN is not), ascending: how many. hit: room
     * for n. */
    size_t (*within)(const float *key, size_t n, float limit, uint16_t *hit);
};

/* bits: 8, 4 or CELLS_MIXED. */
static inline cells_keys *cells_keys_of(const struct cells_ops *ops, unsigned bits)
{
    return bits == 8 ? ops->keys8 : bits == 4 ? ops->keys4 : ops->keys84;
}

/* The level's table; a level that this build lacks gives the next lower. */
const struct cells_ops *cells_ops_for(enum cpu_level level);

/* The weights of a row of 8 bits as a query: scale -2, take 1. room: stride bytes. */
void cells_query_row(const uint8_t *row, size_t stride, int8_t *room, struct cells_query *q);

extern const struct cells_ops cells_portable, cells_avx2, cells_avx512;

#endif
