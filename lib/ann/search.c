/* search.c - queries are checked and shared out over threads in blocks; what a searcher does with a
 * block is its kind's (kind.h). */
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "ann/kind.h"
#include "base/mem.h"

struct search {
    const struct ann *a;
    struct ann_search_opts o;
    const float *queries;
    uint64_t *id;
    float *score, *us;
};

static int check_queries(const struct search *s, uint64_t n, struct err *e)
{
    const struct form *f = &s->a->form;

    for (uint64_t i = 0; i < n; i++) {
        const float *q = s->queries + i * f->dim;
        float any = 0;
        bool finite = true;

        for (uint32_t k = 0; k < f->dim; k++) {
            finite &= isfinite(q[k]);
            any = q[k] != 0 ? 1 : any;
        }
        if (!finite)
            return err_set(e, ERR_INPUT, "query %llu has a component that is not finite",
                           (unsigned long long)(s->o.first_query + i));
        if (f->metric == VEC_COSINE && any == 0)
            return err_set(e, ERR_INPUT, "query %llu is a zero vector, which has no cosine",
                           (unsigned long long)(s->o.first_query + i));
    }
    return 0;
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
    for (int t = 0; t < threads; t++) {
        if (rc == 0 && stats)
            kind->count(searchers[t], stats);
        kind->searcher_free(searchers[t]);
    }
    return rc;
}

int ann_search(const struct ann *a, const struct ann_search_opts *o, const float *queries,
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
    double began = now_s();
    uint64_t block, blocks;
    void **searchers;

    if (o->slack > 0 && !a->kind->slack)
        return err_set(e, ERR_USAGE, "an index of kind %s takes no slack", a->kind->name);
    if (o->allowed && a->kind->filter == FILTER_NONE)
        return err_set(e, ERR_USAGE, "an index of kind %s takes no filter", a->kind->name);
    if (!(o->slack > 0) && o->effort == 0)
        s.o.effort = a->kind->effort_default;
    block = a->kind->block(a, &s.o, n);
    blocks = (n + block - 1) / block;
    threads = (uint64_t)threads < blocks ? threads : blocks ? (int)blocks : 1;
    if (check_queries(&s, n, e) < 0 || !(searchers = mem_zero((size_t)threads, sizeof(void *), e)))
        return e->code;
    rc = with_searchers(&s, searchers, threads, n, block, stats, e);
    free(searchers);
    if (stats)
        stats->seconds += now_s() - began;
    return rc;
}

static struct filter_case case_of(const struct ann *a, const struct ann_search_opts *o,
                                  uint64_t count)
{
    bool most = o->slack > 0; /* the effort is only the most */
    uint32_t effort = o->effort && !most ? o->effort : a->kind->effort_default;

    if (a->kind->filter == FILTER_WALK && effort < o->k)
        effort = o->k; /* which are kept at least */
    return (struct filter_case){
        .kind = a->kind->filter, .rows = a->rows, .count = count, .k = o->k, .effort = effort};
}

struct filter_plan ann_filter_plan(const struct ann *a, const struct ann_search_opts *o,
                                   uint64_t count)
{
    struct filter_case c = case_of(a, o, count);

    return filter_plan(&c);
}

int ann_explain(const struct ann *a, const struct ann_search_opts *o, uint64_t count,
                struct ann_explained *x, struct err *e)
{
    struct filter_case c = case_of(a, o, count);
    struct filter_plan p;

    if (a->kind->filter == FILTER_NONE)
        return err_set(e, ERR_USAGE, "an index of kind %s takes no filter", a->kind->name);
    p = filter_plan(&c);
    x->plan = filter_name(p.how);
    filter_why(&c, &p, x->why, sizeof x->why);
    return 0;
}
