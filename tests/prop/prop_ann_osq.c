/* prop_ann_osq.c - indexes of the kind osq. With nothing left out a search must find what looking
 * at every row that may be found gives, row for row; with less, never fewer than k rows when there
 * are as many, and none that may not be found. Lists that processes search apart give the same. The
 * same bytes for any number of threads and on every level, and so the same results.
 */
#include <unistd.h>

#include "ann_data.h"

#include "ann/kind.h"
#include "base/rand.h"
#include "base/tree.h"
#include "vec/knn.h"

enum { ROWS = 1000, QUERIES = ANN_QUERIES, K = 10 };

static struct ann_build_opts osq_opts(enum vec_metric m, const char *codec, uint32_t lists)
{
    return (struct ann_build_opts){.kind = ANN_OSQ,
                                   .metric = m,
                                   .codec = codec,
                                   .lists = lists,
                                   .threads = 2,
                                   .cpu = cpu_detect()};
}

/* ---- by looking at every row ---- */

struct found {
    uint64_t id[QUERIES * K];
    float score[QUERIES * K];
};

/* Random rows, about so many; *count of them. */
static void some_rows(uint64_t *bits, size_t rows, double share, uint64_t *state, uint64_t *count)
{
    memset(bits, 0, (rows + 63) / 64 * sizeof *bits);
    *count = 0;
    for (size_t i = 0; i < rows; i++)
        if (rand_unit(state) < share) {
            bits[i / 64] |= UINT64_C(1) << i % 64;
            ++*count;
        }
}

/* The best K of the rows that may be found, by the keys that are said to be exact. */
static size_t every_row(const struct ann_base *b, enum vec_metric m, const float *q,
                        const uint64_t *bits, struct best best[K])
{
    const struct vec_ops *ops = ops_for(CPU_PORTABLE);
    uint32_t dim = b->rows.dim;
    size_t n = 0;

    for (size_t i = 0; i < b->rows.rows; i++) {
        struct best v = {knn_key(ops, m, b->x + i * dim, q, dim, sqrt(vec_norm2(q, dim))),
                         (uint32_t)i};
        size_t j;

        if (bits && !(bits[i / 64] >> i % 64 & 1))
            continue;
        if (n == K && !best_before(&v, &best[K - 1]))
            continue;
        for (j = n < K ? n++ : K - 1; j > 0 && best_before(&v, &best[j - 1]); j--)
            best[j] = best[j - 1];
        best[j] = v;
    }
    return n;
}

struct truth {
    struct best best[QUERIES][K];
    size_t n[QUERIES];
};

static void find_truth(const struct ann_base *b, enum vec_metric m, const float *q,
                       const uint64_t *bits, struct truth *t)
{
    for (size_t i = 0; i < QUERIES; i++)
        t->n[i] = every_row(b, m, q + i * b->rows.dim, bits, t->best[i]);
}

/* As many as there are, of those that may be; with `all` row for row. */
static void compare(const struct truth *t, const uint64_t *bits, const struct found *f, bool all,
                    const char *what)
{
    for (size_t i = 0; i < QUERIES; i++) {
        size_t got = 0;

        while (got < K && f->id[i * K + got] != NEIGH_NONE)
            got++;
        T_CHECKF(got == t->n[i], "%s: query %zu: %zu of %zu rows", what, i, got, t->n[i]);
        for (size_t r = 0; r < got; r++) {
            uint64_t row = f->id[i * K + r];

            T_CHECKF(!bits || bits[row / 64] >> row % 64 & 1, "%s", what);
            T_CHECKF(!all || r >= t->n[i] || row == t->best[i][r].row,
                     "%s: query %zu rank %zu: row %llu for %u", what, i, r, (unsigned long long)row,
                     t->best[i][r].row);
        }
    }
}

/* Half of them rows of the base, some far away. */
static struct ann_base queries_for(const struct ann_base *b)
{
    struct ann_base q = ann_base_of(DATA_NORMAL, b->rows.type, QUERIES, b->rows.dim);

    for (size_t i = 0; i < QUERIES / 2 && i < b->rows.rows; i++)
        memcpy(q.x + i * b->rows.dim, b->x + i * b->rows.dim, b->rows.dim * sizeof *q.x);
    for (size_t k = 0; k < b->rows.dim && b->rows.type == VEC_F32; k++) {
        q.x[(QUERIES - 1) * b->rows.dim + k] *= 1000;
        q.x[(QUERIES - 2) * b->rows.dim + k] *= 1e20F;
    }
    return q;
}

