/* ef.c - see ef.h. */
#include "fm/ef.h"

#include "fm/bits.h"

enum { HINT_LOG = 8 };

static unsigned low_bits_for(uint64_t n, uint64_t universe)
{
    return n && universe / n > 1 ? bits_for(universe / n) - 1 : 0;
}

static uint64_t low_bytes(uint64_t n, unsigned low_bits)
{
    return (packed_bytes(n, low_bits) + 7) / 8 * 8;
}

static uint64_t high_words(uint64_t n, uint64_t universe, unsigned low_bits)
{
    return n ? (n + (universe >> low_bits) + 1 + 63) / 64 : 0;
}

static uint64_t hint_count(uint64_t n)
{
    return (n >> HINT_LOG) + 1;
}

uint64_t ef_bytes(uint64_t n, uint64_t universe)
{
    unsigned low = low_bits_for(n, universe);

    return low_bytes(n, low) + 8 * high_words(n, universe, low) + 8 * hint_count(n);
}

void ef_view(struct ef *f, const void *p, uint64_t n, uint64_t universe)
{
    f->n = n;
    f->universe = universe;
    f->low_bits = low_bits_for(n, universe);
    f->words = high_words(n, universe, f->low_bits);
    f->low = p;
    f->high = f->low + low_bytes(n, f->low_bits);
    f->hints = f->high + 8 * f->words;
}

int ef_encode(const uint64_t *v, uint64_t n, uint64_t universe, struct spool *out, struct err *e)
{
    uint64_t bytes = ef_bytes(n, universe);
    unsigned low_bits = low_bits_for(n, universe);
    unsigned char *low, *high, *hints;

    if (spool_zero(out, bytes, 1, e) < 0)
        return e->code;
    low = (unsigned char *)out->p + out->len - bytes;
    high = low + low_bytes(n, low_bits);
    hints = high + 8 * high_words(n, universe, low_bits);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at = (v[i] >> low_bits) + i;
        if (low_bits)
            packed_set(low, i, low_bits, v[i] & ((UINT64_C(1) << low_bits) - 1));
        bit_set(high, at);
        if ((i & ((1u << HINT_LOG) - 1)) == 0)
            memcpy(hints + 8 * (i >> HINT_LOG), &at, 8);
    }
    return 0;
}

uint64_t ef_get(const struct ef *f, uint64_t i)
{
    uint64_t at = load_u64(f->hints + 8 * (i >> HINT_LOG)), word = at >> 6, w, v;
    unsigned skip = (unsigned)(i & ((1u << HINT_LOG) - 1)), ones;

    if (word >= f->words)
        return 0; /* damaged */
    w = load_u64(f->high + 8 * word) & ~UINT64_C(0) << (at & 63);
    while ((ones = (unsigned)__builtin_popcountll(w)) <= skip) {
        skip -= ones;
        if (++word >= f->words)
            return 0; /* damaged */
        w = load_u64(f->high + 8 * word);
    }
    v = (64 * word + word_select(w, skip) - i) << f->low_bits;
    if (f->low_bits)
        v |= packed_get(f->low, i, f->low_bits);
    return v < f->universe ? v : f->universe - 1;
}

uint64_t ef_count_to(const struct ef *f, uint64_t v)
{
    uint64_t lo = 0, hi = f->n;

    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (ef_get(f, mid) <= v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
