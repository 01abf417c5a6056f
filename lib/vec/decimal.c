/* decimal.c - see decimal.h.
 *
 * Reading (after Clinger 1990): up to 19 digits become an integer, which is multiplied with or
 * divided by a power of ten that a double holds exactly. The double is at most 2 units in its last
 * place off, and rounds to the right f32 unless it lies that near to the middle of two of them.
 * Then, and for exponents beyond 22 and subnormal numbers, strtof() does it.
 *
 * Writing (after Giulietti 2021, "The Schubfach way to render doubles", for 32 bits as Alexander
 * Bolz does): of all decimals that round to v the shortest, of these the nearest. v = c 2^q is
 * compared with the middles to its neighbours, all scaled by a power of ten of 64 bits.
 */
#include "vec/decimal.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- reading ---- */

enum { EXACT_POWERS = 22 };

static const double power_of_ten[EXACT_POWERS + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

struct number {
    uint64_t digits; /* the first 19 */
    int32_t exponent;
};

/* Digits of the whole part, or with `step` -1 of the fraction. */
static const char *take_digits(const char *p, int step, struct number *n)
{
    for (; is_digit(*p); p++) {
        if (n->digits < UINT64_C(1000000000000000000)) {
            n->digits = n->digits * 10 + (uint64_t)(*p - '0');
            n->exponent += step;
        } else if (n->exponent < 1 << 30) {
            n->exponent += 1 + step; /* too small to matter, but the whole part grows */
        }
    }
    return p;
}

/* "e-5"; what is no whole exponent is not taken. */
static const char *take_exponent(const char *p, struct number *n)
{
    const char *from = p;
    bool minus;
    int32_t v = 0;

    if (*p != 'e' && *p != 'E')
        return p;
    p++;
    minus = *p == '-';
    p += *p == '-' || *p == '+';
    if (!is_digit(*p))
        return from;
    for (; is_digit(*p); p++)
        v = v < 1 << 20 ? v * 10 + (*p - '0') : v;
    n->exponent += minus ? -v : v;
    return p;
}

static const char *take_word(const char *s, const char *p, float *v)
{
    static const char *const words[] = {"infinity", "inf", "nan"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i]);
        if (strncasecmp(p, words[i], len) == 0) {
            *v = i == 2 ? NAN : *s == '-' ? -INFINITY : INFINITY;
            return p + len;
        }
    }
    return NULL;
}

/* The f32 nearest to the number, where a double tells it for sure. */
static bool nearest(const struct number *n, float *v)
{
    double d = (double)n->digits;
    uint64_t bits;
    int64_t from_middle;

    if (n->exponent > EXACT_POWERS || n->exponent < -EXACT_POWERS)
        return false;
    d = n->exponent < 0 ? d / power_of_ten[-n->exponent] : d * power_of_ten[n->exponent];
    memcpy(&bits, &d, 8);
    from_middle = (int64_t)(bits & 0x1fffffff) - 0x10000000;
    *v = (float)d;
    return d == 0 || (d >= FLT_MIN && d < FLT_MAX && (from_middle > 4 || from_middle < -4));
}

const char *decimal_get_f32(const char *s, float *v)
{
    const char *p = s + (*s == '-' || *s == '+');
    struct number n = {0, 0};
    const char *from = p;

    p = take_digits(p, 0, &n);
    if (p == from && *p != '.')
        return take_word(s, p, v);
    if (*p == '.') {
        const char *fraction = p + 1;
        bool whole = p > from;
        p = take_digits(fraction, -1, &n);
        if (p == fraction && !whole)
            return NULL;
    }
    p = take_exponent(p, &n);
    if (nearest(&n, v))
        *v = *s == '-' ? -*v : *v;
    else
        *v = strtof(s, NULL);
    return p;
}

