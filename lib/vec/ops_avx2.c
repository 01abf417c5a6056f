/* ops_avx2.c - the kernels of ops.h in 256-bit vectors.
 *
 * A tile of f32 is ROWS rows x 16 columns at a time, twelve chains in registers. Bytes are widened
 * to 16 bits and multiplied with VPMADDWD, which adds pairs and cannot overflow (VPMADDUBSW, which
 * would save the widening, saturates).
 */
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "vec/ops_level.h"
#include "vec/ops_plain.h"

#define INLINE inline __attribute__((always_inline))

enum { ROWS = 6, HALF = 16, BYTE_ROWS = 2 };

static INLINE __m256 cell(const void *p)
{
    float v;

    memcpy(&v, p, 4);
    return _mm256_set1_ps(v);
}

/* R rows x HALF columns of a panel, in chains from 0. */
static INLINE void micro_f32(const int R, const unsigned char *rows, size_t stride,
                             const float *panel, uint32_t dim, float *out)
{
    const unsigned char *row[2] = {rows, rows + 3 * stride};
    __m256 acc[ROWS][2];

    _Pragma("GCC unroll 6") for (int i = 0; i < R; i++) acc[i][0] = acc[i][1] = _mm256_setzero_ps();
    for (uint32_t k = 0; k < dim; k++, panel += PANEL) {
        __m256 c0 = _mm256_load_ps(panel), c1 = _mm256_load_ps(panel + 8);
        _Pragma("GCC unroll 6") for (int i = 0; i < R; i++)
        {
            __m256 x = cell(row[i / 3] + (size_t)(i % 3) * stride + 4 * (size_t)k);
            acc[i][0] = _mm256_fmadd_ps(x, c0, acc[i][0]);
            acc[i][1] = _mm256_fmadd_ps(x, c1, acc[i][1]);
        }
    }
    _Pragma("GCC unroll 6") for (int i = 0; i < R; i++)
    {
        _mm256_storeu_ps(out + (size_t)i * PANEL, acc[i][0]);
        _mm256_storeu_ps(out + (size_t)i * PANEL + 8, acc[i][1]);
    }
}

static void tile_f32(const void *rows, size_t stride, size_t n, const float *panel, uint32_t dim,
                     float *out)
{
    for (size_t h = 0; h < PANEL; h += HALF) {
        const unsigned char *row = rows;
        size_t i = 0;

        for (; i + ROWS <= n; i += ROWS, row += ROWS * stride)
            micro_f32(ROWS, row, stride, panel + h, dim, out + i * PANEL + h);
        for (; i < n; i++, row += stride)
            micro_f32(1, row, stride, panel + h, dim, out + i * PANEL + h);
    }
}

/* ---- tiles of bytes ---- */

static INLINE __m256i widen(const int is_signed, __m128i v)
{
    return is_signed ? _mm256_cvtepi8_epi16(v) : _mm256_cvtepu8_epi16(v);
}

/* Up to four components of a row as four words, four times over. */
static INLINE __m256i cells16(const int is_signed, const unsigned char *p, size_t n)
{
    int32_t v = 0;

    memcpy(&v, p, n);
    return _mm256_broadcastq_epi64(is_signed ? _mm_cvtepi8_epi16(_mm_cvtsi32_si128(v))
                                             : _mm_cvtepu8_epi16(_mm_cvtsi32_si128(v)));
}

/* One step: four components of R rows with the cells of HALF columns. */
static INLINE void step_bytes(const int R, const int row_signed, const unsigned char *row,
                              size_t stride, size_t n, const unsigned char *line,
                              __m256i acc[BYTE_ROWS][4])
{
    __m256i c[4];

    _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++)
        c[j] = widen(!row_signed, _mm_load_si128((const __m128i *)(line + 16 * j)));
    _Pragma("GCC unroll 2") for (int i = 0; i < R; i++)
    {
        __m256i x = cells16(row_signed, row + (size_t)i * stride, n);
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++)
            acc[i][j] = _mm256_add_epi32(acc[i][j], _mm256_madd_epi16(x, c[j]));
    }
}

