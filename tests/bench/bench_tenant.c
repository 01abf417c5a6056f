/* bench_tenant.c - an index of many tenants beside one IVF a tenant and one shared index with a
 * filter, on one thread, query by query.
 *
 *   bench_tenant BASE QUERIES FOLDER random|near [uniform] [quick]
 *
 * Tenants are Zipf: 200, about ten owners a row. random: whatever their place; near: each has the
 * clusters nearest to one of its own, and a few rows from anywhere. Whose a query is: an owner of
 * the row nearest to it, or with `uniform` any tenant. Everything stands in FOLDER, where indexes
 * that are there are used again. Last: 20,000 changes, and what a rebuild says to that.
 *
 * Peers: (a) an index of kind ivf of each tenant's rows alone; (b) lists of the vectors themselves,
 * of which those that the tenant may see are compared (IVF-Flat with a bitmap); each is told the
 * least nprobe by which it reaches .93, so is ours `reach`. (c) hnswlib with a functor:
 * tenant_hnswlib.cpp, for which the tenants are written to FOLDER/peer0, or peer1 of `uniform`.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ann/kind.h"
#include "base/mem.h"
#include "base/rand.h"
#include "vec/kmeans.h"
#include "vec/linmap.h"
#include "vec/neigh.h"
#include "vec/ops.h"
#include "vec/vec.h"

enum { ROWS = 100000, TENANTS = 200, OWNERS = 10, QUERIES = 2000, K = 10, CLUSTERS = 256 };

static const double want = 0.93;

struct bench {
    const char *folder;
    struct vec_matrix base, query;
    uint32_t dim;
    uint64_t *may; /* [TENANTS][words]: bits of rows */
    size_t words;
    uint64_t owned[TENANTS];
    uint32_t tenant[QUERIES]; /* whose each is */
    uint32_t (*truth)[K];     /* [QUERIES], UINT32_MAX behind the last */
    uint64_t n_truth;         /* in all */
};

static void need(int rc, const struct err *e)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_tenant: %s\n", e->msg);
    exit(1);
}

static void *room(size_t n, size_t size)
{
    struct err e;
    void *p = mem_zero(n, size, &e);

    if (!p)
        need(-1, &e);
    return p;
}

static bool sees(const struct bench *b, uint32_t t, uint64_t row)
{
    return b->may[t * b->words + row / 64] >> row % 64 & 1;
}

static void give(struct bench *b, uint32_t t, uint64_t row)
{
    b->owned[t] += !sees(b, t, row);
    b->may[t * b->words + row / 64] |= UINT64_C(1) << row % 64;
}

static const char *in_folder(const struct bench *b, const char *name, uint32_t n, char path[512])
{
    snprintf(path, 512, "%s/%s%u", b->folder, name, n);
    return path;
}

/* ---- tenants ---- */

/* How many rows each tenant gets. */
static void sizes(uint64_t size[TENANTS])
{
    double sum = 0, left = (double)ROWS * OWNERS;

    for (int t = 0; t < TENANTS; t++)
        sum += 1.0 / (t + 1);
    for (int t = 0; t < TENANTS; t++) {
        double n = left / sum / (t + 1);

        n = n < .9 * ROWS ? n : .9 * ROWS;
        size[t] = (uint64_t)n;
        left -= n;
        sum -= 1.0 / (t + 1);
    }
}

static void random_tenants(struct bench *b)
{
    uint64_t size[TENANTS], seed = 11;

    sizes(size);
    for (uint32_t t = 0; t < TENANTS; t++)
        while (b->owned[t] < size[t])
            give(b, t, rand_below(&seed, ROWS));
}

struct near {
    float far;
    uint32_t cluster;
};

static int by_far(const void *a, const void *b)
{
    const struct near *x = a, *y = b;

    return (x->far > y->far) - (x->far < y->far);
}