const char *decimal_get_i32(const char *s, int32_t *v)
{
    const char *p = s + (*s == '-' || *s == '+'), *from = p;
    int64_t x = 0;

    for (; is_digit(*p) && x <= INT32_MAX; p++)
        x = x * 10 + (*p - '0');
    x = *s == '-' ? -x : x;
    if (p == from || is_digit(*p) || *p == '.' || *p == 'e' || *p == 'E' || x > INT32_MAX ||
        x < INT32_MIN)
        return NULL;
    *v = (int32_t)x;
    return p;
}

/* ---- writing ---- */

enum { LEAST_POWER = -31 };

/* 10^k * 2^(63 - floor(log2(10^k))), rounded up, from k = LEAST_POWER on. */
static const uint64_t scaled_power[] = {
    0x81ceb32c4b43fcf5, 0xa2425ff75e14fc32, 0xcad2f7f5359a3b3f, 0xfd87b5f28300ca0e,
    0x9e74d1b791e07e49, 0xc612062576589ddb, 0xf79687aed3eec552, 0x9abe14cd44753b53,
    0xc16d9a0095928a28, 0xf1c90080baf72cb2, 0x971da05074da7bef, 0xbce5086492111aeb,
    0xec1e4a7db69561a6, 0x9392ee8e921d5d08, 0xb877aa3236a4b44a, 0xe69594bec44de15c,
    0x901d7cf73ab0acda, 0xb424dc35095cd810, 0xe12e13424bb40e14, 0x8cbccc096f5088cc,
    0xafebff0bcb24aaff, 0xdbe6fecebdedd5bf, 0x89705f4136b4a598, 0xabcc77118461cefd,
    0xd6bf94d5e57a42bd, 0x8637bd05af6c69b6, 0xa7c5ac471b478424, 0xd1b71758e219652c,
    0x83126e978d4fdf3c, 0xa3d70a3d70a3d70b, 0xcccccccccccccccd, 0x8000000000000000,
    0xa000000000000000, 0xc800000000000000, 0xfa00000000000000, 0x9c40000000000000,
    0xc350000000000000, 0xf424000000000000, 0x9896800000000000, 0xbebc200000000000,
    0xee6b280000000000, 0x9502f90000000000, 0xba43b74000000000, 0xe8d4a51000000000,
    0x9184e72a00000000, 0xb5e620f480000000, 0xe35fa931a0000000, 0x8e1bc9bf04000000,
    0xb1a2bc2ec5000000, 0xde0b6b3a76400000, 0x8ac7230489e80000, 0xad78ebc5ac620000,
    0xd8d726b7177a8000, 0x878678326eac9000, 0xa968163f0a57b400, 0xd3c21bcecceda100,
    0x84595161401484a0, 0xa56fa5b99019a5c8, 0xcecb8f27f4200f3a, 0x813f3978f8940985,
    0xa18f07d736b90be6, 0xc9f2c9cd04674edf, 0xfc6f7c4045812297, 0x9dc5ada82b70b59e,
    0xc5371912364ce306, 0xf684df56c3e01bc7, 0x9a130b963a6c115d, 0xc097ce7bc90715b4,
    0xf0bdc21abb48db21, 0x96769950b50d88f5, 0xbc143fa4e250eb32, 0xeb194f8e1ae525fe,
    0x92efd1b8d0cf37bf, 0xb7abc627050305ae, 0xe596b7b0c643c71a, 0x8f7e32ce7bea5c70,
    0xb35dbf821ae4f38c,
};

/* floor(log2(10^k)), for small k */
static int log2_of_power(int k)
{
    return (k * 1741647) >> 19;
}

/* The upper 32 bits of the product of 64 and 32 bits, and in the last bit whether more follows. */
static uint32_t round_to_odd(uint64_t g, uint32_t c)
{
    uint64_t low = (g & 0xffffffff) * c, high = (g >> 32) * c + (low >> 32);

    return (uint32_t)(high >> 32) | ((uint32_t)high > 1);
}

struct decimal {
    uint32_t digits;
    int exponent;
};

