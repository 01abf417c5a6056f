/* codec_qavq.c - qavqC: one of C centroids (4,096), of k-means under what queries look at (A2ATS,
 * He et al. 2025).
 *
 * Centroids are to keep inner products with queries: with H = E[q q^T] of a sample of queries,
 * E (<q, x> - <q, c>)^2 = (x - c)^T H (x - c) = |L^T x - L^T c|^2 for a Cholesky factor L of H, so
 * ordinary k-means on the rows L^T x minimises it. H is first divided by the root of its mean
 * square entry, and 1e-6 is added to its diagonal: directions that no query has hardly count, but
 * do. Without queries H is the identity: plain k-means.
 *
 *   code      the number of a centroid: 1 byte when C <= 256, else 2, little-endian (the paper's 12
 *             bits of 4,096 would save a quarter, and cost each gather a shift)
 *   FAC  [dim][dim] f32  L^T       CEN  [C][dim] f32  L^T c       ORG  [C][dim] f32  c
 *
 * c is kept beside L^T c, though it follows from it, so that decoding is the same on every machine.
 * A query is a table of its key with each centroid, -<q, c> or |q|^2 - 2<q, c> + |c|^2; a scan
 * looks up one entry a code. Products are exact chains (ops.h): the same bits on every level.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vec/codec_kind.h"
#include "vec/kmeans.h"
#include "vec/linalg.h"
#include "vec/nearest.h"

enum { CENTROIDS = 4096, CENTROIDS_MAX = 65536 };

struct qavq {
    uint32_t k;
    float *turn;           /* [dim][dim]: L^T */
    float *centroid, *org; /* [k][dim]: L^T c, and c */
    struct linmap turned;  /* by turn */
    struct nearest near;   /* of centroid */
    struct nearest table;  /* of org: panels and norms for queries */
};

static uint32_t centroids_of(const struct codec_spec *s)
{
    return s->has_a ? s->a : CENTROIDS;
}

static int qavq_check(const struct codec_spec *s, uint32_t dim, struct err *e)
{
    uint32_t k = centroids_of(s);

    if (s->has_b || s->word[0] || s->inner[0])
        return err_set(e, ERR_USAGE, "%s: there are qavq (4,096 centroids) and qavqC", s->text);
    if (k > CENTROIDS_MAX)
        return err_set(e, ERR_USAGE, "%s: 1 to %d centroids", s->text, CENTROIDS_MAX);
    if (dim > LA_DIM_MAX)
        return err_set(e, ERR_USAGE, "%s: vectors may have up to %d dimensions, not %u", s->text,
                       LA_DIM_MAX, dim);
    return 0;
}

static void qavq_free(void *state)
{
    struct qavq *v = state;

    if (!v)
        return;
    free(v->turn);
    free(v->centroid);
    free(v->org);
    linmap_free(&v->turned);
    nearest_free(&v->near);
    nearest_free(&v->table);
    free(v);
}

static struct qavq *qavq_new(struct codec *c, struct err *e)
{
    struct qavq *v = c->state = mem_zero(1, sizeof *v, e);

    if (v) {
        v->k = centroids_of(&c->spec);
        c->code_bytes = v->k <= 256 ? 1 : 2;
    }
    return v;
}

static int finish(struct codec *c, struct err *e)
{
    struct qavq *v = c->state;

    if (linmap_init(&v->turned, c->ops, v->turn, c->dim, c->dim, e) < 0 ||
        nearest_init(&v->near, c->ops, v->centroid, v->k, c->dim, e) < 0)
        return e->code;
    return nearest_init(&v->table, c->ops, v->org, v->k, c->dim, e);
}

/* ---- training ---- */

static int normalise(double *h, uint32_t n, struct err *e)
{
    double sum = 0;

    for (size_t i = 0; i < (size_t)n * n; i++)
        sum += h[i] * h[i];
    if (!(sum > 0))
        return err_set(e, ERR_INPUT, "the queries are all zero");
    sum = sqrt(sum) / n;
    for (size_t i = 0; i < (size_t)n * n; i++)
        h[i] /= sum;
    for (size_t i = 0; i < n; i++)
        h[i * n + i] += 1e-6;
    return 0;
}

