/* times.c - see times.h. */
#include "sim/times.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/stream.h"
#include "sim/columns.h"

enum { LINE_MOST = 1 << 24, COLUMNS_MOST = 64, FIELDS = 5 };

/* What a form's fields are called: the first is when the request came, or NULL where the next two
 * are times since then. */
struct form {
    const char *name[FIELDS]; /* arrival, first token, last token, output, status */
    double unit;              /* ns */
    char between;             /* 0: JSON Lines */
};

enum field { ARRIVAL, FIRST, LAST, OUTPUT, STATUS };

static const struct form forms[] = {
    {{"arrival_ns", "first_token_ns", "end_ns", "output", "status"}, 1, '\t'},
    {{NULL, "ttft_s", "e2e_s", "output_tokens", NULL}, 1e9, ','},
    {{"queued_ts", "first_token_ts", "last_token_ts", "output_toks", NULL}, 1e9, 0},
    {{"arrival_ns", "first_token_ns", "end_ns", "output", "status"}, 1, 0},
};
enum { FORMS = sizeof forms / sizeof *forms };

struct reading {
    const struct form *form;
    int column[COLUMNS_MOST]; /* the field that it is, or -1 */
    size_t columns;
    double v[FIELDS];
    bool seen[FIELDS], rejected;
};

static int field_named(const struct form *f, const char *p, size_t len)
{
    for (int i = 0; i < FIELDS; i++)
        if (f->name[i] && strlen(f->name[i]) == len && memcmp(f->name[i], p, len) == 0)
            return i;
    return -1;
}

/* Are all of the form's fields there, but for the status? */
static bool complete(const struct form *f, const bool *seen)
{
    for (int i = 0; i < STATUS; i++)
        if (f->name[i] && !seen[i])
            return false;
    return true;
}

/* Half of what int64_t has in nanoseconds. */
#define NS_MOST 4.6e18

static int wrong(const struct reading *r, int field, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "'%s' %s", r->form->name[field], what);
}

static int take_status(struct reading *r, const char *p, size_t len, struct err *e)
{
    r->rejected = len == 8 && memcmp(p, "rejected", len) == 0;
    return r->rejected || (len == 2 && memcmp(p, "ok", len) == 0)
               ? 0
               : wrong(r, STATUS, "is neither 'ok' nor 'rejected'", e);
}

static int take_value(struct reading *r, int field, const char *p, size_t len, struct err *e)
{
    char text[48];

    if (r->seen[field])
        return wrong(r, field, "is there twice", e);
    r->seen[field] = true;
    if (field == STATUS)
        return take_status(r, p, len, e);
    if (len >= sizeof text)
        return wrong(r, field, "is no number", e);
    memcpy(text, p, len);
    text[len] = '\0';
    if (strlen(text) != len || !num_double(text, &r->v[field]))
        return wrong(r, field, "is no number", e);
    if (field != OUTPUT && !(fabs(r->v[field]) * r->form->unit <= NS_MOST))
        return wrong(r, field, "is a time beyond 146 years", e);
    return 0;
}

/* ---- lines ---- */

static bool is_header(struct reading *r, const struct form *f, const char *line, size_t len)
{
    const char *p = line, *end = line + len, *from;
    bool seen[FIELDS] = {false};
    size_t size;

    if (len > 2 && memcmp(p, "# ", 2) == 0)
        p += 2;
    for (r->columns = 0;
         r->columns < COLUMNS_MOST && columns_next(&p, end, f->between, &from, &size);
         r->columns++) {
        int field = field_named(f, from, size);

        r->column[r->columns] = field;
        if (field >= 0)
            seen[field] = true;
    }
    return complete(f, seen);
}

/* An id may begin so as well: a comment has one field, or is the header again. */
static bool is_comment(const struct reading *r, const char *line, size_t len)
{
    struct reading again = *r;
    char between = r->form->between;

    if (*line != '#')
        return false;
    return !between || !memchr(line, between, len) || is_header(&again, r->form, line, len);
}

static int read_columns(struct reading *r, const char *line, size_t len, struct err *e)
{
    const char *p = line, *end = line + len, *from;
    size_t i = 0, size;

    for (; i < r->columns && columns_next(&p, end, r->form->between, &from, &size); i++)
        if (r->column[i] >= 0 && take_value(r, r->column[i], from, size, e) < 0)
            return e->code;
    if (p <= end)
        return err_set(e, ERR_INPUT, "there are more fields than the header's %zu", r->columns);
    return i == r->columns
               ? 0
               : err_set(e, ERR_INPUT, "there are %zu fields, the header has %zu", i, r->columns);
}

