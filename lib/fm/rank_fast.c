/* rank_fast.c - see rank_fast.h: blocks written and read. */
#include "fm/rank_fast.h"

#include <string.h>

#include "fm/bits.h"
#include "fm/wave.h"

/* n <= 64 bits of a sequence, from bit `at`. */
static uint64_t take_bits(const uint64_t *word, uint32_t at, unsigned n)
{
    uint64_t v = word[at / 64] >> at % 64;

    if (at % 64)
        v |= word[at / 64 + 1] << (64 - at % 64);
    return n < 64 ? v & ((UINT64_C(1) << n) - 1) : v;
}

/* Every line, with its count; position `bits` has a line too. */
static void write_lines(const struct wave *w, uint8_t *line)
{
    uint32_t ones = 0;

    for (uint32_t at = 0; at <= w->bits; at += RANK_LINE_BITS, line += RANK_LINE) {
        uint64_t v[8] = {take_bits(w->word, at, 48) << 16 | (ones & 0xffff)};
        ones += (uint32_t)__builtin_popcountll(v[0] >> 16);
        for (unsigned i = 1; i < 8; i++) {
            v[i] = at + 64 * i - 16 < w->bits ? take_bits(w->word, at + 64 * i - 16, 64) : 0;
            ones += (uint32_t)__builtin_popcountll(v[i]);
        }
        memcpy(line, v, sizeof v);
    }
}

static void write_header(const struct wave *w, const uint32_t rel[256], unsigned lines, uint8_t *h)
{
    const struct huff *code = &w->code;
    uint8_t *entry = h + rank_fast_entries(code->depth);

    wave_put_header(w, h);
    h[36] = (uint8_t)lines;
    for (unsigned s = 0; s < 256; s++) {
        if (!w->counts[s])
            continue;
        uint16_t e[2] = {(uint16_t)(code->path[s] | code->len[s] << 12), wave_delta(w, rel, s)};
        memcpy(entry, e, sizeof e);
        entry += sizeof e;
    }
    memcpy(entry, code->leaf_symbol, code->symbols);
}

static int encode_block(const uint8_t *sym, size_t len, uint32_t rel[256], struct buf *out,
                        struct err *e)
{
    struct wave w;
    size_t header, lines, bytes;

    wave_make(sym, len, &w);
    header = (rank_fast_entries(w.code.depth) + 5 * (size_t)w.code.symbols + RANK_LINE - 1) /
             RANK_LINE;
    lines = w.bits / RANK_LINE_BITS + 1;
    bytes = (header + lines) * RANK_LINE;
    if (buf_reserve(out, bytes, e) < 0)
        return e->code;
    uint8_t *block = (uint8_t *)out->p + out->len;
    memset(block, 0, header * RANK_LINE);
    write_header(&w, rel, (unsigned)header, block);
    write_lines(&w, block + header * RANK_LINE);
    for (unsigned s = 0; s < 256; s++)
        rel[s] += w.counts[s];
    out->len += bytes;
    return 0;
}

/* ---- reading ---- */

static void read_header(const uint8_t *h, const uint32_t rel[256], struct wave_shape *s)
{
    const uint8_t *entry = h + rank_fast_entries(h[35] & 15);

    wave_read_header(h, RANK_FAST_BLOCK_LOG, s);
    for (unsigned i = 0; i < s->symbols; i++) {
        unsigned c = s->symbol[i];
        s->leaf_start[c] = (uint16_t)(rel[c] - load_u16(entry + 4 * i + 2));
    }
    memcpy(s->leaf_symbol, entry + 4 * s->symbols, s->symbols);
}

/* A block's bits, taken out of their lines. */
static void read_lines(const struct rank *r, uint64_t line, uint32_t bits, uint64_t *word)
{
    uint32_t at = 0;

    word[0] = 0;
    for (; at < bits; at += RANK_LINE_BITS, line++) {
        const uint8_t *p = r->blocks + (line < r->last_line ? line : r->last_line) * RANK_LINE;
        for (unsigned i = 0; i < 8; i++) {
            unsigned n = i ? 64 : 48;
            uint32_t to = at + 64 * i - (i ? 16 : 0);
            uint64_t v = load_u64(p + 8 * i) >> (64 - n);
            word[to / 64] |= v << to % 64;
            word[to / 64 + 1] = to % 64 ? v >> (64 - to % 64) : 0;
        }
    }
}

static size_t decode_block(const struct rank *r, uint64_t block, uint32_t rel[256], uint8_t *sym)
{
    uint64_t word[WAVE_WORDS_DAMAGED + WAVE_SLACK];
    struct wave_shape s;
    uint64_t line = rank_block_line(r, block);
    size_t len = rank_block_len(r, block, RANK_FAST_BLOCK_LOG);
    const uint8_t *h = r->blocks + line * RANK_LINE;

    read_header(h, rel, &s);
    read_lines(r, line + h[36], s.bits, word);
    wave_join(&s, word, sym, len);
    wave_count(sym, len, rel);
    return len;
}

const struct rank_layout rank_fast = {
    .name = "fast",
    .id = 1,
    .block_log = RANK_FAST_BLOCK_LOG,
    .batch = 64,
    .hints = true,
    .encode = encode_block,
    .decode = decode_block,
    .ops = CPU_CHOICES(rank_fast),
};
