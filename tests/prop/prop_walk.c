/* prop_walk.c - the walk of graph.h against one written plainly: what it keeps, what it compares
 * and what it leaves, with and without a slack, in graphs of random links.
 */
#include "../unit/t.h"

#include <math.h>
#include <stdlib.h>

#include "ann/graph.h"
#include "base/rand.h"

enum { STRIDE = 64, CELLS = STRIDE - CELLS_NORM, ROWS_MOST = 400, DEGREE_MOST = 40 };

struct candidate {
    float key;
    uint32_t row;
    bool left;
};

/* The oracle: all that it knows. */
struct plain {
    const struct graph *g;
    const struct graph_walker *w; /* its settings */
    float key[ROWS_MOST];         /* of every row */
    bool met[ROWS_MOST];
    uint32_t seen[ROWS_MOST]; /* links looked at */
    struct candidate pool[ROWS_MOST + 1];
    size_t n;
    uint64_t keys, hops;
};

static int by_key(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->key < y->key || x->key > y->key)
        return x->key < y->key ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static float follow(const struct plain *p)
{
    float kth;

    if (p->w->k == 0 || p->n < p->w->k)
        return INFINITY;
    kth = p->pool[p->w->k - 1].key;
    return kth + p->w->slack * fmaxf(kth + p->w->zero, 0);
}

static void add(struct plain *p, uint32_t row)
{
    p->pool[p->n++] = (struct candidate){p->key[row], row, false};
    qsort(p->pool, p->n, sizeof *p->pool, by_key);
    p->n = p->n < p->w->ef ? p->n : p->w->ef;
}

/* What is too far to be followed is no use either, once as many as `keep` are there. */
static bool wanted(const struct plain *p, uint32_t row)
{
    float far = follow(p);

    if (p->w->k == 0 || p->n < p->w->keep)
        return true;
    return p->key[row] <= fmaxf(far, p->pool[p->w->keep - 1].key);
}

static void meet(struct plain *p, const uint32_t *row, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p->keys += !p->met[row[i]];
        if (!p->met[row[i]] && wanted(p, row[i]))
            add(p, row[i]);
        p->met[row[i]] = true;
    }
}

static uint32_t share(const struct plain *p, const struct candidate *c)
{
    uint32_t degree = p->g->degree, least = degree < 4 ? degree : 4, n;
    float far = follow(p), kth, t;

    if (!(far < INFINITY) || c->key <= p->pool[p->w->k - 1].key)
        return degree;
    kth = p->pool[p->w->k - 1].key;
    t = (c->key - kth) / (far - kth);
    n = (uint32_t)((float)degree * (1 - t * t) + 0.5F);
    return n > least ? n : least;
}

static void plain_walk(struct plain *p)
{
    size_t at = 0;

    meet(p, p->g->entries, p->g->n_entries);
    for (;; at = 0) {
        struct candidate c;
        uint32_t links[DEGREE_MOST], all, to, n = 0;

        while (at < p->n && p->pool[at].left)
            at++;
        if (at == p->n || p->pool[at].key > follow(p))
            return;
        c = p->pool[at];
        all = to = share(p, &c);
        if (p->w->k > 0 && at == 0)
            to = p->seen[c.row] ? 2 * p->seen[c.row] : GRAPH_LINKS_PART;
        to = to < all ? to : all;
        while (p->seen[c.row] < to)
            links[n++] = graph_link(p->g, c.row, p->seen[c.row]++);
        p->pool[at].left = to == all;
        p->hops += to == all;
        meet(p, links, n);
    }
}

/* ---- random graphs ---- */

struct world {
    struct graph g;
    struct graph_walker w;
    uint8_t *cells, *links;
    uint32_t entries[8];
    uint8_t query[STRIDE];
    int8_t weights[STRIDE];
    struct cells_query q;
    float square; /* of the query */
};

static void put_row(uint8_t *row, uint64_t *seed, unsigned vary)
{
    float norm = 0;

    for (size_t i = 0; i < CELLS; i++) {
        row[i] = (uint8_t)(128 - vary / 2 + rand_below(seed, vary));
        norm += (float)((row[i] - 128) * (row[i] - 128));
    }
    memcpy(row + CELLS, &norm, sizeof norm);
}