/* The lower factor of H. */
static int factor(const struct codec *c, const struct codec_train *t, double *l, struct err *e)
{
    uint32_t n = c->dim;

    if (!t->n_queries || !t->queries) {
        memset(l, 0, (size_t)n * n * sizeof *l);
        for (size_t i = 0; i < n; i++)
            l[i * n + i] = 1;
        return 0;
    }
    if (la_moment(t->queries, t->n_queries, n, NULL, l, t->threads, e) < 0 ||
        normalise(l, n, e) < 0)
        return e->code;
    return la_cholesky(l, n, e);
}

/* c = L^-T (L^T c): as rows, times L^-1. Uses l up. */
static int back(const struct codec *c, double *l, struct err *e)
{
    struct qavq *v = c->state;
    size_t cells = (size_t)v->k * c->dim;
    double *from = mem_array(cells, sizeof *from, e), *to = mem_array(cells, sizeof *to, e);
    int rc = from && to ? la_invert_lower(l, c->dim, e) : e->code;

    for (size_t i = 0; rc == 0 && i < cells; i++)
        from[i] = (double)v->centroid[i];
    if (rc == 0)
        la_product(false, false, v->k, c->dim, c->dim, 1, from, l, 0, to);
    for (size_t i = 0; rc == 0 && i < cells; i++)
        v->org[i] = (float)to[i];
    free(from);
    free(to);
    return rc;
}

static int cluster(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct qavq *v = c->state;
    struct kmeans_opts o = {.ops = c->ops,
                            .k = v->k,
                            .seed = t->seed,
                            .threads = t->threads,
                            .progress = t->progress,
                            .progress_ctx = t->progress_ctx};
    struct vec_matrix y = {0};
    int rc = vec_matrix_init(&y, t->n, c->dim, e);

    if (rc == 0)
        rc = vec_products(c->ops, t->x, t->n, v->turn, c->dim, c->dim, y.v, c->dim, t->threads, e);
    if (rc == 0)
        rc = kmeans(y.v, t->n, c->dim, &o, v->centroid, NULL, NULL, e);
    vec_matrix_free(&y);
    return rc;
}

static int train_by(struct codec *c, const struct codec_train *t, double *l, struct err *e)
{
    struct qavq *v = c->state;
    size_t n = c->dim;

    if (factor(c, t, l, e) < 0)
        return e->code;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            v->turn[i * n + j] = (float)l[j * n + i];
    if (cluster(c, t, e) < 0)
        return e->code;
    return back(c, l, e);
}

static int qavq_train(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct qavq *v = qavq_new(c, e);
    size_t n = c->dim;
    double *l;
    int rc;

    if (!v)
        return e->code;
    if (t->n < v->k)
        return err_set(e, ERR_INPUT, "%s: %u centroids need as many vectors, and there are %zu",
                       c->spec.text, v->k, t->n);
    if (kmeans_check(t->x, t->n, c->dim, e) < 0)
        return e->code;
    if (!(v->turn = codec_array(n * n, sizeof *v->turn, e)) ||
        !(v->centroid = codec_array(v->k, n * sizeof *v->centroid, e)) ||
        !(v->org = codec_array(v->k, n * sizeof *v->org, e)) ||
        !(l = mem_array(n * n, sizeof *l, e)))
        return e->code;
    rc = train_by(c, t, l, e);
    free(l);
    return rc == 0 ? finish(c, e) : rc;
}

/* ---- files ---- */

static int qavq_save(const struct codec *c, int level, struct sect_writer *w, struct err *e)
{
    const struct qavq *v = c->state;
    size_t row = c->dim * sizeof(float);

    if (codec_put(w, "FAC", level, v->turn, c->dim, row, e) < 0 ||
        codec_put(w, "CEN", level, v->centroid, v->k, row, e) < 0)
        return e->code;
    return codec_put(w, "ORG", level, v->org, v->k, row, e);
}