static void search(const struct ann *a, const struct ann_search_opts *o, const float *q,
                   struct found *f)
{
    struct err e = {0};

    T_CHECKF(ann_search(a, o, q, QUERIES, f->id, f->score, NULL, &e) == 0, "%s", e.msg);
}

static void search_apart(const struct ann *a, const struct ann_search_opts *o, uint32_t fan,
                         const float *q, struct found *f)
{
    struct err e = {0};
    int rc = ann_search_tree(a, o, fan, q, QUERIES, f->id, f->score, NULL, &e);

    if (rc == TREE_CHILD)
        _exit(0);
    T_CHECKF(rc == 0, "%s", e.msg);
}

static void try_shares(const struct ann_base *b, enum vec_metric m, const struct ann *a,
                       const char *what)
{
    static const double shares[] = {1, .5, .08, .01, .002, 0};
    struct ann_base q = queries_for(b);
    uint64_t *bits = data_need(malloc(((b->rows.rows + 63) / 64 + 1) * sizeof *bits)), state = 3;
    static struct found f, apart;
    static struct truth truth;

    for (int i = -1; i < (int)(sizeof shares / sizeof *shares); i++) {
        struct ann_allowed allowed = {.bits = bits};

        if (i >= 0)
            some_rows(bits, b->rows.rows, shares[i], &state, &allowed.count);
        find_truth(b, m, q.x, i >= 0 ? bits : NULL, &truth);
        for (int cut = 0; cut < 3; cut++) {
            struct ann_search_opts o = {.k = K,
                                        .effort = cut == 0   ? 100
                                                  : cut == 1 ? 1
                                                             : 30,
                                        .near_lists = cut == 0   ? INFINITY
                                                      : cut == 1 ? 1
                                                                 : 1.3F,
                                        .factor = cut == 2 ? 3 : 1,
                                        .threads = 2,
                                        .allowed = i >= 0 ? &allowed : NULL};

            search(a, &o, q.x, &f);
            compare(&truth, i >= 0 ? bits : NULL, &f, cut == 0, what);
            if (cut == 1 || i % 2)
                continue;
            search_apart(a, &o, 1 + 2 * (uint32_t)cut, q.x, &apart);
            T_CHECKF(memcmp(&f, &apart, sizeof f) == 0, "%s: apart", what);
        }
    }
    ann_base_free(&q);
    free(bits);
}

static void try_cloud(enum data_kind kind, enum vec_type type, size_t rows, uint32_t dim,
                      enum vec_metric m, const char *codec, uint32_t lists)
{
    struct ann_base b = ann_base_of(kind, type, rows, dim);
    struct ann_build_opts o = osq_opts(m, codec, lists);
    char what[128];
    struct ann *a;
    struct err e = {0};

    snprintf(what, sizeof what, "cloud %d of %zu %s, dim %u, %s, %s, %u lists", kind, rows,
             vec_type_name(type), dim, vec_metric_name(m), codec ? codec : "-", lists);
    ann_make("o.ann", &b, &o);
    a = ann_need("o.ann", cpu_detect());
    T_CHECKF(ann_check(a, &e) == 0, "%s: %s", what, e.msg);
    try_shares(&b, m, a, what);
    ann_close(a);
    ann_base_free(&b);
}

static void try_clouds(void)
{
    for (enum data_kind kind = 0; kind < DATA_KINDS; kind++) {
        try_cloud(kind, VEC_F32, ROWS, 13, VEC_L2, NULL, 7);
        try_cloud(kind, VEC_F32, ROWS, 40, VEC_IP, "osq3", 5);
        try_cloud(kind, VEC_U8, ROWS / 2, 9, VEC_L2, "osq5", 3);
    }
    try_cloud(DATA_NORMAL, VEC_F32, ROWS, 31, VEC_COSINE, NULL, 12);
    try_cloud(DATA_DECAY, VEC_F16, ROWS, 40, VEC_COSINE, "osq2", 3);
    try_cloud(DATA_DECAY, VEC_F32, 4200, 128, VEC_L2, NULL, 4); /* classes of codes */
    try_cloud(DATA_NORMAL, VEC_F32, ROWS, 1, VEC_L2, "osq8", 4);
    try_cloud(DATA_NORMAL, VEC_F32, 0, 5, VEC_L2, NULL, 0);
    try_cloud(DATA_NORMAL, VEC_F32, 1, 5, VEC_IP, NULL, 0);
    try_cloud(DATA_NORMAL, VEC_F32, 3, 5, VEC_L2, NULL, 9);
    try_cloud(DATA_NORMAL, VEC_F32, 70, 3, VEC_L2, "osq1", 70);
}

