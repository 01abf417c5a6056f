/* graph_search.c - the searcher of the kind "graph": a walk finds candidates, and the best of them
 * get their distance from the vectors. With a slack the walk ends by distance (graph.h), ef is the
 * most that it may keep; and of the candidates, vectors are read only while the errors of the
 * estimates so far leave them a chance. Queries are mapped some at a time, which costs a fraction
 * of one by one. */
#include <math.h>
#include <stdlib.h>

#include "ann/gather.h"
#include "ann/graph_search.h"
#include "base/mem.h"

enum {
    AHEAD = 4,  /* vectors asked for before they are read */
    FIRST = 16, /* with a slack as many are read at least, or k, */
};
static const double SPREADS = 2; /* and others that so many spreads of errors may bring in */

struct seeker {
    const struct ann *a;
    struct ann_search_opts o;
    struct graph_walker walker;
    uint32_t rerank;
    struct exact exact;
    float *room;
    int8_t *weights;
    struct form_query q[GRAPH_SEARCH_BLOCK];
    struct best *best; /* [pool] */
    uint64_t exacts;
    struct gather gather; /* where rows are allowed */
};

uint64_t graph_search_block(const struct ann *a, const struct ann_search_opts *o, uint64_t n)
{
    (void)a;
    (void)o;
    (void)n;
    return GRAPH_SEARCH_BLOCK;
}

/* Candidates [from, to) get their distances. */
static void read_vectors(struct seeker *t, const uint64_t *cands, size_t from, size_t to)
{
    for (size_t i = from; i < to && i < from + AHEAD; i++)
        exact_ask(&t->exact, cand_row(cands[i]));
    for (size_t i = from; i < to; i++) {
        if (i + AHEAD < to)
            exact_ask(&t->exact, cand_row(cands[i + AHEAD]));
        t->best[i].row = cand_row(cands[i]);
        t->best[i].key = exact_key(&t->exact, t->best[i].row);
    }
    t->exacts += to - from;
}

static double estimate(const struct form_query *q, uint64_t cand)
{
    return q->add + q->mul * (double)cand_key(cand);
}

/* Of n >= k candidates that were read, how far their estimates were off tells which of the others,
 * up to `most`, may be among the best k: those before the one returned. */
static size_t worth_reading(const struct seeker *t, const struct form_query *q,
                            const uint64_t *cands, size_t n, size_t most)
{
    double sum = 0, squares = 0, kth = -INFINITY, mean, limit;
    size_t to = n;

    for (size_t i = 0; i < n; i++) {
        double off = t->best[i].key - estimate(q, cands[i]);

        sum += off;
        squares += off * off;
    }
    for (size_t i = 0; i < t->o.k; i++)
        kth = t->best[i].key > kth ? t->best[i].key : kth;
    mean = sum / (double)n;
    limit = kth - mean + SPREADS * sqrt(fmax(squares / (double)n - mean * mean, 0));
    while (to < most && estimate(q, cands[to]) <= limit)
        to++;
    return to;
}

static size_t by_vectors(struct seeker *t, const float *query, const struct form_query *q,
                         const uint64_t *cands, size_t n)
{
    size_t first = t->o.k > FIRST ? t->o.k : FIRST;

    exact_query(&t->exact, query);
    if (t->walker.k > 0 && first < n) {
        read_vectors(t, cands, 0, first);
        n = worth_reading(t, q, cands, first, n);
        read_vectors(t, cands, first, n);
    } else {
        read_vectors(t, cands, 0, n);
    }
    best_sort(t->best, n, t->o.k);
    return n;
}

static size_t by_codes(struct seeker *t, const struct form_query *q, const uint64_t *cands,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        t->best[i].row = cand_row(cands[i]);
        t->best[i].key = estimate(q, cands[i]);
    }
    return n;
}

/* The squared distance of a row whose key is 0, in the unit of keys, from which a slack counts. */
static float zero_of(const struct form *f, const float *query, const struct form_query *q)
{
    double more = 0; /* by the component that evens lengths: form.h */

    if (f->metric == VEC_IP)
        more = sqrt(f->most * f->ops->dot_f64(query, query, f->dim));
    return q->mul > 0 ? (float)((q->add + more) / q->mul) : 0;
}

/* No walk should meet a deleted row, whatever a file may say. */
static void drop_dead(struct seeker *t)
{
    size_t kept = 0;

    for (size_t i = 0; i < t->walker.n; i++)
        if (!ann_deleted(t->a, cand_row(t->walker.pool[i])))
            t->walker.pool[kept++] = t->walker.pool[i];
    t->walker.n = kept;
    kept = 0;
    for (size_t i = 0; i < t->walker.n_ring; i++)
        if (!ann_deleted(t->a, t->walker.ring[i]))
            t->walker.ring[kept++] = t->walker.ring[i];
    t->walker.n_ring = kept;
}

/* m: allowed rows, or NULL. */
static size_t one(struct seeker *t, const float *query, const struct form_query *q,
                  const struct ann_allowed *m)
{
    const uint64_t *cands = t->walker.pool;
    size_t n;

    if (t->walker.k)
        t->walker.zero = zero_of(&t->a->form, query, q);
    if (m)
        graph_walk_allowed(t->a->state, &q->cells, &t->walker, m->bits,
                           ann_allowed_share(t->a, m->count));
    else
        graph_walk(t->a->state, &q->cells, &t->walker);
    if (t->a->dead)
        drop_dead(t);
    n = t->walker.n;
    if (t->walker.n_ring > 0 && t->a->vectors) {
        exact_query(&t->exact, query);
        n = gather_rows(&t->gather, t->walker.ring, t->walker.n_ring, q, t->best);
        best_sort(t->best, n, t->o.k);
        return n;
    }
    if (t->a->vectors)
        return by_vectors(t, query, q, cands, n < t->rerank ? n : t->rerank);
    return by_codes(t, q, cands, n);
}