/* Nineteen of twenty rows from the clusters around one. */
static void near_tenants(struct bench *b)
{
    const struct vec_ops *ops = ops_for(cpu_detect());
    struct kmeans_opts how = {.ops = ops, .k = CLUSTERS, .iterations = 10, .seed = 5, .threads = 2};
    float *centre = room((size_t)CLUSTERS * b->dim, sizeof *centre);
    uint32_t *of = room(ROWS, sizeof *of);
    uint64_t size[TENANTS], seed = 12;
    struct err e;

    sizes(size);
    need(kmeans(b->base.v, ROWS, b->dim, &how, centre, of, NULL, &e), &e);
    for (uint32_t t = 0; t < TENANTS; t++) {
        struct near order[CLUSTERS];
        const float *own = centre + rand_below(&seed, CLUSTERS) * b->dim;

        for (uint32_t c = 0; c < CLUSTERS; c++)
            order[c] = (struct near){(float)ops->l2_f64(own, centre + (size_t)c * b->dim, b->dim),
                                     c};
        qsort(order, CLUSTERS, sizeof *order, by_far);
        for (uint32_t i = 0; i < CLUSTERS; i++)
            for (uint64_t r = 0; r < ROWS && b->owned[t] < size[t] * 19 / 20; r++)
                if (of[r] == order[i].cluster && rand_below(&seed, 10) < 9)
                    give(b, t, r);
        while (b->owned[t] < size[t])
            give(b, t, rand_below(&seed, ROWS));
    }
    free(centre);
    free(of);
}

/* ---- truth ---- */

static void count_truth(struct bench *b)
{
    b->n_truth = 0;
    for (uint32_t q = 0; q < QUERIES; q++)
        for (uint32_t i = 0; i < K; i++)
            b->n_truth += b->truth[q][i] != UINT32_MAX;
}

static void find_truth(struct bench *b)
{
    const struct vec_ops *ops = ops_for(cpu_detect());

#pragma omp parallel for schedule(dynamic, 16)
    for (uint32_t q = 0; q < QUERIES; q++) {
        double best[K] = {0};
        uint32_t n = 0;

        memset(b->truth[q], 0xff, sizeof b->truth[q]);
        for (uint64_t r = 0; r < ROWS; r++) {
            uint32_t i = n;
            double key;

            if (!sees(b, b->tenant[q], r))
                continue;
            key = ops->l2_f64(vec_matrix_row(&b->base, r), vec_matrix_row(&b->query, q), b->dim);
            if (n == K && key >= best[K - 1])
                continue;
            n += n < K;
            for (i = n - 1; i > 0 && best[i - 1] > key; i--) {
                best[i] = best[i - 1];
                b->truth[q][i] = b->truth[q][i - 1];
            }
            best[i] = key;
            b->truth[q][i] = (uint32_t)r;
        }
    }
    count_truth(b);
}

/* An owner of the nearest row, or any tenant. */
static void whose(struct bench *b, bool uniform)
{
    const struct vec_ops *ops = ops_for(cpu_detect());
    uint64_t seed = 13;

    for (uint32_t q = 0; q < QUERIES; q++) {
        uint64_t nearest = 0;
        double least = INFINITY;

        for (uint64_t r = 0; r < ROWS && !uniform; r++) {
            double key = ops->l2_f64(vec_matrix_row(&b->base, r), vec_matrix_row(&b->query, q),
                                     b->dim);
            bool owned = false;

            for (uint32_t t = 0; t < TENANTS && key < least && !owned; t++)
                owned = sees(b, t, r);
            if (key < least && owned) {
                least = key;
                nearest = r;
            }
        }
        do
            b->tenant[q] = (uint32_t)rand_below(&seed, TENANTS);
        while (!uniform && !sees(b, b->tenant[q], nearest));
    }
}

static uint64_t hits(const struct bench *b, uint32_t q, const uint64_t *id)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < K; i++)
        for (uint32_t j = 0; j < K && id[i] != NEIGH_NONE; j++)
            n += b->truth[q][j] == id[i];
    return n;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* What a run of all queries was: recall, and microseconds a query. */
struct run {
    double recall, mean, p50, p99;
};

static struct run sum_up(const struct bench *b, uint64_t hit, float *us)
{
    struct run r = {.recall = (double)hit / (double)b->n_truth};

    for (uint32_t q = 0; q < QUERIES; q++)
        r.mean += (double)us[q] / QUERIES;
    qsort(us, QUERIES, sizeof *us, by_size);
    r.p50 = (double)us[QUERIES / 2];
    r.p99 = (double)us[QUERIES * 99 / 100];
    return r;
}

