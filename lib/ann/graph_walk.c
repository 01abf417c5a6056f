/* graph_walk.c - the walk of graph.h. */
#include <math.h>
#include <stdlib.h>

#include "ann/graph_around.h"
#include "ann/graph_hop.h"
#include "base/mem.h"

int graph_walker_init(struct graph_walker *w, uint64_t rows, size_t ef, size_t left_cap,
                      struct err *e)
{
    ef = ef < rows ? ef : rows ? (size_t)rows : 1;
    *w = (struct graph_walker){.ef = ef, .room = ef, .rows = rows, .left_cap = left_cap};
    w->pool = mem_array(ef + 1, sizeof *w->pool, e);
    w->met = mem_zero(rows, 1, e);
    w->id = mem_array(GRAPH_MEET, sizeof *w->id, e);
    w->key = mem_array(GRAPH_MEET, sizeof *w->key, e);
    w->via = mem_array(GRAPH_MEET, sizeof *w->via, e);
    w->to = mem_array(GRAPH_MEET, sizeof *w->to, e);
    if (left_cap)
        w->left = mem_array(left_cap, sizeof *w->left, e);
    if (w->pool && w->met && w->id && w->key && w->via && w->to && (w->left || !left_cap))
        return 0;
    graph_walker_free(w);
    return e->code;
}

int graph_walker_around(struct graph_walker *w, struct err *e)
{
    w->around = mem_array(AROUND_MOST, sizeof *w->around, e);
    w->ring = mem_array(AROUND_MOST, sizeof *w->ring, e);
    return w->around && w->ring ? 0 : e->code;
}

void graph_walker_free(struct graph_walker *w)
{
    free(w->around);
    free(w->ring);
    free(w->pool);
    free(w->met);
    free(w->id);
    free(w->key);
    free(w->via);
    free(w->to);
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

static void enter(const struct graph *g, const struct cells_query *q, struct graph_walker *w)
{
    size_t n = 0;

    for (uint32_t i = 0; i < g->n_entries; i++) {
        uint32_t row = g->entries[i];

        if (w->met[row] == w->turn)
            continue;
        w->met[row] = w->turn;
        graph_ask_row(g, row);
        w->id[n++] = row;
    }
    graph_compute(g, q, w, n);
    graph_take(w, w->id, w->key, n);
}

/* Of the nearest row's links, of which `from` were looked at: up to where they are looked at next;
 * as many again each time, for few steps. */
static uint32_t part_of(uint32_t from, uint32_t all)
{
    uint32_t to = from > 0 ? 2 * from : GRAPH_LINKS_PART;

    return to < all ? to : all;
}

/* The first candidate from `at` on that was not left yet: what was left is marked. */
static size_t not_left(const struct graph_walker *w, size_t at)
{
    while (at < w->n && cand_is_marked(w->pool[at]))
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
        uint64_t cand = w->pool[at];
        float key = cand_key(cand), far = graph_follow_limit(w);
        uint32_t all, to;
        size_t n, first, next;

        if (key > far)
            break;
        all = graph_links_of(g, w, key, far);
        to = w->k > 0 && at == 0 ? part_of(from, all) : all;
        w->pool[at] = to == all ? cand_mark(cand) : cand;
        if (to == all && w->n_left < w->left_cap)
            w->left[w->n_left++] = cand;
        n = graph_meet(g, w, cand_row(cand), (struct graph_part){from, to}, 0);
        next = not_left(w, at);
        if (to == all && next < w->n)
            graph_ask_links(g, cand_row(w->pool[next]));
        graph_compute(g, q, w, n);
        w->hops += to == all;
        w->parts += to < all;
        first = graph_take(w, w->id, w->key, n);
        from = to < all && first > at ? to : 0;
        at = first < next ? first : next;
    }
}
