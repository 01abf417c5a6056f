/* bench_codec.c - what a codec does to a set of vectors, in one process and one thread: "name value
 * unit" a line.
 *
 *   bench_codec scan SPEC BASE.fvecs QUERIES.fvecs TRUTH.ivecs l2|ip [QUERIES]
 *                 trains on BASE; encodes; scans the whole list, which should be far larger than
 *                 the caches, for a query at a time, beside the f32 rows; scans one piece of
 *                 CODEC_LIST codes in L2 for 1 to 64 queries; the recall@10 of the first QUERIES
 *                 (500) queries, without re-ranking and with the best 100 re-ranked
 *   bench_codec encode SPEC BASE.fvecs
 *
 * SLUICE_CPU caps the CPU level, as in the tools.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "base/mem.h"
#include "vec/codec_kind.h"

enum { ROUNDS = 5, K = 10, RERANK = 100, SINGLE = 30, BATCH_MOST = 64 };

/* ---- fvecs and ivecs: rows of 4-byte components ---- */

struct rows {
    float *v;    /* mapped, so that large sets stand in huge pages */
    int32_t *id; /* the same bytes, of truth */
    size_t n;
    uint32_t dim;
};

static struct rows read_vecs(const char *path)
{
    struct rows r = {0};
    struct err e;
    FILE *f = fopen(path, "rb");
    int32_t dim = 0;
    long size;

    if (!f || fread(&dim, 4, 1, f) != 1 || dim <= 0 || fseek(f, 0, SEEK_END) < 0)
        bench_stop("cannot read a file of vectors");
    size = ftell(f);
    rewind(f);
    r.dim = (uint32_t)dim;
    r.n = (size_t)size / (4 + 4 * (size_t)dim);
    r.id = bench_need(mem_map(r.n * r.dim * 4, &e));
    r.v = (float *)(void *)r.id;
    for (size_t i = 0; i < r.n; i++)
        if (fread(&dim, 4, 1, f) != 1 || (uint32_t)dim != r.dim ||
            fread(r.v + i * r.dim, 4, r.dim, f) != r.dim)
            bench_stop("a short file of vectors");
    fclose(f);
    return r;
}

/* ---- recall ---- */

static double true_key(enum vec_metric m, const float *q, const float *x, uint32_t dim)
{
    double sum = 0;

    for (uint32_t k = 0; k < dim; k++)
        sum += m == VEC_L2 ? ((double)q[k] - x[k]) * ((double)q[k] - x[k]) : -(double)q[k] * x[k];
    return sum;
}

struct hit {
    double key;
    size_t id;
};

/* Puts a hit into a list of at most `most`, best first. */
static void hit_add(struct hit *list, size_t *n, size_t most, struct hit h)
{
    size_t at = *n;

    if (at == most && !(h.key < list[at - 1].key))
        return;
    if (at < most)
        *n = at + 1;
    else
        at--;
    for (; at > 0 && h.key < list[at - 1].key; at--)
        list[at] = list[at - 1];
    list[at] = h;
}

static size_t found(const struct hit *list, size_t n, const int32_t *truth)
{
    size_t count = 0;

    for (size_t i = 0; i < K && i < n; i++)
        for (size_t j = 0; j < K; j++)
            count += list[i].id == (size_t)truth[j];
    return count;
}

struct bench {
    struct codec *c;
    struct rows base, query, truth;
    enum vec_metric metric;
    uint8_t *code;
    struct codec_list list;
    void **prepared; /* one a query of the recall */
    size_t n_queries;
    float *key, *low, *norm2;
};

static void recall(const struct bench *b)
{
    size_t plain = 0, again = 0, above = 0;
    uint32_t dim = b->base.dim;

    for (size_t i = 0; i < b->n_queries; i++) {
        struct hit top[RERANK], best[K];
        size_t n = 0, m = 0;
        const float *q = b->query.v + i * dim;
        const int32_t *truth = b->truth.id + i * b->truth.dim;

        codec_list_scan(b->c, &b->list, (const void *const *)&b->prepared[i], 1, b->key, b->low);
        for (size_t j = 0; j < b->base.n; j++)
            hit_add(top, &n, RERANK, (struct hit){(double)b->key[j], j});
        for (size_t j = 0; j < n; j++) {
            double key = true_key(b->metric, q, b->base.v + top[j].id * dim, dim);

            hit_add(best, &m, K, (struct hit){key, top[j].id});
            above += b->low && (double)b->low[top[j].id] > key;
        }
        plain += found(top, n, truth);
        again += found(best, m, truth);
    }
    printf("recall10 %.5f\nrecall10_rerank100 %.5f\n", (double)plain / (double)(K * b->n_queries),
           (double)again / (double)(K * b->n_queries));
    if (b->low)
        printf("bounds_above_truth %zu of %zu\n", above, b->n_queries * RERANK);
}

