/* out.c - see out.h.
 *
 * Everything goes through one buffer, which is written out when it holds 64 KB or more. `sep` says
 * whether the next value needs a separator before it; `depth` counts open arrays and objects.
 * What goes to a terminal is cleaned on its way from the buffer, the one place where all passes.
 */
#include "base/out.h"

#include "base/atomic_int.h"
#include "base/jsonl.h"
#include "base/mem.h"
#include "base/term.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FULL = 64 << 10, MAX_DECIMALS = 40 };

struct out {
    struct atomic_file *file; /* NULL: standard output */
    struct buf buf;
    struct err err; /* the first failure */
    bool json, nul;
    bool tty;
    bool sep;
    int depth;
};

int out_open(struct out **out, const struct out_opts *opts, struct err *e)
{
    struct out *o = mem_zero(1, sizeof *o, e);
    bool to_stdout = !opts->path || strcmp(opts->path, "-") == 0;

    *out = NULL;
    if (!o)
        return e->code;
    o->json = opts->json;
    o->nul = opts->nul && !opts->json;
    if (buf_reserve(&o->buf, FULL + 4096, e) < 0 ||
        (!to_stdout && atomic_open(&o->file, opts->path, e) < 0)) {
        out_abort(&o);
        return e->code;
    }
    o->tty = isatty(o->file ? atomic_fd(o->file) : STDOUT_FILENO) == 1;
    *out = o;
    return 0;
}

static void emit(struct out *o, const void *p, size_t len)
{
    if (o->file)
        atomic_write(o->file, p, len, &o->err);
    else
        atomic_write_fd(STDOUT_FILENO, "stdout", p, len, &o->err);
}

/* For eyes: what stands in p[0..len), cleaned. */
static void show(struct out *o, char *p, size_t len)
{
    struct buf shown = {0};

    if (!o->json)
        emit(o, p, term_clean(p, len, "\t\n"));
    else if (term_add_json(&shown, p, len, &o->err) == 0)
        emit(o, shown.p, shown.len);
    buf_free(&shown);
}

/* Writes what is in the buffer; of what goes on, half a character at the end waits in it. */
static void empty(struct out *o, bool goes_on)
{
    size_t len = o->tty && goes_on ? term_whole(o->buf.p, o->buf.len) : o->buf.len;

    if (o->err.code == 0 && o->tty)
        show(o, o->buf.p, len);
    else if (o->err.code == 0)
        emit(o, o->buf.p, len);
    o->buf.len -= len;
    memmove(o->buf.p, o->buf.p + len, o->buf.len);
}

static void add(struct out *o, const void *p, size_t len)
{
    if (o->err.code != 0)
        return;
    if (o->buf.len >= FULL)
        empty(o, true);
    buf_add(&o->buf, p, len, &o->err);
}

static void addc(struct out *o, char c)
{
    add(o, &c, 1);
}

static void adds(struct out *o, const char *s)
{
    add(o, s, strlen(s));
}

/* ---- pieces of a row ---- */

static void escape_tsv(struct out *o, const char *p, size_t len)
{
    size_t from = 0;

    for (size_t i = 0; i < len; i++) {
        const char *esc = p[i] == '\t'   ? "\\t"
                          : p[i] == '\n' ? "\\n"
                          : p[i] == '\r' ? "\\r"
                          : p[i] == '\\' ? "\\\\"
                                         : NULL;
        if (!esc)
            continue;
        add(o, p + from, i - from);
        adds(o, esc);
        from = i + 1;
    }
    if (from < len)
        add(o, p + from, len - from);
}

static void quote_json(struct out *o, const char *p, size_t len)
{
    addc(o, '"');
    if (o->err.code == 0)
        jsonl_encode(p, len, &o->buf, &o->err);
    addc(o, '"');
}

/* Separator and key before a value. False when there is nothing to write: rows are flat in TSV. */
static bool start_value(struct out *o, const char *key)
{
    if (o->err.code != 0 || (!o->json && o->depth > 0))
        return false;
    if (o->sep)
        addc(o, o->json ? ',' : '\t');
    o->sep = true;
    if (o->json && key) {
        quote_json(o, key, strlen(key));
        addc(o, ':');
    }
    return true;
}

static void add_u64(struct out *o, uint64_t v, bool negative)
{
    char digits[24], *p = digits + sizeof digits;

    do
        *--p = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    if (negative)
        *--p = '-';
    add(o, p, (size_t)(digits + sizeof digits - p));
}

