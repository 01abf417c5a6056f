/* trace_write.c - a record as a line of trace(5). */
#include <inttypes.h>
#include <stdio.h>

#include "base/jsonl.h"
#include "base/mem.h"
#include "sim/trace.h"

enum { DIGITS = 24 };

static char *put_u64(char *p, uint64_t v)
{
    char d[DIGITS];
    int n = 0;

    do
        d[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n > 0)
        *p++ = d[--n];
    return p;
}

static int number(struct buf *b, const char *name, int64_t v, struct err *e)
{
    return v == TRACE_ABSENT ? 0 : buf_printf(b, e, ",\"%s\":%" PRId64, name, v);
}

static int quoted(struct buf *b, const struct trace_text *t, struct err *e)
{
    if (buf_addc(b, '"', e) < 0 || jsonl_encode(t->p, t->len, b, e) < 0)
        return e->code;
    return buf_addc(b, '"', e);
}

static int text(struct buf *b, const char *name, const struct trace_text *t, struct err *e)
{
    if (!t->p)
        return 0;
    if (buf_printf(b, e, ",\"%s\":", name) < 0)
        return e->code;
    return quoted(b, t, e);
}

static int numbers(struct buf *b, const char *name, const uint64_t *v, size_t n, struct err *e)
{
    char *p;

    if (n == 0)
        return 0;
    if (buf_printf(b, e, ",\"%s\":[", name) < 0 || buf_reserve(b, n * DIGITS, e) < 0)
        return e->code;
    p = b->p + b->len;
    for (size_t i = 0; i < n; i++) {
        p = put_u64(p, v[i]);
        *p++ = ',';
    }
    b->len = (size_t)(p - b->p);
    b->p[b->len - 1] = ']';
    return 0;
}

static int after(struct buf *b, const struct trace_record *rec, struct err *e)
{
    for (size_t i = 0; i < rec->n_after; i++)
        if (buf_adds(b, i ? "," : ",\"after\":[", e) < 0 || quoted(b, &rec->after[i], e) < 0)
            return e->code;
    return rec->n_after ? buf_addc(b, ']', e) : 0;
}

/* A number that is absent where it is 0. */
static int count(struct buf *b, const char *name, uint64_t v, struct err *e)
{
    return number(b, name, v ? (int64_t)v : TRACE_ABSENT, e);
}

static int joins(struct buf *b, const struct trace_record *rec, struct err *e)
{
    return rec->joins == 0 || (count(b, "joins", rec->joins, e) == 0 &&
                               count(b, "common", rec->common, e) == 0 &&
                               number(b, "reuse", rec->reuse, e) == 0)
               ? 0
               : e->code;
}

static int program(struct buf *b, const struct trace_record *rec, struct err *e)
{
    if (text(b, "race", &rec->race, e) < 0 || count(b, "winners", rec->winners, e) < 0 ||
        text(b, "if_ended", &rec->if_ended, e) < 0 ||
        count(b, "then_output", rec->then_output, e) < 0)
        return e->code;
    return rec->background ? buf_adds(b, ",\"background\":true", e) : 0;
}

static int rest_of(struct buf *b, const struct trace_record *rec, struct err *e)
{
    if (rec->rest.p && buf_add(b, rec->rest.p, rec->rest.len, e) < 0)
        return e->code;
    return buf_adds(b, "}\n", e);
}

int trace_append(struct buf *b, const struct trace_record *rec, struct err *e)
{
    if (buf_adds(b, "{\"id\":", e) < 0 || quoted(b, &rec->id, e) < 0 ||
        number(b, "t_ns", rec->t_ns, e) < 0 ||
        buf_printf(b, e, ",\"prompt\":%" PRIu64 ",\"output\":%" PRIu64, rec->prompt, rec->output) <
            0 ||
        count(b, "block", rec->block, e) < 0 ||
        numbers(b, "hashes", rec->hashes, rec->n_hashes, e) < 0 ||
        numbers(b, "out_hashes", rec->out_hashes, rec->n_out_hashes, e) < 0 ||
        text(b, "session", &rec->session, e) < 0 || number(b, "turn", rec->turn, e) < 0 ||
        after(b, rec, e) < 0 || joins(b, rec, e) < 0 || text(b, "tool", &rec->tool, e) < 0 ||
        number(b, "tool_ns", rec->tool_ns, e) < 0 || text(b, "tenant", &rec->tenant, e) < 0 ||
        number(b, "priority", rec->priority, e) < 0 || text(b, "category", &rec->category, e) < 0 ||
        text(b, "model", &rec->model, e) < 0 || number(b, "deadline_ns", rec->deadline_ns, e) < 0 ||
        program(b, rec, e) < 0)
        return e->code;
    return rest_of(b, rec, e);
}
