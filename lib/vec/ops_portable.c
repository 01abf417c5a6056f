/* ops_portable.c - the kernels in plain C: the oracle of the others. */
#include <math.h>
#include <string.h>

#include "vec/f16.h"
#include "vec/fused.h"
#include "vec/ops_level.h"
#include "vec/ops_plain.h"

static inline const unsigned char *row_at(const void *rows, size_t stride, size_t i)
{
    return (const unsigned char *)rows + i * stride;
}

static inline float f32_at(const unsigned char *row, size_t k)
{
    float x;

    memcpy(&x, row + 4 * k, 4);
    return x;
}

static inline int32_t byte_of(enum vec_type t, unsigned char b)
{
    return t == VEC_U8 ? b : (int32_t)(int8_t)b;
}

static void tile_f32(const void *rows, size_t stride, size_t n, const float *panel, uint32_t dim,
                     float *out)
{
    for (size_t i = 0; i < n; i++, out += PANEL) {
        const unsigned char *row = row_at(rows, stride, i);

        memset(out, 0, PANEL * sizeof *out);
        for (uint32_t k = 0; k < dim; k++)
            for (size_t j = 0; j < PANEL; j += FUSED_LINE)
                fused_line(f32_at(row, k), panel + k * (size_t)PANEL + j, out + j);
    }
}

static inline void tile_bytes(enum vec_type rt, enum vec_type ct, const void *rows, size_t stride,
                              size_t n, const unsigned char *panel, uint32_t dim,
                              const int32_t *first, int32_t *out)
{
    for (size_t i = 0; i < n; i++, out += PANEL) {
        const unsigned char *row = row_at(rows, stride, i);

        for (size_t j = 0; j < PANEL; j++)
            out[j] = first ? first[i] : 0;
        for (uint32_t k = 0; k < dim; k++) {
            const unsigned char *cell = panel + (k / 4 * (size_t)PANEL) * 4 + k % 4;
            int32_t x = byte_of(rt, row[k]);
            for (size_t j = 0; j < PANEL; j++)
                out[j] += x * byte_of(ct, cell[4 * j]);
        }
    }
}

static void tile_us(const void *rows, size_t stride, size_t n, const void *panel, uint32_t dim,
                    const int32_t *first, int32_t *out)
{
    tile_bytes(VEC_U8, VEC_I8, rows, stride, n, panel, dim, first, out);
}

static void tile_su(const void *rows, size_t stride, size_t n, const void *panel, uint32_t dim,
                    const int32_t *first, int32_t *out)
{
    tile_bytes(VEC_I8, VEC_U8, rows, stride, n, panel, dim, first, out);
}

static void norms_f32(const void *rows, size_t stride, size_t n, uint32_t dim, float *norm2)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = row_at(rows, stride, i);
        float sum = 0;

        for (uint32_t k = 0; k < dim; k++)
            sum += f32_at(row, k) * f32_at(row, k);
        norm2[i] = sum;
    }
}

static void dots_f32(const void *rows, size_t stride, size_t n, const void *packed, size_t nq,
                     uint32_t dim, float *out, size_t ldo, float *norm2)
{
    const float *q = packed;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = row_at(rows, stride, i);

        for (size_t j = 0; j < nq; j++) {
            float sum = 0;
            for (uint32_t k = 0; k < dim; k++)
                sum += f32_at(row, k) * q[j * dim + k];
            out[j * ldo + i] = sum;
        }
    }
    norms_f32(rows, stride, n, dim, norm2);
}

static void dots_bytes(const void *rows, enum vec_type rt, size_t stride, size_t n,
                       const void *packed, enum vec_type qt, size_t nq, uint32_t dim, int32_t *out,
                       size_t ldo)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = row_at(rows, stride, i), *col = packed;

        for (size_t j = 0; j < nq; j++, col += dim) {
            int32_t sum = 0;
            for (uint32_t k = 0; k < dim; k++)
                sum += byte_of(rt, row[k]) * byte_of(qt, col[k]);
            out[j * ldo + i] = sum;
        }
    }
}

