/* where_lex.c - a predicate's text is cut into words: where_lex.h. */
#include "ann/where_lex.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/jsonl.h"
#include "base/utf8.h"

enum { BEFORE = 50, AFTER = 25 }; /* characters that are shown around a place */

static const char *const words[] = {"and", "or",       "not", "in",  "between", "is",   "null",
                                    "has", "contains", "any", "all", "empty",   "true", "false"};

void lex_begin(struct lex *l, const char *text, size_t len)
{
    *l = (struct lex){.text = text, .len = len};
}

void lex_free(struct lex *l)
{
    buf_free(&l->room);
    buf_free(&l->name);
}

bool lex_is(const struct lex *l, const char *is)
{
    return (l->type == LEX_WORD || l->type == LEX_SIGN) && strcmp(l->is, is) == 0;
}

const char *lex_shown(const struct lex *l, char *text)
{
    size_t n = l->at - l->from, most = LEX_SHOWN - 3;

    if (l->type == LEX_END)
        return "the end";
    n = utf8_floor(l->text + l->from, n, most);
    snprintf(text, LEX_SHOWN, "'%.*s'", (int)n, l->text + l->from);
    return text;
}

/* ---- what is wrong ---- */

static size_t back(const char *text, size_t at, unsigned characters)
{
    while (at > 0 && characters-- > 0)
        at = utf8_floor(text, at, at - 1);
    return at;
}

/* One line of the text, whatever it holds. */
static void put_line(char *to, size_t room, const char *p, size_t len)
{
    if (len >= room)
        len = utf8_floor(p, len, room - 1);
    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)p[i] < ' ' || p[i] == 0x7f ? ' ' : p[i];
    to[len] = '\0';
}

int lex_wrong(const struct lex *l, size_t at, struct err *e, const char *fmt, ...)
{
    size_t from = back(l->text, at, BEFORE), to = at;
    char what[160], line[4 * (BEFORE + AFTER) + 1], shown[sizeof line + 6];
    va_list args;

    for (unsigned i = 0; i < AFTER && to < l->len; i++)
        to += utf8_step(l->text + to, l->len - to);
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    put_line(line, sizeof line, l->text + from, to - from);
    snprintf(shown, sizeof shown, "%s%s%s", from > 0 ? "..." : "", line, to < l->len ? "..." : "");
    err_set(e, ERR_USAGE, "column %zu: %s", utf8_count(l->text, at) + 1, what);
    return err_show(e, shown, (unsigned)utf8_count(l->text + from, at - from) + (from > 0 ? 3 : 0));
}

/* ---- words ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The character i bytes behind the word's begin; NUL behind the end. */
static char ahead(const struct lex *l, size_t i)
{
    return l->from + i < l->len ? l->text[l->from + i] : '\0';
}

static void take(struct lex *l, enum lex_type type, size_t n)
{
    l->type = type;
    l->p = l->text + l->from;
    l->size = n;
    l->at = l->from + n;
}

static void take_word(struct lex *l)
{
    size_t n = 0;

    while (is_letter(ahead(l, n)) || is_digit(ahead(l, n)) || (n > 0 && ahead(l, n) == '.'))
        n++;
    take(l, LEX_NAME, n);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && strncasecmp(words[i], l->p, n) == 0) {
            l->type = LEX_WORD;
            memcpy(l->is, words[i], n + 1);
        }
}

static void take_number(struct lex *l)
{
    size_t n = ahead(l, 0) == '-' || ahead(l, 0) == '+';

    while (is_digit(ahead(l, n)) || is_letter(ahead(l, n)) || ahead(l, n) == '.' ||
           ((ahead(l, n) == '-' || ahead(l, n) == '+') && (ahead(l, n - 1) | 32) == 'e'))
        n++;
    take(l, LEX_NUMBER, n);
    if (*l->p == '+') {
        l->p++;
        l->size--;
    }
}