/* ---- ours ---- */

static struct ann *tenant_index(const struct bench *b, const char *path)
{
    struct ann_build_opts o = {.kind = ANN_TENANT, .threads = 2, .cpu = cpu_detect()};
    struct ann_build_report report;
    struct vec_rows rows = {(const unsigned char *)b->base.v, ROWS, b->dim, VEC_F32, 4 * b->dim};
    struct ann_grants *g = NULL;
    struct ann *a;
    struct err e;
    char list[512];
    FILE *f = fopen(in_folder(b, "grants", 0, list), "w");

    if (!f)
        exit(1);
    for (uint64_t r = 0; r < ROWS; r++)
        for (uint32_t t = 0; t < TENANTS; t++)
            if (sees(b, t, r))
                fprintf(f, "%llu\tt%u\n", (unsigned long long)r, t);
    fclose(f);
    need(ann_grants_load(&g, list, ROWS, NULL, &e), &e);
    o.grants = g;
    need(ann_build(path, &rows, &o, &report, &e), &e);
    printf("tenant     built in %.2f s\n", report.seconds);
    ann_grants_free(g);
    need(ann_load(&a, path, cpu_detect(), 1, &e), &e);
    return a;
}

static uint32_t number(const struct ann *a, uint32_t t)
{
    char name[16];

    snprintf(name, sizeof name, "t%u", t);
    return ann_tenant(a, name, strlen(name));
}

static struct run run_tenant(const struct bench *b, const struct ann *a, uint32_t reach,
                             struct ann_search_stats *stats)
{
    float *us = room(QUERIES, sizeof *us), score[K];
    uint64_t hit = 0, id[K];
    struct run r;
    struct err e;

    *stats = (struct ann_search_stats){0};
    for (uint32_t q = 0; q < QUERIES; q++) {
        uint32_t t = number(a, b->tenant[q]);
        struct ann_search_opts o = {.k = K, .effort = reach, .threads = 1, .tenant = &t};

        stats->us = us + q;
        need(ann_search(a, &o, vec_matrix_row(&b->query, q), 1, id, score, stats, &e), &e);
        hit += hits(b, q, id);
    }
    r = sum_up(b, hit, us);
    free(us);
    return r;
}

/* ---- (a) an index a tenant ---- */

struct own {
    struct ann *a;
    uint32_t *row;
    uint32_t nprobe;
};

static void own_index(const struct bench *b, uint32_t t, struct own *own)
{
    struct ann_build_opts o = {.kind = ANN_IVF, .threads = 2, .cpu = cpu_detect()};
    struct ann_build_report report;
    float *x = room(b->owned[t] * b->dim, sizeof *x);
    struct vec_rows rows = {(const unsigned char *)x, b->owned[t], b->dim, VEC_F32, 4 * b->dim};
    struct stat is;
    struct err e;
    char path[512];
    uint64_t n = 0;

    own->row = room(b->owned[t], sizeof *own->row);
    for (uint64_t r = 0; r < ROWS; r++)
        if (sees(b, t, r)) {
            memcpy(x + n * b->dim, vec_matrix_row(&b->base, r), b->dim * sizeof *x);
            own->row[n++] = (uint32_t)r;
        }
    if (stat(in_folder(b, "own", t, path), &is) < 0)
        need(ann_build(path, &rows, &o, &report, &e), &e);
    need(ann_load(&own->a, path, cpu_detect(), 1, &e), &e);
    free(x);
}

/* nprobe 0: each tenant's own. */
static struct run run_own(const struct bench *b, const struct own *own, uint32_t nprobe,
                          uint64_t *hit_of)
{
    float *us = room(QUERIES, sizeof *us), score[K];
    uint64_t hit = 0, id[K];
    struct run r;
    struct err e;

    for (uint32_t q = 0; q < QUERIES; q++) {
        const struct own *w = &own[b->tenant[q]];
        struct ann_search_opts o = {.k = K, .effort = nprobe ? nprobe : w->nprobe, .threads = 1};
        struct ann_search_stats stats = {.us = us + q};
        uint64_t n;

        need(ann_search(w->a, &o, vec_matrix_row(&b->query, q), 1, id, score, &stats, &e), &e);
        for (uint32_t i = 0; i < K; i++)
            id[i] = id[i] == NEIGH_NONE ? id[i] : w->row[id[i]];
        hit += n = hits(b, q, id);
        if (hit_of)
            hit_of[b->tenant[q]] += n;
    }
    r = sum_up(b, hit, us);
    free(us);
    return r;
}

