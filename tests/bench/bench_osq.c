/* bench_osq.c - indexes of the kind osq, and others, under predicates of 8 % selectivity.
 *
 *   bench_osq make DIR BASE QUERIES     attributes, predicates and truth
 *   bench_osq run IDX QUERIES DIR [KEEP REACH FACTOR]    l2; KEEP is the effort of any kind
 *   bench_osq bounds IDX BASE QUERIES   lower bounds of an index of kind osq against distances
 *   bench_osq launch PROCESSES FAN...   how long it takes until all processes of a tree run
 *
 * There are four attributes of 50 values, uniform and independent; a predicate asks for 26 or 27
 * neighbouring values of each, which .52^2 .54^2 = 7.9 % of the rows have, and every query has one
 * of its own. Predicates are evaluated before the clock of the search runs; what that takes is
 * said apart. The first QUERIES_MOST queries are asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ann/ann.h"
#include "base/mem.h"
#include "base/rand.h"
#include "vec/knn.h"
#include "vec/vec.h"

enum { K = 10, PASSES = 5, QUERIES_MOST = 1000, SEED = 6, ATTRS = 4, VALUES = 50 };

static void stop(const char *what)
{
    fprintf(stderr, "bench_osq: %s\n", what);
    exit(1);
}

static void *need(void *p)
{
    if (!p)
        stop("out of memory");
    return p;
}

static FILE *open_at(const char *dir, const char *name, const char *mode)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, mode);
    if (!f)
        stop(path);
    return f;
}

static void load_queries(struct vec_matrix *q, const char *path)
{
    struct err e = {0};

    if (vec_load_f32(q, path, NULL, 0, false, &e) < 0)
        stop(e.msg);
    q->rows = q->rows < QUERIES_MOST ? q->rows : QUERIES_MOST;
}

/* ---- making ---- */

static uint32_t width_of(int attr)
{
    return attr < 2 ? 27 : 26;
}

static void write_attrs(const char *dir, uint64_t rows, uint8_t *value)
{
    FILE *f = open_at(dir, "attrs.tsv", "w");
    uint64_t state = SEED;

    fprintf(f, "a\tb\tc\td\n");
    for (uint64_t i = 0; i < rows; i++)
        for (int j = 0; j < ATTRS; j++) {
            value[i * ATTRS + (uint64_t)j] = (uint8_t)rand_below(&state, VALUES);
            fprintf(f, "%u%c", value[i * ATTRS + (uint64_t)j], j + 1 < ATTRS ? '\t' : '\n');
        }
    if (fclose(f))
        stop("attributes could not be written");
}

static bool is_true(const uint8_t *value, const uint32_t *from)
{
    for (int j = 0; j < ATTRS; j++)
        if (value[j] < from[j] || value[j] >= from[j] + width_of(j))
            return false;
    return true;
}

