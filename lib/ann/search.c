/* search.c - queries are shared out over threads, each finds candidates and then the distances of
 * the best from the vectors. Queries are mapped some at a time, which costs a fraction of one by
 * one. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <time.h>

#include "ann/kind.h"
#include "base/mem.h"
#include "vec/neigh.h"

enum { BLOCK = 28, AHEAD = 4 /* vectors asked for before they are read */ };

struct best {
    double key;
    uint32_t row;
};

/* What a thread needs. */
struct seeker {
    void *finder;
    struct exact exact;
    float *room;
    int8_t *weights;
    struct form_query q[BLOCK];
    struct best *best; /* [pool] */
    uint64_t exacts;
};

struct search {
    const struct ann *a;
    struct ann_search_opts o;
    uint32_t pool, rerank;
    const float *queries;
    uint64_t *id;
    float *score, *us;
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_key(const void *a, const void *b)
{
    const struct best *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* The first k of n in order: few are sorted, of many that are not needed. */
static void keep_best(struct best *b, size_t n, size_t k)
{
    size_t have = k < n ? k : n;

    qsort(b, have, sizeof *b, by_key);
    for (size_t i = have; i < n; i++) {
        struct best v = b[i];
        size_t j = have;

        if (have == 0 || by_key(&v, &b[have - 1]) >= 0)
            continue;
        for (j = have - 1; j > 0 && by_key(&b[j - 1], &v) > 0; j--)
            b[j] = b[j - 1];
        b[j] = v;
    }
}

static size_t by_vectors(const struct search *s, struct seeker *t, const float *query,
                         const uint64_t *places, size_t n)
{
    for (size_t i = 0; i < n && i < AHEAD; i++)
        exact_ask(&t->exact, place_row(places[i]));
    exact_query(&t->exact, query);
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            exact_ask(&t->exact, place_row(places[i + AHEAD]));
        t->best[i].row = place_row(places[i]);
        t->best[i].key = exact_key(&t->exact, t->best[i].row);
    }
    t->exacts += n;
    keep_best(t->best, n, s->o.k);
    return n;
}

static size_t by_codes(struct seeker *t, const struct form_query *q, const uint64_t *places,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        t->best[i].row = place_row(places[i]);
        t->best[i].key = q->add + q->mul * (double)place_key(places[i]);
    }
    return n;
}

static void one(const struct search *s, struct seeker *t, uint64_t at, const struct form_query *q)
{
    double began = s->us ? now_s() : 0;
    const uint64_t *places;
    size_t n = s->a->kind->find(t->finder, s->a, &q->cells, &places);
    uint32_t k = s->o.k;

    if (s->a->vectors)
        n = by_vectors(s, t, s->queries + at * s->a->form.dim, places,
                       n < s->rerank ? n : s->rerank);
    else
        n = by_codes(t, q, places, n);
    for (uint32_t i = 0; i < k; i++) {
        bool is = i < n;

        s->id[at * k + i] = is ? t->best[i].row : NEIGH_NONE;
        s->score[at * k + i] = is ? exact_score(s->a->form.metric, t->best[i].key) : NAN;
    }
    if (s->us)
        s->us[at] = (float)(1e6 * (now_s() - began));
}

/* Queries [at, at + n). */
static void block(const struct search *s, struct seeker *t, uint64_t at, size_t n)
{
    const struct form *f = &s->a->form;

    form_queries(f, s->queries + at * f->dim, n, t->room, t->weights, t->q);
    for (size_t i = 0; i < n; i++)
        one(s, t, at + i, &t->q[i]);
}

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

static void seeker_free(const struct search *s, struct seeker *t)
{
    s->a->kind->finder_free(t->finder);
    exact_free(&t->exact);
    free(t->room);
    free(t->weights);
    free(t->best);
}

static int seeker_init(const struct search *s, struct seeker *t, struct err *e)
{
    const struct form *f = &s->a->form;

    t->room = mem_array(form_room(f, BLOCK), sizeof *t->room, e);
    t->weights = aligned_alloc(CELLS_LINE, BLOCK * form_weights(f));
    t->best = mem_array(s->pool, sizeof *t->best, e);
    if (!t->weights)
        err_set(e, ERR_MEM, "out of memory for a search");
    if (!t->room || !t->weights || !t->best || exact_init(&t->exact, s->a, e) < 0 ||
        s->a->kind->finder_new(&t->finder, s->a, &s->o, e) < 0)
        return e->code;
    return 0;
}

static void run(const struct search *s, struct seeker *seekers, int threads, uint64_t n)
{
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (uint64_t at = 0; at < n; at += BLOCK)
        block(s, &seekers[omp_get_thread_num()], at, n - at < BLOCK ? (size_t)(n - at) : BLOCK);
}

static void add_stats(const struct search *s, const struct seeker *t, struct ann_search_stats *st)
{
    s->a->kind->count(t->finder, s->a, st);
    st->exact += t->exacts;
    st->bytes += t->exacts * s->a->vector_bytes;
}

int ann_search(const struct ann *a, const struct ann_search_opts *o, const float *queries,
               uint64_t n, uint64_t *id, float *score, struct ann_search_stats *stats,
               struct err *e)
{
    uint64_t blocks = (n + BLOCK - 1) / BLOCK;
    int threads = o->threads > 1 ? o->threads : 1, rc;
    struct search s = {.a = a,
                       .o = *o,
                       .queries = queries,
                       .id = id,
                       .score = score,
                       .us = stats ? stats->us : NULL};
    struct seeker *seekers;
    double began = now_s();

    s.o.effort = o->effort ? o->effort : a->kind->effort_default;
    s.pool = a->kind->pool(a, &s.o);
    s.rerank = o->rerank == 0 || o->rerank > s.pool ? s.pool : o->rerank > o->k ? o->rerank : o->k;
    threads = (uint64_t)threads < blocks ? threads : blocks ? (int)blocks : 1;
    if (check_queries(&s, n, e) < 0 || !(seekers = mem_zero((size_t)threads, sizeof *seekers, e)))
        return e->code;
    rc = 0;
    for (int t = 0; t < threads && rc == 0; t++)
        rc = seeker_init(&s, &seekers[t], e);
    if (rc == 0)
        run(&s, seekers, threads, n);
    for (int t = 0; t < threads; t++) {
        if (rc == 0 && stats)
            add_stats(&s, &seekers[t], stats);
        seeker_free(&s, &seekers[t]);
    }
    free(seekers);
    if (stats)
        stats->seconds += now_s() - began;
    return rc;
}
