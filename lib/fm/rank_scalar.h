/* rank_scalar.h - counting the ones of a line word by word: portable code that becomes POPCNT where
 * the file that includes it is compiled for it. */
#ifndef FM_RANK_SCALAR_H
#define FM_RANK_SCALAR_H

#include "fm/bits.h"

static inline uint32_t line_ones(const uint8_t *line, unsigned off)
{
    uint32_t ones = load_u16(line);
    uint64_t word = load_u64(line) & ~UINT64_C(0xffff);
    unsigned i = 0;

    for (; off >= 64; off -= 64) {
        ones += (uint32_t)__builtin_popcountll(word);
        word = load_u64(line + 8 * ++i);
    }
    return ones + (uint32_t)__builtin_popcountll(word & ~(~UINT64_C(0) << off));
}

#endif
