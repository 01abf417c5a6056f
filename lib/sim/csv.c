/* csv.c - see csv.h. */
#include "sim/csv.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/stream.h"

enum { LINE_MOST = 1 << 16 };

static int split(struct csv_line *l, char *p, struct err *e)
{
    l->n = 0;
    if (*p == '#') {
        l->field[l->n++] = p;
        return 0;
    }
    for (;; p++) {
        if (l->n == CSV_FIELDS_MOST)
            return err_set(e, ERR_INPUT, "there are more than %d fields", CSV_FIELDS_MOST);
        l->field[l->n++] = p;
        p = strchr(p, ',');
        if (!p)
            return 0;
        *p = '\0';
    }
}

int csv_read(const char *path, int (*line)(void *ctx, const struct csv_line *l, struct err *e),
             void *ctx, struct err *e)
{
    struct lines *in = NULL;
    struct csv_line l;
    struct buf copy = {0};
    const char *p;
    size_t len;
    int rc = lines_open(&in, path, '\n', LINE_MOST, e);

    while (rc >= 0 && (rc = lines_next(in, &p, &len, e)) > 0) {
        len -= len > 0 && p[len - 1] == '\r';
        if (len == 0)
            continue;
        copy.len = 0;
        rc = buf_add(&copy, p, len, e) < 0 || buf_addc(&copy, '\0', e) < 0 ? e->code : 0;
        if (rc == 0)
            rc = split(&l, copy.p, e) < 0 ? e->code : line(ctx, &l, e);
        if (rc == ERR_INPUT)
            err_prefix(e, "%s: line %llu", path, (unsigned long long)lines_number(in));
    }
    buf_free(&copy);
    lines_close(in);
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
