/* test_term.c - lib/base/term.c: cases by hand; then random texts against a decoder of code points
 * that is written apart, whole and cut anywhere in two as a stream is.
 */
#include "t.h"

#include "base/term.h"
#include "base/utf8.h"

static void check_clean(const char *in, size_t len, const char *keep, const char *want)
{
    char text[200];

    memcpy(text, in, len);
    size_t n = term_clean(text, len, keep);
    T_CHECKF(n == strlen(want) && memcmp(text, want, n) == 0, "'%.*s' is not '%s'", (int)n, text,
             want);
}

#define CLEAN(in, keep, want) check_clean(in, sizeof(in) - 1, keep, want)

static void test_clean(void)
{
    CLEAN("", "", "");
    CLEAN("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "",
          "plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
    CLEAN("\x1B[31m\x1B]0;title\a", "\t\n", "?[31m?]0;title?");
    CLEAN("a\0b\x7F", "\t\n", "a?b?");
    CLEAN("a\tb\nc\r\nd\re\r", "\t\n", "a\tb\nc\r\nd?e?");
    CLEAN("a\tb\nc\r\n", "", "a?b?c??");
    CLEAN("\xC2\x80\xC2\x9B"
          "1m\xC2\x9F\xC2\xA0",
          "", "??1m?\xC2\xA0");
    CLEAN("\xE2\x80\xA9\xE2\x80\xAA\xE2\x80\xAE\xE2\x80\xAF", "", "\xE2\x80\xA9??\xE2\x80\xAF");
    CLEAN("\xE2\x81\xA5\xE2\x81\xA6\xE2\x81\xA9\xE2\x81\xAA", "", "\xE2\x81\xA5??\xE2\x81\xAA");
    CLEAN("\x9B"
          "31m\xFF\xE2\x80",
          "", "?31m???");
    CLEAN("\xED\xA0\x80\xC0\x9B", "", "?????"); /* a surrogate, an overlong escape */
}

static void check_json(const char *in, size_t len, const char *want)
{
    struct buf b = {0};
    struct err e = {0};

    T_CHECK(term_add_json(&b, in, len, &e) == 0 && buf_addc(&b, '\0', &e) == 0);
    T_CHECKF(strcmp(b.p, want) == 0, "'%s' is not '%s'", b.p, want);
    buf_free(&b);
}

#define JSON(in, want) check_json(in, sizeof(in) - 1, want)

static void test_json(void)
{
    JSON("{\"a\":\t1}\r\n", "{\"a\":\t1}\r\n");
    JSON("\"\x7F\xC2\x9B\xE2\x80\xAE\xE2\x81\xA9\xFF\xC3\xA9\"",
         "\"\\u007f\\u009b\\u202e\\u2069\\ufffd\xC3\xA9\"");
    JSON("\x1B\0", "\\u001b\\u0000");
}

/* The code point at p, or -1; how many bytes it takes. */
static long decode(const unsigned char *p, size_t len, size_t *n)
{
    static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t want = p[0] < 0x80   ? 1
                  : p[0] < 0xC0 ? 0
                  : p[0] < 0xE0 ? 2
                  : p[0] < 0xF0 ? 3
                  : p[0] < 0xF8 ? 4
                                : 0;
    long c = want == 1 ? p[0] : want == 2 ? p[0] & 0x1F : want == 3 ? p[0] & 0xF : p[0] & 7;

    *n = 1;
    if (want == 0 || want > len)
        return -1;
    for (size_t i = 1; i < want; i++) {
        if (p[i] >> 6 != 2)
            return -1;
        c = c << 6 | (p[i] & 0x3F);
    }
    if (c < least[want] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return -1;
    *n = want;
    return c;
}

/* What a terminal may get of the text, written by hand. */
static size_t naive(const char *p, size_t len, char *out)
{
    size_t to = 0, n;

    for (size_t i = 0; i < len; i += n) {
        long c = decode((const unsigned char *)p + i, len - i, &n);
        bool acts = c < 0 || (c < 32 && c != '\n' && c != '\t') || (c >= 127 && c < 160) ||
                    (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
        if (acts && !(c == '\r' && i + 1 < len && p[i + 1] == '\n')) {
            out[to++] = '?';
        } else {
            memcpy(out + to, p + i, n);
            to += n;
        }
    }
    return to;
}

static size_t random_text(char *p, size_t most, unsigned long long *seed)
{
    static const char bytes[] =
        "ab\r\n\t\x1B\x7F\x80\x9B\xA6\xA9\xAA\xAE\xBF\xC2\xE0\xE2\xE2\x80\x81"
        "\xED\xF0\xF4\xFF";
    size_t len = t_rand(seed) % most;

    for (size_t i = 0; i < len; i++)
        p[i] = bytes[t_rand(seed) % sizeof bytes]; /* the NUL too */
    return len;
}

/* A stream: the first part up to what is whole, then the rest. */
static size_t in_two(const char *p, size_t len, size_t cut, char *out)
{
    size_t whole = term_whole(p, cut), n;

    T_CHECKF(whole <= cut && cut - whole <= 3, "%zu of %zu", whole, cut);
    memcpy(out, p, whole);
    n = term_clean(out, whole, "\t\n");
    memcpy(out + n, p + whole, len - whole);
    return n + term_clean(out + n, len - whole, "\t\n");
}

static void test_random(void)
{
    unsigned long long seed = 20260511;

    for (int round = 0; round < 20000; round++) {
        char text[24], want[24], got[24];
        size_t len = random_text(text, sizeof text, &seed), n = naive(text, len, want);
        size_t cut = t_rand(&seed) % (len + 1);
        size_t m = in_two(text, len, cut, got);
        T_CHECKF(m == n && memcmp(got, want, n) == 0, "round %d, cut at %zu", round, cut);
        memcpy(got, text, len);
        m = term_clean(got, len, "\t\n");
        T_CHECKF(m == n && memcmp(got, want, n) == 0, "round %d, whole", round);
    }
}

/* A piece waits for the rest of its character only where a rest may come. */
static void test_whole(void)
{
    T_CHECK(term_whole("ab", 2) == 2);
    T_CHECK(term_whole("ab\xC3", 3) == 2);
    T_CHECK(term_whole("ab\xE2\x82", 4) == 2);
    T_CHECK(term_whole("ab\xF0\x9F\x98", 5) == 2);
    T_CHECK(term_whole("ab\xE0", 3) == 2 && term_whole("ab\xF0", 3) == 2);
    T_CHECK(term_whole("ab\xE2\x82\xAC", 5) == 5);
    T_CHECK(term_whole("ab\x82\x82\x82", 5) == 5);
    T_CHECK(term_whole("ab\xFF", 3) == 3 && term_whole("ab\xC0", 3) == 3);
    T_CHECK(term_whole("\xE2\x82 ", 3) == 3);
    T_CHECK(term_whole("ab\r", 3) == 2);
    T_CHECK(term_whole("", 0) == 0);
}

int main(void)
{
    test_clean();
    test_json();
    test_whole();
    test_random();
    return t_done("term");
}
