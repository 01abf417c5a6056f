/* graph_around.c - see graph_around.h. */
#include "ann/graph_around.h"

#include <string.h>

#include "ann/graph_hop.h"

enum {
    TEAM = 2,          /* rows that are left together */
    NEAREST = 32,      /* rows that say how many are allowed near the query, */
    NEAREST_FEW = 96,  /* or where less than GRAPH_DENSE are */
    WORTH = 4,         /* one of so many allowed rows is met at most, */
    WORTH_SELDOM = 32, /* or where the others are more: clusters, it may be, far from the query */
    WORTH_LEAST = 256,
    SAMPLE = 16, /* one of so many allowed rows is looked at again, of few more */
    SAMPLE_LEAST = 256,
    SAMPLE_MOST = 1024,
};

void graph_around_met(struct graph_walker *w, size_t n)
{
    for (size_t i = 0; i < n && w->around && w->n_around < AROUND_MOST; i++)
        w->around[w->n_around++] = cand_of(w->key[i], w->id[i]);
}

bool graph_around_bare(struct graph_walker *w, const uint64_t *bits, double share)
{
    size_t most = share < GRAPH_DENSE ? NEAREST_FEW : NEAREST;
    size_t n = w->n_around < most ? w->n_around : most, in = 0;

    if (n == 0)
        return false;
    cands_select(w->around, w->n_around, n);
    for (size_t i = 0; i < n; i++)
        in += allowed_row(bits, cand_row(w->around[i]));
    return (double)in < GRAPH_BARE * share * (double)n;
}

/* ---- a heap of candidates, the smallest first ---- */

static void sink(uint64_t *heap, size_t n, size_t at)
{
    uint64_t p = heap[at];

    for (size_t kid; (kid = 2 * at + 1) < n; at = kid) {
        kid += kid + 1 < n && heap[kid + 1] < heap[kid];
        if (heap[kid] >= p)
            break;
        heap[at] = heap[kid];
    }
    heap[at] = p;
}

static void pop(struct graph_walker *w)
{
    w->around[0] = w->around[--w->n_around];
    if (w->n_around > 0)
        sink(w->around, w->n_around, 0);
}

static void push(struct graph_walker *w, uint64_t p)
{
    size_t at = w->n_around++;

    for (; at > 0 && w->around[(at - 1) / 2] > p; at = (at - 1) / 2)
        w->around[at] = w->around[(at - 1) / 2];
    w->around[at] = p;
}

/* ---- the walk ---- */

static size_t meet(const struct graph *g, struct graph_walker *w, struct graph_marks m,
                   uint32_t row, size_t n)
{
    for (uint32_t i = 0; i < g->degree; i++) {
        uint32_t to = graph_link(g, row, i);

        if (w->met[to] == m.done || w->met[to] == m.scouted)
            continue;
        w->met[to] = m.scouted;
        graph_ask_row(g, to);
        w->id[n++] = to;
    }
    w->links += g->degree;
    w->hops++;
    return n;
}

/* Leaves the nearest rows up to `far`, TEAM of them: false if there are none. *n: rows met. */
static bool leave(const struct graph *g, struct graph_walker *w, struct graph_marks m, float far,
                  size_t *n)
{
    unsigned left = 0;

    *n = 0;
    while (left < TEAM && w->n_around > 0 && !(cand_key(w->around[0]) > far)) {
        uint32_t row = cand_row(w->around[0]);

        pop(w);
        if (w->met[row] == m.done)
            continue;
        w->met[row] = m.done;
        *n = meet(g, w, m, row, *n);
        left++;
    }
    if (w->n_around > 0)
        graph_ask_links(g, cand_row(w->around[0]));
    return left > 0;
}

/* How many rows may be met. */
static uint64_t most_of(const struct graph *g, double share)
{
    double most = share * (double)g->live / (share < GRAPH_DENSE ? WORTH_SELDOM : WORTH);

    most = most > WORTH_LEAST ? most : WORTH_LEAST;
    return most < AROUND_MOST - GRAPH_MEET ? (uint64_t)most : AROUND_MOST - GRAPH_MEET;
}

/* n rows in w->id, which are allowed. */
static void into_ring(struct graph_walker *w, size_t n)
{
    memcpy(w->ring + w->n_ring, w->id, n * sizeof *w->id);
    w->n_ring += n;
}

/* What was met before, as a heap and in the ring. */
static void begin(struct graph_walker *w, const uint64_t *bits)
{
    for (size_t i = w->n_around / 2; i-- > 0;)
        sink(w->around, w->n_around, i);
    for (size_t i = 0; i < w->n_around; i++) {
        w->ring[w->n_ring] = cand_row(w->around[i]);
        w->n_ring += allowed_row(bits, cand_row(w->around[i]));
    }
}

bool graph_around_walk(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                       const uint64_t *bits, struct graph_marks m, double share)
{
    uint64_t most = most_of(g, share), met = w->n_around;
    float far = graph_keep_limit(w);
    size_t n;

    begin(w, bits);
    while (met <= most && leave(g, w, m, far, &n)) {
        graph_compute(g, q, w, n);
        for (size_t i = 0; i < n; i++)
            if (!(w->key[i] > far))
                push(w, cand_of(w->key[i], w->id[i]));
        met += n;
        n = graph_keep_allowed(w, bits, n);
        into_ring(w, n);
        graph_take(w, w->id, w->key, n);
        far = graph_keep_limit(w);
    }
    if (met <= most)
        return true;
    w->n_ring = 0;
    return false;
}

/* ---- what another walk found ---- */

/* Allowed rows that were not met, evenly from the bits, from the *at-th of `all` on: how many. */
static size_t sample(const struct graph *g, struct graph_walker *w, const uint64_t *bits,
                     struct graph_marks m, uint64_t *at, uint64_t all)
{
    const struct allowed_at rows = {.bits = bits, .dead = g->dead, .rows = g->rows};
    size_t n = 0;

    for (; *at < all && n < GRAPH_MEET; ++*at) {
        uint64_t row = allowed_first(&rows, *at * g->rows / all);

        if (row == g->rows)
            break;
        if (w->met[row] == m.scouted || w->met[row] == m.done)
            continue;
        graph_ask_row(g, (uint32_t)row);
        w->id[n++] = (uint32_t)row;
    }
    return n;
}

bool graph_around_missed(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                         const uint64_t *bits, struct graph_marks m, double share)
{
    uint64_t all = (uint64_t)(share * (double)g->live / SAMPLE), at = 0;
    size_t n, least = w->ef_least < w->n ? w->ef_least : w->n;

    if (least == 0)
        return false;
    all = all > SAMPLE_LEAST ? all : SAMPLE_LEAST;
    all = all < SAMPLE_MOST ? all : SAMPLE_MOST;
    while ((n = sample(g, w, bits, m, &at, all)) > 0) {
        graph_compute(g, q, w, n);
        for (size_t i = 0; i < n; i++)
            if (w->key[i] < cand_key(w->pool[least - 1]))
                return true;
    }
    return false;
}
