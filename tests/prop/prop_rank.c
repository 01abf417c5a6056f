/* prop_rank.c - the layouts of lib/fm/rank.h and their kernels: the bytes of a block are what the
 * diagrams say, every kernel's steps and walks are what a count of the text says, and damage stays
 * inside.
 */
#include "../unit/t.h"

#include "fm/huff.h"
#include "fm/rank.h"

#include <stdbool.h>

enum { OCC_EVERY = 64, BATCH_MAX = 140, MAX_KERNELS = 3, BITS_MOST = 8 * RANK_BLOCK_MOST };

static unsigned long long seed = 1;
static const struct rank_layout *layout; /* under test */

static uint64_t below(uint64_t n)
{
    return t_rand(&seed) % n;
}

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

static uint64_t block_size(void)
{
    return UINT64_C(1) << layout->block_log;
}

static uint64_t len_of_block(uint64_t n, uint64_t block)
{
    uint64_t left = n - (block << layout->block_log);

    return left < block_size() ? left : block_size();
}

/* Is it the first of a superblock? */
static bool begins_super(uint64_t block)
{
    return block % (RANK_SUPER >> layout->block_log) == 0;
}

/* ---- an index in memory, each array exactly as long as it must be ---- */

struct index {
    struct rank r;
    const uint8_t *text;
    uint64_t *hyper;
    uint32_t *super, *dir;
    uint8_t *blocks;
    size_t blocks_len;
    uint16_t *hint;
    uint32_t *occ; /* [position / OCC_EVERY][symbol] */
};

static uint64_t occ(const struct index *x, unsigned c, uint64_t i)
{
    uint64_t from = i / OCC_EVERY, n = x->occ[from * x->r.sigma + c];

    for (uint64_t at = from * OCC_EVERY; at < i; at++)
        n += x->text[at] == c;
    return n;
}

static void count_all(struct index *x)
{
    uint32_t count[256] = {0};
    uint64_t first = 0;

    x->occ = need(malloc((x->r.n / OCC_EVERY + 1) * x->r.sigma * sizeof *x->occ));
    for (uint64_t i = 0; i <= x->r.n; i++) {
        if (i % OCC_EVERY == 0)
            memcpy(x->occ + i / OCC_EVERY * x->r.sigma, count, x->r.sigma * sizeof *count);
        if (i < x->r.n)
            count[x->text[i]]++;
    }
    for (unsigned c = 0; c < x->r.sigma; c++) {
        x->hyper[c] = first;
        first += count[c];
    }
}

static void index_make(struct index *x, const uint8_t *text, uint64_t n, unsigned sigma)
{
    uint64_t blocks = rank_blocks(layout, n), supers = rank_supers(n);
    uint32_t total[256] = {0}, rel[256] = {0};
    struct buf out = {0};
    struct err e = {0};
    int rc = 0;

    *x = (struct index){.r.n = n, .r.sigma = sigma, .text = text};
    x->hyper = need(malloc(rank_hypers(n) * sigma * sizeof *x->hyper));
    x->super = need(malloc(supers * sigma * sizeof *x->super));
    x->dir = need(malloc(blocks * sizeof *x->dir));
    count_all(x);
    for (uint64_t b = 0; b < blocks; b++) {
        uint64_t from = b << layout->block_log, len = len_of_block(n, b);
        if (begins_super(b)) {
            memcpy(x->super + (from >> RANK_SUPER_LOG) * sigma, total, sigma * sizeof *total);
            memset(rel, 0, sizeof rel);
        }
        x->dir[b] = (uint32_t)(out.len / RANK_LINE);
        rc |= layout->encode(text + from, len, rel, &out, &e);
        for (uint64_t i = from; i < from + len; i++)
            total[text[i]]++;
    }
    T_CHECK(rc == 0 && out.len % RANK_LINE == 0);
    x->blocks_len = out.len + RANK_GUARD_LINES * RANK_LINE;
    x->blocks = need(aligned_alloc(RANK_LINE, x->blocks_len));
    memcpy(x->blocks, out.p, out.len);
    memset(x->blocks + out.len, 0, RANK_GUARD_LINES * RANK_LINE);
    buf_free(&out);
    x->r.hyper = x->hyper;
    x->r.super = x->super;
    x->r.dir = x->dir;
    x->r.blocks = x->blocks;
    x->r.last_line = x->blocks_len / RANK_LINE - 1;
    x->hint = need(malloc(rank_hint_bytes(&x->r)));
    rank_fill_hints(&x->r, x->hint, 2);
    x->r.hint = x->hint;
}

static void index_free(struct index *x)
{
    free(x->hyper);
    free(x->super);
    free(x->dir);
    free(x->blocks);
    free(x->hint);
    free(x->occ);
}

