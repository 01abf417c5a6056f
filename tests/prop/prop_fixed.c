/* prop_fixed.c - decimal text as whole numbers, against arithmetic on digits: long ones, exponents,
 * halves, what just fits and what does not, and text that is no number.
 */
#include "../unit/t.h"

#include <math.h>

#include "base/fixed.h"

__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 i128;

enum { DIGITS_MOST = 600 };

static unsigned long long rng = 11;

static int below(int n)
{
    return (int)(t_rand(&rng) % (unsigned)n);
}

/* ---- the oracle: a row of digits, the last `after` of them behind the point ---- */

struct digits {
    char v[3 * DIGITS_MOST];
    int n;
    long after;
};

/* [+-]d*[.d*][e[+-]d+], a digit before the e at least. */
static bool naive_grammar(const char *p, struct digits *d, bool *negative)
{
    bool point = false, minus;
    long exponent = 0;

    *d = (struct digits){.n = 0};
    *negative = *p == '-';
    p += *p == '-' || *p == '+';
    for (; (*p >= '0' && *p <= '9') || (*p == '.' && !point); p++)
        if (*p == '.') {
            point = true;
        } else {
            d->v[d->n++] = *p;
            d->after += point;
        }
    if (d->n == 0)
        return false;
    if (*p == 'e' || *p == 'E') {
        minus = *++p == '-';
        p += *p == '-' || *p == '+';
        if (*p < '0' || *p > '9')
            return false;
        for (; *p >= '0' && *p <= '9'; p++)
            exponent = exponent < 100000 ? 10 * exponent + (*p - '0') : exponent;
        d->after += minus ? exponent : -exponent;
    }
    return *p == '\0';
}

static bool all_zero(const struct digits *d)
{
    for (int i = 0; i < d->n; i++)
        if (d->v[i] != '0')
            return false;
    return true;
}

static bool naive_parse(const char *text, int places, int64_t *out)
{
    struct digits d;
    bool negative, up = false;
    u128 x = 0;

    if (!naive_grammar(text, &d, &negative))
        return false;
    d.after -= places;
    if (all_zero(&d)) {
        *out = 0;
        return true;
    }
    if (d.after > d.n) { /* nothing, nor a digit to round by */
        *out = 0;
        return true;
    }
    if (d.after < -DIGITS_MOST)
        return false;
    for (; d.after < 0; d.after++)
        d.v[d.n++] = '0';
    if (d.after > 0) {
        up = d.v[d.n - d.after] >= '5';
        d.n -= (int)d.after;
    }
    for (int i = 0; i < d.n; i++) {
        x = 10 * x + (unsigned)(d.v[i] - '0');
        if (x > INT64_MAX)
            return false;
    }
    x += up;
    if (x > INT64_MAX)
        return false;
    *out = negative ? -(int64_t)x : (int64_t)x;
    return true;
}

/* ---- trying ---- */

static void try_one(const char *text)
{
    static const int places[] = {0, 3, 6, 9, 18};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int64_t want = 42, got = 42;
        bool is = naive_parse(text, places[i], &want);

        T_CHECKF(fixed_parse(text, strlen(text), places[i], &got) == is, "'%s' to %d places", text,
                 places[i]);
        T_CHECKF(got == want, "'%s' to %d places: %lld, not %lld", text, places[i], (long long)got,
                 (long long)want);
    }
}

static void nasty(void)
{
    static const char *const text[] = {
        "",
        "+",
        "-",
        ".",
        "-.",
        "e5",
        ".e5",
        "1e",
        "1e+",
        "1e-",
        "1ee5",
        "1e5.0",
        "1.2.3",
        "0x10",
        "inf",
        "nan",
        "NaN",
        " 1",
        "1 ",
        "1,5",
        "--1",
        "+-1",
        "1-",
        "1e 5",
        "\t1",
        "1\n",
        "1f",
        "1_0",
        "0",
        "-0",
        "+0",
        ".0",
        "0.",
        "00",
        "-0.0e-0",
        "0e999999999",
        "0.000e-999999999",
        "5.",
        ".5",
        "-.5",
        "+.5e0",
        "0.4999999999999999999999999999999999999999999999999",
        "0.5",
        "0.49999999999999999999999999999999999999999999999950",
        "1.5",
        "2.5",
        "-2.5",
        "1e-1",
        "5e-1",
        "4.9e-1",
        "5e-19",
        "4e-19",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775807",
        "-9223372036854775809",
        "9223372036854775807.4",
        "9223372036854775807.5",
        "9223372036854775806.5",
        "9223372036.854775807",
        "9223372036.854775808",
        "9223372036.8547758074",
        "9223372036.8547758075",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999",
        "1e18",
        "1e19",
        "9.3e18",
        "1e999999999999",
        "1e-999999999999",
        "-1e99999",
        "1e-99999",
        "000000000000000000000000000000000000000000000000000000000000001",
        "000000000000000000000000000000000000000000000000000000000000001e-1",
        "0.000000000000000000000000000000000000000000000000000000000001e60",
        "0.000000000000000000000000000000000000000000000000000000000001e59",
        "100000000000000000000000000000000000000000000000000000000000000e-60",
        "123456789012345678901234567890123456789012345678901234567890e-50",
        "123456789012345678901234567890123456789099999999999999999999e-41",
        "1700150586.6805900",
        "4.314579",
        "0.0000000005",
        "0.0000000004999"};

    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        try_one(text[i]);
}

