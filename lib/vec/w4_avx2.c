/* w4_avx2.c - the products of w4.h: 4-bit weights times int8 fit into the 16 bits of VPMADDUBSW,
 * two products and eight sums of them; weights become f32 by conversion. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "vec/w4.h"

enum { QUARTERS = 4, PAIRS_MAX = 4 }; /* 8 rows each; 2 * 15 * 128 * 2 * 4 < 2^15 */

static inline int32_t four_bytes(const int8_t *p)
{
    int32_t v;

    memcpy(&v, p, 4);
    return v;
}

static inline __m256 load_scale(const uint8_t *group, int quarter)
{
    __m128i bf16 = _mm_load_si128((const __m128i *)(group + 16 * quarter));

    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bf16), 16));
}

/* The integer sums of 8 rows and one query over one group. */
static inline __m256i group_i8(const struct w4_shape *s, const uint8_t *block, const int8_t *q,
                               int32_t start)
{
    const __m256i low = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    __m256i sum = _mm256_set1_epi32(start);

    for (uint32_t b = 0; b < s->blocks;) {
        uint32_t end = s->blocks - b < PAIRS_MAX ? s->blocks : b + PAIRS_MAX;
        __m256i pairs = _mm256_setzero_si256();

        for (; b < end; b++, block += W4_BLOCK_BYTES, q += W4_BLOCK) {
            __m256i w = _mm256_load_si256((const __m256i *)block);
            __m256i lo = _mm256_and_si256(w, low);
            __m256i hi = _mm256_and_si256(_mm256_srli_epi16(w, 4), low);

            lo = _mm256_maddubs_epi16(lo, _mm256_set1_epi32(four_bytes(q)));
            hi = _mm256_maddubs_epi16(hi, _mm256_set1_epi32(four_bytes(q + 4)));
            pairs = _mm256_add_epi16(pairs, _mm256_add_epi16(lo, hi));
        }
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
    return sum;
}

static void product_i8(const struct w4_shape *s, const uint8_t *panel, const struct w4_query *q,
                       size_t nq, float *out)
{
    size_t width = (size_t)s->blocks * W4_BLOCK;

    for (int h = 0; h < QUARTERS; h++) {
        const uint8_t *group = panel + W4_NORM_BYTES;
        __m256 total[W4_QUERIES];

        for (size_t j = 0; j < nq; j++)
            total[j] = _mm256_setzero_ps();
        for (uint32_t g = 0; g < s->groups; g++, group += w4_group_bytes(s)) {
            __m256 scale = load_scale(group, h);

            for (size_t j = 0; j < nq; j++) {
                __m256i sum = group_i8(s, group + W4_SCALE_BYTES + 32 * h, q[j].q8 + g * width,
                                       q[j].start[g]);
                total[j] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum),
                                           _mm256_mul_ps(scale, _mm256_set1_ps(q[j].scale[g])),
                                           total[j]);
            }
        }
        for (size_t j = 0; j < nq; j++)
            _mm256_storeu_ps(out + j * W4_ROWS + 8 * h, total[j]);
    }
}

/* The chains of 8 rows and all queries over one group. */
static inline void group_f32(const struct w4_shape *s, const uint8_t *block,
                             const struct w4_query *q, size_t nq, size_t at, __m256 *sum)
{
    const __m256i low = _mm256_set1_epi32(15), eight = _mm256_set1_epi32(8);
    static const int shift[W4_BLOCK] = {0, 8, 16, 24, 4, 12, 20, 28};

    for (size_t j = 0; j < nq; j++)
        sum[j] = _mm256_setzero_ps();
    for (uint32_t b = 0; b < s->blocks; b++, block += W4_BLOCK_BYTES, at += W4_BLOCK) {
        __m256i w = _mm256_load_si256((const __m256i *)block);

        for (int k = 0; k < W4_BLOCK; k++) {
            __m256i i = _mm256_and_si256(_mm256_srl_epi32(w, _mm_cvtsi32_si128(shift[k])), low);
            __m256 x = _mm256_cvtepi32_ps(_mm256_sub_epi32(i, eight));

            for (size_t j = 0; j < nq; j++)
                sum[j] = _mm256_fmadd_ps(x, _mm256_set1_ps(q[j].q32[at + (size_t)k]), sum[j]);
        }
    }
}

static void product_f32(const struct w4_shape *s, const uint8_t *panel, const struct w4_query *q,
                        size_t nq, float *out)
{
    size_t width = (size_t)s->blocks * W4_BLOCK;

    for (int h = 0; h < QUARTERS; h++) {
        const uint8_t *group = panel + W4_NORM_BYTES;
        __m256 total[W4_QUERIES], sum[W4_QUERIES];

        for (size_t j = 0; j < nq; j++)
            total[j] = _mm256_setzero_ps();
        for (uint32_t g = 0; g < s->groups; g++, group += w4_group_bytes(s)) {
            __m256 scale = load_scale(group, h);

            group_f32(s, group + W4_SCALE_BYTES + 32 * h, q, nq, g * width, sum);
            for (size_t j = 0; j < nq; j++)
                total[j] = _mm256_fmadd_ps(sum[j], scale, total[j]);
        }
        for (size_t j = 0; j < nq; j++)
            _mm256_storeu_ps(out + j * W4_ROWS + 8 * h, total[j]);
    }
}

const struct w4_ops w4_avx2 = {"avx2", product_i8, product_f32};
#else
typedef int w4_avx2_is_for_x86;
#endif
