/* rabitq_avx512.c - the kernels of rabitq with 64 products an instruction (AVX512-VNNI). */
#if defined(__x86_64__)
#include <immintrin.h>

#include "vec/rabitq_body.h"

typedef __m512i V;

static inline V v_zero(void)
{
    return _mm512_setzero_si512();
}

static inline V v_load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}

static inline void v_store(int32_t *p, V v)
{
    _mm512_storeu_si512(p, v);
}

static inline V v_or(V a, V b)
{
    return _mm512_or_si512(a, b);
}

static inline V v_add(V a, V b)
{
    return _mm512_add_epi32(a, b);
}

static inline V v_field(V v, unsigned down, unsigned up, int mask)
{
    if (down > up)
        v = _mm512_srli_epi16(v, down - up);
    if (down < up)
        v = _mm512_slli_epi16(v, up - down);
    return _mm512_and_si512(v, _mm512_set1_epi8((char)(mask << up)));
}

static inline V v_row(const int8_t *p)
{
    int32_t four;

    memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}

static inline V v_dot(V acc, V u, V q)
{
    return _mm512_dpbusd_epi32(acc, u, q);
}

#include "vec/rabitq_dots.h"

const struct rabitq_ops rabitq_avx512 = {turn, turn_back, best_scale, levels, dots};
#else
typedef int rabitq_avx512_is_for_x86;
#endif
