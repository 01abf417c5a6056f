/* lean_near.c - see lean.h: maps that know what lies near a query.
 *
 * f counts all pairs alike, but a search looks at few: those whose products with the query are
 * large, and there only differences between rows matter. Fitted here is
 *     the mean over queries and rows near them, rows less their mean, of e^2
 *     + `all` times the mean over queries and all rows of e^2,    e = <Aq, Bx> - <q, x>,
 * the second part being f, so that others do not come near. With w = B^T A q - q, e = <w, x>, and
 * both gradients follow from S = sum e x: no row is ever mapped. Rows near: the first of a
 * sample, by l2 and by ip (for unit vectors they are the same). Steps are Adam's (Kingma & Ba 2015)
 * on batches, of a size that falls to nothing. An eighth of the queries is held out: where they do
 * not lose less by it, the maps stay as they were. With few components, where no product comes near
 * its value, e^2 may fall and what is found, too: there they must also find no fewer of the nearest
 * of all rows, by either metric.
 *
 * Cost     the exact search of up to QUERIES x ROWS, twice, and six products of BATCH x r x n a
 *          step: 1.5 s of CPU time for 100 dimensions. With few components 1.5 s more.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "vec/knn.h"
#include "vec/lean.h"
#include "vec/ops.h"

enum {
    QUERIES = 4096,
    ROWS = 32768,
    DIM = 128,   /* dimensions up to which there are so many */
    SHARE = 160, /* one row of so many is near, by each metric */
    BATCH = 128,
    PICK = 24, /* rows near a query, of one batch */
    FAR = 192, /* of all rows, for all queries of a batch */
    STEPS = 600,
    STEPS_LEAST = 60,
    TESTS = 16,       /* batches of queries held out */
    FEW = 16,         /* components, up to which queries held out look for rows: */
    TRIED = 192,      /* of these, among */
    LOOKED = 1 << 19, /* so many of all: */
    TOP = 10,         /* those nearest by each metric */
    WITHIN = 50,      /* among the first of what the maps put in order */
    AT_ONCE = 2048    /* rows */
};

static const double all = 0.3;
static const double rate = 0.02;     /* of the first step, of the components' size */
static const double work_most = 4e9; /* BATCH n r products */

struct near {
    const struct lean_sample *s;
    uint32_t n, r;
    float *x;                   /* [rows][n] */
    float *q;                   /* [queries][n] */
    size_t rows, queries, held; /* queries: the first `held` are held out */
    uint32_t near;              /* rows by each metric */
    uint64_t *id;               /* [queries][2 near] */
    uint64_t random;
    /* of a batch */
    double *bq, *bx, *far; /* [BATCH][n], [PICK][n], [FAR][n] */
    double *aq, *bs;       /* [BATCH][r] */
    double *w, *sum;       /* [BATCH][n] */
    double *e;             /* [BATCH][FAR] */
    double *grad[2];       /* [r][n] */
    double *mean[2], *square[2];
};

/* ---- what lies near ---- */

static float *spread(const float *x, size_t n, size_t m, uint32_t dim, struct err *e)
{
    float *y = mem_array(m, dim * sizeof *y, e);

    for (size_t i = 0; y && i < m; i++)
        memcpy(y + i * dim, x + (size_t)((__uint128_t)i * n / m) * dim, dim * sizeof *y);
    return y;
}

static struct vec_rows rows_of(const float *x, size_t rows, uint32_t dim)
{
    return (struct vec_rows){.p = (const unsigned char *)x,
                             .rows = rows,
                             .dim = dim,
                             .type = VEC_F32,
                             .stride = dim * sizeof *x};
}

/* ids of each query's near rows by one metric, 2 near apart. */
static int search(const struct near *t, enum vec_metric metric, uint64_t *to, struct err *e)
{
    struct knn_opts o = {
        .metric = metric, .k = t->near, .threads = t->s->threads, .cpu = t->s->cpu};
    struct vec_rows queries = rows_of(t->q, t->queries, t->n), base = rows_of(t->x, t->rows, t->n);
    uint64_t *id = mem_array(t->queries, t->near * sizeof *id, e);
    float *score = mem_array(t->queries, t->near * sizeof *score, e);
    struct knn *s = NULL;
    int rc = id && score ? knn_open(&s, &o, &queries, VEC_F32, e) : e->code;

    if (rc == 0)
        rc = knn_feed(s, &base, 0, NULL, e);
    if (rc == 0) {
        knn_results(s, id, score);
        for (size_t i = 0; i < t->queries; i++)
            memcpy(to + i * 2 * t->near, id + i * t->near, t->near * sizeof *id);
    }
    knn_close(s);
    free(id);
    free(score);
    return rc;
}

