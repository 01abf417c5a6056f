/* spann_allowed.c - lists on the disk, where only some rows may be found.
 *
 * Section HOME says in which list each row stands in any case, so which lists hold allowed rows,
 * and how many, is known before anything is read: the allowed rows are counted by their homes, once
 * for queries that share them. Of these lists alone the heads are compared, all of them: 20 ns
 * each, where to read a list is hundreds. Then the nearest are read, as in ivf_allowed.c: as many
 * as hold the allowed rows that nprobe * filter_growth() lists would hold on average; nprobe
 * of them at least, and until they hold k. (Copies of rows in lists that are not their home come on
 * top.)
 *
 * Where that would read more pages than there are allowed rows, these are read themselves. (Of
 * lists in memory only the vectors of the best count, and what a scan takes of the time of a page.)
 */
#include <math.h>
#include <stdlib.h>

#include "ann/spann_seek.h"

/* What a scan of a list in memory takes, of the time of a page: .4 us a list of 128, and 10 us. */
static const double SCAN_PAGES = 0.05;

void spann_filter_more(const struct ann *a, const struct ann_search_opts *o, struct filter_case *c)
{
    const struct spann *v = a->state;

    c->lists = fmax(1, v->head.lists);
    if (!v->head.vectors)
        c->pages = 0;
    else if (v->codes)
        c->pages = SCAN_PAGES + (double)spann_rerank(v, o) / fmax(1, c->effort);
    else
        c->pages = 1 + (double)v->at[v->head.lists] / c->lists / SPANN_PAGE;
}

/* Heads of lists that hold rows, as candidates by squared distance, into near[held.n]. */
static void compare_heads(struct seeker *t, uint64_t *near)
{
    const struct graph *g = &t->v->graph;
    const struct held *h = &t->held;
    float *key = t->held_key;

    t->a->ops->keys8(&t->fq.cells, g->cells, g->stride, h->list, h->n, key);
    t->walker.keys += h->n;
    for (size_t i = 0; i < h->n; i++)
        near[i] = cand_of((float)(t->fq.add + t->fq.mul * (double)key[i]), h->list[i]);
}

int spann_choose(struct seeker *t, struct asker *s, const struct ann_allowed *m)
{
    enum filter_how how = ann_filter_plan(t->a, &t->o, m->count).how;
    double lists = (double)t->v->head.lists, most;
    struct held_need need = {.seen = INFINITY, .lists = t->nprobe, .rows = t->o.k};

    if (how == FILTER_NONE)
        return 0;
    s->few = how == FILTER_EXACT && t->v->head.vectors ? m : NULL;
    if (s->few)
        return 0;
    s->bits = m->bits;
    held_count(&t->held, (struct allowed_at){.bits = m->bits, .rows = t->a->rows}, t->v->home,
               t->v->head.lists);
    if (mem_reserve(&t->near, &t->near_cap, t->nears + t->held.n, sizeof *t->near, &t->err) < 0)
        return t->err.code;
    compare_heads(t, t->near + t->nears);
    most = t->nprobe * filter_growth(1, ann_allowed_share(t->a, m->count));
    if (how != FILTER_EXACT)
        need.seen = fmin(most, lists) * (double)m->count / lists;
    s->n = s->soon = held_enough(&t->held, t->near + t->nears, &need);
    return 0;
}

int spann_allowed_init(struct seeker *t, struct err *e)
{
    t->held_key = mem_array(t->v->head.lists, sizeof *t->held_key, e);
    return t->held_key ? held_init(&t->held, t->v->head.lists, 0, t->a->cpu, e) : e->code;
}

void spann_allowed_free(struct seeker *t)
{
    held_free(&t->held);
    free(t->held_key);
}