static int qavq_load(struct codec *c, int level, const struct sect_file *f, struct err *e)
{
    struct qavq *v = qavq_new(c, e);
    size_t row = c->dim * sizeof(float);

    if (!v || !(v->turn = codec_take(f, "FAC", level, c->dim, row, e)) ||
        !(v->centroid = codec_take(f, "CEN", level, v->k, row, e)) ||
        !(v->org = codec_take(f, "ORG", level, v->k, row, e)) ||
        codec_finite(f, "FAC", level, v->turn, (size_t)c->dim * c->dim, e) < 0 ||
        codec_finite(f, "CEN", level, v->centroid, (size_t)v->k * c->dim, e) < 0 ||
        codec_finite(f, "ORG", level, v->org, (size_t)v->k * c->dim, e) < 0)
        return e->code;
    return finish(c, e);
}

/* ---- coding ---- */

static uint32_t get_code(const struct codec *c, const uint8_t *code)
{
    return c->code_bytes == 1 ? code[0] : code[0] | (uint32_t)code[1] << 8;
}

static int qavq_encode(const struct codec *c, const float *x, size_t n, uint8_t *code,
                       struct err *e)
{
    const struct qavq *v = c->state;
    float *y = mem_array(n, c->dim * sizeof *y, e);
    uint32_t best[CODEC_BLOCK];

    if (!y)
        return e->code;
    linmap_apply(&v->turned, x, n, y);
    nearest_find(&v->near, y, n, best);
    free(y);
    for (size_t i = 0; i < n; i++, code += c->code_bytes) {
        code[0] = (uint8_t)best[i];
        if (c->code_bytes == 2)
            code[1] = (uint8_t)(best[i] >> 8);
    }
    return 0;
}

static int qavq_decode(const struct codec *c, const uint8_t *code, size_t n, float *x,
                       struct err *e)
{
    const struct qavq *v = c->state;

    for (size_t i = 0; i < n; i++, code += c->code_bytes, x += c->dim) {
        uint32_t at = get_code(c, code);

        if (at >= v->k)
            return err_set(e, ERR_INPUT, "a code names centroid %u, and there are %u", at, v->k);
        memcpy(x, v->org + (size_t)at * c->dim, c->dim * sizeof *x);
    }
    return 0;
}

/* ---- searching ---- */

/* Keys of whole panels, and infinity for what is no centroid. */
static size_t qavq_query_bytes(const struct codec *c)
{
    const struct qavq *v = c->state;

    return (linmap_panels(&v->table.products) * PANEL + 1) * sizeof(float);
}

static void qavq_query_init(const struct codec *c, enum vec_metric m, const float *q, void *query)
{
    const struct qavq *v = c->state;
    float *key = query, norm = (float)vec_norm2(q, c->dim);

    for (size_t p = 0; p < linmap_panels(&v->table.products); p++)
        linmap_tile(&v->table.products, p, q, 1, key + p * PANEL);
    for (size_t i = 0; i < v->k; i++)
        key[i] = m == VEC_L2 ? norm + v->table.norm[i] - 2 * key[i] : -key[i];
    key[v->k] = __builtin_inff();
}

static void qavq_scan(const struct codec *c, const void *const *query, size_t nq,
                      const uint8_t *packed, size_t n, float *key, float *low, size_t ld)
{
    const struct qavq *v = c->state;

    (void)low;
    for (size_t j = 0; j < nq; j++) {
        const float *table = query[j];

        for (size_t i = 0; i < n; i++) {
            uint32_t at = get_code(c, packed + i * c->code_bytes);

            key[j * ld + i] = table[at < v->k ? at : v->k];
        }
    }
}

const struct codec_kind codec_qavq = {
    .name = "qavq",
    .forms = "qavq, qavqC",
    .what = "one of C centroids, placed for the queries",
    .sections = "FACCENORG",
    .check = qavq_check,
    .train = qavq_train,
    .free = qavq_free,
    .save = qavq_save,
    .load = qavq_load,
    .encode = qavq_encode,
    .decode = qavq_decode,
    .query_bytes = qavq_query_bytes,
    .query_init = qavq_query_init,
    .scan = qavq_scan,
};
