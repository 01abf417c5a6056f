/* pq_train.c - see pq.h: codebooks by k-means, and the rotation of optimized product quantization
 * (Ge, He, Ke & Sun, CVPR 2013).
 *
 * The rotation begins as their parametric solution: eigenvectors of the covariance, dealt out so
 * that the products of the parts' variances are about equal, which is best for a Gaussian. Then the
 * non-parametric one: with the rotation fixed, codebooks move as in one round of k-means; with the
 * decoded vectors Y fixed, the best rotation of X is the polar factor of Y^T X. Each step lowers
 * the error of the sample.
 *
 * Cost: a round is two products of n x dim x dim and an SVD of dim x dim; n is about ten times dim.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "vec/kmeans.h"
#include "vec/linalg.h"
#include "vec/pq.h"

enum {
    ROWS_LEAST = 16384, /* of the sample, at most so many or so many a centroid: for k-means, */
    ROWS_A_CENTROID = 64,
    ROTATION_ROWS = 8192, /* and so many or so many a dimension for the rotation */
    ROTATION_ROWS_A_DIM = 10,
    ROUNDS = 50,       /* of the rotation */
    WIDE = 8,          /* spans of others that make a part wide */
    FIRST_ROUNDS = 10, /* of k-means before them */
};
#define GAIN 1e-3

/* ---- the kernels' form of the codebooks ---- */

static int prepare_part(struct pq *p, const struct vec_ops *ops, uint32_t part, struct err *e)
{
    const float *centroids = p->centroids + (size_t)part * p->k * p->sub;
    size_t bytes = p->sub * sizeof *centroids;
    float *filled = mem_array(pq_filled(p), bytes, e);

    nearest_free(&p->near[part]);
    if (!filled)
        return e->code;
    for (uint32_t j = 0; j < pq_filled(p); j++)
        memcpy(filled + (size_t)j * p->sub, centroids + (size_t)(j < p->k ? j : 0) * p->sub, bytes);
    nearest_init(&p->near[part], ops, filled, pq_filled(p), p->sub, e);
    free(filled);
    return p->near[part].norm ? 0 : e->code;
}

struct span {
    double width; /* the square of the diagonal of the box of a part's centroids: about what its
                     tables span, whatever the query */
    uint32_t part;
};

static double part_width(const struct pq *p, uint32_t part)
{
    const float *c = p->centroids + (size_t)part * p->k * p->sub;
    double width = 0;

    for (uint32_t d = 0; d < p->sub; d++) {
        double low = (double)c[d], high = low;

        for (uint32_t j = 1; j < p->k; j++) {
            low = fmin(low, (double)c[(size_t)j * p->sub + d]);
            high = fmax(high, (double)c[(size_t)j * p->sub + d]);
        }
        width += (high - low) * (high - low);
    }
    return width;
}

/* The widest first, of equals the smaller part. */
static int by_width(const void *a, const void *b)
{
    const struct span *x = a, *y = b;

    if (x->width != y->width)
        return x->width < y->width ? 1 : -1;
    return x->part < y->part ? -1 : 1;
}

/* Of parts in order of width. */
static void mark_wide(struct pq *p, const struct span *span)
{
    uint32_t line = p->bits <= PQ_NIBBLE ? PQ_LINE_PARTS : 1;
    uint32_t most = p->parts / 4 > line ? p->parts / 4 : line;
    double others = 0;

    for (uint32_t i = most; i < p->parts; i++)
        others += span[i].width;
    while (p->wides + line <= most && p->parts > most &&
           span[p->wides].width * (p->parts - most) > WIDE * others)
        for (uint32_t i = 0; i < line; i++, p->wides++) {
            p->wide[p->wides] = span[p->wides].part;
            p->is_wide[span[p->wides].part] = true;
        }
}

static int choose_wide(struct pq *p, struct err *e)
{
    struct span *span = mem_array(p->parts, sizeof *span, e);

    p->wide = mem_array(p->parts, sizeof *p->wide, e);
    p->is_wide = mem_zero(p->parts, sizeof *p->is_wide, e);
    if (span && p->wide && p->is_wide) {
        for (uint32_t part = 0; part < p->parts; part++)
            span[part] = (struct span){part_width(p, part), part};
        qsort(span, p->parts, sizeof *span, by_width);
        mark_wide(p, span);
    }
    free(span);
    return span && p->wide && p->is_wide ? 0 : e->code;
}

