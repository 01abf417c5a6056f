/* csv.c - see csv.h. */
#include "sim/csv.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "sim/field.h"
#include "sim/record.h"

enum { LINE_MOST = 1 << 16 };

static int split(struct csv_line *l, char *p, size_t len, struct err *e)
{
    const char *at = p, *end = p + len;
    struct jsonl_span v;
    int got;

    l->n = 0;
    if (*p == '#') {
        l->field[l->n++] = p;
        return 0;
    }
    while ((got = field_next(&at, end, ',', &v)) > 0) {
        if (l->n == CSV_FIELDS_MOST)
            return err_set(e, ERR_INPUT, "there are more than %d fields", CSV_FIELDS_MOST);
        if (v.len > 0 && memchr(v.p, '"', v.len))
            got = -1;
        if (got < 0)
            break;
        p[(size_t)(v.p - p) + v.len] = '\0'; /* over what is behind it */
        l->field[l->n++] = v.p;
    }
    return got == 0 ? 0
                    : err_set(e, ERR_INPUT, "a quote in field %zu is not closed, or not the first",
                              l->n + 1);
}

struct reading {
    int (*line)(void *ctx, const struct csv_line *l, struct err *e);
    void *ctx;
    struct buf copy;
};

static int read_line(void *ctx, const struct record_line *from, struct err *e)
{
    struct reading *r = ctx;
    struct csv_line l;

    r->copy.len = 0;
    if (buf_add(&r->copy, from->p, from->len, e) < 0 || buf_addc(&r->copy, '\0', e) < 0)
        return e->code;
    if (strlen(r->copy.p) < from->len)
        return err_set(e, ERR_INPUT, "there is a NUL byte");
    return split(&l, r->copy.p, from->len, e) < 0 ? e->code : r->line(r->ctx, &l, e);
}

int csv_read(const char *path, int (*line)(void *ctx, const struct csv_line *l, struct err *e),
             void *ctx, struct err *e)
{
    struct reading r = {.line = line, .ctx = ctx};
    int rc = record_lines(path, LINE_MOST, read_line, &r, e);

    buf_free(&r.copy);
    return rc;
}

int csv_number(const struct csv_line *l, size_t i, double *v, struct err *e)
{
    if (i >= l->n)
        return err_set(e, ERR_INPUT, "there are %zu fields, %zu at least are needed", l->n, i + 1);
    if (!num_double(l->field[i], v))
        return err_set(e, ERR_INPUT, "field %zu is no number: '%.40s'", i + 1, l->field[i]);
    return 0;
}
