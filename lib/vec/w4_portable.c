/* w4_portable.c - the products of w4.h in plain C: the oracle of the others. */
#include "vec/w4.h"

#include <math.h>

static float row_scale(const uint8_t *group, size_t row)
{
    uint16_t bf16;

    memcpy(&bf16, group + 2 * row, 2);
    return w4_scale(bf16);
}

/* Weight plus 8 of component k of the group. */
static int nibble(const uint8_t *group, size_t row, size_t k)
{
    uint8_t byte =
        group[W4_SCALE_BYTES + k / W4_BLOCK * W4_BLOCK_BYTES + row * 4 + k % (W4_BLOCK / 2)];

    return k % W4_BLOCK < W4_BLOCK / 2 ? byte & 15 : byte >> 4;
}

static void product_i8(const struct w4_shape *s, const uint8_t *panel, const struct w4_query *q,
                       size_t nq, float *out)
{
    size_t width = (size_t)s->blocks * W4_BLOCK;

    for (size_t j = 0; j < nq; j++)
        for (size_t i = 0; i < W4_ROWS; i++) {
            const uint8_t *group = panel + W4_NORM_BYTES;
            float total = 0;

            for (uint32_t g = 0; g < s->groups; g++, group += w4_group_bytes(s)) {
                int32_t sum = q[j].start[g];

                for (size_t k = 0; k < width; k++)
                    sum += nibble(group, i, k) * q[j].q8[g * width + k];
                total = fmaf((float)sum, row_scale(group, i) * q[j].scale[g], total);
            }
            out[j * W4_ROWS + i] = total;
        }
}

static void product_f32(const struct w4_shape *s, const uint8_t *panel, const struct w4_query *q,
                        size_t nq, float *out)
{
    size_t width = (size_t)s->blocks * W4_BLOCK;

    for (size_t j = 0; j < nq; j++)
        for (size_t i = 0; i < W4_ROWS; i++) {
            const uint8_t *group = panel + W4_NORM_BYTES;
            float total = 0;

            for (uint32_t g = 0; g < s->groups; g++, group += w4_group_bytes(s)) {
                float sum = 0;

                for (size_t k = 0; k < width; k++)
                    sum = fmaf((float)(nibble(group, i, k) - 8), q[j].q32[g * width + k], sum);
                total = fmaf(sum, row_scale(group, i), total);
            }
            out[j * W4_ROWS + i] = total;
        }
}

const struct w4_ops w4_portable = {"portable", product_i8, product_f32};
