/* rank.h - rank and LF over a Burrows-Wheeler transform, in two layouts: "fast" and "small".
 *
 * The BWT is cut in blocks. Each block has a Huffman code of its own and is a Huffman-shaped
 * wavelet matrix (Claude, Navarro & Ordonez 2015; fixed blocks after Gog et al., Algorithmica
 * 2019), all its levels one after the other as one sequence of bits: a rank is one header, then one
 * look at the bits a level, about three levels on text. Counts before each superblock of 2^16
 * symbols are in a table of their own. The layouts differ in how the bits are kept (fast: as they
 * are, with counts; small: compressed) and in the second half of the header.
 *
 * A symbol here is a storage code 0..255 (alphabet.h says which byte it stands for). occ(c, i) is
 * the number of c among the first i symbols; C[c] is where c's rows begin; LF(c, i) = C[c] +
 * occ(c, i), the only form in which ranks are asked for, so that C is folded into the table.
 *
 * Block (offsets from its start, which is a multiple of 64), both layouts:
 *   0   32  which symbols occur: 256 bits
 *   32   3  of these, how many in the first 1, 2, 3 words of 64
 *   35   1  D, the number of levels
 *   36   4  of the layout
 *   40  4D  a level: u16 its length, u16 its zeros
 *        D  u8 inner nodes of the code tree at depth 0..D-1 (huff.h)
 * The rest is described in rank_fast.h and rank_small.h.
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
    RANK_BLOCK_LEAST = 1 << 13, /* of any layout */
    RANK_BLOCK_MOST = 1 << 15,
    RANK_SUPER_LOG = 16,
    RANK_SUPER = 1 << RANK_SUPER_LOG,
    RANK_HYPER_LOG =
        31, /* superblock counts are 32 bits, relative to a 64-bit count a hyperblock */
    RANK_LINE = 64,
    RANK_HEADER_FIXED = 40,
    RANK_GUARD_LINES = 32,  /* zero lines after the last block: a header read there stays inside */
    RANK_HINTS_AHEAD = 128, /* of a block, fetched at once: the hints are so much longer */
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
    const uint16_t
        *hint; /* [line]: its first two bytes, where searches look ahead by them; or NULL */
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

/* Steps of one search by sym[n - 1], sym[n - 2] and on, until none is left or the range is empty;
 * returns how many are left. The same ranges as step by step, sooner. */
typedef size_t rank_seek_fn(const struct rank *r, const uint8_t *sym, size_t n, uint64_t *lo,
                            uint64_t *hi);

struct rank_ops {
    const char *name;
    rank_step_fn *step;
    rank_seek_fn *seek;
    rank_lf_fn *lf;
    rank_map_fn *map;
};

extern const struct rank_ops rank_fast_portable, rank_fast_avx2, rank_fast_avx512;
extern const struct rank_ops rank_small_portable, rank_small_avx2, rank_small_avx512;

enum { RANK_BATCH = 64 }; /* the most that any layout's batch is */

/* A layout: how blocks are written and read. */
struct rank_layout {
    const char *name;
    uint32_t id; /* in the file */
    unsigned block_log;
    unsigned batch; /* how many searches or walks are best handed over at once */
    bool hints;     /* a search alone is faster with them */
    rank_encode_fn *encode;
    rank_decode_fn *decode;
    const struct rank_ops *ops[CPU_AVX512 + 1]; /* by level; all give the same numbers */
};

extern const struct rank_layout rank_fast, rank_small;

const struct rank_layout *rank_layout_of(uint32_t id); /* NULL when there is none */
uint64_t rank_blocks(const struct rank_layout *l, uint64_t n);

/* Hints for a rank of a layout that has any. */
uint64_t rank_hint_bytes(const struct rank *r);
void rank_fill_hints(const struct rank *r, uint16_t *hint, int threads);

/* Where a block's header stands, in lines; inside the section, whatever the directory says. */
static inline uint64_t rank_block_line(const struct rank *r, uint64_t block)
{
    uint64_t line = r->dir[block], limit = r->last_line - RANK_GUARD_LINES;

    return line < limit ? line : limit;
}

/* How many symbols a block has. */
static inline size_t rank_block_len(const struct rank *r, uint64_t block, unsigned block_log)
{
    uint64_t from = block << block_log, most = UINT64_C(1) << block_log;

    return (size_t)(from >= r->n ? 0 : r->n - from < most ? r->n - from : most);
}

#endif
