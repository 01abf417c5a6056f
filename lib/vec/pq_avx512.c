/* pq_avx512.c - the kernels of pq.h with VPERMB, whose table of 64 bytes holds those of four parts:
 * bytes of the four parts of a code lie side by side after one look-up, and VPDPBUSD with ones adds
 * them to a sum of 32 bits. Two lines are added as bytes before, so four look-ups take two
 * additions and two dot products, and processors that do two look-ups a cycle do nearly that: Zen 5
 * five sixths of it, which is what this mix gives there from registers alone. Sums begin at the
 * bits of 2^23 as f32, so that a subtraction makes numbers of them. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "vec/pq.h"

#define LANES 16
#include "vec/pq_vector.h"

static inline float least_of(const lanes *v)
{
    return _mm512_reduce_min_ps((__m512)*v);
}

static inline float most_of(const lanes *v)
{
    return _mm512_reduce_max_ps((__m512)*v);
}

#include "vec/pq_body.h"

enum {
    FLOAT = 0x4b000000, /* 2^23 as f32: so many more are the bits of 2^23 and so many more */
    FLOAT_SUMS = 1 << 23,
    LINE_SUM = 4 * 255, /* of a code in a line or a pair, at most */
    FEW = 4,            /* queries that wait for memory */
    FETCH_AHEAD = 8192, /* bytes, so that codes come in time */
};

/* A line with the four parts of a code side by side: byte 4 i + k, of which the low nibble is part
 * k of code i, the high nibble that of code 16 + i. */
static inline __m512i load_line(const uint8_t *p)
{
    const __m512i across = _mm512_set_epi32(0x3f2f1f0f, 0x3e2e1e0e, 0x3d2d1d0d, 0x3c2c1c0c,
                                            0x3b2b1b0b, 0x3a2a1a0a, 0x39291909, 0x38281808,
                                            0x37271707, 0x36261606, 0x35251505, 0x34241404,
                                            0x33231303, 0x32221202, 0x31211101, 0x30201000);

    return _mm512_permutexvar_epi8(across, _mm512_load_si512(p));
}

/* Places in the four tables: the nibble plus 16 k. */
struct places {
    __m512i low, high;
};

static inline struct places places_of(__m512i line)
{
    const __m512i parts = _mm512_set1_epi32(0x30201000), nibble = _mm512_set1_epi8(15);

    /* (v & nibble) | parts */
    return (struct places){
        _mm512_ternarylogic_epi32(line, nibble, parts, 0xea),
        _mm512_ternarylogic_epi32(_mm512_srli_epi16(line, 4), nibble, parts, 0xea)};
}

/* In a register: compilers else load it again for each look-up, and loads are what there is none of
 * to spare. */
static inline __m512i load_tables(const struct pq_query *q, size_t at)
{
    __m512i t = _mm512_load_si512(q->table + at);

    __asm__("" : "+v"(t));
    return t;
}

static inline __m512i add_bytes(__m512i sum, __m512i bytes)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(bytes), "v"(_mm512_set1_epi8(1)));
    return sum;
}

/* Sums that began at FLOAT, as f32: exact, and by other units than look-ups and sums take. */
static inline __m512 as_floats(__m512i sum)
{
    return _mm512_sub_ps(_mm512_castsi512_ps(sum), _mm512_set1_ps(FLOAT_SUMS));
}

/* The keys of a block. */
static inline void store_keys(const struct pq_query *q, __m512i low, __m512i high, float *key)
{
    const __m512 scale = _mm512_set1_ps(q->scale), bias = _mm512_set1_ps(q->bias);

    _mm512_storeu_ps(key, _mm512_fmadd_ps(as_floats(low), scale, bias));
    _mm512_storeu_ps(key + 16, _mm512_fmadd_ps(as_floats(high), scale, bias));
}

/* Sums of codes 0 .. 15 and 16 .. 31 under each query. */
struct sums {
    __m512i low[PQ_QUERIES], high[PQ_QUERIES];
};

/* The lines to come: loaded while those before are looked up, else each begins with a wait, as the
 * processor does not see so far ahead. */
struct ahead {
    __m512i a, b;
    const uint8_t *block; /* that is looked up, and behind it the next */
    size_t last;          /* where the last line begins that is there */
};

