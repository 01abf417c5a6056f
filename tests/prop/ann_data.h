/* ann_data.h - bases of many kinds for tests of indexes, their truth by looking at every pair, and
 * indexes made of them. */
#ifndef TESTS_ANN_DATA_H
#define TESTS_ANN_DATA_H

#include <unistd.h>

#include "vec_data.h"

#include "ann/ann.h"
#include "base/mem.h"
#include "vec/file.h"
#include "vec/neigh.h"

enum { ANN_QUERIES = 40 };

/* Rows of one type, made of floats. */
struct ann_base {
    struct vec_rows rows;
    float *x; /* what the components are, as floats */
    void *p;
};

static inline struct ann_base ann_base_of(enum data_kind kind, enum vec_type type, size_t n,
                                          uint32_t dim)
{
    struct ann_base b = {.x = data_make(kind, n ? n : 1, dim)};
    size_t cells = n * dim, size = vec_type_size(type);

    b.p = data_need(malloc((cells ? cells : 1) * size));
    for (size_t i = 0; i < cells && (type == VEC_U8 || type == VEC_I8); i++) {
        float v = rintf(b.x[i] * 20 + (type == VEC_U8 ? 100 : 0));

        b.x[i] = fminf(fmaxf(v, type == VEC_U8 ? 0 : -128), type == VEC_U8 ? 255 : 127);
    }
    T_CHECK(vec_convert(VEC_F32, b.x, type, b.p, cells) == cells);
    vec_to_f32(type, b.p, cells, b.x);
    b.rows = (struct vec_rows){b.p, n, dim, type, dim * size};
    return b;
}

static inline void ann_base_free(struct ann_base *b)
{
    free(b->x);
    free(b->p);
}

static inline double ann_key(enum vec_metric m, const float *q, const float *x, uint32_t dim)
{
    double l2 = 0, dot = 0, qq = 0, xx = 0;

    for (uint32_t k = 0; k < dim; k++) {
        double a = (double)q[k], b = (double)x[k];

        l2 += (a - b) * (a - b);
        dot += a * b;
        qq += a * a;
        xx += b * b;
    }
    return m == VEC_L2 ? l2 : m == VEC_IP ? -dot : 1 - dot / sqrt(qq * xx);
}

/* The k-th smallest key of all, by insertion; infinity when there are fewer. */
static inline double ann_kth(const struct ann_base *b, enum vec_metric m, const float *q, size_t k)
{
    double *best = data_need(malloc((k + 1) * sizeof *best)), last;
    size_t n = 0;

    for (size_t i = 0; i < b->rows.rows; i++) {
        double key = ann_key(m, q, b->x + i * b->rows.dim, b->rows.dim);
        size_t j = n < k ? n++ : k;

        for (; j > 0 && best[j - 1] > key; j--)
            if (j < k)
                best[j] = best[j - 1];
        if (j < k)
            best[j] = key;
    }
    last = n < k || k == 0 ? (double)INFINITY : best[k - 1];
    free(best);
    return last;
}

static inline struct ann *ann_need(const char *path, enum cpu_level cpu)
{
    struct ann *a = NULL;
    struct err e = {0};

    T_CHECKF(ann_open(&a, path, cpu, &e) == 0, "%s", e.msg);
    if (!a)
        exit(t_done("cannot go on"));
    return a;
}

static inline void ann_make(const char *path, const struct ann_base *b,
                            const struct ann_build_opts *o)
{
    struct ann_build_report report;
    struct err e = {0};

    T_CHECKF(ann_build(path, &b->rows, o, &report, &e) == 0, "%s", e.msg);
}

/* ---- what a search finds ---- */

/* Of the rows found, how many are as near as the k-th; that they are different, in order, and their
 * scores true, is checked. */
static inline double ann_look(const struct ann_base *b, enum vec_metric m, const float *q,
                              const uint64_t *id, const float *score, size_t k, bool exact)
{
    double kth = ann_kth(b, m, q, k < b->rows.rows ? k : b->rows.rows);
    size_t hits = 0, n = 0;

    for (; n < k && id[n] != NEIGH_NONE; n++) {
        double key;

        T_CHECKF(id[n] < b->rows.rows, "row %llu", (unsigned long long)id[n]);
        key = ann_key(m, q, b->x + id[n] * b->rows.dim, b->rows.dim);
        hits += key <= kth + 1e-9 + 1e-6 * fabs(kth);
        for (size_t i = 0; i < n; i++)
            T_CHECK(id[i] != id[n]);
        T_CHECK(n == 0 || (m == VEC_IP ? score[n] <= score[n - 1] : score[n] >= score[n - 1]));
        if (exact)
            T_CHECKF(fabs((m == VEC_IP ? -key : key) - (double)score[n]) <= 2e-6 * (1 + fabs(key)),
                     "%.9g for %.9g", (double)score[n], key);
    }
    for (size_t i = n; i < k; i++)
        T_CHECK(id[i] == NEIGH_NONE && isnan(score[i]));
    T_CHECKF(n == (k < b->rows.rows ? k : b->rows.rows) || !exact, "%zu found", n);
    return b->rows.rows ? (double)hits / (double)(k < b->rows.rows ? k : b->rows.rows) : 1;
}