/* What printf's %.*f writes, many times as fast: v is m * 2^-s, and m * 10^decimals is exact in 128
 * bits, rounded half to even. Returns the start in text[0..32), whose end the number reaches; NULL
 * when v is too large or has too many digits for it. */
static char *fixed(char text[32], double v, int decimals)
{
    __extension__ typedef unsigned __int128 u128;
    static const uint32_t pow10[] = {1,      10,      100,      1000,      10000,
                                     100000, 1000000, 10000000, 100000000, 1000000000};
    char *p = text + 32;
    int exp, shift;
    u128 x, q, rest, half;

    x = (u128)ldexp(frexp(fabs(v), &exp), 53); /* 53 bits: v = x * 2^-shift */
    shift = 53 - exp;
    if (decimals < 0 || decimals > 9 || shift < 1)
        return NULL;
    x *= pow10[decimals];              /* less than 2^83 */
    shift = shift < 100 ? shift : 100; /* either rounds to 0 */
    half = (u128)1 << (shift - 1);
    q = x >> shift;
    rest = x - (q << shift);
    q += rest > half || (rest == half && (q & 1));
    if (q > UINT64_MAX)
        return NULL;

    uint64_t digits = (uint64_t)q;
    for (int i = 0; digits > 0 || i <= decimals; i++, digits /= 10) {
        if (i == decimals && i > 0)
            *--p = '.';
        *--p = (char)('0' + digits % 10);
    }
    if (signbit(v))
        *--p = '-';
    return p;
}

/* ---- rows ---- */

void out_row(struct out *o)
{
    assert(o->depth == 0);
    o->sep = false;
    if (o->json)
        addc(o, '{');
}

void out_end_row(struct out *o)
{
    assert(o->depth == 0);
    if (o->json)
        adds(o, "}\n");
    else
        addc(o, o->nul ? '\0' : '\n');
}

void out_u64(struct out *o, const char *key, uint64_t v)
{
    if (start_value(o, key))
        add_u64(o, v, false);
}

void out_i64(struct out *o, const char *key, int64_t v)
{
    if (start_value(o, key))
        add_u64(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0);
}

void out_double(struct out *o, const char *key, double v, int decimals)
{
    char text[310 + MAX_DECIMALS + 4], *p; /* DBL_MAX has 309 digits */
    int n;

    if (!start_value(o, key))
        return;
    if (!isfinite(v)) {
        adds(o, o->json ? "null" : isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
    } else if ((p = fixed(text, v, decimals)) != NULL) {
        add(o, p, (size_t)(text + 32 - p));
    } else {
        n = snprintf(text, sizeof text, "%.*f", decimals < MAX_DECIMALS ? decimals : MAX_DECIMALS,
                     v);
        add(o, text, (size_t)n);
    }
}

void out_number(struct out *o, const char *key, const char *p, size_t len)
{
    if (start_value(o, key))
        add(o, p, len);
}

void out_str(struct out *o, const char *key, const char *p, size_t len)
{
    if (!start_value(o, key))
        return;
    if (o->json)
        quote_json(o, p, len);
    else if (o->nul)
        add(o, p, len);
    else
        escape_tsv(o, p, len);
}

/* What drives the terminal goes around the buffer, as all that is in it is cleaned. */
static void colour(struct out *o, const char *sequence)
{
    empty(o, false);
    if (o->err.code == 0)
        emit(o, sequence, strlen(sequence));
}

void out_str_marked(struct out *o, const char *key, const char *p, size_t len, size_t at, size_t n)
{
    if (!o->tty || o->json || o->nul || n == 0) {
        out_str(o, key, p, len);
        return;
    }
    if (!start_value(o, key))
        return;
    escape_tsv(o, p, at);
    colour(o, "\33[01;31m\33[K");
    escape_tsv(o, p + at, n);
    colour(o, "\33[m\33[K");
    escape_tsv(o, p + at + n, len - at - n);
}

void out_cstr(struct out *o, const char *key, const char *s)
{
    out_str(o, key, s, strlen(s));
}

void out_bool(struct out *o, const char *key, bool v)
{
    if (start_value(o, key))
        adds(o, v ? "true" : "false");
}

/* In TSV the depth alone counts: it hides what is inside. */
static void open_nested(struct out *o, const char *key, char bracket)
{
    if (o->json && start_value(o, key)) {
        addc(o, bracket);
        o->sep = false;
    }
    o->depth++;
}

static void close_nested(struct out *o, char bracket)
{
    assert(o->depth > 0);
    o->depth--;
    if (o->json) {
        addc(o, bracket);
        o->sep = true;
    }
}

void out_array(struct out *o, const char *key)
{
    open_nested(o, key, '[');
}

void out_object(struct out *o, const char *key)
{
    open_nested(o, key, '{');
}

void out_close_array(struct out *o)
{
    close_nested(o, ']');
}

void out_close_object(struct out *o)
{
    close_nested(o, '}');
}

/* ---- between rows ---- */

void out_header(struct out *o, const char *names)
{
    if (o->json || o->nul)
        return;
    adds(o, "# ");
    for (const char *c = names; *c; c++)
        addc(o, *c == ' ' ? '\t' : *c);
    addc(o, '\n');
}

void out_comment(struct out *o, const char *fmt, ...)
{
    struct buf text = {0};
    va_list ap;

    if (o->json || o->nul || o->err.code != 0)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && buf_reserve(&text, (size_t)n + 1, &o->err) == 0) {
        va_start(ap, fmt);
        vsnprintf(text.p, (size_t)n + 1, fmt, ap);
        va_end(ap);
        adds(o, "# ");
        escape_tsv(o, text.p, (size_t)n);
        addc(o, '\n');
    }
    buf_free(&text);
}