/* ---- the kernels this machine runs ---- */

static const struct rank_ops *kernel[MAX_KERNELS];
static size_t n_kernels;

static void find_kernels(void)
{
    enum cpu_level best = cpu_detect();

    n_kernels = 0;
    for (int level = CPU_PORTABLE; level <= (int)best; level++) {
        kernel[n_kernels] = layout->ops[level];
        T_CHECK(strcmp(kernel[n_kernels]->name, cpu_name((enum cpu_level)level)) == 0);
        n_kernels++;
    }
    printf("prop_rank: %s, %zu kernels\n", layout->name, n_kernels);
}

/* ---- texts ---- */

enum kind {
    ONE,
    TWO,
    THREE,
    SIXTEEN,
    MOST,   /* 255 symbols */
    ALL,    /* 256 */
    SKEWED, /* a few frequent ones, so that codes are long */
    RUNS,
    CONSTANT, /* blocks of one symbol each */
    ABSENT,   /* a symbol in one block of every superblock, or in none */
    KINDS
};

static const unsigned sigma_of[KINDS] = {1, 2, 3, 16, 255, 256, 40, 9, 6, 11};

static void fill(uint8_t *t, uint64_t n, enum kind kind)
{
    unsigned sigma = sigma_of[kind], run = 0;
    uint8_t c = 0;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t block = i >> layout->block_log;
        switch (kind) {
        case SKEWED: /* a symbol is half as frequent as the one before */
            c = (uint8_t)(__builtin_ctzll(t_rand(&seed) >> 20 | 1ull << 16) +
                          (below(900) ? 0 : 20));
            break;
        case RUNS:
            if (!run--) {
                run = (unsigned)below(below(10) ? 20 : 30000);
                c = (uint8_t)below(sigma);
            }
            break;
        case CONSTANT:
            c = (uint8_t)(block * 5 % 7 % sigma);
            break;
        case ABSENT: /* 0 and 1 everywhere, 2 to 9 by block; 10 nowhere */
            c = (uint8_t)(below(50) ? below(2) : 2 + block * 3 % 8);
            break;
        default:
            c = (uint8_t)below(sigma);
        }
        t[i] = c;
    }
}

/* ---- the bytes of a block, by the diagrams ---- */

struct block {
    const uint8_t *p;
    size_t bytes;
    unsigned depth, symbols;
    const uint8_t *inner;
    uint8_t symbol[256]; /* that occur, in order */
    uint8_t leaf[256];   /* the same in the order of leaves */
    unsigned delta[256]; /* of each, in symbol order */
    uint32_t bits;
    uint8_t bit[BITS_MOST + 1024]; /* of all levels, and what is written past them */
};

static unsigned u16(const uint8_t *p)
{
    return p[0] | (unsigned)p[1] << 8;
}

static bool all_zero(const uint8_t *p, const uint8_t *end)
{
    for (; p < end; p++)
        if (*p)
            return false;
    return true;
}

static bool read_shared(const uint8_t *p, size_t bytes, struct block *b)
{
    b->p = p;
    b->bytes = bytes;
    b->depth = p[35];
    b->symbols = b->bits = 0;
    for (unsigned s = 0; s < 256; s++) {
        if (s % 64 == 0 && s > 0 && p[31 + s / 64] != b->symbols)
            return false;
        if (p[s / 8] >> s % 8 & 1)
            b->symbol[b->symbols++] = (uint8_t)s;
    }
    b->inner = p + 40 + 4 * b->depth;
    for (unsigned d = 0; d < b->depth; d++)
        b->bits += u16(p + 40 + 4 * d);
    return b->bits <= BITS_MOST;
}

static bool read_fast(struct block *b)
{
    const uint8_t *entry = b->p + (40 + 5 * b->depth + 3) / 4 * 4, *leaf = entry + 4 * b->symbols;
    const uint8_t *line = b->p + 64 * b->p[36];
    uint32_t ones = 0, lines = b->bits / 496 + 1;
    size_t header = (size_t)(leaf - b->p) + b->symbols;
    bool ok = all_zero(b->p + 37, b->p + 40) && all_zero(b->inner + b->depth, entry) &&
              b->p[36] == (header + 63) / 64 && all_zero(b->p + header, line) &&
              b->bytes == 64 * (b->p[36] + lines);

    for (unsigned k = 0; k < b->symbols; k++)
        b->delta[k] = u16(entry + 4 * k + 2);
    memcpy(b->leaf, leaf, b->symbols);
    for (uint32_t l = 0; ok && l < lines; l++, line += 64) {
        ok = u16(line) == (ones & 0xffff);
        for (unsigned i = 0; i < 496; i++)
            ones += b->bit[496 * l + i] = line[2 + i / 8] >> i % 8 & 1;
    }
    return ok && all_zero(b->bit + b->bits, b->bit + 496 * lines);
}