static INLINE void micro_bytes(const int R, const int row_signed, const unsigned char *row,
                               size_t stride, const unsigned char *panel, uint32_t dim,
                               const int32_t *first, int32_t *out)
{
    __m256i acc[BYTE_ROWS][4];
    uint32_t k = 0;

    _Pragma("GCC unroll 2") for (int i = 0; i < R; i++)
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) acc[i][j] = _mm256_setzero_si256();
    for (; k + 4 <= dim; k += 4, panel += 4 * PANEL)
        step_bytes(R, row_signed, row + k, stride, 4, panel, acc);
    if (k < dim)
        step_bytes(R, row_signed, row + k, stride, dim - k, panel, acc);
    _Pragma("GCC unroll 2") for (int i = 0; i < R; i++)
    {
        __m256i start = _mm256_set1_epi32(first ? first[i] : 0);
        _Pragma("GCC unroll 2") for (int j = 0; j < 2; j++)
        {
            /* A column's two sums lie side by side; HADD leaves the middle quarters swapped. */
            __m256i s = _mm256_hadd_epi32(acc[i][2 * j], acc[i][2 * j + 1]);
            s = _mm256_add_epi32(_mm256_permute4x64_epi64(s, 0xd8), start);
            _mm256_storeu_si256((__m256i *)(out + (size_t)i * PANEL + 8 * j), s);
        }
    }
}

static INLINE void tile_bytes(const int row_signed, const unsigned char *rows, size_t stride,
                              size_t n, const unsigned char *panel, uint32_t dim,
                              const int32_t *first, int32_t *out)
{
    for (size_t h = 0; h < PANEL; h += HALF)
        for (size_t i = 0; i < n; i += BYTE_ROWS) {
            const unsigned char *row = rows + i * stride;
            const int32_t *f = first ? first + i : NULL;

            if (i + BYTE_ROWS <= n)
                micro_bytes(BYTE_ROWS, row_signed, row, stride, panel + 4 * h, dim, f,
                            out + i * PANEL + h);
            else
                micro_bytes(1, row_signed, row, stride, panel + 4 * h, dim, f, out + i * PANEL + h);
        }
}

static void tile_us(const void *rows, size_t stride, size_t n, const void *panel, uint32_t dim,
                    const int32_t *first, int32_t *out)
{
    tile_bytes(0, rows, stride, n, panel, dim, first, out);
}

static void tile_su(const void *rows, size_t stride, size_t n, const void *panel, uint32_t dim,
                    const int32_t *first, int32_t *out)
{
    tile_bytes(1, rows, stride, n, panel, dim, first, out);
}

/* ---- sums along the components ---- */

static INLINE float reduce_f32(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static INLINE int32_t reduce_i32(__m256i v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

/* Eight numbers, or the n that are left and zeros. */
static INLINE __m256 eight(const unsigned char *p, size_t n)
{
    float v[8] = {0};

    if (n >= 8)
        return _mm256_loadu_ps((const float *)(const void *)p);
    memcpy(v, p, 4 * n);
    return _mm256_loadu_ps(v);
}

/* R rows, a line of which is asked for when the one R rows before is read, with one query. */
static INLINE void sums_f32(const int R, const unsigned char *row, size_t stride,
                            const unsigned char *q, uint32_t dim, float *out)
{
    __m256 acc[4];

    _Pragma("GCC unroll 4") for (int i = 0; i < R; i++) acc[i] = _mm256_setzero_ps();
    for (size_t k = 0; k < dim; k += 8) {
        __m256 y = eight(q + 4 * k, dim - k);
        _Pragma("GCC unroll 4") for (int i = 0; i < R; i++)
        {
            const unsigned char *p = row + (size_t)i * stride + 4 * k;
            _mm_prefetch((const char *)p + 8 * stride, _MM_HINT_T0);
            acc[i] = _mm256_fmadd_ps(eight(p, dim - k), y, acc[i]);
        }
    }
    _Pragma("GCC unroll 4") for (int i = 0; i < R; i++) out[i] = reduce_f32(acc[i]);
}

static void norms_f32(const void *rows, size_t stride, size_t n, uint32_t dim, float *norm2)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = (const unsigned char *)rows + i * stride;
        __m256 acc = _mm256_setzero_ps();

        for (size_t k = 0; k < dim; k += 8) {
            __m256 x = eight(row + 4 * k, dim - k);
            acc = _mm256_fmadd_ps(x, x, acc);
        }
        norm2[i] = reduce_f32(acc);
    }
}

