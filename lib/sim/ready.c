/* ready.c - see ready.h. */
#include "sim/ready.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* `after` the other way round. */
static int invert(struct ready *r, struct err *e)
{
    const struct trace_set *t = r->trace;
    uint32_t links = t->n ? t->after_end[t->n - 1] : 0;

    r->waiter_end = mem_zero((size_t)t->n + 1, sizeof *r->waiter_end, e);
    r->waiter = mem_array(links, sizeof *r->waiter, e);
    if (!r->waiter_end || !r->waiter)
        return e->code;
    for (uint32_t k = 0; k < links; k++)
        r->waiter_end[t->after[k] + 1]++;
    for (uint32_t i = 0; i < t->n; i++)
        r->waiter_end[i + 1] += r->waiter_end[i];
    /* Filling moves each end to where the next begins: shifted back by one it is the end. */
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t n;
        const uint32_t *after = trace_set_after(t, i, &n);

        for (uint32_t k = 0; k < n; k++)
            r->waiter[r->waiter_end[after[k]]++] = i;
    }
    return 0;
}

int ready_init(struct ready *r, const struct trace_set *t, struct err *e)
{
    *r = (struct ready){.trace = t};
    if (!t->after_end)
        return 0;
    r->open = mem_array(t->n, sizeof *r->open, e);
    r->t_ns = mem_array(t->n, sizeof *r->t_ns, e);
    if (!r->open || !r->t_ns || invert(r, e) < 0)
        return e->code;
    for (uint32_t i = 0; i < t->n; i++) {
        trace_set_after(t, i, &r->open[i]);
        r->t_ns[i] = t->t_ns[i];
    }
    return 0;
}

bool ready_waits(const struct ready *r, uint32_t request)
{
    uint32_t n;

    trace_set_after(r->trace, request, &n);
    return n > 0;
}

int ready_ended(struct ready *r, uint32_t request, int64_t end_ns, struct err *e)
{
    uint32_t from;

    if (!r->open)
        return 0;
    from = request ? r->waiter_end[request - 1] : 0;
    for (uint32_t k = from; k < r->waiter_end[request]; k++) {
        uint32_t i = r->waiter[k];
        int64_t tool_ns = r->trace->tool_ns ? r->trace->tool_ns[i] : 0, t;

        if (end_ns > TRACE_NS_MOST - tool_ns)
            return err_set(e, ERR_USAGE, "request %u comes after more than 146 years", i);
        t = end_ns + tool_ns;
        r->t_ns[i] = t > r->t_ns[i] ? t : r->t_ns[i];
        if (--r->open[i] == 0 &&
            events_push(&r->free, (struct event){.t_ns = r->t_ns[i], .order = i}, e) < 0)
            return e->code;
    }
    return 0;
}

void ready_free(struct ready *r)
{
    free(r->open);
    free(r->t_ns);
    free(r->waiter_end);
    free(r->waiter);
    events_free(&r->free);
    *r = (struct ready){0};
}