/* Loads line `at` of the block, and the next. */
static inline __attribute__((always_inline)) void load_ahead(struct ahead *l, size_t at, bool fetch)
{
    size_t next = at + PQ_LINE;

    if (fetch) {
        _mm_prefetch((const char *)l->block + at + FETCH_AHEAD, _MM_HINT_T0);
        _mm_prefetch((const char *)l->block + at + FETCH_AHEAD + PQ_LINE, _MM_HINT_T0);
    }
    if (__builtin_expect(next > l->last, 0)) {
        next = l->last;
        at = at < next ? at : next;
    }
    l->a = load_line(l->block + at);
    l->b = load_line(l->block + next);
}

/* Two lines, whose bytes add up to 255 at most (codec_pq.c); or one, the last of a block. */
static inline __attribute__((always_inline)) void add_pair(const struct pq_query *q, size_t at,
                                                           const struct places *a,
                                                           const struct places *b, __m512i *low,
                                                           __m512i *high)
{
    __m512i ta = load_tables(q, at), tb = load_tables(q, at + PQ_LINE);

    *low = add_bytes(*low, _mm512_add_epi8(_mm512_permutexvar_epi8(a->low, ta),
                                           _mm512_permutexvar_epi8(b->low, tb)));
    *high = add_bytes(*high, _mm512_add_epi8(_mm512_permutexvar_epi8(a->high, ta),
                                             _mm512_permutexvar_epi8(b->high, tb)));
}

static inline __attribute__((always_inline)) void
add_line(const struct pq_query *q, size_t at, const struct places *a, __m512i *low, __m512i *high)
{
    __m512i t = load_tables(q, at);

    *low = add_bytes(*low, _mm512_permutexvar_epi8(a->low, t));
    *high = add_bytes(*high, _mm512_permutexvar_epi8(a->high, t));
}

/* A line without a partner. nq is a constant where these are inlined. */
static inline __attribute__((always_inline)) void
single(const struct pq_query *const *q, int nq, struct ahead *lines, size_t at, struct sums *s)
{
    struct places a = places_of(lines->a);

    load_ahead(lines, at + PQ_LINE, nq < FEW);
#pragma GCC unroll 8
    for (int j = 0; j < nq; j++)
        add_line(q[j], at, &a, &s->low[j], &s->high[j]);
}

/* The high bytes of `high` bytes of lines; what follows counts less by PQ_HIGH_BITS. */
static inline __attribute__((always_inline)) void high_lines(const struct pq_query *const *q,
                                                             int nq, struct ahead *lines,
                                                             size_t high, struct sums *s)
{
    const __m512i from = _mm512_set1_epi32(FLOAT);

#pragma GCC unroll 8
    for (int j = 0; j < nq; j++)
        s->low[j] = s->high[j] = _mm512_setzero_si512();
    for (size_t at = 0; at < high; at += PQ_LINE)
        single(q, nq, lines, at, s);
#pragma GCC unroll 8
    for (int j = 0; j < nq; j++) {
        s->low[j] = _mm512_add_epi32(_mm512_slli_epi32(s->low[j], PQ_HIGH_BITS), from);
        s->high[j] = _mm512_add_epi32(_mm512_slli_epi32(s->high[j], PQ_HIGH_BITS), from);
    }
}

/* The last pair of a block, or the line without a partner. Each query's keys are stored as soon as
 * its sums are there: other units do that, while the next query's bytes are looked up. */
static inline __attribute__((always_inline)) void last_lines(const struct pq_query *const *q,
                                                             int nq, struct ahead *lines, size_t at,
                                                             size_t all, struct sums *s, float *key,
                                                             size_t ld)
{
    struct places a = places_of(lines->a), b;

    if (at + PQ_LINE < all) {
        b = places_of(lines->b);
        load_ahead(lines, all, nq < FEW);
#pragma GCC unroll 8
        for (int j = 0; j < nq; j++, key += ld) {
            add_pair(q[j], at, &a, &b, &s->low[j], &s->high[j]);
            store_keys(q[j], s->low[j], s->high[j], key);
        }
    } else {
        load_ahead(lines, all, nq < FEW);
#pragma GCC unroll 8
        for (int j = 0; j < nq; j++, key += ld) {
            add_line(q[j], at, &a, &s->low[j], &s->high[j]);
            store_keys(q[j], s->low[j], s->high[j], key);
        }
    }
}

