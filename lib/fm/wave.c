/* wave.c - see wave.h. A symbol costs about 3 ns a level to write and 2 ns to read. */
#include "fm/wave.h"

#include <string.h>

#include "fm/bits.h"

void wave_count(const uint8_t *sym, size_t len, uint32_t counts[256])
{
    uint32_t c[4][256] = {{0}}; /* in a run of one symbol each increment waits for the one before */
    size_t i = 0;

    for (; i + 4 <= len; i += 4) {
        c[0][sym[i]]++;
        c[1][sym[i + 1]]++;
        c[2][sym[i + 2]]++;
        c[3][sym[i + 3]]++;
    }
    for (; i < len; i++)
        c[0][sym[i]]++;
    for (unsigned s = 0; s < 256; s++)
        counts[s] += c[0][s] + c[1][s] + c[2][s] + c[3][s];
}

/* The levels' lengths, and where in them each leaf begins. */
static void plan(size_t len, struct wave *w)
{
    uint32_t alive = (uint32_t)len;
    unsigned leaf = 0;

    w->bits = 0;
    memset(w->leaf_start, 0, sizeof w->leaf_start);
    for (unsigned d = 0; d < w->code.depth; d++) {
        unsigned leaves = 2u * w->code.inner[d] - w->code.inner[d + 1];
        uint32_t gone = 0, at;
        w->level_len[d] = alive;
        w->bits += alive;
        for (unsigned i = 0; i < leaves; i++)
            gone += w->counts[w->code.leaf_symbol[leaf + i]];
        at = alive -= gone;
        for (unsigned i = 0; i < leaves; i++, leaf++) {
            w->leaf_start[w->code.leaf_symbol[leaf]] = (uint16_t)at;
            at += w->counts[w->code.leaf_symbol[leaf]];
        }
    }
}

/* Bits are gathered in a word. */
struct bit_writer {
    uint64_t *word, now;
    unsigned used;
};

static inline void put_bit(struct bit_writer *w, uint64_t bit)
{
    w->now |= bit << w->used;
    if (++w->used == 64) {
        *w->word++ = w->now;
        w->now = 0;
        w->used = 0;
    }
}

/* One level: each symbol's branch is written, and the symbols are parted by it, those whose code
 * ends here left out. Returns the number of zeros of the level. */
static uint32_t write_level(struct bit_writer *w, const struct huff *h, unsigned level,
                            const uint8_t *in, size_t n, uint8_t *out, uint8_t *scratch)
{
    size_t ones = 0, kept = 0, kept_ones = 0;
    uint8_t branch[256]; /* bit 0: the branch; bit 1: goes on to the left, bit 2: to the right */

    for (unsigned s = 0; s < 256; s++) {
        unsigned bit = h->path[s] >> level & 1;
        branch[s] = (uint8_t)(bit | (h->len[s] > level + 1 ? 2u << bit : 0));
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t s = in[i], b = branch[s];
        put_bit(w, b & 1);
        ones += b & 1;
        out[kept] = s;
        scratch[kept_ones] = s;
        kept += b >> 1 & 1;
        kept_ones += b >> 2;
    }
    memcpy(out + kept, scratch, kept_ones);
    return (uint32_t)(n - ones);
}

void wave_make(const uint8_t *sym, size_t len, struct wave *w)
{
    uint8_t a[RANK_BLOCK_MOST], b[RANK_BLOCK_MOST], scratch[RANK_BLOCK_MOST];
    struct bit_writer bits = {w->word, 0, 0};
    const uint8_t *in = sym;

    memset(w->counts, 0, sizeof w->counts);
    wave_count(sym, len, w->counts);
    huff_make(w->counts, &w->code);
    plan(len, w);
    for (unsigned l = 0; l < w->code.depth; l++) {
        /* cppcheck-suppress legacyUninitvar ; only the addresses are compared */
        uint8_t *out = in == a ? b : a;
        w->zeros[l] = write_level(&bits, &w->code, l, in, w->level_len[l], out, scratch);
        in = out;
    }
    *bits.word = bits.now;
    memset(bits.word + 1, 0, (WAVE_SLACK - 1) * sizeof *bits.word);
}

