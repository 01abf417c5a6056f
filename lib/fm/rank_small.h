/* rank_small.h - the layout "small": the bits of a block in compressed chunks. About .25 of the
 * text; a rank is one word of the directory and one chunk a level.
 *
 * Blocks of 2^14 symbols. Behind the shared part of the header (rank.h):
 *   36   2  u16 where the directory begins, a multiple of 4
 *   38   2  u16 N, the number of chunks
 *   40  5D  levels, inner nodes
 *     m/2  the length of each symbol's code, in symbol order, 4 bits each, the lower ones first:
 *          the paths follow from the lengths (huff.h)
 *      2m  u16 a symbol: the delta of rank_fast.h
 *          zero bytes up to a multiple of 4
 *      4N  u32 a chunk: bits 0..2 its kind, 3..16 where its bytes begin, counted from the
 *          directory's end, 17..31 the ones before it in the block, mod 2^15
 *          the chunks' bytes; zero bytes up to a multiple of 64
 *
 * A chunk is 960 bits, 64 groups of 15; the last one is filled up with zeros. Its bytes, by kind:
 *   0  none: all bits are 0       1  none: all bits are 1      2  120: the bits
 *   3  the classes of the groups (how many ones), 4 bits each, the lower ones first; then their
 *      places (enum15.h), one after the other, the lowest bit first, up to whole bytes
 *   4  a u64 whose bits tell which groups are not all 0; then these groups' classes, up to a whole
 *      byte, and places as in 3     5  the same for groups not all 1
 * The encoder takes the shortest, the first of equal ones.
 *
 * The directory's size follows from Raman, Raman & Rao (2002); what differs is the choice of kinds
 * by chunk (after the hybrid bit vectors of Karkkainen, Kempa & Puglisi, DCC 2014), and that
 * classes are summed as vectors, so that chunks can be long.
 */
#ifndef FM_RANK_SMALL_H
#define FM_RANK_SMALL_H

#include "fm/bits.h"
#include "fm/enum15.h"
#include "fm/rank.h"

enum {
    RANK_SMALL_BLOCK_LOG = 14,
    SMALL_CHUNK = 960,
    SMALL_CHUNK_WORDS = SMALL_CHUNK / 64,
    SMALL_GROUPS = SMALL_CHUNK / ENUM15_BITS,
    SMALL_RAW_BYTES = SMALL_CHUNK / 8,
    SMALL_LONGEST =
        192, /* bytes that a look at a chunk may touch: 8 + 32 + 104 and loads past it */
};

enum small_kind { SMALL_ZEROS, SMALL_ONES, SMALL_RAW, SMALL_ALL, SMALL_NOT_0, SMALL_NOT_1 };

static inline uint32_t small_entry(unsigned kind, uint32_t at, uint32_t ones)
{
    return kind | at << 3 | ones << 17;
}

static inline unsigned small_kind(uint32_t entry)
{
    return entry & 7;
}

static inline uint32_t small_at(uint32_t entry)
{
    return entry >> 3 & 0x3fff;
}

static inline uint32_t small_ones(uint32_t entry)
{
    return entry >> 17;
}

/* Byte `at` of the section, moved to where SMALL_LONGEST may be read. */
static inline const uint8_t *small_byte(const struct rank *r, uint64_t at)
{
    uint64_t limit = r->last_line * RANK_LINE + RANK_LINE - SMALL_LONGEST;

    return r->blocks + (at < limit ? at : limit);
}

/* The groups of a chunk whose classes are written, and where these begin. */
static inline uint64_t small_groups(const uint8_t *chunk, unsigned kind, unsigned *at)
{
    *at = kind == SMALL_ALL ? 0 : 8;
    return load_u64(chunk) | (0 - (uint64_t)(kind == SMALL_ALL));
}

static inline unsigned small_class(const uint8_t *classes, unsigned i)
{
    return classes[i >> 1] >> (i & 1) * 4 & 15;
}

/* Code lengths stand like classes, behind the shared header. */
static inline const uint8_t *small_lengths(const uint8_t *header)
{
    return header + RANK_HEADER_FIXED + 5 * (header[35] & 15);
}

#endif
