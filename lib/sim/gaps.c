/* gaps.c - open addressing, at most half full. */
#include "sim/gaps.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

static struct gap *place(const struct gaps *g, int64_t ns)
{
    size_t at = (size_t)((uint64_t)ns * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (g->slots - 1);

    while (g->v[at].n && g->v[at].ns != ns)
        at = (at + 1) & (g->slots - 1);
    return &g->v[at];
}

static int grow(struct gaps *g, struct err *e)
{
    struct gaps wider = {.slots = g->slots ? 2 * g->slots : 256};

    if (!(wider.v = mem_zero(wider.slots, sizeof *wider.v, e)))
        return e->code;
    for (size_t i = 0; i < g->slots; i++)
        if (g->v[i].n)
            *place(&wider, g->v[i].ns) = g->v[i];
    free(g->v);
    g->v = wider.v;
    g->slots = wider.slots;
    return 0;
}

int gaps_add(struct gaps *g, int64_t ns, uint64_t n, struct err *e)
{
    struct gap *at;

    if (n == 0)
        return 0;
    if (2 * g->used >= g->slots && grow(g, e) < 0)
        return e->code;
    at = place(g, ns);
    g->used += at->n == 0;
    at->ns = ns;
    at->n += n;
    g->n += n;
    g->sum += (double)ns * (double)n;
    return 0;
}

void gaps_mark(struct gaps *g, int64_t ns)
{
    place(g, ns)->marked++;
    g->marked++;
    g->marked_sum += (double)ns;
}

static int by_ns(const void *a, const void *b)
{
    const struct gap *x = a, *y = b;

    return (x->ns > y->ns) - (x->ns < y->ns);
}

void gaps_sort(struct gaps *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->slots; i++)
        if (g->v[i].n)
            g->v[n++] = g->v[i];
    if (n > 0)
        qsort(g->v, n, sizeof *g->v, by_ns);
}

static int64_t percentile(const struct gaps *g, double p, bool marked)
{
    uint64_t n = marked ? g->marked : g->n, at = (uint64_t)(p * (double)n), seen = 0;

    at = at < n ? at : n - 1;
    for (size_t i = 0; n > 0 && i < g->used; i++) {
        seen += marked ? g->v[i].marked : g->v[i].n;
        if (seen > at)
            return g->v[i].ns;
    }
    return 0;
}

int64_t gaps_percentile(const struct gaps *g, double p)
{
    return percentile(g, p, false);
}

int64_t gaps_marked_percentile(const struct gaps *g, double p)
{
    return percentile(g, p, true);
}

void gaps_free(struct gaps *g)
{
    free(g->v);
    *g = (struct gaps){0};
}
