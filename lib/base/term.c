/* term.c - see term.h. A character at a time; runs of plain ASCII are passed over. */
#include "base/term.h"

#include <string.h>

#include "base/utf8.h"

static bool is_ascii_control(unsigned char c)
{
    return c < 0x20 || c == 0x7F;
}

/* Would the character p[0..n) act? */
static bool acts(const char *p, size_t n)
{
    return (n == 1 && is_ascii_control((unsigned char)p[0])) || utf8_hides(p, n);
}

/* The first place of p[0..len), from i on, where a character acts; len if there is none. *n is its
 * length. */
static size_t next_acting(const char *p, size_t i, size_t len, size_t *n)
{
    while (i < len) {
        unsigned char c = (unsigned char)p[i];
        *n = c < 0x80 ? 1 : utf8_step(p + i, len - i);
        if ((c >= 0x80 || is_ascii_control(c)) && acts(p + i, *n))
            return i;
        i += *n;
    }
    return len;
}

static bool kept(const char *p, size_t i, size_t len, const char *keep)
{
    if (p[i] == '\r')
        return i + 1 < len && p[i + 1] == '\n' && strchr(keep, '\n');
    return p[i] != '\0' && strchr(keep, p[i]);
}

size_t term_clean(char *p, size_t len, const char *keep)
{
    size_t to = 0, from = 0, n = 0;

    for (size_t at; from < len; from = at + n) {
        at = next_acting(p, from, len, &n);
        memmove(p + to, p + from, at - from);
        to += at - from;
        if (at == len)
            break;
        bool stays = kept(p, at, len, keep);
        p[to++] = stays ? p[at] : '?';
    }
    return to;
}

/* The code point of a character that acts; all have at most three bytes. */
static unsigned code_point(const char *p, size_t n)
{
    const unsigned char *s = (const unsigned char *)p;

    if (n == 1)
        return s[0] < 0x80 ? s[0] : 0xFFFD;
    return n == 2 ? (s[0] & 0x1FU) << 6 | (s[1] & 0x3FU)
                  : (s[0] & 0xFU) << 12 | (s[1] & 0x3FU) << 6 | (s[2] & 0x3FU);
}

int term_add_json(struct buf *out, const char *p, size_t len, struct err *e)
{
    size_t from = 0, n = 0;

    for (size_t at; from < len; from = at + n) {
        at = next_acting(p, from, len, &n);
        if (buf_add(out, p + from, at - from, e) < 0)
            return e->code;
        if (at == len)
            break;
        bool stays = p[at] != '\0' && strchr("\t\n\r", p[at]);
        if (stays ? buf_addc(out, p[at], e) < 0
                  : buf_printf(out, e, "\\u%04x", code_point(p + at, n)) < 0)
            return e->code;
    }
    return 0;
}

size_t term_whole(const char *p, size_t len)
{
    static const char rest[] = "\x80\x80\x80"; /* does it become one character with more? */
    char last[6];

    if (len > 0 && p[len - 1] == '\r')
        return len - 1;
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char lead = (unsigned char)p[len - back];
        if (lead < 0x80)
            break;
        if (lead < 0xC0)
            continue;
        /* E0 and F0 want a second byte above 0x80: A0, 90 suit them. */
        memcpy(last, p + len - back, back);
        memcpy(last + back, rest, 3);
        if (back == 1)
            last[1] = (char)(lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80);
        return utf8_step(last, back + 3) > back ? len - back : len;
    }
    return len;
}