/* The words of 15 bits with k ones, in growing order. */
static const uint16_t *words_of_class(unsigned k)
{
    static uint16_t word[16][6435];
    static size_t n[16];

    if (!n[0])
        for (unsigned w = 0; w < 1 << 15; w++)
            word[__builtin_popcount(w)][n[__builtin_popcount(w)]++] = (uint16_t)w;
    return word[k];
}

static const unsigned bits_of_class[16] = {0, 4, 7, 9, 11, 12, 13, 13, 13, 13, 12, 11, 9, 7, 4, 0};

/* The groups that `mask` names; the others are all zeros or all ones. Returns the bytes. */
static size_t read_groups(const uint8_t *p, uint64_t mask, unsigned other, uint8_t *bit)
{
    size_t classes = (size_t)(__builtin_popcountll(mask) + 1) / 2, at = 8 * classes;

    for (unsigned g = 0, n = 0; g < 64; g++) {
        unsigned word = other ? 0x7fff : 0;
        if (mask >> g & 1) {
            unsigned k = p[n / 2] >> n % 2 * 4 & 15, place = 0;
            for (unsigned i = 0; i < bits_of_class[k]; i++, at++)
                place |= (p[at / 8] >> at % 8 & 1u) << i;
            word = words_of_class(k)[place];
            n++;
        }
        for (unsigned i = 0; i < 15; i++)
            bit[15 * g + i] = word >> i & 1;
    }
    return (at + 7) / 8;
}

static size_t read_chunk(const uint8_t *p, unsigned kind, uint8_t *bit)
{
    uint64_t mask = ~UINT64_C(0);

    if (kind < 2) {
        memset(bit, (int)kind, 960);
        return 0;
    }
    if (kind == 2) {
        for (unsigned i = 0; i < 960; i++)
            bit[i] = p[i / 8] >> i % 8 & 1;
        return 120;
    }
    if (kind > 3)
        memcpy(&mask, p, 8);
    return (kind > 3 ? 8 : 0) + read_groups(p + (kind > 3 ? 8 : 0), mask, kind == 5, bit);
}

/* The kind that the encoder must have taken. */
static unsigned right_kind(const uint8_t *bit)
{
    size_t places = 0, not_0 = 0, not_1 = 0, size[6], best = 0;

    for (unsigned g = 0; g < 64; g++) {
        unsigned k = 0;
        for (unsigned i = 0; i < 15; i++)
            k += bit[15 * g + i];
        places += bits_of_class[k];
        not_0 += k > 0;
        not_1 += k < 15;
    }
    size[0] = not_0 ? 1000 : 0;
    size[1] = not_1 ? 1000 : 0;
    size[2] = 120;
    size[3] = 32 + (places + 7) / 8;
    size[4] = 8 + (not_0 + 1) / 2 + (places + 7) / 8;
    size[5] = 8 + (not_1 + 1) / 2 + (places + 7) / 8;
    for (size_t k = 1; k < 6; k++)
        best = size[k] < size[best] ? k : best;
    return (unsigned)best;
}

static bool read_small(struct block *b)
{
    const uint8_t *lengths = b->inner + b->depth, *delta = lengths + (b->symbols + 1) / 2;
    uint32_t from = u16(b->p + 36), chunks = u16(b->p + 38), ones = 0;
    size_t header = (size_t)(delta - b->p) + 2 * b->symbols, at = from + 4 * chunks, leaf = 0;
    bool ok = from == (header + 3) / 4 * 4 && chunks == b->bits / 960 + 1 &&
              all_zero(b->p + header, b->p + from);

    for (unsigned k = 0; k < b->symbols; k++)
        b->delta[k] = u16(delta + 2 * k);
    for (unsigned d = 0; d <= b->depth; d++)
        for (unsigned k = 0; k < b->symbols; k++)
            if ((lengths[k / 2] >> k % 2 * 4 & 15u) == d)
                b->leaf[leaf++] = b->symbol[k];
    for (uint32_t c = 0; ok && c < chunks; c++) {
        uint8_t *bit = b->bit + 960 * (size_t)c;
        uint32_t entry = u16(b->p + from + 4 * c) | (uint32_t)u16(b->p + from + 4 * c + 2) << 16;
        ok = (entry >> 3 & 0x3fff) == at - from - 4 * chunks && entry >> 17 == (ones & 0x7fff);
        at += read_chunk(b->p + at, entry & 7, bit);
        ok = ok && (entry & 7) == right_kind(bit);
        for (unsigned i = 0; i < 960; i++)
            ones += bit[i];
    }
    return ok && leaf == b->symbols && b->bytes == (at + 63) / 64 * 64 &&
           all_zero(b->p + at, b->p + b->bytes) &&
           all_zero(b->bit + b->bits, b->bit + 960 * (size_t)chunks);
}