size_t wave_put_header(const struct wave *w, uint8_t *h)
{
    unsigned depth = w->code.depth, seen = 0;
    uint8_t *levels = h + RANK_HEADER_FIXED;

    for (unsigned s = 0; s < 256; s++) {
        if (s % 64 == 0 && s > 0)
            h[31 + s / 64] = (uint8_t)seen;
        if (w->counts[s]) {
            h[s / 8] |= (uint8_t)(1u << s % 8);
            seen++;
        }
    }
    h[35] = (uint8_t)depth;
    for (unsigned l = 0; l < depth; l++) {
        uint16_t v[2] = {(uint16_t)w->level_len[l], (uint16_t)w->zeros[l]};
        memcpy(levels + 4 * l, v, sizeof v);
        levels[4 * depth + l] = w->code.inner[l];
    }
    return RANK_HEADER_FIXED + 5 * depth;
}

/* ---- reading ---- */

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void wave_read_header(const uint8_t *h, unsigned block_log, struct wave_shape *s)
{
    const uint8_t *level = h + RANK_HEADER_FIXED;
    unsigned depth = h[35] & 15;
    uint32_t alive = UINT32_C(1) << block_log;

    s->depth = least(depth, HUFF_LIMIT);
    s->bits = s->symbols = 0;
    for (unsigned c = 0; c < 256; c++)
        if (h[c >> 3] >> (c & 7) & 1)
            s->symbol[s->symbols++] = (uint8_t)c;
    memset(s->level_len, 0, sizeof s->level_len);
    memset(s->inner, 0, sizeof s->inner);
    for (unsigned d = 0; d < s->depth; d++) {
        alive = s->level_len[d] = least(load_u16(level + 4 * d), alive);
        s->zeros[d] = least(load_u16(level + 4 * d + 2), alive);
        s->inner[d] = level[4 * s->depth + d];
        s->bits += alive;
    }
}

/* Undoes one level, whose bits begin at bit `from`: `below` are its symbols parted by their bit,
 * zeros first. Damage may count its zeros wrongly: `below` has twice a block. */
static void join_level(const uint64_t *word, uint32_t from, uint32_t n, uint32_t zeros,
                       const uint8_t *below, uint8_t *out)
{
    const uint8_t *next[2] = {below, below + zeros};

    for (uint32_t i = 0; i < n; i += 64) {
        uint32_t at = from + i, end = n - i < 64 ? n - i : 64;
        uint64_t bits = word[at / 64] >> at % 64;
        if (at % 64)
            bits |= word[at / 64 + 1] << (64 - at % 64);
        const uint8_t *p0 = next[0], *p1 = next[1];
        for (uint32_t k = 0; k < end; k++, bits >>= 1) {
            unsigned bit = bits & 1;
            out[i + k] = (uint8_t)(*p0 ^ ((*p0 ^ *p1) & -bit)); /* no branch */
            p0 += !bit;
            p1 += bit;
        }
        next[0] = p0;
        next[1] = p1;
    }
}

/* The symbols that end at depth d + 1, behind the `alive` ones that go on; `leaf` is the first of
 * the depth's leaves. */
static void fill_leaves(const struct wave_shape *s, unsigned d, unsigned leaf, uint32_t alive,
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
void wave_join(const struct wave_shape *s, const uint64_t *word, uint8_t *sym, size_t len)
{
    uint8_t side[2][2 * RANK_BLOCK_MOST] = {{0}}, *a = side[0], *b = side[1];
    unsigned leaf[HUFF_LIMIT + 1] = {0};
    uint32_t from = s->bits;

    if (!s->depth) {
        memset(sym, s->symbols ? s->leaf_symbol[0] : 0, len);
        return;
    }
    for (unsigned d = 0; d < s->depth; d++) {
        int leaves = 2 * s->inner[d] - s->inner[d + 1];
        leaf[d + 1] = leaf[d] + (unsigned)(leaves > 0 ? leaves : 0);
    }
    for (unsigned d = s->depth; d-- > 0;) {
        uint8_t *t = a;
        fill_leaves(s, d, leaf[d], s->level_len[d + 1], a);
        from -= s->level_len[d];
        join_level(word, from, s->level_len[d], s->zeros[d], a, b);
        a = b;
        b = t;
    }
    memcpy(sym, a, len);
}
