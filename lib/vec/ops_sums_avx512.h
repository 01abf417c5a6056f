/* ops_sums_avx512.h - the second half of ops_avx512.c: sums along the components, and filters.
 *
 * Sixteen sums at a time, of R rows with 16 / R queries, so that sixteen vectors collapse into one
 * that holds the results in order.
 */
#ifndef VEC_OPS_SUMS_AVX512_H
#define VEC_OPS_SUMS_AVX512_H

enum { AHEAD = 8192 }; /* bytes, at least, that rows are asked for before they are wanted */
enum { GROUP = 16 };   /* rows that meet all queries while they are in the first-level cache */

static INLINE __m512i add(const enum kind kind, __m512i a, __m512i b)
{
    if (kind == F32)
        return _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b)));
    return _mm512_add_epi32(a, b);
}

/* Lane i of the result is the sum of the lanes of v[i]. */
static INLINE __m512i collapse(const enum kind kind, __m512i v[16])
{
    __m512i t[8], u[4], w[2];

    _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++)
        t[i] = add(kind, _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]),
                   _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]));
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++)
        u[i] = add(kind, _mm512_unpacklo_epi64(t[2 * i], t[2 * i + 1]),
                   _mm512_unpackhi_epi64(t[2 * i], t[2 * i + 1]));
    _Pragma("GCC unroll 2") for (int i = 0; i < 2; i++)
        w[i] = add(kind, _mm512_shuffle_i32x4(u[2 * i], u[2 * i + 1], 0x88),
                   _mm512_shuffle_i32x4(u[2 * i], u[2 * i + 1], 0xdd));
    return add(kind, _mm512_shuffle_i32x4(w[0], w[1], 0x88),
               _mm512_shuffle_i32x4(w[0], w[1], 0xdd));
}

static INLINE __mmask64 first_bytes(size_t n)
{
    return n >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << n) - 1;
}

/* R rows with 16 / R queries; `ahead` bytes before it is wanted, a row's line is asked for. */
static INLINE __m512i sums16(const enum kind kind, const int R, const unsigned char *rows,
                             size_t stride, const unsigned char *q, size_t bytes, __m512i flip,
                             size_t ahead)
{
    const unsigned char *row[6] = {rows,
                                   rows + 3 * stride,
                                   rows + 6 * stride,
                                   rows + 9 * stride,
                                   rows + 12 * stride,
                                   rows + 15 * stride};
    __m512i acc[16];

    _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) acc[i] = _mm512_setzero_si512();
    for (size_t at = 0; at < bytes; at += 64) {
        __mmask64 m = first_bytes(bytes - at);
        __m512i x[16];
        _Pragma("GCC unroll 16") for (int r = 0; r < R; r++)
        {
            const unsigned char *p = row[r / 3] + (size_t)(r % 3) * stride + at;
            x[r] = _mm512_maskz_loadu_epi8(m, p);
            if (ahead)
                _mm_prefetch((const char *)p + ahead, _MM_HINT_T0);
            if (kind != F32)
                x[r] = _mm512_xor_si512(x[r], flip);
        }
        __m512i y = _mm512_setzero_si512();
        _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++)
        {
            if (i % R == 0)
                y = _mm512_maskz_loadu_epi8(m, q + (size_t)(i / R) * bytes + at);
            acc[i] = madd(kind, acc[i], x[i % R], y);
        }
    }
    return collapse(kind, acc);
}

/* One row and one query: for the last rows. */
static int32_t sum1(const enum kind kind, const unsigned char *row, const unsigned char *q,
                    size_t bytes, __m512i flip)
{
    __m512i acc = _mm512_setzero_si512();
    float f;
    int32_t v;

    for (size_t at = 0; at < bytes; at += 64) {
        __mmask64 m = first_bytes(bytes - at);
        __m512i x = _mm512_maskz_loadu_epi8(m, row + at);
        if (kind != F32)
            x = _mm512_xor_si512(x, flip);
        acc = madd(kind, acc, x, _mm512_maskz_loadu_epi8(m, q + at));
    }
    if (kind != F32)
        return _mm512_reduce_add_epi32(acc);
    f = _mm512_reduce_add_ps(_mm512_castsi512_ps(acc));
    memcpy(&v, &f, 4);
    return v;
}