/* Squared error of the reconstruction, of the sample's first rows, and of the key. */
static void errors(const struct bench *b)
{
    size_t rows = b->base.n < CODEC_BLOCK ? b->base.n : CODEC_BLOCK, dim = b->base.dim;
    float *x = bench_need(malloc(rows * dim * sizeof *x));
    double sum = 0, bias = 0, off = 0, size = 0;
    struct err e;

    if (codec_decode(b->c, b->code, rows, x, 1, &e) < 0)
        bench_stop(e.msg);
    codec_list_scan(b->c, &b->list, (const void *const *)b->prepared, 1, b->key, NULL);
    for (size_t i = 0; i < rows; i++) {
        double key = true_key(b->metric, b->query.v, b->base.v + i * dim, b->base.dim);

        sum += true_key(VEC_L2, x + i * dim, b->base.v + i * dim, b->base.dim);
        bias += (double)b->key[i] - key;
        off += ((double)b->key[i] - key) * ((double)b->key[i] - key);
        size += fabs(key);
    }
    printf("mse %.6g\nkey_bias %.3g\nkey_rms_error %.3g\n", sum / (double)(rows * dim), bias / size,
           sqrt(off * (double)rows) / size);
    free(x);
}

/* ---- speeds ---- */

static void speed_encode(struct bench *b)
{
    double best = 1e30, f32 = (double)b->base.n * b->base.dim * 4;
    struct err e;

    b->code = bench_need(mem_map(b->base.n * b->c->code_bytes + 1, &e));
    for (int i = 0; i < ROUNDS; i++) {
        double t = bench_now();

        if (codec_encode(b->c, b->base.v, b->base.n, b->code, 1, &e) < 0)
            bench_stop(e.msg);
        t = bench_now() - t;
        best = t < best ? t : best;
    }
    printf("code_bytes %u\nencode %.3f GB/s of f32\n", b->c->code_bytes, f32 / best / 1e9);
}

static double list_s(const struct bench *b, size_t query, float *low)
{
    double t = bench_now();

    codec_list_scan(b->c, &b->list, (const void *const *)b->prepared + query, 1, b->key, low);
    return bench_now() - t;
}

static double f32_s(const struct bench *b, size_t query)
{
    uint32_t dim = b->base.dim;
    const struct vec_ops *ops = b->c->ops;
    void *packed = bench_need(aligned_alloc(64, dots_size(VEC_F32, 1, dim)));
    double t;

    ops->dots_pack(b->query.v + query * dim, VEC_F32, 1, dim, packed);
    t = bench_now();
    ops->dots_f32(b->base.v, dim * sizeof(float), b->base.n, packed, 1, dim, b->key, b->base.n,
                  b->norm2);
    t = bench_now() - t;
    free(packed);
    return t;
}

/* In turn, so that what else the machine does meets all of them, and the f32 rows drive the list
 * out of the last level of cache before each of its scans. */
static void speed_memory(const struct bench *b)
{
    double f32 = 1e30, codes = 1e30, bounds = 1e30;

    for (size_t i = 0; i < SINGLE; i++) {
        f32 = fmin(f32, f32_s(b, i));
        codes = fmin(codes, list_s(b, i, NULL));
        f32 = fmin(f32, f32_s(b, i));
        if (b->low)
            bounds = fmin(bounds, list_s(b, i, b->low));
    }
    printf("f32_scan %.2f GB/s\nscan %.2f GB/s of list\nlist_bytes %.2f a vector\n",
           (double)b->base.n * b->base.dim * 4 / f32 / 1e9, (double)b->list.bytes / codes / 1e9,
           (double)b->list.bytes / (double)b->base.n);
    printf("scan_against_f32 %.2f x\n", f32 / codes);
    if (b->low)
        printf("scan_with_bounds_against_f32 %.2f x\n", f32 / bounds);
}

