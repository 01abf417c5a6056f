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

/* A line, and a bit of it. */
struct look {
    const uint8_t *line;
    uint32_t off;
};

static inline struct look look_for(const struct rank *r, struct place x, uint32_t g)
{
    uint32_t n = g / RANK_LINE_BITS;
    uint64_t line = x.first_line + n, limit = r->last_line - 1; /* words are read past a line */

    return (struct look){r->blocks + (line < limit ? line : limit) * RANK_LINE,
                         g - n * RANK_LINE_BITS + 16};
}

static inline void fetch_look(const struct rank *r, const struct look *x, bool needed)
{
    fetch(needed ? x->line : r->blocks);
}

static inline bool look_holds(const struct look *x, uint32_t apart)
{
    return (uint64_t)x->off + apart < 8 * RANK_LINE;
}

static inline uint32_t look_ones(const struct look *x, uint32_t apart, uint32_t *between)
{
    uint32_t ones = line_ones(x->line, x->off);

    if (apart <= 56)
        *between = (uint32_t)__builtin_popcountll(
            load_u64(x->line + (x->off >> 3)) >> (x->off & 7) & ((UINT64_C(1) << apart) - 1));
    else
        *between = line_ones(x->line, x->off + apart) - ones;
    return ones;
}

static inline uint32_t look_ones_and_bit(const struct look *x, unsigned *bit)
{
    *bit = x->line[x->off >> 3] >> (x->off & 7) & 1;
    return line_ones(x->line, x->off);
}

static inline const uint8_t *entry(const uint8_t *header, unsigned index)
{
    return header + rank_fast_entries(header[35] & 15) + 4 * index;
}

static inline void fetch_header(const uint8_t *header)
{
    fetch(header);
}

/* The rest of the header, and where the first level's line is likely to be: what follows one that
 * is not long. */
static inline void fetch_early(const uint8_t *header, uint32_t p)
{
    const uint8_t *line = header + p / RANK_LINE_BITS * RANK_LINE;

    for (unsigned i = 1; i < 6; i++)
        fetch(header + i * RANK_LINE);
    for (unsigned i = 3; i < 8; i++)
        fetch(line + i * RANK_LINE);
}

static inline bool can_guess(const struct rank *r)
{
    return r->hint != NULL;
}

/* Of text: a header is 4 to 9 lines, the bits a hundred. */
static inline void fetch_counts(const struct rank *r, const uint8_t *header)
{
    const uint16_t *hint = r->hint + (uint64_t)(header - r->blocks) / RANK_LINE;
    unsigned hints_a_line = RANK_LINE / sizeof *hint;

    for (unsigned i = 1; i < 7; i++)
        fetch(header + i * RANK_LINE);
    for (unsigned i = 0; i < RANK_HINTS_AHEAD; i += hints_a_line)
        fetch(hint + i);
}

/* Near a line's end the next line, too, is likely. */
static inline uint32_t guess_ones(const struct rank *r, struct place x, uint32_t g)
{
    enum { EDGE = 48 };
    struct look look = look_for(r, x, g);
    uint64_t line = (uint64_t)(look.line - r->blocks) / RANK_LINE;
    uint32_t off = look.off - 16, before = r->hint[line];
    uint32_t in = (r->hint[line + 1] - before) & ONES_MASK;

    fetch(look.line - (off < EDGE && line > 0 ? RANK_LINE : 0));
    fetch(look.line + (off >= RANK_LINE_BITS - EDGE ? RANK_LINE : 0));
    return before + (in < RANK_LINE_BITS ? in : RANK_LINE_BITS) * off / RANK_LINE_BITS;
}

static inline void fetch_code(const uint8_t *header, unsigned index)
{
    fetch(entry(header, index));
}

/* Inner nodes, and the frequent symbols' leaves. */
static inline void fetch_leaves(const uint8_t *header)
{
    fetch(header + RANK_LINE);
    fetch(entry(header, symbol_count(header)));
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
