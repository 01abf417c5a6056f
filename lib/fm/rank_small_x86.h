/* rank_small_x86.h - what the AVX2 and AVX-512 kernels of "small" share. */
#ifndef FM_RANK_SMALL_X86_H
#define FM_RANK_SMALL_X86_H

#include <immintrin.h>

#include "fm/rank_small.h"

/* Loaded at 32 - n / 2, row n % 2 keeps the first n of 64 classes. */
static const uint8_t first_classes[2][64] = {
    {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
     255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
    {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
     255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 15}};

static inline uint64_t class_mask(const uint8_t *classes, unsigned class)
{
    const __m256i want = _mm256_set1_epi8((char)class), low = _mm256_set1_epi8(15);
    __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)classes);
    __m256i even = _mm256_and_si256(x, low), odd = _mm256_and_si256(_mm256_srli_epi16(x, 4), low);
    unsigned a = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(even, want));
    unsigned b = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(odd, want));

    return _pdep_u64(a, UINT64_C(0x5555555555555555)) | _pdep_u64(b, UINT64_C(0xaaaaaaaaaaaaaaaa));
}

/* Two sums at once: that of the classes in the lower half of each 64 bits, the bits' in the upper.
 */
static inline void class_sums(const uint8_t *classes, unsigned n, uint32_t *ones, uint32_t *bits)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i lengths = _mm256_setr_epi8(ENUM15_LENGTHS, ENUM15_LENGTHS);
    const __m256i low = _mm256_set1_epi8(15);
    const uint8_t *first = first_classes[n & 1] + 32 - n / 2;
    __m256i x = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(const void *)classes),
                                 _mm256_loadu_si256((const __m256i *)(const void *)first));
    __m256i even = _mm256_and_si256(x, low), odd = _mm256_and_si256(_mm256_srli_epi16(x, 4), low);
    __m256i c, b;
    __m128i sum;
    uint64_t both;

    c = _mm256_sad_epu8(_mm256_add_epi8(even, odd), zero);
    b = _mm256_sad_epu8(
        _mm256_add_epi8(_mm256_shuffle_epi8(lengths, even), _mm256_shuffle_epi8(lengths, odd)),
        zero);
    c = _mm256_or_si256(c, _mm256_slli_epi64(b, 32));
    sum = _mm_add_epi64(_mm256_castsi256_si128(c), _mm256_extracti128_si256(c, 1));
    both = (uint64_t)_mm_cvtsi128_si64(_mm_add_epi64(sum, _mm_unpackhi_epi64(sum, sum)));
    *ones = (uint32_t)both;
    *bits = (uint32_t)(both >> 32);
}

static inline unsigned nth_one(uint64_t word, unsigned n)
{
    return (unsigned)__builtin_ctzll(_pdep_u64(UINT64_C(1) << n, word) | UINT64_C(1) << 63);
}

#endif