/* Of n, `most` or, from DIM dimensions on, fewer, so that the search costs no more. */
static size_t at_most(size_t n, size_t most, uint32_t dim)
{
    if (dim > DIM)
        most = (size_t)((double)most * sqrt((double)DIM / dim));
    return n < most ? n : most;
}

static int find_near(struct near *t, struct err *e)
{
    const struct lean_sample *s = t->s;

    t->rows = at_most(s->rows, ROWS, t->n);
    t->queries = at_most(s->queries, QUERIES, t->n);
    t->held = t->queries / 8;
    t->near = (uint32_t)(t->rows / SHARE);
    t->x = spread(s->x, s->rows, t->rows, t->n, e);
    t->q = spread(s->q, s->queries, t->queries, t->n, e);
    t->id = mem_array(t->queries, 2 * t->near * sizeof *t->id, e);
    if (!t->x || !t->q || !t->id || search(t, VEC_L2, t->id, e) < 0)
        return e->code;
    return search(t, VEC_IP, t->id + t->near, e);
}

/* ---- a batch ---- */

/* PICK of the rows near query i, less their mean. */
static void pick_near(struct near *t, size_t i)
{
    memset(t->bx, 0, (size_t)PICK * t->n * sizeof *t->bx);
    for (size_t k = 0; k < PICK; k++) {
        uint64_t id = t->id[i * 2 * t->near + rand_below(&t->random, 2 * t->near)];

        for (uint32_t j = 0; j < t->n; j++)
            t->bx[k * t->n + j] = (double)t->x[id * t->n + j];
    }
    for (uint32_t j = 0; j < t->n; j++) {
        double mean = 0;

        for (size_t k = 0; k < PICK; k++)
            mean += t->bx[k * t->n + j] / PICK;
        for (size_t k = 0; k < PICK; k++)
            t->bx[k * t->n + j] -= mean;
    }
}

/* sum = e x over the rows near query i / (BATCH PICK); returns the sum of e^2 as weighted. */
static double near_errors(struct near *t, size_t i, const double *w, double *sum)
{
    double loss = 0;

    pick_near(t, i);
    la_product(false, true, 1, PICK, t->n, 1, w, t->bx, 0, t->e);
    for (size_t k = 0; k < PICK; k++) {
        loss += t->e[k] * t->e[k] / (BATCH * PICK);
        t->e[k] /= BATCH * PICK;
    }
    la_product(false, false, 1, t->n, PICK, 1, t->e, t->bx, 0, sum);
    return loss;
}

/* sum += the same over rows of all. */
static double far_errors(struct near *t)
{
    double loss = 0;

    for (size_t k = 0; k < FAR; k++) {
        const float *x = t->x + rand_below(&t->random, t->rows) * t->n;

        for (uint32_t j = 0; j < t->n; j++)
            t->far[k * t->n + j] = (double)x[j] - t->s->mean[j];
    }
    la_product(false, true, BATCH, FAR, t->n, 1, t->w, t->far, 0, t->e);
    for (size_t k = 0; k < (size_t)BATCH * FAR; k++) {
        loss += all * t->e[k] * t->e[k] / (BATCH * FAR);
        t->e[k] *= all / (BATCH * FAR);
    }
    la_product(false, false, BATCH, t->n, FAR, 1, t->e, t->far, 1, t->sum);
    return loss;
}

/* A batch of queries from .. from + n: what they lose, and its gradients. */
static double batch(struct near *t, size_t from, size_t n, const double *a, const double *b)
{
    size_t at[BATCH];
    double loss = 0;

    for (size_t i = 0; i < BATCH; i++) {
        at[i] = from + rand_below(&t->random, n);
        for (uint32_t j = 0; j < t->n; j++)
            t->bq[i * t->n + j] = (double)t->q[at[i] * t->n + j];
    }
    memcpy(t->w, t->bq, (size_t)BATCH * t->n * sizeof *t->w);
    la_product(false, true, BATCH, t->r, t->n, 1, t->bq, a, 0, t->aq);
    la_product(false, false, BATCH, t->n, t->r, 1, t->aq, b, -1, t->w);
    for (size_t i = 0; i < BATCH; i++)
        loss += near_errors(t, at[i], t->w + i * t->n, t->sum + i * t->n);
    loss += far_errors(t);
    la_product(false, true, BATCH, t->r, t->n, 1, t->sum, b, 0, t->bs);
    la_product(true, false, t->r, t->n, BATCH, 1, t->bs, t->bq, 0, t->grad[0]);
    la_product(true, false, t->r, t->n, BATCH, 1, t->aq, t->sum, 0, t->grad[1]);
    return loss;
}