/* Bytes of lines: of high bytes, and all. */
struct extent {
    size_t high, all;
};

/* All keys of a block. */
static inline __attribute__((always_inline)) void block_keys(const struct pq_query *const *q,
                                                             int nq, struct ahead *lines,
                                                             const struct extent *x, float *key,
                                                             size_t ld)
{
    struct sums s;
    size_t at = x->high;

#pragma GCC unroll 8
    for (int j = 0; j < nq; j++)
        s.low[j] = s.high[j] = _mm512_set1_epi32(FLOAT);
    if (x->high > 0)
        high_lines(q, nq, lines, x->high, &s);
    for (; at + 2 * PQ_LINE < x->all; at += 2 * PQ_LINE) {
        struct places a = places_of(lines->a), b = places_of(lines->b);

        /* One index for all: else each query's tables get a pointer of their own, and there are not
         * registers enough. */
        __asm__("" : "+r"(at));
        load_ahead(lines, at + 2 * PQ_LINE, nq < FEW);
#pragma GCC unroll 8
        for (int j = 0; j < nq; j++)
            add_pair(q[j], at, &a, &b, &s.low[j], &s.high[j]);
    }
    last_lines(q, nq, lines, at, x->all, &s, key, ld);
    lines->block += x->all;
    lines->last -= x->all;
}

static inline __attribute__((always_inline)) void team(const struct pq_query *const *q, int nq,
                                                       const uint8_t *packed,
                                                       const struct extent *x, size_t n, float *key,
                                                       size_t ld)
{
    size_t blocks = (n + PQ_NIBBLE_CODES - 1) / PQ_NIBBLE_CODES;
    struct ahead ahead = {.block = packed, .last = blocks * x->all - PQ_LINE};

    if (n > 0)
        load_ahead(&ahead, 0, false);
    for (; n >= PQ_NIBBLE_CODES; n -= PQ_NIBBLE_CODES, key += PQ_NIBBLE_CODES)
        block_keys(q, nq, &ahead, x, key, ld);
    if (n > 0) {
        float last[PQ_QUERIES][PQ_NIBBLE_CODES];

        block_keys(q, nq, &ahead, x, last[0], PQ_NIBBLE_CODES);
        for (int j = 0; j < nq; j++)
            memcpy(key + (size_t)j * ld, last[j], n * sizeof *key);
    }
}

#define TEAM(N)                                                                  \
    static void team##N(const struct pq_query *const *q, const uint8_t *packed,  \
                        const struct extent *x, size_t n, float *key, size_t ld) \
    {                                                                            \
        team(q, N, packed, x, n, key, ld);                                       \
    }

TEAM(1)
TEAM(2)
TEAM(3)
TEAM(4)
TEAM(5)
TEAM(6)
TEAM(7)
TEAM(8)

static void nibbles(const struct pq_query *const *q, size_t nq, const uint8_t *packed, size_t high,
                    size_t lines, size_t n, float *key, size_t ld)
{
    static void (*const teams[])(const struct pq_query *const *, const uint8_t *,
                                 const struct extent *, size_t, float *,
                                 size_t) = {team1, team2, team3, team4, team5, team6, team7, team8};
    const struct extent x = {high * PQ_LINE, lines * PQ_LINE};
    size_t pairs = (lines - high + 1) / 2;

    if (((high << PQ_HIGH_BITS) + pairs) * LINE_SUM >= FLOAT_SUMS) /* hundreds of wide parts */
        pq_avx2.nibbles(q, nq, packed, high, lines, n, key, ld);
    else if (nq > 0)
        teams[nq - 1](q, packed, &x, n, key, ld);
}

/* ---- codes of a byte a part: 64 look-ups in a table of 256 bytes, four registers ---- */

enum {
    BLOCKS = 4,        /* that share the loads of a table */
    SPILL_PARTS = 256, /* of 255 at most stay below 2^16 */
};

static inline __m512i look_up(const __m512i table[4], __m512i code)
{
    __m512i low = _mm512_permutex2var_epi8(table[0], code, table[1]);
    __m512i high = _mm512_permutex2var_epi8(table[2], code, table[3]);

    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(code), low, high);
}

