/* osq_avx512.c - the kernel of osq: tables in registers, 16 or 32 entries a permute; a table of 256
 * is 8 permutes and 7 choices for 16 codes, less than a gather costs. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "vec/osq.h"

static inline __m512i load_cells(const uint8_t *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* bits: 5 to 8, a constant. */
static inline __attribute__((always_inline)) void look_wide(unsigned bits, const float *table,
                                                            const uint8_t *p, size_t n, float *sum)
{
    __m512 t[16];

    for (unsigned k = 0; k < 1u << (bits - 4); k++)
        t[k] = _mm512_loadu_ps(table + (size_t)16 * k);
    for (size_t i = 0; i < n; i += 16) {
        __m512i cell = load_cells(p + i);
        __m512 v[8];

        for (unsigned k = 0; k < 1u << (bits - 5); k++)
            v[k] = _mm512_permutex2var_ps(t[2 * k], cell, t[2 * k + 1]);
        for (unsigned bit = 5; bit < bits; bit++) {
            __mmask16 upper = _mm512_test_epi32_mask(cell, _mm512_set1_epi32(1 << bit));

            for (unsigned k = 0; k < 1u << (bits - bit - 1); k++)
                v[k] = _mm512_mask_blend_ps(upper, v[2 * k], v[2 * k + 1]);
        }
        _mm512_storeu_ps(sum + i, _mm512_add_ps(_mm512_loadu_ps(sum + i), v[0]));
    }
}

static void add_wide(unsigned bits, const float *table, const uint8_t *p, size_t n, float *sum)
{
    switch (bits) {
    case 5:
        look_wide(5, table, p, n, sum);
        break;
    case 6:
        look_wide(6, table, p, n, sum);
        break;
    case 7:
        look_wide(7, table, p, n, sum);
        break;
    default:
        look_wide(8, table, p, n, sum);
    }
}

/* `columns` (1 or 2) of two dimensions each. */
static inline __attribute__((always_inline)) void
add_narrow(size_t columns, const float *table, const uint8_t *p, size_t ld, size_t n, float *sum)
{
    __m512 t[4];

    for (size_t k = 0; k < 2 * columns; k++)
        t[k] = _mm512_loadu_ps(table + 16 * k);
    for (size_t i = 0; i < n; i += 16) {
        __m512 s = _mm512_loadu_ps(sum + i);

        for (size_t k = 0; k < columns; k++) {
            __m512i cell = load_cells(p + k * ld + i); /* a permute takes the lowest 4 bits */

            s = _mm512_add_ps(s, _mm512_permutexvar_ps(cell, t[2 * k]));
            s = _mm512_add_ps(s, _mm512_permutexvar_ps(_mm512_srli_epi32(cell, 4), t[2 * k + 1]));
        }
        _mm512_storeu_ps(sum + i, s);
    }
}

static void sums(const struct osq_shape *s, const float *table, const uint8_t *packed, size_t ld,
                 size_t n, float *sum)
{
    uint32_t left = (s->narrow + 1) / 2;

    memset(sum, 0, n * sizeof *sum);
    for (uint32_t j = 0; j < s->wide; j++, packed += ld) {
        add_wide(s->bit[j], table, packed, n, sum);
        table += osq_table(s->bit[j]);
    }
    for (; left >= 2; left -= 2, packed += 2 * ld, table += 4 * osq_table(OSQ_NARROW))
        add_narrow(2, table, packed, ld, n, sum);
    if (left > 0)
        add_narrow(1, table, packed, ld, n, sum);
}

const struct osq_ops osq_avx512 = {sums};
#else
typedef int osq_avx512_is_for_x86;
#endif
