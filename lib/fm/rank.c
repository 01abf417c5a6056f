/* rank.c - see rank.h: sizes, the encoder, and the choice of kernels. */
#include "fm/rank.h"

#include <string.h>

#include "fm/bits.h"
#include "fm/huff.h"

uint64_t rank_blocks(const struct rank_layout *l, uint64_t n)
{
    return (n >> l->block_log) + 1;
}

uint64_t rank_supers(uint64_t n)
{
    return (n >> RANK_SUPER_LOG) + 1;
}

uint64_t rank_hypers(uint64_t n)
{
    return (n >> RANK_HYPER_LOG) + 1;
}

/* What the encoder works out about a block before it writes a byte. */
struct plan {
    struct huff code;
    uint32_t counts[256];
    uint16_t leaf_start[256]; /* by symbol: where its occurrences begin at its leaf */
    uint16_t level_len[HUFF_LIMIT + 1];
    uint64_t bits;
};

static void make_plan(const uint8_t *sym, size_t len, struct plan *p)
{
    uint32_t alive = (uint32_t)len;
    unsigned leaf = 0;

    memset(p->counts, 0, sizeof p->counts);
    for (size_t i = 0; i < len; i++)
        p->counts[sym[i]]++;
    huff_make(p->counts, &p->code);
    p->bits = 0;
    memset(p->leaf_start, 0, sizeof p->leaf_start);
    for (unsigned d = 0; d < p->code.depth; d++) {
        unsigned leaves = 2u * p->code.inner[d] - p->code.inner[d + 1];
        uint32_t gone = 0, at;
        p->level_len[d] = (uint16_t)alive;
        p->bits += alive;
        for (unsigned i = 0; i < leaves; i++)
            gone += p->counts[p->code.leaf_symbol[leaf + i]];
        at = alive -= gone;
        for (unsigned i = 0; i < leaves; i++, leaf++) {
            p->leaf_start[p->code.leaf_symbol[leaf]] = (uint16_t)at;
            at += p->counts[p->code.leaf_symbol[leaf]];
        }
    }
}

/* Writes bits into lines, keeping each line's count. */
struct line_writer {
    uint8_t *line;
    unsigned at; /* next bit of the line, from 16 */
    uint32_t ones;
};

static void next_line(struct line_writer *w)
{
    uint16_t count = (uint16_t)w->ones;

    w->line += RANK_LINE;
    w->at = 16;
    memcpy(w->line, &count, sizeof count);
}

static inline void put_bit(struct line_writer *w, unsigned bit)
{
    w->line[w->at >> 3] |= (uint8_t)(bit << (w->at & 7));
    w->ones += bit;
    if (++w->at == 8 * RANK_LINE)
        next_line(w);
}

/* One level: each symbol's branch is written, and the symbols are parted by it, those whose code
 * ends here left out. Returns the number of zeros of the level. */
static uint16_t write_level(struct line_writer *w, const struct huff *h, unsigned level,
                            const uint8_t *in, size_t n, uint8_t *out, uint8_t *scratch)
{
    size_t zeros = 0, kept = 0, kept_ones = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t s = in[i];
        unsigned bit = h->path[s] >> level & 1, goes_on = h->len[s] > level + 1;
        put_bit(w, bit);
        zeros += !bit;
        out[kept] = s;
        scratch[kept_ones] = s;
        kept += goes_on & !bit;
        kept_ones += goes_on & bit;
    }
    memcpy(out + kept, scratch, kept_ones);
    return (uint16_t)zeros;
}

/* The levels' bits; fills in each level's zeros. `lines` must be zero. */
static void write_levels(const struct plan *p, const uint8_t *sym, uint8_t *lines,
                         uint16_t zeros[HUFF_LIMIT])
{
    uint8_t a[RANK_BLOCK], b[RANK_BLOCK], scratch[RANK_BLOCK];
    struct line_writer w = {lines, 16, 0};
    const uint8_t *in = sym;

    for (unsigned l = 0; l < p->code.depth; l++) {
        /* cppcheck-suppress legacyUninitvar ; only the addresses are compared */
        uint8_t *out = in == a ? b : a;
        zeros[l] = write_level(&w, &p->code, l, in, p->level_len[l], out, scratch);
        in = out;
    }
}

static size_t entries_offset(const struct huff *h)
{
    return (RANK_HEADER_FIXED + 5 * h->depth + 3) / 4 * 4;
}

