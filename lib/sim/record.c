/* record.c - see record.h. */
#include "sim/record.h"

#include <string.h>

#include "sim/field.h"

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
    while ((rc = lines_next_text(in, &l.p, &l.len, e)) > 0) {
        l.first = lines_number(in) == 1;
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

static int open_quote(size_t fields, struct err *e)
{
    return err_set(e, ERR_INPUT, "a quote in field %zu is not closed", fields + 1);
}

int record_header(struct record_form *f, char between, const char *p, size_t len, struct err *e)
{
    const char *end = p + len;
    struct jsonl_span v;
    int known = 0, got;

    p += len > 2 && memcmp(p, "# ", 2) == 0 ? 2 : 0;
    f->between = between;
    for (f->columns = 0; (got = field_next(&p, end, between, &v)) > 0; f->columns++) {
        if (f->columns == RECORD_COLUMNS_MOST)
            return err_set(e, ERR_INPUT, "there are more than %d columns", RECORD_COLUMNS_MOST);
        f->column[f->columns] = f->named(f->ctx, v.p, v.len);
        known += f->column[f->columns] >= 0;
    }
    return got < 0 ? open_quote(f->columns, e) : known;
}

static int read_columns(const struct record_form *f, const char *p, size_t len, struct err *e)
{
    const char *end = p + len;
    struct jsonl_span v;
    size_t n = 0;
    int got;

    for (; (got = field_next(&p, end, f->between, &v)) > 0; n++)
        if (n < f->columns && f->column[n] >= 0 && f->take(f->ctx, f->column[n], &v, e) < 0)
            return e->code;
    if (got < 0)
        return open_quote(n, e);
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
