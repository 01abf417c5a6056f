/* trace_held.c - formats whose lines stand in any order, such as that in which requests ended: all
 * are held, and handed out by their times. A line that has none is as late as the one above it, so
 * that it is refused in its place.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/trace_int.h"

struct held_line {
    int64_t t_ns;
    size_t at, len; /* in the text */
    uint64_t number;
};

struct trace_held {
    struct buf text; /* each with a NUL behind it */
    struct held_line *v;
    size_t n, cap, next;
};

/* The line's time, if it has one. */
static void time_of(struct trace_reader *r, const char *line, size_t len, int64_t *t_ns)
{
    const struct trace_rule *rule = r->layout->rules;
    struct err none = {0};
    struct jsonl j;
    struct jsonl_member m;

    while (rule->field != FIELD_T)
        rule++;
    jsonl_begin(&j, line, len);
    while (jsonl_next(&j, &m, &none) > 0) {
        r->rec.t_ns = TRACE_ABSENT;
        if (jsonl_equals(&m.key, rule->name, strlen(rule->name)) &&
            trace_set(r, rule, &m.value, &none) == 0 && r->rec.t_ns != TRACE_ABSENT)
            *t_ns = r->rec.t_ns;
    }
}

static int hold_line(struct trace_reader *r, const char *p, size_t len, struct err *e)
{
    struct trace_held *h = r->held;
    struct held_line *line;

    if (mem_reserve(&h->v, &h->cap, h->n + 1, sizeof *h->v, e) < 0 ||
        buf_reserve(&h->text, len + 1, e) < 0)
        return e->code;
    line = &h->v[h->n++];
    *line = (struct held_line){.t_ns = h->n > 1 ? line[-1].t_ns : TRACE_ABSENT,
                               .at = h->text.len,
                               .len = len,
                               .number = lines_number(r->lines)};
    time_of(r, p, len, &line->t_ns);
    return buf_add(&h->text, p, len, e) < 0 ? e->code : buf_addc(&h->text, '\0', e);
}

static int by_time(const void *a, const void *b)
{
    const struct held_line *x = a, *y = b;

    if (x->t_ns != y->t_ns)
        return x->t_ns < y->t_ns ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

int trace_hold(struct trace_reader *r, struct err *e)
{
    const char *p = r->line;
    size_t len = r->len;
    int rc = 1;

    if (!(r->held = mem_zero(1, sizeof *r->held, e)))
        return e->code;
    if (!r->pending)
        rc = lines_next(r->lines, &p, &len, e);
    r->pending = false;
    while (rc > 0) {
        if (hold_line(r, p, len, e) < 0)
            return e->code;
        rc = lines_next(r->lines, &p, &len, e);
    }
    if (rc == 0)
        qsort(r->held->v, r->held->n, sizeof *r->held->v, by_time);
    return rc;
}

int trace_held_next(struct trace_reader *r)
{
    struct trace_held *h = r->held;

    if (h->next == h->n)
        return 0;
    r->line = h->text.p + h->v[h->next].at;
    r->len = h->v[h->next++].len;
    return 1;
}

uint64_t trace_held_line(const struct trace_reader *r)
{
    const struct trace_held *h = r->held;

    return h->next ? h->v[h->next - 1].number : 0;
}

void trace_held_free(struct trace_held *h)
{
    if (!h)
        return;
    buf_free(&h->text);
    free(h->v);
    free(h);
}
