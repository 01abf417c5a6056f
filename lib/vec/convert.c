/* convert.c - components become another type, and are looked at: is each a finite number?
 *
 * Everything goes by way of f32 in blocks that stay in the first level cache. That is exact for all
 * types but i32, whose values beyond 2^24 fit into none of the others but f32 itself.
 */
#include <math.h>
#include <string.h>

#include "vec/f16.h"
#include "vec/file_int.h"

enum { BLOCK = 512, LANES = 16 };

/* Adding it rounds a number below 2^22 to an integer, ties to even, and leaves that in the low
 * bits: without a call, and for many at once. */
#define ROUNDER      0x1.8p23f
#define ROUNDER_BITS 0x4b400000

static int32_t rounded(float v)
{
    float sum = v + ROUNDER;
    int32_t bits;

    memcpy(&bits, &sum, 4);
    return bits - ROUNDER_BITS;
}

/* Each returns how many components fit, up to the first that does not. */

static size_t to_bytes(const float *src, size_t n, unsigned char *dst, int32_t least, int32_t most)
{
    size_t done = 0;

    for (; done + LANES <= n; done += LANES) {
        int bad = 0;
        for (size_t i = 0; i < LANES; i++) {
            float v = src[done + i];
            bool near = v > -1000 && v < 1000;
            int32_t k = rounded(near ? v : 1000);
            bad |= k < least || k > most;
            dst[done + i] = (unsigned char)k;
        }
        if (bad)
            break;
    }
    for (; done < n; done++) {
        int32_t k = fabsf(src[done]) < 1000 ? rounded(src[done]) : 1000;
        if (k < least || k > most)
            break;
        dst[done] = (unsigned char)k;
    }
    return done;
}

static size_t to_i32(const float *src, size_t n, unsigned char *dst)
{
    for (size_t i = 0; i < n; i++) {
        if (!(src[i] >= -2147483648.0f && src[i] < 2147483648.0f))
            return i;
        int32_t k = (int32_t)rintf(src[i]);
        memcpy(dst + 4 * i, &k, 4);
    }
    return n;
}

static size_t to_f16(const float *src, size_t n, unsigned char *dst)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h = f16_from_f32(src[i]);
        if ((h & 0x7c00) == 0x7c00)
            return i;
        memcpy(dst + 2 * i, &h, 2);
    }
    return n;
}

static size_t from_f32(const float *src, size_t n, enum vec_type to, unsigned char *dst)
{
    switch (to) {
    case VEC_F32:
        memcpy(dst, src, n * 4);
        return n;
    case VEC_F16:
        return to_f16(src, n, dst);
    case VEC_U8:
        return to_bytes(src, n, dst, 0, 255);
    case VEC_I8:
        return to_bytes(src, n, dst, -128, 127);
    case VEC_I32:
        return to_i32(src, n, dst);
    }
    return 0;
}

size_t vec_convert(enum vec_type from, const void *src, enum vec_type to, void *dst, size_t n)
{
    float block[BLOCK];

    if (from == to && n) {
        memcpy(dst, src, n * vec_type_size(to));
        return n;
    }
    for (size_t at = 0; at < n; at += BLOCK) {
        size_t len = n - at < BLOCK ? n - at : BLOCK, done;

        vec_to_f32(from, (const char *)src + at * vec_type_size(from), len, block);
        done = from_f32(block, len, to, (unsigned char *)dst + at * vec_type_size(to));
        if (done < len)
            return at + done;
    }
    return n;
}

/* A number whose exponent is all ones is infinite or none. */
static bool bad_f32(const unsigned char *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return (v & 0x7f800000) == 0x7f800000;
}

static bool bad_f16(const unsigned char *p)
{
    uint16_t v;

    memcpy(&v, p, 2);
    return (v & 0x7c00) == 0x7c00;
}

static size_t first_bad_f32(const unsigned char *p, size_t n)
{
    size_t i = 0;

    for (; i + BLOCK <= n; i += BLOCK) {
        uint32_t bad = 0;
        for (size_t k = 0; k < BLOCK; k++)
            bad |= bad_f32(p + 4 * (i + k));
        if (bad)
            break;
    }
    while (i < n && !bad_f32(p + 4 * i))
        i++;
    return i;
}

static size_t first_bad_f16(const unsigned char *p, size_t n)
{
    size_t i = 0;

    for (; i + BLOCK <= n; i += BLOCK) {
        uint16_t bad = 0;
        for (size_t k = 0; k < BLOCK; k++)
            bad |= bad_f16(p + 2 * (i + k));
        if (bad)
            break;
    }
    while (i < n && !bad_f16(p + 2 * i))
        i++;
    return i;
}

size_t vec_first_bad(enum vec_type type, const void *p, size_t n)
{
    return type == VEC_F32 ? first_bad_f32(p, n) : type == VEC_F16 ? first_bad_f16(p, n) : n;
}
