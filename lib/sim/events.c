/* events.c - a binary heap. */
#include "sim/events.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

static bool before(const struct event *x, const struct event *y)
{
    return x->t_ns < y->t_ns || (x->t_ns == y->t_ns && x->order < y->order);
}

/* x into the free place `at`, or above it. */
static void rise(struct events *h, size_t at, struct event x)
{
    for (; at > 0 && before(&x, &h->v[(at - 1) / 2]); at = (at - 1) / 2)
        h->v[at] = h->v[(at - 1) / 2];
    h->v[at] = x;
}

/* The same, or below it. */
static void sink(struct events *h, size_t at, struct event x)
{
    size_t child;

    while ((child = 2 * at + 1) < h->n) {
        child += child + 1 < h->n && before(&h->v[child + 1], &h->v[child]);
        if (!before(&h->v[child], &x))
            break;
        h->v[at] = h->v[child];
        at = child;
    }
    h->v[at] = x;
}

int events_push(struct events *h, struct event x, struct err *e)
{
    if (mem_reserve(&h->v, &h->cap, h->n + 1, sizeof *h->v, e) < 0)
        return e->code;
    h->n++;
    rise(h, h->n - 1, x);
    return 0;
}

struct event events_pop(struct events *h)
{
    struct event top = h->v[0], x = h->v[--h->n];

    sink(h, 0, x);
    return top;
}

void events_drop(struct events *h, uint64_t order)
{
    size_t at = 0;
    struct event x;

    while (at < h->n && h->v[at].order != order)
        at++;
    if (at == h->n)
        return;
    x = h->v[--h->n];
    if (at > 0 && before(&x, &h->v[(at - 1) / 2]))
        rise(h, at, x);
    else
        sink(h, at, x);
}

void events_free(struct events *h)
{
    free(h->v);
    *h = (struct events){0};
}
