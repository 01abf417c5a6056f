/* scode_avx2.c - the kernels of scode.h by AVX2: 8 vectors a register. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "vec/scode.h"

enum { TILE_QUERIES = 4, AHEAD = 4096, HALF = 32, SHORT_SUMS = 4 };

static inline __m256i weights_at(const int8_t *w)
{
    int32_t four;

    memcpy(&four, w, sizeof four);
    return _mm256_set1_epi32(four);
}

/* One block and one plane. Two products of at most 15 * 128 a group and lane of 16 bits: sums of
 * SHORT_SUMS groups, 30,720, fit. */
static void block4(const struct scode_shape *s, const uint8_t *p, const int8_t *w, int32_t *sum)
{
    const __m256i nibble = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    __m256i acc[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};

    for (uint32_t g = 0; g < s->groups4; g += SHORT_SUMS) {
        uint32_t end = s->groups4 - g < SHORT_SUMS ? s->groups4 : g + SHORT_SUMS;
        __m256i brief[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};

        for (uint32_t k = g; k < end; k++, p += 64) {
            __m256i w0 = weights_at(w + 8 * k), w1 = weights_at(w + 8 * k + 4);

            _mm_prefetch((const char *)p + AHEAD, _MM_HINT_T0);
            for (size_t h = 0; h < 2; h++) {
                __m256i cell = _mm256_load_si256((const void *)(p + h * HALF));
                __m256i first = _mm256_and_si256(cell, nibble);
                __m256i second = _mm256_and_si256(_mm256_srli_epi16(cell, 4), nibble);

                brief[h] = _mm256_add_epi16(brief[h], _mm256_maddubs_epi16(first, w0));
                brief[h] = _mm256_add_epi16(brief[h], _mm256_maddubs_epi16(second, w1));
            }
        }
        for (size_t h = 0; h < 2; h++)
            acc[h] = _mm256_add_epi32(acc[h], _mm256_madd_epi16(brief[h], ones));
    }
    for (size_t h = 0; h < 2; h++)
        _mm256_store_si256((void *)(sum + 8 * h), acc[h]);
}

/* One block and nq queries, 1 or 2: the even and the odd cells as 16 bits, times 16-bit weights. */
__attribute__((always_inline)) static inline void block8(const struct scode_shape *s,
                                                         const uint8_t *p,
                                                         const int8_t *const *plane, size_t nq,
                                                         int32_t (*sum)[SCODE_TILE])
{
    const __m256i byte = _mm256_set1_epi16(255);
    __m256i acc[2][2];

    for (size_t j = 0; j < nq; j++)
        acc[0][j] = acc[1][j] = _mm256_setzero_si256();
    for (uint32_t g = 0; g < s->groups8; g++, p += 64) {
        _mm_prefetch((const char *)p + AHEAD, _MM_HINT_T0);
        for (size_t h = 0; h < 2; h++) {
            __m256i cell = _mm256_load_si256((const void *)(p + h * HALF));
            __m256i even = _mm256_and_si256(cell, byte), odd = _mm256_srli_epi16(cell, 8);

            for (size_t j = 0; j < nq; j++) {
                const int8_t *w = plane[j] + 2 * s->plane + 8 * g;
                __m256i two = _mm256_add_epi32(_mm256_madd_epi16(even, weights_at(w)),
                                               _mm256_madd_epi16(odd, weights_at(w + 4)));

                acc[h][j] = _mm256_add_epi32(acc[h][j], two);
            }
        }
    }
    for (size_t h = 0; h < 2; h++)
        for (size_t j = 0; j < nq; j++)
            _mm256_store_si256((void *)(sum[j] + 8 * h), acc[h][j]);
}

static void dots4(const struct scode_shape *s, const uint8_t *p, size_t nb,
                  const int8_t *const *plane, size_t np, int32_t (*sum)[SCODE_TILE])
{
    for (size_t b = 0; b < nb; b++)
        for (size_t j = 0; j < np; j++)
            block4(s, p + b * s->block, plane[j], sum[j] + b * SCODE_ROWS);
}

static void dots8(const struct scode_shape *s, const uint8_t *p, size_t nb,
                  const int8_t *const *plane, size_t nq, int32_t (*sum)[SCODE_TILE])
{
    for (size_t b = 0; b < nb; b++) {
        size_t j = 0;

        for (; j + 2 <= nq; j += 2)
            block8(s, p + b * s->block, plane + j, 2,
                   (int32_t(*)[SCODE_TILE])(sum[j] + b * SCODE_ROWS));
        if (j < nq)
            block8(s, p + b * s->block, plane + j, 1,
                   (int32_t(*)[SCODE_TILE])(sum[j] + b * SCODE_ROWS));
    }
}

#include "vec/scode_body.h"

const struct scode_ops scode_avx2 = {
    "avx2", scan, centre, quantize, quantize_each, refine, halve,
};
#else
typedef int scode_avx2_is_for_x86;
#endif
