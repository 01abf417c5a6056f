/* f16.h - IEEE binary16, bit by bit: the portable conversions, equal to F16C's for every value that
 * is a number. */
#ifndef VEC_F16_H
#define VEC_F16_H

#include <stdint.h>
#include <string.h>

static inline float f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff, bits;
    float v;

    if (rest >= 0x7c00) { /* infinity, NaN */
        bits = sign | 0x7f800000 | (rest & 0x3ff) << 13;
    } else if (rest >= 0x400) {
        bits = sign | ((rest << 13) + 0x38000000);
    } else { /* a subnormal is rest * 2^-24, exact in f32 */
        v = (float)rest * 0x1p-24f;
        memcpy(&bits, &v, 4);
        bits |= sign;
    }
    memcpy(&v, &bits, 4);
    return v;
}

/* To nearest, ties to even; what is too large becomes infinity. */
static inline uint16_t f16_from_f32(float v)
{
    uint32_t bits, sign, rest, shift, half;

    memcpy(&bits, &v, 4);
    sign = bits >> 16 & 0x8000;
    rest = bits & 0x7fffffff;
    if (rest > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff));
    if (rest >= 0x477ff000) /* 65520 and more */
        return (uint16_t)(sign | 0x7c00);
    if (rest >= 0x38800000) /* 2^-14: normal; a carry into the exponent is right */
        return (uint16_t)(sign | ((rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13));
    if (rest < 0x33000000) /* below half the smallest subnormal */
        return (uint16_t)sign;
    shift = 126 - (rest >> 23);
    rest = (rest & 0x7fffff) | 0x800000;
    half = rest & ((1u << shift) - 1);
    rest >>= shift;
    rest += half > 1u << (shift - 1) || (half == 1u << (shift - 1) && (rest & 1));
    return (uint16_t)(sign | rest);
}

#endif
