/* hqi_search.c - queries of a group search together what their predicate leaves of the lists:
 * hqi.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ann/hqi.h"
#include "ann/ivf_seek.h"
#include "base/mem.h"

static const double growth = 0.5; /* lists with a share s of rows count as s^growth of one */

struct hqi_seeker {
    struct seeker *t;
    const struct hqi *h;
    const struct allowed_ops *ops;
    /* a group: */
    bool ready;
    struct ann_allowed of; /* whose it is */
    struct ivf_some some;
    size_t masks;    /* words of them */
    uint64_t rows;   /* that may be found */
    double weight;   /* of all its lists: whole ones count 1 */
    uint8_t *truths; /* room of hqi_truth() */
    size_t truths_cap;
};

/* ---- lists of a group ---- */

static bool alike(const struct ann_allowed *a, const struct ann_allowed *b)
{
    return a->bits == b->bits && a->count == b->count;
}

static uint64_t size_of(const struct hqi_seeker *s, uint32_t list)
{
    return s->h->ivf.start[list + 1] - s->h->ivf.start[list];
}

static void add_list(struct hqi_seeker *s, uint32_t list, uint32_t mask, uint64_t rows)
{
    struct ivf_some *m = &s->some;
    uint32_t panel = list / PANEL;

    if (rows == 0)
        return;
    m->list[m->n] = list;
    m->mask[m->n++] = mask;
    if (m->panels == 0 || m->panel[m->panels - 1] != panel)
        m->panel[m->panels++] = panel;
    s->rows += rows;
    s->weight += mask == IVF_WHOLE ? 1 : pow((double)rows / (double)size_of(s, list), growth);
}

static size_t words_of(uint64_t rows)
{
    return (size_t)((rows + ALLOWED_LANES - 1) / ALLOWED_LANES);
}

/* Lists of which it is not known whose rows may be found. */
static void look_up(struct hqi_seeker *s, uint32_t first, uint32_t lists)
{
    const struct ivf *v = &s->h->ivf;

    for (uint32_t l = first; l < first + lists; l++) {
        uint64_t n = size_of(s, l);

        add_list(
            s, l, (uint32_t)s->masks,
            s->ops->mask(s->of.bits, v->row + v->start[l], (size_t)n, s->some.masks + s->masks));
        s->masks += words_of(n);
    }
}

/* The tree, as far as the predicate is not false of nodes. */
static void walk(struct hqi_seeker *s, const struct where *w)
{
    const struct hqi *h = s->h;

    for (uint32_t i = 0; i < h->head.nodes;) {
        const struct hqi_node *n = &h->node[i];
        enum hqi_truth is = HQI_SOME;

        if (!s->of.bits)
            is = HQI_ALL;
        else if (w)
            is = hqi_truth(w, h->seen + (size_t)i * h->head.columns, s->truths);
        if (is == HQI_ALL)
            for (uint32_t l = n->first; l < n->first + n->lists; l++)
                add_list(s, l, IVF_WHOLE, size_of(s, l));
        else if (is == HQI_SOME && n->size == 1)
            look_up(s, n->first, n->lists);
        i += is == HQI_SOME ? 1 : n->size;
    }
}

/* What queries may find, one as the other: NULL is all rows. */
static void make_group(struct hqi_seeker *s, const struct ann_allowed *m)
{
    struct ann_allowed of = m ? *m : (struct ann_allowed){0};
    const struct where *w = of.program;
    struct err e;

    if (s->ready && alike(&of, &s->of))
        return;
    s->ready = true;
    s->of = of;
    s->some.n = s->some.panels = 0;
    s->some.bits = of.bits;
    s->masks = 0;
    s->rows = 0;
    s->weight = 0;
    if (w && mem_reserve(&s->truths, &s->truths_cap, w->nodes, 1, &e) < 0)
        w = NULL; /* it goes without */
    walk(s, s->t->a->dead ? NULL : w);
}

/* ---- queries of a group ---- */

