/* rank.c - see rank.h: sizes, the encoder, and the choice of kernels. */
#include "fm/rank.h"

#include <string.h>

#include "fm/huff.h"

uint64_t rank_blocks(uint64_t n)
{
    return (n >> RANK_BLOCK_LOG) + 1;
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

int rank_encode_block(const uint8_t *sym, size_t len, uint32_t rel[256], struct buf *out,
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

const struct rank_ops *rank_ops_for(enum cpu_level level)
{
#if defined(__x86_64__)
    if (level >= CPU_AVX512)
        return &rank_ops_avx512;
    if (level >= CPU_AVX2)
        return &rank_ops_avx2;
#endif
    (void)level;
    return &rank_ops_portable;
}
