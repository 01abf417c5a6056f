/* gaps.c - open addressing, at most half full. */
#include "sim/gaps.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

static size_t home(const struct gaps *g, int64_t ns)
{
    return (size_t)((uint64_t)ns * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (g->slots - 1);
}

static struct gap *place(const struct gaps *g, int64_t ns)
{
    size_t at = home(g, ns);

    while (g->v[at].n && g->v[at].ns != ns)
        at = (at + 1) & (g->slots - 1);
    return &g->v[at];
}

static int make_room(struct gaps *g, size_t slots, bool mark, struct err *e)
{
    *g = (struct gaps){.slots = slots};
    g->v = mem_zero(slots, sizeof *g->v, e);
    g->mark = mark ? mem_zero(slots, sizeof *g->mark, e) : NULL;
    if (g->v && (g->mark || !mark))
        return 0;
    gaps_free(g);
    return e->code;
}

static int grow(struct gaps *g, struct err *e)
{
    struct gaps wider;

    if (make_room(&wider, g->slots ? 2 * g->slots : 256, g->mark, e) < 0)
        return e->code;
    for (size_t i = 0; i < g->slots; i++)
        if (g->v[i].n) {
            struct gap *to = place(&wider, g->v[i].ns);

            *to = g->v[i];
            if (g->mark)
                wider.mark[to - wider.v] = g->mark[i];
        }
    free(g->v);
    free(g->mark);
    g->v = wider.v;
    g->mark = wider.mark;
    g->slots = wider.slots;
    return 0;
}

/* What comes goes to its place. */
static int settle(struct gaps *g, struct err *e)
{
    for (unsigned i = 0; i < g->n_coming; i++) {
        struct gap *at;

        if (2 * g->used >= g->slots && grow(g, e) < 0)
            return e->code;
        if (g->coming_marked[i] > 0 && !g->mark &&
            !(g->mark = mem_zero(g->slots, sizeof *g->mark, e)))
            return e->code;
        at = place(g, g->coming[i].ns);
        g->used += at->n == 0;
        at->ns = g->coming[i].ns;
        at->n += g->coming[i].n;
        if (g->mark)
            g->mark[at - g->v] += g->coming_marked[i];
    }
    g->n_coming = 0;
    return 0;
}

int gaps_add(struct gaps *g, int64_t ns, uint64_t n, struct err *e)
{
    if (n == 0)
        return 0;
    g->n += n;
    g->sum += (double)ns * (double)n;
    if (g->n_coming > 0 && g->coming[g->n_coming - 1].ns == ns) {
        g->coming[g->n_coming - 1].n += n;
        return 0;
    }
    if (g->n_coming == GAPS_COMING && settle(g, e) < 0)
        return e->code;
    if (g->slots > 0)
        __builtin_prefetch(&g->v[home(g, ns)], 1);
    g->coming_marked[g->n_coming] = 0;
    g->coming[g->n_coming++] = (struct gap){ns, n};
    return 0;
}

void gaps_mark(struct gaps *g)
{
    g->coming_marked[g->n_coming - 1]++;
    g->marked++;
    g->marked_sum += (double)g->coming[g->n_coming - 1].ns;
}

static int by_ns(const void *a, const void *b)
{
    const struct gap *x = a, *y = b;

    return (x->ns > y->ns) - (x->ns < y->ns);
}

static int sort_marked(struct gaps *g, struct err *e)
{
    size_t n = 0;

    if (!(g->sorted_marked = mem_array(g->used, sizeof *g->sorted_marked, e)))
        return e->code;
    for (size_t i = 0; i < g->slots; i++)
        if (g->v[i].n)
            g->sorted_marked[n++] = (struct gap){g->v[i].ns, g->mark[i]};
    qsort(g->sorted_marked, n, sizeof *g->sorted_marked, by_ns);
    return 0;
}

int gaps_sort(struct gaps *g, struct err *e)
{
    size_t n = 0;

    if (settle(g, e) < 0)
        return e->code;
    if (g->mark && sort_marked(g, e) < 0)
        return e->code;
    for (size_t i = 0; i < g->slots; i++)
        if (g->v[i].n)
            g->v[n++] = g->v[i];
    if (n > 0)
        qsort(g->v, n, sizeof *g->v, by_ns);
    return 0;
}

static int64_t percentile(const struct gap *v, size_t used, uint64_t n, double p)
{
    uint64_t at = (uint64_t)(p * (double)n), seen = 0;

    at = at < n ? at : n - 1;
    for (size_t i = 0; n > 0 && i < used; i++) {
        seen += v[i].n;
        if (seen > at)
            return v[i].ns;
    }
    return 0;
}

int64_t gaps_percentile(const struct gaps *g, double p)
{
    return percentile(g->v, g->used, g->n, p);
}

int64_t gaps_marked_percentile(const struct gaps *g, double p)
{
    return percentile(g->sorted_marked, g->used, g->marked, p);
}

void gaps_free(struct gaps *g)
{
    free(g->v);
    free(g->mark);
    free(g->sorted_marked);
    *g = (struct gaps){0};
}
