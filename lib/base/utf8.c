/* utf8.c - see utf8.h. One table-free decoder step; runs of ASCII go eight bytes at a time.
 *
 * The well-formed sequences are those of table 3-7 of the Unicode standard: the lead byte gives the
 * length, and for four leads (E0, ED, F0, F4) the second byte has a narrower range, which is what
 * shuts out overlong forms, surrogates and values above U+10FFFF.
 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static bool is_cont(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

static bool second_ok(unsigned char lead, unsigned char c)
{
    unsigned char lo = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char hi = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;

    return c >= lo && c <= hi;
}

size_t utf8_step(const char *p, size_t len)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t n = s[0] < 0xC2 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 1;

    if (n == 1 || n > len || !second_ok(s[0], s[1]))
        return 1;
    for (size_t i = 2; i < n; i++)
        if (!is_cont(s[i]))
            return 1;
    return n;
}

/* How many ASCII bytes stand at the front of p[0..len), rounded down to a multiple of 8. */
static size_t ascii_words(const char *p, size_t len)
{
    size_t i = 0;
    uint64_t w;

    for (; len - i >= 8; i += 8) {
        memcpy(&w, p + i, 8);
        if (w & 0x8080808080808080U)
            break;
    }
    return i;
}

size_t utf8_count(const char *p, size_t len)
{
    size_t chars = 0;

    for (size_t i = 0; i < len; chars++) {
        size_t run = ascii_words(p + i, len - i);
        chars += run;
        i += run;
        if (i == len)
            break;
        i += utf8_step(p + i, len - i);
    }
    return chars;
}

size_t utf8_floor(const char *p, size_t len, size_t pos)
{
    if (pos >= len)
        return len;
    /* A lead byte is never inside another sequence, so one look back of three bytes decides. */
    for (size_t back = 1; back <= 3 && back <= pos; back++) {
        size_t at = pos - back;
        if (!is_cont((unsigned char)p[at]))
            return utf8_step(p + at, len - at) > back ? at : pos;
    }
    return pos;
}

size_t utf8_ceil(const char *p, size_t len, size_t pos)
{
    size_t at = utf8_floor(p, len, pos);

    return at == len || at == pos ? at : at + utf8_step(p + at, len - at);
}

size_t utf8_mark(const char *p, size_t len)
{
    return len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

bool utf8_hides(const char *p, size_t n)
{
    const unsigned char *s = (const unsigned char *)p;

    if (n == 1)
        return s[0] >= 0x80;
    if (n == 2)
        return s[0] == 0xC2 && s[1] < 0xA0;
    return n == 3 && ((s[0] == 0xE2 && s[1] == 0x80 && s[2] >= 0xAA && s[2] <= 0xAE) ||
                      (s[0] == 0xE2 && s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9));
}

bool utf8_valid(const char *p, size_t len)
{
    for (size_t i = 0; i < len;) {
        i += ascii_words(p + i, len - i);
        if (i == len)
            break;
        size_t n = utf8_step(p + i, len - i);
        if (n == 1 && (unsigned char)p[i] >= 0x80)
            return false;
        i += n;
    }
    return true;
}
