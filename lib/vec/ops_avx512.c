/* ops_avx512.c - the kernels of ops.h in 512-bit vectors.
 *
 * All products go cell by cell, a cell being four bytes: one f32, or four bytes of which
 * VPDPBUSD adds the products. So one tile and one line of sums serve the three kinds.
 *
 * A tile keeps ROWS rows x 2 vectors of columns in 28 registers: a step is two loads of the panel,
 * ROWS broadcasts of a row's cell and 2 * ROWS multiply-adds. Rows come as they lie; only where the
 * stride puts the rows' lines into the same few sets of the first-level cache, they are copied.
 * While n rows are multiplied, the n that lie behind them are asked for: callers go on with those.
 */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "vec/ops_level.h"
#include "vec/ops_plain.h"

enum kind { F32, US, SU }; /* US: u8 rows with i8; SU: i8 rows with u8 */

enum {
    ROWS = 14,
    CHUNK = 1024,     /* cells that all rows of a tile pass before the next: 128 KiB of a panel */
    COPY_CHUNK = 512, /* the same for rows that are copied */
    COPY_STRIDE = COPY_CHUNK * 4 + 64,
    ALIAS = 4096, /* bytes that the first-level cache's sets cover */
};

#define INLINE inline __attribute__((always_inline))

static INLINE __m512i madd(const enum kind kind, __m512i acc, __m512i row, __m512i col)
{
    if (kind == F32)
        return _mm512_castps_si512(_mm512_fmadd_ps(
            _mm512_castsi512_ps(row), _mm512_castsi512_ps(col), _mm512_castsi512_ps(acc)));
    return kind == US ? _mm512_dpbusd_epi32(acc, row, col) : _mm512_dpbusd_epi32(acc, col, row);
}

static INLINE __m512i cell(const void *p)
{
    int32_t v;

    memcpy(&v, p, 4);
    return _mm512_set1_epi32(v);
}

/* A step of R rows: their cells at row[i / 3] + i % 3 * stride + off with the panel's line. */
#define STEP(R, off, line)                                                         \
    do {                                                                           \
        __m512i c0 = _mm512_load_si512(line), c1 = _mm512_load_si512((line) + 64); \
        _Pragma("GCC unroll 14") for (int i = 0; i < (R); i++)                     \
        {                                                                          \
            __m512i v = cell(row[i / 3] + (size_t)(i % 3) * stride + (off));       \
            acc[i][0] = madd(kind, acc[i][0], v, c0);                              \
            acc[i][1] = madd(kind, acc[i][1], v, c1);                              \
        }                                                                          \
    } while (0)

/* R rows over `cells` cells, and `tail` bytes of one more; out goes on from what it holds. As many
 * bytes from `soon` on are asked for. */
static INLINE void micro(const enum kind kind, const int R, const unsigned char *rows,
                         size_t stride, const unsigned char *panel, size_t cells, size_t tail,
                         const unsigned char *soon, void *out)
{
    __m512i acc[ROWS][2];
    const unsigned char *row[5] = {rows, rows + 3 * stride, rows + 6 * stride, rows + 9 * stride,
                                   rows + 12 * stride};
    __m512i *o = out;
    size_t k = 0;

    _Pragma("GCC unroll 14") for (int i = 0; i < R; i++)
    {
        acc[i][0] = _mm512_loadu_si512(o + 2 * i);
        acc[i][1] = _mm512_loadu_si512(o + 2 * i + 1);
    }
    for (; k + 2 <= cells; k += 2) {
        STEP(R, 0, panel);
        STEP(R, 4, panel + 128);
        panel += 256;
        for (int at = 0; at < R * 8; at += 64)
            _mm_prefetch((const char *)soon + at, _MM_HINT_T1);
        soon += (size_t)R * 8;
        _Pragma("GCC unroll 5") for (int g = 0; g < (R + 2) / 3; g++) row[g] += 8;
    }
    if (k < cells) {
        STEP(R, 0, panel);
        panel += 128;
        _Pragma("GCC unroll 5") for (int g = 0; g < (R + 2) / 3; g++) row[g] += 4;
    }
    if (tail) {
        __m512i c0 = _mm512_load_si512(panel), c1 = _mm512_load_si512(panel + 64);
        _Pragma("GCC unroll 14") for (int i = 0; i < R; i++)
        {
            int32_t last = 0;
            memcpy(&last, row[i / 3] + (size_t)(i % 3) * stride, tail);
            acc[i][0] = madd(kind, acc[i][0], _mm512_set1_epi32(last), c0);
            acc[i][1] = madd(kind, acc[i][1], _mm512_set1_epi32(last), c1);
        }
    }
    _Pragma("GCC unroll 14") for (int i = 0; i < R; i++)
    {
        _mm512_storeu_si512(o + 2 * i, acc[i][0]);
        _mm512_storeu_si512(o + 2 * i + 1, acc[i][1]);
    }
}

