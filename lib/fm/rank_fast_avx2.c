/* rank_fast_avx2.c - the kernels of "fast" with the POPCNT and BMI instructions that come with
 * AVX2. (Counting with 256-bit vectors, by nibble look-ups, is no faster for eight words.) */
#if defined(__x86_64__)
#include "fm/rank_scalar.h"

#define RANK_BITS_H "fm/rank_fast_bits.h"
#include "fm/rank_body.h"

const struct rank_ops rank_fast_avx2 = {"avx2", rank_step, rank_seek, rank_lf, rank_map};
#else
typedef int rank_fast_avx2_is_for_x86;
#endif
