/* kmeans.c - see kmeans.h. */
#include "vec/kmeans.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

enum { BLOCK = 256, ITERATIONS = 25 };

/* One panel of centroids against a block of rows: the best so far and its key, |c|^2 - 2<x, c>. */
static void offer_panel(const float *tile, size_t n, const float *norm, uint32_t first, uint32_t nc,
                        uint32_t *best, float *key)
{
    for (size_t i = 0; i < n; i++, tile += PANEL)
        for (uint32_t j = 0; j < nc; j++) {
            float k = norm[first + j] - 2 * tile[j];

            if (k < key[i]) {
                key[i] = k;
                best[i] = first + j;
            }
        }
}

/* Centroids, packed for products. */
struct packed {
    struct vec_matrix panels;
    float *norm;
    uint32_t k, dim;
};

static int pack(struct packed *p, const float *centroids, uint32_t k, uint32_t dim, struct err *e)
{
    size_t panels = (k + PANEL - 1) / PANEL;

    *p = (struct packed){.k = k, .dim = dim};
    p->norm = mem_array(k, sizeof *p->norm, e);
    if (!p->norm || vec_matrix_init(&p->panels, panels * PANEL, dim, e) < 0)
        return e->code;
    for (size_t i = 0; i < panels; i++)
        panel_pack_f32(centroids + i * PANEL * dim, dim * sizeof *centroids,
                       k - i * PANEL < PANEL ? k - i * PANEL : PANEL, dim,
                       p->panels.v + i * PANEL * dim);
    for (uint32_t i = 0; i < k; i++)
        p->norm[i] = (float)vec_norm2(centroids + (size_t)i * dim, dim);
    return 0;
}

static void unpack(struct packed *p)
{
    vec_matrix_free(&p->panels);
    free(p->norm);
}

static void assign_block(const struct vec_ops *ops, const struct packed *p, const float *x,
                         size_t n, uint32_t *assign, float *distance)
{
    float tile[BLOCK * PANEL], key[BLOCK];

    for (size_t i = 0; i < n; i++) {
        key[i] = __builtin_inff();
        assign[i] = 0;
    }
    for (uint32_t first = 0; first < p->k; first += PANEL) {
        uint32_t nc = p->k - first < PANEL ? p->k - first : PANEL;

        ops->tile_f32(x, p->dim * sizeof *x, n, p->panels.v + (size_t)first * p->dim, p->dim, tile);
        offer_panel(tile, n, p->norm, first, nc, assign, key);
    }
    for (size_t i = 0; distance && i < n; i++) {
        double d = vec_norm2(x + i * p->dim, p->dim) + (double)key[i];

        distance[i] = d > 0 ? (float)d : 0;
    }
}

int kmeans_assign(const struct vec_ops *ops, const float *x, size_t n, uint32_t dim,
                  const float *centroids, uint32_t k, uint32_t *assign, float *distance,
                  int threads, struct err *e)
{
    size_t blocks = (n + BLOCK - 1) / BLOCK;
    struct packed p;
    int rc = pack(&p, centroids, k, dim, e);

    if (rc == 0) {
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)
        for (size_t b = 0; b < blocks; b++) {
            size_t from = b * BLOCK, rows = n - from < BLOCK ? n - from : BLOCK;

            assign_block(ops, &p, x + from * dim, rows, assign + from,
                         distance ? distance + from : NULL);
        }
    }
    unpack(&p);
    return rc;
}

struct run {
    const struct kmeans_opts *o;
    const float *x;
    size_t n;
    uint32_t dim;
    float *centroids;
    uint32_t *assign, *before;
    float *distance;
    uint64_t *rows;  /* of cluster c: rows[start[c] .. start[c + 1]), in order */
    uint64_t *start; /* [k + 1] */
};

/* Rows that begin as centroids: k different ones by number, in a random choice. */
static void begin(struct run *r)
{
    uint64_t state = r->o->seed;

    rand_choose(&state, r->n, r->o->k, r->rows);
    for (uint32_t c = 0; c < r->o->k; c++)
        memcpy(r->centroids + (size_t)c * r->dim, r->x + r->rows[c] * r->dim,
               r->dim * sizeof *r->x);
}

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

