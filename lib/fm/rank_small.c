/* rank_small.c - see rank_small.h: blocks written and read. */
#include "fm/rank_small.h"

#include <string.h>

#include "fm/wave.h"

static const uint8_t place_bits[16] = {ENUM15_LENGTHS};

/* ---- writing ---- */

/* A chunk's groups, and what each kind would take. */
struct groups {
    uint16_t word[SMALL_GROUPS];
    uint8_t class[SMALL_GROUPS];
    uint64_t not_0, not_1; /* masks */
    uint32_t ones, place_bits;
};

static void split(const uint64_t *word, uint32_t at, struct groups *g)
{
    g->not_0 = g->not_1 = 0;
    g->ones = g->place_bits = 0;
    for (unsigned i = 0; i < SMALL_GROUPS; i++, at += ENUM15_BITS) {
        uint64_t w = word[at / 64] >> at % 64;
        unsigned class;
        if (at % 64 > 64 - ENUM15_BITS)
            w |= word[at / 64 + 1] << (64 - at % 64);
        g->word[i] = (uint16_t)(w & ENUM15_MASK);
        class = (unsigned)__builtin_popcount(g->word[i]);
        g->class[i] = (uint8_t) class;
        g->not_0 |= (uint64_t)(class > 0) << i;
        g->not_1 |= (uint64_t)(class < ENUM15_BITS) << i;
        g->ones += class;
        g->place_bits += place_bits[class];
    }
}

static uint32_t masked_bytes(uint64_t mask, uint32_t places)
{
    return 8 + ((uint32_t)__builtin_popcountll(mask) + 1) / 2 + (places + 7) / 8;
}

static unsigned best_kind(const struct groups *g, uint32_t *bytes)
{
    const uint32_t size[] = {[SMALL_ZEROS] = g->not_0 ? UINT32_MAX : 0,
                             [SMALL_ONES] = g->not_1 ? UINT32_MAX : 0,
                             [SMALL_RAW] = SMALL_RAW_BYTES,
                             [SMALL_ALL] = SMALL_GROUPS / 2 + (g->place_bits + 7) / 8,
                             [SMALL_NOT_0] = masked_bytes(g->not_0, g->place_bits),
                             [SMALL_NOT_1] = masked_bytes(g->not_1, g->place_bits)};
    unsigned best = 0;

    for (unsigned k = 1; k < sizeof size / sizeof *size; k++)
        if (size[k] < size[best])
            best = k;
    *bytes = size[best];
    return best;
}

/* The classes of the groups in `mask`, then their places. Whole words are written: out has slack.
 */
static void write_groups(const struct groups *g, uint64_t mask, uint8_t *out)
{
    unsigned n = (unsigned)__builtin_popcountll(mask), i = 0;
    uint8_t *places = out + (n + 1) / 2;
    uint64_t now = 0;
    unsigned used = 0;

    memset(out, 0, (n + 1) / 2);
    for (uint64_t left = mask; left; left &= left - 1, i++) {
        unsigned k = (unsigned)__builtin_ctzll(left), class = g->class[k];
        out[i >> 1] |= (uint8_t)(class << (i & 1) * 4);
        now |= (uint64_t)enum15_encode(class, g->word[k]) << used;
        for (used += place_bits[class]; used >= 8; used -= 8, now >>= 8)
            *places++ = (uint8_t)now;
    }
    if (used)
        *places = (uint8_t)now;
}

static void write_chunk(const struct wave *w, uint32_t at, const struct groups *g, unsigned kind,
                        uint8_t *out)
{
    uint64_t mask = kind == SMALL_NOT_0 ? g->not_0 : g->not_1;

    if (kind == SMALL_RAW)
        memcpy(out, w->word + at / 64, SMALL_RAW_BYTES);
    else if (kind == SMALL_ALL)
        write_groups(g, ~UINT64_C(0), out);
    else if (kind >= SMALL_NOT_0) {
        memcpy(out, &mask, sizeof mask);
        write_groups(g, mask, out + sizeof mask);
    }
}

/* The directory and the chunks; returns the chunks' bytes. */
static uint32_t write_chunks(const struct wave *w, uint8_t *dir, uint32_t chunks)
{
    uint8_t *out = dir + 4 * (size_t)chunks;
    uint32_t at = 0, ones = 0, bytes;

    for (uint32_t i = 0; i < chunks; i++) {
        struct groups g;
        split(w->word, i * SMALL_CHUNK, &g);
        unsigned kind = best_kind(&g, &bytes);
        uint32_t entry = small_entry(kind, at, ones & 0x7fff);
        memcpy(dir + 4 * (size_t)i, &entry, sizeof entry);
        write_chunk(w, i * SMALL_CHUNK, &g, kind, out + at);
        ones += g.ones;
        at += bytes;
    }
    return at;
}

/* Returns where the directory begins. */
static size_t write_header(const struct wave *w, const uint32_t rel[256], uint32_t chunks,
                           uint8_t *h)
{
    uint8_t *lengths = h + wave_put_header(w, h);
    uint8_t *delta = lengths + (w->code.symbols + 1) / 2;
    unsigned seen = 0;
    uint16_t place[2];

    for (unsigned s = 0; s < 256; s++) {
        if (!w->counts[s])
            continue;
        uint16_t d = wave_delta(w, rel, s);
        lengths[seen >> 1] |= (uint8_t)(w->code.len[s] << (seen & 1) * 4);
        memcpy(delta + 2 * seen++, &d, sizeof d);
    }
    place[0] = (uint16_t)((delta + 2 * seen - h + 3) / 4 * 4);
    place[1] = (uint16_t)chunks;
    memcpy(h + 36, place, sizeof place);
    return place[0];
}

