/* sample_avx512.c - finding marks with the zeros of sixteen words counted at once. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>

#include "fm/sample_marks.h"

/* The zeros of words [0, n), n <= 8, as running sums; past n nothing is added. */
static inline __m512i running_zeros(const unsigned char *p, size_t n)
{
    const __m512i none = _mm512_setzero_si512(), all = _mm512_set1_epi64(-1);
    __mmask8 in = (__mmask8)_bzhi_u32(0xff, (unsigned)n);
    __m512i x = _mm512_mask_loadu_epi64(all, in, p);

    x = _mm512_popcnt_epi64(_mm512_andnot_si512(x, all));
    x = _mm512_add_epi64(x, _mm512_alignr_epi64(x, none, 7));
    x = _mm512_add_epi64(x, _mm512_alignr_epi64(x, none, 6));
    return _mm512_add_epi64(x, _mm512_alignr_epi64(x, none, 4));
}

/* For sample_find.h. At the usual rates a block has up to sixteen words: one round. */
static inline size_t bucket_start(const struct marks *m, unsigned bucket)
{
    const __m512i last = _mm512_set1_epi64(7);
    uint64_t before[17], zero = bucket - 1;

    if (bucket == 0)
        return 0;
    before[0] = 0;
    for (size_t at = 0; at < m->words; at += 16, zero -= before[16]) {
        size_t n = m->words - at < 16 ? m->words - at : 16, low = n < 8 ? n : 8;
        const unsigned char *p = m->upper + 8 * at;
        __m512i wanted = _mm512_set1_epi64((long long)zero), a = running_zeros(p, low);
        __m512i b = _mm512_add_epi64(running_zeros(p + 64, n - low),
                                     _mm512_permutexvar_epi64(last, a));
        _mm512_storeu_si512(before + 1, a);
        _mm512_storeu_si512(before + 9, b);
        if (zero >= before[16])
            continue;
        unsigned k = (unsigned)_mm_popcnt_u32(_mm512_cmple_epu64_mask(a, wanted) |
                                              _mm512_cmple_epu64_mask(b, wanted) << 8);
        uint64_t w = ~load_u64(p + 8 * k);
        return 64 * (at + k) + _tzcnt_u64(_pdep_u64(UINT64_C(1) << (zero - before[k]), w)) + 1;
    }
    return 64 * m->words;
}

#include "fm/sample_find.h"

bool samples_find_avx512(const struct samples *s, uint64_t row, uint64_t *pos)
{
    return find_mark(s, row, pos);
}
#else
typedef int sample_avx512_is_for_x86;
#endif
