/* rank.h - rank and LF over a Burrows-Wheeler transform, layout "fast".
 *
 * The BWT is cut in blocks of 2^14 symbols. Each block has a Huffman code of its own and is a
 * Huffman-shaped wavelet matrix (Claude, Navarro & Ordonez 2015; fixed blocks after Gog et al.,
 * Algorithmica 2019), all its levels one after the other as a sequence of bits in 64-byte lines,
 * each with the count of ones before it: a rank is one header, then one line a level, about three
 * levels on text. Counts before each superblock of 2^16 symbols are in a table of their own.
 *
 * A symbol here is a storage code 0..255 (alphabet.h says which byte it stands for). occ(c, i) is
 * the number of c among the first i symbols; C[c] is where c's rows begin; LF(c, i) = C[c] +
 * occ(c, i), the only form in which ranks are asked for, so that C is folded into the table.
 *
 * Block (offsets from its start, which is a multiple of 64):
 *   0   32  which symbols occur: 256 bits
 *   32   3  of these, how many in the first 1, 2, 3 words of 64
 *   35   1  D, the number of levels
 *   36   1  H, the header's lines of 64 bytes: the bits begin at 64 H
 *   37   3  zero
 *   40  4D  a level: u16 its length, u16 its zeros
 *        D  u8 inner nodes of the code tree at depth 0..D-1 (huff.h)
 *           zero bytes up to a multiple of 4
 *       4m  a symbol, in symbol order: u16 path | length << 12; u16 delta = occurrences since the
 *           superblock's start minus where the symbol's occurrences begin at its leaf, mod 2^16
 *        m  u8 the symbols in the order of their leaves
 *           zero bytes up to 64 H; then the lines: u16 ones before it in the block, mod 2^16, and
 *           496 bits
 *
 * A damaged file gives wrong numbers, never a wild read: every address is clamped to the section.
 *
 * Threads  a struct rank is immutable once filled: share it.
 */
#ifndef FM_RANK_H
#define FM_RANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/mem.h"

enum {
    RANK_BLOCK_LOG = 14,
    RANK_BLOCK = 1 << RANK_BLOCK_LOG,
    RANK_BLOCK_LEAST = 1 << 13, /* of any layout */
    RANK_SUPER_LOG = 16,
    RANK_SUPER = 1 << RANK_SUPER_LOG,
    RANK_HYPER_LOG =
        31, /* superblock counts are 32 bits, relative to a 64-bit count a hyperblock */
    RANK_LINE = 64,
    RANK_LINE_BITS = 496,
    RANK_HEADER_FIXED = 40,
    RANK_GUARD_LINES = 32, /* zero lines after the last block: a header read there stays inside */
};

/* The four sections. sigma is the number of storage codes. There is one more block, superblock and
 * hyperblock than n needs when n is a multiple, so that position n is answered like any other. */
struct rank {
    uint64_t n;
    unsigned sigma;
    const uint64_t *hyper; /* [hyperblock][sigma]: C + occurrences before */
    const uint32_t *super; /* [superblock][sigma]: occurrences since the hyperblock's start */
    const uint32_t *dir;   /* [block]: its offset in lines */
    const uint8_t *blocks; /* the lines */
    uint64_t last_line;    /* index of the section's last line: the clamp */
};

uint64_t rank_supers(uint64_t n);
uint64_t rank_hypers(uint64_t n);

/* Appends the encoding of sym[0..len), len <= the layout's block, to *out. rel[c] counts c since
 * the superblock's start; the block's own counts are added to it. */
typedef int rank_encode_fn(const uint8_t *sym, size_t len, uint32_t rel[256], struct buf *out,
                           struct err *e);
/* The way back: all symbols of a block into sym[], which has room for a whole one; returns how many
 * they are. rel as above: blocks of a superblock are decoded in order, from zeros. */
typedef size_t rank_decode_fn(const struct rank *r, uint64_t block, uint32_t rel[256],
                              uint8_t *sym);

/* One backward step of k searches: lo[i], hi[i] become LF(c[i], .). A range that is or becomes
 * empty ends as lo == hi, its value then without meaning. */
typedef void rank_step_fn(const struct rank *r, size_t k, const uint8_t *c, uint64_t *lo,
                          uint64_t *hi);
/* k walks: sym[i] = BWT[row[i]], row[i] = LF(sym[i], row[i]). Rows must be below n. */
typedef void rank_lf_fn(const struct rank *r, size_t k, uint64_t *row, uint8_t *sym);

/* k single positions: pos[i] becomes LF(c[i], pos[i]). */
typedef void rank_map_fn(const struct rank *r, size_t k, const uint8_t *c, uint64_t *pos);

struct rank_ops {
    const char *name;
    rank_step_fn *step;
    rank_lf_fn *lf;
    rank_map_fn *map;
};

extern const struct rank_ops rank_fast_portable, rank_fast_avx2, rank_fast_avx512;

/* A layout: how blocks are written and read. */
struct rank_layout {
    const char *name;
    uint32_t id; /* in the file */
    unsigned block_log;
    rank_encode_fn *encode;
    rank_decode_fn *decode;
    const struct rank_ops *ops[CPU_AVX512 + 1]; /* by level; all give the same numbers */
};

extern const struct rank_layout rank_fast;

const struct rank_layout *rank_layout_of(uint32_t id); /* NULL when there is none */
const struct rank_layout *rank_layout_named(const char *name);
uint64_t rank_blocks(const struct rank_layout *l, uint64_t n);

enum { RANK_BATCH = 32 }; /* how many searches or walks are best handed over at once */

#endif
