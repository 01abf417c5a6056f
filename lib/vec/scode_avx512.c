/* scode_avx512.c - the kernels of scode.h by VNNI: 64 products an instruction, 16 vectors a
 * register. A tile is 2 blocks by 8 planes: 16 sums, enough to keep two multipliers busy. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "vec/scode.h"

enum { TILE_QUERIES = 8, AHEAD = 8192 };

static inline __m512i weights_at(const int8_t *w)
{
    int32_t four;

    memcpy(&four, w, sizeof four);
    return _mm512_set1_epi32(four);
}

/* Two blocks and np planes, a constant where it is called: all sums stay in registers. */
__attribute__((always_inline)) static inline void tile4(const struct scode_shape *s,
                                                        const uint8_t *p,
                                                        const int8_t *const *plane, size_t np,
                                                        int32_t (*sum)[SCODE_TILE])
{
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i acc[SCODE_BLOCKS][8];

    for (size_t b = 0; b < SCODE_BLOCKS; b++)
        for (size_t j = 0; j < np; j++)
            acc[b][j] = _mm512_setzero_si512();
    for (uint32_t g = 0; g < s->groups4; g++, p += 64) {
        __m512i first[SCODE_BLOCKS], second[SCODE_BLOCKS];

        for (size_t b = 0; b < SCODE_BLOCKS; b++) {
            __m512i cell = _mm512_load_si512(p + b * s->block);

            _mm_prefetch((const char *)p + b * s->block + AHEAD, _MM_HINT_T0);
            first[b] = _mm512_and_si512(cell, nibble);
            second[b] = _mm512_and_si512(_mm512_srli_epi16(cell, 4), nibble);
        }
        for (size_t j = 0; j < np; j++) {
            __m512i w0 = weights_at(plane[j] + 8 * g), w1 = weights_at(plane[j] + 8 * g + 4);

            for (size_t b = 0; b < SCODE_BLOCKS; b++)
                acc[b][j] = _mm512_dpbusd_epi32(acc[b][j], first[b], w0);
            for (size_t b = 0; b < SCODE_BLOCKS; b++)
                acc[b][j] = _mm512_dpbusd_epi32(acc[b][j], second[b], w1);
        }
    }
    for (size_t b = 0; b < SCODE_BLOCKS; b++)
        for (size_t j = 0; j < np; j++)
            _mm512_store_si512(sum[j] + b * SCODE_ROWS, acc[b][j]);
}

/* The same of 8-bit cells, for nq queries of two planes. */
__attribute__((always_inline)) static inline void tile8(const struct scode_shape *s,
                                                        const uint8_t *p,
                                                        const int8_t *const *plane, size_t nq,
                                                        int32_t (*sum)[SCODE_TILE])
{
    __m512i high[SCODE_BLOCKS][4], low[SCODE_BLOCKS][4];

    for (size_t b = 0; b < SCODE_BLOCKS; b++)
        for (size_t j = 0; j < nq; j++)
            high[b][j] = low[b][j] = _mm512_setzero_si512();
    for (uint32_t g = 0; g < s->groups8; g++, p += 64) {
        __m512i cell[SCODE_BLOCKS];

        for (size_t b = 0; b < SCODE_BLOCKS; b++) {
            cell[b] = _mm512_load_si512(p + b * s->block);
            _mm_prefetch((const char *)p + b * s->block + AHEAD, _MM_HINT_T0);
        }
        for (size_t j = 0; j < nq; j++) {
            __m512i h = weights_at(plane[j] + 4 * g), l = weights_at(plane[j] + s->plane + 4 * g);

            for (size_t b = 0; b < SCODE_BLOCKS; b++)
                high[b][j] = _mm512_dpbusd_epi32(high[b][j], cell[b], h);
            for (size_t b = 0; b < SCODE_BLOCKS; b++)
                low[b][j] = _mm512_dpbusd_epi32(low[b][j], cell[b], l);
        }
    }
    for (size_t b = 0; b < SCODE_BLOCKS; b++)
        for (size_t j = 0; j < nq; j++)
            _mm512_store_si512(sum[j] + b * SCODE_ROWS,
                               _mm512_add_epi32(_mm512_slli_epi32(high[b][j], 8), low[b][j]));
}

