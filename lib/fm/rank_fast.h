/* rank_fast.h - the layout "fast": the bits of a block as they are, in 64-byte lines, each with the
 * count of ones before it. About .38 of the text; a rank is one popcount of a line a level.
 *
 * Blocks of 2^14 symbols. Behind the shared part of the header (rank.h):
 *   36   1  H, the header's lines of 64 bytes: the bits begin at 64 H
 *   37   3  zero
 *   40  5D  levels, inner nodes; zero bytes up to a multiple of 4
 *       4m  a symbol, in symbol order: u16 path | length << 12; u16 delta = occurrences since the
 *           superblock's start minus where the symbol's occurrences begin at its leaf, mod 2^16
 *        m  u8 the symbols in the order of their leaves
 *           zero bytes up to 64 H; then the lines: u16 ones before it in the block, mod 2^16, and
 *           496 bits
 */
#ifndef FM_RANK_FAST_H
#define FM_RANK_FAST_H

#include "fm/rank.h"

enum { RANK_FAST_BLOCK_LOG = 14, RANK_LINE_BITS = 496 };

/* Where the entries of the symbols begin. */
static inline unsigned rank_fast_entries(unsigned depth)
{
    return (RANK_HEADER_FIXED + 5 * depth + 3) / 4 * 4;
}

#endif
