/* pq_avx2.c - the kernels of pq.h with VPSHUFB on halves of a line: two parts, a table a lane. Byte
 * codes have tables too large for that and are looked up one by one, in plain C. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "vec/pq.h"

#define LANES 8
#include "vec/pq_vector.h"

static inline float least_of(const lanes *v)
{
    __m256 all = (__m256)*v;
    __m128 m = _mm_min_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));

    m = _mm_min_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_min_ss(m, _mm_movehdup_ps(m)));
}

static inline float most_of(const lanes *v)
{
    lanes minus = -*v;

    return -least_of(&minus);
}

#include "vec/pq_body.h"

enum {
    TEAM = 2,         /* queries at once */
    SPILL_LINES = 64, /* a pair of lines adds at most 4 * 255 to a 16-bit sum */
};

/* 16-bit sums of a query, a part a lane: of codes 0 .. 15 (low) and 16 .. 31; `all` of whole words,
 * which the odd bytes have spoilt from bit 8 on, `odd` of these alone. */
struct sums {
    __m256i low_all, low_odd, high_all, high_odd;
};

static inline void add_bytes(__m256i *all, __m256i *odd, __m256i bytes)
{
    *all = _mm256_add_epi16(*all, bytes);
    *odd = _mm256_add_epi16(*odd, _mm256_srli_epi16(bytes, 8));
}

/* Half a line: 16 bytes of each of two parts. */
struct half {
    __m256i low, high;
};

static inline struct half load_half(const uint8_t *p)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i v = _mm256_load_si256((const __m256i *)(const void *)p);

    return (struct half){_mm256_and_si256(v, nibble),
                         _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble)};
}

static inline __m256i load_tables(const struct pq_query *q, size_t at)
{
    return _mm256_load_si256((const __m256i *)(const void *)(q->table + at));
}

/* Two lines: their bytes add up to 255 at most (codec_pq.c). */
static inline void add_pair(const struct pq_query *const *q, int nq, const uint8_t *line, size_t at,
                            struct sums *s)
{
    for (size_t side = 0; side < PQ_LINE; side += 32) {
        struct half a = load_half(line + side), b = load_half(line + PQ_LINE + side);

        for (int j = 0; j < nq; j++) {
            __m256i ta = load_tables(q[j], at + side), tb = load_tables(q[j], at + PQ_LINE + side);

            add_bytes(
                &s[j].low_all, &s[j].low_odd,
                _mm256_add_epi8(_mm256_shuffle_epi8(ta, a.low), _mm256_shuffle_epi8(tb, b.low)));
            add_bytes(
                &s[j].high_all, &s[j].high_odd,
                _mm256_add_epi8(_mm256_shuffle_epi8(ta, a.high), _mm256_shuffle_epi8(tb, b.high)));
        }
    }
}

static inline void add_line(const struct pq_query *const *q, int nq, const uint8_t *line, size_t at,
                            struct sums *s)
{
    for (size_t side = 0; side < PQ_LINE; side += 32) {
        struct half a = load_half(line + side);

        for (int j = 0; j < nq; j++) {
            __m256i t = load_tables(q[j], at + side);

            add_bytes(&s[j].low_all, &s[j].low_odd, _mm256_shuffle_epi8(t, a.low));
            add_bytes(&s[j].high_all, &s[j].high_odd, _mm256_shuffle_epi8(t, a.high));
        }
    }
}

/* Sixteen codes: both lanes together, even and odd in order, added to 32 bits each. */
static inline void spill(__m256i all, __m256i odd, uint32_t *sum)
{
    __m256i even = _mm256_sub_epi16(all, _mm256_slli_epi16(odd, 8));
    __m128i e = _mm_add_epi16(_mm256_castsi256_si128(even), _mm256_extracti128_si256(even, 1));
    __m128i o = _mm_add_epi16(_mm256_castsi256_si128(odd), _mm256_extracti128_si256(odd, 1));
    __m256i *to = (__m256i *)(void *)sum;

    _mm256_store_si256(to, _mm256_add_epi32(_mm256_load_si256(to),
                                            _mm256_cvtepu16_epi32(_mm_unpacklo_epi16(e, o))));
    _mm256_store_si256(to + 1, _mm256_add_epi32(_mm256_load_si256(to + 1),
                                                _mm256_cvtepu16_epi32(_mm_unpackhi_epi16(e, o))));
}

/* Lines [from, to) of a block. nq is a constant where these are inlined. */
static inline __attribute__((always_inline)) void add_lines(const struct pq_query *const *q, int nq,
                                                            const uint8_t *packed, size_t from,
                                                            size_t to,
                                                            uint32_t (*sum)[PQ_NIBBLE_CODES])
{
    while (from < to) {
        size_t end = to - from < SPILL_LINES ? to : from + SPILL_LINES;
        struct sums s[TEAM];

        memset(s, 0, sizeof s);
        for (; from + 1 < end; from += 2)
            add_pair(q, nq, packed + from * PQ_LINE, from * PQ_LINE, s);
        if (from < end) {
            add_line(q, nq, packed + from * PQ_LINE, from * PQ_LINE, s);
            from++;
        }
        for (int j = 0; j < nq; j++) {
            spill(s[j].low_all, s[j].low_odd, sum[j]);
            spill(s[j].high_all, s[j].high_odd, sum[j] + PQ_NIBBLE_CODES / 2);
        }
    }
}

static inline __attribute__((always_inline)) void team(const struct pq_query *const *q, int nq,
                                                       const uint8_t *packed, size_t high,
                                                       size_t lines, size_t n, float *key,
                                                       size_t ld)
{
    for (size_t from = 0; from < n; from += PQ_NIBBLE_CODES, packed += lines * PQ_LINE) {
        _Alignas(32) uint32_t sum[TEAM][PQ_NIBBLE_CODES] = {{0}};

        if (high > 0) {
            add_lines(q, nq, packed, 0, high, sum);
            for (int j = 0; j < nq; j++)
                for (size_t i = 0; i < PQ_NIBBLE_CODES; i++)
                    sum[j][i] <<= PQ_HIGH_BITS;
        }
        add_lines(q, nq, packed, high, lines, sum);
        for (int j = 0; j < nq; j++)
            for (size_t i = 0; i < PQ_NIBBLE_CODES && from + i < n; i++)
                key[(size_t)j * ld + from + i] = key_of(q[j], sum[j][i]);
    }
}

static void nibbles(const struct pq_query *const *q, size_t nq, const uint8_t *packed, size_t high,
                    size_t lines, size_t n, float *key, size_t ld)
{
    size_t j = 0;

    for (; j + TEAM <= nq; j += TEAM)
        team(q + j, TEAM, packed, high, lines, n, key + j * ld, ld);
    if (j < nq)
        team(q + j, 1, packed, high, lines, n, key + j * ld, ld);
}

static void bytes(const struct pq_query *q, const uint8_t *packed, size_t high, size_t parts,
                  size_t n, bool fetch, float *key)
{
    pq_portable.bytes(q, packed, high, parts, n, fetch, key);
}

const struct pq_ops pq_avx2 = {
    .name = "avx2",
    .table = pq_table,
    .range = pq_range,
    .steps = pq_steps,
    .nibbles = nibbles,
    .bytes = bytes,
};
#else
typedef int pq_avx2_is_for_x86;
#endif
