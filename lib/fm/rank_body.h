/* rank_body.h - the rank kernels, compiled once per layout and instruction set.
 *
 * The including file defines what depends on the instruction set, and RANK_BITS_H, the layout's
 * part, which has:
 *   BLOCK_LOG, ONES_MASK           block size; counts of ones are right in these bits
 *   struct place, place_of()       where a block's bits are
 *   struct look, look_for()        where one bit g of them is: a line or a chunk, and g in it
 *   look_holds(look, apart)        is bit g + apart in the same one?
 *   look_ones(look, apart, &between)  the ones of the block before g; those from g to g + apart,
 *                                  which it holds
 *   look_ones_and_bit()            the ones before g, and bit g
 *   fetch_header, fetch_code, fetch_leaves, fetch_look   ask for the memory of the next phase
 *   fetch_early()                  of few searches: all that may be needed, where it can be told
 *   read_code(), read_delta()      of the symbol with `index` others before it in the block
 *   leaf_symbol()                  whose leaf it is
 * and what rank_seek.h names.
 *
 * Searches and walks advance in lock step: each phase touches, for all of a batch, the memory that
 * the phase before has asked to be fetched, so that one cache miss is waited for while the others
 * are under way. (Measured for the design: 4-6 x the throughput of one at a time.) Nothing is
 * branched on that hangs from the bits themselves: it cannot be guessed, and a wrong guess throws
 * away the work begun on the walks that follow.
 */
#ifndef FM_RANK_BODY_H
#define FM_RANK_BODY_H

#include "fm/bits.h"
#include "fm/huff.h"
#include "fm/rank.h"

/* A symbol's code in a block. */
struct code {
    uint16_t path;
    uint8_t len;
    uint16_t delta;
};

static inline bool has_symbol(const uint8_t *header, unsigned c)
{
    return header[c >> 3] >> (c & 7) & 1;
}

static inline unsigned symbol_count(const uint8_t *header)
{
    return header[34] + (unsigned)__builtin_popcountll(load_u64(header + 24));
}

/* How many symbols of the block are before c. */
static inline unsigned symbol_index(const uint8_t *header, unsigned c)
{
    uint64_t word = load_u64(header + 8 * (c >> 6)) & ~(~UINT64_C(0) << (c & 63));
    unsigned before = pick_u32(c >= 64, header[31 + (c >> 6)], 0);

    return (unsigned)__builtin_popcountll(word) + before;
}

/* The statement keeps gcc from dropping calls of functions that do nothing but fetch. */
static inline void fetch(const void *p)
{
    __builtin_prefetch(p, 0, 3);
    __asm__ volatile("");
}

#include RANK_BITS_H

enum { FEW = 4 }; /* fewer searches than this leave the memory idle */

/* A range of positions on its way down the levels of its block; or one position, an empty range. */
struct walk {
    const uint8_t *header;
    struct place place;
    struct look look;
    uint64_t base;       /* C + occurrences before the superblock */
    uint32_t p, apart;   /* position within the level; how far off is the range's end */
    uint32_t level_at;   /* bits of the levels above */
    uint32_t level_ones; /* ones in the levels above */
    uint32_t block_n;    /* which block */
    uint16_t path, delta;
    uint8_t len, level;
};

static inline const uint8_t *block_header(const struct rank *r, uint64_t block)
{
    return r->blocks + rank_block_line(r, block) * RANK_LINE;
}

static inline uint64_t base_of(const struct rank *r, uint64_t block, unsigned c)
{
    unsigned to_super = RANK_SUPER_LOG - BLOCK_LOG, to_hyper = RANK_HYPER_LOG - BLOCK_LOG;

    return r->hyper[(block >> to_hyper) * r->sigma + c] +
           r->super[(block >> to_super) * r->sigma + c];
}

static inline unsigned header_depth(const uint8_t *header)
{
    return header[35] & 15; /* at most HUFF_LIMIT, but for damage */
}

/* Phase 1: the block, and its first lines fetched. */
static inline void enter_block(const struct rank *r, struct walk *w, uint64_t pos, unsigned c)
{
    uint64_t i = pos <= r->n ? pos : r->n;

    w->block_n = (uint32_t)(i >> BLOCK_LOG);
    w->p = (uint32_t)(i & ((1u << BLOCK_LOG) - 1));
    w->apart = 0;
    w->header = block_header(r, w->block_n);
    fetch_header(w->header);
    fetch(&r->super[(i >> RANK_SUPER_LOG) * r->sigma + c]);
}

/* A symbol that the block lacks: its occurrences before are those before the end of the nearest
 * block of the superblock that has it, or none since the superblock's start. */
static inline void go_back(const struct rank *r, struct walk *w, unsigned c)
{
    unsigned mask = (1u << (RANK_SUPER_LOG - BLOCK_LOG)) - 1;

    w->p = w->apart = 0;
    while (w->block_n & mask) {
        w->header = block_header(r, --w->block_n);
        if (has_symbol(w->header, c)) {
            w->p = 1u << BLOCK_LOG;
            return;
        }
    }
    w->header = NULL;
}

