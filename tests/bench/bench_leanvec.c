/* bench_leanvec.c - figures of the codecs that know the queries, and of k-means: "name value".
 *
 *   bench_leanvec recall BASE QUERIES TRAIN TRUTH N SPEC...   vector files, the truth as ivecs: the
 *       share of the true top 10 within the first 50 and 100 by key, of the first N queries
 *   bench_leanvec loss N DIM D     f of each method over f of pca, and seconds, of N synthetic
 *       vectors whose queries have another spread
 *   bench_leanvec qavq N DIM C     synthetic keys and anisotropic queries: the error of products
 *       and the recall of the top 3 %, beside plain k-means
 *   bench_leanvec kmeans N DIM K   speed of the assignment beside that of the products alone
 */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "base/par.h"
#include "base/rand.h"
#include "vec/codec_kind.h"
#include "vec/file.h"
#include "vec/kmeans.h"
#include "vec/lean.h"
#include "vec/nearest.h"

static struct err e;

static void *need(size_t n, size_t size)
{
    void *p = mem_array(n, size, &e);

    if (!p)
        bench_stop(e.msg);
    return p;
}

static void ok(int rc)
{
    if (rc < 0)
        bench_stop(e.msg);
}

/* Ids are read as floats too: they are small. */
static struct vec_matrix load(const char *path)
{
    static const struct vec_read_opts ids = {.raw_ids = true};
    struct vec_matrix m;

    ok(vec_load_f32(&m, path, &ids, 0, false, &e));
    return m;
}

/* ---- recall ---- */

enum { TOP = 10, WITHIN = 100 };

struct scan {
    const struct codec *c;
    const struct codec_list *list;
    const struct vec_matrix *query, *truth;
};

/* How many keys are smaller than that of row id (equal ones of smaller rows too). */
static size_t rank_of(const float *key, size_t n, uint32_t id)
{
    size_t rank = 0;

    for (size_t i = 0; i < n; i++)
        rank += key[i] < key[id] || (key[i] == key[id] && i < id);
    return rank;
}

static void count_query(const struct scan *s, size_t q, size_t found[2])
{
    float *key = need(s->list->n, sizeof *key);
    void *prepared = aligned_alloc(64, (s->c->spec.kind->query_bytes(s->c) + 63) / 64 * 64);
    const void *query = prepared;

    s->c->spec.kind->query_init(s->c, VEC_IP, vec_matrix_row(s->query, q), prepared);
    codec_list_scan(s->c, s->list, &query, 1, key, NULL);
    for (size_t i = 0; i < TOP; i++) {
        size_t rank = rank_of(key, s->list->n, (uint32_t)vec_matrix_row(s->truth, q)[i]);

        found[0] += rank < WITHIN / 2;
        found[1] += rank < WITHIN;
    }
    free(prepared);
    free(key);
}

static void recall_of(const char *spec, const struct codec_train *t, const struct vec_matrix *query,
                      const struct vec_matrix *truth, size_t n)
{
    struct scan s = {.query = query, .truth = truth};
    struct codec *c = NULL;
    struct codec_list list;
    double began = bench_now(), trained;
    size_t at50 = 0, at100 = 0;
    uint8_t *code;

    ok(codec_train(&c, spec, query->dim, cpu_detect(), t, &e));
    trained = bench_now();
    code = need(t->n, c->code_bytes);
    ok(codec_encode(c, t->x, t->n, code, t->threads, &e));
    printf("%s.train_s %.2f\n%s.encode_s %.2f\n", spec, trained - began, spec,
           bench_now() - trained);
    ok(codec_list_init(&list, c, code, t->n, t->threads, &e));
    s.c = c;
    s.list = &list;
#pragma omp parallel for num_threads(t->threads) reduction(+ : at50, at100)
    for (size_t q = 0; q < n; q++) {
        size_t found[2] = {0};

        count_query(&s, q, found);
        at50 += found[0];
        at100 += found[1];
    }
    printf("%s.in50 %.4f\n%s.in100 %.4f\n", spec, (double)at50 / (double)(n * TOP), spec,
           (double)at100 / (double)(n * TOP));
    codec_list_free(&list);
    codec_free(c);
    free(code);
}

static void recall(char **arg, int specs)
{
    struct vec_matrix base = load(arg[0]), query = load(arg[1]), train = load(arg[2]);
    struct vec_matrix truth = load(arg[3]);
    size_t n = strtoul(arg[4], NULL, 10);
    struct codec_train t = {.x = base.v,
                            .n = base.rows,
                            .queries = train.v,
                            .n_queries = train.rows,
                            .seed = 1,
                            .threads = par_threads(0)};

    for (int i = 0; i < specs; i++)
        recall_of(arg[5 + i], &t, &query, &truth, n < query.rows ? n : query.rows);
    vec_matrix_free(&base);
    vec_matrix_free(&query);
    vec_matrix_free(&train);
    vec_matrix_free(&truth);
}

