/* rank_small_bits.h - what rank_body.h asks of a layout, for "small" (rank_small.h).
 *
 * The including file has defined
 *   class_sums(classes, n, &ones, &bits)   of the first n classes: their sum, and that of the bits
 *                                          of their places
 *   class_mask(classes, class)             which of the first 64 classes it is
 *   raw_ones(p, n)                         the ones among the first n < 960 bits
 *   nth_one(word, n)                       the position of the n-th (from 0) one
 */
#ifndef FM_RANK_SMALL_BITS_H
#define FM_RANK_SMALL_BITS_H

#include "fm/rank_small.h"

enum { BLOCK_LOG = RANK_SMALL_BLOCK_LOG, ONES_MASK = 0x7fff };

static const uint8_t place_bits[16] = {ENUM15_LENGTHS};

/* Where a block's directory and chunks are, in bytes. */
struct place {
    uint64_t dir, chunks;
};

static inline struct place place_of(const struct rank *r, const uint8_t *header)
{
    uint64_t dir = (uint64_t)(header - r->blocks) + load_u16(header + 36);

    return (struct place){dir, dir + 4u * load_u16(header + 38)};
}

/* A chunk, its word of the directory, and a bit of it. */
struct look {
    const uint8_t *chunk;
    uint32_t entry, at;
};

static inline struct look look_for(const struct rank *r, struct place x, uint32_t g)
{
    uint32_t n = g / SMALL_CHUNK, entry = load_u32(small_byte(r, x.dir + 4 * (uint64_t)n));

    return (struct look){small_byte(r, x.chunks + small_at(entry)), entry, g - n * SMALL_CHUNK};
}

/* The classes, and about where the place would be if all places were alike. */
static inline void fetch_look(const struct rank *r, const struct look *x, bool needed)
{
    const uint8_t *chunk = needed ? x->chunk : r->blocks;

    fetch(chunk);
    fetch(chunk + 40);
    fetch(chunk + 40 + x->at / 14);
}

static inline bool look_holds(const struct look *x, uint32_t apart)
{
    return (uint64_t)x->at + apart < SMALL_CHUNK;
}

static inline unsigned low_ones(unsigned word, unsigned n)
{
    return (unsigned)__builtin_popcount(word & ((1u << n) - 1));
}

/* In a chunk of kind 3, 4 or 5: the ones before the group of bit `at`, the group, and the bit in
 * it. Without branches: whether the group's own class is written cannot be guessed. */
static inline uint32_t group_of(const struct look *x, uint32_t at, unsigned *word, unsigned *in)
{
    unsigned group = at / ENUM15_BITS, kind = small_kind(x->entry), skip;
    uint64_t mask = small_groups(x->chunk, kind, &skip);
    unsigned n = (unsigned)__builtin_popcountll(mask & ((UINT64_C(1) << group) - 1));
    uint32_t ones, bits, fill = pick_u32(kind == SMALL_NOT_1, ENUM15_MASK, 0);
    const uint8_t *classes = x->chunk + skip;
    const uint8_t *places = classes + ((unsigned)__builtin_popcountll(mask) + 1) / 2;
    unsigned class = small_class(classes, n), place;

    class_sums(classes, n, &ones, &bits);
    place = (unsigned)(load_u64(places + (bits >> 3)) >> (bits & 7));
    *word = enum15_decode(class, place & ((1u << place_bits[class]) - 1));
    *word = pick_u32(mask >> group & 1, *word, fill);
    *in = at - group * ENUM15_BITS;
    return ones + (fill & ENUM15_BITS) * (group - n);
}

static inline uint32_t groups_ones(const struct look *x, uint32_t apart, uint32_t *between)
{
    unsigned word, in, end;
    uint32_t ones = group_of(x, x->at, &word, &in);

    ones += low_ones(word, in);
    if (in + apart <= ENUM15_BITS) {
        *between = low_ones(word >> in, apart);
    } else {
        *between = group_of(x, x->at + apart, &word, &end) - ones;
        *between += low_ones(word, end);
    }
    return ones;
}

static inline uint32_t look_ones(const struct look *x, uint32_t apart, uint32_t *between)
{
    uint32_t before = small_ones(x->entry), ones;
    unsigned kind = small_kind(x->entry);

    if (kind >= SMALL_ALL)
        return before + groups_ones(x, apart, between);
    if (kind == SMALL_RAW) {
        ones = raw_ones(x->chunk, x->at);
        *between = apart ? raw_ones(x->chunk, x->at + apart) - ones : 0;
        return before + ones;
    }
    *between = kind == SMALL_ONES ? apart : 0;
    return before + (kind == SMALL_ONES ? x->at : 0);
}

