/* normalize.c - see normalize.h. One pass, one table look-up a byte for ASCII; other characters are
 * decoded, looked up in a short table of ranges, and encoded again.
 *
 * Lower case is Unicode's simple mapping (UnicodeData.txt, field 13) of the blocks Latin-1
 * Supplement, Latin Extended-A, Greek and Coptic, Cyrillic, Cyrillic Supplement. Of U+00A1-U+00BF
 * the letters and numbers stay, as they do in ASCII: feminine and masculine ordinal, micro sign,
 * superscript one to three, quarter, half, three quarters.
 *
 * No character grows, so the output is never longer than the input, and one reservation is enough.
 *
 * Dropping a character can bring stray bytes together that are then a character: C3 '.' 80 gives
 * C3 80, a capital A with grave. Such a character falls under the rule as if it had stood there:
 * only so is a normalised text its own normal form. Each byte is taken back at most once, so the
 * cost stays linear.
 */
#include "text/normalize.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* What happens to a byte of ASCII. LOWER is also what it adds. */
enum { KEEP = 0, DROP = 1, SPACE = 2, LOWER = 'a' - 'A' };

#define K KEEP
#define D DROP
#define S SPACE
#define L LOWER
static const uint8_t ascii_class[128] = {
    K, K, K, K, K, K, K, K, K, S, S, S, S, S, K, K, /* controls */
    K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, /* controls */
    S, D, D, D, D, D, D, D, D, D, D, D, D, D, D, D, /*   ! " # $ % & ' ( ) * + , - . / */
    K, K, K, K, K, K, K, K, K, K, D, D, D, D, D, D, /* 0-9 : ; < = > ? */
    D, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, /* @ A-O */
    L, L, L, L, L, L, L, L, L, L, L, D, D, D, D, D, /* P-Z [ \ ] ^ _ */
    D, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, /* ` a-o */
    K, K, K, K, K, K, K, K, K, K, K, D, D, D, D, K, /* p-z { | } ~ DEL */
};
#undef K
#undef D
#undef S
#undef L

/* Capitals first, first + step, ... last; their small letters lie `delta` further. */
static const struct capitals {
    uint16_t first, last;
    int16_t delta;
    uint8_t step;
} capitals[] = {
    {0x00C0, 0x00D6, 32, 1},   {0x00D8, 0x00DE, 32, 1},   {0x0100, 0x012E, 1, 2},
    {0x0130, 0x0130, -199, 1}, {0x0132, 0x0136, 1, 2},    {0x0139, 0x0147, 1, 2},
    {0x014A, 0x0176, 1, 2},    {0x0178, 0x0178, -121, 1}, {0x0179, 0x017D, 1, 2},
    {0x0370, 0x0372, 1, 2},    {0x0376, 0x0376, 1, 1},    {0x037F, 0x037F, 116, 1},
    {0x0386, 0x0386, 38, 1},   {0x0388, 0x038A, 37, 1},   {0x038C, 0x038C, 64, 1},
    {0x038E, 0x038F, 63, 1},   {0x0391, 0x03A1, 32, 1},   {0x03A3, 0x03AB, 32, 1},
    {0x03CF, 0x03CF, 8, 1},    {0x03D8, 0x03EE, 1, 2},    {0x03F4, 0x03F4, -60, 1},
    {0x03F7, 0x03F7, 1, 1},    {0x03F9, 0x03F9, -7, 1},   {0x03FA, 0x03FA, 1, 1},
    {0x03FD, 0x03FF, -130, 1}, {0x0400, 0x040F, 80, 1},   {0x0410, 0x042F, 32, 1},
    {0x0460, 0x0480, 1, 2},    {0x048A, 0x04BE, 1, 2},    {0x04C0, 0x04C0, 15, 1},
    {0x04C1, 0x04CD, 1, 2},    {0x04D0, 0x052E, 1, 2},
};

static uint32_t lower(uint32_t c)
{
    size_t lo = 0, hi = sizeof capitals / sizeof *capitals;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const struct capitals *r = &capitals[mid];
        if (c > r->last)
            lo = mid + 1;
        else if (c < r->first)
            hi = mid;
        else
            return (c - r->first) % r->step == 0 ? (uint32_t)((int32_t)c + r->delta) : c;
    }
    return c;
}

