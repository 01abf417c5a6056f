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
 * Where that would read more pages than there are allowed rows, these are read themselves.
 */
#include <math.h>
#include <stdlib.h>

#include "ann/spann_seek.h"

enum { WIDER = 2 /* lists that are put in order, times as many as are expected */ };

void spann_filter_more(const struct ann *a, const struct ann_search_opts *o, struct filter_case *c)
{
    const struct spann *v = a->state;

    (void)o;
    c->lists = fmax(1, v->head.lists);
    c->pages = v->head.vectors ? 1 + (double)v->at[v->head.lists] / c->lists / SPANN_PAGE : 0;
}

/* Which lists hold the rows of m, and how many. */
static void count_homes(struct seeker *t, const struct ann_allowed *m)
{
    struct spann_held *h = &t->held;
    struct allowed_at at = {.bits = m->bits, .rows = t->a->rows};
    size_t n;

    if (h->of == m->bits)
        return;
    for (size_t i = 0; i < h->n; i++)
        h->count[h->list[i]] = 0;
    h->n = 0;
    h->of = m->bits;
    while ((n = h->ops->next(&at, h->row, SPANN_HELD_ROWS)) > 0)
        for (size_t i = 0; i < n; i++) {
            uint32_t list = t->v->home[h->row[i]];

            if (list < t->v->head.lists && h->count[list]++ == 0)
                h->list[h->n++] = list;
        }
}

/* Their heads, as places by squared distance, into near[h->n]. */
static void compare_heads(struct seeker *t, uint64_t *near)
{
    const struct graph *g = &t->v->graph;
    struct spann_held *h = &t->held;

    t->a->ops->keys8(&t->fq.cells, g->cells, g->stride, h->list, h->n, h->key);
    t->walker.keys += h->n;
    for (size_t i = 0; i < h->n; i++)
        near[i] = place_of((float)(t->fq.add + t->fq.mul * (double)h->key[i]), h->list[i]);
}

/* How many of the lists near[h->n] are enough, which come first then, in order. */
static size_t enough(struct seeker *t, uint64_t *near, double seen, size_t most)
{
    const struct spann_held *h = &t->held;
    size_t n = 0, ready = 0, want = WIDER * (size_t)t->nprobe;
    uint64_t rows = 0;

    for (; n < h->n && !((double)rows >= seen && n >= t->nprobe && rows >= most); n++) {
        if (n == ready) {
            want = want < h->n - ready ? want : h->n - ready;
            places_select(near + ready, h->n - ready, want);
            places_order(near + ready, want);
            ready += want;
            want = ready;
        }
        rows += h->count[place_row(near[n])];
    }
    return n;
}

int spann_choose(struct seeker *t, struct asker *s, const struct ann_allowed *m)
{
    enum filter_how how = ann_filter_plan(t->a, &t->o, m->count).how;
    double lists = (double)t->v->head.lists, need, seen;

    if (how == FILTER_NONE)
        return 0;
    s->few = how == FILTER_EXACT && t->v->head.vectors ? m : NULL;
    if (s->few)
        return 0;
    s->bits = m->bits;
    count_homes(t, m);
    if (mem_reserve(&t->near, &t->near_cap, t->nears + t->held.n, sizeof *t->near, &t->err) < 0)
        return t->err.code;
    compare_heads(t, t->near + t->nears);
    need = t->nprobe * filter_growth(1, ann_allowed_share(t->a, m->count));
    seen = how == FILTER_EXACT ? INFINITY : fmin(need, lists) * (double)m->count / lists;
    s->n = s->soon = enough(t, t->near + t->nears, seen, t->o.k);
    return 0;
}

int spann_allowed_init(struct seeker *t, struct err *e)
{
    struct spann_held *h = &t->held;
    size_t lists = t->v->head.lists;

    h->ops = allowed_ops_for(t->a->cpu);
    h->count = mem_zero(lists, sizeof *h->count, e);
    h->list = mem_array(lists, sizeof *h->list, e);
    h->key = mem_array(lists, sizeof *h->key, e);
    h->row = mem_array(SPANN_HELD_ROWS, sizeof *h->row, e);
    return h->count && h->list && h->key && h->row ? 0 : e->code;
}

void spann_allowed_free(struct seeker *t)
{
    free(t->held.count);
    free(t->held.list);
    free(t->held.key);
    free(t->held.row);
}