static inline uint32_t look_ones_and_bit(const struct look *x, unsigned *bit)
{
    uint32_t before = small_ones(x->entry), ones;
    unsigned kind = small_kind(x->entry), word, in;

    if (kind >= SMALL_ALL) {
        ones = group_of(x, x->at, &word, &in);
        *bit = word >> in & 1;
        return before + ones + low_ones(word, in);
    }
    if (kind == SMALL_RAW) {
        *bit = x->chunk[x->at >> 3] >> (x->at & 7) & 1;
        return before + raw_ones(x->chunk, x->at);
    }
    *bit = kind == SMALL_ONES;
    return before + (kind == SMALL_ONES ? x->at : 0);
}

static inline bool can_guess(const struct rank *r)
{
    (void)r;
    return true;
}

static inline void fetch_counts(const struct rank *r, const uint8_t *header)
{
    (void)r;
    for (unsigned i = 2; i < 8; i++)
        fetch(header + i * RANK_LINE);
}

static inline uint32_t guess_ones(const struct rank *r, struct place x, uint32_t g)
{
    struct look look = look_for(r, x, g);
    uint64_t next = x.dir + 4 * (uint64_t)(g / SMALL_CHUNK + 1);
    uint32_t before = small_ones(look.entry);
    uint32_t in = (small_ones(load_u32(small_byte(r, next))) - before) & ONES_MASK;

    fetch_look(r, &look, true);
    return before + (in < SMALL_CHUNK ? in : SMALL_CHUNK) * look.at / SMALL_CHUNK;
}

static inline const uint8_t *deltas(const uint8_t *header)
{
    return small_lengths(header) + (symbol_count(header) + 1) / 2;
}

static inline void fetch_header(const uint8_t *header)
{
    fetch(header);
    fetch(header + RANK_LINE);
}

/* The rest of the header and the directory. */
static inline void fetch_early(const uint8_t *header, uint32_t p)
{
    (void)p;
    for (unsigned i = 2; i < 7; i++)
        fetch(header + i * RANK_LINE);
}

/* The symbol's delta, and the directory. */
static inline void fetch_code(const uint8_t *header, unsigned index)
{
    const uint8_t *dir = header + load_u16(header + 36);
    unsigned bytes = 4u * load_u16(header + 38);

    fetch(deltas(header) + 2 * index);
    for (unsigned at = 0; at < bytes && at < 8 * RANK_LINE; at += RANK_LINE)
        fetch(dir + at);
    fetch(dir + bytes - 1);
}

static inline void fetch_leaves(const uint8_t *header)
{
    fetch_code(header, 0);
}

static inline uint16_t read_delta(const uint8_t *header, unsigned index)
{
    return load_u16(deltas(header) + 2 * index);
}

/* The symbol's length is written; its leaf's number follows from the symbols of that length before
 * it, and its path from the way up to the root (huff.h). */
static inline struct code read_code(const uint8_t *header, unsigned index)
{
    const uint8_t *lengths = small_lengths(header), *inner;
    unsigned depth = header[35] & 15, len = small_class(lengths, index);
    uint16_t delta = read_delta(header, index);
    unsigned node = 0, path = 0;

    for (; index >= 64; index -= 64, lengths += 32)
        node += (unsigned)__builtin_popcountll(class_mask(lengths, len));
    node += (unsigned)__builtin_popcountll(class_mask(lengths, len) & ((UINT64_C(1) << index) - 1));
    inner = header + RANK_HEADER_FIXED + 4 * depth;
    node += len < depth ? inner[len] : 0;
    for (unsigned d = len; d-- > 0;) {
        unsigned bit = node >= inner[d];
        path |= bit << d;
        node -= pick_u32(bit, inner[d], 0);
    }
    return (struct code){(uint16_t)path, (uint8_t)len, delta};
}

/* The symbol with a bit set in the header's set that has `index` others before it. */
static inline unsigned nth_symbol(const uint8_t *header, unsigned index)
{
    unsigned word = 0;

    for (unsigned i = 1; i < 4; i++)
        word += header[31 + i] <= index;
    index -= pick_u32(word > 0, header[31 + word], 0);
    return 64 * word + nth_one(load_u64(header + 8 * word), index & 63);
}

static inline unsigned leaf_symbol(const uint8_t *header, unsigned depth, uint32_t nth,
                                   uint32_t above)
{
    const uint8_t *lengths = small_lengths(header);
    unsigned from = 0;

    (void)above;
    for (; from < 256; from += 64, lengths += 32) {
        uint64_t same = class_mask(lengths, depth);
        unsigned n = (unsigned)__builtin_popcountll(same);
        if (nth < n)
            return nth_symbol(header, from + nth_one(same, nth));
        nth -= n;
    }
    return 0; /* only in a damaged file */
}

#endif
