/* test_decimal - numbers as text, against the C library: read right, written short and right. */
#include <float.h>
#include <math.h>
#include <stdint.h>

#include "t.h"
#include "vec/decimal.h"

static uint32_t bits_of(float v)
{
    uint32_t u;

    memcpy(&u, &v, 4);
    return u;
}

static float of_bits(uint32_t u)
{
    float v;

    memcpy(&v, &u, 4);
    return v;
}

static void reads(const char *s)
{
    float got = -1, want = strtof(s, NULL);
    const char *end = decimal_get_f32(s, &got);

    T_CHECKF(end && *end == '\0' && bits_of(got) == bits_of(want), "%s: %.9g", s, (double)got);
}

static void refuses(const char *s, size_t taken)
{
    float v;
    const char *end = decimal_get_f32(s, &v);

    T_CHECKF(taken ? end == s + taken : !end, "%s", s);
}

/* The number of digits that %e needs to come back equal. */
static int digits_needed(float v)
{
    char s[40];

    for (int n = 1;; n++) {
        snprintf(s, sizeof s, "%.*e", n - 1, (double)v);
        if (strtof(s, NULL) == v)
            return n;
    }
}

static int digits_in(const char *s)
{
    int n = 0, zeros = 0;

    for (; *s && *s != 'e'; s++) {
        if (*s < '0' || *s > '9' || (n == 0 && *s == '0'))
            continue;
        zeros = *s == '0' ? zeros + 1 : 0;
        n++;
    }
    return n - zeros; /* at the end they say nothing, but where they are a fraction's */
}

static void writes(float v)
{
    char s[DECIMAL_MAX];
    float back = 0;

    *decimal_put_f32(s, v) = '\0';
    T_CHECKF(bits_of(strtof(s, NULL)) == bits_of(v), "%a: %s", (double)v, s);
    T_CHECKF(decimal_get_f32(s, &back) && bits_of(back) == bits_of(v), "%s", s);
    T_CHECKF(v == 0 || digits_in(s) <= digits_needed(v), "%a: %s", (double)v, s);
    T_CHECKF(strlen(s) <= 16, "%s", s);
}

static void spells(float v, const char *want)
{
    char s[DECIMAL_MAX];

    *decimal_put_f32(s, v) = '\0';
    T_CHECKF(strcmp(s, want) == 0, "%s, not %s", s, want);
}

/* Just below, at and just above the middle of two neighbours. */
static void reads_middles(float v)
{
    double middle = ((double)v + (double)nextafterf(v, INFINITY)) / 2;
    char s[400];

    snprintf(s, sizeof s, "%.160g", middle);
    reads(s);
    snprintf(s, sizeof s, "%.160e1", middle); /* an exponent that goes on: far away */
    reads(s);
    snprintf(s, sizeof s, "%.200f0000000001", middle);
    reads(s);
    snprintf(s, sizeof s, "%.17g", nextafter(middle, 0));
    reads(s);
    snprintf(s, sizeof s, "%.17g", nextafter(middle, INFINITY));
    reads(s);
    snprintf(s, sizeof s, "%.15g", middle);
    reads(s);
}

static void random_numbers(void)
{
    unsigned long long seed = 7;
    char s[60];

    for (int i = 0; i < 20000; i++) {
        float v = of_bits((uint32_t)t_rand(&seed));
        if (!isfinite(v))
            continue;
        writes(v);
        v = ldexpf((float)(t_rand(&seed) % (1 << 24)), (int)(t_rand(&seed) % 40) - 30);
        writes(v);
        if (v > 0)
            reads_middles(v);
        snprintf(s, sizeof s, "%s%llu.%llue%d", i & 1 ? "-" : "", t_rand(&seed) >> (i % 64),
                 t_rand(&seed) >> (i / 7 % 64), (int)(t_rand(&seed) % 100) - 60);
        reads(s);
    }
}

static void integers(void)
{
    int32_t v = 0;
    char s[DECIMAL_MAX];
    static const int32_t all[] = {0, 1, -1, 9, 10, -10, INT32_MAX, INT32_MIN, 100, 99};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        *decimal_put_i32(s, all[i]) = '\0';
        T_CHECK(atoi(s) == all[i]);
        T_CHECK(decimal_get_i32(s, &v) == s + strlen(s) && v == all[i]);
    }
    T_CHECK(decimal_get_i32("+7,", &v) && v == 7);
    T_CHECK(!decimal_get_i32("2147483648", &v) && !decimal_get_i32("-2147483649", &v));
    T_CHECK(!decimal_get_i32("99999999999999999999", &v) && !decimal_get_i32("", &v));
    T_CHECK(!decimal_get_i32("-", &v) && !decimal_get_i32("1.0", &v) &&
            !decimal_get_i32("1e3", &v) && !decimal_get_i32("x", &v));
}

int main(void)
{
    static const char *const good[] = {"0",
                                       "-0",
                                       "+1",
                                       "1.",
                                       ".5",
                                       "-.5e1",
                                       "1e5",
                                       "1E-5",
                                       "1e+5",
                                       "007",
                                       "0.1",
                                       "16777217",
                                       "16777219",
                                       "3.4028235e38",
                                       "3.4028236e38",
                                       "3.40282357e38",
                                       "3.5e38",
                                       "-1e39",
                                       "1e400",
                                       "1e-45",
                                       "7e-46",
                                       "7.1e-46",
                                       "1e-400",
                                       "1.17549435e-38",
                                       "1.1754942e-38",
                                       "1e22",
                                       "1e23",
                                       "123456789012345678901234567890",
                                       "0.000000000000000000000000000001",
                                       "9007199254740993",
                                       "1e99999999999",
                                       "1e-99999999999",
                                       "0e99999999999",
                                       "0.00000000000000000000000000000000000",
                                       "340282346638528859811704183484516925440",
                                       "1.00000005960464477539062500000000001"};
    uint32_t u;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        reads(good[i]);
    refuses("", 0), refuses("-", 0), refuses(".", 0), refuses("e5", 0), refuses("x", 0);
    refuses("-.e1", 0), refuses("0x10", 1), refuses("1e", 1), refuses("1e+", 1), refuses("1,2", 1);
    refuses("nano", 3), refuses("-Infinity", 9), refuses("inf ", 3), refuses("in", 0);
    refuses("--1", 0), refuses(" 1", 0);
    for (u = 0; u < 0x7f800000; u += 0x800000) /* every power of two and its neighbours */
        for (int k = -1; k <= 1; k++)
            if (u || k >= 0)
                writes(of_bits(u + (uint32_t)k));
    for (u = 0; u < 3000; u++)
        writes((float)u), writes(-(float)u / 8), writes(of_bits(u));
    spells(0, "0"), spells(-0.0f, "-0"), spells(1, "1"), spells(0.1f, "0.1"),
        spells(1e9f, "1000000000");
    spells(1e10f, "1e10"), spells(-1.5e-7f, "-1.5e-7"), spells(0.00001f, "0.00001");
    spells(FLT_MAX, "3.4028235e38"), spells(16777216, "16777216"), spells(120, "120");
    spells(255.5f, "255.5"), spells(1e-45f, "1e-45"), spells(FLT_MIN, "1.1754944e-38");
    random_numbers();
    integers();
    return t_done("test_decimal");
}
