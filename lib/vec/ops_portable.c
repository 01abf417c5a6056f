/* ops_portable.c - the kernels in plain C: the oracle of the others. */
#include "vec/ops_level.h"

#include <math.h>
#include <string.h>

#include "vec/f16.h"

static void tile_f32(const void *rows, size_t stride, size_t n, const float *panel, uint32_t dim,
                     float *out)
{
    for (size_t i = 0; i < n; i++, out += PANEL) {
        const unsigned char *row = (const unsigned char *)rows + i * stride;

        memset(out, 0, PANEL * sizeof *out);
        for (uint32_t k = 0; k < dim; k++) {
            float x;
            memcpy(&x, row + 4 * (size_t)k, 4);
            for (size_t j = 0; j < PANEL; j++)
                out[j] = fmaf(x, panel[k * (size_t)PANEL + j], out[j]);
        }
    }
}

static void dots_f32(const void *rows, size_t stride, size_t n, const float *q, size_t nq,
                     uint32_t dim, float *out)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = (const unsigned char *)rows + i * stride;

        for (size_t j = 0; j < nq; j++) {
            float sum = 0;
            for (uint32_t k = 0; k < dim; k++) {
                float x;
                memcpy(&x, row + 4 * (size_t)k, 4);
                sum += x * q[j * dim + k];
            }
            out[i * nq + j] = sum;
        }
    }
}

static void from_f16(const void *src, size_t n, float *dst)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const unsigned char *)src + 2 * i, 2);
        dst[i] = f16_to_f32(h);
    }
}

const struct vec_ops ops_portable = {
    .name = "portable",
    .tile_f32 = tile_f32,
    .dots_f32 = dots_f32,
    .from_f16 = from_f16,
};
