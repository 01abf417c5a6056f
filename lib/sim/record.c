/* record.c - see record.h. */
#include "sim/record.h"

#include <string.h>

#include "base/utf8.h"

static void trim(struct record_line *l)
{
    size_t mark = l->first ? utf8_mark(l->p, l->len) : 0;

    l->p += mark;
    l->len -= mark;
    l->len -= l->len > 0 && l->p[l->len - 1] == '\r';
}

int record_lines(const char *path, size_t most,
                 int (*take)(void *ctx, const struct record_line *l, struct err *e), void *ctx,
                 struct err *e)
{
    struct lines *in = NULL;
    struct record_line l;
    int rc = lines_open(&in, path, '\n', most, e);

    if (rc < 0)
        return rc;
    l.input = lines_stream(in);
    while ((rc = lines_next(in, &l.p, &l.len, e)) > 0) {
        l.first = lines_number(in) == 1;
        trim(&l);
        if (l.len > 0 && (rc = take(ctx, &l, e)) != 0) {
            if (rc == ERR_INPUT)
                err_prefix(e, "%s: line %llu", stream_name(l.input),
                           (unsigned long long)lines_number(in));
            break;
        }
    }
    lines_close(in);
    return rc;
}

/* ---- fields ---- */

/* The field at *p, without quotes around it; *p goes on behind it. False at the line's end. */
static bool next_field(const char **p, const char *end, char between, struct jsonl_span *v)
{
    const char *stop;

    if (*p > end)
        return false;
    stop = memchr(*p, between, (size_t)(end - *p));
    stop = stop ? stop : end;
    *v = (struct jsonl_span){.p = *p, .len = (size_t)(stop - *p), .type = JSONL_NUMBER};
    if (v->len >= 2 && *v->p == '"' && stop[-1] == '"') {
        v->p++;
        v->len -= 2;
    }
    *p = stop + 1;
    return true;
}

int record_header(struct record_form *f, char between, const char *p, size_t len, struct err *e)
{
    const char *end = p + len;
    struct jsonl_span v;
    int known = 0;

    p += len > 2 && memcmp(p, "# ", 2) == 0 ? 2 : 0;
    f->between = between;
    for (f->columns = 0; next_field(&p, end, between, &v); f->columns++) {
        if (f->columns == RECORD_COLUMNS_MOST)
            return err_set(e, ERR_INPUT, "there are more than %d columns", RECORD_COLUMNS_MOST);
        f->column[f->columns] = f->named(f->ctx, v.p, v.len);
        known += f->column[f->columns] >= 0;
    }
    return known;
}

static int read_columns(const struct record_form *f, const char *p, size_t len, struct err *e)
{
    const char *end = p + len;
    struct jsonl_span v;
    size_t n = 0;

    for (; next_field(&p, end, f->between, &v); n++)
        if (n < f->columns && f->column[n] >= 0 && f->take(f->ctx, f->column[n], &v, e) < 0)
            return e->code;
    return n == f->columns
               ? 0
               : err_set(e, ERR_INPUT, "there are %zu fields, the header has %zu", n, f->columns);
}

static int read_object(const struct record_form *f, const char *line, size_t len, struct err *e)
{
    struct jsonl j;
    struct jsonl_member m;
    int rc, field;

    jsonl_begin(&j, line, len);
    while ((rc = jsonl_next(&j, &m, e)) > 0)
        if ((field = f->named(f->ctx, m.key.p, m.key.len)) >= 0 &&
            f->take(f->ctx, field, &m.value, e) < 0)
            return e->code;
    return rc;
}

int record_read(const struct record_form *f, const char *p, size_t len, struct err *e)
{
    return f->between ? read_columns(f, p, len, e) : read_object(f, p, len, e);
}