/* Each tenant's least nprobe that reaches the recall with its own queries. */
static void tune_each(const struct bench *b, struct own *own)
{
    uint64_t all[TENANTS] = {0};

    for (uint32_t q = 0; q < QUERIES; q++)
        for (uint32_t i = 0; i < K; i++)
            all[b->tenant[q]] += b->truth[q][i] != UINT32_MAX;
    for (uint32_t t = 0; t < TENANTS; t++)
        own[t].nprobe = 0;
    for (uint32_t nprobe = 1; nprobe < 400; nprobe += 1 + nprobe / 16) {
        uint64_t hit[TENANTS] = {0};

        run_own(b, own, nprobe, hit);
        for (uint32_t t = 0; t < TENANTS; t++)
            if (own[t].nprobe == 0 && (double)hit[t] >= want * (double)all[t])
                own[t].nprobe = nprobe;
    }
}

/* ---- (b) shared lists, and a look at who may see ---- */

struct flat {
    uint32_t lists;
    float *centre, *norm, *x; /* x: rows in the order of lists */
    uint32_t *start, *row;
    struct linmap products;
};

static void flat_make(const struct bench *b, struct flat *f, uint32_t lists)
{
    const struct vec_ops *ops = ops_for(cpu_detect());
    struct kmeans_opts how = {.ops = ops, .k = lists, .iterations = 12, .seed = 1, .threads = 2};
    uint32_t *of = room(ROWS, sizeof *of);
    struct err e;

    f->lists = lists;
    f->centre = room((size_t)lists * b->dim, sizeof *f->centre);
    f->norm = room((size_t)lists + PANEL, sizeof *f->norm);
    f->start = room((size_t)lists + 2, sizeof *f->start);
    f->row = room(ROWS, sizeof *f->row);
    f->x = room((size_t)ROWS * b->dim, sizeof *f->x);
    need(kmeans(b->base.v, ROWS, b->dim, &how, f->centre, of, NULL, &e), &e);
    need(linmap_init(&f->products, ops, f->centre, lists, b->dim, &e), &e);
    for (uint64_t r = 0; r < ROWS; r++)
        f->start[of[r] + 2]++;
    for (uint32_t l = 0; l < lists; l++) {
        f->norm[l] = (float)ops->dot_f64(f->centre + (size_t)l * b->dim,
                                         f->centre + (size_t)l * b->dim, b->dim);
        f->start[l + 2] += f->start[l + 1];
    }
    for (uint64_t r = 0; r < ROWS; r++) {
        uint32_t at = f->start[of[r] + 1]++;

        f->row[at] = (uint32_t)r;
        memcpy(f->x + (size_t)at * b->dim, vec_matrix_row(&b->base, r), b->dim * sizeof *f->x);
    }
    free(of);
}

/* As wide as the machine's vectors are, in any order: the peer shall be fast. */
#if defined(__x86_64__) && !defined(__clang__)
__attribute__((target_clones("avx512f", "avx2", "default"), optimize("fast-math")))
#endif
static float
far_of(const float *x, const float *q, uint32_t dim)
{
    float sum = 0;

#pragma omp simd reduction(+ : sum)
    for (uint32_t k = 0; k < dim; k++)
        sum += (x[k] - q[k]) * (x[k] - q[k]);
    return sum;
}

static void flat_search(const struct bench *b, const struct flat *f, uint32_t nprobe, uint32_t q,
                        struct near *order, uint64_t *id)
{
    const float *x = vec_matrix_row(&b->query, q);
    float best[K], tile[PANEL] __attribute__((aligned(64)));
    uint32_t n = 0;

