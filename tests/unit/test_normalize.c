/* normalize.c: a table of cases; every letter of the blocks against the C library; random and nasty
 * bytes against a slow oracle that rewrites one character at a time until nothing changes; a
 * normalised text is its own normal form. */
#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <wctype.h>

#include "base/utf8.h"
#include "text/normalize.h"
#include "t.h"

static void check(const char *in, size_t in_len, const char *want, size_t want_len)
{
    struct buf out = {0};
    struct err e = {0};

    T_CHECK(text_normalize(TEXT_GPT3, in, in_len, &out, &e) == 0);
    T_CHECKF(out.len == want_len && (want_len == 0 || memcmp(out.p, want, want_len) == 0),
             "'%.*s' gave '%.*s', not '%.*s'", (int)in_len, in, (int)out.len, out.p ? out.p : "",
             (int)want_len, want);
    buf_free(&out);
}

static void test_table(void)
{
    static const struct {
        const char *in, *want;
    } cases[] = {
        {"", ""},
        {" ", ""},
        {" \t\n\v\f\r ", ""},
        {"...", ""},
        {"Hello, World!", "hello world"},
        {"  a \t\n b  ", "a b"},
        {"a . b", "a b"},
        {". a .", "a"},
        {"a.b", "ab"},
        {"don't", "dont"},
        {"$1,234.50 (50%)", "123450 50"},
        {"ABCXYZ abcxyz 0189", "abcxyz abcxyz 0189"},
        {"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~x", "x"},
        {"\x01\x08\x0e\x1f\x7f", "\x01\x08\x0e\x1f\x7f"}, /* controls are no white space */
        /* Latin-1: capitals, what has no capital, multiplication and division signs */
        {"ÀÖØÞ àöøþÿß ×÷", "àöøþ àöøþÿß ×÷"},
        /* Latin Extended-A, the irregular ones too */
        {"ĀįŃŊŽŸİ", "āįńŋžÿi"},
        {"ıĸŉſ", "ıĸŉſ"},
        {"ŽluŤOUČKÝ KůŇ", "žluťoučký kůň"},
        {"ΑΩ ΆΈΎΏ Σς ϴϷϹϺͿ", "αω άέύώ σς θϸϲϻϳ"},
        {"АЯЀЏ ѢҐӀӁӐԮ", "аяѐџ ѣґӏӂӑԯ"},
        /* punctuation outside ASCII; letters and numbers among it stay */
        {"¿Qué? ¡No! «a» · ¶§", "qué no a"},
        {"ªº µ ¹²³ ¼½¾", "ªº µ ¹²³ ¼½¾"},
        {"“a” ‘b’ — c… d‐e\u205E", "a b c de"},
        {"a\u00ADb", "ab"},
        /* white space outside ASCII */
        {"a\xC2\x85"
         "b\u00A0c\u2000d\u200Be\u2028f\u2029g\u202Fh\u3000i",
         "a b c d e f g h i"},
        {"\u3000\u00A0a \u2003 b\u00A0", "a b"},
        /* not in the rule: these stay */
        {"日本語。ＡＢ €5 \u200C\u205F\u2060", "日本語。ＡＢ €5 \u200C\u205F\u2060"},
        {"\U0001F600 \U00010400", "\U0001F600 \U00010400"},
        /* not UTF-8: stray, overlong, surrogate, cut short, too large */
        {"\x80"
         "A\xFF",
         "\x80"
         "a\xFF"},
        {"\xC1\x81 B", "\xC1\x81 b"},
        {"\xC0\xAE.", "\xC0\xAE"},
        {"\xED\xA0\x80", "\xED\xA0\x80"},
        {"\xF4\x90\x80\x80!", "\xF4\x90\x80\x80"},
        {"X\xE2\x80", "x\xE2\x80"},
        {"\xE2\x80 \x94", "\xE2\x80 \x94"},
        {"\xC3", "\xC3"},
        /* stray bytes that dropped characters bring together */
        {"\xC3.\x80", "à"},
        {"a\xC2.\xA0.b", "a b"},
        {"a\xC2-\xA1"
         "b",
         "ab"},
        {"a \xE2.\x80\u2014\x94 b", "a b"},
        {"\xC2.\xA0", ""},
        {"\xC3\xC2.\xA1\x80", "à"},
        {"\xF0.\x9F.\x98.\x80", "\U0001F600"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i].in, strlen(cases[i].in), cases[i].want, strlen(cases[i].want));
    check("A\0.B\0 ", 6, "a\0b\0", 4);
}