static void write_header(const struct plan *p, const uint16_t zeros[HUFF_LIMIT],
                         const uint32_t rel[256], unsigned lines, uint8_t *h)
{
    const struct huff *code = &p->code;
    uint8_t *levels = h + RANK_HEADER_FIXED, *inner = levels + 4 * code->depth;
    uint8_t *entry = h + entries_offset(code);
    unsigned seen = 0;

    for (unsigned s = 0; s < 256; s++) {
        if (s % 64 == 0 && s > 0)
            h[31 + s / 64] = (uint8_t)seen;
        if (!p->counts[s])
            continue;
        uint16_t e[2] = {(uint16_t)(code->path[s] | code->len[s] << 12),
                         (uint16_t)(rel[s] - p->leaf_start[s])};
        memcpy(entry + 4 * seen, e, sizeof e);
        h[s / 8] |= (uint8_t)(1u << s % 8);
        seen++;
    }
    h[35] = (uint8_t)code->depth;
    h[36] = (uint8_t)lines;
    for (unsigned l = 0; l < code->depth; l++) {
        uint16_t v[2] = {p->level_len[l], zeros[l]};
        memcpy(levels + 4 * l, v, sizeof v);
        inner[l] = code->inner[l];
    }
    memcpy(entry + 4 * seen, code->leaf_symbol, seen);
}

static int encode_block(const uint8_t *sym, size_t len, uint32_t rel[256], struct buf *out,
                        struct err *e)
{
    struct plan p;
    uint16_t zeros[HUFF_LIMIT];
    size_t header, lines, bytes;

    make_plan(sym, len, &p);
    header = (entries_offset(&p.code) + 5 * (size_t)p.code.symbols + RANK_LINE - 1) / RANK_LINE;
    lines = (size_t)(p.bits / RANK_LINE_BITS) + 1; /* position `bits` has a line too */
    bytes = (header + lines) * RANK_LINE;
    if (buf_reserve(out, bytes, e) < 0)
        return e->code;
    memset(out->p + out->len, 0, bytes);
    uint8_t *block = (uint8_t *)out->p + out->len;
    write_levels(&p, sym, block + header * RANK_LINE, zeros);
    write_header(&p, zeros, rel, (unsigned)header, block);
    for (unsigned s = 0; s < 256; s++)
        rel[s] += p.counts[s];
    out->len += bytes;
    return 0;
}

/* ---- decoding ---- */

/* A block's header as the encoder had it. Levels and leaves are clamped to the block, so that a
 * damaged one gives wrong symbols and nothing worse. */
struct shape {
    unsigned symbols, depth;
    uint32_t level_len[HUFF_LIMIT + 2], zeros[HUFF_LIMIT]; /* level_len past the last level: 0 */
    uint8_t inner[HUFF_LIMIT + 1];
    const uint8_t *leaf_symbol;
    uint16_t leaf_start[256]; /* by symbol */
};

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void read_levels(const uint8_t *h, struct shape *s)
{
    const uint8_t *level = h + RANK_HEADER_FIXED;
    uint32_t alive = RANK_BLOCK;

    memset(s->level_len, 0, sizeof s->level_len);
    memset(s->inner, 0, sizeof s->inner);
    for (unsigned d = 0; d < s->depth; d++) {
        alive = s->level_len[d] = least(load_u16(level + 4 * d), alive);
        s->zeros[d] = least(load_u16(level + 4 * d + 2), alive);
        s->inner[d] = level[4 * s->depth + d];
    }
}

static void read_shape(const uint8_t *h, const uint32_t rel[256], struct shape *s)
{
    unsigned depth = h[35] & 15;
    const uint8_t *entry = h + (RANK_HEADER_FIXED + 5 * depth + 3) / 4 * 4;

    s->depth = depth <= HUFF_LIMIT ? depth : HUFF_LIMIT;
    s->symbols = 0;
    for (unsigned c = 0; c < 256; c++)
        if (h[c >> 3] >> (c & 7) & 1)
            s->leaf_start[c] = (uint16_t)(rel[c] - load_u16(entry + 4 * s->symbols++ + 2));
    s->leaf_symbol = entry + 4 * s->symbols;
    read_levels(h, s);
}

/* A level's bits, taken out of their lines. */
static void copy_bits(const struct rank *r, uint64_t first_line, uint32_t from, uint32_t n,
                      uint64_t *out)
{
    memset(out, 0, (n / 64 + 1) * sizeof *out);
    for (uint32_t done = 0; done < n;) {
        uint32_t at = (from + done) % RANK_LINE_BITS + 16;
        uint32_t take = least(least(64 - at % 64, 64 - done % 64), n - done);
        uint64_t line = first_line + (from + done) / RANK_LINE_BITS, w;
        line = line < r->last_line ? line : r->last_line;
        w = load_u64(r->blocks + line * RANK_LINE + at / 64 * 8) >> at % 64;
        if (take < 64)
            w &= (UINT64_C(1) << take) - 1;
        out[done / 64] |= w << done % 64;
        done += take;
    }
}