/* Large pieces do not pass through the buffer, but for a terminal's. */
void out_raw(struct out *o, const void *p, size_t len)
{
    if (len < FULL || o->tty) {
        add(o, p, len);
        return;
    }
    empty(o, true);
    if (o->err.code == 0)
        emit(o, p, len);
}

/* ---- facts ---- */

void out_facts(struct out *o)
{
    out_header(o, "what value");
    if (o->json)
        out_row(o);
}

void out_end_facts(struct out *o)
{
    if (o->json)
        out_end_row(o);
}

static void begin_fact(struct out *o, const char *what)
{
    if (o->json)
        return;
    out_row(o);
    out_cstr(o, "what", what);
}

static void end_fact(struct out *o)
{
    if (!o->json)
        out_end_row(o);
}

void out_value(struct out *o, const char *what, double v, int decimals)
{
    begin_fact(o, what);
    out_double(o, what, v, decimals);
    end_fact(o);
}

void out_count(struct out *o, const char *what, uint64_t v)
{
    begin_fact(o, what);
    out_u64(o, what, v);
    end_fact(o);
}

void out_word(struct out *o, const char *what, const char *v)
{
    begin_fact(o, what);
    out_cstr(o, what, v);
    end_fact(o);
}

void out_table(struct out *o, const char *name, const char *columns)
{
    out_header(o, columns);
    if (o->json)
        out_array(o, name);
}

void out_end_table(struct out *o)
{
    if (o->json)
        out_close_array(o);
}

void out_table_row(struct out *o)
{
    if (o->json)
        out_object(o, NULL);
    else
        out_row(o);
}

void out_end_table_row(struct out *o)
{
    if (o->json)
        out_close_object(o);
    else
        out_end_row(o);
}

/* ---- the end ---- */

bool out_is_json(const struct out *o)
{
    return o->json;
}

bool out_failed(const struct out *o)
{
    return o->err.code != 0;
}

int out_flush(struct out *o, struct err *e)
{
    empty(o, false);
    if (o->err.code != 0)
        *e = o->err;
    return o->err.code;
}

int out_commit(struct out **po, struct err *e)
{
    struct out *o = *po;
    int rc = out_flush(o, e);

    if (rc == 0)
        rc = o->file ? atomic_commit(&o->file, e) : atomic_ask_stdout(e);
    out_abort(po);
    return rc;
}

void out_abort(struct out **po)
{
    struct out *o = *po;

    *po = NULL;
    if (!o)
        return;
    atomic_abort(&o->file);
    buf_free(&o->buf);
    free(o);
}

int out_bytes(const char *path, const void *p, size_t len, struct err *e)
{
    struct out_opts to = {.path = path};
    struct out *o;

    if (out_open(&o, &to, e) < 0)
        return e->code;
    out_raw(o, p, len);
    return out_commit(&o, e);
}