int pq_prepare(struct pq *p, const struct vec_ops *ops, struct err *e)
{
    for (uint32_t part = 0; part < p->parts; part++)
        if (prepare_part(p, ops, part, e) < 0)
            return e->code;
    return choose_wide(p, e);
}

void pq_assign(const struct pq *p, const float *x, size_t n, uint32_t part, float *own,
               uint32_t *best)
{
    for (size_t i = 0; i < n; i++)
        memcpy(own + i * p->sub, x + i * p->dim + (size_t)part * p->sub, p->sub * sizeof *x);
    nearest_find(&p->near[part], own, n, best);
}

/* ---- the sample ---- */

/* At most `most` rows of the sample, in their order. */
static int choose_rows(struct vec_matrix *x, const struct codec_train *t, uint32_t dim, size_t most,
                       struct err *e)
{
    size_t n = t->n < most ? t->n : most;
    uint64_t *chosen = mem_array(n, sizeof *chosen, e), seed = t->seed;
    int rc = chosen ? vec_matrix_init(x, n, dim, e) : e->code;

    if (rc == 0) {
        rand_choose(&seed, t->n, n, chosen);
        for (size_t i = 0; i < n; i++)
            memcpy(vec_matrix_row(x, i), t->x + chosen[i] * dim, dim * sizeof *t->x);
    }
    free(chosen);
    return rc;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void report(const struct codec_train *t, const char *phase, uint64_t done, uint64_t total)
{
    if (t->progress)
        t->progress(t->progress_ctx, phase, done, total);
}

/* ---- codebooks ---- */

/* K-means of one part. */
static int train_part(struct pq *p, const struct vec_ops *ops, const struct vec_matrix *rows,
                      uint32_t part, uint32_t iterations, uint64_t seed, struct err *e)
{
    struct kmeans_opts o = {
        .ops = ops, .k = p->k, .iterations = iterations, .seed = seed + part, .threads = 1};
    float *x = mem_array(rows->rows, p->sub * sizeof *x, e);
    int rc;

    if (!x)
        return e->code;
    for (size_t i = 0; i < rows->rows; i++)
        memcpy(x + i * p->sub, vec_matrix_row(rows, i) + (size_t)part * p->sub, p->sub * sizeof *x);
    rc = kmeans(x, rows->rows, p->sub, &o, p->centroids + (size_t)part * p->k * p->sub, NULL, NULL,
                e);
    free(x);
    return rc;
}

static int train_parts(struct pq *p, const struct vec_ops *ops, const struct vec_matrix *rows,
                       uint32_t iterations, const struct codec_train *t, struct err *e)
{
    uint32_t done = 0;
    int rc = 0;

#pragma omp parallel for num_threads(t->threads) if (t->threads > 1) schedule(dynamic)
    for (uint32_t part = 0; part < p->parts; part++) {
        struct err mine = {0};
        int my_rc = train_part(p, ops, rows, part, iterations, t->seed, &mine);

#pragma omp critical(pq_part)
        {
            if (my_rc < 0) {
                *e = mine;
                rc = my_rc;
            }
            report(t, "codebooks", ++done, p->parts);
        }
    }
    return rc;
}

static void rotate_rows(const struct linmap *rotation, const struct vec_matrix *x,
                        struct vec_matrix *y, int threads)
{
    size_t blocks = (x->rows + PQ_ROWS - 1) / PQ_ROWS;

#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (size_t b = 0; b < blocks; b++) {
        size_t from = b * PQ_ROWS, n = x->rows - from < PQ_ROWS ? x->rows - from : PQ_ROWS;

        linmap_apply(rotation, vec_matrix_row(x, from), n, vec_matrix_row(y, from));
    }
}

int pq_train_centroids(struct pq *p, const struct vec_ops *ops, const struct codec_train *t,
                       struct err *e)
{
    size_t most = larger(ROWS_LEAST, (size_t)ROWS_A_CENTROID * p->k);
    struct vec_matrix x = {0}, rotated = {0};
    int rc = choose_rows(&x, t, p->dim, most, e);

    if (rc == 0 && p->rotation)
        rc = vec_matrix_init(&rotated, x.rows, p->dim, e);
    if (rc == 0 && p->rotation)
        rotate_rows(&p->there, &x, &rotated, t->threads);
    if (rc == 0)
        rc = train_parts(p, ops, p->rotation ? &rotated : &x, 0, t, e);
    vec_matrix_free(&x);
    vec_matrix_free(&rotated);
    return rc;
}

/* ---- the rotation ---- */

