/* rank_small_portable.c - the kernels of "small" without any instruction set beyond the compiler's
 * baseline: the oracle of the others. */
#include "fm/rank_small.h"

static const uint8_t class_and_bits[16][2] = {
    {0, 0},  {1, 4},  {2, 7},   {3, 9},   {4, 11}, {5, 12}, {6, 13}, {7, 13},
    {8, 13}, {9, 13}, {10, 12}, {11, 11}, {12, 9}, {13, 7}, {14, 4}, {15, 0}};

static inline void class_sums(const uint8_t *classes, unsigned n, uint32_t *ones, uint32_t *bits)
{
    *ones = *bits = 0;
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *c = class_and_bits[small_class(classes, i)];
        *ones += c[0];
        *bits += c[1];
    }
}

static inline uint64_t class_mask(const uint8_t *classes, unsigned class)
{
    const uint64_t low = UINT64_C(0x1111111111111111);
    uint64_t mask = 0;

    for (unsigned i = 0; i < 4; i++) {
        uint64_t x = load_u64(classes + 8 * i) ^ class * low; /* a 4 that is 0 is one of them */
        x |= x >> 1;
        x = ~(x | x >> 2) & low;
        x = (x | x >> 3) & UINT64_C(0x0303030303030303); /* the low bits moved together */
        x = (x | x >> 6) & UINT64_C(0x000f000f000f000f);
        x = (x | x >> 12) & UINT64_C(0x000000ff000000ff);
        mask |= ((x | x >> 24) & 0xffff) << 16 * i;
    }
    return mask;
}

static inline uint32_t raw_ones(const uint8_t *p, unsigned n)
{
    uint32_t ones = 0;

    for (; n >= 64; n -= 64, p += 8)
        ones += (uint32_t)__builtin_popcountll(load_u64(p));
    return ones + (uint32_t)__builtin_popcountll(load_u64(p) & ((UINT64_C(1) << n) - 1));
}

static inline unsigned nth_one(uint64_t word, unsigned n)
{
    return n < (unsigned)__builtin_popcountll(word) ? word_select(word, n) : 63;
}

#define RANK_BITS_H "fm/rank_small_bits.h"
#include "fm/rank_body.h"

const struct rank_ops rank_small_portable = {"portable", rank_step, rank_seek, rank_lf, rank_map};
