/* rank_fast_bits.h - what rank_body.h asks of a layout, for "fast" (rank_fast.h).
 *
 * The including file has defined line_ones(line, off): the ones before bit `off` (16..511) of a
 * line, its own count included.
 */
#ifndef FM_RANK_FAST_BITS_H
#define FM_RANK_FAST_BITS_H

#include "fm/bits.h"
#include "fm/rank_fast.h"

enum { BLOCK_LOG = RANK_FAST_BLOCK_LOG, ONES_MASK = 0xffff };

/* Where a block's bits are. */
struct place {
    uint64_t first_line;
};

static inline struct place place_of(const struct rank *r, const uint8_t *header)
{
    return (struct place){(uint64_t)(header - r->blocks) / RANK_LINE + header[36]};
}

static inline const uint8_t *bit_line(const struct rank *r, struct place x, uint32_t g,
                                      uint32_t *off)
{
    uint32_t n = g / RANK_LINE_BITS;
    uint64_t line = x.first_line + n;

    *off = g - n * RANK_LINE_BITS + 16;
    return r->blocks + (line < r->last_line ? line : r->last_line) * RANK_LINE;
}

static inline void fetch_bits(const struct rank *r, struct place x, uint32_t g)
{
    uint32_t off;

    __builtin_prefetch(bit_line(r, x, g, &off), 0, 3);
}

static inline uint32_t bits_ones(const struct rank *r, struct place x, uint32_t g)
{
    uint32_t off;
    const uint8_t *line = bit_line(r, x, g, &off);

    return line_ones(line, off);
}

static inline uint32_t bits_ones_and_bit(const struct rank *r, struct place x, uint32_t g,
                                         unsigned *bit)
{
    uint32_t off;
    const uint8_t *line = bit_line(r, x, g, &off);

    *bit = line[off >> 3] >> (off & 7) & 1;
    return line_ones(line, off);
}

static inline const uint8_t *entry(const uint8_t *header, unsigned index)
{
    return header + rank_fast_entries(header[35] & 15) + 4 * index;
}

static inline void fetch_header(const uint8_t *header)
{
    __builtin_prefetch(header, 0, 3);
}

static inline void fetch_code(const uint8_t *header, unsigned index)
{
    __builtin_prefetch(entry(header, index), 0, 3);
}

static inline struct code read_code(const uint8_t *header, unsigned index)
{
    const uint8_t *p = entry(header, index);

    return (struct code){
        .path = load_u16(p) & 0xfff, .len = (uint8_t)(load_u16(p) >> 12), .delta = load_u16(p + 2)};
}

static inline uint16_t read_delta(const uint8_t *header, unsigned index)
{
    return load_u16(entry(header, index) + 2);
}

/* The symbol of the leaf with `above` leaves before it at lesser depths, `nth` of its own. */
static inline unsigned leaf_symbol(const uint8_t *header, unsigned depth, uint32_t nth,
                                   uint32_t above)
{
    (void)depth;
    return entry(header, symbol_count(header))[(above + nth) & 255];
}

#endif