static int encode_block(const uint8_t *sym, size_t len, uint32_t rel[256], struct buf *out,
                        struct err *e)
{
    struct wave w;
    uint32_t chunks;
    size_t dir, bytes, most;

    wave_make(sym, len, &w);
    chunks = w.bits / SMALL_CHUNK + 1; /* position `bits` has a chunk too */
    most = RANK_HEADER_FIXED + 5 * HUFF_LIMIT + 128 + 512 + 4 +
           chunks * (4 + (size_t)SMALL_RAW_BYTES) + RANK_LINE;
    if (buf_reserve(out, most, e) < 0)
        return e->code;
    uint8_t *block = (uint8_t *)out->p + out->len;
    memset(block, 0, most - chunks * (4 + (size_t)SMALL_RAW_BYTES));
    dir = write_header(&w, rel, chunks, block);
    bytes = dir + 4 * (size_t)chunks;
    bytes += write_chunks(&w, block + dir, chunks);
    while (bytes % RANK_LINE)
        block[bytes++] = 0;
    for (unsigned s = 0; s < 256; s++)
        rel[s] += w.counts[s];
    out->len += bytes;
    return 0;
}

/* ---- reading ---- */

static void read_header(const uint8_t *h, const uint32_t rel[256], struct wave_shape *s)
{
    const uint8_t *lengths = small_lengths(h), *delta;
    unsigned leaf = 0;

    wave_read_header(h, RANK_SMALL_BLOCK_LOG, s);
    delta = lengths + (s->symbols + 1) / 2;
    for (unsigned i = 0; i < s->symbols; i++) {
        unsigned c = s->symbol[i];
        s->leaf_start[c] = (uint16_t)(rel[c] - load_u16(delta + 2 * i));
    }
    memset(s->leaf_symbol, 0, sizeof s->leaf_symbol);
    for (unsigned d = s->depth ? 1 : 0; d <= s->depth; d++)
        for (unsigned i = 0; i < s->symbols; i++)
            if (small_class(lengths, i) == d)
                s->leaf_symbol[leaf++] = s->symbol[i];
}

/* The groups of `mask` decoded, the others all `other`, into the zeroed words. */
static void read_groups(const uint8_t *p, uint64_t mask, uint64_t other, uint64_t *word)
{
    const uint8_t *places = p + ((unsigned)__builtin_popcountll(mask) + 1) / 2;
    unsigned at = 0, n = 0;

    for (unsigned i = 0, to = 0; i < SMALL_GROUPS; i++, to += ENUM15_BITS) {
        uint64_t v = other;
        if (mask >> i & 1) {
            unsigned class = small_class(p, n++);
            uint64_t place = load_u64(places + (at >> 3)) >> (at & 7);
            place &= (UINT64_C(1) << place_bits[class]) - 1;
            v = enum15_decode(class, (unsigned)place);
            at += place_bits[class];
        }
        word[to / 64] |= v << to % 64;
        if (to % 64 > 64 - ENUM15_BITS)
            word[to / 64 + 1] |= v >> (64 - to % 64);
    }
}

static void read_chunk(const uint8_t *p, unsigned kind, uint64_t *word)
{
    memset(word, kind == SMALL_ONES ? 0xff : 0, SMALL_RAW_BYTES);
    if (kind == SMALL_RAW) {
        memcpy(word, p, SMALL_RAW_BYTES);
    } else if (kind >= SMALL_ALL) {
        unsigned at;
        uint64_t mask = small_groups(p, kind, &at);
        read_groups(p + at, mask, kind == SMALL_NOT_1 ? ENUM15_MASK : 0, word);
    }
}

static void read_chunks(const struct rank *r, uint64_t dir, unsigned chunks, uint32_t bits,
                        uint64_t *word)
{
    uint64_t bytes = dir + 4 * (uint64_t)chunks;

    for (uint32_t at = 0; at < bits; at += SMALL_CHUNK, dir += 4, word += SMALL_CHUNK_WORDS) {
        uint32_t entry = load_u32(small_byte(r, dir));
        read_chunk(small_byte(r, bytes + small_at(entry)), small_kind(entry), word);
    }
}

static size_t decode_block(const struct rank *r, uint64_t block, uint32_t rel[256], uint8_t *sym)
{
    uint64_t word[WAVE_WORDS_DAMAGED + WAVE_SLACK];
    struct wave_shape s;
    uint64_t at = rank_block_line(r, block) * RANK_LINE;
    const uint8_t *h = r->blocks + at;
    size_t len = rank_block_len(r, block, RANK_SMALL_BLOCK_LOG);

    read_header(h, rel, &s);
    read_chunks(r, at + load_u16(h + 36), load_u16(h + 38), s.bits, word);
    wave_join(&s, word, sym, len);
    wave_count(sym, len, rel);
    return len;
}

const struct rank_layout rank_small = {
    .name = "small",
    .id = 2,
    .block_log = RANK_SMALL_BLOCK_LOG,
    .batch = 32,
    .encode = encode_block,
    .decode = decode_block,
    .ops = CPU_CHOICES(rank_small),
};