/* One level: order[] holds the positions in the block as they stand at this level, node[] by
 * position. Returns how many go on; the leaves' symbols go to sym[], where they begin to start[].
 */
static size_t read_level(const struct block *b, unsigned d, uint32_t *g, uint16_t *order, size_t n,
                         uint16_t *node, uint8_t *sym, unsigned *leaves, uint32_t start[256],
                         bool *ok)
{
    static uint16_t side[2][RANK_BLOCK_MOST];
    unsigned inner = b->inner[d], below_it = d + 1 < b->depth ? b->inner[d + 1] : 0;
    size_t k[2] = {0, 0}, kept = 0;

    *ok &= u16(b->p + 40 + 4 * d) == n;
    for (size_t i = 0; i < n; i++, ++*g) {
        unsigned bit = b->bit[*g];
        node[order[i]] = (uint16_t)(node[order[i]] + bit * inner);
        side[bit][k[bit]++] = order[i];
    }
    *ok &= u16(b->p + 40 + 4 * d + 2) == k[0];
    memcpy(order, side[0], 2 * k[0]);
    memcpy(order + k[0], side[1], 2 * k[1]);
    for (size_t i = 0; i < n; i++) {
        unsigned x = node[order[i]];
        if (x < below_it) {
            *ok &= kept == i; /* the leaves stand last */
            kept++;
            continue;
        }
        uint8_t s = b->leaf[*leaves + x - below_it];
        if (start[s] == UINT32_MAX)
            start[s] = (uint32_t)i;
        sym[order[i]] = s;
    }
    *leaves += 2 * inner - below_it;
    return kept;
}

/* Decodes a block of len symbols into sym[]; rel[] counts since the superblock's start. */
static bool read_block(const uint8_t *p, size_t bytes, size_t len, const uint32_t rel[256],
                       uint8_t *sym)
{
    static uint16_t order[RANK_BLOCK_MOST], node[RANK_BLOCK_MOST];
    static struct block b;
    uint32_t start[256], g = 0;
    unsigned leaves = 0;
    bool ok = read_shared(p, bytes, &b) && (layout == &rank_fast ? read_fast(&b) : read_small(&b));
    size_t n = len;

    memset(start, 0xff, sizeof start);
    memset(node, 0, sizeof node);
    for (size_t i = 0; i < len; i++)
        order[i] = (uint16_t)i;
    for (unsigned d = 0; ok && d < b.depth; d++)
        n = read_level(&b, d, &g, order, n, node, sym, &leaves, start, &ok);
    if (ok && b.depth == 0 && len) {
        memset(sym, b.leaf[0], len);
        start[b.leaf[0]] = 0;
    }
    for (unsigned k = 0; ok && k < b.symbols; k++) {
        unsigned s = b.symbol[k];
        ok &= b.delta[k] == ((rel[s] - start[s]) & 0xffff);
    }
    return ok;
}

static void check_bytes(const struct index *x, enum kind kind)
{
    static uint8_t sym[RANK_BLOCK_MOST];
    uint32_t rel[256] = {0};
    uint64_t n = x->r.n, blocks = rank_blocks(layout, n);

    for (uint64_t b = 0; b < blocks; b++) {
        uint64_t from = b << layout->block_log, len = len_of_block(n, b);
        uint64_t at = (uint64_t)x->dir[b] * RANK_LINE;
        uint64_t end = b + 1 < blocks ? (uint64_t)x->dir[b + 1] * RANK_LINE
                                      : x->blocks_len - RANK_GUARD_LINES * RANK_LINE;
        if (begins_super(b))
            memset(rel, 0, sizeof rel);
        T_CHECKF(read_block(x->blocks + at, end - at, len, rel, sym),
                 "%s, kind %d n %llu block %llu", layout->name, kind, (unsigned long long)n,
                 (unsigned long long)b);
        T_CHECKF(memcmp(sym, x->text + from, len) == 0, "%s, kind %d n %llu block %llu",
                 layout->name, kind, (unsigned long long)n, (unsigned long long)b);
        for (uint64_t i = from; i < from + len; i++)
            rel[x->text[i]]++;
    }
}