    for (size_t p = 0; p < linmap_panels(&f->products); p++) {
        linmap_tile(&f->products, p, x, 1, tile);
        for (uint32_t j = 0; j < PANEL && p * PANEL + j < f->lists; j++)
            order[p * PANEL + j] = (struct near){f->norm[p * PANEL + j] - 2 * tile[j],
                                                 (uint32_t)(p * PANEL) + j};
    }
    for (uint32_t k = 0; k < nprobe; k++) { /* the nearest of those left; of many by a sort */
        uint32_t least = k;

        if (nprobe > 12 && k == 0)
            qsort(order, f->lists, sizeof *order, by_far);
        for (uint32_t l = k + 1; l < f->lists && nprobe <= 12; l++)
            least = order[l].far < order[least].far ? l : least;
        struct near swap = order[k];

        order[k] = order[least];
        order[least] = swap;
    }
    for (uint32_t k = 0; k < K; k++)
        id[k] = NEIGH_NONE;
    for (uint32_t k = 0; k < nprobe; k++)
        for (uint32_t at = f->start[order[k].cluster]; at < f->start[order[k].cluster + 1]; at++) {
            uint32_t i;
            float far;

            if (!sees(b, b->tenant[q], f->row[at]))
                continue;
            far = far_of(f->x + (size_t)at * b->dim, x, b->dim);
            if (n == K && far >= best[K - 1])
                continue;
            n += n < K;
            for (i = n - 1; i > 0 && best[i - 1] > far; i--) {
                best[i] = best[i - 1];
                id[i] = id[i - 1];
            }
            best[i] = far;
            id[i] = f->row[at];
        }
}

static struct run run_flat(const struct bench *b, const struct flat *f, uint32_t nprobe)
{
    float *us = room(QUERIES, sizeof *us);
    struct near *order = room((size_t)f->lists + PANEL, sizeof *order);
    uint64_t hit = 0, id[K];
    struct run r;

    for (uint32_t q = 0; q < QUERIES; q++) {
        double began = now_s();

        flat_search(b, f, nprobe, q, order, id);
        us[q] = (float)(1e6 * (now_s() - began));
        hit += hits(b, q, id);
    }
    r = sum_up(b, hit, us);
    free(us);
    free(order);
    return r;
}

/* ---- a line each ---- */

static void show(const char *name, const char *setting, uint32_t value, struct run r)
{
    printf("%-10s %-7s %4u  recall@10 %.4f  us: mean %7.1f  p50 %7.1f  p99 %7.1f\n", name, setting,
           value, r.recall, r.mean, r.p50, r.p99);
    fflush(stdout);
}

static uint64_t file_bytes(const char *path)
{
    struct stat is;

    return stat(path, &is) == 0 ? (uint64_t)is.st_size : 0;
}

static uint32_t show_tenant(const struct bench *b, const struct ann *a, const char *name)
{
    struct ann_search_stats stats;
    uint32_t reach = 60;
    struct run r = {0};

    while (r.recall < want && reach < 1000) {
        reach += 2;
        r = run_tenant(b, a, reach, &stats);
    }
    for (int pass = 0; pass < 2; pass++) {
        struct run again = run_tenant(b, a, reach, &stats);

        r = again.mean < r.mean ? again : r;
    }
    show(name, "reach", reach, r);
    printf("           a query: %.0f codes, %.1f lists, %.1f vectors\n",
           (double)stats.keys / QUERIES, (double)stats.hops / QUERIES,
           (double)stats.exact / QUERIES);
    return reach;
}

static void show_own(const struct bench *b)
{
    struct own own[TENANTS];
    uint64_t bytes = 0;
    uint32_t nprobe = 0;
    struct run r = {0}, each;
    char path[512];

    for (uint32_t t = 0; t < TENANTS; t++) {
        own_index(b, t, &own[t]);
        bytes += file_bytes(in_folder(b, "own", t, path));
    }
    while (r.recall < want && nprobe < 400)
        r = run_own(b, own, ++nprobe, NULL);
    for (int pass = 0; pass < 2; pass++) {
        struct run again = run_own(b, own, nprobe, NULL);

        r = again.mean < r.mean ? again : r;
    }
    show("own ivf", "nprobe", nprobe, r);
    tune_each(b, own);
    each = run_own(b, own, 0, NULL);
    show("own ivf", "each", 0, each);
    printf("own ivf    %llu bytes in all\n", (unsigned long long)bytes);
    for (uint32_t t = 0; t < TENANTS; t++) {
        ann_close(own[t].a);
        free(own[t].row);
    }
}