struct turning {
    struct pq *p;
    const struct vec_ops *ops;
    const struct codec_train *t;
    struct vec_matrix x, z;   /* rows about their mean; the same, rotated */
    struct vec_matrix xt, yt; /* [dim][rows]: x, and what its codes decode to */
    double *r;                /* [dim][dim] the rotation */
    float *product;           /* [dim][dim] Y^T X */
    double *lost;             /* [parts] sums of squared errors */
};

/* Deals the eigenvectors out: the next largest to the part whose product of eigenvalues is the
 * smallest so far and which has room. Logarithms, and of ratios that are at least 1. */
static int deal(const struct pq *p, const double *vectors, const double *values, double *r,
                struct err *e)
{
    double *weight = mem_zero(p->parts, sizeof *weight, e), floor = values[0] * 1e-10;
    uint32_t *used = mem_zero(p->parts, sizeof *used, e);

    for (uint32_t i = 0; weight && used && i < p->dim; i++) {
        uint32_t best = p->parts;

        for (uint32_t m = 0; m < p->parts; m++)
            if (used[m] < p->sub && (best == p->parts || weight[m] < weight[best]))
                best = m;
        memcpy(r + ((size_t)best * p->sub + used[best]++) * p->dim, vectors + (size_t)i * p->dim,
               p->dim * sizeof *r);
        if (values[i] > floor && floor > 0)
            weight[best] += log(values[i] / floor);
    }
    free(weight);
    free(used);
    return weight && used ? 0 : e->code;
}

/* The parametric solution, and the sample about its mean. */
static int begin_rotation(struct turning *w, struct err *e)
{
    uint32_t dim = w->p->dim;
    double *mean = mem_array(dim, sizeof *mean, e), *values = mem_array(dim, sizeof *values, e);
    double *moment = mem_array(dim, dim * sizeof *moment, e);
    int rc = mean && values && moment ? 0 : e->code;

    if (rc == 0)
        rc = la_mean(w->x.v, w->x.rows, dim, mean, e);
    for (size_t i = 0; rc == 0 && i < w->x.rows; i++)
        for (uint32_t j = 0; j < dim; j++) {
            float *at = vec_matrix_row(&w->x, i) + j;

            *at = (float)((double)*at - mean[j]);
            vec_matrix_row(&w->xt, j)[i] = *at;
        }
    if (rc == 0)
        rc = la_moment(w->x.v, w->x.rows, dim, NULL, moment, w->t->threads, e);
    if (rc == 0)
        rc = la_eigen(moment, dim, values, e);
    if (rc == 0)
        rc = deal(w->p, moment, values, w->r, e);
    free(mean);
    free(values);
    free(moment);
    return rc;
}

/* z of x by the rotation as it is, which p->rotation gets too. */
static int turn(struct turning *w, struct err *e)
{
    uint32_t dim = w->p->dim;
    struct linmap rotation = {0};
    int rc;

    for (size_t i = 0; i < (size_t)dim * dim; i++)
        w->p->rotation[i] = (float)w->r[i];
    rc = linmap_init(&rotation, w->ops, w->p->rotation, dim, dim, e);
    if (rc == 0)
        rotate_rows(&rotation, &w->x, &w->z, w->t->threads);
    linmap_free(&rotation);
    return rc;
}

/* Centroids become the means of the rows that are theirs; those without rows stay. */
static void move_part(struct pq *p, const struct vec_matrix *z, uint32_t part, const uint32_t *code,
                      double *sum)
{
    float *centroids = p->centroids + (size_t)part * p->k * p->sub;
    size_t count[PQ_K_MAX] = {0};

    memset(sum, 0, (size_t)p->k * p->sub * sizeof *sum);
    for (size_t i = 0; i < z->rows; i++) {
        const float *x = vec_matrix_row(z, i) + (size_t)part * p->sub;

        count[code[i]]++;
        for (uint32_t d = 0; d < p->sub; d++)
            sum[(size_t)code[i] * p->sub + d] += (double)x[d];
    }
    for (size_t i = 0; i < (size_t)p->k * p->sub; i++)
        if (count[i / p->sub])
            centroids[i] = (float)(sum[i] / (double)count[i / p->sub]);
}

/* The part's rows of y^T, and what is lost. */
static double decode_part(struct turning *w, uint32_t part, const uint32_t *code)
{
    const struct pq *p = w->p;
    const float *centroids = p->centroids + (size_t)part * p->k * p->sub;
    double lost = 0;

    for (uint32_t d = 0; d < p->sub; d++) {
        size_t col = (size_t)part * p->sub + d;
        float *y = vec_matrix_row(&w->yt, col);

        for (size_t i = 0; i < w->z.rows; i++) {
            double by;

            y[i] = centroids[code[i] * (size_t)p->sub + d];
            by = (double)vec_matrix_row(&w->z, i)[col] - (double)y[i];
            lost += by * by;
        }
    }
    return lost;
}