static bool is_space(uint32_t c)
{
    return c == 0x85 || c == 0xA0 || (c >= 0x2000 && c <= 0x200B) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x3000;
}

static bool is_punctuation(uint32_t c)
{
    if (c < 0xA1 || c > 0xBF)
        return c >= 0x2010 && c <= 0x205E;
    return !strchr("\xAA\xB2\xB3\xB5\xB9\xBA\xBC\xBD\xBE", (int)c);
}

/* The code point of the well-formed sequence of n = 2..4 bytes. */
static uint32_t decode(const char *p, size_t n)
{
    uint32_t c = (unsigned char)*p & (0xFFU >> (n + 1));

    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)p[i] & 0x3F);
    return c;
}

/* The output of one call, w[0..n). A space stands at its end only until the next byte or the end
 * of the text. */
struct sink {
    char *w;
    size_t n;
};

static void put_space(struct sink *s)
{
    if (s->n > 0 && s->w[s->n - 1] != ' ')
        s->w[s->n++] = ' ';
}

/* The character p[0..n) of n = 2..4 bytes, which may lie in the output, just past its end. */
static void put_char(struct sink *s, const char *p, size_t n)
{
    uint32_t c = decode(p, n), small;

    if (is_space(c)) {
        put_space(s);
        return;
    }
    if (is_punctuation(c))
        return;
    small = lower(c);
    if (small == c) {
        memmove(s->w + s->n, p, n);
        s->n += n;
    } else if (small < 0x80) {
        s->w[s->n++] = (char)small;
    } else { /* all the others lie below U+0800 */
        s->w[s->n++] = (char)(0xC0 | small >> 6);
        s->w[s->n++] = (char)(0x80 | (small & 0x3F));
    }
}

/* A byte that is no UTF-8 where it stands; it may complete a character in the output. One of 4
 * bytes would stay as it is. */
static void put_stray(struct sink *s, char byte)
{
    s->w[s->n++] = byte;
    for (size_t n = 2; n <= 3 && n <= s->n; n++) {
        if (utf8_step(s->w + s->n - n, n) == n) {
            s->n -= n;
            put_char(s, s->w + s->n, n);
            return;
        }
    }
}

/* The ASCII at the front of p[0..len). Returns its length. No branch depends on what the bytes are
 * but the one that ends the run. */
static size_t put_ascii(struct sink *s, const char *p, size_t len)
{
    char *w = s->w;
    size_t n = s->n, i;
    unsigned after_space = n == 0 || w[n - 1] == ' ';

    for (i = 0; i < len && !(p[i] & 0x80); i++) {
        unsigned kind = ascii_class[(unsigned char)p[i]];
        unsigned space = kind / SPACE & 1, drop = kind & DROP;
        w[n] = (char)(((unsigned char)p[i] & (space - 1)) + (kind & LOWER) + space * ' ');
        n += (drop | (space & after_space)) ^ 1;
        after_space = space | (drop & after_space);
    }
    s->n = n;
    return i;
}

static int gpt3(const char *p, size_t len, struct buf *out, struct err *e)
{
    struct sink s;

    if (len == 0)
        return 0;
    if (buf_reserve(out, len, e) < 0)
        return e->code;
    s = (struct sink){out->p + out->len, 0};
    for (size_t i = 0; i < len;) {
        size_t n;
        i += put_ascii(&s, p + i, len - i);
        if (i == len)
            break;
        n = utf8_step(p + i, len - i);
        if (n > 1)
            put_char(&s, p + i, n);
        else
            put_stray(&s, p[i]);
        i += n;
    }
    if (s.n > 0 && s.w[s.n - 1] == ' ')
        s.n--;
    out->len += s.n;
    return 0;
}

const char *text_rule_name(enum text_rule rule)
{
    return rule == TEXT_GPT3 ? "gpt3" : "none";
}

int text_normalize(enum text_rule rule, const char *p, size_t len, struct buf *out, struct err *e)
{
    return rule == TEXT_GPT3 ? gpt3(p, len, out, e) : buf_add(out, p, len, e);
}
