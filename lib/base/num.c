/* num.c - see num.h. */
#include "base/num.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Moves *s past the digits there, at least one, whose value must fit. */
static bool take_digits(const char **s, uint64_t *v)
{
    const char *p = *s;
    uint64_t x = 0;

    if (!is_digit(*p))
        return false;
    for (; is_digit(*p); p++)
        if (__builtin_mul_overflow(x, (uint64_t)10, &x) ||
            __builtin_add_overflow(x, (uint64_t)(*p - '0'), &x))
            return false;
    *s = p;
    *v = x;
    return true;
}

/* The same for the digits after a point. Those past the fifteenth are less than a byte of any
 * unit; up to there numerator and denominator are exact, and so is 1.375 of anything. */
static bool take_fraction(const char **s, double *v)
{
    const char *p = *s;
    double numerator = 0, denominator = 1;

    if (!is_digit(*p))
        return false;
    for (; is_digit(*p); p++) {
        if (denominator >= 1e15)
            continue;
        numerator = numerator * 10 + (*p - '0');
        denominator *= 10;
    }
    *s = p;
    *v = numerator / denominator;
    return true;
}

bool num_u64(const char *s, uint64_t *v)
{
    uint64_t x;

    if (!take_digits(&s, &x) || *s)
        return false;
    *v = x;
    return true;
}

/* strtod also takes hexadecimal, "inf", "nan" and leading blanks: none of them is a number here. */
bool num_double(const char *s, double *v)
{
    const char *digits = *s == '-' || *s == '+' ? s + 1 : s;
    char *end;
    double x;

    if (!is_digit(digits[0]) && !(digits[0] == '.' && is_digit(digits[1])))
        return false;
    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
        return false;
    errno = 0;
    x = strtod(s, &end);
    if (*end || !isfinite(x) || (x == 0 && errno != 0)) /* below DBL_MIN errno tells of bits lost */
        return false;
    *v = x;
    return true;
}

/* The shift that a unit stands for, or -1. */
static int unit_shift(const char *unit)
{
    static const char letters[] = "KMGT";
    const char *at;

    if (!*unit)
        return 0;
    at = strchr(letters, toupper((unsigned char)*unit));
    if (!at)
        return strcasecmp(unit, "B") == 0 ? 0 : -1;
    if (unit[1] && strcasecmp(unit + 1, "B") != 0 && strcasecmp(unit + 1, "iB") != 0)
        return -1;
    return 10 * (int)(at - letters + 1);
}

bool num_size(const char *s, uint64_t *v)
{
    uint64_t x;
    double fraction = 0;
    bool has_fraction = false;
    int shift;

    if (!take_digits(&s, &x))
        return false;
    if (*s == '.') {
        s++;
        has_fraction = true;
        if (!take_fraction(&s, &fraction))
            return false;
    }
    shift = unit_shift(s);
    if (shift < 0 || (has_fraction && shift == 0)) /* there is no half byte */
        return false;
    if (__builtin_mul_overflow(x, (uint64_t)1 << shift, &x))
        return false;
    *v = x + (uint64_t)ldexp(fraction, shift); /* x is a multiple of 2^shift: no overflow */
    return true;
}

const char *num_human_bytes(uint64_t v, char *p)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double x = (double)v;
    size_t u = 0;

    /* 1023.95 would be printed as 1024.0 */
    while (x >= (u == 0 ? 1024 : 1023.95)) {
        x /= 1024;
        u++;
    }
    snprintf(p, NUM_HUMAN, u == 0 ? "%.0f %s" : "%.1f %s", x, units[u]);
    return p;
}