/* The library's own way back. */
static void check_decode(const struct index *x, enum kind kind)
{
    static uint8_t sym[RANK_BLOCK_MOST];
    uint32_t rel[256] = {0}, want[256] = {0};
    uint64_t blocks = rank_blocks(layout, x->r.n), at = 0;
    size_t wrong = 0;

    for (uint64_t b = 0; b < blocks; b++) {
        if (begins_super(b)) {
            memset(rel, 0, sizeof rel);
            memset(want, 0, sizeof want);
        }
        size_t len = layout->decode(&x->r, b, rel, sym);
        wrong += at + len > x->r.n || memcmp(sym, x->text + at, len) != 0;
        for (size_t i = 0; i < len; i++)
            want[x->text[at + i]]++;
        wrong += memcmp(rel, want, sizeof rel) != 0;
        at += len;
    }
    T_CHECKF(wrong == 0 && at == x->r.n, "kind %d n %llu: %zu blocks decoded wrongly", kind,
             (unsigned long long)x->r.n, wrong);
}

/* ---- steps and walks ---- */

struct query {
    uint8_t c[BATCH_MAX];
    uint64_t lo[BATCH_MAX], hi[BATCH_MAX];
};

static uint64_t position(uint64_t n)
{
    uint64_t near = below(n / block_size() + 2) * block_size() + below(5);

    if (below(3) && near >= 2 && near - 2 <= n)
        return near - 2; /* at a block's border */
    return below(n + 1);
}

static void draw(struct query *q, size_t k, uint64_t n, unsigned sigma)
{
    for (size_t i = 0; i < k; i++) {
        uint64_t a = position(n), b = below(2) ? position(n) : a + below(below(2) ? 4 : 1500);
        switch (below(8)) {
        case 0:
            b = a;
            break;
        case 1:
            a = 0;
            break;
        case 2:
            b = n;
        }
        b = b > n ? n : b;
        q->lo[i] = a < b ? a : b;
        q->hi[i] = a < b ? b : a;
        q->c[i] = (uint8_t)below(sigma);
    }
}

/* LF by counting. A struct index or a made-up text, hence the pointer. */
typedef uint64_t lf_fn(const void *ctx, unsigned c, uint64_t i);

static uint64_t lf_of_index(const void *ctx, unsigned c, uint64_t i)
{
    const struct index *x = ctx;

    return x->hyper[c] + occ(x, c, i);
}

/* How many of a batch's answers are wrong; all kernels must give the same numbers even where an
 * empty range leaves them without meaning. */
static size_t wrong_steps(const struct rank *r, size_t k, lf_fn *lf, const void *ctx)
{
    size_t wrong = 0;
    struct query q, got, first;

    draw(&q, k, r->n, r->sigma);
    for (size_t o = 0; o < n_kernels; o++) {
        got = q;
        kernel[o]->step(r, k, got.c, got.lo, got.hi);
        first = o ? first : got;
        wrong += memcmp(got.c, q.c, k) != 0 || memcmp(got.lo, first.lo, k * 8) != 0 ||
                 memcmp(got.hi, first.hi, k * 8) != 0;
        for (size_t i = 0; i < k; i++) {
            uint64_t lo = lf(ctx, q.c[i], q.lo[i]), hi = lf(ctx, q.c[i], q.hi[i]);
            wrong += lo == hi ? got.lo[i] != got.hi[i] : got.lo[i] != lo || got.hi[i] != hi;
        }
        got = q;
        kernel[o]->map(r, k, got.c, got.hi);
        wrong += memcmp(got.c, q.c, k) != 0;
        for (size_t i = 0; i < k; i++)
            wrong += got.hi[i] != lf(ctx, q.c[i], q.hi[i]);
    }
    return wrong;
}

static size_t wrong_walks(const struct rank *r, size_t k, const uint64_t *rows, lf_fn *lf,
                          const void *ctx, uint8_t (*symbol)(const void *ctx, uint64_t row))
{
    size_t wrong = 0;
    uint64_t row[BATCH_MAX];
    uint8_t sym[BATCH_MAX];

    for (size_t o = 0; o < n_kernels; o++) {
        memcpy(row, rows, k * sizeof *row);
        kernel[o]->lf(r, k, row, sym);
        for (size_t i = 0; i < k; i++)
            wrong += sym[i] != symbol(ctx, rows[i]) || row[i] != lf(ctx, sym[i], rows[i]);
    }
    return wrong;
}

/* ---- one search alone ---- */

enum { SEEK_MOST = 40 };

