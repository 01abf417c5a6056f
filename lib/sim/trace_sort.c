/* trace_sort.c - see trace_sort.h. */
#include "sim/trace_sort.h"

#include <stdlib.h>
#include <string.h>

int trace_sort_add(struct trace_sort *s, const struct trace_record *rec, struct err *e)
{
    if (mem_reserve(&s->v, &s->cap, s->n + 1, sizeof *s->v, e) < 0)
        return e->code;
    s->v[s->n++] = (struct trace_sort_line){rec->t_ns, s->text.len};
    return trace_append(&s->text, rec, e);
}

static int by_time(const void *a, const void *b)
{
    const struct trace_sort_line *x = a, *y = b;

    if (x->t_ns != y->t_ns)
        return x->t_ns < y->t_ns ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

void trace_sort_end(struct trace_sort *s)
{
    if (s->n > 0)
        qsort(s->v, s->n, sizeof *s->v, by_time);
}

const char *trace_sort_line(const struct trace_sort *s, size_t i, size_t *len)
{
    const char *p = s->text.p + s->v[i].at;

    *len = (size_t)((const char *)rawmemchr(p, '\n') - p) + 1;
    return p;
}

void trace_sort_free(struct trace_sort *s)
{
    buf_free(&s->text);
    free(s->v);
    *s = (struct trace_sort){0};
}
