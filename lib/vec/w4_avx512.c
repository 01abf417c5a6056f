/* w4_avx512.c - the products of w4.h: VNNI for int8 queries; for f32 ones a table of the sixteen
 * weights in a register. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdbool.h>

#include "vec/w4.h"

enum { HALVES = 2, AHEAD = 2048 }; /* 16 rows each; bytes between a fetch and its use */

static inline int32_t four_bytes(const int8_t *p)
{
    int32_t v;

    memcpy(&v, p, 4);
    return v;
}

static inline void load_scales(const uint8_t *group, __m512 scale[HALVES])
{
    for (int h = 0; h < HALVES; h++) {
        __m256i bf16 = _mm256_load_si256((const __m256i *)(group + 32 * h));
        scale[h] = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bf16), 16));
    }
}

static inline void fetch_block(const uint8_t *block)
{
    _mm_prefetch((const char *)(block + AHEAD), _MM_HINT_T0);
    _mm_prefetch((const char *)(block + AHEAD + 64), _MM_HINT_T0);
}

/* The integer sums of one group, as floats. */
__attribute__((always_inline)) static inline void
group_i8(const struct w4_shape *s, const uint8_t *block, const struct w4_query *q, size_t nq,
         size_t at, uint32_t g, __m512 out[][HALVES])
{
    __m512i sum[W4_QUERIES][HALVES];
    const __m512i low = _mm512_set1_epi8(15);

    for (size_t j = 0; j < nq; j++)
        sum[j][0] = sum[j][1] = _mm512_set1_epi32(q[j].start[g]);
    for (uint32_t b = 0; b < s->blocks; b++, block += W4_BLOCK_BYTES, at += W4_BLOCK) {
        __m512i w0 = _mm512_load_si512(block), w1 = _mm512_load_si512(block + 64);
        __m512i lo0 = _mm512_and_si512(w0, low), lo1 = _mm512_and_si512(w1, low);
        __m512i hi0 = _mm512_and_si512(_mm512_srli_epi16(w0, 4), low);
        __m512i hi1 = _mm512_and_si512(_mm512_srli_epi16(w1, 4), low);

        fetch_block(block);
        for (size_t j = 0; j < nq; j++) {
            __m512i qlo = _mm512_set1_epi32(four_bytes(q[j].q8 + at));
            __m512i qhi = _mm512_set1_epi32(four_bytes(q[j].q8 + at + 4));

            sum[j][0] = _mm512_dpbusd_epi32(sum[j][0], lo0, qlo);
            sum[j][1] = _mm512_dpbusd_epi32(sum[j][1], lo1, qlo);
            sum[j][0] = _mm512_dpbusd_epi32(sum[j][0], hi0, qhi);
            sum[j][1] = _mm512_dpbusd_epi32(sum[j][1], hi1, qhi);
        }
    }
    for (size_t j = 0; j < nq; j++)
        for (int h = 0; h < HALVES; h++)
            out[j][h] = _mm512_cvtepi32_ps(sum[j][h]);
}

/* The chains of one group: the lowest four bits of a lane choose among the sixteen weights. */
__attribute__((always_inline)) static inline void group_f32(const struct w4_shape *s,
                                                            const uint8_t *block,
                                                            const struct w4_query *q, size_t nq,
                                                            size_t at, __m512 sum[][HALVES])
{
    const __m512 weight = _mm512_set_ps(7, 6, 5, 4, 3, 2, 1, 0, -1, -2, -3, -4, -5, -6, -7, -8);
    static const int shift[W4_BLOCK] = {0, 8, 16, 24, 4, 12, 20, 28};

    for (size_t j = 0; j < nq; j++)
        sum[j][0] = sum[j][1] = _mm512_setzero_ps();
    for (uint32_t b = 0; b < s->blocks; b++, block += W4_BLOCK_BYTES, at += W4_BLOCK) {
        __m512i w0 = _mm512_load_si512(block), w1 = _mm512_load_si512(block + 64);

        fetch_block(block);
#pragma GCC unroll 8
        for (int k = 0; k < W4_BLOCK; k++) {
            __m512i i0 = _mm512_srli_epi32(w0, (unsigned)shift[k]);
            __m512i i1 = _mm512_srli_epi32(w1, (unsigned)shift[k]);
            __m512 x0 = _mm512_permutexvar_ps(i0, weight), x1 = _mm512_permutexvar_ps(i1, weight);

            for (size_t j = 0; j < nq; j++) {
                __m512 v = _mm512_set1_ps(q[j].q32[at + (size_t)k]);

                sum[j][0] = _mm512_fmadd_ps(x0, v, sum[j][0]);
                sum[j][1] = _mm512_fmadd_ps(x1, v, sum[j][1]);
            }
        }
    }
}

/* nq and f32 are constants where this is called, so that the sums stay in registers. */
__attribute__((always_inline)) static inline void
products(const struct w4_shape *s, const uint8_t *group, const struct w4_query *q, const size_t nq,
         const bool f32, float *out)
{
    size_t width = (size_t)s->blocks * W4_BLOCK;
    __m512 total[W4_QUERIES][HALVES];

    for (size_t j = 0; j < nq; j++)
        total[j][0] = total[j][1] = _mm512_setzero_ps();
    for (uint32_t g = 0; g < s->groups; g++, group += w4_group_bytes(s)) {
        const uint8_t *block = group + W4_SCALE_BYTES;
        __m512 sum[W4_QUERIES][HALVES], scale[HALVES];

        load_scales(group, scale);
        if (f32)
            group_f32(s, block, q, nq, g * width, sum);
        else
            group_i8(s, block, q, nq, g * width, g, sum);
        for (size_t j = 0; j < nq; j++)
            for (int h = 0; h < HALVES; h++)
                total[j][h] = _mm512_fmadd_ps(
                    sum[j][h],
                    f32 ? scale[h] : _mm512_mul_ps(scale[h], _mm512_set1_ps(q[j].scale[g])),
                    total[j][h]);
    }
    for (size_t j = 0; j < nq; j++)
        for (int h = 0; h < HALVES; h++)
            _mm512_storeu_ps(out + j * W4_ROWS + 16 * h, total[j][h]);
}

__attribute__((always_inline)) static inline void by_queries(const struct w4_shape *s,
                                                             const uint8_t *panel,
                                                             const struct w4_query *q, size_t nq,
                                                             const bool f32, float *out)
{
    const uint8_t *group = panel + W4_NORM_BYTES;

#define QUERIES(n)                          \
    case n:                                 \
        products(s, group, q, n, f32, out); \
        break;
    switch (nq) {
        QUERIES(1)
        QUERIES(2)
        QUERIES(3)
        QUERIES(4)
        QUERIES(5)
        QUERIES(6)
        QUERIES(7)
        QUERIES(8)
    }
#undef QUERIES
}

static void product_i8(const struct w4_shape *s, const uint8_t *panel, const struct w4_query *q,
                       size_t nq, float *out)
{
    by_queries(s, panel, q, nq, false, out);
}

static void product_f32(const struct w4_shape *s, const uint8_t *panel, const struct w4_query *q,
                        size_t nq, float *out)
{
    by_queries(s, panel, q, nq, true, out);
}

const struct w4_ops w4_avx512 = {"avx512", product_i8, product_f32};
#else
typedef int w4_avx512_is_for_x86;
#endif