static bool take_sign(struct lex *l)
{
    static const char *const signs[][2] = {{"==", "="},  {"!=", "!="}, {"<>", "!="}, {"<=", "<="},
                                           {">=", ">="}, {"=", "="},   {"<", "<"},   {">", ">"},
                                           {"(", "("},   {")", ")"},   {",", ","}};

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t n = strlen(signs[i][0]);

        if (l->len - l->from >= n && memcmp(l->text + l->from, signs[i][0], n) == 0) {
            take(l, LEX_SIGN, n);
            memcpy(l->is, signs[i][1], strlen(signs[i][1]) + 1);
            return true;
        }
    }
    return false;
}

/* Do \uXXXX stand at text[at]? */
static bool is_unicode(const struct lex *l, size_t at)
{
    if (l->len - at < 6 || l->text[at] != '\\' || l->text[at + 1] != 'u')
        return false;
    for (size_t i = at + 2; i < at + 6; i++)
        if (!isxdigit((unsigned char)l->text[i]))
            return false;
    return true;
}

/* An escape at text[at], which is moved behind it: those of JSON, and \'. */
static int take_escape(struct lex *l, size_t *at, struct buf *to, struct err *e)
{
    char c = *at + 1 < l->len ? l->text[*at + 1] : '\0';
    struct jsonl_span s = {.p = l->text + *at, .len = 2, .type = JSONL_STRING, .escaped = true};

    if (c == 'u' && !is_unicode(l, *at))
        return lex_wrong(l, *at, e, "\\u is four digits of base 16");
    if (c == 'u') /* of a pair of surrogates both are one character */
        s.len = (s.p[2] | 32) == 'd' && is_unicode(l, *at + 6) ? 12 : 6;
    else if (!c || !strchr("\"'\\/bfnrt", c))
        return lex_wrong(l, *at, e, "no such escape: \\n, \\t, \\\\, \\\" and \\uXXXX are some");
    *at += s.len;
    return c == '\'' ? buf_addc(to, c, e) : jsonl_decode(&s, to, e);
}

/* What stands in quotes, into *to. In `...` no escapes are. */
static int take_quoted(struct lex *l, struct buf *to, struct err *e)
{
    char quote = l->text[l->from];
    size_t at = l->from + 1;

    to->len = 0;
    for (;;) {
        if (at >= l->len)
            return lex_wrong(l, l->from, e, "the quote is not closed");
        if (l->text[at] == '\\' && quote != '`') {
            if (take_escape(l, &at, to, e) < 0)
                return e->code;
            continue;
        }
        if (l->text[at] == quote) {
            if (at + 1 >= l->len || l->text[at + 1] != quote)
                break;
            at++;
        }
        if (buf_addc(to, l->text[at++], e) < 0)
            return e->code;
    }
    l->type = quote == '`' ? LEX_NAME : LEX_TEXT;
    l->at = at + 1;
    if (buf_reserve(to, 1, e) < 0)
        return e->code;
    l->p = to->p;
    l->size = to->len;
    return 0;
}

int lex_next(struct lex *l, struct err *e)
{
    char c, d;

    while (l->at < l->len && strchr(" \t\r\n", l->text[l->at]) && l->text[l->at])
        l->at++;
    l->from = l->at;
    if (l->at == l->len) {
        take(l, LEX_END, 0);
        return 0;
    }
    c = ahead(l, 0);
    d = ahead(l, 1);
    if (c == '"' || c == '\'')
        return take_quoted(l, &l->room, e);
    if (c == '`')
        return take_quoted(l, &l->name, e);
    if (is_digit(c) || ((c == '-' || c == '+' || c == '.') && (is_digit(d) || d == '.')))
        take_number(l);
    else if (is_letter(c))
        take_word(l);
    else if (!take_sign(l))
        return lex_wrong(l, l->from, e, "this has no meaning here");
    return 0;
}