/* Symbols that a walk from a random row meets, the last one first, and now and then another. */
static size_t draw_symbols(const struct rank *r, lf_fn *lf, const void *ctx,
                           uint8_t (*symbol)(const void *ctx, uint64_t row), uint8_t sym[SEEK_MOST])
{
    uint64_t row = position(r->n - 1), other = below(2) ? 30 : UINT64_MAX;
    size_t n = (size_t)below(SEEK_MOST + 1);

    for (size_t i = n; i-- > 0;) {
        sym[i] = below(other) ? symbol(ctx, row) : (uint8_t)below(r->sigma);
        row = lf(ctx, sym[i], row) % r->n;
    }
    return n;
}

/* With hints and without, from all rows or from some. */
static size_t wrong_seeks(const struct rank *with, lf_fn *lf, const void *ctx,
                          uint8_t (*symbol)(const void *ctx, uint64_t row))
{
    uint8_t sym[SEEK_MOST];
    size_t n = draw_symbols(with, lf, ctx, symbol, sym), left = n, wrong = 0;
    uint64_t from = below(2) ? 0 : position(with->n), lo = from, hi = with->n;
    struct rank without = *with;

    without.hint = NULL;
    for (; left && lo < hi; left--) {
        lo = lf(ctx, sym[left - 1], lo);
        hi = lf(ctx, sym[left - 1], hi);
    }
    for (size_t o = 0; o < 2 * n_kernels; o++) {
        uint64_t a = from, b = with->n;
        wrong += kernel[o / 2]->seek(o % 2 ? with : &without, sym, n, &a, &b) != left;
        wrong += lo < hi ? a != lo || b != hi : a != b;
    }
    return wrong;
}

static uint8_t symbol_of_index(const void *ctx, uint64_t row)
{
    const struct index *x = ctx;

    return x->text[row];
}

static void check_index(const struct index *x, enum kind kind)
{
    unsigned long long n = x->r.n;
    size_t wrong = 0;
    uint64_t rows[BATCH_MAX];

    for (size_t k = 1; k <= BATCH_MAX; k++)
        wrong += wrong_steps(&x->r, k, lf_of_index, x);
    T_CHECKF(wrong == 0, "kind %d n %llu: %zu wrong steps", kind, n, wrong);
    wrong = 0;
    for (size_t k = 1; n && k <= BATCH_MAX; k++) {
        for (size_t i = 0; i < k; i++)
            rows[i] = position(n - 1);
        wrong += wrong_walks(&x->r, k, rows, lf_of_index, x, symbol_of_index);
    }
    T_CHECKF(wrong == 0, "kind %d n %llu: %zu wrong walks", kind, n, wrong);
    wrong = 0;
    for (int trial = 0; n && trial < 100; trial++)
        wrong += wrong_seeks(&x->r, lf_of_index, x, symbol_of_index);
    T_CHECKF(wrong == 0, "kind %d n %llu: %zu wrong seeks", kind, n, wrong);
}

/* Every row of a text, one walk after the other: LF is a permutation. */
static void check_all_rows(const struct index *x, enum kind kind)
{
    uint64_t n = x->r.n, rows[BATCH_MAX];
    size_t wrong = 0;

    for (uint64_t at = 0; at < n; at += BATCH_MAX) {
        size_t k = n - at < BATCH_MAX ? (size_t)(n - at) : BATCH_MAX;
        for (size_t i = 0; i < k; i++)
            rows[i] = at + i;
        wrong += wrong_walks(&x->r, k, rows, lf_of_index, x, symbol_of_index);
    }
    T_CHECKF(wrong == 0, "kind %d: %zu wrong walks of all rows", kind, wrong);
}

static void test_texts(void)
{
    static const uint64_t lengths[] = {0, 1, 100, 16383, 16384, 16385, 65535, 65536, 65537, 200000};

    for (int kind = 0; kind < KINDS; kind++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            uint8_t *text = need(malloc(lengths[l] + 1));
            struct index x;
            fill(text, lengths[l], (enum kind)kind);
            index_make(&x, text, lengths[l], sigma_of[kind]);
            check_bytes(&x, (enum kind)kind);
            check_decode(&x, (enum kind)kind);
            check_index(&x, (enum kind)kind);
            if (lengths[l] == 16385)
                check_all_rows(&x, (enum kind)kind);
            index_free(&x);
            free(text);
        }
}

/* ---- beyond 2^31 rows: one superblock, repeated ---- */

struct repeated {
    struct index one; /* the superblock, as an index */
    uint64_t n, first[256];
};

static uint64_t occ_repeated(const struct repeated *x, unsigned c, uint64_t i)
{
    return (i >> RANK_SUPER_LOG) * occ(&x->one, c, RANK_SUPER) +
           occ(&x->one, c, i & (RANK_SUPER - 1));
}