/* ---- synthetic vectors: normal, of standard deviations `s` along the rows of a rotation ---- */

static float *cloud(size_t n, uint32_t dim, const double *s, uint64_t seed)
{
    float *z = need(n * dim, sizeof *z), *x = need(n * dim, sizeof *x);
    double *r = need((size_t)dim * dim, sizeof *r);
    float *turn = need((size_t)dim * dim, sizeof *turn);

    ok(la_orthogonal(r, dim, seed, &e));
    for (size_t i = 0; i < (size_t)dim * dim; i++)
        turn[i] = (float)r[i];
    for (size_t i = 0; i < n * dim; i++)
        z[i] = (float)(s[i % dim] * rand_normal(&seed));
    ok(vec_products(ops_for(cpu_detect()), z, n, turn, dim, dim, x, dim, par_threads(0), &e));
    free(z);
    free(r);
    free(turn);
    return x;
}

static double *falling(uint32_t dim, double power)
{
    double *s = need(dim, sizeof *s);

    for (uint32_t j = 0; j < dim; j++)
        s[j] = pow(1 + (double)j, -power);
    return s;
}

static void loss(size_t n, uint32_t dim, uint32_t r)
{
    static const char *const name[] = {"pca", "es", "fw", "sphering"};
    double *s = falling(dim, 0.6), first = 0;
    float *x = cloud(n, dim, s, 1), *q = cloud(n / 10, dim, s, 2);
    double *kx = need((size_t)dim * dim, sizeof *kx), *kq = need((size_t)dim * dim, sizeof *kq);
    double *a = need((size_t)r * dim, sizeof *a), *b = need((size_t)r * dim, sizeof *b);
    double began = bench_now(), f;

    ok(la_moment(x, n, dim, NULL, kx, par_threads(0), &e));
    ok(la_moment(q, n / 10, dim, NULL, kq, par_threads(0), &e));
    printf("loss.moments_s %.2f\n", bench_now() - began);
    for (int m = 0; m < 4; m++) {
        began = bench_now();
        ok(lean_maps((enum lean_method)m, kq, kx, dim, r, a, b, &e));
        printf("loss.%s_s %.2f\n", name[m], bench_now() - began);
        ok(lean_loss(a, b, kq, kx, dim, r, &f, &e));
        first = m == 0 ? f : first;
        printf("loss.%s_over_pca %.4f\n", name[m], f / first);
    }
    free(s);
    free(x);
    free(q);
    free(kx);
    free(kq);
    free(a);
    free(b);
}

/* ---- qavq ---- */

struct judged {
    double error, recall;
};

/* The mean squared error of products with the queries, and the share of the exact top 3 % that is
 * in the top 3 % by table (the mean over queries). */
static struct judged judge(const float *x, const float *y, size_t n, const float *q, size_t nq,
                           uint32_t dim)
{
    const struct vec_ops *ops = ops_for(cpu_detect());
    float *exact = need(nq * n, sizeof *exact), *about = need(nq * n, sizeof *about);
    size_t top = n * 3 / 100;
    struct judged j = {0};

    ok(vec_products(ops, q, nq, x, n, dim, exact, n, par_threads(0), &e));
    ok(vec_products(ops, q, nq, y, n, dim, about, n, par_threads(0), &e));
    for (size_t k = 0; k < nq; k++) {
        const float *p = exact + k * n, *a = about + k * n;
        size_t hits = 0;

        for (size_t i = 0; i < n; i++) {
            double d = (double)p[i] - (double)a[i];

            j.error += d * d / (double)(n * nq);
        }
#pragma omp parallel for reduction(+ : hits)
        for (size_t i = 0; i < n; i++) {
            size_t true_rank = 0, rank = 0;

            for (size_t o = 0; o < n && true_rank < top; o++)
                true_rank += p[o] > p[i] || (p[o] == p[i] && o < i);
            for (size_t o = 0; true_rank < top && o < n && rank < top; o++)
                rank += a[o] > a[i] || (a[o] == a[i] && o < i);
            hits += true_rank < top && rank < top;
        }
        j.recall += (double)hits / (double)(top * nq);
    }
    free(exact);
    free(about);
    return j;
}