/* The K best of the rows for which it is true, looking at all of them. */
static void truth(const struct vec_matrix *base, const uint8_t *value, const uint32_t *from,
                  const float *q, int32_t id[K])
{
    const struct vec_ops *ops = ops_for(cpu_detect());
    double key[K];
    unsigned n = 0;

    for (uint64_t i = 0; i < base->rows; i++) {
        double v;
        unsigned j;

        if (!is_true(value + i * ATTRS, from))
            continue;
        v = knn_key(ops, VEC_L2, base->v + i * base->dim, q, base->dim, 1);
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

static void make(const char *dir, const char *base_path, const char *query_path)
{
    static const char names[] = "abcd";
    struct vec_matrix base, query;
    struct err e = {0};
    uint64_t state = SEED + 1;
    uint8_t *value;
    FILE *where, *ids;

    if (vec_load_f32(&base, base_path, NULL, 0, false, &e) < 0)
        stop(e.msg);
    load_queries(&query, query_path);
    value = need(malloc(base.rows * ATTRS));
    write_attrs(dir, base.rows, value);
    where = open_at(dir, "where.jsonl", "w");
    ids = open_at(dir, "truth.ivecs", "wb");
    for (uint64_t i = 0; i < query.rows; i++) {
        uint32_t from[ATTRS];
        int32_t row[1 + K] = {K};

        for (int j = 0; j < ATTRS; j++) {
            from[j] = (uint32_t)rand_below(&state, VALUES - width_of(j) + 1);
            fprintf(where, "%s%c between %u and %u%s", j ? " and " : "\"", names[j], from[j],
                    from[j] + width_of(j) - 1, j + 1 < ATTRS ? "" : "\"\n");
        }
        truth(&base, value, from, query.v + i * query.dim, row + 1);
        if (fwrite(row, sizeof row, 1, ids) != 1)
            stop("the truth could not be written");
    }
    if (fclose(where) || fclose(ids))
        stop("predicates could not be written");
    vec_matrix_free(&base);
    vec_matrix_free(&query);
    free(value);
}

/* ---- measuring ---- */

struct run {
    struct ann *a;
    struct vec_matrix query;
    struct neigh truth;
    uint64_t *bits; /* [queries][words] */
    struct ann_allowed *allowed;
};

/* All predicates, whose rows are copied: they are not held at once. */
static void evaluate(struct run *r, const char *dir)
{
    struct ann_predicate_file *f = NULL;
    struct ann_predicates *p = NULL;
    const struct ann_predicate *text;
    struct ann_info info;
    struct err e = {0};
    char path[4096];
    uint64_t words, n, done = 0, count = 0, evaluated;
    double seconds;

    ann_info(r->a, &info);
    words = (info.rows + 63) / 64;
    n = r->query.rows;
    r->bits = need(malloc(n * words * sizeof *r->bits));
    r->allowed = need(calloc(n, sizeof *r->allowed));
    snprintf(path, sizeof path, "%s/where.jsonl", dir);
    if (ann_predicates_new(&p, r->a, 1, &e) < 0 || ann_predicate_file_open(&f, path, &e) < 0 ||
        ann_predicate_file_read(f, n, &text, &e) != (int64_t)n)
        stop(e.msg);
    for (uint64_t at = 0; at < n; at += done) {
        if (ann_predicates_rows(p, text + at, n - at, r->allowed + at, &done, &e) < 0)
            stop(e.msg);
        for (uint64_t i = at; i < at + done; i++) {
            memcpy(r->bits + i * words, r->allowed[i].bits, words * sizeof *r->bits);
            r->allowed[i].bits = r->bits + i * words;
            count += r->allowed[i].count;
        }
    }
    ann_predicates_stats(p, &evaluated, &seconds);
    printf("%llu predicates, %.1f us each, %.2f %% of the rows\n", (unsigned long long)evaluated,
           1e6 * seconds / (double)evaluated,
           100 * (double)count / (double)n / (double)info.rows);
    ann_predicate_file_close(f);
    ann_predicates_free(p);
}

static double recall(const struct run *r, const uint64_t *id)
{
    uint64_t hit = 0, all = 0;

    for (uint64_t q = 0; q < r->query.rows; q++)
        for (unsigned i = 0; i < K; i++) {
            uint64_t t = r->truth.id[q * r->truth.k + i];

            all += t != NEIGH_NONE;
            for (unsigned j = 0; j < K; j++)
                hit += t != NEIGH_NONE && t == id[q * K + j];
        }
    return (double)hit / (double)all;
}

/* Bytes of an index beside its vectors, a row. */
static void say_bytes(const struct run *r)
{
    struct ann_section s;
    struct ann_info i;
    uint64_t vectors = 0;
    double rest;

    ann_info(r->a, &i);
    for (size_t at = 0; ann_section(r->a, at, &s); at++)
        if (memcmp(s.id, "VECS", 4) == 0)
            vectors = s.len;
    rest = (double)(i.bytes - vectors) / (double)i.rows;
    printf("%s %s, %u lists, %llu rows: %.2f bytes a row beside vectors; 5 d + 32 bits are %.2f\n",
           i.kind, i.codec, i.lists, (unsigned long long)i.rows, rest,
           (5.0 * i.dim + 32) / 8);
}

static void search(const struct run *r, struct ann_search_opts *o, bool filter)
{
    struct ann_search_stats best = {.seconds = 1e9};
    uint64_t n = r->query.rows, *id = need(malloc(n * K * sizeof *id));
    float *score = need(malloc(n * K * sizeof *score));
    struct err e = {0};

    o->allowed = filter ? r->allowed : NULL;
    o->allowed_each = filter;
    for (int pass = 0; pass < PASSES; pass++) {
        struct ann_search_stats s = {0};

        if (ann_search(r->a, o, r->query.v, n, id, score, &s, &e) < 0)
            stop(e.msg);
        best = s.seconds < best.seconds ? s : best;
    }
    printf("effort %u reach %g factor %u  recall@%d %.4f  qps %.0f  lists %.1f  rows %.0f  codes "
           "%.0f (%.1f %% gone before)  vectors %.1f\n",
           o->effort, (double)o->reach, o->factor, K, filter ? recall(r, id) : 0.0,
           (double)n / best.seconds, (double)best.hops / (double)n, (double)best.signs / (double)n,
           (double)best.keys / (double)n,
           best.signs ? 100 - 100 * (double)best.keys / (double)best.signs : 0.0,
           (double)best.exact / (double)n);
    free(id);
    free(score);
}

static void run(int argc, char **argv)
{
    struct run r = {0};
    struct err e = {0};
    char path[4096];
    struct ann_search_opts o = {.k = K, .threads = 1};

    if (ann_load(&r.a, argv[2], cpu_detect(), 1, &e) < 0)
        stop(e.msg);
    load_queries(&r.query, argv[3]);
    snprintf(path, sizeof path, "%s/truth.ivecs", argv[4]);
    if (neigh_load(&r.truth, path, NEIGH_AUTO, &e) < 0)
        stop(e.msg);
    say_bytes(&r);
    evaluate(&r, argv[4]);
    for (int i = 5; i == 5 || i + 2 < argc; i += 3) {
        if (i + 2 < argc) {
            o.effort = (uint32_t)atoi(argv[i]);
            o.reach = (float)atof(argv[i + 1]);
            o.factor = (uint32_t)atoi(argv[i + 2]);
        }
        search(&r, &o, true);
    }
    neigh_free(&r.truth);
    vec_matrix_free(&r.query);
    free(r.bits);
    free(r.allowed);
    ann_close(r.a);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "make") == 0)
        make(argv[2], argv[3], argv[4]);
    else if (argc >= 5 && strcmp(argv[1], "run") == 0)
        run(argc, argv);
    else {
        fprintf(stderr, "usage: bench_osq make DIR BASE QUERIES\n"
                        "       bench_osq run IDX QUERIES DIR [KEEP REACH FACTOR]...\n");
        return 2;
    }
    return 0;
}
