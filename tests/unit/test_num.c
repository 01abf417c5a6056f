/* num.c: what is a number, what is none, and the edges of what fits. A rejected string must leave
 * the value alone. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/num.h"
#include "t.h"

/* No number of any kind. */
static const char *const junk[] = {
    "",    " ",   "x",    "-",   "+",     ".",     "..",       " 1",   "1 ",    "\t1",      "1\n",
    "1 2", "--1", "+-1",  "1,5", "1_000", "1'000", "0x",       "0x10", "0X1p3", "1e",       "1e+",
    "e5",  "inf", "-inf", "nan", "NaN",   "INF",   "infinity", "1..5", "1.5.5", "\xD9\xA1", "1\xA0",
    "K",   "KB",  "B",    "iB",  "-0x1",  "0b1",   "1/2",      "1%",   "$1",
};

static void test_junk(void)
{
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        uint64_t u = 42, size = 42;
        double d = 42;
        T_CHECKF(!num_u64(junk[i], &u) && u == 42, "u64 '%s'", junk[i]);
        T_CHECKF(!num_double(junk[i], &d) && d == 42, "double '%s'", junk[i]);
        T_CHECKF(!num_size(junk[i], &size) && size == 42, "size '%s'", junk[i]);
    }
}

static void u64_is(const char *s, uint64_t want)
{
    uint64_t v = ~want;

    T_CHECKF(num_u64(s, &v) && v == want, "'%s' gave %" PRIu64, s, v);
}

static void u64_refused(const char *s)
{
    uint64_t v = 42;

    T_CHECKF(!num_u64(s, &v) && v == 42, "'%s' gave %" PRIu64, s, v);
}

static void test_u64(void)
{
    char text[32];

    u64_is("0", 0);
    u64_is("7", 7);
    u64_is("010", 10); /* no octal */
    u64_is("0000000000000000000000000000000000000000000000012", 12);
    u64_is("9223372036854775807", INT64_MAX);
    u64_is("9223372036854775808", (uint64_t)INT64_MAX + 1);
    u64_is("18446744073709551615", UINT64_MAX);
    u64_refused("18446744073709551616"); /* the addition overflows */
    u64_refused("18446744073709551620"); /* the multiplication does */
    u64_refused("18446744073709551700");
    u64_refused("99999999999999999999");
    u64_refused("100000000000000000000");
    u64_refused("184467440737095516150");
    u64_refused("340282366920938463463374607431768211456"); /* 2^128: comes round to 0 */
    u64_refused("-1");
    u64_refused("-0");
    u64_refused("+1");
    u64_refused("1.0");
    u64_refused("1e3");
    u64_refused("1K");
    u64_refused(".5");
    for (int shift = 0; shift < 64; shift++) /* both sides of each power of two */
        for (uint64_t d = 0; d < 3; d++) {
            uint64_t v = ((uint64_t)1 << shift) - 1 + d;
            snprintf(text, sizeof text, "%" PRIu64, v);
            u64_is(text, v);
        }
    for (int c = 1; c < 256; c++) { /* one wrong byte, in every place of a number */
        if (c >= '0' && c <= '9')
            continue;
        for (size_t at = 0; at < 3; at++) {
            memcpy(text, "123", 4);
            text[at] = (char)c;
            u64_refused(text);
        }
    }
}

static void double_is(const char *s, double want)
{
    double v = want + 1;

    T_CHECKF(num_double(s, &v) && v == want, "'%s' gave %.17g", s, v);
}

static void double_refused(const char *s)
{
    double v = 42;

    T_CHECKF(!num_double(s, &v) && v == 42, "'%s' gave %.17g", s, v);
}

static void test_double(void)
{
    double v = 1;

    double_is("0", 0);
    double_is("1", 1);
    double_is("+1", 1);
    double_is("-1.5", -1.5);
    double_is(".5", 0.5);
    double_is("-.5", -0.5);
    double_is("5.", 5);
    double_is("007", 7);
    double_is("0.1", 0.1);
    double_is("1e3", 1000);
    double_is("1E3", 1000);
    double_is("1e-3", 1e-3);
    double_is("+2.5e+2", 250);
    double_is("18446744073709551616", 0x1p64);
    double_is("1.7976931348623157e308", DBL_MAX);
    double_is("2.2250738585072014e-308", DBL_MIN);
    double_is("2.2250738585072011e-308", 2.2250738585072011e-308); /* fewer bits, and no zero */
    double_is("-5e-324", -0x1p-1074);
    T_CHECK(num_double("-0", &v) && v == 0 && signbit(v));
    double_refused("1e309");
    double_refused("-1e309");
    double_refused("1.8e308");
    double_refused("1e-400"); /* not 0 */
    double_refused("1e99999999999999999999");
    double_refused("1x");
    double_refused("1.5K");
    double_refused("1e5.5");
    double_refused("- 1");
    double_refused("-inf");
    double_refused("+nan");
    double_refused("0x1p3");
    double_refused("+0x10");
}

static void size_is(const char *s, uint64_t want)
{
    uint64_t v = ~want;

    T_CHECKF(num_size(s, &v) && v == want, "'%s' gave %" PRIu64, s, v);
}

static void size_refused(const char *s)
{
    uint64_t v = 42;

    T_CHECKF(!num_size(s, &v) && v == 42, "'%s' gave %" PRIu64, s, v);
}

