/* w4_portable.c - the products of w4.h in plain C: the oracle of the others. */
#include "vec/w4.h"

#include <math.h>
#include <stdbool.h>

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

/* The exact sum of one group, as a float. */
static float sum_i8(const uint8_t *group, size_t row, const int8_t *q, size_t n, int32_t sum)
{
    for (size_t k = 0; k < n; k++)
        sum += nibble(group, row, k) * q[k];
    return (float)sum;
}

static float sum_f32(const uint8_t *group, size_t row, const float *q, size_t n)
{
    float sum = 0;

    for (size_t k = 0; k < n; k++)
        sum = fmaf((float)(nibble(group, row, k) - 8), q[k], sum);
    return sum;
}

static float product(const struct w4_shape *s, const uint8_t *panel, size_t row,
                     const struct w4_query *q, bool f32)
{
    const uint8_t *group = panel + W4_NORM_BYTES;
    size_t width = (size_t)s->blocks * W4_BLOCK;
    float total = 0;

    for (uint32_t g = 0; g < s->groups; g++, group += w4_group_bytes(s)) {
        float sum = f32 ? sum_f32(group, row, q->q32 + g * width, width)
                        : sum_i8(group, row, q->q8 + g * width, width, q->start[g]);

        total = fmaf(sum, f32 ? row_scale(group, row) : row_scale(group, row) * q->scale[g], total);
    }
    return total;
}

static void product_i8(const struct w4_shape *s, const uint8_t *panel, const struct w4_query *q,
                       size_t nq, float *out)
{
    for (size_t i = 0; i < nq * W4_ROWS; i++)
        out[i] = product(s, panel, i % W4_ROWS, q + i / W4_ROWS, false);
}

static void product_f32(const struct w4_shape *s, const uint8_t *panel, const struct w4_query *q,
                        size_t nq, float *out)
{
    for (size_t i = 0; i < nq * W4_ROWS; i++)
        out[i] = product(s, panel, i % W4_ROWS, q + i / W4_ROWS, true);
}

const struct w4_ops w4_portable = {"portable", product_i8, product_f32};
