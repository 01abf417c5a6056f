/* rank_small_avx512.c - the kernels of "small" with classes summed as 256-bit vectors and raw bits
 * counted as 512-bit ones (AVX512-VPOPCNTDQ). */
#if defined(__x86_64__)
#include "fm/rank_small_x86.h"

static inline uint32_t raw_ones(const uint8_t *p, unsigned n)
{
    const __m512i ends = _mm512_set_epi64(512, 448, 384, 320, 256, 192, 128, 64);
    const __m512i all = _mm512_set1_epi64(-1), zero = _mm512_setzero_si512();
    __m512i beyond = _mm512_sub_epi64(ends, _mm512_set1_epi64((long long)n)), a, b;

    /* Each lane keeps its bits before the n-th; a shift by 64 or more leaves none. */
    a = _mm512_srlv_epi64(all, _mm512_max_epi64(beyond, zero));
    beyond = _mm512_add_epi64(beyond, _mm512_set1_epi64(512));
    b = _mm512_srlv_epi64(all, _mm512_max_epi64(beyond, zero));
    a = _mm512_popcnt_epi64(_mm512_and_si512(_mm512_loadu_si512(p), a));
    b = _mm512_popcnt_epi64(_mm512_and_si512(_mm512_loadu_si512(p + RANK_LINE), b));
    return (uint32_t)_mm512_reduce_add_epi64(_mm512_add_epi64(a, b));
}

#define RANK_BITS_H "fm/rank_small_bits.h"
#include "fm/rank_body.h"

const struct rank_ops rank_small_avx512 = {"avx512", rank_step, rank_seek, rank_lf, rank_map};
#else
typedef int rank_small_avx512_is_for_x86;
#endif