static uint64_t lf_repeated(const void *ctx, unsigned c, uint64_t i)
{
    const struct repeated *x = ctx;

    return x->first[c] + occ_repeated(x, c, i);
}

static uint8_t symbol_repeated(const void *ctx, uint64_t row)
{
    const struct repeated *x = ctx;

    return x->one.text[row & (RANK_SUPER - 1)];
}

static void check_repeated(struct repeated *x, uint64_t n)
{
    struct rank r = x->one.r;
    uint64_t *hyper = need(malloc(rank_hypers(n) * r.sigma * 8)), at = 0, rows[BATCH_MAX];
    uint32_t *super = need(malloc(rank_supers(n) * r.sigma * 4));
    uint32_t *dir = need(malloc(rank_blocks(layout, n) * 4));
    size_t wrong = 0;

    for (unsigned c = 0; c < r.sigma; c++) {
        x->first[c] = at;
        at += occ_repeated(x, c, n);
        for (uint64_t h = 0; h < rank_hypers(n); h++)
            hyper[h * r.sigma + c] = lf_repeated(x, c, h << RANK_HYPER_LOG);
        for (uint64_t s = 0; s < rank_supers(n); s++) {
            uint64_t start = s << RANK_SUPER_LOG >> RANK_HYPER_LOG << RANK_HYPER_LOG;
            super[s * r.sigma + c] = (uint32_t)(occ_repeated(x, c, s << RANK_SUPER_LOG) -
                                                occ_repeated(x, c, start));
        }
    }
    for (uint64_t b = 0; b < rank_blocks(layout, n); b++)
        dir[b] = x->one.dir[b % (RANK_SUPER >> layout->block_log)];
    r.n = n;
    r.hyper = hyper;
    r.super = super;
    r.dir = dir;
    for (int trial = 0; trial < 60; trial++) {
        wrong += wrong_steps(&r, BATCH_MAX, lf_repeated, x);
        for (size_t i = 0; i < BATCH_MAX; i++)
            rows[i] = position(n - 1);
        wrong += wrong_walks(&r, BATCH_MAX, rows, lf_repeated, x, symbol_repeated);
        wrong += wrong_seeks(&r, lf_repeated, x, symbol_repeated);
    }
    T_CHECKF(wrong == 0, "n %llu: %zu wrong", (unsigned long long)n, wrong);
    free(hyper);
    free(super);
    free(dir);
}

static void test_hyperblocks(void)
{
    static uint8_t text[RANK_SUPER];
    struct repeated x;

    fill(text, RANK_SUPER, ABSENT);
    index_make(&x.one, text, RANK_SUPER, sigma_of[ABSENT]);
    check_repeated(&x, UINT64_C(1) << RANK_HYPER_LOG);
    check_repeated(&x, (UINT64_C(3) << RANK_HYPER_LOG) + 100000);
    index_free(&x.one);
}

/* ---- damage ---- */

struct span {
    uint8_t *p;
    size_t len;
};

/* Wild values may come out, but every kernel's alike, rows below n and symbols below sigma. */
static void decode_damaged(const struct rank *r, const char *what, int trial)
{
    static uint8_t sym[RANK_BLOCK_MOST];
    uint32_t rel[256];

    for (uint64_t b = 0; b < rank_blocks(layout, r->n); b++) {
        for (unsigned c = 0; c < 256; c++)
            rel[c] = (uint32_t)below(UINT32_MAX);
        T_CHECKF(layout->decode(r, b, rel, sym) == len_of_block(r->n, b), "%s, trial %d: decoding",
                 what, trial);
    }
}

static void seek_damaged(const struct rank *r, const char *what, int trial)
{
    uint8_t sym[SEEK_MOST];
    size_t wrong = 0, first_left = 0;
    uint64_t from = position(r->n), first_lo = 0;

    for (size_t i = 0; i < SEEK_MOST; i++)
        sym[i] = (uint8_t)below(r->sigma);
    for (size_t o = 0; o < n_kernels; o++) {
        uint64_t lo = from, hi = r->n;
        size_t left = kernel[o]->seek(r, sym, SEEK_MOST, &lo, &hi);
        wrong += lo > hi || (o && (lo != first_lo || left != first_left));
        first_lo = lo;
        first_left = left;
    }
    T_CHECKF(wrong == 0, "%s, trial %d: seeking", what, trial);
}

