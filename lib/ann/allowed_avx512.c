/* allowed_avx512.c - the kernels of allowed.h, 16 rows at once. */
#if defined(__x86_64__)
#include <immintrin.h>

#define ALLOWED_VECTORS
#include "ann/allowed_body.h"

static inline __mmask16 in(const uint64_t *bits, __mmask16 lanes, __m512i row)
{
    __m512i word = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), lanes,
                                               _mm512_srli_epi32(row, 5), bits, 4);
    __m512i bit = _mm512_sllv_epi32(_mm512_set1_epi32(1),
                                    _mm512_and_si512(row, _mm512_set1_epi32(31)));

    return _mm512_test_epi32_mask(word, bit);
}

/* Where the bytes of 16 links of 2, 3 and 4 bytes come from. */
static const uint8_t spread[3][64] = {
    {0,  1,  0,  0,  2,  3,  0,  0,  4,  5,  0,  0,  6,  7,  0,  0,  8,  9,  0,  0,  10, 11,
     0,  0,  12, 13, 0,  0,  14, 15, 0,  0,  16, 17, 0,  0,  18, 19, 0,  0,  20, 21, 0,  0,
     22, 23, 0,  0,  24, 25, 0,  0,  26, 27, 0,  0,  28, 29, 0,  0,  30, 31, 0,  0},
    {0,  1,  2,  0,  3,  4,  5,  0,  6,  7,  8,  0,  9,  10, 11, 0,  12, 13, 14, 0,  15, 16,
     17, 0,  18, 19, 20, 0,  21, 22, 23, 0,  24, 25, 26, 0,  27, 28, 29, 0,  30, 31, 32, 0,
     33, 34, 35, 0,  36, 37, 38, 0,  39, 40, 41, 0,  42, 43, 44, 0,  45, 46, 47, 0},
    {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
     22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
     44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63}};

static inline __attribute__((always_inline)) size_t links_of(const uint64_t *bits,
                                                             const uint8_t *link,
                                                             const unsigned width, uint32_t n,
                                                             uint32_t last, uint32_t *to)
{
    const __mmask64 has = UINT64_C(0x1111111111111111) * ((1u << width) - 1);
    const __m512i from = _mm512_loadu_si512(spread[width - 2]), most = _mm512_set1_epi32((int)last);
    size_t got = 0;

    for (uint32_t i = 0; i < n; i += 16, link += (size_t)16 * width) {
        uint32_t now = n - i < 16 ? n - i : 16;
        __mmask16 lanes = (__mmask16)((1u << now) - 1), set;
        __mmask64 bytes = now * width < 64 ? ((__mmask64)1 << now * width) - 1 : ~(__mmask64)0;
        __m512i row = _mm512_maskz_permutexvar_epi8(has, from,
                                                    _mm512_maskz_loadu_epi8(bytes, link));

        row = _mm512_min_epu32(row, most);
        set = in(bits, lanes, row);
        _mm512_mask_compressstoreu_epi32(to + got, set, row);
        got += (size_t)__builtin_popcount(set);
    }
    return got;
}

static size_t links(const uint64_t *bits, const uint8_t *link, unsigned width, uint32_t n,
                    uint32_t last, uint32_t *to)
{
    return width == 2   ? links_of(bits, link, 2, n, last, to)
           : width == 3 ? links_of(bits, link, 3, n, last, to)
                        : links_of(bits, link, 4, n, last, to);
}

static size_t mask(const uint64_t *bits, const uint32_t *row, size_t n, uint32_t *mask)
{
    size_t got = 0;

    for (size_t i = 0; i < n; i += 32) {
        size_t left = n - i;
        __mmask16 low = left < 16 ? (__mmask16)((1u << left) - 1) : 0xffff;
        __mmask16 high = left < 16 ? 0 : left < 32 ? (__mmask16)((1u << (left - 16)) - 1) : 0xffff;
        uint32_t word = in(bits, low, _mm512_maskz_loadu_epi32(low, row + i));

        word |= (uint32_t)in(bits, high, _mm512_maskz_loadu_epi32(high, row + i + 16)) << 16;
        mask[i / 32] = word;
        got += (size_t)__builtin_popcount(word);
    }
    return got;
}

const struct allowed_ops allowed_avx512 = {
    .name = "avx512", .next = next, .links = links, .mask = mask};
#else
typedef int allowed_avx512_is_for_x86;
#endif