/* ---- fitting ---- */

/* The size of a map's components, which steps are a share of. */
static double size_of(const double *m, size_t cells)
{
    double sum = 0;

    for (size_t i = 0; i < cells; i++)
        sum += m[i] * m[i];
    return sqrt(sum / (double)cells);
}

/* beta: the powers that what begins at 0 is short of. */
static void adam(double *m, size_t cells, const double *grad, double *mean, double *square,
                 const double beta[2], double step)
{
    for (size_t i = 0; i < cells; i++) {
        mean[i] += 0.1 * (grad[i] - mean[i]);
        square[i] += 0.01 * (grad[i] * grad[i] - square[i]);
        m[i] -= step * (mean[i] / (1 - beta[0])) / (sqrt(square[i] / (1 - beta[1])) + 1e-300);
    }
}

static void fit(struct near *t, double *a, double *b)
{
    size_t cells = (size_t)t->r * t->n;
    double size[2] = {size_of(a, cells), size_of(b, cells)}, beta[2] = {1, 1};
    double most = work_most / ((double)BATCH * (double)cells);
    int steps = most < STEPS_LEAST ? STEPS_LEAST : most < STEPS ? (int)most : STEPS;

    for (int i = 0; i < steps; i++) {
        double step = rate * (1 - (double)i / steps);

        batch(t, t->held, t->queries - t->held, a, b);
        beta[0] *= 0.9;
        beta[1] *= 0.99;
        adam(a, cells, t->grad[0], t->mean[0], t->square[0], beta, step * size[0]);
        adam(b, cells, t->grad[1], t->mean[1], t->square[1], beta, step * size[1]);
    }
}

/* What the queries held out lose, always the same batches of them. */
static double test(struct near *t, const double *a, const double *b)
{
    double loss = 0;

    t->random = t->s->seed + 1;
    for (int i = 0; i < TESTS; i++)
        loss += batch(t, 0, t->held, a, b);
    return loss;
}

/* ---- what is found ---- */

/* Queries that look, and the rows nearest to them. */
struct look {
    size_t queries, rows;
    uint64_t *id[2]; /* by l2 and ip: [queries][TOP] */
    float *map;      /* [2][r][n] */
    float *query;    /* [queries][r] */
    float *x;        /* [AT_ONCE][n] */
    float *row;      /* [AT_ONCE][r], mapped */
    float *p, *key;  /* [queries][AT_ONCE], [AT_ONCE] */
    float *norm2;    /* [AT_ONCE] */
    float *far;      /* [queries][2][TOP]: keys of the nearest */
    uint32_t *before;
};

static void look_free(struct look *l)
{
    void *all_of[] = {l->id[0], l->id[1], l->map,   l->query, l->x,     l->row,
                      l->p,     l->key,   l->norm2, l->far,   l->before};

    for (size_t i = 0; i < sizeof all_of / sizeof *all_of; i++)
        free(all_of[i]);
}

static const float *looked_at(const struct near *t, const struct look *l, size_t i)
{
    return t->s->x + (size_t)((__uint128_t)i * t->s->rows / l->rows) * t->n;
}

static float norm2_of(const struct near *t, const float *x)
{
    return (float)ops_for(t->s->cpu)->dot_f64(x, x, t->n);
}

/* Rows [at, at + n) into l->x. */
static void take_rows(const struct near *t, const struct look *l, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        memcpy(l->x + i * t->n, looked_at(t, l, at + i), t->n * sizeof *l->x);
        l->norm2[i] = norm2_of(t, l->x + i * t->n);
    }
}

