/* cells_avx2.c - the kernels of cells.h in 256-bit vectors. Cells of 8 bits are widened to 16, as
 * VPMADDUBSW would saturate; those of 4 cannot make it. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "ann/cells.h"

#define INLINE inline __attribute__((always_inline))

/* 32 cells of 8 bits. */
static INLINE __m256i half8(__m256i acc, const uint8_t *row, const int8_t *weights)
{
    for (size_t at = 0; at < 32; at += 16) {
        __m256i v = _mm256_cvtepu8_epi16(
            _mm_loadu_si128((const __m128i *)(const void *)(row + at)));
        __m256i w = _mm256_cvtepi8_epi16(
            _mm_loadu_si128((const __m128i *)(const void *)(weights + at)));

        acc = _mm256_add_epi32(acc, _mm256_madd_epi16(v, w));
    }
    return acc;
}

/* 64 cells of 4 bits. */
static INLINE __m256i half4(__m256i acc, const uint8_t *row, const int8_t *weights, size_t stride)
{
    const __m256i low = _mm256_set1_epi8(15), one = _mm256_set1_epi16(1);
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)row);
    __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)weights);
    __m256i u = _mm256_loadu_si256((const __m256i *)(const void *)(weights + stride));
    __m256i a = _mm256_maddubs_epi16(_mm256_and_si256(v, low), w);
    __m256i b = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(v, 4), low), u);

    return _mm256_add_epi32(acc,
                            _mm256_add_epi32(_mm256_madd_epi16(a, one), _mm256_madd_epi16(b, one)));
}

static INLINE int32_t sum_of(__m256i v)
{
    __m128i h = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

    h = _mm_add_epi32(h, _mm_shuffle_epi32(h, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(h, _mm_shuffle_epi32(h, 0xb1)));
}

static INLINE void keys(const unsigned bits, const struct cells_query *q, const uint8_t *rows,
                        size_t stride, const uint32_t *id, size_t n, float *key)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *row = rows + id[i] * stride;
        __m256i acc = _mm256_setzero_si256();
        float norm = q->take * cells_norm(row, stride), dot;

        for (size_t at = 0; at < stride; at += 32) {
            if (bits == 8 || (bits == CELLS_MIXED && at < q->wide))
                acc = half8(acc, row + at, q->weights + at + (bits == 8 ? 0 : 2 * stride));
            if (bits == 4 || (bits == CELLS_MIXED && at + 32 > q->wide))
                acc = half4(acc, row + at, q->weights + at, stride);
        }
        dot = q->scale * (float)(sum_of(acc) - q->middle);
        key[i] = norm + dot;
    }
}

#include "ann/cells_entry.h"

static uint64_t l2_bytes(const uint8_t *a, const uint8_t *b, uint32_t dim, uint8_t flip)
{
    const __m128i f = _mm_set1_epi8((char)flip);
    __m256i acc = _mm256_setzero_si256();
    uint64_t sum = 0;
    uint32_t lane[8], k = 0;

    for (; k + 16 <= dim; k += 16) {
        __m128i x = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)(a + k)), f);
        __m128i y = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)(b + k)), f);
        __m256i d = _mm256_sub_epi16(_mm256_cvtepu8_epi16(x), _mm256_cvtepu8_epi16(y));

        acc = _mm256_add_epi32(acc, _mm256_madd_epi16(d, d));
    }
    _mm256_storeu_si256((__m256i *)(void *)lane, acc);
    for (size_t i = 0; i < 8; i++)
        sum += lane[i];
    for (; k < dim; k++) {
        int32_t d = (a[k] ^ flip) - (b[k] ^ flip);

        sum += (uint32_t)(d * d);
    }
    return sum;
}

static size_t within(const float *key, size_t n, float limit, uint16_t *hit)
{
    const __m256 most = _mm256_set1_ps(limit);
    size_t hits = 0, i = 0;

    for (; i + 8 <= n; i += 8) {
        unsigned near = (unsigned)_mm256_movemask_ps(
            _mm256_cmp_ps(_mm256_loadu_ps(key + i), most, _CMP_NGT_UQ));

        for (; near; near &= near - 1)
            hit[hits++] = (uint16_t)(i + (unsigned)__builtin_ctz(near));
    }
    for (; i < n; i++) {
        hit[hits] = (uint16_t)i;
        hits += !(key[i] > limit);
    }
    return hits;
}

const struct cells_ops cells_avx2 = {"avx2", keys8, keys4, keys84, l2_bytes, within};
#endif