/* c 2^q scaled: the number and the middles to its neighbours, four times as large. */
static struct decimal shortest(uint32_t c, int q, bool lower_is_nearer)
{
    int k = (q * 1262611 - (lower_is_nearer ? 524031 : 0)) >> 22; /* floor(log10) */
    int h = q + log2_of_power(-k) + 1;
    uint64_t g = scaled_power[-k - LEAST_POWER];
    uint32_t odd = c & 1; /* of an even number both ends of the interval round to it */
    uint32_t lower = round_to_odd(g, (4 * c - 2 + lower_is_nearer) << h) + odd;
    uint32_t middle = round_to_odd(g, (4 * c) << h);
    uint32_t upper = round_to_odd(g, (4 * c + 2) << h) - odd;
    uint32_t s = middle / 4, tens = s / 10;
    bool down, up;

    if (s >= 10) {
        down = lower <= 40 * tens;
        up = 40 * tens + 40 <= upper;
        if (down != up)
            return (struct decimal){tens + up, k + 1};
    }
    down = lower <= 4 * s;
    up = 4 * s + 4 <= upper;
    if (down == up) /* both fit: the nearer, a tie to even */
        up = middle > 4 * s + 2 || (middle == 4 * s + 2 && (s & 1));
    return (struct decimal){s + up, k};
}

/* Of v > 0. */
static struct decimal to_decimal(float v)
{
    uint32_t bits, fraction, exponent, c;
    int q;

    memcpy(&bits, &v, 4);
    fraction = bits & 0x7fffff;
    exponent = bits >> 23;
    c = exponent ? fraction | 0x800000 : fraction;
    q = (int)(exponent ? exponent : 1) - 150;
    if (q <= 0 && q > -24 && (c & ((1u << -q) - 1)) == 0) /* a whole number below 2^24 */
        return (struct decimal){c >> -q, 0};
    return shortest(c, q, fraction == 0 && exponent > 1);
}

static char *put_digits(char *p, uint32_t v, int n)
{
    for (int i = n; i-- > 0; v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + n;
}

static int count_digits(uint32_t v)
{
    int n = 1;

    for (; v >= 10; v /= 10)
        n++;
    return n;
}

char *decimal_put_i32(char *p, int32_t v)
{
    uint32_t u = v < 0 ? 0u - (uint32_t)v : (uint32_t)v;

    if (v < 0)
        *p++ = '-';
    return put_digits(p, u, count_digits(u));
}

/* 1.25e-7: n digits, the first before the point, times ten to the x. */
static char *put_scientific(char *p, uint32_t digits, int n, int x)
{
    char *end = put_digits(p + 1, digits, n);

    p[0] = p[1];
    p[1] = '.';
    if (n == 1)
        end = p + 1;
    *end++ = 'e';
    return decimal_put_i32(end, x);
}

char *decimal_put_f32(char *p, float v)
{
    struct decimal d = {0, 0};
    int n, x;

    if (signbit(v))
        *p++ = '-';
    if (v != 0)
        d = to_decimal(fabsf(v));
    for (; d.digits && d.digits % 10 == 0; d.exponent++)
        d.digits /= 10;
    n = count_digits(d.digits);
    x = n - 1 + d.exponent; /* of the first digit */
    if (x < -5 || x > 9)
        return put_scientific(p, d.digits, n, x);
    if (d.exponent >= 0) { /* 1200 */
        p = put_digits(p, d.digits, n);
        memset(p, '0', (size_t)d.exponent);
        return p + d.exponent;
    }
    if (x < 0) { /* 0.0012 */
        memcpy(p, "0.00000", 7);
        return put_digits(p + 1 - x, d.digits, n);
    }
    put_digits(p + 1, d.digits, n); /* 1.2 */
    memmove(p, p + 1, (size_t)x + 1);
    p[x + 1] = '.';
    return p + n + 1;
}