/* The nearest in truth. */
static int look_up(const struct near *t, struct look *l, int which, struct err *e)
{
    struct knn_opts o = {
        .metric = which ? VEC_IP : VEC_L2, .k = TOP, .threads = t->s->threads, .cpu = t->s->cpu};
    struct vec_rows queries = rows_of(t->q, l->queries, t->n), some;
    float *score = mem_array(l->queries, TOP * sizeof *score, e);
    struct knn *s = NULL;
    int rc = score ? knn_open(&s, &o, &queries, VEC_F32, e) : e->code;

    for (size_t at = 0; rc == 0 && at < l->rows; at += some.rows) {
        some = rows_of(l->x, l->rows - at < AT_ONCE ? l->rows - at : AT_ONCE, t->n);
        take_rows(t, l, at, some.rows);
        rc = knn_feed(s, &some, at, NULL, e);
    }
    if (rc == 0)
        knn_results(s, l->id[which], score);
    knn_close(s);
    free(score);
    return rc;
}

static int look_begin(const struct near *t, struct look *l, struct err *e)
{
    size_t q = t->held < TRIED ? t->held : TRIED, f = sizeof(float);

    *l = (struct look){.queries = q, .rows = t->s->rows < LOOKED ? t->s->rows : LOOKED};
    l->id[0] = mem_array(q, TOP * sizeof *l->id[0], e);
    l->id[1] = mem_array(q, TOP * sizeof *l->id[1], e);
    l->map = mem_array(2 * (size_t)t->r, t->n * f, e);
    l->query = mem_array(q, t->r * f, e);
    l->x = mem_array(AT_ONCE, t->n * f, e);
    l->row = mem_array(AT_ONCE, t->r * f, e);
    l->p = mem_array(q, AT_ONCE * f, e);
    l->key = mem_array(AT_ONCE, f, e);
    l->norm2 = mem_array(AT_ONCE, f, e);
    l->far = mem_array(q, 2 * TOP * f, e);
    l->before = mem_array(q, 2 * TOP * sizeof *l->before, e);
    if (!l->id[0] || !l->id[1] || !l->map || !l->query || !l->x || !l->row || !l->p || !l->key ||
        !l->norm2 || !l->far || !l->before || look_up(t, l, 0, e) < 0)
        return e->code;
    return look_up(t, l, 1, e);
}

/* Products of all queries with the n rows in l->x, by the maps: l->p. */
static int products(const struct near *t, const struct look *l, size_t n, struct err *e)
{
    const struct vec_ops *ops = ops_for(t->s->cpu);
    const float *b = l->map + (size_t)t->r * t->n;
    int threads = n > TOP ? t->s->threads : 1; /* few are not worth a gathering */

    if (vec_products(ops, l->x, n, b, t->r, t->n, l->row, t->r, threads, e) < 0)
        return e->code;
    return vec_products(ops, l->query, l->queries, l->row, n, t->r, l->p, AT_ONCE, threads, e);
}

static void keys_of(const struct look *l, size_t q, int which, size_t n)
{
    const float *p = l->p + q * AT_ONCE;

    for (size_t i = 0; i < n; i++)
        l->key[i] = which ? -p[i] : l->norm2[i] - 2 * p[i];
}

/* l->far, of the nearest rows, a query at a time. */
static int place_nearest(const struct near *t, const struct look *l, struct err *e)
{
    for (size_t q = 0; q < l->queries; q++)
        for (int which = 0; which < 2; which++) {
            for (size_t k = 0; k < TOP; k++) {
                const float *x = looked_at(t, l, l->id[which][q * TOP + k]);

                memcpy(l->x + k * t->n, x, t->n * sizeof *x);
                l->norm2[k] = norm2_of(t, x);
            }
            if (products(t, l, TOP, e) < 0)
                return e->code;
            keys_of(l, q, which, TOP);
            memcpy(l->far + (q * 2 + (size_t)which) * TOP, l->key, TOP * sizeof *l->key);
        }
    return 0;
}

/* Adds to l->before those of n rows that come before each of the nearest; most come before none. */
static void count_before(const struct look *l, size_t n)
{
    for (size_t q = 0; q < l->queries; q++)
        for (int which = 0; which < 2; which++) {
            const float *far = l->far + (q * 2 + (size_t)which) * TOP;
            uint32_t *before = l->before + (q * 2 + (size_t)which) * TOP;
            float most = far[0];

            for (size_t k = 1; k < TOP; k++)
                most = far[k] > most ? far[k] : most;
            keys_of(l, q, which, n);
            for (size_t i = 0; i < n; i++)
                for (size_t k = 0; l->key[i] < most && k < TOP; k++)
                    before[k] += l->key[i] < far[k];
        }
}

