/* w4.h - products of rows of 4-bit weights with queries of int8 or f32 (MARLIN, Frantar et al.
 * 2025): the kernels of codec_w4.c, a table a CPU level. Inside this domain only.
 *
 * A panel is W4_ROWS rows, one a lane, so that a sum never crosses lanes and one broadcast of a
 * query's components serves them all:
 *
 *   128                          f32 |row|^2
 *   and a group of weights after the other:
 *   64                           bf16 scales
 *   128 * blocks                 a block is 8 components: u32 a row, whose byte b holds component b
 *                                (low nibble) and b + 4 (high nibble), each a weight plus 8
 *
 * A group that does not fill its last block has any weights there, and the query zeros.
 *
 * The product of a row and a query is, over the groups in order, total = fma(sum, scale, total):
 * for int8 queries sum is the exact integer and scale the row's times the query's; for f32 queries
 * sum is one chain of fused multiply-adds in the order of components, and scale the row's. All
 * levels give the same bits.
 */
#ifndef VEC_W4_H
#define VEC_W4_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { W4_ROWS = 32, W4_BLOCK = 8, W4_QUERIES = 8 };

struct w4_shape {
    uint32_t dim, group;
    uint32_t groups, blocks; /* blocks of a group: all have as many */
};

enum {
    W4_NORM_BYTES = W4_ROWS * 4,
    W4_SCALE_BYTES = W4_ROWS * 2,
    W4_BLOCK_BYTES = W4_ROWS * 4,
};

static inline size_t w4_group_bytes(const struct w4_shape *s)
{
    return W4_SCALE_BYTES + (size_t)s->blocks * W4_BLOCK_BYTES;
}

static inline size_t w4_panel_bytes(const struct w4_shape *s)
{
    return W4_NORM_BYTES + s->groups * w4_group_bytes(s);
}

/* A query: of each group its components (int8, or f32), zeros behind; and of int8 the scale and
 * -8 times the sum, with which the weights' plus 8 is taken away again. */
struct w4_query {
    const int8_t *q8;
    const float *q32;
    const float *scale;
    const int32_t *start;
};

/* bf16 is the upper half of an f32. */
static inline float w4_scale(uint16_t bf16)
{
    uint32_t bits = (uint32_t)bf16 << 16;
    float v;

    memcpy(&v, &bits, 4);
    return v;
}

/* out[j * W4_ROWS + i] = <row i, query j>, nq <= W4_QUERIES. */
typedef void w4_product_fn(const struct w4_shape *s, const uint8_t *panel, const struct w4_query *q,
                           size_t nq, float *out);

struct w4_ops {
    const char *name;
    w4_product_fn *product_i8, *product_f32;
};

extern const struct w4_ops w4_portable, w4_avx2, w4_avx512;

#endif
