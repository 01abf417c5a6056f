/* test_utf8.c - lib/base/utf8.c against a decoder that goes by the value of the character, over all
 * sequences of up to three bytes, and by a list of boundaries made from the front. */
#include "t.h"

#include "base/utf8.h"

/* Decodes by arithmetic and asks whether the value needed that many bytes. */
static size_t naive_step(const unsigned char *p, size_t len)
{
    static const unsigned long smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = (p[0] & 0xE0) == 0xC0   ? 2
               : (p[0] & 0xF0) == 0xE0 ? 3
               : (p[0] & 0xF8) == 0xF0 ? 4
                                       : 1;
    unsigned long c = p[0] & (0xFFU >> (n + 1));

    if (n == 1 || n > len)
        return 1;
    for (size_t i = 1; i < n; i++) {
        if (p[i] >> 6 != 2)
            return 1;
        c = c * 64 + (p[i] & 63);
    }
    return c < smallest[n] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 1 : n;
}

static int differs(const unsigned char *p, size_t len)
{
    return utf8_step((const char *)p, len) != naive_step(p, len);
}

static void test_all_sequences(void)
{
    unsigned long wrong = 0;

    for (unsigned v = 0; v < 1U << 24; v++) {
        unsigned char p[3] = {(unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v};
        wrong += (unsigned long)differs(p, 3);
        if ((v & 0xFF) == 0)
            wrong += (unsigned long)differs(p, 2);
        if ((v & 0xFFFF) == 0)
            wrong += (unsigned long)differs(p, 1);
    }
    T_CHECKF(wrong == 0, "%lu sequences of up to 3 bytes", wrong);
    wrong = 0;
    for (unsigned v = 0; v < 1U << 20; v++) { /* leads F0-FF, the last two bytes near the edges */
        static const unsigned char edges[16] = {0,    0x3F, 0x40, 0x7F, 0x80, 0x81, 0x8F, 0x90,
                                                0x9F, 0xA0, 0xBE, 0xBF, 0xC0, 0xC2, 0xF0, 0xFF};
        unsigned char p[4] = {(unsigned char)(0xF0 | v >> 16), (unsigned char)(v >> 8),
                              edges[v >> 4 & 15], edges[v & 15]};
        wrong += (unsigned long)differs(p, 4);
    }
    T_CHECKF(wrong == 0, "%lu sequences of 4 bytes", wrong);
}

static size_t random_text(unsigned long long *seed, char *p)
{
    static const char *const pieces[] = {
        "a",        "plain ascii text", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
        "\xE2\x82", "\xF0\x9F\x98",     "\x80",     "\xED\xA0\x80", "\xC0\x80",
        "\xFF"};
    size_t n = t_rand(seed) % 20, len = 0;

    for (size_t i = 0; i < n; i++) {
        const char *piece = pieces[t_rand(seed) % (sizeof pieces / sizeof *pieces)];
        memcpy(p + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return len;
}

static void check_text(const char *p, size_t len, unsigned long long seed)
{
    char boundary[512] = {0};
    size_t chars = 0, last = 0, next = len;
    int valid = 1;

    for (size_t i = 0; i < len; chars++) {
        size_t n = naive_step((const unsigned char *)p + i, len - i);
        boundary[i] = 1;
        valid = valid && (n > 1 || (unsigned char)p[i] < 0x80);
        i += n;
    }
    boundary[len] = 1;
    T_CHECKF(utf8_count(p, len) == chars, "seed %llu", seed);
    T_CHECKF(utf8_valid(p, len) == valid, "seed %llu", seed);
    for (size_t i = 0; i <= len; i++) {
        last = boundary[i] ? i : last;
        T_CHECKF(utf8_floor(p, len, i) == last, "seed %llu at %zu", seed, i);
    }
    for (size_t i = len + 1; i-- > 0;) {
        next = boundary[i] ? i : next;
        T_CHECKF(utf8_ceil(p, len, i) == next, "seed %llu at %zu", seed, i);
    }
    T_CHECK(utf8_floor(p, len, len + 9) == len && utf8_ceil(p, len, len + 9) == len);
}

int main(void)
{
    char p[512];

    test_all_sequences();
    for (unsigned long long i = 1; i <= 3000; i++) {
        unsigned long long seed = i * 7919;
        check_text(p, random_text(&seed, p), i);
    }
    return t_done("utf8");
}