/* How many of the nearest by each metric these maps find. */
static int look(const struct near *t, const struct look *l, const double *a, const double *b,
                size_t found[2], struct err *e)
{
    size_t cells = (size_t)t->r * t->n, all_of = l->queries * 2 * TOP, n;

    for (size_t i = 0; i < cells; i++) {
        l->map[i] = (float)a[i];
        l->map[cells + i] = (float)b[i];
    }
    memset(l->before, 0, all_of * sizeof *l->before);
    if (vec_products(ops_for(t->s->cpu), t->q, l->queries, l->map, t->r, t->n, l->query, t->r,
                     t->s->threads, e) < 0 ||
        place_nearest(t, l, e) < 0)
        return e->code;
    for (size_t at = 0; at < l->rows; at += n) {
        n = l->rows - at < AT_ONCE ? l->rows - at : AT_ONCE;
        take_rows(t, l, at, n);
        if (products(t, l, n, e) < 0)
            return e->code;
        count_before(l, n);
    }
    found[0] = found[1] = 0;
    for (size_t i = 0; i < all_of; i++)
        found[i / TOP % 2] += l->before[i] < WITHIN;
    return 0;
}

/* Do the fitted maps find no less, by either metric? */
static int finds(const struct near *t, const double *maps[2], const double *fitted, bool *good,
                 struct err *e)
{
    size_t cells = (size_t)t->r * t->n, was[2] = {0}, is[2] = {0};
    struct look l;
    int rc;

    *good = t->r > FEW;
    if (*good)
        return 0;
    rc = look_begin(t, &l, e);
    if (rc == 0)
        rc = look(t, &l, maps[0], maps[1], was, e);
    if (rc == 0)
        rc = look(t, &l, fitted, fitted + cells, is, e);
    *good = rc == 0 && is[0] >= was[0] && is[1] >= was[1];
    look_free(&l);
    return rc;
}

static int make_room(struct near *t, struct err *e)
{
    size_t n = t->n, r = t->r, cells = n * r;
    const size_t want[] = {
        BATCH * n,           PICK * n, FAR * n, BATCH * r, BATCH * r, BATCH * n, BATCH * n,
        (size_t)BATCH * FAR, cells,    cells,   cells,     cells,     cells,     cells};
    double **at[] = {&t->bq,      &t->bx,      &t->far,       &t->aq,       &t->bs,
                     &t->w,       &t->sum,     &t->e,         &t->grad[0],  &t->grad[1],
                     &t->mean[0], &t->mean[1], &t->square[0], &t->square[1]};
    size_t sum = 0;

    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        sum += want[i];
    *at[0] = mem_zero(sum, sizeof(double), e);
    for (size_t i = 1; *at[0] && i < sizeof at / sizeof *at; i++)
        *at[i] = *at[i - 1] + want[i - 1];
    return *at[0] ? 0 : e->code;
}

static int improve(struct near *t, double *a, double *b, struct err *e)
{
    size_t cells = (size_t)t->r * t->n;
    double *fitted = mem_array(2 * cells, sizeof *fitted, e), before, after;
    bool good = false;
    int rc = 0;

    if (!fitted)
        return e->code;
    memcpy(fitted, a, cells * sizeof *a);
    memcpy(fitted + cells, b, cells * sizeof *b);
    before = test(t, a, b);
    t->random = t->s->seed;
    fit(t, fitted, fitted + cells);
    after = test(t, fitted, fitted + cells);
    if (after < before) /* neither is true of a NaN */
        rc = finds(t, (const double *[]){a, b}, fitted, &good, e);
    if (good) {
        memcpy(a, fitted, cells * sizeof *a);
        memcpy(b, fitted + cells, cells * sizeof *b);
    }
    free(fitted);
    return rc;
}

int lean_near(const struct lean_sample *s, uint32_t n, uint32_t r, double *a, double *b,
              struct err *e)
{
    struct near t = {.s = s, .n = n, .r = r};
    int rc = find_near(&t, e);

    if (rc == 0)
        rc = make_room(&t, e);
    if (rc == 0)
        rc = improve(&t, a, b, e);
    free(t.x);
    free(t.q);
    free(t.id);
    free(t.bq);
    return rc;
}