/* All rows that may be found, by their vectors. */
static void compare_all(struct hqi_seeker *s, struct asker *q)
{
    struct seeker *t = s->t;
    const struct ivf *v = t->v;

    q->n = 0;
    t->exact.now = q->exact;
    for (uint32_t i = 0; i < s->some.n; i++) {
        uint64_t from = v->start[s->some.list[i]];
        const uint32_t *mask = s->some.mask[i] == IVF_WHOLE ? NULL
                                                            : s->some.masks + s->some.mask[i];

        for (uint64_t r = 0; r < size_of(s, s->some.list[i]); r++)
            if (!mask || mask[r / ALLOWED_LANES] >> r % ALLOWED_LANES & 1)
                ivf_compare(t, q, from + r);
    }
}

static void compare_each(struct hqi_seeker *s, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++) {
        if (!s->t->bare) {
            compare_all(s, &s->t->asker[i]);
            continue;
        }
        s->t->asker[i].n = 0;
        ivf_search_every(s->t, i);
    }
}

/* Queries whose lists held too few. */
static void compare_rest(struct hqi_seeker *s, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++)
        if (!ivf_full(s->t, &s->t->asker[i]) && s->t->asker[i].n < s->rows)
            compare_each(s, i, 1);
}

static void search_group(struct hqi_seeker *s, size_t first, size_t n)
{
    struct seeker *t = s->t;
    uint64_t rows = t->a->rows;
    struct filter_plan plan = ann_filter_plan(t->a, &t->o, s->of.bits ? s->of.count : rows);
    double want;

    if (s->some.n == 0)
        return;
    t->some = &s->some;
    if (plan.how == FILTER_EXACT || t->o.effort >= t->v->head.lists) {
        compare_each(s, first, n);
        return;
    }
    want = ceil(t->o.effort * (double)s->some.n / s->weight);
    t->nprobe = want < s->some.n ? (uint32_t)want : s->some.n;
    for (size_t i = 0, some = t->visits / t->nprobe; i < n; i += some) {
        size_t now = n - i < some ? n - i : some;

        ivf_search_some(t, first + i, now);
        compare_rest(s, first + i, now);
    }
}

/* ---- a block ---- */

void hqi_search(void *searcher, const struct ann_queries *q)
{
    struct hqi_seeker *s = searcher;
    double began = q->us ? now_s() : 0;

    ivf_prepare(s->t, q);
    for (size_t i = 0, to; i < q->n; i = to) {
        to = q->each ? i + 1 : q->n;
        while (q->each && to < q->n && alike(&q->allowed[i], &q->allowed[to]))
            to++;
        make_group(s, q->allowed ? &q->allowed[q->each ? i : 0] : NULL);
        search_group(s, i, to - i);
    }
    ivf_give(s->t, q);
    for (size_t i = 0; q->us && i < q->n; i++)
        q->us[i] = (float)(1e6 * (now_s() - began) / (double)q->n);
}

void hqi_count(const void *searcher, struct ann_search_stats *s)
{
    const struct hqi_seeker *h = searcher;

    ivf_count(h->t, s);
}

void hqi_searcher_free(void *searcher)
{
    struct hqi_seeker *s = searcher;

    if (!s)
        return;
    ivf_searcher_free(s->t);
    free(s->some.list);
    free(s->some.mask);
    free(s->some.panel);
    free(s->some.masks);
    free(s->truths);
    free(s);
}

int hqi_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                     uint64_t block, struct err *e)
{
    struct hqi_seeker *s = *searcher = mem_zero(1, sizeof *s, e);
    struct ann_search_opts own = *o;
    const struct hqi *h = a->state;
    size_t lists = h->ivf.head.lists;
    void *t = NULL;
    int rc;

    if (!s)
        return e->code;
    own.allowed = NULL;
    s->h = h;
    s->ops = allowed_ops_for(a->cpu);
    rc = ivf_searcher_new(&t, a, &own, block, e);
    s->t = t;
    s->some.list = mem_array(lists, sizeof *s->some.list, e);
    s->some.mask = mem_array(lists, sizeof *s->some.mask, e);
    s->some.panel = mem_array(lists / PANEL + 1, sizeof *s->some.panel, e);
    s->some.masks = mem_array(o->allowed ? (size_t)(a->rows / ALLOWED_LANES) + lists : 0,
                              sizeof *s->some.masks, e);
    return rc == 0 && s->some.list && s->some.mask && s->some.panel && s->some.masks ? 0 : e->code;
}