/* Undoes one level: `below` are its symbols parted by their bit, zeros first. */
static void join_level(const uint64_t *bits, uint32_t n, uint32_t zeros, const uint8_t *below,
                       uint8_t *out)
{
    uint32_t at[2] = {0, zeros};

    for (uint32_t i = 0; i < n; i++) {
        unsigned bit = bits[i / 64] >> i % 64 & 1;
        out[i] = below[at[bit] < n ? at[bit] : 0];
        at[bit]++;
    }
}

/* The symbols that end at depth d + 1, behind the `alive` ones that go on; `leaf` is the first of
 * the depth's leaves. */
static void fill_leaves(const struct shape *s, unsigned d, unsigned leaf, uint32_t alive,
                        uint8_t *out)
{
    uint32_t n = s->level_len[d], from = alive;
    int leaves = 2 * s->inner[d] - s->inner[d + 1];

    for (int i = 0; i < leaves && leaf < s->symbols; i++, leaf++) {
        unsigned c = s->leaf_symbol[leaf], next = leaf + 1;
        uint32_t to = i + 1 < leaves && next < s->symbols ? s->leaf_start[s->leaf_symbol[next]] : n;
        to = least(to, n);
        if (to > from)
            memset(out + from, (int)c, to - from);
        from = to > from ? to : from;
    }
}

/* From the deepest level up. Symbols stand in a[] and b[] by turns. */
static const uint8_t *join_levels(const struct rank *r, const struct shape *s, uint64_t first_line,
                                  uint8_t *a, uint8_t *b)
{
    uint64_t bits[RANK_BLOCK / 64 + 1];
    uint32_t level_at[HUFF_LIMIT + 1] = {0};
    unsigned leaf[HUFF_LIMIT + 1] = {0};

    for (unsigned d = 0; d < s->depth; d++) {
        int leaves = 2 * s->inner[d] - s->inner[d + 1];
        leaf[d + 1] = leaf[d] + (unsigned)(leaves > 0 ? leaves : 0);
        level_at[d + 1] = level_at[d] + s->level_len[d];
    }
    memset(a, 0, RANK_BLOCK);
    for (unsigned d = s->depth; d-- > 0;) {
        uint8_t *t = a;
        fill_leaves(s, d, leaf[d], s->level_len[d + 1], a);
        copy_bits(r, first_line, level_at[d], s->level_len[d], bits);
        join_level(bits, s->level_len[d], s->zeros[d], a, b);
        a = b;
        b = t;
    }
    return a;
}

static size_t decode_block(const struct rank *r, uint64_t block, uint32_t rel[256], uint8_t *sym)
{
    uint64_t from = block << RANK_BLOCK_LOG, limit = r->last_line - RANK_GUARD_LINES;
    uint64_t line = r->dir[block] < limit ? r->dir[block] : limit;
    size_t len = from >= r->n ? 0 : r->n - from < RANK_BLOCK ? r->n - from : RANK_BLOCK;
    const uint8_t *h = r->blocks + line * RANK_LINE;
    uint8_t a[RANK_BLOCK], b[RANK_BLOCK];
    struct shape s;

    read_shape(h, rel, &s);
    if (s.depth)
        memcpy(sym, join_levels(r, &s, line + h[36], a, b), len);
    else
        memset(sym, s.symbols ? s.leaf_symbol[0] : 0, len);
    for (size_t i = 0; i < len; i++)
        rel[sym[i]]++;
    return len;
}

/* ---- the table ---- */

const struct rank_layout rank_fast = {
    .name = "fast",
    .id = 1,
    .block_log = RANK_BLOCK_LOG,
    .encode = encode_block,
    .decode = decode_block,
#if defined(__x86_64__)
    .ops = {&rank_fast_portable, &rank_fast_avx2, &rank_fast_avx512},
#else
    .ops = {&rank_fast_portable, &rank_fast_portable, &rank_fast_portable},
#endif
};

const struct rank_layout *rank_layout_of(uint32_t id)
{
    return id == rank_fast.id ? &rank_fast : NULL;
}

const struct rank_layout *rank_layout_named(const char *name)
{
    return strcmp(name, rank_fast.name) == 0 ? &rank_fast : NULL;
}