static char *digits(char *p, int n)
{
    int kind = below(4);

    for (int i = 0; i < n; i++)
        *p++ = kind == 0 ? '0' : kind == 1 ? '9' : (char)('0' + below(10));
    return p;
}

static void random_number(char *p)
{
    int length = below(5) ? below(12) : below(200);

    if (below(3) == 0)
        *p++ = below(2) ? '-' : '+';
    p = digits(p, length);
    if (below(2)) {
        *p++ = '.';
        p = digits(p, below(5) ? below(12) : below(200));
        if (below(4) == 0)
            *p++ = '5';
    }
    if (below(3) == 0) {
        *p++ = below(2) ? 'e' : 'E';
        if (below(2))
            *p++ = below(2) ? '-' : '+';
        p += sprintf(p, "%d", below(8) ? below(30) : below(400));
    }
    *p = '\0';
}

/* What is around a number is not looked at. */
static void bounded(void)
{
    int64_t v = 1;

    T_CHECK(fixed_parse("12345", 2, 0, &v) && v == 12);
    T_CHECK(fixed_parse("1.55", 3, 0, &v) && v == 2);
    T_CHECK(!fixed_parse("1e5", 2, 0, &v) && v == 2);
    T_CHECK(!fixed_parse("1", 0, 0, &v) && v == 2);
    T_CHECK(!fixed_parse("1\0001", 3, 0, &v) && v == 2);
}

/* v times x, exactly: x is a whole number times a power of two. */
static bool naive_scale(int64_t *v, double x)
{
    int e;
    double m = frexp(x, &e) * 0x1p53;
    i128 y;

    if (!isfinite(x))
        return false;
    e -= 53;
    y = (i128)*v * (int64_t)m;
    for (; e < -1 && y / 2 != 0 && e < -110; e++)
        y /= 2; /* far below a half: what is lost does not count */
    if (e < 0) {
        i128 half = e > -127 ? (i128)1 << (-e - 1) : 0, magnitude = y < 0 ? -y : y;

        if (half == 0)
            magnitude = 0;
        else
            magnitude = (magnitude + half) >> -e;
        y = y < 0 ? -magnitude : magnitude;
    }
    for (; e > 0; e--) {
        if (y > INT64_MAX || y < INT64_MIN)
            return false;
        y *= 2;
    }
    if (y > INT64_MAX || y < INT64_MIN)
        return false;
    *v = (int64_t)y;
    return true;
}

static void try_scale(void)
{
    static const double nice[] = {1, 0.5, 0.1, 2, 10, 1.0 / 3, 1e-9, 1e9, 0.75, 1.5, 1e18, 1e-18};
    int64_t v = (int64_t)(t_rand(&rng) >> (1 + below(63))), got, want;
    double x = nice[below(12)] * (below(2) ? 1 : 1 + below(1000) / 1024.0);
    bool is;

    v = below(4) ? v : -v;
    got = want = v;
    is = naive_scale(&want, x);
    T_CHECKF(fixed_scale(&got, x) == is && got == want, "%lld times %a: %lld, not %lld",
             (long long)v, x, (long long)got, (long long)want);
}

int main(void)
{
    char text[2 * DIGITS_MOST];
    int64_t v = 5;

    nasty();
    bounded();
    for (int i = 0; i < 40000; i++) {
        random_number(text);
        try_one(text);
        if (below(8) == 0 && text[0]) { /* something else in it */
            text[below((int)strlen(text))] = "+-.eE x\t"[below(8)];
            try_one(text);
        }
        try_scale();
    }
    T_CHECK(!fixed_scale(&v, NAN) && !fixed_scale(&v, INFINITY) && !fixed_scale(&v, -INFINITY));
    T_CHECK(v == 5);
    return t_done("prop_fixed");
}
