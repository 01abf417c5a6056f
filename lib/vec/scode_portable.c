/* scode_portable.c - the kernels of scode.h in plain C: the oracle of the others. */
#include "vec/scode.h"

enum { TILE_QUERIES = 4 };

static void dots4(const struct scode_shape *s, const uint8_t *p, size_t nb,
                  const int8_t *const *plane, size_t np, int32_t (*sum)[SCODE_TILE])
{
    for (size_t j = 0; j < np; j++)
        for (size_t b = 0; b < nb; b++)
            for (size_t r = 0; r < SCODE_ROWS; r++) {
                const uint8_t *cell = p + b * s->block + 4 * r;
                const int8_t *w = plane[j];
                int32_t total = 0;

                for (uint32_t g = 0; g < s->groups4; g++, cell += 4 * SCODE_ROWS, w += 8)
                    for (size_t i = 0; i < 4; i++)
                        total += (cell[i] & 15) * w[i] + (cell[i] >> 4) * w[4 + i];
                sum[j][b * SCODE_ROWS + r] = total;
            }
}

static void dots8(const struct scode_shape *s, const uint8_t *p, size_t nb,
                  const int8_t *const *plane, size_t nq, int32_t (*sum)[SCODE_TILE])
{
    for (size_t j = 0; j < nq; j++)
        for (size_t b = 0; b < nb; b++)
            for (size_t r = 0; r < SCODE_ROWS; r++) {
                const uint8_t *cell = p + b * s->block + 4 * r;
                const int8_t *high = plane[j], *low = high + s->plane;
                int32_t total = 0;

                for (uint32_t g = 0; g < s->groups8; g++, cell += 4 * SCODE_ROWS)
                    for (size_t i = 0; i < 4; i++)
                        total += cell[i] * (256 * high[4 * g + i] + low[4 * g + i]);
                sum[j][b * SCODE_ROWS + r] = total;
            }
}

#include "vec/scode_body.h"

const struct scode_ops scode_portable = {
    "portable", scan, centre, quantize, quantize_each, refine, halve,
};
