/* sweep.c - see sweep.h: the measurements. */
#include "ann/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "vec/recall.h"

enum { PATIENCE = 4 };

/* What one search needs. */
struct run {
    const struct ann *a;
    const struct sweep_opts *o;
    const struct vec_matrix *queries;
    const struct neigh *truth;
    struct neigh found;
    float *us;
};

/* The percentiles of the times in r->us, which are sorted for it. */
static void take_times(const struct run *r, struct sweep_point *p)
{
    uint64_t n = r->queries->rows;

    sort_floats(r->us, n);
    p->p50_us = (double)sorted_at(r->us, n, .5);
    p->p99_us = (double)sorted_at(r->us, n, .99);
}

/* A round: its times, if it is the fastest so far. */
static int measure(const struct run *r, struct sweep_point *p, struct err *e)
{
    const struct ann_search_opts how = {.k = r->o->k,
                                        .effort = p->setting.effort,
                                        .rerank = p->setting.rerank,
                                        .slack = p->setting.slack,
                                        .tenant = r->o->tenant,
                                        .threads = r->o->threads};
    struct ann_search_stats s = {.us = r->us};
    uint64_t n = r->queries->rows;
    double qps;

    if (ann_search(r->a, &how, r->queries->v, n, r->found.id, r->found.score, &s, e) < 0)
        return e->code;
    p->keys = n ? (double)s.keys / (double)n : 0;
    p->exact = n ? (double)s.exact / (double)n : 0;
    qps = s.seconds > 0 ? (double)n / s.seconds : 0;
    if (qps <= p->qps)
        return 0;
    p->qps = qps;
    take_times(r, p);
    return 0;
}

/* A setting's first round, of which the recall is that of all. */
static int add_point(struct sweep *s, const struct run *r, struct sweep_setting setting,
                     struct err *e)
{
    struct recall recall;
    struct sweep_point *p;

    if (mem_reserve(&s->point, &s->cap, s->n + 1, sizeof *s->point, e) < 0)
        return e->code;
    p = &s->point[s->n];
    *p = (struct sweep_point){.setting = setting};
    if (measure(r, p, e) < 0 || recall_compute(&recall, &r->found, r->truth, r->o->k, NULL, e) < 0)
        return e->code;
    p->recall = recall.mean;
    recall_free(&recall);
    if (isnan(p->recall))
        return err_set(e, ERR_INPUT, "no query has a true neighbour");
    s->n++;
    if (r->o->progress)
        r->o->progress(r->o->progress_ctx, "settings", s->n, 0);
    return 0;
}

/* Rounds go over all settings, so that what disturbs the machine for a moment does not meet one
 * setting in all of its rounds. */
static int more_rounds(struct sweep *s, const struct run *r, struct err *e)
{
    for (uint32_t round = 1; round < r->o->rounds; round++)
        for (size_t i = 0; i < s->n; i++) {
            if (measure(r, &s->point[i], e) < 0)
                return e->code;
            if (r->o->progress)
                r->o->progress(r->o->progress_ctx, "settings", round * s->n + i + 1,
                               r->o->rounds * s->n);
        }
    return 0;
}

/* Is there nothing to be gained from larger settings? */
static bool is_enough(const struct sweep *s)
{
    const struct sweep_point *last = &s->point[s->n - 1];

    return last->recall >= SWEEP_ENOUGH || last->setting.effort >= s->info.rows ||
           last->setting.effort >= s->info.effort_most ||
           (s->n > PATIENCE && last->recall <= last[-PATIENCE].recall);
}

static uint32_t next_setting(uint32_t v, uint32_t most)
{
    double next = fmin(fmax(ceil((double)v * sqrt(2)), v + 1.0), most);

    return (uint32_t)next;
}

static int sweep(struct sweep *s, const struct run *r, struct err *e)
{
    uint32_t v = strcmp(s->info.effort, "ef") == 0 ? r->o->k : 1;
    int rc = 0;

    for (size_t i = 0; i < r->o->settings && rc == 0; i++)
        rc = add_point(s, r, r->o->setting[i], e);
    if (r->o->setting || rc < 0)
        return rc;
    do
        rc = add_point(s, r, (struct sweep_setting){.effort = v}, e);
    while (rc == 0 && !is_enough(s) && (v = next_setting(v, s->info.effort_most)));
    return rc;
}

static int check(const struct sweep *s, const struct vec_matrix *queries, const struct neigh *truth,
                 struct err *e)
{
    if (queries->rows && queries->dim != s->info.dim)
        return err_set(e, ERR_USAGE, "'%s' has vectors of %u components, the queries of %u",
                       s->name, s->info.dim, queries->dim);
    if (queries->rows != truth->queries)
        return err_set(e, ERR_USAGE, "the truth is of %llu queries, and there are %llu",
                       (unsigned long long)truth->queries, (unsigned long long)queries->rows);
    return 0;
}

int sweep_run(struct sweep *s, const struct ann *a, const struct sweep_opts *o,
              const struct vec_matrix *queries, const struct neigh *truth, struct err *e)
{
    struct run r = {.a = a, .o = o, .queries = queries, .truth = truth};
    int rc;

    ann_info(a, &s->info);
    if (check(s, queries, truth, e) < 0 || neigh_init(&r.found, queries->rows, o->k, true, e) < 0)
        return e->code;
    r.us = mem_array(queries->rows, sizeof *r.us, e);
    rc = r.us ? sweep(s, &r, e) : e->code;
    if (rc == 0)
        rc = more_rounds(s, &r, e);
    neigh_free(&r.found);
    free(r.us);
    return rc;
}

void sweep_free(struct sweep *s)
{
    free(s->point);
    s->point = NULL;
    s->n = s->cap = 0;
}
