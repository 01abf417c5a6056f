/* ivf_near_avx2.c - the kernel of ivf_near.h, 8 rows at once; few pass. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "ann/ivf_near.h"

static size_t near(const struct ivf_limit *l, const float *key, const float *factor, size_t lanes,
                   size_t n, uint16_t *hit)
{
    const __m256 shift = _mm256_set1_ps(l->shift), width = _mm256_set1_ps(l->width),
                 most = _mm256_set1_ps(l->most);
    size_t hits = 0;

    for (size_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_fmadd_ps(_mm256_loadu_ps(factor + i),
                                   _mm256_sub_ps(_mm256_loadu_ps(key + i), shift),
                                   _mm256_loadu_ps(factor + lanes + i));
        unsigned near;

        v = _mm256_fnmadd_ps(width, _mm256_loadu_ps(factor + 2 * lanes + i), v);
        near = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(v, most, _CMP_NGT_UQ));
        near &= n - i < 8 ? (1u << (n - i)) - 1 : 0xff;
        for (; near; near &= near - 1)
            hit[hits++] = (uint16_t)(i + (unsigned)__builtin_ctz(near));
    }
    return hits;
}

const struct ivf_ops ivf_avx2 = {.name = "avx2", .near = near};
#else
typedef int ivf_near_avx2_is_for_x86;
#endif
