/* graph_hop.h - what the walks of graph_walk.c and graph_allowed.c do at each hop. */
#ifndef ANN_GRAPH_HOP_H
#define ANN_GRAPH_HOP_H

#include <math.h>

#include "ann/graph.h"

/* The key that rows to follow may have. */
static inline float graph_follow_limit(const struct graph_walker *w)
{
    float kth, d;

    if (w->k == 0 || w->n < w->k)
        return INFINITY;
    kth = cand_key(w->pool[w->k - 1]);
    d = kth + w->zero;
    return kth + w->slack * (d > 0 ? d : 0);
}

/* The key that rows to keep may have. */
static inline float graph_keep_limit(const struct graph_walker *w)
{
    float last = w->n == w->ef ? cand_key(w->pool[w->n - 1]) : INFINITY, kept, follow;

    if (w->k == 0 || w->n < w->keep)
        return last;
    kept = cand_key(w->pool[w->keep - 1]);
    follow = graph_follow_limit(w);
    follow = follow > kept ? follow : kept;
    return follow < last ? follow : last;
}

/* Puts n rows with their keys into the pool; the place of the first that was taken. */
static inline size_t graph_take(struct graph_walker *w, const uint32_t *id, const float *key,
                                size_t n)
{
    float limit = graph_keep_limit(w);
    size_t first = w->n;

    for (size_t i = 0; i < n; i++) {
        uint64_t p = cand_of(key[i], id[i]);
        size_t at;

        if (!(key[i] <= limit))
            continue;
        at = w->n ? cands_below(w->pool, w->n, p) : 0;
        if (at == w->ef)
            continue;
        memmove(w->pool + at + 1, w->pool + at, (w->n - at) * sizeof *w->pool);
        w->pool[at] = p;
        w->n += w->n < w->ef;
        first = at < first ? at : first;
        limit = graph_keep_limit(w);
    }
    return first;
}

static inline void graph_ask_row(const struct graph *g, uint32_t row)
{
    const uint8_t *p = g->cells + row * g->stride;

    for (size_t at = 0; at < g->stride; at += CELLS_LINE)
        __builtin_prefetch(p + at);
}

static inline void graph_ask_links(const struct graph *g, uint32_t row)
{
    size_t bytes = (size_t)g->degree * g->width;
    const uint8_t *p = g->links + row * bytes;

    for (size_t at = 0; at < bytes; at += CELLS_LINE)
        __builtin_prefetch(p + at);
}

/* Links of a row, [from, to), that are looked at. */
struct graph_part {
    uint32_t from, to;
};

/* Of these links of a row those that were not met before, met now: behind the n in id, without a
 * branch, as no guess is better than another. */
static inline __attribute__((always_inline)) size_t graph_unmet(const struct graph *g,
                                                                struct graph_walker *w,
                                                                uint32_t row, struct graph_part l,
                                                                size_t n, const unsigned width)
{
    const uint8_t *p = g->links + ((size_t)row * g->degree + l.from) * width;
    const uint32_t last = (uint32_t)(g->rows - 1);
    const uint8_t turn = w->turn;

    for (uint32_t i = l.from; i < l.to; i++, p += width) {
        uint32_t id = row_read(p, width);

        id = id < last ? id : last;
        w->id[n] = id;
        n += w->met[id] != turn;
        w->met[id] = turn;
    }
    return n;
}

/* The neighbours of a row, of these links, that were not met before, behind the n that there are;
 * their cells are asked for. */
static inline size_t graph_meet(const struct graph *g, struct graph_walker *w, uint32_t row,
                                struct graph_part l, size_t n)
{
    size_t all = g->width == 2   ? graph_unmet(g, w, row, l, n, 2)
                 : g->width == 3 ? graph_unmet(g, w, row, l, n, 3)
                                 : graph_unmet(g, w, row, l, n, 4);

    for (size_t i = n; i < all; i++)
        graph_ask_row(g, w->id[i]);
    w->links += l.to - l.from;
    return all;
}

static inline void graph_compute(const struct graph *g, const struct cells_query *q,
                                 struct graph_walker *w, size_t n)
{
    cells_keys_of(g->ops, g->bits)(q, g->cells, g->stride, w->id, n, w->key);
    w->keys += n;
}

/* How many links of a row with this key, at most `far`, are looked at. */
static inline uint32_t graph_links_of(const struct graph *g, const struct graph_walker *w,
                                      float key, float far)
{
    float kth, t;
    uint32_t n;

    if (!(far < INFINITY) || key <= (kth = cand_key(w->pool[w->k - 1])))
        return g->degree;
    t = (key - kth) / (far - kth);
    n = (uint32_t)((float)g->degree * (1 - t * t) + 0.5F);
    return n > GRAPH_LINKS_LEAST           ? n
           : g->degree < GRAPH_LINKS_LEAST ? g->degree
                                           : GRAPH_LINKS_LEAST;
}

#endif
