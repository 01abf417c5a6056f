/* kmeans.c - see kmeans.h. */
#include "vec/kmeans.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vec/kmeans_seed.h"
#include "vec/nearest.h"

enum {
    BLOCK = 1008, /* rows of a piece of work: whole blocks of nearest.c */
    ITERATIONS = 25,
    WORTH_THREADS = 65536, /* components that are added up */
    LARGE = 4              /* times the mean size: penalties grow no more */
};

/* kmeans_assign(), with penalties of centroids (or NULL). */
static int assign(const struct vec_ops *ops, const float *x, size_t n, uint32_t dim,
                  const float *centroids, uint32_t k, const float *penalty, uint32_t *to,
                  float *distance, int threads, struct err *e)
{
    struct nearest near;

    if (nearest_init(&near, ops, centroids, k, dim, e) < 0)
        return e->code;
    if (penalty)
        nearest_add(&near, penalty);
#pragma omp parallel for num_threads(threads) if (threads > 1 && n > BLOCK) schedule(dynamic)
    for (size_t from = 0; from < n; from += BLOCK) {
        size_t end = n - from < BLOCK ? n : from + BLOCK;

        nearest_find(&near, x + from * dim, end - from, to + from);
        for (size_t i = from; distance && i < end; i++)
            distance[i] = (float)ops->l2_f64(x + i * dim, centroids + (size_t)to[i] * dim, dim);
    }
    nearest_free(&near);
    return 0;
}

int kmeans_assign(const struct vec_ops *ops, const float *x, size_t n, uint32_t dim,
                  const float *centroids, uint32_t k, uint32_t *to, float *distance, int threads,
                  struct err *e)
{
    return assign(ops, x, n, dim, centroids, k, NULL, to, distance, threads, e);
}

/* A row and how far it is from its centroid. */
struct far {
    double distance;
    size_t row;
};

struct run {
    const struct kmeans_opts *o;
    const float *x;
    size_t n;
    uint32_t dim;
    float *centroids;
    uint32_t *assign, *before;
    uint64_t *rows;         /* of cluster c: rows[start[c] .. start[c + 1]), in order */
    uint64_t *start;        /* [k + 1] */
    double balance, uneven; /* the strength left; the sizes before */
};

static void group(struct run *r)
{
    uint32_t k = r->o->k;

    memset(r->start, 0, (k + 1) * sizeof *r->start);
    for (size_t i = 0; i < r->n; i++)
        r->start[r->assign[i] + 1]++;
    for (uint32_t c = 0; c < k; c++)
        r->start[c + 1] += r->start[c];
    for (size_t i = r->n; i-- > 0;) /* from the ends of the clusters backward */
        r->rows[--r->start[r->assign[i] + 1]] = i;
    /* start[c + 1] is now where c begins */
    memmove(r->start, r->start + 1, k * sizeof *r->start);
    r->start[k] = r->n;
}

static double distance_of(const struct run *r, size_t row)
{
    return r->o->ops->l2_f64(r->x + row * r->dim, r->centroids + (size_t)r->assign[row] * r->dim,
                             r->dim);
}

/* Farthest first, of equals the smaller row. */
static int by_distance(const void *a, const void *b)
{
    const struct far *p = a, *q = b;

    if (p->distance != q->distance)
        return p->distance > q->distance ? -1 : 1;
    return p->row < q->row ? -1 : 1;
}

/* Each empty cluster takes the farthest row that is left, from a cluster that keeps another. */
static int fill_empty(struct run *r, struct err *e)
{
    struct far *order = mem_array(r->n, sizeof *order, e);
    uint64_t *size = mem_array(r->o->k, sizeof *size, e);
    size_t n = 0, at = 0;

    for (size_t i = 0; order && size && i < r->n; i++) {
        order[n] = (struct far){distance_of(r, i), i};
        n += order[n].distance > 0;
    }
    if (n > 0)
        qsort(order, n, sizeof *order, by_distance);
    for (uint32_t c = 0; size && c < r->o->k; c++)
        size[c] = r->start[c + 1] - r->start[c];
    for (uint32_t c = 0; order && size && c < r->o->k; c++) {
        if (size[c] > 0)
            continue;
        while (at < n && size[r->assign[order[at].row]] == 1)
            at++;
        if (at == n)
            break; /* as many clusters as different rows */
        size[r->assign[order[at].row]]--;
        size[c] = 1;
        r->assign[order[at++].row] = c;
    }
    free(order);
    free(size);
    if (!order || !size)
        return e->code;
    group(r);
    return 0;
}

static bool any_empty(const struct run *r)
{
    for (uint32_t c = 0; c < r->o->k; c++)
        if (r->start[c] == r->start[c + 1])
            return true;
    return false;
}

static void move_centroid(const struct run *r, uint32_t c, double *sum)
{
    uint64_t from = r->start[c], to = r->start[c + 1];
    float *centroid = r->centroids + (size_t)c * r->dim;

    if (from == to)
        return;
    memset(sum, 0, r->dim * sizeof *sum);
    for (uint64_t i = from; i < to; i++) {
        const float *row = r->x + r->rows[i] * r->dim;

        for (uint32_t j = 0; j < r->dim; j++)
            sum[j] += (double)row[j];
    }
    for (uint32_t j = 0; j < r->dim; j++)
        centroid[j] = (float)(sum[j] / (double)(to - from));
}