static void dots_f32(const void *rows, size_t stride, size_t n, const void *packed, size_t nq,
                     uint32_t dim, float *out, size_t ldo, float *norm2)
{
    const float *q = packed;
    const unsigned char *row = rows;
    size_t i = 0;

    for (; i + 4 <= n; i += 4, row += 4 * stride)
        for (size_t j = 0; j < nq; j++)
            sums_f32(4, row, stride, (const unsigned char *)(q + j * dim), dim, out + j * ldo + i);
    for (; i < n; i++, row += stride)
        for (size_t j = 0; j < nq; j++)
            sums_f32(1, row, stride, (const unsigned char *)(q + j * dim), dim, out + j * ldo + i);
    norms_f32(rows, stride, n, dim, norm2);
}

static void inverse_roots(const float *v, size_t n, float *out)
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        __m256 root = _mm256_sqrt_ps(_mm256_loadu_ps(v + i));
        _mm256_storeu_ps(out + i, _mm256_div_ps(_mm256_set1_ps(1), root));
    }
    for (; i < n; i++)
        out[i] = 1 / sqrtf(v[i]);
}

/* Sixteen components as words, or the n that are left and zeros. */
static INLINE __m256i sixteen(enum vec_type t, const unsigned char *p, size_t n)
{
    unsigned char v[16] = {0};

    if (n >= 16)
        return widen(t == VEC_I8, _mm_loadu_si128((const __m128i *)p));
    memcpy(v, p, n);
    return widen(t == VEC_I8, _mm_loadu_si128((const __m128i *)v));
}

static int32_t dot_bytes(const unsigned char *a, enum vec_type at, const unsigned char *b,
                         enum vec_type bt, uint32_t dim)
{
    __m256i acc = _mm256_setzero_si256();

    for (size_t k = 0; k < dim; k += 16)
        acc = _mm256_add_epi32(
            acc, _mm256_madd_epi16(sixteen(at, a + k, dim - k), sixteen(bt, b + k, dim - k)));
    return reduce_i32(acc);
}

static void dots_bytes(const void *rows, enum vec_type rt, size_t stride, size_t n,
                       const void *packed, enum vec_type qt, size_t nq, uint32_t dim, int32_t *out,
                       size_t ldo)
{
    const unsigned char *row = rows;

    for (size_t i = 0; i < n; i++, row += stride)
        for (size_t j = 0; j < nq; j++)
            out[j * ldo + i] = dot_bytes(row, rt, (const unsigned char *)packed + j * dim, qt, dim);
}

static void norms_bytes(const void *rows, enum vec_type t, size_t stride, size_t n, uint32_t dim,
                        int32_t *sum, int32_t *norm2)
{
    const __m256i one = _mm256_set1_epi16(1);

    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = (const unsigned char *)rows + i * stride;
        __m256i acc = _mm256_setzero_si256();

        for (size_t k = 0; k < dim; k += 16)
            acc = _mm256_add_epi32(acc, _mm256_madd_epi16(sixteen(t, row + k, dim - k), one));
        sum[i] = reduce_i32(acc);
        norm2[i] = dot_bytes(row, t, row, t, dim);
    }
}

/* ---- filters ---- */

static INLINE __m256 product(const int ints, const int32_t *p)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)p);

    return ints ? _mm256_cvtepi32_ps(v) : _mm256_castsi256_ps(v);
}

static INLINE uint32_t below(__m256 p, __m256 m, __m256 b, __m256 limit)
{
    __m256 v = _mm256_fmadd_ps(p, m, b);

    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(v, limit, _CMP_NGT_UQ));
}

static INLINE size_t tile_below(const int ints, const int32_t *p, size_t n, const float *a,
                                const float *b, const float *mul, const float *limit,
                                struct ops_hit *hits)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++, p += PANEL) {
        __m256 va = _mm256_set1_ps(a[i]), vb = _mm256_set1_ps(b[i]);
        uint32_t lanes = 0;

        _Pragma("GCC unroll 4") for (int j = 0; j < PANEL; j += 8)
            lanes |= below(product(ints, p + j), _mm256_mul_ps(_mm256_loadu_ps(mul + j), va), vb,
                           _mm256_loadu_ps(limit + j))
                     << j;
        hits[found] = (struct ops_hit){(uint32_t)i, lanes};
        found += lanes != 0;
    }
    return found;
}

