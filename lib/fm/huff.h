/* huff.h - optimal prefix-code lengths under a limit, by package-merge (Larmore & Hirschberg 1990),
 * and the shape of the code for a wavelet matrix.
 */
#ifndef FM_HUFF_H
#define FM_HUFF_H

#include <stdint.h>

enum { HUFF_LIMIT = 12, HUFF_SYMBOLS = 256 };

/* One block's code. The nodes of each depth are numbered from 0, inner nodes first, then leaves.
 * The children of a depth's inner nodes 0..k-1 have the numbers 0..k-1 (bit 0) and k..2k-1 (bit 1)
 * at the next. So the number of a node tells whether it is a leaf, and leaves stand at the end of
 * each level of the wavelet matrix, where they drop off without moving the others. */
struct huff {
    unsigned symbols;                  /* m: distinct symbols */
    unsigned depth;                    /* D: longest code; 0 when m <= 1 */
    uint8_t inner[HUFF_LIMIT + 1];     /* inner nodes at each depth; inner[0] = D > 0 */
    uint8_t leaf_symbol[HUFF_SYMBOLS]; /* symbols in order of (depth, node number) */
    uint8_t len[HUFF_SYMBOLS];         /* by symbol; 0: absent, or the only one */
    uint16_t path[HUFF_SYMBOLS];       /* bit l is the branch taken at depth l */
};

/* counts: occurrences of each symbol, 2^28 in all at most. The code minimises the sum of count x
 * length among codes of at most HUFF_LIMIT bits; equal counts are broken by symbol, so the code is
 * unique. */
void huff_make(const uint32_t counts[HUFF_SYMBOLS], struct huff *h);

#endif
