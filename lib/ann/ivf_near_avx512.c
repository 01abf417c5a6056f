/* ivf_near_avx512.c - the kernel of ivf_near.h, 16 rows at once; few pass. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "ann/ivf_near.h"

static size_t near(const struct ivf_limit *l, const float *key, const float *factor, size_t lanes,
                   size_t n, uint16_t *hit)
{
    const __m512 shift = _mm512_set1_ps(l->shift), width = _mm512_set1_ps(l->width),
                 most = _mm512_set1_ps(l->most);
    size_t hits = 0;

    for (size_t i = 0; i < n; i += 16) {
        __mmask16 in = n - i < 16 ? (__mmask16)((1u << (n - i)) - 1) : 0xffff;
        __m512 s = _mm512_sub_ps(_mm512_maskz_loadu_ps(in, key + i), shift);
        __m512 v = _mm512_fmadd_ps(_mm512_loadu_ps(factor + i), s,
                                   _mm512_loadu_ps(factor + lanes + i));
        unsigned near;

        v = _mm512_fnmadd_ps(width, _mm512_loadu_ps(factor + 2 * lanes + i), v);
        near = _mm512_mask_cmp_ps_mask(in, v, most, _CMP_NGT_UQ);
        for (; near; near &= near - 1)
            hit[hits++] = (uint16_t)(i + (unsigned)__builtin_ctz(near));
    }
    return hits;
}

const struct ivf_ops ivf_avx512 = {.name = "avx512", .near = near};
#else
typedef int ivf_near_avx512_is_for_x86;
#endif