static struct judged coded(const float *x, size_t n, const float *train, size_t nt, const float *q,
                           size_t nq, uint32_t dim, uint32_t k)
{
    struct codec_train t = {
        .x = x, .n = n, .queries = train, .n_queries = nt, .seed = 1, .threads = par_threads(0)};
    float *y = need(n * dim, sizeof *y);
    uint8_t *code;
    struct codec *c;
    struct judged j;
    char spec[32];

    snprintf(spec, sizeof spec, "qavq%u", k);
    ok(codec_train(&c, spec, dim, cpu_detect(), &t, &e));
    code = need(n, c->code_bytes);
    ok(codec_encode(c, x, n, code, t.threads, &e));
    ok(codec_decode(c, code, n, y, t.threads, &e));
    j = judge(x, y, n, q, nq, dim);
    codec_free(c);
    free(code);
    free(y);
    return j;
}

static void qavq(size_t n, uint32_t dim, uint32_t k)
{
    enum { TRAIN = 8192, TEST = 32 };
    double *s = falling(dim, 0.3), *sq = falling(dim, 0.6); /* condition (dim^.6)^2: 338 of 128 */
    float *x = cloud(n, dim, s, 1), *q = cloud(TRAIN + TEST, dim, sq, 2);
    double began = bench_now();
    struct judged plain, aware;

    for (size_t i = 0; i < n * dim; i++) /* a mean */
        x[i] += (i % dim) % 3 == 0 ? 0.5f : 0;
    plain = coded(x, n, NULL, 0, q + (size_t)TRAIN * dim, TEST, dim, k);
    aware = coded(x, n, q, TRAIN, q + (size_t)TRAIN * dim, TEST, dim, k);
    printf("qavq.condition %.0f\n", pow(dim, 1.2));
    printf("qavq.error_over_plain %.4f\n", aware.error / plain.error);
    printf("qavq.recall3 %.4f\nqavq.recall3_plain %.4f\n", aware.recall, plain.recall);
    printf("qavq.seconds %.2f\n", bench_now() - began);
    free(s);
    free(sq);
    free(x);
    free(q);
}

/* ---- k-means ---- */

static double products_s(const struct nearest *t, const float *x, size_t n)
{
    enum { ROWS = 84 };
    static float tile[ROWS * PANEL];
    uint32_t dim = t->products.in;
    double began = bench_now();

    for (size_t from = 0; from < n; from += ROWS)
        for (size_t p = 0; p < linmap_panels(&t->products); p++)
            linmap_tile(&t->products, p, x + from * dim, n - from < ROWS ? n - from : ROWS, tile);
    return bench_now() - began;
}

static void speed(size_t n, uint32_t dim, uint32_t k)
{
    double *s = falling(dim, 0.3), began, products, assign, error;
    float *x = cloud(n, dim, s, 1), *centroids = need(k, dim * sizeof *centroids);
    uint32_t *best = need(n, sizeof *best);
    struct kmeans_opts o = {
        .ops = ops_for(cpu_detect()), .k = k, .iterations = 1, .seed = 1, .threads = 1};
    struct nearest t;

    began = bench_now();
    ok(kmeans(x, n, dim, &o, centroids, best, &error, &e));
    printf("kmeans.one_iteration_s %.2f\n", bench_now() - began);
    ok(nearest_init(&t, o.ops, centroids, k, dim, &e));
    products = products_s(&t, x, n);
    began = bench_now();
    nearest_find(&t, x, n, best);
    assign = bench_now() - began;
    printf("kmeans.assign_gflops %.1f\n", 2e-9 * (double)n * k * dim / assign);
    printf("kmeans.assign_over_products %.3f\n", products / assign);
    nearest_free(&t);
    free(s);
    free(x);
    free(centroids);
    free(best);
}

int main(int argc, char **argv)
{
    size_t v[3] = {0};

    for (int i = 0; i < 3 && i + 2 < argc; i++)
        v[i] = strtoul(argv[i + 2], NULL, 10);
    if (argc > 7 && strcmp(argv[1], "recall") == 0)
        recall(argv + 2, argc - 7);
    else if (argc == 5 && strcmp(argv[1], "loss") == 0)
        loss(v[0], (uint32_t)v[1], (uint32_t)v[2]);
    else if (argc == 5 && strcmp(argv[1], "qavq") == 0)
        qavq(v[0], (uint32_t)v[1], (uint32_t)v[2]);
    else if (argc == 5 && strcmp(argv[1], "kmeans") == 0)
        speed(v[0], (uint32_t)v[1], (uint32_t)v[2]);
    else
        bench_stop("see the head of bench_leanvec.c");
    return 0;
}