/* GROUP rows with all queries. */
static INLINE void sums_group(const enum kind kind, const unsigned char *rows, size_t stride,
                              const unsigned char *q, size_t nq, size_t bytes, __m512i flip,
                              int32_t *out, size_t ldo)
{
    size_t group = GROUP * stride, ahead = group < AHEAD ? AHEAD / group * group + group : group;

    for (; nq >= 8; nq -= 8, q += 8 * bytes, out += 8 * ldo, ahead = 0)
        for (size_t i = 0; i < GROUP; i += 2) {
            uint64_t pair[8];
            _mm512_storeu_si512(pair, sums16(kind, 2, rows + i * stride, stride, q, bytes, flip,
                                             ahead ? AHEAD : 0));
            for (size_t j = 0; j < 8; j++)
                memcpy(out + j * ldo + i, &pair[j], sizeof pair[j]);
        }
    for (; nq >= 4; nq -= 4, q += 4 * bytes, out += 4 * ldo, ahead = 0)
        for (size_t i = 0; i < GROUP; i += 4) {
            __m512i s = sums16(kind, 4, rows + i * stride, stride, q, bytes, flip, ahead);
            _mm_storeu_si128((__m128i *)(out + i), _mm512_castsi512_si128(s));
            _mm_storeu_si128((__m128i *)(out + ldo + i), _mm512_extracti32x4_epi32(s, 1));
            _mm_storeu_si128((__m128i *)(out + 2 * ldo + i), _mm512_extracti32x4_epi32(s, 2));
            _mm_storeu_si128((__m128i *)(out + 3 * ldo + i), _mm512_extracti32x4_epi32(s, 3));
        }
    if (nq >= 2) {
        for (size_t i = 0; i < GROUP; i += 8) {
            __m512i s = sums16(kind, 8, rows + i * stride, stride, q, bytes, flip, ahead);
            _mm256_storeu_si256((__m256i *)(out + i), _mm512_castsi512_si256(s));
            _mm256_storeu_si256((__m256i *)(out + ldo + i), _mm512_extracti64x4_epi64(s, 1));
        }
        nq -= 2;
        q += 2 * bytes;
        out += 2 * ldo;
        ahead = 0;
    }
    if (nq)
        _mm512_storeu_si512(out, sums16(kind, 16, rows, stride, q, bytes, flip, ahead));
}

static INLINE void sums(const enum kind kind, const unsigned char *rows, size_t stride, size_t n,
                        const unsigned char *q, size_t nq, size_t bytes, __m512i flip, int32_t *out,
                        size_t ldo)
{
    size_t i = 0;

    for (; i + GROUP <= n; i += GROUP)
        sums_group(kind, rows + i * stride, stride, q, nq, bytes, flip, out + i, ldo);
    for (; i < n; i++)
        for (size_t j = 0; j < nq; j++)
            out[j * ldo + i] = sum1(kind, rows + i * stride, q + j * bytes, bytes, flip);
}

static void dots_f32(const void *rows, size_t stride, size_t n, const float *q, size_t nq,
                     uint32_t dim, float *out, size_t ldo)
{
    sums(F32, rows, stride, n, (const unsigned char *)q, nq, 4 * (size_t)dim,
         _mm512_setzero_si512(), (int32_t *)(void *)out, ldo);
}

static void norms_bytes(const void *rows, enum vec_type t, size_t stride, size_t n, uint32_t dim,
                        int32_t *sum, int32_t *norm2)
{
    const __m512i high = _mm512_set1_epi8((char)0x80), one = _mm512_set1_epi8(1);

    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = (const unsigned char *)rows + i * stride;
        __m512i s = _mm512_setzero_si512(), s2 = s;

        for (size_t at = 0; at < dim; at += 64) {
            __m512i x = _mm512_maskz_loadu_epi8(first_bytes(dim - at), row + at);
            __m512i y = _mm512_xor_si512(x, high);
            s = t == VEC_U8 ? _mm512_dpbusd_epi32(s, x, one) : _mm512_dpbusd_epi32(s, one, x);
            s2 = t == VEC_U8 ? _mm512_dpbusd_epi32(s2, x, y) : _mm512_dpbusd_epi32(s2, y, x);
        }
        sum[i] = _mm512_reduce_add_epi32(s);
        norm2[i] = _mm512_reduce_add_epi32(s2) + (t == VEC_U8 ? 128 : -128) * sum[i];
    }
}

static void dots_bytes(const void *rows, enum vec_type rt, size_t stride, size_t n, const void *q,
                       enum vec_type qt, size_t nq, uint32_t dim, int32_t *out, size_t ldo)
{
    const __m512i flip = _mm512_set1_epi8(rt == qt ? (char)0x80 : 0);
    int32_t sum[DOTS_MAX], norm2[DOTS_MAX];

