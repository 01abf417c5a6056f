/* wave.h - a block of symbols as a Huffman-shaped wavelet matrix, and back: what the layouts of
 * rank.h share when they write and read whole blocks.
 *
 * At each level stand the symbols whose code goes on, parted stably by the bits of the levels
 * above, zeros first; those whose code ends at a level stand behind the others of the next, by
 * leaf, and are not written there (huff.h).
 */
#ifndef FM_WAVE_H
#define FM_WAVE_H

#include <stddef.h>
#include <stdint.h>

#include "fm/huff.h"
#include "fm/rank.h"

enum {
    WAVE_WORDS = RANK_BLOCK_MOST / 8, /* no best code is longer than 8 bits a symbol */
    WAVE_WORDS_DAMAGED = HUFF_LIMIT * RANK_BLOCK_MOST / 64,
    WAVE_SLACK = 16, /* words past the last bit */
};

/* A block about to be written. */
struct wave {
    struct huff code;
    uint32_t counts[256];
    uint16_t leaf_start[256]; /* by symbol: where its occurrences begin at its leaf */
    uint32_t level_len[HUFF_LIMIT + 1];
    uint32_t zeros[HUFF_LIMIT];
    uint32_t bits;                          /* of all levels */
    uint64_t word[WAVE_WORDS + WAVE_SLACK]; /* these, and zeros */
};

/* Adds the symbols to their counts. */
void wave_count(const uint8_t *sym, size_t len, uint32_t counts[256]);

/* len <= RANK_BLOCK_MOST. */
void wave_make(const uint8_t *sym, size_t len, struct wave *w);
/* The part of the header that the layouts share, up to the inner nodes, into zeros; returns its
 * length. */
size_t wave_put_header(const struct wave *w, uint8_t *h);
/* The delta of a symbol's entry (rank_fast.h, rank_small.h). */
static inline uint16_t wave_delta(const struct wave *w, const uint32_t rel[256], unsigned s)
{
    return (uint16_t)(rel[s] - w->leaf_start[s]);
}

/* A block's header as the encoder had it. Levels and leaves are clamped to the block, so that a
 * damaged one gives wrong symbols and nothing worse. */
struct wave_shape {
    unsigned symbols, depth;
    uint32_t level_len[HUFF_LIMIT + 2], zeros[HUFF_LIMIT]; /* level_len past the last level: 0 */
    uint32_t bits;
    uint8_t inner[HUFF_LIMIT + 1];
    uint8_t symbol[256];      /* that occur, in order */
    uint8_t leaf_symbol[256]; /* these in the order of leaves: the layout's to fill in */
    uint16_t leaf_start[256]; /* by symbol: the layout's */
};

/* The header's shared part; the layout fills in the rest. */
void wave_read_header(const uint8_t *h, unsigned block_log, struct wave_shape *s);
/* The symbols of a block of len from its bits, which have WAVE_SLACK words behind them. */
void wave_join(const struct wave_shape *s, const uint64_t *word, uint8_t *sym, size_t len);

#endif
