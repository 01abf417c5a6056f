/* graph_walk.c - the walk of graph.h. */
#include <math.h>
#include <stdlib.h>

#include "ann/graph.h"
#include "base/mem.h"

int graph_walker_init(struct graph_walker *w, uint64_t rows, size_t ef, size_t left_cap,
                      struct err *e)
{
    ef = ef < rows ? ef : rows ? (size_t)rows : 1;
    *w = (struct graph_walker){.ef = ef, .rows = rows, .left_cap = left_cap};
    w->pool = mem_array(ef + 1, sizeof *w->pool, e);
    w->met = mem_zero(rows, 1, e);
    w->id = mem_array(GRAPH_DEGREE_MAX + 1, sizeof *w->id, e);
    w->key = mem_array(GRAPH_DEGREE_MAX, sizeof *w->key, e);
    if (left_cap)
        w->left = mem_array(left_cap, sizeof *w->left, e);
    if (w->pool && w->met && w->id && w->key && (w->left || !left_cap))
        return 0;
    graph_walker_free(w);
    return e->code;
}

void graph_walker_free(struct graph_walker *w)
{
    free(w->pool);
    free(w->met);
    free(w->id);
    free(w->key);
    free(w->left);
    *w = (struct graph_walker){0};
}

void graph_walker_begin(struct graph_walker *w)
{
    w->n = w->n_left = 0;
    if (++w->turn == 0) {
        memset(w->met, 0, w->rows);
        w->turn = 1;
    }
}

/* How many of the n >= 1 places at p are below v: halving without branches to guess. */
static inline size_t below(const uint64_t *p, size_t n, uint64_t v)
{
    const uint64_t *at = p;

    for (; n > 1; n -= n / 2)
        at += at[n / 2 - 1] < v ? n / 2 : 0;
    return (size_t)(at - p) + (*at < v);
}

/* The key that rows to follow may have. */
static inline float follow_limit(const struct graph_walker *w)
{
    float kth, d;

    if (w->k == 0 || w->n < w->k)
        return INFINITY;
    kth = place_key(w->pool[w->k - 1]);
    d = kth + w->zero;
    return kth + w->slack * (d > 0 ? d : 0);
}

/* The key that rows to keep may have. */
static inline float keep_limit(const struct graph_walker *w)
{
    float last = w->n == w->ef ? place_key(w->pool[w->n - 1]) : INFINITY, kept, follow;

    if (w->k == 0 || w->n < w->keep)
        return last;
    kept = place_key(w->pool[w->keep - 1]);
    follow = follow_limit(w);
    follow = follow > kept ? follow : kept;
    return follow < last ? follow : last;
}

/* Puts n rows with their keys into the pool; the smallest place that was taken. */
static size_t take(struct graph_walker *w, const uint32_t *id, const float *key, size_t n)
{
    float limit = keep_limit(w);
    size_t first = w->n;

    for (size_t i = 0; i < n; i++) {
        uint64_t p = place_of(key[i], id[i]);
        size_t at;

        if (!(key[i] <= limit))
            continue;
        at = w->n ? below(w->pool, w->n, p) : 0;
        if (at == w->ef)
            continue;
        memmove(w->pool + at + 1, w->pool + at, (w->n - at) * sizeof *w->pool);
        w->pool[at] = p;
        w->n += w->n < w->ef;
        first = at < first ? at : first;
        limit = keep_limit(w);
    }
    return first;
}

static inline void ask_row(const struct graph *g, uint32_t row)
{
    const uint8_t *p = g->cells + row * g->stride;

    for (size_t at = 0; at < g->stride; at += CELLS_LINE)
        __builtin_prefetch(p + at);
}

static inline void ask_links(const struct graph *g, uint32_t row)
{
    size_t bytes = (size_t)g->degree * g->width;
    const uint8_t *p = g->links + row * bytes;

    for (size_t at = 0; at < bytes; at += CELLS_LINE)
        __builtin_prefetch(p + at);
}

/* Of links [from, to) of a row those that were not met before, met now: into id, without a
 * branch, as no guess is better than another. */
