/* recall.c - see recall.h. */
#include "vec/recall.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vec/knn.h"

/* What one comparison works with. */
struct work {
    const struct recall_ties *ties;
    uint32_t k;
    uint64_t *found, *true_ones; /* [k], sorted */
    uint64_t *sum;               /* [k + 1] hits of all queries that have so many true ones */
    float *row;
};

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The first k of query q's list, sorted, each once; how many. */
static uint32_t take(const struct neigh *n, uint64_t q, uint32_t k, uint64_t *to)
{
    uint32_t have = 0, once = 0;

    if (q >= n->queries)
        return 0;
    while (have < k && have < n->k && n->id[q * n->k + have] != NEIGH_NONE) {
        to[have] = n->id[q * n->k + have];
        have++;
    }
    qsort(to, have, sizeof *to, by_number);
    for (uint32_t i = 0; i < have; i++)
        if (i == 0 || to[i] != to[i - 1])
            to[once++] = to[i];
    return once;
}

static uint32_t common(const uint64_t *a, uint32_t na, const uint64_t *b, uint32_t nb)
{
    uint32_t i = 0, j = 0, n = 0;

    while (i < na && j < nb) {
        n += a[i] == b[j];
        if (a[i] <= b[j])
            j += a[i++] == b[j];
        else
            j++;
    }
    return n;
}

static int key_of(const struct work *w, uint64_t q, double norm, uint64_t row, double *key,
                  struct err *e)
{
    const struct recall_ties *t = w->ties;

    if (row >= t->base.rows)
        return err_set(e, ERR_INPUT, "query %llu names row %llu of a base of %llu",
                       (unsigned long long)q, (unsigned long long)row,
                       (unsigned long long)t->base.rows);
    ops_to_f32(t->ops, t->base.type, vec_row(&t->base, row), t->base.dim, w->row);
    *key = knn_key(t->ops, t->metric, w->row, vec_matrix_row(t->queries, q), t->base.dim, norm);
    return 0;
}

/* Rows that are as near as the farthest true one. */
static int count_near(const struct work *w, uint64_t q, uint32_t found, uint32_t of, uint32_t *hits,
                      struct err *e)
{
    const float *query = vec_matrix_row(w->ties->queries, q);
    double norm = sqrt(w->ties->ops->dot_f64(query, query, w->ties->base.dim));
    double farthest = -INFINITY, key;

    *hits = 0;
    for (uint32_t i = 0; i < of; i++) {
        if (key_of(w, q, norm, w->true_ones[i], &key, e) < 0)
            return e->code;
        farthest = key > farthest ? key : farthest;
    }
    for (uint32_t i = 0; i < found; i++) {
        if (key_of(w, q, norm, w->found[i], &key, e) < 0)
            return e->code;
        *hits += key <= farthest;
    }
    *hits = *hits < of ? *hits : of;
    return 0;
}

/* Rounded once: a recall of exactly .95 is not below .95, in whatever order its queries come. */
static double mean(const struct recall *r, uint64_t *sum, uint32_t k)
{
    long double all = 0;

    for (uint64_t q = 0; q < r->queries; q++)
        sum[r->of[q]] += r->hits[q];
    for (uint32_t of = 1; of <= k; of++)
        all += (long double)sum[of] / of;
    return r->counted ? (double)(all / (long double)r->counted) : NAN;
}

static int compare(struct recall *r, const struct work *w, const struct neigh *result,
                   const struct neigh *truth, struct err *e)
{
    for (uint64_t q = 0; q < r->queries; q++) {
        uint32_t of = take(truth, q, w->k, w->true_ones), found = take(result, q, w->k, w->found);

        r->of[q] = of;
        r->hits[q] = common(w->found, found, w->true_ones, of);
        if (w->ties && count_near(w, q, found, of, &r->hits[q], e) < 0)
            return e->code;
        r->counted += of > 0;
    }
    r->mean = mean(r, w->sum, w->k);
    return 0;
}

static int check(const struct neigh *result, const struct neigh *truth, uint32_t k,
                 const struct recall_ties *ties, struct err *e)
{
    if (truth->k < k)
        return err_set(e, ERR_USAGE, "the truth holds %u neighbours, fewer than %u", truth->k, k);
    if (result->queries > truth->queries)
        return err_set(e, ERR_USAGE, "the result has %llu queries, the truth %llu",
                       (unsigned long long)result->queries, (unsigned long long)truth->queries);
    if (ties && ties->queries->dim != ties->base.dim)
        return err_set(e, ERR_USAGE, "the base has vectors of %u components, the queries of %u",
                       ties->base.dim, ties->queries->dim);
    if (ties && ties->queries->rows < truth->queries)
        return err_set(e, ERR_USAGE, "the truth is of %llu queries, and there are %llu",
                       (unsigned long long)truth->queries, (unsigned long long)ties->queries->rows);
    return 0;
}

int recall_compute(struct recall *r, const struct neigh *result, const struct neigh *truth,
                   uint32_t k, const struct recall_ties *ties, struct err *e)
{
    struct work w = {.ties = ties, .k = k};
    int rc;

    *r = (struct recall){.queries = truth->queries};
    if (check(result, truth, k, ties, e) < 0)
        return e->code;
    r->hits = mem_zero(r->queries, sizeof *r->hits, e);
    r->of = mem_zero(r->queries, sizeof *r->of, e);
    w.found = mem_array(k, sizeof *w.found, e);
    w.true_ones = mem_array(k, sizeof *w.true_ones, e);
    w.sum = mem_zero((size_t)k + 1, sizeof *w.sum, e);
    w.row = mem_array(ties ? ties->base.dim : 1, sizeof *w.row, e);
    rc = !r->hits || !r->of || !w.found || !w.true_ones || !w.sum || !w.row
             ? e->code
             : compare(r, &w, result, truth, e);
    free(w.found);
    free(w.true_ones);
    free(w.sum);
    free(w.row);
    if (rc < 0)
        recall_free(r);
    return rc;
}

void recall_free(struct recall *r)
{
    free(r->hits);
    free(r->of);
    *r = (struct recall){0};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

double *recall_sort(const struct recall *r, struct err *e)
{
    double *v = mem_array(r->counted, sizeof *v, e);
    uint64_t n = 0;

    for (uint64_t q = 0; v && q < r->queries; q++)
        if (r->of[q])
            v[n++] = (double)r->hits[q] / r->of[q];
    if (v)
        qsort(v, n, sizeof *v, by_value);
    return v;
}

double recall_percentile(const double *sorted, uint64_t n, double p)
{
    uint64_t at = (uint64_t)(p * (double)n);

    return n ? sorted[at < n ? at : n - 1] : NAN;
}
