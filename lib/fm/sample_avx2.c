/* sample_avx2.c - finding marks with POPCNT and PDEP. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>

static inline unsigned count_word(uint64_t w)
{
    return (unsigned)_mm_popcnt_u64(w);
}

static inline unsigned select_word(uint64_t w, unsigned k)
{
    return (unsigned)_tzcnt_u64(_pdep_u64(UINT64_C(1) << k, w));
}

#include "fm/sample_scan.h"
#include "fm/sample_find.h"

bool samples_find_avx2(const struct samples *s, uint64_t row, uint64_t *pos)
{
    return find_mark(s, row, pos);
}
#else
typedef int sample_avx2_is_for_x86;
#endif