/* One piece, again and again: it and its keys stay in L2. Operations are two a dimension. */
static void speed_cache(const struct bench *b)
{
    size_t n = b->base.n < CODEC_LIST ? b->base.n : CODEC_LIST;

    for (size_t nq = 1; nq <= BATCH_MOST && nq <= b->n_queries; nq *= 2) {
        size_t times = 1 + ((size_t)1 << 32) / (n * nq * b->base.dim * 8);
        double best = 1e30;

        for (int r = 0; r < ROUNDS; r++) {
            double t = bench_now();

            for (size_t i = 0; i < times; i++)
                b->c->spec.kind->scan(b->c, (const void *const *)b->prepared, nq, b->list.p, n,
                                      b->key, NULL, n);
            t = bench_now() - t;
            best = t < best ? t : best;
        }
        printf("scan_l2_batch%zu %.1f GOP/s\n", nq,
               2.0 * (double)(times * n * nq) * b->base.dim / best / 1e9);
    }
}

static void prepare(struct bench *b)
{
    const struct codec_kind *k = b->c->spec.kind;
    size_t bytes = (k->query_bytes(b->c) + 63) / 64 * 64;

    b->prepared = bench_need(malloc(b->n_queries * sizeof *b->prepared));
    for (size_t i = 0; i < b->n_queries; i++) {
        b->prepared[i] = bench_need(aligned_alloc(64, bytes));
        k->query_init(b->c, b->metric, b->query.v + i * b->base.dim, b->prepared[i]);
    }
    b->key = bench_need(malloc((b->base.n + CODEC_LIST * BATCH_MOST) * sizeof *b->key));
    b->norm2 = bench_need(malloc(b->base.n * sizeof *b->norm2));
    b->low = k->bounds ? bench_need(malloc(b->base.n * sizeof *b->low)) : NULL;
}

static struct codec *train(const char *spec, const struct rows *base)
{
    struct codec_train t = {.x = base->v, .n = base->n, .seed = 1, .threads = 1};
    enum cpu_level cpu = cpu_detect(), cap;
    const char *env = getenv("SLUICE_CPU");
    struct codec *c;
    struct err e;
    double start = bench_now();

    if (env && cpu_parse(env, &cap) == 0 && cap < cpu)
        cpu = cap;
    if (codec_train(&c, spec, base->dim, cpu, &t, &e) < 0)
        bench_stop(e.msg);
    printf("cpu %s\ntrain %.2f s\n", cpu_name(cpu), bench_now() - start);
    return c;
}

static void bench_free(struct bench *b)
{
    for (size_t i = 0; i < b->n_queries; i++)
        free(b->prepared[i]);
    free(b->prepared);
    free(b->key);
    free(b->low);
    free(b->norm2);
    codec_list_free(&b->list);
    codec_free(b->c);
}

static void scan(char **arg, int args)
{
    struct bench b = {.n_queries = args > 5 ? (size_t)atol(arg[5]) : 500};
    struct err e;
    double t;

    b.base = read_vecs(arg[1]);
    b.query = read_vecs(arg[2]);
    b.truth = read_vecs(arg[3]);
    b.metric = strcmp(arg[4], "l2") == 0 ? VEC_L2 : VEC_IP;
    if (b.query.dim != b.base.dim || b.truth.dim < K || b.n_queries > b.query.n ||
        b.n_queries < SINGLE)
        bench_stop("queries or truth do not fit the base");
    b.c = train(arg[0], &b.base);
    speed_encode(&b);
    t = bench_now();
    if (codec_list_init(&b.list, b.c, b.code, b.base.n, 1, &e) < 0)
        bench_stop(e.msg);
    printf("pack %.3f GB/s of f32\n", (double)b.base.n * b.base.dim * 4 / (bench_now() - t) / 1e9);
    prepare(&b);
    speed_memory(&b);
    speed_cache(&b);
    errors(&b);
    recall(&b);
    bench_free(&b);
}

static void encode(char **arg)
{
    struct bench b = {.base = read_vecs(arg[1])};

    b.c = train(arg[0], &b.base);
    speed_encode(&b);
    bench_free(&b);
}

int main(int argc, char **argv)
{
    if (argc >= 7 && strcmp(argv[1], "scan") == 0)
        scan(argv + 2, argc - 2);
    else if (argc == 4 && strcmp(argv[1], "encode") == 0)
        encode(argv + 2);
    else
        bench_stop("bench_codec scan SPEC BASE QUERIES TRUTH l2|ip [QUERIES] | encode SPEC BASE");
    return 0;
}
