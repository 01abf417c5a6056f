/* trace_csv.c - lines of columns: RFC 4180 without line breaks inside fields. */
#include <string.h>

#include "sim/field.h"
#include "sim/trace_int.h"

static const char *line_end(const char *line, size_t len)
{
    return line + len - (len > 0 && line[len - 1] == '\r');
}

static const struct trace_rule *rule_of(const struct trace_layout *l, const struct jsonl_span *name)
{
    for (size_t i = 0; i < l->n_rules; i++)
        if (strlen(l->rules[i].name) == name->len &&
            memcmp(l->rules[i].name, name->p, name->len) == 0)
            return &l->rules[i];
    return NULL;
}

bool trace_csv_header(const struct trace_layout *l, const char *line, size_t len,
                      const struct trace_rule **column, size_t *columns)
{
    const char *p = line, *end = line_end(line, len);
    struct jsonl_span name;
    uint64_t seen = 0;
    size_t n = 0;

    for (; n < COLUMNS_MOST && field_next(&p, end, ',', &name) > 0; n++) {
        uint64_t bit;

        column[n] = rule_of(l, &name);
        bit = column[n] ? UINT64_C(1) << (column[n] - l->rules) : 0;
        if (seen & bit)
            return false;
        seen |= bit;
    }
    *columns = n;
    for (size_t i = 0; i < l->n_rules; i++)
        if (l->rules[i].needed && !(seen >> i & 1))
            return false;
    return p > end;
}

int trace_csv_line(struct trace_reader *r, struct err *e)
{
    const char *p = r->line, *end = line_end(r->line, r->len);
    struct jsonl_span v;
    size_t n = 0;
    int got;

    for (; (got = field_next(&p, end, ',', &v)) > 0; n++) {
        if (n >= r->columns)
            return err_set(e, ERR_INPUT, "there are more fields than the header's %zu", r->columns);
        if (r->column[n] && v.len == 0)
            v.type = JSONL_NULL;
        if (r->column[n] && trace_set(r, r->column[n], &v, e) < 0)
            return e->code;
    }
    if (got < 0)
        return err_set(e, ERR_INPUT, "a quote in field %zu is not closed", n + 1);
    if (n < r->columns)
        return err_set(e, ERR_INPUT, "there are %zu fields, the header has %zu", n, r->columns);
    return 1;
}