static void use_damaged(const struct rank *r, const char *what, int trial)
{
    size_t wrong = 0;
    struct query q, got, first;
    uint64_t row[BATCH_MAX], first_row[BATCH_MAX];
    uint8_t sym[BATCH_MAX], first_sym[BATCH_MAX];

    memset(&first, 0, sizeof first);
    draw(&q, BATCH_MAX, r->n, r->sigma);
    for (size_t o = 0; o < n_kernels; o++) {
        got = q;
        for (int step = 0; step < 3; step++) { /* each goes on from what the last one gave */
            kernel[o]->step(r, BATCH_MAX, got.c, got.lo, got.hi);
            for (size_t i = 0; i < BATCH_MAX; i++)
                wrong += got.lo[i] > got.hi[i];
        }
        first = o ? first : got;
        wrong += memcmp(&got, &first, sizeof got) != 0;
        memcpy(row, q.lo, sizeof row);
        for (size_t i = 0; i < BATCH_MAX; i++)
            row[i] = row[i] < r->n ? row[i] : 0;
        for (int step = 0; step < 3; step++) {
            kernel[o]->lf(r, BATCH_MAX, row, sym);
            for (size_t i = 0; i < BATCH_MAX; i++)
                wrong += row[i] >= r->n || sym[i] >= r->sigma;
        }
        if (o == 0) {
            memcpy(first_row, row, sizeof row);
            memcpy(first_sym, sym, sizeof sym);
        }
        wrong += memcmp(row, first_row, sizeof row) != 0 || memcmp(sym, first_sym, sizeof sym) != 0;
    }
    T_CHECKF(wrong == 0, "%s, trial %d", what, trial);
}

/* Some bytes anywhere, and then in the headers, where damage does most. */
static void flip(struct index *x, const struct span *span, size_t n_span, int trial)
{
    for (uint64_t k = 1 + below(6); k > 0; k--) {
        const struct span *s = &span[below(n_span)];
        size_t at = below(s->len);
        if (s->p == x->blocks && trial % 2)
            at = (size_t)x->dir[below(rank_blocks(layout, x->r.n))] * RANK_LINE % s->len +
                 below(64);
        if (at < s->len)
            s->p[at] = below(2) ? (uint8_t)below(256) : (uint8_t)(s->p[at] ^ 1u << below(8));
    }
}

static void damage(uint64_t n, enum kind kind, const char *what)
{
    uint8_t *text = need(malloc(n));
    struct index x;

    fill(text, n, kind);
    index_make(&x, text, n, sigma_of[kind]);
    struct span span[] = {{x.blocks, x.blocks_len},
                          {(uint8_t *)x.dir, rank_blocks(layout, n) * 4},
                          {(uint8_t *)x.super, rank_supers(n) * x.r.sigma * 4},
                          {(uint8_t *)x.hyper, rank_hypers(n) * x.r.sigma * 8},
                          {(uint8_t *)x.hint, rank_hint_bytes(&x.r)}};
    size_t spans = sizeof span / sizeof *span;
    uint8_t *saved[5];
    for (size_t s = 0; s < spans; s++)
        saved[s] = memcpy(need(malloc(span[s].len)), span[s].p, span[s].len);
    for (int trial = 0; trial < 300; trial++) {
        if (trial % 4 == 0) /* else damage gathers */
            for (size_t s = 0; s < spans; s++)
                memcpy(span[s].p, saved[s], span[s].len);
        flip(&x, span, trial % 8 ? 1 : spans, trial);
        use_damaged(&x.r, what, trial);
        seek_damaged(&x.r, what, trial);
        decode_damaged(&x.r, what, trial);
    }
    for (int value = 0; value < 256; value += 51) { /* all of it */
        memset(x.blocks, value, x.blocks_len);
        use_damaged(&x.r, what, value);
        memset(x.dir, value, rank_blocks(layout, n) * 4);
        use_damaged(&x.r, what, value);
        seek_damaged(&x.r, what, value);
        decode_damaged(&x.r, what, value);
    }
    for (size_t s = 0; s < spans; s++)
        free(saved[s]);
    index_free(&x);
    free(text);
}

static void test_damage(void)
{
    damage(1, ONE, "damaged, one symbol");
    damage(40000, THREE, "damaged, three symbols");
    damage(20000, ALL, "damaged, all symbols");
    damage(70000, ABSENT, "damaged, absent symbols");
    damage(33000, SKEWED, "damaged, long codes");
}

static void test_layouts(void)
{
    T_CHECK(rank_layout_of(1) == &rank_fast);
    T_CHECK(rank_layout_of(2) == &rank_small);
    T_CHECK(!rank_layout_of(0) && !rank_layout_of(3));
    T_CHECK(rank_fast.id == 1 && rank_small.id == 2);
}

int main(void)
{
    static const struct rank_layout *const all[] = {&rank_fast, &rank_small};

    test_layouts();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        layout = all[i];
        find_kernels();
        test_texts();
        test_hyperblocks();
        test_damage();
    }
    return t_done("prop_rank");
}