static inline __attribute__((always_inline)) size_t unmet(const struct graph *g,
                                                          struct graph_walker *w, uint32_t row,
                                                          uint32_t from, uint32_t to,
                                                          const unsigned width)
{
    const uint8_t *p = g->links + ((size_t)row * g->degree + from) * width;
    const uint32_t last = (uint32_t)(g->rows - 1);
    const uint8_t turn = w->turn;
    size_t n = 0;

    for (uint32_t i = from; i < to; i++, p += width) {
        uint32_t id = graph_read(p, width);

        id = id < last ? id : last;
        w->id[n] = id;
        n += w->met[id] != turn;
        w->met[id] = turn;
    }
    return n;
}

/* The neighbours of a row, of its links [from, to), that were not met before; their cells are
 * asked for. */
static size_t meet(const struct graph *g, struct graph_walker *w, uint32_t row, uint32_t from,
                   uint32_t to)
{
    size_t n = g->width == 2   ? unmet(g, w, row, from, to, 2)
               : g->width == 3 ? unmet(g, w, row, from, to, 3)
                               : unmet(g, w, row, from, to, 4);

    for (size_t i = 0; i < n; i++)
        ask_row(g, w->id[i]);
    w->links += to - from;
    return n;
}

static void compute(const struct graph *g, const struct cells_query *q, struct graph_walker *w,
                    size_t n)
{
    cells_keys_of(g->ops, g->bits)(q, g->cells, g->stride, w->id, n, w->key);
    w->keys += n;
}

static void enter(const struct graph *g, const struct cells_query *q, struct graph_walker *w)
{
    size_t n = 0;

    for (uint32_t i = 0; i < g->n_entries; i++) {
        uint32_t row = g->entries[i];

        if (w->met[row] == w->turn)
            continue;
        w->met[row] = w->turn;
        ask_row(g, row);
        w->id[n++] = row;
    }
    compute(g, q, w, n);
    take(w, w->id, w->key, n);
}

/* How many links of a row with this key, at most `far`, are looked at. */
static uint32_t links_of(const struct graph *g, const struct graph_walker *w, float key, float far)
{
    float kth, t;
    uint32_t n;

    if (!(far < INFINITY) || key <= (kth = place_key(w->pool[w->k - 1])))
        return g->degree;
    t = (key - kth) / (far - kth);
    n = (uint32_t)((float)g->degree * (1 - t * t) + 0.5F);
    return n > GRAPH_LINKS_LEAST           ? n
           : g->degree < GRAPH_LINKS_LEAST ? g->degree
                                           : GRAPH_LINKS_LEAST;
}

/* Of the nearest row's links, of which `from` were looked at: up to where they are looked at next;
 * as many again each time, for few steps. */
static uint32_t part_of(uint32_t from, uint32_t all)
{
    uint32_t to = from > 0 ? 2 * from : GRAPH_LINKS_PART;

    return to < all ? to : all;
}

/* The first place from `at` on that was not left yet. */
static size_t not_left(const struct graph_walker *w, size_t at)
{
    while (at < w->n && w->pool[at] & 1)
        at++;
    return at;
}

void graph_walk(const struct graph *g, const struct cells_query *q, struct graph_walker *w)
{
    size_t at = 0;
    uint32_t from = 0; /* links of the row at hand that were looked at */

    graph_walker_begin(w);
    enter(g, q, w);
    while (at < w->n) {
        uint64_t place = w->pool[at];
        float key = place_key(place), far = follow_limit(w);
        uint32_t all, to;
        size_t n, first, next;

        if (key > far)
            break;
        all = links_of(g, w, key, far);
        to = w->k > 0 && at == 0 ? part_of(from, all) : all;
        w->pool[at] |= to == all;
        if (to == all && w->n_left < w->left_cap)
            w->left[w->n_left++] = place;
        n = meet(g, w, place_row(place), from, to);
        next = not_left(w, at);
        if (to == all && next < w->n)
            ask_links(g, place_row(w->pool[next]));
        compute(g, q, w, n);
        w->hops += to == all;
        first = take(w, w->id, w->key, n);
        from = to < all && first > at ? to : 0;
        at = first < next ? first : next;
    }
}
