/* ops.h - the kernels that everything in this domain stands on: inner products of blocks of rows.
 *
 * One table of functions a CPU level (cpu.h); ops_for() chooses. Two families:
 *
 * Exact products: `tile_f32` and the integer tiles. A tile is the products of some rows with one
 * panel of PANEL columns (queries, centroids, rows of a matrix), packed so that columns lie in the
 * lanes of a vector: element (k, j) of an f32 panel at [k * PANEL + j]. Each f32 product is one
 * chain of fused multiply-adds in the order of the components, starting from 0, whatever the level:
 * acc = fma(row[k], col[k], acc). So all levels give the same bits, and what is trained or encoded
 * with them is the same file everywhere. Integer products are exact.
 *
 * Fast sums: `dots_f32`, for few queries at the speed of memory. The order of their sums is the
 * level's own, so only searches that check their candidates again may use them: the result is
 * within OPS_DOT_ERROR(dim) * |q| * |x| of the product.
 *
 * Rows have any alignment and stride; packed panels are 64-byte aligned.
 */
#ifndef VEC_OPS_H
#define VEC_OPS_H

#include "base/cpu.h"
#include "vec/types.h"

enum {
    PANEL = 32,              /* columns of a panel */
    DOTS_MAX = 16,           /* queries of one call of dots_f32 */
    DOT_I32_DIM_MAX = 33025, /* 255 * 255 * dim stays below 2^31 */
};

/* Error of a sum of `dim` products in any order with fused or separate rounding, relative to
 * |q| * |x| (Higham 2002, 3.1, with room for the rounding of the norms). */
#define OPS_DOT_ERROR(dim) ((double)((dim) + 8) * 0x1p-24)

struct vec_ops {
    const char *name;
    /* out[i * PANEL + j] = <row i, column j> for n rows of dim f32, `stride` bytes apart. */
    void (*tile_f32)(const void *rows, size_t stride, size_t n, const float *panel, uint32_t dim,
                     float *out);
    /* The same for bytes: u8 rows with u8, i8 or any bytes b of which the panel holds what
     * panel_pack_u8() / _i8() made; out is the exact product. dim <= DOT_I32_DIM_MAX. */
    void (*tile_u8)(const void *rows, size_t stride, size_t n, const void *panel, uint32_t dim,
                    int32_t *out);
    void (*tile_i8)(const void *rows, size_t stride, size_t n, const void *panel, uint32_t dim,
                    int32_t *out);
    /* out[i * nq + j] ~ <row i, query j>; queries one after the other, dim floats each. */
    void (*dots_f32)(const void *rows, size_t stride, size_t n, const float *q, size_t nq,
                     uint32_t dim, float *out);
    void (*from_f16)(const void *src, size_t n, float *dst); /* n components */
};

const struct vec_ops *ops_for(enum cpu_level level);

/* Packs nc <= PANEL columns of dim components (f32, `stride` bytes apart); the rest is zeros. */
void panel_pack_f32(const void *cols, size_t stride, size_t nc, uint32_t dim, float *panel);

/* out[i * ldo + j] = <a row i, b row j>, exact chains as above, for na x nb rows of f32 without
 * gaps. `threads` share the rows of a. ERR_MEM. */
int vec_products(const struct vec_ops *ops, const float *a, size_t na, const float *b, size_t nb,
                 uint32_t dim, float *out, size_t ldo, int threads, struct err *e);

/* <x, x> in double, in the order of components. */
double vec_norm2(const float *x, uint32_t dim);

#endif