/* Codes in order from the sums of even and odd ones: 16 from each 128-bit lane. */
static inline void spill(__m512i all, __m512i odd, uint32_t *sum)
{
    __m512i even = _mm512_sub_epi16(all, _mm512_slli_epi16(odd, 8));
    uint16_t low[32], high[32];

    _mm512_storeu_si512(low, _mm512_unpacklo_epi16(even, odd));
    _mm512_storeu_si512(high, _mm512_unpackhi_epi16(even, odd));
    for (int lane = 0; lane < 4; lane++)
        for (int i = 0; i < 8; i++) {
            sum[16 * lane + i] += low[8 * lane + i];
            sum[16 * lane + 8 + i] += high[8 * lane + i];
        }
}

/* Blocks whose codes are looked up together, of `parts` lines each. */
struct bytes_at {
    const uint8_t *p;
    size_t parts;
    bool fetch;
};

/* Adds the look-ups of parts [from, to). `blocks` is a constant where this is inlined. */
static inline __attribute__((always_inline)) void add_parts(const struct pq_query *q, int blocks,
                                                            const struct bytes_at *at, size_t from,
                                                            size_t to,
                                                            uint32_t (*sum)[PQ_BYTE_CODES])
{
    while (from < to) {
        size_t end = to - from < SPILL_PARTS ? to : from + SPILL_PARTS;
        __m512i all[BLOCKS], odd[BLOCKS];

#pragma GCC unroll 4
        for (int b = 0; b < blocks; b++)
            all[b] = odd[b] = _mm512_setzero_si512();
        for (; from < end; from++) {
            const uint8_t *p = q->table + from * PQ_BYTE_TABLE;
            const __m512i table[4] = {_mm512_load_si512(p), _mm512_load_si512(p + 64),
                                      _mm512_load_si512(p + 128), _mm512_load_si512(p + 192)};

#pragma GCC unroll 4
            for (int b = 0; b < blocks; b++) {
                const uint8_t *line = at->p + ((size_t)b * at->parts + from) * PQ_BYTE_CODES;
                __m512i found = look_up(table, _mm512_load_si512(line));

                if (at->fetch)
                    _mm_prefetch((const char *)line + (size_t)blocks * at->parts * PQ_BYTE_CODES,
                                 _MM_HINT_T0);
                all[b] = _mm512_add_epi16(all[b], found);
                odd[b] = _mm512_add_epi16(odd[b], _mm512_srli_epi16(found, 8));
            }
        }
#pragma GCC unroll 4
        for (int b = 0; b < blocks; b++)
            spill(all[b], odd[b], sum[b]);
    }
}

static inline __attribute__((always_inline)) void byte_blocks(const struct pq_query *q, int blocks,
                                                              const struct bytes_at *at,
                                                              size_t high,
                                                              uint32_t (*sum)[PQ_BYTE_CODES])
{
    if (high > 0) {
        add_parts(q, blocks, at, 0, high, sum);
        for (size_t i = 0; i < (size_t)blocks * PQ_BYTE_CODES; i++)
            sum[i / PQ_BYTE_CODES][i % PQ_BYTE_CODES] <<= PQ_BYTE_HIGH_BITS;
    }
    add_parts(q, blocks, at, high, at->parts, sum);
}

static void bytes(const struct pq_query *q, const uint8_t *packed, size_t high, size_t parts,
                  size_t n, bool fetch, float *key)
{
    for (size_t from = 0; from < n; from += BLOCKS * PQ_BYTE_CODES) {
        uint32_t sum[BLOCKS][PQ_BYTE_CODES] = {{0}};
        struct bytes_at at = {packed + from * parts, parts, fetch};
        size_t left = n - from;

        if (left > (BLOCKS - 1) * PQ_BYTE_CODES)
            byte_blocks(q, BLOCKS, &at, high, sum);
        else
            for (size_t b = 0; b * PQ_BYTE_CODES < left; b++, at.p += PQ_BYTE_CODES * parts)
                byte_blocks(q, 1, &at, high, sum + b);
        for (size_t i = 0; i < BLOCKS * PQ_BYTE_CODES && i < left; i++)
            key[from + i] = key_of(q, sum[i / PQ_BYTE_CODES][i % PQ_BYTE_CODES]);
    }
}

const struct pq_ops pq_avx512 = {
    .name = "avx512",
    .table = pq_table,
    .range = pq_range,
    .steps = pq_steps,
    .nibbles = nibbles,
    .bytes = bytes,
};
#else
typedef int pq_avx512_is_for_x86;
#endif
