/* search.c - queries are checked and shared out over threads in blocks; what a searcher does with a
 * block is its kind's (kind.h). */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "ann/kind.h"
#include "base/mem.h"

enum { BLOCKS = 8, BLOCK_LEAST = 32 };

struct search {
    const struct ann *a;
    struct ann_search_opts o;
    const float *queries;
    uint64_t *id;
    float *score, *us;
};

static int check_queries(const struct ann *a, uint64_t first, const float *queries, uint64_t n,
                         struct err *e)
{
    const struct form *f = &a->form;

    for (uint64_t i = 0; i < n; i++) {
        const float *q = queries + i * f->dim;
        float any = 0;
        bool finite = true;

        for (uint32_t k = 0; k < f->dim; k++) {
            finite &= isfinite(q[k]);
            any = q[k] != 0 ? 1 : any;
        }
        if (!finite)
            return err_set(e, ERR_INPUT, "query %llu has a component that is not finite",
                           (unsigned long long)(first + i));
        if (f->metric == VEC_COSINE && any == 0)
            return err_set(e, ERR_INPUT, "query %llu is a zero vector, which has no cosine",
                           (unsigned long long)(first + i));
    }
    return 0;
}

int ann_check_search(const struct ann *a, const struct ann_search_opts *o, const float *queries,
                     uint64_t n, struct err *e)
{
    if (o->slack > 0 && a->kind->slack_effort == 0)
        return err_set(e, ERR_USAGE, "an index of kind %s takes no slack", a->kind->name);
    if (o->tenant && !a->kind->tenants)
        return err_set(e, ERR_USAGE, "an index of kind %s has no tenants", a->kind->name);
    if (!o->tenant && a->kind->tenants)
        return err_set(e, ERR_USAGE,
                       "an index of kind %s is searched for a tenant, who must be told",
                       a->kind->name);
    return check_queries(a, o->first_query, queries, n, e);
}

uint64_t ann_block(const struct ann_blocks *b, uint64_t n)
{
    uint64_t room = b->bytes / b->each, block = (n + BLOCKS - 1) / BLOCKS;

    block = block > BLOCK_LEAST ? block : BLOCK_LEAST;
    block = block < b->most ? block : b->most;
    block = block < room ? block : room;
    block = block < n ? block : n;
    return block ? block : 1;
}

static void run(const struct search *s, void *const *searchers, int threads, uint64_t n,
                uint64_t block)
{
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (uint64_t at = 0; at < n; at += block) {
        struct ann_queries q = {.x = s->queries + at * s->a->form.dim,
                                .n = n - at < block ? n - at : block,
                                .id = s->id + at * s->o.k,
                                .score = s->score + at * s->o.k,
                                .tenant = s->o.tenant_each ? s->o.tenant + at : s->o.tenant,
                                .tenant_each = s->o.tenant_each,
                                .us = s->us ? s->us + at : NULL,
                                .allowed = s->o.allowed,
                                .each = s->o.allowed_each};

        if (q.allowed && q.each)
            q.allowed += at;
        s->a->kind->search(searchers[omp_get_thread_num()], &q);
    }
}

/* All blocks, by a searcher for each thread. */
static int with_searchers(const struct search *s, void **searchers, int threads, uint64_t n,
                          uint64_t block, struct ann_search_stats *stats, struct err *e)
{
    const struct ann_kind *kind = s->a->kind;
    int rc = 0;

    for (int t = 0; t < threads && rc == 0; t++)
        rc = kind->searcher_new(&searchers[t], s->a, &s->o, block, e);
    if (rc == 0)
        run(s, searchers, threads, n, block);
    for (int t = 0; t < threads && rc == 0; t++)
        rc = kind->failed ? kind->failed(searchers[t], e) : 0;
    for (int t = 0; t < threads; t++) {
        if (rc == 0 && stats)
            kind->count(searchers[t], stats);
        kind->searcher_free(searchers[t]);
    }
    return rc;
}

/* All queries, in the order they have. */
static int search_all(const struct ann *a, const struct ann_search_opts *o, const float *queries,
                      uint64_t n, uint64_t *id, float *score, struct ann_search_stats *stats,
                      struct err *e)
{
    int threads = o->threads > 1 ? o->threads : 1, rc;
    struct search s = {.a = a,
                       .o = *o,
                       .queries = queries,
                       .id = id,
                       .score = score,
                       .us = stats ? stats->us : NULL};
    uint64_t block, blocks;
    void **searchers;

    if (!(o->slack > 0) && o->effort == 0)
        s.o.effort = a->kind->effort_default;
    block = a->kind->block(a, &s.o, n);
    blocks = (n + block - 1) / block;
    threads = (uint64_t)threads < blocks ? threads : blocks ? (int)blocks : 1;
    if (!(searchers = mem_zero((size_t)threads, sizeof(void *), e)))
        return e->code;
    rc = with_searchers(&s, searchers, threads, n, block, stats, e);
    free(searchers);
    return rc;
}

/* ---- queries that may find the same rows are brought together ---- */

struct moved {
    uintptr_t bits;
    uint64_t from;
};

