/* attrs_scan_avx512.c - packed codes against ranges, 64 at once where they are bytes: attrs_int.h.
 *
 * A lane of a code is 1, 2 or 4 bytes, as its bits ask; 8 / lane codes share a word of 64 bits.
 * They are at most 64 - 6 bits, or begin at the first bit of a byte, so that a permutation brings
 * each word the 8 bytes that its codes are in, and vpmultishiftqb each byte of a lane its 8 bits
 * from wherever they begin.
 */
#if defined(__x86_64__)
#include <immintrin.h>

#include "ann/attrs_int.h"

struct unpack {
    __m512i bytes, bits, mask;
    unsigned step; /* bytes of a vector of codes */
};

static struct unpack unpack_for(unsigned bits, unsigned lane)
{
    uint8_t bytes[64], shift[64];
    unsigned a_word = 8 / lane;
    __m512i mask = lane == 1   ? _mm512_set1_epi8((char)attrs_mask(bits))
                   : lane == 2 ? _mm512_set1_epi16((short)attrs_mask(bits))
                               : _mm512_set1_epi32((int)attrs_mask(bits));

    for (unsigned i = 0; i < 64; i++) {
        unsigned from = i / 8 * a_word * bits, code = i % 8 / lane, part = i % lane;

        bytes[i] = (uint8_t)(from / 8 + i % 8);
        shift[i] = (uint8_t)(from % 8 + code * bits + 8 * part);
    }
    return (struct unpack){_mm512_loadu_si512(bytes), _mm512_loadu_si512(shift), mask,
                           64 / lane * bits / 8};
}

/* The bits of 64 / lane codes that are in a range. */
static inline uint64_t some(const uint8_t *p, unsigned lane, const struct unpack *u,
                            const __m512i *lo, const __m512i *span, size_t n)
{
    __m512i v = _mm512_permutexvar_epi8(u->bytes, _mm512_loadu_si512(p));
    uint64_t hit = 0;

    v = _mm512_and_si512(_mm512_multishift_epi64_epi8(u->bits, v), u->mask);
    for (size_t i = 0; i < n; i++)
        hit |= lane == 1   ? _mm512_cmple_epu8_mask(_mm512_sub_epi8(v, lo[i]), span[i])
               : lane == 2 ? _mm512_cmple_epu16_mask(_mm512_sub_epi16(v, lo[i]), span[i])
                           : _mm512_cmple_epu32_mask(_mm512_sub_epi32(v, lo[i]), span[i]);
    return hit;
}

static inline void scan_lanes(const uint8_t *codes, unsigned bits, unsigned lane, uint64_t rows,
                              const struct attr_range *r, size_t n, enum attrs_put put,
                              uint64_t *out)
{
    const struct unpack u = unpack_for(bits, lane);
    __m512i lo[ATTRS_RANGES_MOST], span[ATTRS_RANGES_MOST];
    uint64_t words = ATTRS_WORDS(rows);

    for (size_t i = 0; i < n; i++) {
        uint32_t from = r[i].lo, width = r[i].hi - r[i].lo;

        lo[i] = lane == 1   ? _mm512_set1_epi8((char)from)
                : lane == 2 ? _mm512_set1_epi16((short)from)
                            : _mm512_set1_epi32((int)from);
        span[i] = lane == 1   ? _mm512_set1_epi8((char)width)
                  : lane == 2 ? _mm512_set1_epi16((short)width)
                              : _mm512_set1_epi32((int)width);
    }
    for (uint64_t w = 0; w < words; w++) {
        uint64_t hit = 0;

        for (unsigned i = 0; i < 64; i += 64 / lane, codes += u.step)
            hit |= some(codes, lane, &u, lo, span, n) << i;
        hit &= w + 1 == words ? attrs_last(rows) : UINT64_MAX;
        out[w] = attrs_join(out[w], hit, put);
    }
}

static void scan(const uint8_t *codes, unsigned bits, uint64_t rows, const struct attr_range *r,
                 size_t n, enum attrs_put put, uint64_t *out)
{
    if (bits <= 8)
        scan_lanes(codes, bits, 1, rows, r, n, put, out);
    else if (bits <= 16)
        scan_lanes(codes, bits, 2, rows, r, n, put, out);
    else
        scan_lanes(codes, bits, 4, rows, r, n, put, out);
}

static uint64_t count(const uint64_t *words, size_t n)
{
    __m512i sum = _mm512_setzero_si512();

    for (size_t i = 0; i < n; i += 8) {
        __mmask8 in = n - i < 8 ? (__mmask8)((1u << (n - i)) - 1) : 0xff;

        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_maskz_loadu_epi64(in, words + i)));
    }
    return (uint64_t)_mm512_reduce_add_epi64(sum);
}

const struct attrs_ops attrs_ops_avx512 = {.name = "avx512", .scan = scan, .count = count};
#else
typedef int attrs_scan_avx512_is_for_x86;
#endif
