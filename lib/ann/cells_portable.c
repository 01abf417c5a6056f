/* cells_portable.c - the kernels of cells.h in plain C: what the other levels are held to. */
#include "ann/cells.h"

static float key_of(const struct cells_query *q, const uint8_t *row, size_t stride, int32_t sum)
{
    float norm = q->take * cells_norm(row, stride), dot = q->scale * (float)(sum - q->middle);

    return norm + dot;
}

static void keys8(const struct cells_query *q, const uint8_t *rows, size_t stride,
                  const uint32_t *id, size_t n, float *key)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *row = rows + id[i] * stride;
        int32_t sum = 0;

        for (size_t k = 0; k < stride; k++)
            sum += q->weights[k] * row[k];
        key[i] = key_of(q, row, stride, sum);
    }
}

static void keys4(const struct cells_query *q, const uint8_t *rows, size_t stride,
                  const uint32_t *id, size_t n, float *key)
{
    const int8_t *high = q->weights + stride;

    for (size_t i = 0; i < n; i++) {
        const uint8_t *row = rows + id[i] * stride;
        int32_t sum = 0;

        for (size_t k = 0; k < stride; k++)
            sum += q->weights[k] * (row[k] & 15) + high[k] * (row[k] >> 4);
        key[i] = key_of(q, row, stride, sum);
    }
}

static void keys84(const struct cells_query *q, const uint8_t *rows, size_t stride,
                   const uint32_t *id, size_t n, float *key)
{
    const int8_t *high = q->weights + stride, *whole = high + stride;

    for (size_t i = 0; i < n; i++) {
        const uint8_t *row = rows + id[i] * stride;
        int32_t sum = 0;

        for (size_t k = 0; k < q->wide; k++)
            sum += whole[k] * row[k];
        for (size_t k = q->wide; k < stride; k++)
            sum += q->weights[k] * (row[k] & 15) + high[k] * (row[k] >> 4);
        key[i] = key_of(q, row, stride, sum);
    }
}

static uint64_t l2_bytes(const uint8_t *a, const uint8_t *b, uint32_t dim, uint8_t flip)
{
    uint64_t sum = 0;

    for (uint32_t k = 0; k < dim; k++) {
        int32_t d = (a[k] ^ flip) - (b[k] ^ flip);

        sum += (uint32_t)(d * d);
    }
    return sum;
}

static size_t within(const float *key, size_t n, float limit, uint16_t *hit)
{
    size_t hits = 0;

    for (size_t i = 0; i < n; i++) {
        hit[hits] = (uint16_t)i;
        hits += !(key[i] > limit);
    }
    return hits;
}

const struct cells_ops cells_portable = {"portable", keys8, keys4, keys84, l2_bytes, within};