static void put_links(struct world *x, uint64_t *seed)
{
    struct graph *g = &x->g;

    for (uint64_t i = 0; i < g->rows * g->degree; i++) {
        uint64_t to = rand_below(seed, 8) ? rand_below(seed, g->rows) : i / g->degree;

        for (unsigned b = 0; b < g->width; b++)
            x->links[i * g->width + b] = (uint8_t)(to >> 8 * b);
    }
}

/* vary: 2 gives many equal keys. */
static void world_make(struct world *x, uint64_t *seed, unsigned vary)
{
    struct graph *g = &x->g;

    *g = (struct graph){.rows = 1 + rand_below(seed, ROWS_MOST),
                        .degree = 1 + (uint32_t)rand_below(seed, DEGREE_MOST),
                        .width = 2 + (unsigned)rand_below(seed, 3),
                        .n_entries = 1 + (uint32_t)rand_below(seed, 8),
                        .bits = 8,
                        .stride = STRIDE,
                        .entries = x->entries,
                        .ops = &cells_portable};
    g->live = g->rows;
    x->cells = aligned_alloc(64, g->rows * STRIDE);
    x->links = malloc(g->rows * g->degree * g->width);
    if (!x->cells || !x->links)
        exit(1);
    g->cells = x->cells;
    g->links = x->links;
    for (uint64_t i = 0; i < g->rows; i++)
        put_row(x->cells + i * STRIDE, seed, vary);
    for (uint32_t i = 0; i < g->n_entries; i++)
        x->entries[i] = (uint32_t)rand_below(seed, g->rows);
    put_links(x, seed);
    put_row(x->query, seed, vary);
    x->square = cells_norm(x->query, STRIDE);
    cells_query_row(x->query, STRIDE, x->weights, &x->q);
}

static void compare(const struct world *x, struct plain *p, uint64_t keys, uint64_t hops)
{
    const struct graph_walker *w = &x->w;
    bool same = w->n == p->n;

    for (size_t i = 0; i < w->n && same; i++)
        same = cand_row(w->pool[i]) == p->pool[i].row;
    T_CHECKF(same, "%zu rows of degree %u, k %zu, ef %zu: other rows", (size_t)x->g.rows,
             x->g.degree, w->k, w->ef);
    T_CHECKF(w->keys - keys == p->keys && w->hops - hops == p->hops,
             "k %zu: %llu keys and %llu hops, not %llu and %llu", w->k,
             (unsigned long long)(w->keys - keys), (unsigned long long)(w->hops - hops),
             (unsigned long long)p->keys, (unsigned long long)p->hops);
}

/* Walks of one walker, plain and with slacks in turn. */
static void try_world(uint64_t *seed, unsigned vary)
{
    static const float slack[] = {0, 1e-4F, 0.05F, 0.3F, 100};
    struct world x;
    struct err e = {0};

    world_make(&x, seed, vary);
    T_CHECK(graph_walker_init(&x.w, x.g.rows, 1 + rand_below(seed, 60), 0, &e) == 0);
    for (size_t i = 0; i < 10; i++) {
        struct plain p = {.g = &x.g, .w = &x.w};
        uint64_t keys = x.w.keys, hops = x.w.hops;

        x.w.slack = slack[i % 5];
        x.w.k = x.w.slack > 0 ? 1 + rand_below(seed, x.w.ef) : 0;
        x.w.keep = x.w.k + rand_below(seed, x.w.ef - x.w.k + 1);
        x.w.zero = x.square;
        for (uint32_t row = 0; row < x.g.rows; row++)
            cells_portable.keys8(&x.q, x.cells, STRIDE, &row, 1, &p.key[row]);
        plain_walk(&p);
        graph_walk(&x.g, &x.q, &x.w);
        compare(&x, &p, keys, hops);
    }
    graph_walker_free(&x.w);
    free(x.cells);
    free(x.links);
}

int main(void)
{
    uint64_t seed = 7;

    for (int i = 0; i < 400; i++)
        try_world(&seed, i % 3 == 0 ? 2 : i % 3 == 1 ? 30 : 250);
    return t_done("walk");
}