static void show_flat(const struct bench *b, uint32_t lists)
{
    struct flat f;
    struct run r = {0}, again;
    uint32_t nprobe = 0;

    flat_make(b, &f, lists);
    while (r.recall < want && nprobe < lists) {
        nprobe += 1 + nprobe / 16;
        r = run_flat(b, &f, nprobe);
    }
    again = run_flat(b, &f, nprobe);
    show(lists < 500 ? "shared 316" : "shared 790", "nprobe", nprobe,
         again.mean < r.mean ? again : r);
    linmap_free(&f.products);
    free(f.centre);
    free(f.norm);
    free(f.x);
    free(f.start);
    free(f.row);
}

/* The unfiltered IVF: its bytes. */
static uint64_t plain(const struct bench *b)
{
    struct ann_build_opts o = {.kind = ANN_IVF, .threads = 2, .cpu = cpu_detect()};
    struct ann_build_report report;
    struct vec_rows rows = {(const unsigned char *)b->base.v, ROWS, b->dim, VEC_F32, 4 * b->dim};
    struct err e;
    char path[512];

    if (file_bytes(in_folder(b, "plain", 0, path)) == 0)
        need(ann_build(path, &rows, &o, &report, &e), &e);
    return file_bytes(path);
}

/* ---- changes ---- */

/* 20,000: two of five grant, two revoke, one deletes. */
static void change(struct bench *b, struct ann_update *u)
{
    uint64_t seed = 17;
    struct err e;
    char name[16];

    for (int i = 0; i < 20000;) {
        uint64_t row = rand_below(&seed, ROWS), op = rand_below(&seed, 5);
        uint32_t t = (uint32_t)rand_below(&seed, TENANTS);
        int n = snprintf(name, sizeof name, "t%u", t);

        if (ann_update_grant(u, ROWS, name, (size_t)n, &e) == 0)
            exit(1);
        if (op < 2 && ann_update_grant(u, row, name, (size_t)n, &e) == 0) {
            give(b, t, row);
            i++;
        } else if (op >= 2 && op < 4 && sees(b, t, row)) {
            need(ann_update_revoke(u, row, name, (size_t)n, &e), &e);
            b->may[t * b->words + row / 64] &= ~(UINT64_C(1) << row % 64);
            i++;
        } else if (op == 4 && ann_update_delete_row(u, row, &e) == 0) {
            for (t = 0; t < TENANTS; t++)
                b->may[t * b->words + row / 64] &= ~(UINT64_C(1) << row % 64);
            i++;
        }
    }
}

/* All that each tenant reaches is what the bits say. */
static void check_reached(const struct bench *b, const struct ann *a)
{
    uint64_t *id = room(ROWS, sizeof *id), wrong = 0, all = 0, searched = 0, leaks = 0;
    float *score = room(ROWS, sizeof *score);
    struct err e;

    for (uint32_t t = 0; t < TENANTS; t++) {
        uint32_t to = number(a, t);
        struct ann_search_opts o = {.k = ROWS, .threads = 1, .tenant = &to};
        uint64_t n = 0, has = 0;

        need(ann_search(a, &o, vec_matrix_row(&b->query, t), 1, id, score, NULL, &e), &e);
        for (; n < ROWS && id[n] != NEIGH_NONE; n++)
            wrong += !sees(b, t, id[n]);
        for (size_t w = 0; w < b->words; w++)
            has += (uint64_t)__builtin_popcountll(b->may[t * b->words + w]);
        wrong += n != has;
        all += n;
    }
    for (uint32_t q = 0; q < 10000; q++, searched++) {
        uint32_t t = q % TENANTS, to = number(a, t);
        struct ann_search_opts o = {.k = K, .threads = 1, .tenant = &to};

        need(
            ann_search(a, &o, vec_matrix_row(&b->query, q % b->query.rows), 1, id, score, NULL, &e),
            &e);
        for (uint32_t i = 0; i < K; i++)
            leaks += id[i] != NEIGH_NONE && !sees(b, t, id[i]);
    }
    printf("changed    %llu rights reached, %llu wrong; %llu queries, %llu leaks\n",
           (unsigned long long)all, (unsigned long long)wrong, (unsigned long long)searched,
           (unsigned long long)leaks);
    free(id);
    free(score);
}