static int move_all(const struct run *r, struct err *e)
{
    int threads = r->o->threads;
    double *sums = mem_array((size_t)threads * r->dim, sizeof *sums, e);

    if (!sums)
        return e->code;
        /* A cluster's sum is its thread's own, in the order of rows. */
#pragma omp parallel for num_threads(threads) if (threads > 1 && r->n * r->dim > WORTH_THREADS)
    for (int t = 0; t < threads; t++) {
        for (uint32_t c = (uint32_t)t; c < r->o->k; c += (uint32_t)threads)
            move_centroid(r, c, sums + (size_t)t * r->dim);
    }
    free(sums);
    return 0;
}

/* How uneven clusters are: the sum of squared sizes, of even ones 1. */
static double imbalance(const struct run *r)
{
    double squares = 0;

    for (uint32_t c = 0; c < r->o->k; c++) {
        double size = (double)(r->start[c + 1] - r->start[c]);

        squares += size * size;
    }
    return squares * r->o->k / ((double)r->n * (double)r->n);
}

/* Penalties by the sizes there are: half way from those before, so that rows do not go to and fro.
 * Where they do, as many distances are nearly the same, penalties and all that follow are halved.
 */
static void weigh(struct run *r)
{
    uint32_t k = r->o->k;
    double mean = (double)r->n / k, error = 0, uneven = imbalance(r);
    bool worse = uneven > r->uneven;

    r->balance /= worse ? 2 : 1;
    r->uneven = uneven;
    for (size_t i = 0; i < r->n; i++)
        error += distance_of(r, i) / (double)r->n;
    for (uint32_t c = 0; c < k; c++) {
        double size = (double)(r->start[c + 1] - r->start[c]), is = (double)r->o->penalty[c];
        double want = r->balance * error * fmin(size / mean - 1, LARGE);

        r->o->penalty[c] = (float)(worse ? is / 2 : (is + want) / 2);
    }
}

static int iterate(struct run *r, struct err *e)
{
    const struct kmeans_opts *o = r->o;
    uint32_t most = o->iterations ? o->iterations : ITERATIONS;
    const float *penalty = o->balance > 0 ? o->penalty : NULL;

    for (uint32_t c = 0; penalty && c < o->k; c++)
        o->penalty[c] = 0;
    for (uint32_t it = 0;; it++) {
        if (o->progress)
            o->progress(o->progress_ctx, "k-means", it, most);
        if (assign(o->ops, r->x, r->n, r->dim, r->centroids, o->k, penalty, r->assign, NULL,
                   o->threads, e) < 0)
            return e->code;
        if (it == most || (it > 0 && memcmp(r->assign, r->before, r->n * sizeof *r->assign) == 0))
            return 0;
        group(r);
        if (penalty)
            weigh(r);
        if ((any_empty(r) && fill_empty(r, e) < 0) || move_all(r, e) < 0)
            return e->code;
        memcpy(r->before, r->assign, r->n * sizeof *r->assign);
    }
}

static int run(struct run *r, struct err *e)
{
    int rc;

    r->assign = mem_array(r->n, sizeof *r->assign, e);
    r->before = mem_array(r->n, sizeof *r->before, e);
    r->rows = mem_array(r->n, sizeof *r->rows, e);
    r->start = mem_array((size_t)r->o->k + 1, sizeof *r->start, e);
    rc = r->assign && r->before && r->rows && r->start ? 0 : e->code;
    if (rc == 0)
        rc = kmeans_seed(r->x, r->n, r->dim, r->o, r->centroids, e);
    return rc == 0 ? iterate(r, e) : rc;
}

/* In f32 as it will be summed: four squares must not overflow. */
int kmeans_check(const float *x, size_t n, uint32_t dim, struct err *e)
{
    for (size_t i = 0; i < n; i++, x += dim) {
        double norm = vec_norm2(x, dim);

        if (!isfinite(norm))
            return err_set(e, ERR_INPUT, "row %zu holds NaN or infinity", i);
        if (norm > (double)FLT_MAX / 4)
            return err_set(e, ERR_INPUT, "row %zu is too long: the square of its length is %g", i,
                           norm);
    }
    return 0;
}

int kmeans(const float *x, size_t n, uint32_t dim, const struct kmeans_opts *o, float *centroids,
           uint32_t *assign, double *error, struct err *e)
{
    struct kmeans_opts own = *o;
    struct run r = {.o = &own,
                    .x = x,
                    .n = n,
                    .dim = dim,
                    .centroids = centroids,
                    .balance = o->balance,
                    .uneven = (double)INFINITY};
    int rc;

    own.threads = o->threads > 1 ? o->threads : 1;
    if (o->k == 0 || n < o->k)
        return err_set(e, ERR_INPUT, "%u centroids need as many vectors, and there are %zu", o->k,
                       n);
    if (kmeans_check(x, n, dim, e) < 0)
        return e->code;
    rc = run(&r, e);
    if (rc == 0 && assign)
        memcpy(assign, r.assign, n * sizeof *assign);
    if (rc == 0 && error) {
        *error = 0;
        for (size_t i = 0; i < n; i++)
            *error += distance_of(&r, i) / (double)n;
    }
    free(r.assign);
    free(r.before);
    free(r.rows);
    free(r.start);
    return rc;
}