/* Each empty cluster takes the row farthest from its centroid among clusters of two rows or more.
 */
static void fill_empty(struct run *r)
{
    for (uint32_t c = 0; c < r->o->k; c++) {
        size_t far = r->n;

        if (r->start[c] < r->start[c + 1])
            continue;
        for (size_t i = 0; i < r->n; i++) {
            uint32_t a = r->assign[i];

            if (r->distance[i] > 0 && r->start[a + 1] - r->start[a] > 1 &&
                (far == r->n || r->distance[i] > r->distance[far]))
                far = i;
        }
        if (far == r->n)
            return; /* as many clusters as different rows */
        r->assign[far] = c;
        r->distance[far] = 0;
        group(r);
    }
}

static void move_centroid(const struct run *r, uint32_t c, double *sum)
{
    uint64_t from = r->start[c], to = r->start[c + 1];
    float *centroid = r->centroids + (size_t)c * r->dim;

    if (from == to)
        return;
    memset(sum, 0, r->dim * sizeof *sum);
    for (uint64_t i = from; i < to; i++)
        for (uint32_t j = 0; j < r->dim; j++)
            sum[j] += (double)r->x[r->rows[i] * r->dim + j];
    for (uint32_t j = 0; j < r->dim; j++)
        centroid[j] = (float)(sum[j] / (double)(to - from));
}

static int move_all(const struct run *r, struct err *e)
{
    int threads = r->o->threads > 1 ? r->o->threads : 1;
    double *sums = mem_array((size_t)threads * r->dim, sizeof *sums, e);

    if (!sums)
        return e->code;
        /* A cluster's sum is its thread's own, in the order of rows. */
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int t = 0; t < threads; t++) {
        for (uint32_t c = (uint32_t)t; c < r->o->k; c += (uint32_t)threads)
            move_centroid(r, c, sums + (size_t)t * r->dim);
    }
    free(sums);
    return 0;
}

static int iterate(struct run *r, struct err *e)
{
    const struct kmeans_opts *o = r->o;
    uint32_t most = o->iterations ? o->iterations : ITERATIONS;
    int rc;

    for (uint32_t it = 0;; it++) {
        if (o->progress)
            o->progress(o->progress_ctx, "k-means", it, most);
        rc = kmeans_assign(o->ops, r->x, r->n, r->dim, r->centroids, o->k, r->assign, r->distance,
                           o->threads, e);
        if (rc < 0 || it == most ||
            (it > 0 && memcmp(r->assign, r->before, r->n * sizeof *r->assign) == 0))
            return rc;
        group(r);
        fill_empty(r);
        if (move_all(r, e) < 0)
            return e->code;
        memcpy(r->before, r->assign, r->n * sizeof *r->assign);
    }
}

int kmeans(const float *x, size_t n, uint32_t dim, const struct kmeans_opts *o, float *centroids,
           uint32_t *assign, double *error, struct err *e)
{
    struct run r = {.o = o, .x = x, .n = n, .dim = dim, .centroids = centroids};
    int rc;

    if (o->k == 0 || n < o->k)
        return err_set(e, ERR_INPUT, "%u centroids need as many vectors, and there are %zu", o->k,
                       n);
    r.assign = mem_array(n, sizeof *r.assign, e);
    r.before = mem_array(n, sizeof *r.before, e);
    r.distance = mem_array(n, sizeof *r.distance, e);
    r.rows = mem_array(n, sizeof *r.rows, e);
    r.start = mem_array((size_t)o->k + 1, sizeof *r.start, e);
    rc = r.assign && r.before && r.distance && r.rows && r.start ? 0 : e->code;
    if (rc == 0) {
        begin(&r);
        rc = iterate(&r, e);
    }
    if (rc == 0 && assign)
        memcpy(assign, r.assign, n * sizeof *assign);
    if (rc == 0 && error) {
        *error = 0;
        for (size_t i = 0; i < n; i++)
            *error += (double)r.distance[i] / (double)n;
    }
    free(r.assign);
    free(r.before);
    free(r.distance);
    free(r.rows);
    free(r.start);
    return rc;
}