static int by_bits(const void *a, const void *b)
{
    const struct moved *x = a, *y = b;

    if (x->bits != y->bits)
        return x->bits > y->bits ? 1 : -1;
    return (x->from > y->from) - (x->from < y->from);
}

/* Room for all that is moved. */
struct together {
    struct moved *order;
    float *x, *score, *us;
    uint64_t *id;
    struct ann_allowed *allowed;
};

static void together_free(struct together *t)
{
    free(t->order);
    free(t->x);
    free(t->score);
    free(t->us);
    free(t->id);
    free(t->allowed);
}

/* Groups come in the order of their first queries, so that what a block is does not depend on where
 * bits lie. */
static int order(struct moved *m, const struct ann_allowed *allowed, uint64_t n, struct err *e)
{
    uint64_t *first = mem_array(n, sizeof *first, e), begin = 0;

    if (!first)
        return e->code;
    for (uint64_t i = 0; i < n; i++)
        m[i] = (struct moved){(uintptr_t)allowed[i].bits, i};
    qsort(m, n, sizeof *m, by_bits);
    for (uint64_t i = 0; i < n; i++) {
        begin = i > 0 && m[i].bits == m[i - 1].bits ? begin : i;
        first[i] = m[begin].from;
    }
    for (uint64_t i = 0; i < n; i++)
        m[i].bits = (uintptr_t)first[i];
    qsort(m, n, sizeof *m, by_bits);
    free(first);
    return 0;
}

static int together_init(struct together *t, const struct ann_search_opts *o, uint32_t dim,
                         const float *queries, uint64_t n, bool us, struct err *e)
{
    t->order = mem_array(n, sizeof *t->order, e);
    t->x = mem_array(n * dim, sizeof *t->x, e);
    t->score = mem_array(n * o->k, sizeof *t->score, e);
    t->id = mem_array(n * o->k, sizeof *t->id, e);
    t->us = mem_array(us ? n : 0, sizeof *t->us, e);
    t->allowed = mem_array(n, sizeof *t->allowed, e);
    if (!t->order || !t->x || !t->score || !t->id || !t->us || !t->allowed ||
        order(t->order, o->allowed, n, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t from = t->order[i].from;

        memcpy(t->x + i * dim, queries + from * dim, dim * sizeof *t->x);
        t->allowed[i] = o->allowed[from];
    }
    return 0;
}

static void put_back(const struct together *t, uint32_t k, uint64_t n, uint64_t *id, float *score,
                     float *us)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t to = t->order[i].from;

        memcpy(id + to * k, t->id + i * k, k * sizeof *id);
        memcpy(score + to * k, t->score + i * k, k * sizeof *score);
        if (us)
            us[to] = t->us[i];
    }
}

static int search_together(const struct ann *a, const struct ann_search_opts *o,
                           const float *queries, uint64_t n, uint64_t *id, float *score,
                           struct ann_search_stats *stats, struct err *e)
{
    float *us = stats ? stats->us : NULL;
    struct ann_search_opts own = *o;
    struct together t = {0};
    int rc = together_init(&t, o, a->form.dim, queries, n, us != NULL, e);

    own.allowed = t.allowed;
    if (us)
        stats->us = t.us;
    if (rc == 0)
        rc = search_all(a, &own, t.x, n, t.id, t.score, stats, e);
    if (us)
        stats->us = us;
    if (rc == 0)
        put_back(&t, o->k, n, id, score, us);
    together_free(&t);
    return rc;
}

int ann_search(const struct ann *a, const struct ann_search_opts *o, const float *queries,
               uint64_t n, uint64_t *id, float *score, struct ann_search_stats *stats,
               struct err *e)
{
    double began = now_s();
    bool together = o->batch && o->allowed && o->allowed_each && n > 1;
    int rc = ann_check_search(a, o, queries, n, e);

    if (rc == 0)
        rc = (together ? search_together : search_all)(a, o, queries, n, id, score, stats, e);

    if (stats)
        stats->seconds += now_s() - began;
    return rc;
}

static struct filter_case case_of(const struct ann *a, const struct ann_search_opts *o,
                                  uint64_t count)
{
    bool most = o->slack > 0; /* the effort is only the most */
    uint32_t effort = o->effort && !most ? o->effort : a->kind->effort_default;
    struct filter_case c;

    if (a->kind->filter == FILTER_WALK && effort < o->k)
        effort = o->k; /* which are kept at least */
    c = (struct filter_case){.kind = a->kind->filter,
                             .rows = a->rows,
                             .live = a->live,
                             .count = count,
                             .k = o->k,
                             .effort = effort};
    if (a->kind->filter_more)
        a->kind->filter_more(a, o, &c);
    return c;
}

struct filter_plan ann_filter_plan(const struct ann *a, const struct ann_search_opts *o,
                                   uint64_t count)
{
    struct filter_case c = case_of(a, o, count);

    return filter_plan(&c);
}

void ann_explain(const struct ann *a, const struct ann_search_opts *o, uint64_t count,
                 struct ann_explained *x)
{
    struct filter_case c = case_of(a, o, count);
    struct filter_plan p = filter_plan(&c);

    x->plan = filter_name(p.how);
    filter_why(&c, &p, x->why, sizeof x->why);
}