/* Appends, and leaves what was there alone. */
static void test_append(void)
{
    struct buf out = {0};
    struct err e = {0};

    T_CHECK(text_normalize(TEXT_GPT3, NULL, 0, &out, &e) == 0 && out.len == 0);
    T_CHECK(text_normalize(TEXT_NONE, "A, ", 3, &out, &e) == 0);
    T_CHECK(text_normalize(TEXT_GPT3, " B! ", 4, &out, &e) == 0);
    T_CHECK(text_normalize(TEXT_NONE, "\xC3", 1, &out, &e) == 0);
    T_CHECK(text_normalize(TEXT_GPT3, "\x80", 1, &out, &e) == 0);
    T_CHECK(out.len == 6 && memcmp(out.p, "A, b\xC3\x80", 6) == 0);
    buf_free(&out);
    T_CHECK(strcmp(text_rule_name(TEXT_NONE), "none") == 0);
    T_CHECK(strcmp(text_rule_name(TEXT_GPT3), "gpt3") == 0);
}

/* ---- the oracle: code points, one at a time ---- */

static uint32_t code_point(const char *p, size_t n)
{
    const unsigned char *s = (const unsigned char *)p;

    if (n == 1)
        return s[0];
    if (n == 2)
        return (s[0] & 31U) << 6 | (s[1] & 63U);
    if (n == 3)
        return (s[0] & 15U) << 12 | (s[1] & 63U) << 6 | (s[2] & 63U);
    return (s[0] & 7U) << 18 | (s[1] & 63U) << 12 | (s[2] & 63U) << 6 | (s[3] & 63U);
}

static size_t encode(uint32_t c, char *p)
{
    if (c < 0x80) {
        p[0] = (char)c;
        return 1;
    }
    p[0] = (char)(0xC0 | c >> 6);
    p[1] = (char)(0x80 | (c & 63));
    return 2;
}

static bool has_case(uint32_t c)
{
    return c < 0x80 || (c >= 0xC0 && c < 0x180) || (c >= 0x370 && c < 0x530);
}

static bool white(uint32_t c)
{
    static const uint32_t list[] = {9,      10,     11,     12,     13,     32,     0x85,   0xA0,
                                    0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007,
                                    0x2008, 0x2009, 0x200A, 0x200B, 0x2028, 0x2029, 0x202F, 0x3000};

    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i] == c)
            return true;
    return false;
}

static bool punctuation(uint32_t c)
{
    if (c < 0x80)
        return c > 32 && c < 127 && !iswalnum((wint_t)c);
    if (c >= 0xA1 && c <= 0xBF)
        return c != 0xAA && c != 0xB2 && c != 0xB3 && c != 0xB5 && c != 0xB9 && c != 0xBA &&
               (c < 0xBC || c > 0xBE);
    return c >= 0x2010 && c <= 0x205E && !white(c);
}

/* One pass without a memory of what it dropped. Returns the new length. */
static size_t rewrite(const char *in, size_t len, char *out)
{
    size_t n = 0;

    for (size_t i = 0, step; i < len; i += step) {
        uint32_t c;
        step = utf8_step(in + i, len - i);
        c = code_point(in + i, step);
        if (step == 1 && c >= 0x80) {
            out[n++] = in[i];
        } else if (white(c)) {
            if (n > 0 && out[n - 1] != ' ')
                out[n++] = ' ';
        } else if (punctuation(c)) {
            continue;
        } else if (has_case(c)) {
            n += encode((uint32_t)towlower((wint_t)c), out + n);
        } else {
            memcpy(out + n, in + i, step);
            n += step;
        }
    }
    return n > 0 && out[n - 1] == ' ' ? n - 1 : n;
}

