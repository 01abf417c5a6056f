/* rabitq_avx2.c - the kernels of rabitq with VPMADDUBSW: its pairs of products stay within 16 bits
 * as codec_rabitq.c keeps 2 * cell * row below 2^15. */
#if defined(__x86_64__)
#include <immintrin.h>

#include "vec/rabitq_body.h"

typedef __m256i V;

static inline V v_zero(void)
{
    return _mm256_setzero_si256();
}

static inline V v_load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline void v_store(int32_t *p, V v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

static inline V v_or(V a, V b)
{
    return _mm256_or_si256(a, b);
}

static inline V v_add(V a, V b)
{
    return _mm256_add_epi32(a, b);
}

static inline V v_field(V v, unsigned down, unsigned up, int mask)
{
    if (down > up)
        v = _mm256_srli_epi16(v, (int)(down - up));
    if (down < up)
        v = _mm256_slli_epi16(v, (int)(up - down));
    return _mm256_and_si256(v, _mm256_set1_epi8((char)(mask << up)));
}

static inline V v_row(const int8_t *p)
{
    int32_t four;

    memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
}

static inline V v_dot(V acc, V u, V q)
{
    __m256i pairs = _mm256_maddubs_epi16(u, q);

    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

#include "vec/rabitq_dots.h"

const struct rabitq_ops rabitq_avx2 = {turn, turn_back, best_scale, levels, dots};
#else
typedef int rabitq_avx2_is_for_x86;
#endif
