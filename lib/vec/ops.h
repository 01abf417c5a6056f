/* ops.h - the kernels that everything in this domain stands on: inner products of blocks of rows.
 *
 * One table of functions a CPU level (cpu.h); ops_for() chooses. Three families:
 *
 * Tiles: the products of some rows with one panel of PANEL columns (queries, centroids, rows of a
 * matrix), packed so that columns lie in the lanes of a vector. Element (k, j) of an f32 panel is
 * at [k * PANEL + j]; a panel of bytes holds four components a cell: component k of column j at
 * [(k / 4 * PANEL + j) * 4 + k % 4], zeros behind the last. Each f32 product is one chain of fused
 * multiply-adds in the order of the components, starting from 0, whatever the level:
 * acc = fma(row[k], col[k], acc). So all levels give the same bits, and what is trained or encoded
 * with them is the same file everywhere. Integer products are exact.
 *
 * Fast sums: `dots_f32` and `norms_f32`, for few queries at the speed of memory. The order of their
 * sums is the level's own, so only searches that check their candidates again may use them: they
 * are within OPS_DOT_ERROR(dim) * |q| * |x| (+ OPS_DOT_TINY(dim)) of the product.
 *
 * Sums in double, of sixteen lanes that are added in one fixed way: the same bits on all levels.
 *
 * Rows have any alignment and stride; packed panels are 64-byte aligned. Nothing is read behind the
 * last component of a row.
 */
#ifndef VEC_OPS_H
#define VEC_OPS_H

#include "base/cpu.h"
#include "vec/types.h"

enum {
    PANEL = 32,              /* columns of a panel */
    DOTS_MAX = 16,           /* queries of one call of dots_f32 and dots_bytes */
    DOT_I32_DIM_MAX = 33025, /* 255 * 255 * dim stays below 2^31 */
};

/* Error of a sum of `dim` products in any order with fused or separate rounding, relative to
 * |q| * |x| (Higham 2002, 3.1, with room for the rounding of the norms); and what the products that
 * are too small for f32 may add. For dim <= VEC_DIM_MAX. */
#define OPS_DOT_ERROR(dim) ((double)((dim) + 8) * 0x1.2p-24)
#define OPS_DOT_TINY(dim)  ((double)(dim)*0x1p-148)

/* Bit j of `lanes`: lane j of line `at` passed. */
struct ops_hit {
    uint32_t at, lanes;
};

