/* attrs_scan_avx2.c - packed codes against ranges, 8 at once: attrs_int.h.
 *
 * 8 codes of b bits are b bytes. Four begin at the first bit of them, four at bit 4 b: a lane of
 * bytes each, of which a shuffle gives every code the four bytes that it is in (so up to 25 bits),
 * and a shift by its own the code. Wider codes, of more than 33 million values, go one by one.
 */
#if defined(__x86_64__)
#include <immintrin.h>

#include "ann/attrs_int.h"

enum { WIDEST = 25 };

struct unpack {
    __m256i bytes, shift, mask;
    unsigned step, half; /* bytes of 8 codes; where the upper four begin */
};

static struct unpack unpack_for(unsigned bits)
{
    uint8_t bytes[32];
    uint32_t shift[8];

    for (unsigned i = 0; i < 8; i++) {
        unsigned at = i < 4 ? i * bits : i * bits - bits / 2 * 8;

        shift[i] = at % 8;
        for (unsigned k = 0; k < 4; k++)
            bytes[4 * i + k] = (uint8_t)(at / 8 + k);
    }
    return (struct unpack){_mm256_loadu_si256((const __m256i *)bytes),
                           _mm256_loadu_si256((const __m256i *)shift),
                           _mm256_set1_epi32((int)attrs_mask(bits)), bits, bits / 2};
}

/* The bits of 8 codes that are in a range. */
static inline unsigned eight(const uint8_t *p, const struct unpack *u, const __m256i *lo,
                             const __m256i *span, size_t n)
{
    __m128i low = _mm_loadu_si128((const __m128i *)p),
            high = _mm_loadu_si128((const __m128i *)(p + u->half));
    __m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1),
            hit = _mm256_setzero_si256();

    v = _mm256_srlv_epi32(_mm256_shuffle_epi8(v, u->bytes), u->shift);
    v = _mm256_and_si256(v, u->mask);
    for (size_t i = 0; i < n; i++) {
        __m256i d = _mm256_sub_epi32(v, lo[i]);

        hit = _mm256_or_si256(hit, _mm256_cmpeq_epi32(_mm256_min_epu32(d, span[i]), d));
    }
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(hit));
}

static void scan(const uint8_t *codes, unsigned bits, uint64_t rows, const struct attr_range *r,
                 size_t n, enum attrs_put put, uint64_t *out)
{
    __m256i lo[ATTRS_RANGES_MOST], span[ATTRS_RANGES_MOST];
    uint64_t words = ATTRS_WORDS(rows);
    struct unpack u;

    if (bits > WIDEST) {
        attrs_ops_portable.scan(codes, bits, rows, r, n, put, out);
        return;
    }
    u = unpack_for(bits);
    for (size_t i = 0; i < n; i++) {
        lo[i] = _mm256_set1_epi32((int)r[i].lo);
        span[i] = _mm256_set1_epi32((int)(r[i].hi - r[i].lo));
    }
    for (uint64_t w = 0; w < words; w++) {
        uint64_t hit = 0;

        for (unsigned i = 0; i < 64; i += 8, codes += u.step)
            hit |= (uint64_t)eight(codes, &u, lo, span, n) << i;
        hit &= w + 1 == words ? attrs_last(rows) : UINT64_MAX;
        out[w] = attrs_join(out[w], hit, put);
    }
}

static uint64_t count(const uint64_t *words, size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (uint64_t)_mm_popcnt_u64(words[i]);
    return sum;
}

const struct attrs_ops attrs_ops_avx2 = {.name = "avx2", .scan = scan, .count = count};
#else
typedef int attrs_scan_avx2_is_for_x86;
#endif
