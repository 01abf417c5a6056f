/* fixed.c - digits are collected with the place of their point; then the exponent says how many of
 * them count. */
#include "base/fixed.h"

#include <math.h>

__extension__ typedef unsigned __int128 u128;

enum { DIGITS = 40, EXPONENT_MOST = 100000 };

struct decimal {
    bool negative;
    uint8_t digit[DIGITS]; /* without zeros in front */
    int n;                 /* of them */
    long point;            /* the value is 0.digits times 10^point */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void take_digit(struct decimal *d, char c, bool fraction)
{
    if (d->n == 0 && c == '0') {
        d->point -= fraction;
        return;
    }
    if (d->n < DIGITS)
        d->digit[d->n++] = (uint8_t)(c - '0');
    d->point += !fraction;
}

/* Digits with at most one point; NULL where there is no digit. */
static const char *take_digits(struct decimal *d, const char *p, const char *end)
{
    bool any = false, fraction = false;

    for (; p < end && (is_digit(*p) || (*p == '.' && !fraction)); p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        any = true;
        take_digit(d, *p, fraction);
    }
    return any ? p : NULL;
}

static const char *take_exponent(struct decimal *d, const char *p, const char *end)
{
    bool negative = false;
    long x = 0;

    if (p < end && (*p == '+' || *p == '-'))
        negative = *p++ == '-';
    if (p == end)
        return NULL;
    for (; p < end && is_digit(*p); p++)
        x = x < EXPONENT_MOST ? 10 * x + (*p - '0') : x;
    d->point += negative ? -x : x;
    return p;
}

/* The first `keep` digits as a number, rounded by the next. */
static bool magnitude(const struct decimal *d, long keep, uint64_t *v)
{
    uint64_t x = 0;

    if (d->n == 0 || keep < 0) {
        *v = 0;
        return true;
    }
    if (keep > 19)
        return false;
    for (long i = 0; i < keep; i++) {
        uint64_t next = i < d->n ? d->digit[i] : 0;

        if (x > (UINT64_MAX - next) / 10)
            return false;
        x = 10 * x + next;
    }
    *v = x + (keep < d->n && d->digit[keep] >= 5);
    return true;
}

bool fixed_parse(const char *p, size_t len, int digits, int64_t *v)
{
    const char *end = p + len;
    struct decimal d = {0};
    uint64_t x;

    if (p < end && (*p == '+' || *p == '-'))
        d.negative = *p++ == '-';
    if (!(p = take_digits(&d, p, end)))
        return false;
    if (p < end && (*p == 'e' || *p == 'E') && !(p = take_exponent(&d, p + 1, end)))
        return false;
    if (p != end || !magnitude(&d, d.point + digits, &x) || x > INT64_MAX)
        return false;
    *v = d.negative ? -(int64_t)x : (int64_t)x;
    return true;
}

/* x is a whole number of 53 bits times a power of two, so that the product is exact. */
bool fixed_scale(int64_t *v, double x)
{
    int e;
    double fraction = frexp(fabs(x), &e);
    bool negative = (*v < 0) != (x < 0);
    u128 y;

    if (!isfinite(x))
        return false;
    y = (u128)(*v < 0 ? -(uint64_t)*v : (uint64_t)*v) * (uint64_t)(fraction * 0x1p53);
    e -= 53;
    if (e < 0)
        y = e < -120 ? 0 : (y + ((u128)1 << (-e - 1))) >> -e;
    else if (y > (e > 62 ? 0 : (u128)INT64_MAX >> e))
        return false;
    else if (y > 0)
        y <<= e;
    if (y > INT64_MAX)
        return false;
    *v = negative ? -(int64_t)y : (int64_t)y;
    return true;
}
