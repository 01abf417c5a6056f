/* fused.h - fused multiply-adds of a line of floats where the processor has none: as fmaf(), whose
 * software takes a call a float, in double and without a branch a float. Inside this domain only.
 *
 * The product of two floats is exact in double. The sum is rounded twice, to double and to float,
 * and that is as good as once, unless the double lies half-way between two floats, where it may
 * have been rounded to: its 29 lowest bits are then 1 and zeros. Floats below 2^-126 have fewer
 * bits and are half-way elsewhere. Both are rare, and then the line is done again by fmaf(). So all
 * results are those of fmaf(), bit for bit, but for what a NaN says besides that it is one.
 *
 * Cost     0.7 ns a float on baseline x86-64, where fmaf() in software takes 19.
 */
#ifndef VEC_FUSED_H
#define VEC_FUSED_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { FUSED_LINE = 16 }; /* floats */

#if defined(__FP_FAST_FMAF) || defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
static inline void fused_line(float x, const float *y, float *sum)
{
    for (int j = 0; j < FUSED_LINE; j++)
        sum[j] = fmaf(x, y[j], sum[j]);
}
#else
/* Two at a time: what every processor of this kind has, and no compiler takes apart. */
typedef float fused_f32 __attribute__((vector_size(8)));
typedef double fused_f64 __attribute__((vector_size(16)));
typedef int32_t fused_i32 __attribute__((vector_size(16)));
typedef uint64_t fused_u64 __attribute__((vector_size(16)));

/* Are the halves of doubles, the lower first, within these bounds? Of the lower half the 29 bits,
 * of the upper all but the sign. */
static inline fused_i32 fused_doubt(fused_f64 s)
{
    const fused_i32 bits = {0x1fffffff, INT32_MAX, 0x1fffffff, INT32_MAX};
    const fused_i32 above = {0x0fffffff, 0, 0x0fffffff, 0};
    const fused_i32 below = {0x10000001, 0x38100000, 0x10000001, 0x38100000};
    fused_i32 half = (fused_i32)s & bits;

    return (half > above) & (half < below);
}

/* sum[j] = fmaf(x, y[j], sum[j]) of a line. */
static inline void fused_line(float x, const float *y, float *sum)
{
    enum { PIECES = FUSED_LINE / 2 };
    const fused_f64 wide = {(double)x, (double)x};
    fused_f32 next[PIECES];
    fused_i32 doubt = {0};
    fused_u64 any;

    for (int k = 0; k < PIECES; k++) {
        fused_f32 b, c;
        fused_f64 s;

        memcpy(&b, y + 2 * k, sizeof b);
        memcpy(&c, sum + 2 * k, sizeof c);
        s = wide * __builtin_convertvector(b, fused_f64) + __builtin_convertvector(c, fused_f64);
        doubt |= fused_doubt(s);
        next[k] = __builtin_convertvector(s, fused_f32);
    }
    any = (fused_u64)doubt;
    if (!(any[0] | any[1]))
        memcpy(sum, next, sizeof next);
    else
        for (int j = 0; j < FUSED_LINE; j++)
            sum[j] = fmaf(x, y[j], sum[j]);
}
#endif

#endif
