/* rank_body.h - the rank kernels, compiled once per layout and instruction set.
 *
 * The including file defines what depends on the instruction set, and includes this file with
 * RANK_BITS_H naming the layout's part:
 *   BLOCK_LOG, ONES_MASK            block size; counts of ones are right in these bits
 *   struct place, place_of()        where a block's bits are
 *   fetch_header, fetch_code, fetch_bits   ask for the memory of the next phase
 *   bits_ones(), bits_ones_and_bit()       the ones before bit g of a block, and bit g
 *   read_code(), read_delta()       of the symbol with `index` others before it in the block
 *   leaf_symbol()                   whose leaf it is
 *
 * Searches and walks advance in lock step: each phase touches, for all of a batch, the memory that
 * the phase before has asked to be fetched, so that one cache miss is waited for while the others
 * are under way. (Measured for the design: 4-6 x the throughput of one at a time.)
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

    return (unsigned)__builtin_popcountll(word) + (c >= 64 ? header[31 + (c >> 6)] : 0);
}

#include RANK_BITS_H

/* One position on its way down the levels of its block. */
struct walk {
    const uint8_t *header;
    struct place place;
    uint64_t base;       /* C + occurrences before the superblock */
    uint32_t p;          /* position within the level */
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

static inline void fetch(const void *p)
{
    __builtin_prefetch(p, 0, 3);
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

/* Phase 1: the block, and its first line fetched. */
static inline void enter_block(const struct rank *r, struct walk *w, uint64_t pos, unsigned c)
{
    uint64_t i = pos <= r->n ? pos : r->n;

    w->block_n = (uint32_t)(i >> BLOCK_LOG);
    w->p = (uint32_t)(i & ((1u << BLOCK_LOG) - 1));
    w->header = block_header(r, w->block_n);
    fetch_header(w->header);
    fetch(&r->super[(i >> RANK_SUPER_LOG) * r->sigma + c]);
}

/* A symbol that the block lacks: its occurrences before are those before the end of the nearest
 * block of the superblock that has it, or none since the superblock's start. */
static inline void go_back(const struct rank *r, struct walk *w, unsigned c)
{
    unsigned mask = (1u << (RANK_SUPER_LOG - BLOCK_LOG)) - 1;

    w->p = 0;
    while (w->block_n & mask) {
        w->header = block_header(r, --w->block_n);
        if (has_symbol(w->header, c)) {
            w->p = 1u << BLOCK_LOG;
            return;
        }
    }
    w->header = NULL;
}

static inline void start_levels(const struct rank *r, struct walk *w)
{
    w->place = place_of(r, w->header);
    w->level_at = w->level_ones = 0;
    w->level = 0;
    fetch_bits(r, w->place, w->p);
}

/* Phase 2: the symbol's entry found and fetched. A walk without a block to go through is done. */
static inline void find_entry(const struct rank *r, struct walk *w, unsigned c)
{
    uint64_t home = w->block_n;

    if (!has_symbol(w->header, c))
        go_back(r, w, c);
    w->base = base_of(r, home, c);
    if (w->header)
        fetch_code(w->header, symbol_index(w->header, c));
}

/* Phase 3: the path read, the first level's bits fetched. */
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
    w->level = 0;
}

/* The same for a walk through the same block as *w for the same symbol. */
static inline void start_alike(const struct rank *r, struct walk *x, const struct walk *w)
{
    uint32_t p = x->p;
    uint64_t base = x->base;

    *x = *w;
    x->p = p;
    x->base = base;
    if (x->header)
        fetch_bits(r, x->place, p);
}

/* One level down branch `bit`, the rank at this level being `ones` in front of the position. */
static inline void descend(struct walk *w, unsigned bit, uint32_t ones)
{
    const uint8_t *level = w->header + RANK_HEADER_FIXED + 4 * w->level;
    uint32_t len = load_u16(level), zeros = load_u16(level + 2);

    w->p = bit ? zeros + ones : w->p - ones;
    w->level_at += len;
    w->level_ones += len - zeros;
    w->level++;
}

static inline uint32_t ones_before(const struct rank *r, const struct walk *w)
{
    return (bits_ones(r, w->place, w->level_at + w->p) - w->level_ones) & ONES_MASK;
}

static inline uint64_t walk_result(const struct walk *w)
{
    return w->base + (uint16_t)(w->delta + w->p);
}

static inline void run_levels(const struct rank *r, struct walk *w, size_t n)
{
    uint8_t active[2 * RANK_BATCH];
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        if (w[i].len)
            active[k++] = (uint8_t)i;
    while (k) {
        size_t still = 0;
        for (size_t a = 0; a < k; a++) {
            struct walk *x = &w[active[a]];
            descend(x, x->path >> x->level & 1, ones_before(r, x));
            if (x->level < x->len) {
                fetch_bits(r, x->place, x->level_at + x->p);
                active[still++] = active[a];
            }
        }
        k = still;
    }
}

static void step_batch(const struct rank *r, size_t k, const uint8_t *c, uint64_t *lo, uint64_t *hi)
{
    struct walk w[2 * RANK_BATCH];

    for (size_t i = 0; i < k; i++) {
        enter_block(r, &w[2 * i], lo[i], c[i]);
        enter_block(r, &w[2 * i + 1], hi[i], c[i]);
    }
    for (size_t i = 0; i < k; i++) {
        struct walk *x = &w[2 * i];
        if (x[0].block_n == x[1].block_n && !has_symbol(x[0].header, c[i])) {
            x[0].header = x[1].header = NULL; /* absent between lo and hi: the range is empty */
            x[0].base = x[1].base = 0;
            x[0].p = x[1].p = 0;
            continue;
        }
        find_entry(r, &x[0], c[i]);
        find_entry(r, &x[1], c[i]);
    }
    for (size_t i = 0; i < k; i++) {
        struct walk *x = &w[2 * i];
        start_walk(r, &x[0], c[i]);
        if (x[1].header == x[0].header)
            start_alike(r, &x[1], &x[0]);
        else
            start_walk(r, &x[1], c[i]);
    }
    run_levels(r, w, 2 * k);
    for (size_t i = 0; i < k; i++) {
        lo[i] = walk_result(&w[2 * i]);
        hi[i] = walk_result(&w[2 * i + 1]);
        if (hi[i] < lo[i])
            hi[i] = lo[i]; /* only in a damaged file */
    }
}

static void rank_step(const struct rank *r, size_t k, const uint8_t *c, uint64_t *lo, uint64_t *hi)
{
    for (size_t i = 0; i < k; i += RANK_BATCH)
        step_batch(r, k - i < RANK_BATCH ? k - i : RANK_BATCH, c + i, lo + i, hi + i);
}

static void map_batch(const struct rank *r, size_t k, const uint8_t *c, uint64_t *pos)
{
    struct walk w[2 * RANK_BATCH];

    for (size_t i = 0; i < k; i++)
        enter_block(r, &w[i], pos[i], c[i]);
    for (size_t i = 0; i < k; i++)
        find_entry(r, &w[i], c[i]);
    for (size_t i = 0; i < k; i++)
        start_walk(r, &w[i], c[i]);
    run_levels(r, w, k);
    for (size_t i = 0; i < k; i++)
        pos[i] = walk_result(&w[i]);
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
static inline bool follow_bit(const struct rank *r, struct lf_walk *x)
{
    const uint8_t *header = x->w.header;
    unsigned depth = header_depth(header), bit;
    const uint8_t *inner = header + RANK_HEADER_FIXED + 4 * depth + x->w.level;
    uint32_t here = inner[0], below = x->w.level + 1u < depth ? inner[1] : 0;
    uint32_t ones = bits_ones_and_bit(r, x->w.place, x->w.level_at + x->w.p, &bit);

    descend(&x->w, bit, (ones - x->w.level_ones) & ONES_MASK);
    x->node += bit ? here : 0;
    if (x->node < below) {
        x->leaves += 2 * here - below;
        return true;
    }
    x->node -= below;
    return false;
}

static inline void lf_levels(const struct rank *r, struct lf_walk *w, size_t k)
{
    uint8_t active[RANK_BATCH];
    size_t n = 0;

    for (size_t i = 0; i < k; i++)
        if (header_depth(w[i].w.header))
            active[n++] = (uint8_t)i;
    while (n) {
        size_t still = 0;
        for (size_t a = 0; a < n; a++) {
            struct lf_walk *x = &w[active[a]];
            if (follow_bit(r, x)) {
                fetch_bits(r, x->w.place, x->w.level_at + x->w.p);
                active[still++] = active[a];
            }
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
        fetch_code(w[i].w.header, 0);
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
        row[i] = walk_result(&w[i].w);
        if (row[i] >= r->n)
            row[i] = 0; /* only in a damaged file */
    }
}

static void rank_lf(const struct rank *r, size_t k, uint64_t *row, uint8_t *sym)
{
    for (size_t i = 0; i < k; i += RANK_BATCH)
        lf_batch(r, k - i < RANK_BATCH ? k - i : RANK_BATCH, row + i, sym + i);
}

#endif
