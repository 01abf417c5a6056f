/* bench_filter.c - searches that may find some rows only: a filter of its own for each query.
 *
 *   bench_filter make DIR BASE QUERIES [NAME...]    masks and truth
 *   bench_filter run IDX QUERIES DIR NAME [EFFORT...]
 *   bench_filter same IDX QUERIES DIR NAME [EFFORT...]    the first mask for all
 *
 * What `make` writes is for ann_hnswlib_filter.cpp, too.
 *
 * NAME, for a share of the rows in hundredths: rSHARE random rows; cSHARE whole clusters of
 * k-means, drawn at random for each query, so that most are far from it; aSHARE all but those
 * nearest to the query. A mask is there before the clock runs: what it takes to count its bits is
 * said in a line of its own, what it takes to make it from a predicate is another matter. The
 * metric is ip, the first QUERIES_MOST queries are asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "found.h"
#include "ann/ann.h"
#include "base/mem.h"
#include "base/rand.h"
#include "vec/kmeans.h"
#include "vec/knn.h"
#include "vec/vec.h"

enum { K = 10, QUERIES_MOST = 1000, CLUSTERS = 1024, SEED = 6 };

static const char *const names[] = {"r0.1", "r1",   "r3", "r10", "r30",  "r50", "r80",
                                    "r97",  "c0.1", "c1", "c10", "a0.1", "a1",  "a10"};
enum { NAMES = sizeof names / sizeof *names };

static FILE *open_at(const char *dir, const char *name, const char *end, const char *mode)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s.%s", dir, name, end);
    f = fopen(path, mode);
    if (!f)
        bench_stop(path);
    return f;
}

struct set {
    struct vec_matrix base, query;
    uint64_t words; /* of a mask */
    uint32_t *cluster;
    const struct vec_ops *ops;
};

static void random_rows(const struct set *s, double share, uint64_t *state, uint64_t *bits)
{
    for (uint64_t i = 0; i < s->base.rows; i++)
        if (rand_unit(state) < share)
            bits[i / 64] |= UINT64_C(1) << i % 64;
}

static void random_clusters(const struct set *s, double share, uint64_t *state, uint64_t *bits)
{
    bool in[CLUSTERS] = {false};
    uint64_t size[CLUSTERS] = {0}, have = 0, want = (uint64_t)(share * (double)s->base.rows);

    for (uint64_t i = 0; i < s->base.rows; i++)
        size[s->cluster[i]]++;
    while (have < want) {
        uint64_t c = rand_below(state, CLUSTERS);

        have += in[c] ? 0 : size[c];
        in[c] = true;
    }
    for (uint64_t i = 0; i < s->base.rows; i++)
        if (in[s->cluster[i]])
            bits[i / 64] |= UINT64_C(1) << i % 64;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* All rows but a share of them, the nearest. */
static void rows_away(const struct set *s, double share, const float *q, uint64_t *bits)
{
    uint64_t n = s->base.rows;
    double *key = bench_need(malloc(2 * n * sizeof *key)), *sorted = key + n, least;

    for (uint64_t i = 0; i < n; i++)
        key[i] = sorted[i] = knn_key(s->ops, VEC_IP, s->base.v + i * s->base.dim, q, s->base.dim,
                                     1);
    qsort(sorted, n, sizeof *sorted, by_value);
    least = sorted[(uint64_t)(share * (double)n)];
    for (uint64_t i = 0; i < n; i++)
        if (key[i] >= least)
            bits[i / 64] |= UINT64_C(1) << i % 64;
    free(key);
}

static void make_mask(const struct set *s, const char *name, const float *q, uint64_t *state,
                      uint64_t *bits)
{
    double share = atof(name + 1) / 100;

    memset(bits, 0, s->words * sizeof *bits);
    if (name[0] == 'a')
        rows_away(s, share, q, bits);
    else
        (name[0] == 'r' ? random_rows : random_clusters)(s, share, state, bits);
}

/* The K best allowed rows, looking at all of them. */
static void truth(const struct set *s, const uint64_t *bits, const float *q, int32_t id[K])
{
    double key[K];
    unsigned n = 0;

    for (uint64_t i = 0; i < s->base.rows; i++) {
        double v;
        unsigned j;

        if (!(bits[i / 64] >> i % 64 & 1))
            continue;
        v = knn_key(s->ops, VEC_IP, s->base.v + i * s->base.dim, q, s->base.dim, 1);
        if (n == K && v >= key[K - 1])
            continue;
        for (j = n < K ? n++ : K - 1; j > 0 && key[j - 1] > v; j--) {
            key[j] = key[j - 1];
            id[j] = id[j - 1];
        }
        key[j] = v;
        id[j] = (int32_t)i;
    }
    while (n < K)
        id[n++] = -1;
}

static void make_one(const struct set *s, const char *dir, const char *name)
{
    FILE *mask = open_at(dir, name, "mask", "wb"), *ids = open_at(dir, name, "ivecs", "wb");
    uint64_t *bits = bench_need(calloc(s->words, sizeof *bits)), state = SEED;
    bool ok = true;

    for (uint64_t i = 0; i < s->query.rows; i++) {
        const float *q = s->query.v + i * s->query.dim;
        int32_t row[1 + K] = {K};

        make_mask(s, name, q, &state, bits);
        truth(s, bits, q, row + 1);
        ok &= fwrite(bits, sizeof *bits, s->words, mask) == s->words;
        ok &= fwrite(row, sizeof row, 1, ids) == 1;
    }
    free(bits);
    if (fclose(mask) || fclose(ids) || !ok)
        bench_stop("a file could not be written");
}

static bool is_wanted(const char *name, char **of, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(of[i], name) == 0)
            return true;
    return n == 0;
}