/* ---- the same ---- */

static void try_same(enum vec_type type, uint32_t dim, enum vec_metric m)
{
    struct ann_base b = ann_base_of(DATA_DECAY, type, ROWS, dim), q = queries_for(&b);
    static struct found first_found, found;
    struct buf first = {0};

    for (int way = 0; way < ann_ways(); way++) {
        struct ann_way by = ann_way(way);
        struct ann_build_opts o = osq_opts(m, NULL, 6);
        struct ann_search_opts so = {.k = K, .threads = by.threads};
        struct ann *a;

        o.threads = by.threads;
        o.cpu = by.cpu;
        ann_make("s.ann", &b, &o);
        ann_same("s.ann", way, &first, vec_type_name(type));
        a = ann_need("s.ann", o.cpu);
        search(a, &so, q.x, way ? &found : &first_found);
        ann_close(a);
        T_CHECKF(way == 0 || memcmp(&found, &first_found, sizeof found) == 0,
                 "%s, dim %u, way %d: others are found", vec_type_name(type), dim, way);
    }
    buf_free(&first);
    ann_base_free(&b);
    ann_base_free(&q);
}

/* Each query with rows of its own, in blocks, finds what it finds alone. */
static void try_each(void)
{
    enum { WORDS = (ROWS + 63) / 64 };
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, ROWS, 20), q = queries_for(&b);
    struct ann_build_opts o = osq_opts(VEC_L2, NULL, 5);
    static uint64_t bits[QUERIES][WORDS];
    struct ann_allowed allowed[QUERIES] = {0};
    struct ann_search_opts so = {.k = K, .allowed = allowed, .allowed_each = true};
    static struct found all, apart, one;
    uint64_t state = 9;
    struct err e = {0};
    struct ann *a;

    for (size_t i = 0; i < QUERIES; i++) {
        some_rows(bits[i], ROWS, .3, &state, &allowed[i].count);
        allowed[i].bits = bits[i % 3 ? i : 0];
        allowed[i].count = allowed[i % 3 ? i : 0].count;
    }
    ann_make("e.ann", &b, &o);
    a = ann_need("e.ann", cpu_detect());
    search(a, &so, q.x, &all);
    search_apart(a, &so, 2, q.x, &apart);
    T_CHECK(memcmp(&all, &apart, sizeof all) == 0);
    so.allowed_each = false;
    for (size_t i = 0; i < QUERIES; i++) {
        so.allowed = &allowed[i];
        T_CHECK(ann_search(a, &so, q.x + i * 20, 1, one.id, one.score, NULL, &e) == 0);
        T_CHECKF(memcmp(one.id, all.id + i * K, K * sizeof *one.id) == 0, "query %zu", i);
    }
    ann_close(a);
    ann_base_free(&b);
    ann_base_free(&q);
}

static void refuses(struct ann_build_opts o, const struct ann_base *b, const char *sentence)
{
    struct ann_build_report r;
    struct err e = {0};

    T_CHECK(ann_build("r.ann", &b->rows, &o, &r, &e) < 0);
    T_CHECKF(strstr(e.msg, sentence), "'%s' without '%s'", e.msg, sentence);
}

static void try_refused(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, 50, 4);
    struct ann_build_opts o = osq_opts(VEC_L2, "pq2x4", 0);

    refuses(o, &b, "osq1 to osq8");
    o.codec = "osq9";
    refuses(o, &b, "osq1 to osq8");
    o.codec = NULL;
    o.no_vectors = true;
    refuses(o, &b, "cannot be left out");
    ann_base_free(&b);
}

int main(void)
{
    tmp_enter();
    try_clouds();
    try_same(VEC_F32, 37, VEC_L2);
    try_same(VEC_U8, 16, VEC_IP);
    try_same(VEC_F32, 64, VEC_COSINE);
    try_each();
    try_refused();
    tmp_leave();
    return t_done("ann_osq");
}