/* One block and one plane, in the order of memory: few queries wait for memory, not for sums. Two
 * chains of sums a plane, since one is as long as the latencies of its links. */
static void single4(const struct scode_shape *s, const uint8_t *p, const int8_t *w, int32_t *sum)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i first = _mm512_setzero_si512(), second = first;

    for (uint32_t g = 0; g < s->groups4; g++, p += 64, w += 8) {
        __m512i cell = _mm512_load_si512(p);

        _mm_prefetch((const char *)p + AHEAD, _MM_HINT_T0);
        first = _mm512_dpbusd_epi32(first, _mm512_and_si512(cell, nibble), weights_at(w));
        cell = _mm512_and_si512(_mm512_srli_epi16(cell, 4), nibble);
        second = _mm512_dpbusd_epi32(second, cell, weights_at(w + 4));
    }
    _mm512_store_si512(sum, _mm512_add_epi32(first, second));
}

static void single8(const struct scode_shape *s, const uint8_t *p, const int8_t *w, int32_t *sum)
{
    __m512i high[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    __m512i low[2] = {high[0], high[0]};
    uint32_t g = 0;

    for (; g + 2 <= s->groups8; g += 2, p += 128, w += 8)
        for (size_t i = 0; i < 2; i++) {
            __m512i cell = _mm512_load_si512(p + 64 * i);

            _mm_prefetch((const char *)p + 64 * i + AHEAD, _MM_HINT_T0);
            high[i] = _mm512_dpbusd_epi32(high[i], cell, weights_at(w + 4 * i));
            low[i] = _mm512_dpbusd_epi32(low[i], cell, weights_at(w + s->plane + 4 * i));
        }
    if (g < s->groups8) {
        __m512i cell = _mm512_load_si512(p);

        high[0] = _mm512_dpbusd_epi32(high[0], cell, weights_at(w));
        low[0] = _mm512_dpbusd_epi32(low[0], cell, weights_at(w + s->plane));
    }
    high[0] = _mm512_slli_epi32(_mm512_add_epi32(high[0], high[1]), 8);
    _mm512_store_si512(sum, _mm512_add_epi32(high[0], _mm512_add_epi32(low[0], low[1])));
}

static void dots4(const struct scode_shape *s, const uint8_t *p, size_t nb,
                  const int8_t *const *plane, size_t np, int32_t (*sum)[SCODE_TILE])
{
    for (; np >= 8 && nb == SCODE_BLOCKS; np -= 8, plane += 8, sum += 8)
        tile4(s, p, plane, 8, sum);
    for (; np >= 4 && nb == SCODE_BLOCKS; np -= 4, plane += 4, sum += 4)
        tile4(s, p, plane, 4, sum);
    for (; np >= 2 && nb == SCODE_BLOCKS; np -= 2, plane += 2, sum += 2)
        tile4(s, p, plane, 2, sum);
    for (; np > 0; np--, plane++, sum++)
        for (size_t b = 0; b < nb; b++)
            single4(s, p + b * s->block, plane[0], sum[0] + b * SCODE_ROWS);
}

static void dots8(const struct scode_shape *s, const uint8_t *p, size_t nb,
                  const int8_t *const *plane, size_t nq, int32_t (*sum)[SCODE_TILE])
{
    for (; nq >= 4 && nb == SCODE_BLOCKS; nq -= 4, plane += 4, sum += 4)
        tile8(s, p, plane, 4, sum);
    for (; nq >= 2 && nb == SCODE_BLOCKS; nq -= 2, plane += 2, sum += 2)
        tile8(s, p, plane, 2, sum);
    for (; nq > 0; nq--, plane++, sum++)
        for (size_t b = 0; b < nb; b++)
            single8(s, p + b * s->block, plane[0], sum[0] + b * SCODE_ROWS);
}

#include "vec/scode_body.h"

const struct scode_ops scode_avx512 = {
    "avx512", scan, centre, quantize, quantize_each, refine, halve,
};
#else
typedef int scode_avx512_is_for_x86;
#endif
