/* graph_update.c - a graph after rows were deleted and others came, without making it anew: the way
 * of FreshDiskANN (Singh et al. 2021), in an order that no thread changes.
 *
 * Each row that was linked to deleted ones takes their neighbours for candidates beside its own,
 * and of the nearest of all of them chooses again by the rule of graph_build.c. All read links as
 * they were before. A row that is left with hardly any, as its whole surroundings have gone, is
 * inserted again, one by one, as walks of others may lead through it. Then the new rows are
 * inserted in batches, as the first were.
 *
 * Walks begin where they began; in place of what was deleted there, at the row nearest to the mean
 * and at some rows of any kind.
 *
 * Cost     a choice for each row that lost a link, and what building costs for each new one. Where
 *          more were deleted, or more came, than stay, the whole is made anew, which is cheaper.
 */
#include <omp.h>
#include <stdlib.h>

#include "ann/graph_int.h"
#include "base/mem.h"
#include "base/rand.h"

/* ---- what was ---- */

/* The links of all rows that were, of deleted ones, too. */
static void load_links(const struct builder *b, const struct graph *was)
{
#pragma omp parallel for num_threads(b->threads)
    for (uint64_t row = 0; row < was->rows; row++) {
        uint32_t to[GRAPH_DEGREE_MAX], n = 0;

        for (uint32_t i = 0; i < was->degree; i++) {
            uint32_t link = graph_link(was, row, i);

            if (link != row)
                to[n++] = link;
        }
        graph_put_links(b, (uint32_t)row, to, n);
    }
}

static uint64_t count_kept(const struct graph *g, uint64_t rows)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < rows; i++)
        n += !graph_is_dead(g, i);
    return n;
}

/* ---- rows that lost links ---- */

static void add_unmet(const struct builder *b, struct hand *h, uint32_t row, size_t *n)
{
    if (graph_is_dead(b->g, row) || h->w.met[row] == h->w.turn)
        return;
    h->w.met[row] = h->w.turn;
    h->id[(*n)++] = row;
}

/* Is it badly off after that, with fewer to choose from than it had? */
static bool mend(const struct builder *b, struct hand *h, uint32_t row)
{
    const uint32_t *link = b->link + (size_t)row * b->wide;
    uint32_t have = graph_count_links(b, row), lost = 0;
    size_t n = 0;

    for (uint32_t i = 0; i < have; i++)
        lost += graph_is_dead(b->g, link[i]);
    if (lost == 0)
        return false;
    graph_walker_begin(&h->w);
    h->w.met[row] = h->w.turn;
    for (uint32_t i = 0; i < have; i++) {
        const uint32_t *next = b->link + (size_t)link[i] * b->wide;
        uint32_t theirs = graph_is_dead(b->g, link[i]) ? graph_count_links(b, link[i]) : 0;

        add_unmet(b, h, link[i], &n);
        for (uint32_t k = 0; k < theirs; k++)
            add_unmet(b, h, next[k], &n);
    }
    graph_link_anew(b, h, row, n, b->o->beam);
    return n < have;
}

/* Those that are badly off come first in b->order: how many. */
static uint64_t mend_all(struct builder *b, uint64_t rows, uint8_t *poor)
{
    uint64_t n = 0;

#pragma omp parallel for schedule(dynamic, 64) num_threads(b->threads)
    for (uint64_t row = 0; row < rows; row++)
        if (!graph_is_dead(b->g, row))
            poor[row] = mend(b, &b->hand[omp_get_thread_num()], (uint32_t)row);
    for (uint64_t row = 0; row < rows; row++) {
        if (graph_is_dead(b->g, row))
            graph_put_links(b, (uint32_t)row, b->order, 0);
        else if (poor[row])
            b->order[n++] = (uint32_t)row;
    }
    return n;
}

/* ---- entries ---- */

static void add_entry(const struct builder *b, struct graph_made *m, uint32_t row)
{
    struct graph *g = b->g;

    for (uint32_t i = 0; i < g->n_entries; i++)
        if (m->entry[i] == row)
            return;
    if (!graph_is_dead(g, row))
        m->entry[g->n_entries++] = row;
}

/* Those that stay, and others for those that do not: `kept` rows of *was live. */
static int set_entries(const struct builder *b, struct graph_made *m, const struct graph *was,
                       uint64_t kept, struct err *e)
{
    uint32_t middle = was->entries[0], want = was->n_entries;
    uint64_t seed = GRAPH_SEED;
    struct graph old = *b->g;

    old.rows = was->rows;
    old.live = kept;
    if (graph_is_dead(b->g, middle) && graph_middle(&old, &middle, e) < 0)
        return e->code;
    b->g->entries = m->entry;
    b->g->n_entries = 0;
    add_entry(b, m, middle);
    for (uint32_t i = 0; i < was->n_entries && b->g->n_entries < want; i++)
        add_entry(b, m, was->entries[i]);
    want = want < kept ? want : (uint32_t)kept;
    while (b->g->n_entries < want)
        add_entry(b, m, (uint32_t)rand_below(&seed, was->rows));
    return 0;
}

/* ---- the whole ---- */

/* New rows into b->order, mixed: how many. */
static uint64_t set_order(struct builder *b, uint64_t first)
{
    uint64_t seed = GRAPH_SEED, n = 0;

    for (uint64_t row = first; row < b->g->rows; row++)
        if (!graph_is_dead(b->g, row))
            b->order[n++] = (uint32_t)row;
        else
            graph_put_links(b, (uint32_t)row, b->order, 0);
    for (uint64_t i = n; i > 1; i--) {
        uint64_t j = rand_below(&seed, i);
        uint32_t t = b->order[i - 1];

        b->order[i - 1] = b->order[j];
        b->order[j] = t;
    }
    return n;
}

static int change(struct builder *b, struct graph_made *m, const struct graph *was, uint64_t kept,
                  struct err *e)
{
    uint8_t *poor = mem_zero(was->rows, 1, e);
    uint64_t again, n;

    if (!poor)
        return e->code;
    load_links(b, was);
    again = mend_all(b, was->rows, poor);
    free(poor);
    if (set_entries(b, m, was, kept, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < again; i++)
        graph_insert(b, i, i + 1);
    n = set_order(b, was->rows);
    graph_insert(b, 0, n);
    graph_fill_entries(b, m, 0, n);
    return graph_finish(b, m, e);
}

int graph_update(struct graph_made *m, struct graph *g, const struct graph *was,
                 const struct graph_opts *o, struct err *e)
{
    uint64_t kept = count_kept(g, was->rows), gone = was->live - kept, came = g->live - kept;
    struct builder b;
    int rc;

    if (gone >= kept || came > kept)
        return graph_make(m, g, o, e);
    *m = (struct graph_made){0};
    rc = graph_builder_init(&b, g, o, was->degree * ((size_t)was->degree + 1), e);
    if (rc == 0)
        rc = change(&b, m, was, kept, e);
    graph_builder_free(&b);
    return rc;
}