/* Among allowed rows. A walk that ends with too few rows was in vain. */
static size_t among(struct seeker *t, const float *query, const struct form_query *q,
                    const struct ann_allowed *m)
{
    struct filter_plan plan = ann_filter_plan(t->a, &t->o, m->count);
    size_t n = 0;

    if (plan.how == FILTER_NONE)
        return 0;
    if (plan.how == FILTER_ALL)
        return one(t, query, q, NULL);
    if (plan.how == FILTER_WALK)
        n = one(t, query, q, m);
    if (n >= t->o.k)
        return n;
    if (t->a->vectors)
        exact_query(&t->exact, query);
    n = gather(&t->gather, m, q, t->best);
    best_sort(t->best, n, t->o.k);
    return n;
}

void graph_search(void *searcher, const struct ann_queries *q)
{
    struct seeker *t = searcher;
    const struct form *f = &t->a->form;
    uint32_t k = t->o.k;

    form_queries(f, q->x, q->n, t->room, t->weights, t->q);
    for (size_t i = 0; i < q->n; i++) {
        double began = q->us ? now_s() : 0;
        const float *x = q->x + i * f->dim;
        size_t n = q->allowed ? among(t, x, &t->q[i], q->allowed + (q->each ? i : 0))
                              : one(t, x, &t->q[i], NULL);

        best_give(t->best, n, k, f->metric, q->id + i * k, q->score + i * k);
        if (q->us)
            q->us[i] = (float)(1e6 * (now_s() - began));
    }
}

void graph_searcher_free(void *searcher)
{
    struct seeker *t = searcher;

    if (!t)
        return;
    graph_walker_free(&t->walker);
    exact_free(&t->exact);
    gather_free(&t->gather);
    free(t->room);
    free(t->weights);
    free(t->best);
    free(t);
}

static uint32_t pool_of(const struct ann *a, const struct ann_search_opts *o)
{
    uint64_t ef = o->effort ? o->effort : ann_slack_effort(a, o->k);

    ef = ef > o->k ? ef : o->k;
    ef = ef < ANN_EFFORT_MOST ? ef : ANN_EFFORT_MOST;
    return (uint32_t)(ef < a->rows || a->rows == 0 ? ef : a->rows);
}

static uint32_t rerank_of(const struct ann_search_opts *o, uint32_t pool)
{
    uint64_t n = o->rerank ? o->rerank : o->slack > 0 ? (uint64_t)ANN_SLACK_RERANK * o->k : pool;

    n = n > o->k ? n : o->k;
    return n < pool ? (uint32_t)n : pool;
}

/* Where a walk may end by distance: not where as many as k are the whole pool. */
static void set_slack(struct seeker *t, uint32_t pool)
{
    if (!(t->o.slack > 0) || t->o.k > pool)
        return;
    t->walker.k = t->o.k;
    t->walker.keep = t->a->vectors ? t->rerank : t->o.k;
    t->walker.slack = t->o.slack;
}

static int filter_init(struct seeker *t, struct err *e)
{
    const struct graph *g = t->a->state;

    t->gather = (struct gather){
        .a = t->a, .cells = g->cells, .stride = g->stride, .exact = &t->exact};
    if (graph_walker_around(&t->walker, e) < 0)
        return e->code;
    return gather_init(&t->gather, &t->o, e);
}

int graph_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                       uint64_t block, struct err *e)
{
    const struct form *f = &a->form;
    uint32_t pool = pool_of(a, o);
    struct seeker *t = *searcher = mem_zero(1, sizeof *t, e);

    (void)block;
    if (!t)
        return e->code;
    t->a = a;
    t->o = *o;
    t->rerank = rerank_of(o, pool);
    t->room = mem_array(form_room(f, GRAPH_SEARCH_BLOCK), sizeof *t->room, e);
    t->weights = aligned_alloc(CELLS_LINE, GRAPH_SEARCH_BLOCK * form_weights(f));
    t->best = mem_array(pool, sizeof *t->best, e);
    if (!t->weights)
        err_set(e, ERR_MEM, "out of memory for a search");
    if (!t->room || !t->weights || !t->best || exact_init(&t->exact, a, e) < 0 ||
        graph_walker_init(&t->walker, a->rows, o->allowed ? GRAPH_WIDER * pool : pool, 0, e) < 0)
        return e->code;
    t->walker.ef = pool < t->walker.room ? pool : t->walker.room;
    t->walker.ef_least = pool / 2 < o->k ? pool : 2 * (size_t)o->k;
    set_slack(t, pool);
    return o->allowed ? filter_init(t, e) : 0;
}

void graph_search_count(const void *searcher, struct ann_search_stats *s)
{
    const struct seeker *t = searcher;
    const struct graph_walker *w = &t->walker;
    const struct graph *g = t->a->state;

    uint64_t keys = w->keys + t->gather.keys, exacts = t->exacts + t->gather.exacts;

    s->keys += keys;
    s->hops += w->hops;
    s->parts += w->parts;
    s->exact += exacts;
    s->bytes += keys * g->stride + w->links * g->width + exacts * t->a->vector_bytes;
}
