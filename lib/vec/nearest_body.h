/* nearest_body.h - the kernels of nearest.c in plain C over lanes, compiled once per instruction
 * set: each loop over lanes becomes a few vector instructions. */
#ifndef VEC_NEAREST_BODY_H
#define VEC_NEAREST_BODY_H

#include "vec/nearest_level.h"

static inline __attribute__((always_inline)) void
offer_lanes(const float *restrict tile, size_t n, const float *restrict norm, uint32_t first,
            const bool fresh, float *restrict key, uint32_t *restrict best)
{
    for (size_t i = 0; i < n; i++, tile += PANEL, key += PANEL, best += PANEL)
#pragma omp simd
        for (uint32_t j = 0; j < PANEL; j++) {
            float k = norm[j] - 2 * tile[j], have = fresh ? __builtin_inff() : key[j];
            uint32_t at = fresh ? 0 : best[j];

            /* Not the other way round: NaN never wins. */
            key[j] = k < have ? k : have;
            best[j] = k < have ? first + j : at;
        }
}

static void offer(const float *tile, size_t n, const float *norm, uint32_t first, bool fresh,
                  float *key, uint32_t *best)
{
    if (fresh)
        offer_lanes(tile, n, norm, first, true, key, best);
    else
        offer_lanes(tile, n, norm, first, false, key, best);
}

static inline __attribute__((always_inline)) void halve(const float *restrict from,
                                                        float *restrict to, const uint32_t width)
{
#pragma omp simd
    for (uint32_t j = 0; j < width; j++)
        to[j] = from[j + width] < from[j] ? from[j + width] : from[j];
}

static void settle(const float *restrict key, const uint32_t *restrict best, size_t n,
                   uint32_t *restrict out)
{
    for (size_t i = 0; i < n; i++, key += PANEL, best += PANEL) {
        float a[16], b[8], c[4], least;
        uint32_t at = UINT32_MAX;

        halve(key, a, 16);
        halve(a, b, 8);
        halve(b, c, 4);
        least = c[0];
        for (uint32_t j = 1; j < 4; j++)
            least = c[j] < least ? c[j] : least;
#pragma omp simd reduction(min : at)
        for (uint32_t j = 0; j < PANEL; j++) {
            uint32_t other = -(uint32_t)(key[j] != least), mine = best[j] | other;

            at = mine < at ? mine : at;
        }
        out[i] = at;
    }
}

#endif