static void norms_bytes(const void *rows, enum vec_type t, size_t stride, size_t n, uint32_t dim,
                        int32_t *sum, int32_t *norm2)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = row_at(rows, stride, i);

        sum[i] = norm2[i] = 0;
        for (uint32_t k = 0; k < dim; k++) {
            int32_t x = byte_of(t, row[k]);
            sum[i] += x;
            norm2[i] += x * x;
        }
    }
}

static void inverse_roots(const float *v, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = 1 / sqrtf(v[i]);
}

/* Is the product in a line of a tile, or of a query, near enough? */
#define TILE_BELOW(name, type)                                                                    \
    static size_t name(const type *p, size_t n, const float *a, const float *b, const float *mul, \
                       const float *limit, struct ops_hit *hits)                                  \
    {                                                                                             \
        size_t found = 0;                                                                         \
                                                                                                  \
        for (size_t i = 0; i < n; i++, p += PANEL) {                                              \
            uint32_t lanes = 0;                                                                   \
            for (uint32_t j = 0; j < PANEL; j++)                                                  \
                lanes |= (uint32_t) !((float)p[j] * (mul[j] * a[i]) + b[i] > limit[j]) << j;      \
            hits[found] = (struct ops_hit){(uint32_t)i, lanes};                                   \
            found += lanes != 0;                                                                  \
        }                                                                                         \
        return found;                                                                             \
    }

#define LINE_BELOW(name, type)                                                                     \
    static size_t name(const type *p, size_t n, const float *a, const float *b, float mul,         \
                       float limit, struct ops_hit *hits)                                          \
    {                                                                                              \
        size_t found = 0;                                                                          \
                                                                                                   \
        for (size_t i = 0; i < n; i += PANEL) {                                                    \
            uint32_t lanes = 0;                                                                    \
            for (uint32_t j = 0; j < PANEL && i + j < n; j++)                                      \
                lanes |= (uint32_t) !((float)p[i + j] * (mul * a[i + j]) + b[i + j] > limit) << j; \
            hits[found] = (struct ops_hit){(uint32_t)i, lanes};                                    \
            found += lanes != 0;                                                                   \
        }                                                                                          \
        return found;                                                                              \
    }

TILE_BELOW(tile_below_f32, float)
TILE_BELOW(tile_below_i32, int32_t)
LINE_BELOW(line_below_f32, float)
LINE_BELOW(line_below_i32, int32_t)

static uint32_t any_below(const float *p, size_t n, size_t nq, const float *norm2, const float *a,
                          float by, float off, const float *mul, const float *limit)
{
    uint32_t found = 0;

    for (size_t i = 0; i < n; i++) {
        float b = norm2[i] * by - off;

        if (!(norm2[i] > norm2_low && norm2[i] < norm2_high))
            return ~0u;
        for (size_t q = 0; q < nq; q++)
            found |= (uint32_t) !(p[q * n + i] * (a ? mul[q] * a[i] : mul[q]) + b > limit[q]) << q;
    }
    return found;
}

static void from_f16(const void *src, size_t n, float *dst)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const unsigned char *)src + 2 * i, 2);
        dst[i] = f16_to_f32(h);
    }
}

const struct vec_ops ops_portable = {
    .name = "portable",
    .tile_f32 = tile_f32,
    .tile_us = tile_us,
    .tile_su = tile_su,
    .dots_pack = dots_pack_plain,
    .dots_f32 = dots_f32,
    .dots_bytes = dots_bytes,
    .norms_f32 = norms_f32,
    .norms_bytes = norms_bytes,
    .tile_below_f32 = tile_below_f32,
    .tile_below_i32 = tile_below_i32,
    .line_below_f32 = line_below_f32,
    .line_below_i32 = line_below_i32,
    .any_below = any_below,
    .longest = longest,
    .bounds = bounds,
    .inverse_roots = inverse_roots,
    .sketch_bounds = sketch_bounds,
    .from_f16 = from_f16,
    .from_u8 = from_u8,
    .from_i8 = from_i8,
    .dot_f64 = dot_f64,
    .l2_f64 = l2_f64,
};