static void show_changes(struct bench *b, const char *path, uint32_t reach)
{
    struct ann_update_opts how = {.threads = 1};
    struct ann_update_report report;
    struct ann_update *u;
    struct ann_search_stats stats;
    struct ann *a, *anew;
    struct err e;
    char changed[512], rebuilt[512];

    need(ann_update_open(&u, path, cpu_detect(), &e), &e);
    change(b, u);
    need(ann_update_write(u, in_folder(b, "changed", 0, changed), &how, &report, &e), &e);
    ann_update_close(u);
    need(ann_load(&a, changed, cpu_detect(), 1, &e), &e);
    printf("changed    20000 in %.2f s, %llu rows live\n", report.seconds,
           (unsigned long long)report.live);
    check_reached(b, a);
    find_truth(b);
    show("changed", "reach", reach, run_tenant(b, a, reach, &stats));
    anew = tenant_index(b, in_folder(b, "rebuilt", 0, rebuilt));
    show("rebuilt", "reach", reach, run_tenant(b, anew, reach, &stats));
    ann_close(anew);
    ann_close(a);
}

/* For hnswlib, and to be used again: whose each query is, its truth, and who may see what. */
static void find_or_take_truth(struct bench *b, bool uniform)
{
    char path[512];
    FILE *f = fopen(in_folder(b, "peer", uniform, path), "rb");

    if (f) {
        if (fread(b->tenant, sizeof b->tenant, 1, f) < 1 ||
            fread(b->truth, sizeof *b->truth, QUERIES, f) < QUERIES)
            exit(1);
        fclose(f);
        count_truth(b);
        return;
    }
    whose(b, uniform);
    find_truth(b);
    if (!(f = fopen(path, "wb")))
        exit(1);
    fwrite(b->tenant, sizeof b->tenant, 1, f);
    fwrite(b->truth, sizeof *b->truth, QUERIES, f);
    fwrite(b->may, sizeof *b->may, TENANTS * b->words, f);
    fclose(f);
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct ann *a;
    struct err e;
    char path[512];
    uint32_t reach;
    bool near, uniform = false, quick = false;

    if (argc < 5) {
        fprintf(stderr, "bench_tenant BASE QUERIES FOLDER random|near [uniform] [quick]\n");
        return 2;
    }
    for (int i = 5; i < argc; i++) {
        uniform |= strcmp(argv[i], "uniform") == 0;
        quick |= strcmp(argv[i], "quick") == 0;
    }
    near = strcmp(argv[4], "near") == 0;
    b.folder = argv[3];
    need(vec_load_f32(&b.base, argv[1], NULL, ROWS, true, &e), &e);
    need(vec_load_f32(&b.query, argv[2], NULL, 10000, true, &e), &e);
    if (b.base.rows < ROWS || b.query.rows < QUERIES)
        return 1;
    b.dim = b.base.dim;
    b.words = (ROWS + 63) / 64;
    b.may = room(TENANTS * b.words, sizeof *b.may);
    b.truth = room(QUERIES, sizeof *b.truth);
    if (near)
        near_tenants(&b);
    else
        random_tenants(&b);
    find_or_take_truth(&b, uniform);
    a = tenant_index(&b, in_folder(&b, "tenant", 0, path));
    printf("tenants %s, queries of %s; tenant %llu bytes, plain ivf %llu\n", argv[4],
           uniform ? "any tenant" : "owners", (unsigned long long)file_bytes(path),
           (unsigned long long)plain(&b));
    reach = show_tenant(&b, a, "tenant");
    ann_close(a);
    if (quick)
        return 0;
    show_own(&b);
    show_flat(&b, 316);
    show_flat(&b, 790);
    show_changes(&b, path, reach);
    return 0;
}