static void test_size_units(void)
{
    static const char *const tails[] = {"", "b", "B", "ib", "iB", "Ib", "IB"};
    static const char units[] = "KkMmGgTt";
    char text[32];

    for (size_t u = 0; units[u]; u++)
        for (size_t t = 0; t < sizeof tails / sizeof *tails; t++) {
            int shift = 10 * (int)(u / 2 + 1);
            snprintf(text, sizeof text, "3%c%s", units[u], tails[t]);
            size_is(text, (uint64_t)3 << shift);
            snprintf(text, sizeof text, "0%c%s", units[u], tails[t]);
            size_is(text, 0);
            snprintf(text, sizeof text, "1.5%c%s", units[u], tails[t]);
            size_is(text, (uint64_t)3 << (shift - 1));
            snprintf(text, sizeof text, "3%c%sx", units[u], tails[t]);
            size_refused(text);
            snprintf(text, sizeof text, "3 %c%s", units[u], tails[t]);
            size_refused(text);
            snprintf(text, sizeof text, "-3%c%s", units[u], tails[t]);
            size_refused(text);
        }
    for (int c = 1; c < 256; c++) { /* no other letter is a unit */
        if ((c >= '0' && c <= '9') || strchr("KkMmGgTtBb", c))
            continue;
        snprintf(text, sizeof text, "3%c", c);
        size_refused(text);
        snprintf(text, sizeof text, "3%cB", c);
        size_refused(text);
    }
}

static void test_size(void)
{
    size_is("0", 0);
    size_is("64", 64);
    size_is("64B", 64);
    size_is("64b", 64);
    size_is("010K", 10240);
    size_is("0000000000000000000000000000000000000000000000002K", 2048);
    size_is("18446744073709551615", UINT64_MAX);
    size_is("18014398509481983K", 18014398509481983U * 1024);
    size_is("17592186044415M", 17592186044415U << 20);
    size_is("17179869183G", (uint64_t)17179869183 << 30);
    size_is("16777215T", (uint64_t)16777215 << 40);
    size_refused("18446744073709551616");
    size_refused("18014398509481984K");
    size_refused("17592186044416M");
    size_refused("17179869184G");
    size_refused("16777216T");
    size_refused("16777216.0T");
    size_refused("99999999999999999999999999999999999999999999");
    size_refused("99999999999999999999999999999999999999999999.5K");
}

static void test_size_fractions(void)
{
    char text[40];

    size_is("0.5K", 512);
    size_is("1.0K", 1024);
    size_is("1.50G", 3ULL << 29);
    size_is("0.0009765625K", 1);
    size_is("0.0009765624K", 0); /* down */
    size_is("1.9999K", 2047);
    size_is("0.99999999999999999999999999T", (1ULL << 40) - 1);
    size_is("0.1M", 104857);
    size_is("16777215.5T", ((uint64_t)16777215 << 40) + (1ULL << 39));
    size_is("16777215.999999999999999T", UINT64_MAX);
    size_is("9007199254740993.5K", 9007199254740993U * 1024 + 512); /* beyond a double */
    for (int eighths = 0; eighths < 1000; eighths++) { /* exact where the decimals are */
        snprintf(text, sizeof text, "7.%03dK", eighths);
        size_is(text, 7 * 1024 + (uint64_t)eighths * 1024 / 1000);
    }
    size_refused(".5K");
    size_refused("1.K");
    size_refused("1.");
    size_refused("1.5"); /* half a byte */
    size_refused("1.5B");
    size_refused("1.0B");
    size_refused("1.5e3K"); /* no exponents */
    size_refused("1e3");
    size_refused("1e3K");
    size_refused("1.5e3");
    size_refused("1.5x");
    size_refused("1.-5K");
    size_refused("1.5.5K");
    size_refused("1.0x5K");
    size_refused("5i");
    size_refused("5iB");
    size_refused("5Ki");
    size_refused("5KK");
    size_refused("5BK");
    size_refused("5BB");
    size_refused("5KiBB");
    size_refused("5P");
    size_refused("+5K");
    size_refused("-5");
    size_refused("-0");
    size_refused("inf");
    size_refused("0x10K");
}

static void human_is(uint64_t v, const char *want)
{
    char p[NUM_HUMAN];

    T_CHECKF(num_human_bytes(v, p) == p && strcmp(p, want) == 0, "%" PRIu64 " gave '%s'", v, p);
}

static void test_human(void)
{
    human_is(0, "0 B");
    human_is(1, "1 B");
    human_is(1023, "1023 B");
    human_is(1024, "1.0 KiB");
    human_is(1536, "1.5 KiB");
    human_is(1048524, "1023.9 KiB");
    human_is(1048525, "1.0 MiB"); /* never "1024.0 KiB" */
    human_is(1048576, "1.0 MiB");
    human_is(1610612736, "1.5 GiB");
    human_is((uint64_t)1 << 40, "1.0 TiB");
    human_is((uint64_t)1 << 50, "1.0 PiB");
    human_is((uint64_t)1 << 60, "1.0 EiB");
    human_is(UINT64_MAX, "16.0 EiB");
}

int main(void)
{
    test_junk();
    test_u64();
    test_double();
    test_size_units();
    test_size();
    test_size_fractions();
    test_human();
    return t_done("num");
}