/* The last rows, fewer than eight. */
static uint32_t few_below(const int ints, const int32_t *p, size_t n, const float *a,
                          const float *b, float mul, float limit)
{
    int32_t vp[8] = {0};
    float va[8] = {0}, vb[8] = {0};

    memcpy(vp, p, 4 * n);
    memcpy(va, a, 4 * n);
    memcpy(vb, b, 4 * n);
    return below(product(ints, vp), _mm256_mul_ps(_mm256_set1_ps(mul), _mm256_loadu_ps(va)),
                 _mm256_loadu_ps(vb), _mm256_set1_ps(limit)) &
           ((1u << n) - 1);
}

static INLINE size_t line_below(const int ints, const int32_t *p, size_t n, const float *a,
                                const float *b, float mul, float limit, struct ops_hit *hits)
{
    const __m256 m = _mm256_set1_ps(mul), t = _mm256_set1_ps(limit);
    size_t found = 0;

    for (size_t i = 0; i < n; i += PANEL) {
        uint32_t lanes = 0;
        for (size_t j = 0; j < PANEL && i + j < n; j += 8) {
            size_t at = i + j;
            uint32_t lane = n - at < 8 ? few_below(ints, p + at, n - at, a + at, b + at, mul, limit)
                                       : below(product(ints, p + at),
                                               _mm256_mul_ps(m, _mm256_loadu_ps(a + at)),
                                               _mm256_loadu_ps(b + at), t);
            lanes |= lane << j;
        }
        hits[found] = (struct ops_hit){(uint32_t)i, lanes};
        found += lanes != 0;
    }
    return found;
}

#define INTS    0
#define TYPE    float
#define NAME(x) x##_f32
#include "vec/ops_below.h"
#define INTS    1
#define TYPE    int32_t
#define NAME(x) x##_i32
#include "vec/ops_below.h"

static INLINE __m256 some(const float *p, size_t n)
{
    return eight((const unsigned char *)p, n);
}

/* Which of eight squares of lengths are ordinary numbers? */
static INLINE uint32_t ordinary(__m256 norm2)
{
    __m256 above = _mm256_cmp_ps(norm2, _mm256_set1_ps(norm2_low), _CMP_GT_OQ);
    __m256 under = _mm256_cmp_ps(norm2, _mm256_set1_ps(norm2_high), _CMP_LT_OQ);

    return (uint32_t)_mm256_movemask_ps(_mm256_and_ps(above, under));
}

static uint32_t any_below(const float *p, size_t n, size_t nq, const float *norm2, const float *a,
                          float by, float off, const float *mul, const float *limit)
{
    uint32_t found = 0;

    for (size_t i = 0; i < n; i += 8) {
        size_t left = n - i;
        uint32_t in = left < 8 ? (1u << left) - 1 : 0xff;
        __m256 x = some(norm2 + i, left);
        __m256 b = _mm256_sub_ps(_mm256_mul_ps(x, _mm256_set1_ps(by)), _mm256_set1_ps(off));

        if (~ordinary(x) & in)
            return ~0u;
        for (size_t q = 0; q < nq; q++) {
            __m256 m = _mm256_set1_ps(mul[q]), v = some(p + q * n + i, left);

            m = a ? _mm256_mul_ps(m, some(a + i, left)) : m;
            found |= (uint32_t)((below(v, m, b, _mm256_set1_ps(limit[q])) & in) != 0) << q;
        }
    }
    return found;
}

static void from_f16(const void *src, size_t n, float *dst)
{
    const unsigned char *p = src;
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 2 * i))));
    for (; i < n; i++) {
        uint16_t h;
        memcpy(&h, p + 2 * i, 2);
        dst[i] = _cvtsh_ss(h);
    }
}

const struct vec_ops ops_avx2 = {
    .name = "avx2",
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
#else
typedef int ops_avx2_is_for_x86;
#endif