static int code_part(struct turning *w, uint32_t part, struct err *e)
{
    struct pq *p = w->p;
    size_t n = w->z.rows;
    uint32_t *code = mem_array(n, sizeof *code, e);
    double *sum = mem_array((size_t)p->k * p->sub, sizeof *sum, e);
    float *own = mem_array((size_t)PQ_ROWS * p->sub, sizeof *own, e);
    int rc = code && sum && own ? prepare_part(p, w->ops, part, e) : e->code;

    for (size_t i = 0; rc == 0 && i < n; i += PQ_ROWS)
        pq_assign(p, vec_matrix_row(&w->z, i), n - i < PQ_ROWS ? n - i : PQ_ROWS, part, own,
                  code + i);
    if (rc == 0) {
        move_part(p, &w->z, part, code, sum);
        w->lost[part] = decode_part(w, part, code);
    }
    free(code);
    free(sum);
    free(own);
    return rc;
}

/* A round of k-means in all parts. */
static int code_parts(struct turning *w, double *lost, struct err *e)
{
    int rc = 0;

#pragma omp parallel for num_threads(w->t->threads) if (w->t->threads > 1) schedule(dynamic)
    for (uint32_t part = 0; part < w->p->parts; part++) {
        struct err mine = {0};

        if (code_part(w, part, &mine) < 0) {
#pragma omp critical(pq_part)
            {
                *e = mine;
                rc = mine.code;
            }
        }
    }
    *lost = 0;
    for (uint32_t part = 0; part < w->p->parts; part++)
        *lost += w->lost[part];
    return rc;
}

/* The best rotation for what the codes decode to. */
static int fit(struct turning *w, struct err *e)
{
    uint32_t dim = w->p->dim;

    if (vec_products(w->ops, w->yt.v, dim, w->xt.v, dim, (uint32_t)w->x.rows, w->product, dim,
                     w->t->threads, e) < 0)
        return e->code;
    for (size_t i = 0; i < (size_t)dim * dim; i++)
        w->r[i] = (double)w->product[i];
    return la_polar(w->r, dim, dim, NULL, e);
}

/* Ends when a round gains less than a thousandth, or after ROUNDS. */
static int alternate(struct turning *w, struct err *e)
{
    double before = INFINITY, lost;
    int rc = turn(w, e);

    if (rc == 0)
        rc = train_parts(w->p, w->ops, &w->z, FIRST_ROUNDS, w->t, e);
    for (uint64_t round = 0; rc == 0; round++) {
        report(w->t, "rotation", round, ROUNDS);
        rc = code_parts(w, &lost, e);
        if (rc < 0 || round == ROUNDS || !(lost < before * (1 - GAIN)))
            return rc;
        before = lost;
        rc = fit(w, e);
        if (rc == 0)
            rc = turn(w, e);
    }
    return rc;
}

int pq_train_rotation(struct pq *p, const struct vec_ops *ops, const struct codec_train *t,
                      struct err *e)
{
    struct turning w = {.p = p, .ops = ops, .t = t};
    size_t cells = (size_t)p->dim * p->dim;
    size_t most = larger(ROTATION_ROWS, (size_t)ROTATION_ROWS_A_DIM * p->dim);
    int rc = choose_rows(&w.x, t, p->dim, most, e);

    if (rc == 0 && (vec_matrix_init(&w.z, w.x.rows, p->dim, e) < 0 ||
                    vec_matrix_init(&w.xt, p->dim, (uint32_t)w.x.rows, e) < 0 ||
                    vec_matrix_init(&w.yt, p->dim, (uint32_t)w.x.rows, e) < 0 ||
                    !(w.r = mem_array(cells, sizeof *w.r, e)) ||
                    !(w.product = mem_array(cells, sizeof *w.product, e)) ||
                    !(w.lost = mem_array(p->parts, sizeof *w.lost, e))))
        rc = e->code;
    if (rc == 0)
        rc = begin_rotation(&w, e);
    if (rc == 0)
        rc = alternate(&w, e);
    vec_matrix_free(&w.x);
    vec_matrix_free(&w.z);
    vec_matrix_free(&w.xt);
    vec_matrix_free(&w.yt);
    free(w.r);
    free(w.product);
    free(w.lost);
    return rc;
}
