/* rank_fast_avx512.c - the kernels of "fast" with one vector popcount a line (AVX512-VPOPCNTDQ). */
#if defined(__x86_64__)
#include <immintrin.h>

#include "fm/bits.h"

static inline uint32_t line_ones(const uint8_t *line, unsigned off)
{
    const __m512i ends = _mm512_set_epi64(512, 448, 384, 320, 256, 192, 128, 64);
    const __m512i payload = _mm512_set_epi64(-1, -1, -1, -1, -1, -1, -1, ~0xffffLL);
    __m512i beyond = _mm512_sub_epi64(ends, _mm512_set1_epi64((long long)off));
    __m512i mask, ones;

    /* Each lane keeps its bits before `off`; a shift by 64 or more leaves none. */
    beyond = _mm512_max_epi64(beyond, _mm512_setzero_si512());
    mask = _mm512_and_si512(payload, _mm512_srlv_epi64(_mm512_set1_epi64(-1), beyond));
    ones = _mm512_popcnt_epi64(_mm512_and_si512(_mm512_load_si512(line), mask));
    return load_u16(line) + (uint32_t)_mm512_reduce_add_epi64(ones);
}

#define RANK_BITS_H "fm/rank_fast_bits.h"
#include "fm/rank_body.h"

const struct rank_ops rank_fast_avx512 = {"avx512", rank_step, rank_seek, rank_lf, rank_map};
#else
typedef int rank_fast_avx512_is_for_x86;
#endif
