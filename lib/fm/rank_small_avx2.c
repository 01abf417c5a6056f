/* rank_small_avx2.c - the kernels of "small" with classes summed as 256-bit vectors. */
#if defined(__x86_64__)
#include "fm/rank_small_x86.h"

static inline uint32_t raw_ones(const uint8_t *p, unsigned n)
{
    uint32_t ones = 0;

    for (; n >= 64; n -= 64, p += 8)
        ones += (uint32_t)__builtin_popcountll(load_u64(p));
    return ones + (uint32_t)__builtin_popcountll(load_u64(p) & ((UINT64_C(1) << n) - 1));
}

#define RANK_BITS_H "fm/rank_small_bits.h"
#include "fm/rank_body.h"

const struct rank_ops rank_small_avx2 = {"avx2", rank_step, rank_seek, rank_lf, rank_map};
#else
typedef int rank_small_avx2_is_for_x86;
#endif
