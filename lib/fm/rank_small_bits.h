/* rank_small_bits.h - what rank_body.h asks of a layout, for "small" (rank_small.h).
 *
 * The including file has defined
 *   class_sums(classes, n, &ones, &bits)   of the first n classes: their sum, and that of the bits
 *                                          of their places
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

static inline uint32_t chunk_of(const struct rank *r, struct place x, uint32_t g,
                                const uint8_t **chunk, uint32_t *at)
{
    uint32_t n = g / SMALL_CHUNK, entry = load_u32(small_byte(r, x.dir + 4 * (uint64_t)n));

    *at = g - n * SMALL_CHUNK;
    *chunk = small_byte(r, x.chunks + small_at(entry));
    return entry;
}

static inline void fetch_bits(const struct rank *r, struct place x, uint32_t g)
{
    const uint8_t *chunk;
    uint32_t at;

    chunk_of(r, x, g, &chunk, &at);
    __builtin_prefetch(chunk, 0, 3);
    __builtin_prefetch(chunk + RANK_LINE, 0, 3);
}

/* Groups whose classes are written: those of a chunk of kind 3, 4 or 5. */
static inline uint32_t groups_ones(const uint8_t *chunk, unsigned kind, uint32_t at, unsigned *bit)
{
    unsigned group = at / ENUM15_BITS, in = at - group * ENUM15_BITS, skip;
    uint64_t mask = small_groups(chunk, kind, &skip);
    uint64_t before = mask & ((UINT64_C(1) << group) - 1);
    unsigned n = (unsigned)__builtin_popcountll(before), word;
    uint32_t ones, bits;
    const uint8_t *classes = chunk + skip;
    const uint8_t *places = classes + ((unsigned)__builtin_popcountll(mask) + 1) / 2;

    class_sums(classes, n, &ones, &bits);
    if (mask >> group & 1) {
        unsigned class = small_class(classes, n);
        uint64_t place = load_u64(places + (bits >> 3)) >> (bits & 7);
        word = enum15_decode(class, (unsigned)place & ((1u << place_bits[class]) - 1));
    } else {
        word = kind == SMALL_NOT_1 ? ENUM15_MASK : 0;
    }
    ones += kind == SMALL_NOT_1 ? ENUM15_BITS * (group - n) : 0;
    *bit = word >> in & 1;
    return ones + (uint32_t)__builtin_popcount(word & ((1u << in) - 1));
}

static inline uint32_t bits_ones_and_bit(const struct rank *r, struct place x, uint32_t g,
                                         unsigned *bit)
{
    const uint8_t *chunk;
    uint32_t at, entry = chunk_of(r, x, g, &chunk, &at), before = small_ones(entry);
    unsigned kind = small_kind(entry);

    if (kind >= SMALL_ALL)
        return before + groups_ones(chunk, kind, at, bit);
    if (kind == SMALL_RAW) {
        *bit = chunk[at >> 3] >> (at & 7) & 1;
        return before + raw_ones(chunk, at);
    }
    *bit = kind == SMALL_ONES;
    return before + (kind == SMALL_ONES ? at : 0);
}

static inline uint32_t bits_ones(const struct rank *r, struct place x, uint32_t g)
{
    unsigned bit;

    return bits_ones_and_bit(r, x, g, &bit);
}

static inline const uint8_t *deltas(const uint8_t *header)
{
    return small_lengths(header) + (symbol_count(header) + 1) / 2;
}

static inline void fetch_header(const uint8_t *header)
{
    __builtin_prefetch(header, 0, 3);
    __builtin_prefetch(header + RANK_LINE, 0, 3);
}

/* The symbol's delta, and the directory. */
static inline void fetch_code(const uint8_t *header, unsigned index)
{
    const uint8_t *dir = header + load_u16(header + 36);

    __builtin_prefetch(deltas(header) + 2 * index, 0, 3);
    __builtin_prefetch(dir, 0, 3);
    __builtin_prefetch(dir + RANK_LINE, 0, 3);
    __builtin_prefetch(dir + 2 * RANK_LINE, 0, 3);
}

static inline uint16_t read_delta(const uint8_t *header, unsigned index)
{
    return load_u16(deltas(header) + 2 * index);
}

/* A one at the lowest bit of each 4 where the length is `len`, of the 16 lengths from p on. */
static inline uint64_t same_length(const uint8_t *p, unsigned len)
{
    const uint64_t low = UINT64_C(0x1111111111111111);
    uint64_t x = load_u64(p) ^ len * low;

    x |= x >> 1;
    x |= x >> 2;
    return ~x & low;
}

/* The symbol's length is written; its leaf's number follows from the symbols of that length before
 * it, and its path from the way up to the root (huff.h). */
static inline struct code read_code(const uint8_t *header, unsigned index)
{
    const uint8_t *lengths = small_lengths(header), *inner;
    unsigned depth = header[35] & 15, len = small_class(lengths, index), node = 0, path = 0;

    for (unsigned left = index; left > 0; lengths += 8) {
        unsigned here = left < 16 ? left : 16;
        uint64_t same = same_length(lengths, len);
        if (here < 16)
            same &= (UINT64_C(1) << 4 * here) - 1;
        node += (unsigned)__builtin_popcountll(same);
        left -= here;
    }
    inner = header + RANK_HEADER_FIXED + 4 * depth;
    node += len < depth ? inner[len] : 0;
    for (unsigned d = len; d-- > 0;) {
        unsigned bit = node >= inner[d];
        path |= bit << d;
        node -= bit ? inner[d] : 0;
    }
    return (struct code){(uint16_t)path, (uint8_t)len, read_delta(header, index)};
}

/* The symbol with a bit set in the header's set that has `index` others before it. */
static inline unsigned nth_symbol(const uint8_t *header, unsigned index)
{
    unsigned word = 0;

    for (unsigned i = 1; i < 4; i++)
        word += header[31 + i] <= index;
    index -= word ? header[31 + word] : 0;
    return 64 * word + nth_one(load_u64(header + 8 * word), index & 63);
}

static inline unsigned leaf_symbol(const uint8_t *header, unsigned depth, uint32_t nth,
                                   uint32_t above)
{
    const uint8_t *lengths = small_lengths(header);
    unsigned words = (symbol_count(header) + 15) / 16;

    (void)above;
    for (unsigned w = 0; w < words && w < 16; w++) {
        uint64_t same = same_length(lengths + 8 * w, depth);
        unsigned n = (unsigned)__builtin_popcountll(same);
        if (nth < n)
            return nth_symbol(header, 16 * w + nth_one(same, nth) / 4);
        nth -= n;
    }
    return 0; /* only in a damaged file */
}

#endif