/* Phase 2: the symbol's entry found and fetched. A walk without a block to go through is done. */
static inline void find_code(const struct rank *r, struct walk *w, unsigned c)
{
    uint64_t home = w->block_n;

    if (!has_symbol(w->header, c))
        go_back(r, w, c);
    w->base = base_of(r, home, c);
    if (w->header)
        fetch_code(w->header, symbol_index(w->header, c));
}

/* Where the walk looks next; fetched if there is a next level. */
static inline void find_bits(const struct rank *r, struct walk *w, bool needed)
{
    w->look = look_for(r, w->place, w->level_at + w->p);
    fetch_look(r, &w->look, needed);
    if (!look_holds(&w->look, w->apart)) {
        struct look end = look_for(r, w->place, w->level_at + w->p + w->apart);
        fetch_look(r, &end, needed);
    }
}

static inline void start_levels(const struct rank *r, struct walk *w)
{
    w->place = place_of(r, w->header);
    w->level_at = w->level_ones = 0;
    w->level = 0;
    find_bits(r, w, true);
}

/* Phase 3: the code read, the first level's bits fetched. */
static inline void start_walk(const struct rank *r, struct walk *w, unsigned c)
{
    struct code code = {0};

    if (w->header) {
        code = read_code(w->header, symbol_index(w->header, c));
        start_levels(r, w);
    }
    w->path = code.path;
    w->len = code.len;
    w->delta = code.delta;
}

/* One level down branch `bit`: `ones` are before the position in the block, `between` in the
 * range. */
static inline void descend(struct walk *w, unsigned bit, uint32_t ones, uint32_t between)
{
    const uint8_t *level = w->header + RANK_HEADER_FIXED + 4 * w->level;
    uint32_t len = load_u16(level), zeros = load_u16(level + 2);

    ones = (ones - w->level_ones) & ONES_MASK;
    w->p = pick_u32(bit, zeros + ones, w->p - ones);
    w->apart = pick_u32(bit, between, w->apart - between);
    w->level_at += len;
    w->level_ones += len - zeros;
    w->level++;
}

static inline void follow_path(const struct rank *r, struct walk *w)
{
    uint32_t between, ones;

    if (look_holds(&w->look, w->apart)) {
        ones = look_ones(&w->look, w->apart, &between);
    } else {
        struct look end = look_for(r, w->place, w->level_at + w->p + w->apart);
        ones = look_ones(&w->look, 0, &between);
        between = (look_ones(&end, 0, &between) - ones) & ONES_MASK;
    }
    descend(w, w->path >> w->level & 1, ones, between);
}

static inline uint64_t walk_result(const struct walk *w, uint32_t apart)
{
    return w->base + (uint16_t)(w->delta + w->p + apart);
}

static inline void run_levels(const struct rank *r, struct walk *w, size_t n)
{
    uint8_t active[2 * RANK_BATCH];
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        active[k] = (uint8_t)i;
        k += w[i].len > 0;
    }
    while (k) {
        size_t still = 0;
        for (size_t a = 0; a < k; a++) {
            struct walk *x = &w[active[a]];
            follow_path(r, x);
            find_bits(r, x, x->level < x->len);
            active[still] = active[a];
            still += x->level < x->len;
        }
        k = still;
    }
}

/* k <= RANK_BATCH ranges, two walks each; the second rests where one block has both ends. `idle`
 * tells that memory has nothing to do. */
static inline void step_batch(const struct rank *r, size_t k, const uint8_t *c, uint64_t *lo,
                              uint64_t *hi, bool idle)
{
    struct walk w[2 * RANK_BATCH];
    bool alone[RANK_BATCH];

    for (size_t i = 0; i < k; i++) {
        struct walk *x = &w[2 * i];
        enter_block(r, &x[0], lo[i], c[i]);
        if (idle)
            fetch_early(x[0].header, x[0].p);
        alone[i] = lo[i] <= hi[i] && hi[i] <= r->n && lo[i] >> BLOCK_LOG == hi[i] >> BLOCK_LOG;
        if (alone[i])
            x[0].apart = (uint32_t)(hi[i] - lo[i]);
        else
            enter_block(r, &x[1], hi[i], c[i]);
        if (idle && !alone[i])
            fetch_early(x[1].header, x[1].p);
    }
    for (size_t i = 0; i < k; i++) {
        struct walk *x = &w[2 * i];
        if (alone[i] && !has_symbol(x->header, c[i])) {
            x->header = NULL; /* absent between lo and hi: the range is empty */
            x->base = x->p = x->apart = 0;
            continue;
        }
        find_code(r, &x[0], c[i]);
        if (!alone[i])
            find_code(r, &x[1], c[i]);
    }
    for (size_t i = 0; i < k; i++) {
        struct walk *x = &w[2 * i];
        start_walk(r, &x[0], c[i]);
        x[1].len = 0;
        if (!alone[i])
            start_walk(r, &x[1], c[i]);
    }
    run_levels(r, w, 2 * k);
    for (size_t i = 0; i < k; i++) {
        struct walk *x = &w[2 * i];
        lo[i] = walk_result(&x[0], 0);
        hi[i] = alone[i] ? walk_result(&x[0], x[0].apart) : walk_result(&x[1], 0);
        if (hi[i] < lo[i])
            hi[i] = lo[i]; /* only in a damaged file */
    }
}