    if ((rt == VEC_U8) == (rt == qt))
        sums(SU, rows, stride, n, q, nq, dim, flip, out, ldo);
    else
        sums(US, rows, stride, n, q, nq, dim, flip, out, ldo);
    if (rt != qt)
        return;
    /* A row less 128 met a u8 query, a row and 128 an i8 one. */
    norms_bytes(q, qt, dim, nq, dim, sum, norm2);
    for (size_t j = 0; j < nq; j++) {
        int32_t more = (rt == VEC_U8 ? 128 : -128) * sum[j];
        for (size_t i = 0; i < n; i++)
            out[j * ldo + i] += more;
    }
}

/* The squares' sums of 16 rows; rows behind the n-th are the n-th again. */
static INLINE __m512i squares16(const unsigned char *rows, size_t stride, size_t n, size_t bytes)
{
    __m512i acc[16];
    const unsigned char *row[16];

    _Pragma("GCC unroll 16") for (size_t r = 0; r < 16; r++)
    {
        row[r] = rows + (r < n ? r : n - 1) * stride;
        acc[r] = _mm512_setzero_si512();
    }
    for (size_t at = 0; at < bytes; at += 64) {
        __mmask64 m = first_bytes(bytes - at);
        _Pragma("GCC unroll 16") for (int r = 0; r < 16; r++)
        {
            __m512i x = _mm512_maskz_loadu_epi8(m, row[r] + at);
            acc[r] = madd(F32, acc[r], x, x);
        }
    }
    return collapse(F32, acc);
}

/* Squares come after products, or before tiles: their rows are near already. */
static void norms_f32(const void *rows, size_t stride, size_t n, uint32_t dim, float *norm2)
{
    for (size_t i = 0; i < n; i += 16) {
        size_t left = n - i < 16 ? n - i : 16;
        __m512i s = squares16((const unsigned char *)rows + i * stride, stride, left,
                              4 * (size_t)dim);
        _mm512_mask_storeu_epi32(norm2 + i, (__mmask16)((1u << left) - 1), s);
    }
}

/* ---- filters ---- */

static INLINE __m512 product(const int ints, const void *p, __mmask16 m)
{
    if (ints)
        return _mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(m, p));
    return _mm512_maskz_loadu_ps(m, p);
}

static INLINE size_t tile_below(const int ints, const int32_t *p, size_t n, const float *a,
                                const float *b, const float *mul, const float *limit,
                                struct ops_hit *hits)
{
    const __m512 m0 = _mm512_loadu_ps(mul), m1 = _mm512_loadu_ps(mul + 16);
    const __m512 t0 = _mm512_loadu_ps(limit), t1 = _mm512_loadu_ps(limit + 16);
    size_t found = 0;

    for (size_t i = 0; i < n; i++, p += PANEL) {
        __m512 va = _mm512_set1_ps(a[i]), vb = _mm512_set1_ps(b[i]);
        __m512 v0 = _mm512_fmadd_ps(product(ints, p, 0xffff), _mm512_mul_ps(m0, va), vb);
        __m512 v1 = _mm512_fmadd_ps(product(ints, p + 16, 0xffff), _mm512_mul_ps(m1, va), vb);
        uint32_t lo = _mm512_cmp_ps_mask(v0, t0, _CMP_NGT_UQ);
        uint32_t hi = _mm512_cmp_ps_mask(v1, t1, _CMP_NGT_UQ);

        hits[found] = (struct ops_hit){(uint32_t)i, lo | hi << 16};
        found += (lo | hi) != 0;
    }
    return found;
}

static INLINE size_t line_below(const int ints, const int32_t *p, size_t n, const float *a,
                                const float *b, float mul, float limit, struct ops_hit *hits)
{
    const __m512 m = _mm512_set1_ps(mul), t = _mm512_set1_ps(limit);
    size_t found = 0;

    for (size_t i = 0; i < n; i += PANEL) {
        uint32_t lanes = 0;
        for (size_t h = 0; h < PANEL && i + h < n; h += 16) {
            size_t at = i + h, left = n - at;
            __mmask16 in = (__mmask16)(left >= 16 ? 0xffff : (1u << left) - 1);
            __m512 v = _mm512_fmadd_ps(product(ints, p + at, in),
                                       _mm512_mul_ps(m, _mm512_maskz_loadu_ps(in, a + at)),
                                       _mm512_maskz_loadu_ps(in, b + at));
            lanes |= (uint32_t)_mm512_mask_cmp_ps_mask(in, v, t, _CMP_NGT_UQ) << h;
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

#endif