struct vec_ops {
    const char *name;
    /* out[i * PANEL + j] = <row i, column j> for n rows of dim f32, `stride` bytes apart. */
    void (*tile_f32)(const void *rows, size_t stride, size_t n, const float *panel, uint32_t dim,
                     float *out);
    /* The same for bytes, plus first[i] (NULL: 0), dim <= DOT_I32_DIM_MAX. tile_us: rows u8 and a
     * panel of i8; tile_su: rows i8 and a panel of u8. For two of one type the panel is packed with
     * 0x80 flipped, and 128 * (sum of row i) is to be added for u8, taken off for i8: by `first`,
     * see ops_tile_first(). */
    void (*tile_us)(const void *rows, size_t stride, size_t n, const void *panel, uint32_t dim,
                    const int32_t *first, int32_t *out);
    void (*tile_su)(const void *rows, size_t stride, size_t n, const void *panel, uint32_t dim,
                    const int32_t *first, int32_t *out);
    /* The queries of dots_f32 or dots_bytes, one after the other, as this level wants them: `to` is
     * 64-byte aligned, and has dots_size() bytes. */
    void (*dots_pack)(const void *q, enum vec_type t, size_t nq, uint32_t dim, void *to);
    /* out[j * ldo + i] ~ <row i, query j>, norm2[i] ~ <row i, row i>. */
    void (*dots_f32)(const void *rows, size_t stride, size_t n, const void *packed, size_t nq,
                     uint32_t dim, float *out, size_t ldo, float *norm2);
    /* The products of bytes, exact; the types are VEC_U8 or VEC_I8. dim <= DOT_I32_DIM_MAX. */
    void (*dots_bytes)(const void *rows, enum vec_type rt, size_t stride, size_t n,
                       const void *packed, enum vec_type qt, size_t nq, uint32_t dim, int32_t *out,
                       size_t ldo);
    void (*norms_f32)(const void *rows, size_t stride, size_t n, uint32_t dim, float *norm2);
    /* Exact: the sum of the components and of their squares. */
    void (*norms_bytes)(const void *rows, enum vec_type t, size_t stride, size_t n, uint32_t dim,
                        int32_t *sum, int32_t *norm2);
    /* Which v = fma(p, mul[j] * a[i], b[i]) of n lines of PANEL lanes are not above limit[j]? NaN
     * is not above. Lines that have any go to hits (room for n); returns how many. _i32: p is
     * int32, rounded to f32. */
    size_t (*tile_below_f32)(const float *p, size_t n, const float *a, const float *b,
                             const float *mul, const float *limit, struct ops_hit *hits);
    size_t (*tile_below_i32)(const int32_t *p, size_t n, const float *a, const float *b,
                             const float *mul, const float *limit, struct ops_hit *hits);
    /* The same of one query's n products: v = fma(p[i], mul * a[i], b[i]) against one limit. A
     * hit's `at` is a multiple of PANEL, its lanes are the rows from there on. */
    size_t (*line_below_f32)(const float *p, size_t n, const float *a, const float *b, float mul,
                             float limit, struct ops_hit *hits);
    size_t (*line_below_i32)(const int32_t *p, size_t n, const float *a, const float *b, float mul,
                             float limit, struct ops_hit *hits);
    /* Bit q, of nq <= DOTS_MAX: has query q any row for which v = fma(p[q * n + i], mul[q] * a[i],
     * by * norm2[i] - off) is not above limit[q]? a NULL: 1. All bits, if a norm2 is not between
     * 2^-100 and 2^120. */
    uint32_t (*any_below)(const float *p, size_t n, size_t nq, const float *norm2, const float *a,
                          float by, float off, const float *mul, const float *limit);
    /* What filters need of rows. The greatest of n numbers that are not below 0, of those below
     * 2^120; *odd: some are not, or not above 2^-100. */
    float (*longest)(const float *norm2, size_t n, bool *odd);
    /* b = by * norm2 - off */
    void (*bounds)(const float *norm2, size_t n, float by, float off, float *b);
    void (*inverse_roots)(const float *v, size_t n, float *out); /* 1 / sqrt(v), both rounded */
    /* b = norm * (k[0] * norm + k[1]) + (k[2] * lo + k[3] * step) */
    void (*sketch_bounds)(const float *lo, const float *step, const float *norm, size_t n,
                          const float k[4], float *b);
    void (*from_f16)(const void *src, size_t n, float *dst); /* n components */
    void (*from_u8)(const void *src, size_t n, float *dst);
    void (*from_i8)(const void *src, size_t n, float *dst);
    /* <a, b> and <a - b, a - b>, rounded to double after each operation. a has any alignment. */
    double (*dot_f64)(const void *a, const float *b, uint32_t dim);
    double (*l2_f64)(const void *a, const float *b, uint32_t dim);
};

/* The level's table; a level that this build lacks gives the next lower. */
const struct vec_ops *ops_for(enum cpu_level level);

/* n components of `type` (not VEC_I32) become f32, exact. */
void ops_to_f32(const struct vec_ops *ops, enum vec_type type, const void *src, size_t n,
                float *dst);

/* Packs nc <= PANEL columns of dim components (f32, `stride` bytes apart); the rest is zeros. */
void panel_pack_f32(const void *cols, size_t stride, size_t nc, uint32_t dim, float *panel);
/* The same of bytes, each xor `flip` (0 or 0x80): panel_bytes(dim) bytes. */
void panel_pack_bytes(const void *cols, size_t stride, size_t nc, uint32_t dim, unsigned char flip,
                      void *panel);

static inline size_t panel_bytes(uint32_t dim)
{
    return ((size_t)dim + 3) / 4 * 4 * PANEL;
}

/* What dots_pack() fills for nq queries, on any level. */
static inline size_t dots_size(enum vec_type t, size_t nq, uint32_t dim)
{
    size_t cells = (dim * vec_type_size(t) + 3) / 4, lanes = 2;

    while (lanes < nq)
        lanes *= 2;
    return (lanes * ((cells + 3) / 4 * 4) + 15) / 16 * 64 + 64;
}

/* Products of rows of type rt with columns of type ct go through tile_us when the rows are u8, else
 * tile_su; with what the panel is flipped by, and what a row's sum counts in `first`. */
static inline unsigned char ops_panel_flip(enum vec_type rt, enum vec_type ct)
{
    return rt == ct ? 0x80 : 0;
}

static inline int32_t ops_tile_first(enum vec_type rt, enum vec_type ct, int32_t sum)
{
    return rt != ct ? 0 : rt == VEC_U8 ? 128 * sum : -128 * sum;
}

/* out[i * ldo + j] = <a row i, b row j>, exact chains as above, for na x nb rows of f32 without
 * gaps. `threads` share the rows of a. ERR_MEM. */
int vec_products(const struct vec_ops *ops, const float *a, size_t na, const float *b, size_t nb,
                 uint32_t dim, float *out, size_t ldo, int threads, struct err *e);

/* <x, x> in double, in the order of components. */
double vec_norm2(const float *x, uint32_t dim);

#endif