static inline double ann_recall(const char *path, const struct ann_base *b, enum vec_metric m,
                                size_t k, uint32_t effort, enum cpu_level cpu, int threads,
                                bool exact)
{
    struct ann *a = ann_need(path, cpu);
    struct ann_search_opts o = {.k = (uint32_t)k, .effort = effort, .threads = threads};
    struct ann_base q = ann_base_of(DATA_NORMAL, b->rows.type, ANN_QUERIES, b->rows.dim);
    uint64_t *id = data_need(malloc(ANN_QUERIES * k * sizeof *id));
    float *score = data_need(malloc(ANN_QUERIES * k * sizeof *score));
    struct err e = {0};
    double sum = 0;

    for (size_t i = 0; i < b->rows.rows && i < ANN_QUERIES / 2; i++) /* half of them rows */
        memcpy(q.x + i * b->rows.dim, b->x + i * b->rows.dim, b->rows.dim * sizeof *q.x);
    T_CHECKF(ann_search(a, &o, q.x, ANN_QUERIES, id, score, NULL, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < ANN_QUERIES; i++)
        sum += ann_look(b, m, q.x + i * b->rows.dim, id + i * k, score + i * k, k, exact);
    ann_close(a);
    ann_base_free(&q);
    free(id);
    free(score);
    return sum / ANN_QUERIES;
}

/* All of a file. */
static inline struct buf ann_bytes(const char *path)
{
    struct buf b = {0};
    struct err e;
    FILE *f = fopen(path, "rb");
    size_t got;

    if (!f)
        exit(1);
    do {
        if (buf_reserve(&b, 1 << 16, &e) < 0)
            exit(1);
        got = fread(b.p + b.len, 1, 1 << 16, f);
        b.len += got;
    } while (got > 0);
    fclose(f);
    return b;
}

/* ---- the same bytes ---- */

/* Ways to do the same: by 1, 2 and 7 threads, and on each level; 0 to ann_ways() - 1. */
struct ann_way {
    int threads;
    enum cpu_level cpu;
};

static inline int ann_ways(void)
{
    return 3 + (int)cpu_detect() + 1;
}

static inline struct ann_way ann_way(int i)
{
    static const int threads[] = {1, 2, 7};

    return i < 3 ? (struct ann_way){threads[i], cpu_detect()}
                 : (struct ann_way){2, (enum cpu_level)(i - 3)};
}

/* The file is as it was by way 0, which *first holds from then on. */
static inline void ann_same(const char *path, int way, struct buf *first, const char *what)
{
    struct buf got = ann_bytes(path);

    if (way == 0)
        *first = got;
    T_CHECKF(got.len == first->len && memcmp(got.p, first->p, got.len) == 0,
             "%s, way %d: other bytes", what, way);
    if (way > 0)
        buf_free(&got);
}

/* ---- what must be refused ---- */

/* By a build, each of n codecs; by it and searches with cosine, what has no direction, and what is
 * not finite. */
static inline void ann_refuses(struct ann_build_opts o, const char *const *specs, size_t n)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, 50, 4);
    struct ann_search_opts so = {.k = 3, .first_query = 100};
    struct ann_build_report r;
    struct err e = {0};
    uint64_t id[6];
    float score[6], q[8] = {1, 2, 3, 4, 1, NAN, 3, 4};
    struct ann *a;

    o.metric = VEC_COSINE;
    for (size_t i = 0; i < n; i++) {
        o.codec = specs[i];
        T_CHECKF(ann_build("x.ann", &b.rows, &o, &r, &e) == ERR_USAGE, "'%s'", specs[i]);
    }
    o.codec = NULL;
    ann_make("i.ann", &b, &o);
    a = ann_need("i.ann", cpu_detect());
    T_CHECK(ann_search(a, &so, q, 2, id, score, NULL, &e) == ERR_INPUT && strstr(e.msg, "101"));
    memset(q, 0, sizeof q);
    T_CHECK(ann_search(a, &so, q, 1, id, score, NULL, &e) == ERR_INPUT && strstr(e.msg, "100"));
    ann_close(a);
    memset((char *)b.p + 48, 0, 16);
    T_CHECK(ann_build("x.ann", &b.rows, &o, &r, &e) == ERR_INPUT && strstr(e.msg, "row 3"));
    T_CHECK(access("x.ann", F_OK) != 0);
    ann_base_free(&b);
}

#endif
