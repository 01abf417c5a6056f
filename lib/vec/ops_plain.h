/* ops_plain.h - kernels of ops.h that plain C says well enough: included once by each level, whose
 * flags decide the vectors that the compiler makes of them.
 *
 * The sums in double have sixteen lanes in eights: lane j adds the components j, j + 16, ... in
 * turn; the lanes are then added in halves. Nothing is fused, so that every level rounds alike.
 */
#ifndef VEC_OPS_PLAIN_H
#define VEC_OPS_PLAIN_H

#if defined(__AVX2__)
#include <immintrin.h>
#endif
#include <string.h>

#include "vec/ops.h"

enum { F64_LANES = 8 }; /* of one variable; there are two */

typedef float f32x8 __attribute__((vector_size(F64_LANES * 4)));
typedef double f64x8 __attribute__((vector_size(F64_LANES * 8)));

static void from_u8(const void *src, size_t n, float *dst)
{
    const uint8_t *p = src;

    for (size_t i = 0; i < n; i++)
        dst[i] = p[i];
}

static void from_i8(const void *src, size_t n, float *dst)
{
    const int8_t *p = src;

    for (size_t i = 0; i < n; i++)
        dst[i] = p[i];
}

static const float norm2_low = 0x1p-100f, norm2_high = 0x1p120f;

/* Of numbers that are not below 0 the bits are in order as well, and compilers know how to compare
 * many of those at once. */
static float longest(const float *norm2, size_t n, bool *odd)
{
    int32_t least, end, most = 0, others = 0;
    float t;

    memcpy(&least, &norm2_low, sizeof least);
    memcpy(&end, &norm2_high, sizeof end);
    for (size_t i = 0; i < n; i++) {
        int32_t v;
        memcpy(&v, &norm2[i], sizeof v);
        others |= (v >= end) | (v <= least);
        v = v < end ? v : 0;
        most = v > most ? v : most;
    }
    *odd = others;
    memcpy(&t, &most, sizeof t);
    return t;
}

static void bounds(const float *norm2, size_t n, float by, float off, float *b)
{
    for (size_t i = 0; i < n; i++)
        b[i] = norm2[i] * by - off;
}

static void sketch_bounds(const float *lo, const float *step, const float *norm, size_t n,
                          const float k[4], float *b)
{
    const float k0 = k[0], k1 = k[1], k2 = k[2], k3 = k[3];

    for (size_t i = 0; i < n; i++)
        b[i] = norm[i] * (norm[i] * k0 + k1) + (lo[i] * k2 + step[i] * k3);
}

/* The n <= F64_LANES components at p, zeros behind them. By a mask, where there are such loads:
 * parts that are copied one by one would be waited for. */
static inline void f64_load(f32x8 *v, const void *p, size_t n)
{
    *v = (f32x8){0};
    if (n == F64_LANES) {
        memcpy(v, p, sizeof *v);
        return;
    }
#if defined(__AVX512VL__)
    *v = (f32x8)_mm256_maskz_loadu_ps((__mmask8)((1u << n) - 1), p);
#elif defined(__AVX2__)
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

    *v = (f32x8)_mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
#else
    memcpy(v, p, n * sizeof(float));
#endif
}

/* One step: eight components of a and b, or the `n` that are left. */
static inline void f64_step(f64x8 *acc, const unsigned char *a, const float *b, size_t n,
                            const int diff)
{
    f32x8 x, y;
    f64x8 wx, wy;

    f64_load(&x, a, n);
    f64_load(&y, b, n);
    wx = __builtin_convertvector(x, f64x8);
    wy = __builtin_convertvector(y, f64x8);
    if (diff) {
        wx -= wy;
        wy = wx;
    }
    *acc += wx * wy;
}

static inline double f64_sum(const void *a, const float *b, uint32_t dim, const int diff)
{
    const unsigned char *p = a;
    f64x8 lo = {0}, hi = {0};
    uint32_t k = 0;

    for (; k + 2 * F64_LANES <= dim; k += 2 * F64_LANES) {
        f64_step(&lo, p + 4 * (size_t)k, b + k, F64_LANES, diff);
        f64_step(&hi, p + 4 * (size_t)(k + F64_LANES), b + k + F64_LANES, F64_LANES, diff);
    }
    if (k + F64_LANES <= dim) {
        f64_step(&lo, p + 4 * (size_t)k, b + k, F64_LANES, diff);
        k += F64_LANES;
        if (k < dim)
            f64_step(&hi, p + 4 * (size_t)k, b + k, dim - k, diff);
    } else if (k < dim) {
        f64_step(&lo, p + 4 * (size_t)k, b + k, dim - k, diff);
    }
    lo += hi;
    return ((lo[0] + lo[4]) + (lo[2] + lo[6])) + ((lo[1] + lo[5]) + (lo[3] + lo[7]));
}

static double dot_f64(const void *a, const float *b, uint32_t dim)
{
    return f64_sum(a, b, dim, 0);
}

static double l2_f64(const void *a, const float *b, uint32_t dim)
{
    return f64_sum(a, b, dim, 1);
}

#endif
