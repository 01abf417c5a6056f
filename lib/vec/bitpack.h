/* bitpack.h - fields of 1 to 16 bits one after the other, the most significant bit first, without
 * gaps: how codes keep cells of any width. Inside this domain only.
 *
 *   bit 0 is the highest of byte 0; a field may straddle bytes; what is left of the last is zero.
 */
#ifndef VEC_BITPACK_H
#define VEC_BITPACK_H

#include <stddef.h>
#include <stdint.h>

struct bit_writer {
    uint8_t *p;
    uint32_t held; /* the `n` lowest bits are still to be written */
    unsigned n;
};

static inline void bit_put(struct bit_writer *w, unsigned width, unsigned value)
{
    w->held = w->held << width | value;
    for (w->n += width; w->n >= 8; w->n -= 8)
        *w->p++ = (uint8_t)(w->held >> (w->n - 8));
}

/* The last byte, if one is begun. */
static inline void bit_end(struct bit_writer *w)
{
    if (w->n > 0)
        *w->p = (uint8_t)(w->held << (8 - w->n));
}

struct bit_reader {
    const uint8_t *p;
    uint32_t held;
    unsigned n;
};

/* Reads no byte beyond the field's last. */
static inline unsigned bit_get(struct bit_reader *r, unsigned width)
{
    for (; r->n < width; r->n += 8)
        r->held = r->held << 8 | *r->p++;
    r->n -= width;
    return r->held >> r->n & ((1u << width) - 1);
}

#endif
