/* cells_avx512.c - the kernels of cells.h in 512-bit vectors: a line of cells of 8 bits is one
 * VPDPBUSD, one of 4 bits two, one of both three. Four rows go together, so that their sums are
 * added across lanes once. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "ann/cells.h"

#define INLINE inline __attribute__((always_inline))

/* The line at `at`; of mixed rows, those of 8 bits are read where there are some, and those of 4.
 */
static INLINE __m512i line_sum(const unsigned bits, __m512i acc, const uint8_t *row, size_t at,
                               const struct cells_query *q, size_t stride)
{
    const int8_t *weights = q->weights + at;
    __m512i v = _mm512_load_si512(row + at), w = _mm512_load_si512(weights);

    if (bits == 8)
        return _mm512_dpbusd_epi32(acc, v, w);
    if (bits == CELLS_MIXED && at < q->wide)
        acc = _mm512_dpbusd_epi32(acc, v, _mm512_load_si512(weights + 2 * stride));
    if (bits == CELLS_MIXED && at + CELLS_LINE <= q->wide)
        return acc;
    acc = _mm512_dpbusd_epi32(acc, _mm512_and_si512(v, _mm512_set1_epi8(15)), w);
    v = _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15));
    return _mm512_dpbusd_epi32(acc, v, _mm512_load_si512(weights + stride));
}

/* The sum of the lanes of each of four. */
static INLINE __m128i lanes4(__m512i a, __m512i b, __m512i c, __m512i d)
{
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));

    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* Four rows, of which `n` are written. */
static INLINE void four(const unsigned bits, const struct cells_query *q,
                        const uint8_t *const row[4], size_t stride, size_t n, float *key)
{
    __m512i acc[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                      _mm512_setzero_si512()};
    const size_t end = stride - CELLS_NORM;
    __m128 norm, dot;

    for (size_t at = 0; at < stride; at += CELLS_LINE)
        for (size_t i = 0; i < 4; i++)
            acc[i] = line_sum(bits, acc[i], row[i], at, q, stride);
    norm = _mm_setr_ps(
        *(const float *)(const void *)(row[0] + end), *(const float *)(const void *)(row[1] + end),
        *(const float *)(const void *)(row[2] + end), *(const float *)(const void *)(row[3] + end));
    dot = _mm_cvtepi32_ps(
        _mm_sub_epi32(lanes4(acc[0], acc[1], acc[2], acc[3]), _mm_set1_epi32(q->middle)));
    norm = _mm_mul_ps(_mm_set1_ps(q->take), norm);
    dot = _mm_mul_ps(_mm_set1_ps(q->scale), dot);
    _mm_mask_storeu_ps(key, (__mmask8)((1u << n) - 1), _mm_add_ps(norm, dot));
}

static INLINE void keys(const unsigned bits, const struct cells_query *q, const uint8_t *rows,
                        size_t stride, const uint32_t *id, size_t n, float *key)
{
    for (size_t i = 0; i < n; i += 4) {
        size_t left = n - i < 4 ? n - i : 4;
        const uint8_t *row[4];

        for (size_t j = 0; j < 4; j++)
            row[j] = rows + id[j < left ? i + j : i] * stride;
        if (stride == CELLS_LINE)
            four(bits, q, row, CELLS_LINE, left, key + i);
        else if (stride == (size_t)2 * CELLS_LINE)
            four(bits, q, row, (size_t)2 * CELLS_LINE, left, key + i);
        else
            four(bits, q, row, stride, left, key + i);
    }
}

#include "ann/cells_entry.h"

static INLINE __m512i squares(__m512i acc, __m512i a, __m512i b)
{
    __m512i d = _mm512_or_si512(_mm512_subs_epu8(a, b), _mm512_subs_epu8(b, a));
    __m512i zero = _mm512_setzero_si512();
    __m512i low = _mm512_unpacklo_epi8(d, zero), high = _mm512_unpackhi_epi8(d, zero);

    return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(acc, low, low), high, high);
}

static uint64_t l2_bytes(const uint8_t *a, const uint8_t *b, uint32_t dim, uint8_t flip)
{
    __m512i acc = _mm512_setzero_si512(), f = _mm512_set1_epi8((char)flip);
    __mmask64 rest = dim % 64 ? (~(__mmask64)0) >> (64 - dim % 64) : 0;
    uint32_t k = 0;

    for (; k + 64 <= dim; k += 64)
        acc = squares(acc, _mm512_xor_si512(_mm512_loadu_si512(a + k), f),
                      _mm512_xor_si512(_mm512_loadu_si512(b + k), f));
    if (rest)
        acc = squares(acc, _mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, a + k), f),
                      _mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, b + k), f));
    acc = _mm512_add_epi64(_mm512_and_si512(acc, _mm512_set1_epi64(0xffffffff)),
                           _mm512_srli_epi64(acc, 32));
    return (uint64_t)_mm512_reduce_add_epi64(acc);
}

static size_t within(const float *key, size_t n, float limit, uint16_t *hit)
{
    const __m512 most = _mm512_set1_ps(limit);
    size_t hits = 0;

    for (size_t i = 0; i < n; i += 16) {
        __mmask16 in = n - i < 16 ? (__mmask16)((1u << (n - i)) - 1) : 0xffff;
        unsigned near = _mm512_mask_cmp_ps_mask(in, _mm512_maskz_loadu_ps(in, key + i), most,
                                                _CMP_NGT_UQ);

        for (; near; near &= near - 1)
            hit[hits++] = (uint16_t)(i + (unsigned)__builtin_ctz(near));
    }
    return hits;
}

const struct cells_ops cells_avx512 = {"avx512", keys8, keys4, keys84, l2_bytes, within};
#endif
