/* times.c - see times.h. */
#include "sim/times.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "sim/record.h"

enum { LINE_MOST = 1 << 24, FIELDS = 5 };

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

/* What a row says of its request: of those that never ran there are no times, nor of one that was
 * stopped before its first token. */
enum status { OK, STOPPED, REJECTED, REFUSED, STATUSES };

static const char *const status_names[STATUSES] = {"ok", "stopped", "rejected", "refused"};

struct reading {
    struct times *times;
    const struct form *form;
    struct record_form lines;
    double v[FIELDS];
    bool seen[FIELDS];
    enum status status;
};

static int field_named(const void *ctx, const char *p, size_t len)
{
    const struct form *f = ((const struct reading *)ctx)->form;

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
    for (int i = 0; i < STATUSES; i++)
        if (strlen(status_names[i]) == len && memcmp(status_names[i], p, len) == 0) {
            r->status = (enum status)i;
            return 0;
        }
    return wrong(r, STATUS, "is none of 'ok', 'stopped', 'rejected' and 'refused'", e);
}

static int take_value(void *ctx, int field, const struct jsonl_span *v, struct err *e)
{
    struct reading *r = ctx;
    char text[48];

    if (r->seen[field])
        return wrong(r, field, "is there twice", e);
    r->seen[field] = true;
    if (field == STATUS)
        return take_status(r, v->p, v->len, e);
    if (v->type != JSONL_NUMBER || v->len >= sizeof text)
        return wrong(r, field, "is no number", e);
    memcpy(text, v->p, v->len);
    text[v->len] = '\0';
    if (strlen(text) != v->len || !num_double(text, &r->v[field]))
        return wrong(r, field, "is no number", e);
    if (field != OUTPUT && !(fabs(r->v[field]) * r->form->unit <= NS_MOST))
        return wrong(r, field, "is a time beyond 146 years", e);
    return 0;
}

/* ---- lines ---- */

/* Of the form of r? */
static bool is_header(struct reading *r, const struct record_line *l)
{
    bool seen[FIELDS] = {false};
    struct err none = {0};

    if (record_header(&r->lines, r->form->between, l->p, l->len, &none) <= 0)
        return false;
    for (size_t i = 0; i < r->lines.columns; i++)
        if (r->lines.column[i] >= 0)
            seen[r->lines.column[i]] = true;
    return complete(r->form, seen);
}

/* An id may begin so as well: a comment has one field, or is the header again. */
static bool is_comment(const struct reading *r, const struct record_line *l)
{
    struct reading again = *r;
    char between = r->form->between;

    if (*l->p != '#')
        return false;
    again.lines.ctx = &again;
    return !between || !memchr(l->p, between, l->len) || is_header(&again, l);
}

static int read_record(struct reading *r, const struct record_line *l, struct err *e)
{
    memset(r->seen, 0, sizeof r->seen);
    r->status = OK;
    if (record_read(&r->lines, l->p, l->len, e) < 0)
        return e->code;
    return complete(r->form, r->seen) ? 0
                                      : err_set(e, ERR_INPUT, "there are no times of a request");
}

/* 1: the line was the header, too; 0: it is a record. */
static int tell_form(struct reading *r, const struct record_line *l, struct err *e)
{
    for (int i = 0; i < FORMS; i++) {
        struct err none = {0};

        r->form = &forms[i];
        r->lines.between = 0;
        if (forms[i].between ? is_header(r, l) : *l->p == '{' && read_record(r, l, &none) == 0)
            return forms[i].between ? 1 : 0;
    }
    return err_set(e, ERR_INPUT,
                   "these are no rows of trace-replay, and no measured times that "
                   "are known");
}

static bool has_times(const struct reading *r)
{
    return r->status == OK || (r->status == STOPPED && r->v[OUTPUT] != 0);
}

static int add(struct times *t, const struct reading *r, struct err *e)
{
    size_t cap = t->cap, same[] = {cap, cap, cap};
    double came = r->form->name[ARRIVAL] ? r->v[ARRIVAL] : 0, unit = r->form->unit;

    if (!has_times(r))
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

static int read_line(void *ctx, const struct record_line *l, struct err *e)
{
    struct reading *r = ctx;
    int header = 0;

    if (!r->form && (header = tell_form(r, l, e)) != 0)
        return header < 0 ? header : 0;
    if (is_comment(r, l))
        return 0;
    return read_record(r, l, e) < 0 ? e->code : add(r->times, r, e);
}

int times_load(struct times *t, const char *path, struct err *e)
{
    struct reading r = {.times = t, .lines = {field_named, take_value, &r, 0, {0}, 0}};
    int rc;

    *t = (struct times){0};
    rc = record_lines(path, LINE_MOST, read_line, &r, e);
    if (rc == 0 && t->n == 0)
        rc = err_set(e, ERR_INPUT, "%s: there are no times of requests", stream_name_of(path));
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
