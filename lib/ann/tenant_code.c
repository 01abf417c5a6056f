/* tenant_code.c - see tenant_code.h. */
#include "ann/tenant_code.h"

#include <endian.h>
#include <string.h>

static uint64_t load(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

static unsigned low_bits(uint64_t n, uint32_t range)
{
    return 63 - (unsigned)__builtin_clzll(range / n);
}

static uint64_t low_bytes(uint64_t n, unsigned low)
{
    return (n * low + 7) / 8;
}

static uint64_t high_bytes(uint64_t n, uint32_t range, unsigned low)
{
    return (n + ((uint64_t)(range - 1) >> low) + 7) / 8;
}

static void put_bits(uint8_t *p, uint64_t at, unsigned bits, uint32_t v)
{
    for (unsigned i = 0; i < bits; i++, at++)
        p[at / 8] |= (uint8_t)((v >> i & 1) << at % 8);
}

int tenant_code_put(struct buf *b, const uint32_t *v, size_t n, uint32_t range, struct err *e)
{
    unsigned low = low_bits(n, range);
    uint64_t lows = low_bytes(n, low), highs = high_bytes(n, range, low);
    size_t left = n;
    uint8_t *p;

    if (buf_reserve(b, lows + highs + sizeof left * 8 / 7 + 1, e) < 0)
        return e->code;
    for (; left >> 7; left >>= 7)
        b->p[b->len++] = (char)((left & 127) | 128);
    b->p[b->len++] = (char)left;
    p = (uint8_t *)b->p + b->len;
    memset(p, 0, lows + highs);
    for (size_t i = 0; i < n; i++) {
        uint64_t high = (v[i] >> low) + i;

        put_bits(p, i * low, low, v[i]);
        p[lows + high / 8] |= (uint8_t)(1 << high % 8);
    }
    b->len += lows + highs;
    return 0;
}

bool tenant_code_begin(struct tenant_code *c, const uint8_t *p, uint64_t avail, uint32_t range)
{
    uint64_t n = 0, lows, highs;
    unsigned shift = 0;

    do {
        if (avail == 0 || shift > 28)
            return false;
        n |= (uint64_t)(*p & 127) << shift;
        shift += 7;
        avail--;
    } while (*p++ & 128);
    if (n == 0 || n > range)
        return false;
    *c = (struct tenant_code){.n = n, .range = range, .low_bits = low_bits(n, range)};
    lows = low_bytes(n, c->low_bits);
    highs = high_bytes(n, range, c->low_bits);
    if (lows + highs > avail)
        return false;
    c->low = p;
    c->high = p + lows;
    c->end = c->high + highs;
    c->word = load(c->high);
    return true;
}

uint64_t tenant_code_bytes(const struct tenant_code *c, const uint8_t *p)
{
    return (uint64_t)(c->end - p);
}

size_t tenant_code_next(struct tenant_code *c, uint32_t plus, uint32_t *v, size_t most)
{
    /* Not in *c, which a compiler must take for something that v[] may lie in. */
    const uint8_t *low = c->low, *high = c->high;
    const uint64_t n = c->n, range = c->range, end = (uint64_t)(c->end - high) * 8;
    const unsigned bits = c->low_bits;
    const uint64_t mask = (UINT64_C(1) << bits) - 1;
    uint64_t word = c->word, bit = c->bit, i = c->i, at = i * bits;
    size_t got = 0;

    for (; got < most && i < n; i++, at += bits) {
        uint64_t value;

        while (word == 0 && bit + 64 < end)
            word = load(high + (bit += 64) / 8);
        if (word == 0) {
            i = n; /* damaged */
            break;
        }
        value = bit + (unsigned)__builtin_ctzll(word) - i;
        word &= word - 1;
        value = value << bits | (load(low + at / 8) >> at % 8 & mask);
        v[got] = plus + (uint32_t)value;
        got += value < range;
    }
    c->word = word;
    c->bit = bit;
    c->i = i;
    return got;
}
