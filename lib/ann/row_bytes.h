/* row_bytes.h - numbers of rows in the bytes that they need, the lowest first: of an index's rows
 * all have as many, `width`.
 */
#ifndef ANN_ROW_BYTES_H
#define ANN_ROW_BYTES_H

#include <stdint.h>

/* Bytes of a number below `rows`: 2, 3 or 4. */
static inline unsigned row_width(uint64_t rows)
{
    return rows <= 1u << 16 ? 2 : rows <= 1u << 24 ? 3 : 4;
}

static inline uint32_t row_read(const uint8_t *p, unsigned width)
{
    uint32_t row = p[0] | (uint32_t)p[1] << 8;

    if (width > 2)
        row |= (uint32_t)p[2] << 16;
    if (width > 3)
        row |= (uint32_t)p[3] << 24;
    return row;
}

static inline void row_write(uint8_t *p, unsigned width, uint32_t row)
{
    for (unsigned i = 0; i < width; i++)
        p[i] = (uint8_t)(row >> 8 * i);
}

#endif
