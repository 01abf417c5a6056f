/* osq_avx2.c - the kernel of osq: two permutes of 8 entries for a table of 16, loads one by one for
 * larger ones.
 */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "vec/osq.h"

static inline __m256i load_cells(const uint8_t *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}

/* The lowest 4 bits of each lane choose. */
static inline __m256 look16(__m256 low, __m256 high, __m256i cell)
{
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, cell),
                            _mm256_permutevar8x32_ps(high, cell),
                            _mm256_castsi256_ps(_mm256_slli_epi32(cell, 28)));
}

/* A gather is slower than its loads. */
static void add_wide(const float *table, const uint8_t *p, size_t n, float *sum)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += table[p[i]];
}

static void add_narrow(const float *table, const uint8_t *p, size_t n, float *sum)
{
    const __m256 a = _mm256_loadu_ps(table), b = _mm256_loadu_ps(table + 8);
    const __m256 c = _mm256_loadu_ps(table + 16), d = _mm256_loadu_ps(table + 24);

    for (size_t i = 0; i < n; i += 8) {
        __m256i cell = load_cells(p + i);
        __m256 s = _mm256_add_ps(_mm256_loadu_ps(sum + i), look16(a, b, cell));

        _mm256_storeu_ps(sum + i, _mm256_add_ps(s, look16(c, d, _mm256_srli_epi32(cell, 4))));
    }
}

static void sums(const struct osq_shape *s, const float *table, const uint8_t *packed, size_t ld,
                 size_t n, float *sum)
{
    memset(sum, 0, n * sizeof *sum);
    for (uint32_t j = 0; j < s->wide; j++, packed += ld) {
        add_wide(table, packed, n, sum);
        table += osq_table(s->bit[j]);
    }
    for (uint32_t j = 0; j < s->narrow; j += 2, packed += ld) {
        add_narrow(table, packed, n, sum);
        table += 2 * osq_table(OSQ_NARROW);
    }
}

const struct osq_ops osq_avx2 = {sums};
#else
typedef int osq_avx2_is_for_x86;
#endif