static size_t oracle(const char *in, size_t len, char *out)
{
    char *a = malloc(len + 1), *b = malloc(len + 1);
    size_t n = len, m;

    memcpy(a, in, len);
    while ((m = rewrite(a, n, b)) != n || memcmp(a, b, n) != 0) {
        char *swap = a;
        a = b;
        b = swap;
        n = m;
    }
    memcpy(out, a, n);
    free(a);
    free(b);
    return n;
}

/* Every character below U+3100, alone and between two letters, against the oracle. */
static void test_every_character(void)
{
    for (uint32_t c = 0x80; c < 0x3100; c++) {
        char in[8] = "P", want[8];
        size_t n = 1;
        if (c < 0x800) {
            n += encode(c, in + n);
        } else {
            in[n++] = (char)(0xE0 | c >> 12);
            in[n++] = (char)(0x80 | (c >> 6 & 63));
            in[n++] = (char)(0x80 | (c & 63));
        }
        in[n++] = 'q';
        check(in, n, want, oracle(in, n, want));
    }
}

/* Bytes of many kinds, the awkward ones often. */
static size_t random_text(unsigned long long *seed, char *p, size_t max)
{
    static const char *const pieces[] = {".",          " ",       "\t",     "A",    "z",    "\xC3",
                                         "\x80",       "\xA0",    "\xC2",   "\xE2", "\x94", "\xF0",
                                         "\x9F",       "\x98",    "É",      "İ",    "Ω",    "Ж",
                                         "\u2014",     "\u00A0",  "\u3000", "ß",    "\xED", "\xFF",
                                         "\U0001F600", "the Cat", "\u00A1", "\0"};
    size_t n = 0, want = (size_t)(t_rand(seed) >> 33) % max;
    unsigned kind = (unsigned)(t_rand(seed) >> 40) % 3;

    while (n < want) {
        unsigned long long r = t_rand(seed) >> 33;
        const char *piece = pieces[r % (sizeof pieces / sizeof *pieces)];
        size_t len = *piece ? strlen(piece) : 1;
        if (kind == 0 || n + len > want) {
            p[n++] = (char)(r >> 8);
        } else if (kind == 1) { /* dropped characters and stray bytes only */
            p[n++] = "\xE2.\x80,\x94\xC3 \xC2\xA0-"[r % 10];
        } else {
            memcpy(p + n, piece, len);
            n += len;
        }
    }
    return n;
}

static void test_random(void)
{
    enum { MAX = 300 };
    char in[MAX], want[MAX];

    for (unsigned long long i = 1; i <= 20000; i++) {
        unsigned long long seed = i * 0x9E3779B97F4A7C15ULL;
        size_t len = random_text(&seed, in, MAX), want_len = oracle(in, len, want);
        struct buf once = {0}, twice = {0};
        struct err e = {0};
        bool ok = text_normalize(TEXT_GPT3, in, len, &once, &e) == 0 && once.len == want_len &&
                  (want_len == 0 || memcmp(once.p, want, want_len) == 0);
        T_CHECKF(ok, "round %llu, %zu bytes", i, len);
        ok = text_normalize(TEXT_GPT3, once.p, once.len, &twice, &e) == 0 &&
             twice.len == once.len && (once.len == 0 || memcmp(once.p, twice.p, once.len) == 0);
        T_CHECKF(ok, "round %llu: not its own normal form", i);
        buf_free(&once);
        buf_free(&twice);
    }
}

int main(void)
{
    /* for towlower(); glibc has this locale built in since 2.35 */
    T_CHECK(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
    test_table();
    test_append();
    test_every_character();
    test_random();
    return t_done("normalize");
}