/* Those of n names, or all. */
static void make(struct set *s, const char *dir, char **of, int n)
{
    struct kmeans_opts o = {
        .ops = s->ops, .k = CLUSTERS, .iterations = 5, .seed = SEED, .threads = 1};
    float *centre = bench_need(malloc(CLUSTERS * (size_t)s->base.dim * sizeof *centre));
    struct err e = {0};

    s->cluster = bench_need(malloc(s->base.rows * sizeof *s->cluster));
    if (kmeans(s->base.v, s->base.rows, s->base.dim, &o, centre, s->cluster, NULL, &e) < 0)
        bench_stop(e.msg);
    for (int i = 0; i < NAMES; i++)
        if (is_wanted(names[i], of, n))
            make_one(s, dir, names[i]);
    free(centre);
    free(s->cluster);
}

/* ---- measuring ---- */

struct run {
    const struct ann *a;
    struct vec_matrix query;
    struct neigh truth;
    uint64_t words;
    uint64_t *bits;
    struct ann_allowed *allowed;
    bool same;
};

static void load_masks(struct run *r, const char *dir, const char *name)
{
    FILE *f = open_at(dir, name, "mask", "rb");
    double began, seconds;

    r->bits = bench_need(malloc(r->query.rows * r->words * sizeof *r->bits));
    r->allowed = bench_need(calloc(r->query.rows, sizeof *r->allowed));
    if (fread(r->bits, r->words * sizeof *r->bits, r->query.rows, f) != r->query.rows)
        bench_stop("a file of masks is too short");
    fclose(f);
    began = bench_now();
    for (uint64_t i = 0; i < r->query.rows; i++) {
        struct ann_allowed *m = &r->allowed[i];

        m->bits = r->bits + i * r->words;
        for (uint64_t w = 0; w < r->words; w++)
            m->count += (uint64_t)__builtin_popcountll(m->bits[w]);
    }
    seconds = bench_now() - began;
    printf("%s: %.2f us to count the %llu bits of a mask, %llu of %llu are set\n", name,
           1e6 * seconds / (double)r->query.rows, (unsigned long long)(64 * r->words),
           (unsigned long long)r->allowed->count, (unsigned long long)(64 * r->words));
}

static void setting(const struct run *r, const char *name, uint32_t effort)
{
    struct ann_search_opts o = {
        .k = K, .effort = effort, .threads = 1, .allowed = r->allowed, .allowed_each = !r->same};
    struct ann_search_stats best;
    uint64_t n = r->query.rows, *id = bench_need(malloc(n * K * sizeof *id));
    struct ann_explained x;

    best = found_best(r->a, &o, &r->query, id);
    ann_explain(r->a, &o, r->allowed->count, &x);
    printf("%s%s  effort %u  %s  recall@%d %.4f  qps %.0f  keys %.0f  hops %.1f  exact %.1f\n",
           name, r->same ? " for all" : "", effort, x.plan, K,
           r->same ? 0.0 : found_share(r->truth.id, r->truth.k, id, n, K), (double)n / best.seconds,
           (double)best.keys / (double)n, (double)best.hops / (double)n,
           (double)best.exact / (double)n);
    free(id);
}

static void run(int argc, char **argv)
{
    struct run r = {.same = strcmp(argv[1], "same") == 0};
    struct ann *a = NULL;
    struct err e = {0};
    struct ann_info info;
    char path[4096];

    if (ann_load(&a, argv[2], cpu_detect(), 1, &e) < 0)
        bench_stop(e.msg);
    r.a = a;
    ann_info(a, &info);
    r.words = (info.rows + 63) / 64;
    found_queries(&r.query, argv[3], QUERIES_MOST);
    load_masks(&r, argv[4], argv[5]);
    snprintf(path, sizeof path, "%s/%s.ivecs", argv[4], argv[5]);
    if (neigh_load(&r.truth, path, NEIGH_AUTO, &e) < 0)
        bench_stop(e.msg);
    for (int i = 6; i < argc; i++)
        setting(&r, argv[5], (uint32_t)atoi(argv[i]));
    if (argc == 6)
        setting(&r, argv[5], 0);
    neigh_free(&r.truth);
    vec_matrix_free(&r.query);
    free(r.bits);
    free(r.allowed);
    ann_close(a);
}

int main(int argc, char **argv)
{
    struct set s = {.ops = ops_for(cpu_detect())};
    struct err e = {0};

    if (argc >= 6 && (strcmp(argv[1], "run") == 0 || strcmp(argv[1], "same") == 0)) {
        run(argc, argv);
        return 0;
    }
    if (argc < 5 || strcmp(argv[1], "make") != 0) {
        fprintf(stderr, "usage: bench_filter make DIR BASE QUERIES [NAME...]\n"
                        "       bench_filter run|same IDX QUERIES DIR NAME [EFFORT...]\n");
        return 2;
    }
    if (vec_load_f32(&s.base, argv[3], NULL, 0, false, &e) < 0)
        bench_stop(e.msg);
    found_queries(&s.query, argv[4], QUERIES_MOST);
    s.words = (s.base.rows + 63) / 64;
    make(&s, argv[2], argv + 5, argc - 5);
    vec_matrix_free(&s.base);
    vec_matrix_free(&s.query);
    return 0;
}
