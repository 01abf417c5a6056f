/* events.c - a binary heap. */
#include "sim/events.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

static bool before(const struct event *x, const struct event *y)
{
    return x->t_ns < y->t_ns || (x->t_ns == y->t_ns && x->order < y->order);
}

int events_push(struct events *h, struct event x, struct err *e)
{
    size_t at = h->n;

    if (mem_reserve(&h->v, &h->cap, h->n + 1, sizeof *h->v, e) < 0)
        return e->code;
    h->n++;
    for (; at > 0 && before(&x, &h->v[(at - 1) / 2]); at = (at - 1) / 2)
        h->v[at] = h->v[(at - 1) / 2];
    h->v[at] = x;
    return 0;
}

struct event events_pop(struct events *h)
{
    struct event top = h->v[0], x = h->v[--h->n];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < h->n) {
        child += child + 1 < h->n && before(&h->v[child + 1], &h->v[child]);
        if (!before(&h->v[child], &x))
            break;
        h->v[at] = h->v[child];
        at = child;
    }
    h->v[at] = x;
    return top;
}

void events_free(struct events *h)
{
    free(h->v);
    *h = (struct events){0};
}
