/* html.c - see html.h. A character at a time: first what is shown of it, then what that is written
 * as. One pass, no tables of names.
 *
 * Markdown has no escape that works for all characters: a backslash keeps cmark from seeing one,
 * but GitHub looks for @mentions, #references, :emoji: and $formulas$ in what cmark made of it. An
 * element of its own around the character stops these.
 */
#include "base/html.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

enum { SHOWN_MAX = 4 };

static const char REPLACEMENT[] = "\xEF\xBF\xBD";

/* U+FFFE and U+FFFF are no characters: XML does not take them. */
static bool is_unsafe(const char *p, size_t n)
{
    return utf8_hides(p, n) || (n == 3 && memcmp(p, "\xEF\xBF", 2) == 0 && p[2] >= '\xBE');
}

/* What is shown of the character p[0..n): its length in c. */
static size_t shown(const char *p, size_t n, char c[SHOWN_MAX])
{
    unsigned char b = (unsigned char)p[0];

    if (is_unsafe(p, n)) {
        memcpy(c, REPLACEMENT, 3);
        return 3;
    }
    if (b == '\r')
        b = '\n';
    if ((b < 0x20 && b != '\t' && b != '\n') || b == 0x7F) {
        c[0] = '\xE2';
        c[1] = '\x90';
        c[2] = (char)(b == 0x7F ? 0xA1 : 0x80 + b);
        return 3;
    }
    memcpy(c, p, n);
    c[0] = (char)b;
    return n;
}

/* What HTML writes for an ASCII character, NULL: itself. */
static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static int add_or(struct buf *out, const char *instead, const char *c, size_t n, struct err *e)
{
    return instead ? buf_adds(out, instead, e) : buf_add(out, c, n, e);
}

/* The length of the character at p; the two bytes of a "\r\n" count as one. */
static size_t step(const char *p, size_t len)
{
    return len > 1 && p[0] == '\r' && p[1] == '\n' ? 2 : utf8_step(p, len);
}

int html_add(struct buf *out, const char *p, size_t len, struct err *e)
{
    for (size_t i = 0, n; i < len; i += n) {
        char c[SHOWN_MAX];
        size_t k;
        n = step(p + i, len - i);
        k = shown(p + i, p[i] == '\r' ? 1 : n, c);
        if (add_or(out, k == 1 ? entity(c[0]) : NULL, c, k, e) < 0)
            return e->code;
    }
    return 0;
}

/* ---- Markdown ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Would the character be markup at the beginning of a line ("- ", "1. ") or in "www."? */
static bool is_line_markup(char c, char before)
{
    if (c == '.' || c == ')')
        return before == 0 || before == 'w' || before == 'W' || (before >= '0' && before <= '9');
    return before == 0 && strchr("+-=", c);
}

/* What Markdown writes for an ASCII character between two others, NULL: itself. `before` is 0 at
 * the beginning, `after` at the end. Spaces must not be seen as indentation. */
static const char *markdown(char c, char before, char after)
{
    switch (c) {
    case '\n':
        return "<br>";
    case '\t':
    case ' ':
        return before == 0 ? "&#32;" : is_space(before) ? "&nbsp;" : " ";
    case '@':
        return "<span>@</span>";
    case '#':
        return "<span>#</span>";
    case '$':
        return "<span>$</span>";
    case ':':
        return is_space(after) ? NULL : "<span>:</span>";
    case '"':
    case '\'':
        return NULL;
    default:
        return entity(c);
    }
}

static int add_markdown_char(struct buf *out, char c, char before, char after, struct err *e)
{
    const char *instead = markdown(c, before, after);

    if (!instead && (strchr("\\`*_~[]|", c) || is_line_markup(c, before)) &&
        buf_addc(out, '\\', e) < 0)
        return e->code;
    return add_or(out, instead, &c, 1, e);
}

int html_add_markdown(struct buf *out, const char *p, size_t len, struct err *e)
{
    int rc = 0;

    for (size_t i = 0, n; rc == 0 && i < len; i += n) {
        char c[SHOWN_MAX], before = i ? p[i - 1] : (char)0;
        size_t k;
        n = step(p + i, len - i);
        k = shown(p + i, p[i] == '\r' ? 1 : n, c);
        if (k > 1)
            rc = buf_add(out, c, k, e);
        else
            rc = add_markdown_char(out, c[0], before, i + n < len ? p[i + n] : (char)0, e);
    }
    return rc;
}
