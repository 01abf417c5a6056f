/* ivf_near_portable.c - the kernel of ivf_near.h in plain C, and the choice. */
#include "ann/ivf_near.h"

static size_t near(const struct ivf_limit *l, const float *key, const float *factor, size_t lanes,
                   size_t n, uint16_t *hit)
{
    size_t hits = 0;

    for (size_t i = 0; i < n; i++) {
        float v = ivf_bound(l, key[i], factor[i], factor[lanes + i], factor[2 * lanes + i]);

        hit[hits] = (uint16_t)i;
        hits += !(v > l->most);
    }
    return hits;
}

const struct ivf_ops ivf_portable = {.name = "portable", .near = near};

const struct ivf_ops *ivf_ops_for(enum cpu_level level)
{
#if defined(__x86_64__)
    if (level == CPU_AVX512)
        return &ivf_avx512;
    if (level == CPU_AVX2)
        return &ivf_avx2;
#endif
    (void)level;
    return &ivf_portable;
}
