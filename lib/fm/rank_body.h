/* rank_body.h - the rank kernels, compiled once per instruction set.
 *
 * The including file defines line_ones(line, off): the ones before bit `off` (16..511) of a line,
 * its own count included.
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

/* One position on its way down the levels of its block. */
struct walk {
    const uint8_t *header;
    uint64_t first_line; /* of the block's bits */
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
    uint64_t line = r->dir[block], limit = r->last_line - RANK_GUARD_LINES;

    return r->blocks + (line < limit ? line : limit) * RANK_LINE;
}

static inline const uint8_t *bit_line(const struct rank *r, const struct walk *w, uint32_t *off)
{
    uint32_t g = w->level_at + w->p, n = g / RANK_LINE_BITS;
    uint64_t line = w->first_line + n;

    *off = g - n * RANK_LINE_BITS + 16;
    return r->blocks + (line < r->last_line ? line : r->last_line) * RANK_LINE;
}

static inline void fetch(const void *p)
{
    __builtin_prefetch(p, 0, 3);
}

static inline void fetch_bits(const struct rank *r, const struct walk *w)
{
    uint32_t off;

    fetch(bit_line(r, w, &off));
}

static inline uint64_t base_of(const struct rank *r, uint64_t block, unsigned c)
{
    unsigned to_super = RANK_SUPER_LOG - RANK_BLOCK_LOG, to_hyper = RANK_HYPER_LOG - RANK_BLOCK_LOG;

    return r->hyper[(block >> to_hyper) * r->sigma + c] +
           r->super[(block >> to_super) * r->sigma + c];
}

static inline bool has_symbol(const uint8_t *header, unsigned c)
{
    return header[c >> 3] >> (c & 7) & 1;
}

static inline unsigned header_depth(const uint8_t *header)
{
    return header[35] & 15; /* at most HUFF_LIMIT, but for damage */
}

static inline const uint8_t *entries(const uint8_t *header)
{
    return header + (RANK_HEADER_FIXED + 5 * header_depth(header) + 3) / 4 * 4;
}

/* Where the entry of a symbol that the block has stands. */
static inline const uint8_t *entry_of(const uint8_t *header, unsigned c)
{
    uint64_t word = load_u64(header + 8 * (c >> 6)) & ~(~UINT64_C(0) << (c & 63));
    unsigned before = (unsigned)__builtin_popcountll(word) + (c >= 64 ? header[31 + (c >> 6)] : 0);

    return entries(header) + 4 * before;
}

/* Phase 1: the block, and its first line fetched. */
static inline void enter_block(const struct rank *r, struct walk *w, uint64_t pos, unsigned c)
{
    uint64_t i = pos <= r->n ? pos : r->n;

    w->block_n = (uint32_t)(i >> RANK_BLOCK_LOG);
    w->p = (uint32_t)(i & (RANK_BLOCK - 1));
    w->header = block_header(r, w->block_n);
    fetch(w->header);
    fetch(&r->super[(i >> RANK_SUPER_LOG) * r->sigma + c]);
}

/* A symbol that the block lacks: its occurrences before are those before the end of the nearest
 * block of the superblock that has it, or none since the superblock's start. */
static inline void go_back(const struct rank *r, struct walk *w, unsigned c)
{
    unsigned mask = (1u << (RANK_SUPER_LOG - RANK_BLOCK_LOG)) - 1;

    w->p = 0;
    while (w->block_n & mask) {
        w->header = block_header(r, --w->block_n);
        if (has_symbol(w->header, c)) {
            w->p = RANK_BLOCK;
            return;
        }
    }
    w->header = NULL;
}

static inline void start_levels(struct walk *w, uint64_t header_line)
{
    w->first_line = header_line + w->header[36];
    w->level_at = w->level_ones = 0;
    w->level = 0;
}

static inline uint64_t line_of(const struct rank *r, const uint8_t *p)
{
    return (uint64_t)(p - r->blocks) / RANK_LINE;
}

/* Phase 2: the symbol's entry found and fetched. A walk without a block to go through is done. */
static inline void find_entry(const struct rank *r, struct walk *w, unsigned c)
{
    uint64_t home = w->block_n;

    if (!has_symbol(w->header, c))
        go_back(r, w, c);
    w->base = base_of(r, home, c);
    if (w->header)
        fetch(entry_of(w->header, c));
}

/* Phase 3: the path read, the first level's line fetched. */
static inline void read_entry(const struct rank *r, struct walk *w, unsigned c)
{
    const uint8_t *entry;

    w->path = w->delta = 0;
    w->len = w->level = 0;
    if (!w->header)
        return;
    entry = entry_of(w->header, c);
    w->path = load_u16(entry) & 0xfff;
    w->len = (uint8_t)(load_u16(entry) >> 12);
    w->delta = load_u16(entry + 2);
    start_levels(w, line_of(r, w->header));
    fetch_bits(r, w);
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
    uint32_t off;
    const uint8_t *line = bit_line(r, w, &off);

    return (line_ones(line, off) - w->level_ones) & 0xffff;
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
                fetch_bits(r, x);
                active[still++] = active[a];
            }
        }
        k = still;
    }
}

/* Phase 3 and on of n positions; c[i / per] is asked of the i-th. */
static inline void finish_walks(const struct rank *r, struct walk *w, size_t n, const uint8_t *c,
                                unsigned per)
{
    for (size_t i = 0; i < n; i++)
        read_entry(r, &w[i], c[i / per]);
    run_levels(r, w, n);
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
    finish_walks(r, w, 2 * k, c, 2);
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
    finish_walks(r, w, k, c, 1);
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

/* One level down by the position's own bit. False at a leaf, whose place among the block's leaves
 * is then in x->leaves. */
static inline bool follow_bit(const struct rank *r, struct lf_walk *x)
{
    const uint8_t *header = x->w.header;
    unsigned depth = header_depth(header);
    const uint8_t *inner = header + RANK_HEADER_FIXED + 4 * depth + x->w.level;
    uint32_t off, here = inner[0], below = x->w.level + 1u < depth ? inner[1] : 0;
    const uint8_t *line = bit_line(r, &x->w, &off);
    unsigned bit = line[off >> 3] >> (off & 7) & 1;

    descend(&x->w, bit, (line_ones(line, off) - x->w.level_ones) & 0xffff);
    x->node += bit ? here : 0;
    if (x->node < below)
        x->leaves += 2 * here - below;
    else
        x->leaves += x->node - below;
    return x->node < below;
}

static inline uint8_t leaf_symbol(const uint8_t *header, uint32_t leaf)
{
    unsigned m = header[34] + (unsigned)__builtin_popcountll(load_u64(header + 24));

    return entries(header)[4 * m + (leaf & 255)];
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
                fetch_bits(r, &x->w);
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
    for (size_t i = 0; i < k; i++) {
        w[i].node = w[i].leaves = 0;
        start_levels(&w[i].w, line_of(r, w[i].w.header));
        fetch_bits(r, &w[i].w);
    }
    lf_levels(r, w, k);
    for (size_t i = 0; i < k; i++) {
        unsigned c = leaf_symbol(w[i].w.header, w[i].leaves);
        sym[i] = (uint8_t)(c < r->sigma ? c : r->sigma - 1);
        fetch(entry_of(w[i].w.header, sym[i]));
        fetch(&r->super[(row[i] >> RANK_SUPER_LOG) * r->sigma + sym[i]]);
    }
    for (size_t i = 0; i < k; i++) {
        w[i].w.delta = load_u16(entry_of(w[i].w.header, sym[i]) + 2);
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