static void rank_step(const struct rank *r, size_t k, const uint8_t *c, uint64_t *lo, uint64_t *hi)
{
    for (size_t i = 0; i < k; i += RANK_BATCH)
        step_batch(r, k - i < RANK_BATCH ? k - i : RANK_BATCH, c + i, lo + i, hi + i, k < FEW);
}

static void map_batch(const struct rank *r, size_t k, const uint8_t *c, uint64_t *pos)
{
    struct walk w[2 * RANK_BATCH];

    for (size_t i = 0; i < k; i++)
        enter_block(r, &w[i], pos[i], c[i]);
    for (size_t i = 0; i < k; i++)
        find_code(r, &w[i], c[i]);
    for (size_t i = 0; i < k; i++)
        start_walk(r, &w[i], c[i]);
    run_levels(r, w, k);
    for (size_t i = 0; i < k; i++)
        pos[i] = walk_result(&w[i], 0);
}

static void rank_map(const struct rank *r, size_t k, const uint8_t *c, uint64_t *pos)
{
    for (size_t i = 0; i < k; i += 2 * RANK_BATCH)
        map_batch(r, k - i < 2 * RANK_BATCH ? k - i : 2 * RANK_BATCH, c + i, pos + i);
}

/* A walk that finds its symbol on the way: `node` is the number of the code tree's node. */
struct lf_walk {
    struct walk w;
    uint32_t node, leaves; /* leaves above this depth */
};

/* One level down by the position's own bit. False at a leaf: then x->node is its number among those
 * of its depth, and x->leaves are the leaves above it. */
static inline bool follow_bit(struct lf_walk *x)
{
    const uint8_t *header = x->w.header;
    unsigned depth = header_depth(header), bit;
    const uint8_t *inner = header + RANK_HEADER_FIXED + 4 * depth + x->w.level;
    uint32_t here = inner[0], below = pick_u32(x->w.level + 1u < depth, inner[1], 0);
    uint32_t ones = look_ones_and_bit(&x->w.look, &bit);
    bool more;

    descend(&x->w, bit, ones, 0);
    x->node += pick_u32(bit, here, 0);
    more = x->node < below;
    x->leaves += pick_u32(more, 2 * here - below, 0);
    x->node -= pick_u32(more, 0, below);
    return more;
}

static inline void lf_levels(const struct rank *r, struct lf_walk *w, size_t k)
{
    uint8_t active[RANK_BATCH];
    size_t n = 0;

    for (size_t i = 0; i < k; i++) {
        active[n] = (uint8_t)i;
        n += header_depth(w[i].w.header) > 0;
    }
    while (n) {
        size_t still = 0;
        for (size_t a = 0; a < n; a++) {
            struct lf_walk *x = &w[active[a]];
            bool more = follow_bit(x);
            find_bits(r, &x->w, more);
            active[still] = active[a];
            still += more;
        }
        n = still;
    }
}

static void lf_batch(const struct rank *r, size_t k, uint64_t *row, uint8_t *sym)
{
    struct lf_walk w[RANK_BATCH];

    for (size_t i = 0; i < k; i++)
        enter_block(r, &w[i].w, row[i], 0);
    for (size_t i = 0; i < k; i++)
        fetch_leaves(w[i].w.header);
    for (size_t i = 0; i < k; i++) {
        w[i].node = w[i].leaves = 0;
        start_levels(r, &w[i].w);
    }
    lf_levels(r, w, k);
    for (size_t i = 0; i < k; i++) {
        const uint8_t *header = w[i].w.header;
        unsigned c = leaf_symbol(header, w[i].w.level, w[i].node, w[i].leaves);
        sym[i] = (uint8_t)(c < r->sigma ? c : r->sigma - 1);
        fetch_code(header, symbol_index(header, sym[i]));
        fetch(&r->super[(row[i] >> RANK_SUPER_LOG) * r->sigma + sym[i]]);
    }
    for (size_t i = 0; i < k; i++) {
        w[i].w.delta = read_delta(w[i].w.header, symbol_index(w[i].w.header, sym[i]));
        w[i].w.base = base_of(r, w[i].w.block_n, sym[i]);
        row[i] = walk_result(&w[i].w, 0);
        if (row[i] >= r->n)
            row[i] = 0; /* only in a damaged file */
    }
}

static void rank_lf(const struct rank *r, size_t k, uint64_t *row, uint8_t *sym)
{
    for (size_t i = 0; i < k; i += RANK_BATCH)
        lf_batch(r, k - i < RANK_BATCH ? k - i : RANK_BATCH, row + i, sym + i);
}

#include "fm/rank_seek.h"

#endif
