/* graph_repair.c - which rows can be reached, and links to those that cannot.
 *
 * Rows are reached breadth first from the first entry, and the link by which a row is reached first
 * is kept for good. In the order of their numbers, each row that is not reached yet is walked for;
 * of the rows that are met near it, the nearest with a link to spare gives one: none so far, or the
 * last that no row is reached by. Then all that can be reached from there is.
 */
#include <stdlib.h>

#include "ann/graph.h"
#include "base/mem.h"

struct reach {
    const struct graph *g;
    uint32_t *by; /* [rows]: reached by a link of this row; the entry by itself; NOT */
    uint32_t *queue;
    uint64_t reached;
};

#define NOT UINT32_MAX

/* All that can be reached from `row`, which has been. */
static void spread(struct reach *r, uint32_t row)
{
    uint64_t at = 0, n = 0;

    r->queue[n++] = row;
    r->reached++;
    while (at < n) {
        uint32_t from = r->queue[at++];

        for (uint32_t i = 0; i < r->g->degree; i++) {
            uint32_t to = graph_link(r->g, from, i);

            if (r->by[to] != NOT)
                continue;
            r->by[to] = from;
            r->queue[n++] = to;
            r->reached++;
        }
    }
}

static void reach_free(struct reach *r)
{
    free(r->by);
    free(r->queue);
    *r = (struct reach){0};
}

static int reach_init(struct reach *r, const struct graph *g, struct err *e)
{
    *r = (struct reach){.g = g};
    r->by = mem_array(g->rows, sizeof *r->by, e);
    r->queue = mem_array(g->rows, sizeof *r->queue, e);
    if (!r->by || !r->queue) {
        reach_free(r);
        return e->code;
    }
    memset(r->by, 0xff, g->rows * sizeof *r->by);
    if (g->n_entries > 0) {
        r->by[g->entries[0]] = g->entries[0];
        spread(r, g->entries[0]);
    }
    return 0;
}

int graph_reach(const struct graph *g, uint64_t *reached, struct err *e)
{
    struct reach r;

    if (reach_init(&r, g, e) < 0)
        return e->code;
    *reached = r.reached;
    reach_free(&r);
    return 0;
}

/* The place of a link that `from` can spare, or degree. */
static uint32_t spare(const struct reach *r, uint32_t from)
{
    uint32_t degree = r->g->degree, i = 0;

    while (i < degree && graph_link(r->g, from, i) != from)
        i++;
    if (i < degree)
        return i;
    while (i-- > 0)
        if (r->by[graph_link(r->g, from, i)] != from)
            return i;
    return degree;
}

static bool give(struct reach *r, uint32_t *link, uint32_t from, uint32_t to)
{
    uint32_t i = r->by[from] == NOT ? r->g->degree : spare(r, from);

    if (i == r->g->degree)
        return false;
    link[(size_t)from * r->g->degree + i] = to;
    r->by[to] = from;
    spread(r, to);
    return true;
}

static void attach(struct reach *r, struct graph_walker *w, uint32_t *link, int8_t *room,
                   uint32_t row)
{
    struct cells_query q;

    cells_query_row(r->g->cells + row * r->g->stride, r->g->stride, room, &q);
    graph_walk(r->g, &q, w);
    for (size_t i = 0; i < w->n; i++)
        if (give(r, link, cand_row(w->pool[i]), row))
            return;
    for (uint64_t i = 0; i < r->g->rows; i++)
        if (give(r, link, (uint32_t)i, row))
            return;
}

int graph_repair(const struct graph *g, uint32_t *link, size_t beam, uint64_t *repaired,
                 struct err *e)
{
    struct graph_walker w = {0};
    struct reach r;
    int8_t *room = aligned_alloc(CELLS_LINE, g->stride);
    int rc = reach_init(&r, g, e);

    *repaired = 0;
    if (rc == 0 && !room)
        rc = err_set(e, ERR_MEM, "out of memory for a graph");
    if (rc == 0 && r.reached < g->live)
        rc = graph_walker_init(&w, g->rows, beam, 0, e);
    for (uint64_t i = 0; i < g->rows && rc == 0 && r.reached < g->live; i++)
        if (r.by[i] == NOT && !graph_is_dead(g, i)) {
            attach(&r, &w, link, room, (uint32_t)i);
            ++*repaired;
        }
    graph_walker_free(&w);
    free(room);
    reach_free(&r);
    return rc;
}