/* The rows' cells lie in the same sets: a copy, a line more a row. */
static const unsigned char *apart(unsigned char *copy, size_t copy_stride,
                                  const unsigned char *rows, size_t stride, size_t n, size_t bytes)
{
    for (size_t i = 0; i < n; i++)
        memcpy(copy + i * copy_stride, rows + i * stride, bytes);
    return copy;
}

static INLINE void tile(const enum kind kind, const unsigned char *rows, size_t stride, size_t n,
                        const unsigned char *panel, size_t bytes, unsigned char *out)
{
    unsigned char copy[ROWS * COPY_STRIDE] __attribute__((aligned(64)));
    const int alias = stride % ALIAS == 0 && n > 1;
    size_t chunk = (alias ? COPY_CHUNK : CHUNK) * (size_t)4;

    for (size_t at = 0; at < bytes; at += chunk, panel += chunk * PANEL) {
        size_t len = bytes - at < chunk ? bytes - at : chunk, left = n, r;
        unsigned char *o = out;

        for (const unsigned char *p = rows + at; left; left -= r, p += r * stride, o += r * 128) {
            size_t s = alias ? COPY_STRIDE : stride, cells = len / 4, tail = len % 4;
            const unsigned char *from, *soon = p + n * stride;

            r = left >= ROWS ? ROWS : left >= 6 ? 6 : left >= 2 ? 2 : 1;
            from = alias ? apart(copy, COPY_STRIDE, p, stride, r, len) : p;
            if (r == ROWS)
                micro(kind, ROWS, from, s, panel, cells, tail, soon, o);
            else if (r == 6)
                micro(kind, 6, from, s, panel, cells, tail, soon, o);
            else if (r == 2)
                micro(kind, 2, from, s, panel, cells, tail, soon, o);
            else
                micro(kind, 1, from, s, panel, cells, tail, soon, o);
        }
    }
}

static void tile_f32(const void *rows, size_t stride, size_t n, const float *panel, uint32_t dim,
                     float *out)
{
    memset(out, 0, n * PANEL * sizeof *out);
    tile(F32, rows, stride, n, (const unsigned char *)panel, 4 * (size_t)dim, (unsigned char *)out);
}

static void start(int32_t *out, const int32_t *first, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        __m512i v = _mm512_set1_epi32(first ? first[i] : 0);
        _mm512_storeu_si512(out + i * PANEL, v);
        _mm512_storeu_si512(out + i * PANEL + 16, v);
    }
}

static void tile_us(const void *rows, size_t stride, size_t n, const void *panel, uint32_t dim,
                    const int32_t *first, int32_t *out)
{
    start(out, first, n);
    tile(US, rows, stride, n, panel, dim, (unsigned char *)out);
}

static void tile_su(const void *rows, size_t stride, size_t n, const void *panel, uint32_t dim,
                    const int32_t *first, int32_t *out)
{
    start(out, first, n);
    tile(SU, rows, stride, n, panel, dim, (unsigned char *)out);
}

#include "vec/ops_sums_avx512.h"

static void from_f16(const void *src, size_t n, float *dst)
{
    const unsigned char *p = src;

    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = (__mmask16)(n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
        __m256i h = _mm256_maskz_loadu_epi16(m, p + 2 * i);
        _mm512_mask_storeu_ps(dst + i, m, _mm512_cvtph_ps(h));
    }
}

const struct vec_ops ops_avx512 = {
    .name = "avx512",
    .tile_f32 = tile_f32,
    .tile_us = tile_us,
    .tile_su = tile_su,
    .dots_pack = dots_pack,
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
#else
typedef int ops_avx512_is_for_x86;
#endif