static int read_object(struct reading *r, const char *line, size_t len, struct err *e)
{
    struct jsonl j;
    struct jsonl_member m;
    int rc;

    jsonl_begin(&j, line, len);
    while ((rc = jsonl_next(&j, &m, e)) > 0) {
        int field = field_named(r->form, m.key.p, m.key.len);

        if (field >= 0 && field != STATUS && m.value.type != JSONL_NUMBER)
            return wrong(r, field, "is no number", e);
        if (field >= 0 && take_value(r, field, m.value.p, m.value.len, e) < 0)
            return e->code;
    }
    if (rc == 0 && !complete(r->form, r->seen))
        return err_set(e, ERR_INPUT, "there are no times of a request");
    return rc;
}

/* 1: the line was the header, too; 0: it is a record. */
static int tell_form(struct reading *r, const char *line, size_t len, struct err *e)
{
    for (int i = 0; i < FORMS; i++) {
        struct err none = {0};

        r->form = &forms[i];
        memset(r->seen, 0, sizeof r->seen);
        if (forms[i].between ? is_header(r, &forms[i], line, len)
                             : *line == '{' && read_object(r, line, len, &none) == 0)
            return forms[i].between ? 1 : 0;
    }
    return err_set(e, ERR_INPUT,
                   "these are no rows of trace-replay, and no measured times that "
                   "are known");
}

static int add(struct times *t, const struct reading *r, struct err *e)
{
    size_t cap = t->cap, same[] = {cap, cap, cap};
    double came = r->form->name[ARRIVAL] ? r->v[ARRIVAL] : 0, unit = r->form->unit;

    if (r->rejected)
        return 0;
    if (r->v[OUTPUT] < 1)
        return err_set(e, ERR_INPUT, "the output has no tokens");
    if (r->v[FIRST] < came || r->v[LAST] < r->v[FIRST])
        return err_set(e, ERR_INPUT,
                       "a token comes before the request, or the last before the "
                       "first");
    if (mem_reserve(&t->ttft, &cap, t->n + 1, sizeof *t->ttft, e) < 0 ||
        mem_reserve(&t->e2e, &same[0], t->n + 1, sizeof *t->e2e, e) < 0 ||
        mem_reserve(&t->tpot, &same[1], t->n + 1, sizeof *t->tpot, e) < 0 ||
        mem_reserve(&t->came, &same[2], t->n + 1, sizeof *t->came, e) < 0)
        return e->code;
    t->cap = cap;
    t->came[t->n] = unit * came;
    t->ttft[t->n] = unit * (r->v[FIRST] - came);
    t->e2e[t->n++] = unit * (r->v[LAST] - came);
    if (r->v[OUTPUT] >= 2)
        t->tpot[t->n_tpot++] = unit * (r->v[LAST] - r->v[FIRST]) / (r->v[OUTPUT] - 1);
    return 0;
}

static int read_line(struct times *t, struct reading *r, const char *p, size_t len, bool first,
                     struct err *e)
{
    int header = 0;

    columns_trim(&p, &len, first);
    if (len == 0)
        return 0;
    if (!r->form && (header = tell_form(r, p, len, e)) != 0)
        return header < 0 ? header : 0;
    if (is_comment(r, p, len))
        return 0;
    memset(r->seen, 0, sizeof r->seen);
    r->rejected = false;
    if ((r->form->between ? read_columns(r, p, len, e) : read_object(r, p, len, e)) < 0)
        return e->code;
    return add(t, r, e);
}

int times_load(struct times *t, const char *path, struct err *e)
{
    struct reading r = {.form = NULL};
    struct lines *in = NULL;
    const char *p;
    size_t len;
    int rc = lines_open(&in, path, '\n', LINE_MOST, e);

    *t = (struct times){0};
    while (rc >= 0 && (rc = lines_next(in, &p, &len, e)) > 0)
        if ((rc = read_line(t, &r, p, len, lines_number(in) == 1, e)) == ERR_INPUT)
            err_prefix(e, "%s: line %llu", path, (unsigned long long)lines_number(in));
    if (rc == 0 && t->n == 0)
        rc = err_set(e, ERR_INPUT, "%s: there are no times of requests", path);
    lines_close(in);
    if (rc < 0)
        times_free(t);
    return rc;
}

void times_free(struct times *t)
{
    free(t->ttft);
    free(t->e2e);
    free(t->came);
    free(t->tpot);
    *t = (struct times){0};
}
