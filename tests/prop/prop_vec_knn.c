/* prop_vec_knn.c - exact neighbours against a plain loop over all pairs: every metric, type, CPU
 * level, number of threads; rows in one block or in many; duplicates, ties, huge and tiny values.
 */
#include <float.h>
#include <math.h>

#include "../unit/t.h"
#include "base/rand.h"
#include "vec/knn.h"
#include "vec/neigh.h"

struct data {
    uint64_t rows;
    uint32_t dim;
    enum vec_type type;
    unsigned char *p;
};

static float value(const struct data *d, uint64_t row, uint32_t k)
{
    float v;

    vec_to_f32(d->type, d->p + (row * d->dim + k) * vec_type_size(d->type), 1, &v);
    return v;
}

/* How rows are drawn. */
enum law { NORMAL, FAR, BIG, UNIT, WHOLE, HUGE_ONES, TINY_ONES, MIXED, LAWS };

static float draw(enum law law, uint64_t *seed)
{
    switch (law) {
    case FAR: /* from the origin: products cancel */
        return 1000 + (float)rand_normal(seed);
    case BIG: /* and nearly the same: keys differ by less than products are rounded */
        return 1000 + 0.01f * (float)rand_normal(seed);
    case UNIT:
        return 1 + 1e-5f * (float)rand_normal(seed);
    case WHOLE: /* few values: ties */
        return (float)rand_below(seed, 3);
    case HUGE_ONES:
        return (float)rand_normal(seed) * 1e30f;
    case TINY_ONES:
        return (float)rand_normal(seed) * 1e-38f;
    case MIXED:
        return (float)(rand_normal(seed) * pow(10, 40 * rand_unit(seed) - 20));
    default:
        return (float)rand_normal(seed);
    }
}

static void put(struct data *d, uint64_t at, float v, uint64_t *seed)
{
    static const uint16_t half[] = {0x3c00, 0xbc00, 0x3800, 0x4000, 0x0001, 0x7bff, 0x3555, 0xb266};
    uint16_t h = half[rand_below(seed, 8)];

    if (d->type == VEC_F32)
        memcpy(d->p + 4 * at, &v, 4);
    else if (d->type == VEC_F16)
        memcpy(d->p + 2 * at, &h, 2);
    else
        d->p[at] = (unsigned char)(rand_below(seed, 9) ? rand_u64(seed) : 128);
}

static struct data make(uint64_t rows, uint32_t dim, enum vec_type type, enum law law,
                        uint64_t *seed)
{
    struct data d = {rows, dim, type, malloc(rows * dim * vec_type_size(type) + 1)};
    size_t size = dim * vec_type_size(type);

    if (!d.p)
        exit(1);
    for (uint64_t i = 0; i < rows; i++) {
        for (uint32_t k = 0; k < dim; k++)
            put(&d, i * dim + k, draw(law, seed), seed);
        if (i && rand_below(seed, 5) == 0) /* a duplicate */
            memcpy(d.p + i * size, d.p + rand_below(seed, i) * size, size);
        if (rand_below(seed, 97) == 0 && law != TINY_ONES)
            memset(d.p + i * size, type == VEC_U8 ? 1 : 0, size);
    }
    return d;
}

/* No zero vectors: the first component of each is made 1. */
static void without_zeros(struct data *d)
{
    for (uint64_t i = 0; i < d->rows; i++) {
        const float one = 1;
        double n = 0;
        for (uint32_t k = 0; k < d->dim; k++)
            n += fabs((double)value(d, i, k));
        if (n == 0 && d->type == VEC_F32)
            memcpy(d->p + i * d->dim * 4, &one, 4);
        else if (n == 0)
            d->p[i * d->dim * vec_type_size(d->type)] = 1;
    }
}

struct pair {
    double key;
    uint64_t row;
};

static int by_key(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Sums as ops.h says: sixteen lanes in turn, then halves. */
static double sum16(const double *term, uint32_t n)
{
    double lane[16] = {0};

    for (uint32_t k = 0; k < n; k++)
        lane[k % 16] += term[k];
    for (int j = 0; j < 8; j++)
        lane[j] += lane[j + 8];
    for (int j = 0; j < 4; j++)
        lane[j] += lane[j + 4];
    for (int j = 0; j < 2; j++)
        lane[j] += lane[j + 2];
    return lane[0] + lane[1];
}

static double key(const struct data *b, uint64_t row, const struct data *q, uint64_t query,
                  enum vec_metric metric)
{
    static double t[3][4096];
    double d, c;

    for (uint32_t k = 0; k < b->dim; k++) {
        double x = (double)value(b, row, k), y = (double)value(q, query, k);
        t[0][k] = metric == VEC_L2 ? (x - y) * (x - y) : x * y;
        t[1][k] = x * x;
        t[2][k] = y * y;
    }
    d = sum16(t[0], b->dim);
    if (metric == VEC_L2)
        return d;
    if (metric == VEC_IP)
        return -d;
    c = 1 - d / (sqrt(sum16(t[1], b->dim)) * sqrt(sum16(t[2], b->dim)));
    return c > 0 ? c : 0;
}

static struct vec_rows rows_of(const struct data *d)
{
    return (struct vec_rows){d->p, d->rows, d->dim, d->type, d->dim * vec_type_size(d->type)};
}

/* The search, the base cut into blocks of `step` rows; with ids in reverse when `back`. */
static int search(const struct data *b, const struct data *q, const struct knn_opts *o,
                  uint64_t step, bool back, uint64_t *id, float *score, struct err *e)
{
    struct vec_rows rows = rows_of(b), queries = rows_of(q);
    uint64_t *ids = malloc((b->rows + 1) * sizeof *ids);
    struct knn *s;
    int rc = knn_open(&s, o, &queries, b->type, e);

    for (uint64_t i = 0; i < b->rows; i++)
        ids[i] = b->rows - 1 - i;
    for (uint64_t at = 0; rc == 0 && at < b->rows; at += step) {
        struct vec_rows part = rows;
        part.p += at * rows.stride;
        part.rows = b->rows - at < step ? b->rows - at : step;
        rc = knn_feed(s, &part, at, back ? ids + at : NULL, e);
    }
    if (rc == 0)
        knn_results(s, id, score);
    knn_close(s);
    free(ids);
    return rc;
}

static void compare(const struct data *b, const struct data *q, const struct knn_opts *o,
                    const struct pair *want, uint64_t step, bool back, const char *what)
{
    uint64_t *id = malloc((q->rows * o->k + 1) * sizeof *id), bad = 0;
    float *score = malloc((q->rows * o->k + 1) * sizeof *score);
    struct err e = {0};
    int rc = search(b, q, o, step, back, id, score, &e);

    T_CHECKF(rc == 0, "%s: %s", what, e.msg);
    for (uint64_t i = 0; rc == 0 && i < q->rows; i++)
        for (uint32_t k = 0; k < o->k; k++) {
            const struct pair *w = &want[i * (b->rows + 1) + k];
            bool is = k < b->rows;
            float s = is ? (float)(o->metric == VEC_IP ? 0.0 - w->key : w->key) : NAN;
            bad += id[i * o->k + k] != (is ? w->row : NEIGH_NONE);
            bad += is ? memcmp(&s, &score[i * o->k + k], 4) != 0 : !isnan(score[i * o->k + k]);
        }
    T_CHECKF(bad == 0, "%s %s dim %u rows %llu queries %llu k %u %s threads %d step %llu: %llu",
             what, vec_metric_name(o->metric), b->dim, (unsigned long long)b->rows,
             (unsigned long long)q->rows, o->k, cpu_name(o->cpu), o->threads,
             (unsigned long long)step, (unsigned long long)bad);
    free(id);
    free(score);
}

static struct pair *oracle(const struct data *b, const struct data *q, enum vec_metric metric,
                           bool back)
{
    struct pair *all = malloc((q->rows * (b->rows + 1) + 1) * sizeof *all);

    if (!all)
        exit(1);
    for (uint64_t i = 0; i < q->rows; i++) {
        struct pair *w = all + i * (b->rows + 1);
        for (uint64_t r = 0; r < b->rows; r++)
            w[r] = (struct pair){key(b, r, q, i, metric), back ? b->rows - 1 - r : r};
        qsort(w, b->rows, sizeof *w, by_key);
    }
    return all;
}

static void all_ways(struct data *b, struct data *q, uint64_t *seed, const char *what)
{
    static const int threads[] = {1, 2, 7};

    for (int m = VEC_L2; m <= VEC_COSINE; m++) {
        bool back = rand_below(seed, 3) == 0;
        struct pair *want;
        if (m == VEC_COSINE) {
            without_zeros(b);
            without_zeros(q);
        }
        want = oracle(b, q, (enum vec_metric)m, back);
        for (int l = CPU_PORTABLE; l <= (int)cpu_detect(); l++) {
            uint64_t step = rand_below(seed, 2) ? b->rows + 1 : 1 + rand_below(seed, b->rows + 1);
            uint32_t k = (uint32_t)(rand_below(seed, 3) ? 1 + rand_below(seed, 12)
                                                        : 1 + rand_below(seed, 90));
            struct knn_opts o = {(enum vec_metric)m, k, threads[rand_below(seed, 3)],
                                 (enum cpu_level)l, 0};
            if (k > b->rows)
                o.k = (uint32_t)b->rows + 1;
            compare(b, q, &o, want, step, back, what);
        }
        free(want);
    }
}

static void check_laws(uint64_t *seed)
{
    static const char *const name[] = {"normal", "far",  "big",  "unit",
                                       "whole",  "huge", "tiny", "mixed"};
    static const uint32_t dims[] = {1, 2, 3, 16, 17, 33, 50, 100, 130};
    static const enum law of_queries[] = {NORMAL, FAR,       UNIT,      BIG,
                                          WHOLE,  HUGE_ONES, TINY_ONES, MIXED};

    for (int law = 0; law < LAWS; law++)
        for (int round = 0; round < 5; round++) {
            uint32_t dim = dims[rand_below(seed, 9)];
            uint64_t nq = (const uint64_t[]){1, 3, 16, 17, 70}[round];
            struct data b = make(rand_below(seed, 700), dim, VEC_F32, (enum law)law, seed);
            struct data q = make(nq, dim, VEC_F32, of_queries[law], seed);
            if (b.rows) /* a query that is in the base */
                memcpy(q.p, b.p, dim * sizeof(float));
            all_ways(&b, &q, seed, name[law]);
            free(b.p);
            free(q.p);
        }
}

static void check_types(uint64_t *seed)
{
    static const char *const name[] = {"f32", "f16", "u8", "i8"};

    for (int t = 0; t < 16; t++)
        for (int round = 0; round < 2; round++) {
            enum vec_type bt = (enum vec_type)(t / 4), qt = (enum vec_type)(t % 4);
            uint32_t dim = 1 + (uint32_t)rand_below(seed, 70);
            struct data b = make(1 + rand_below(seed, 400), dim, bt, WHOLE, seed);
            struct data q = make(round ? 40 : 5, dim, qt, WHOLE, seed);
            char what[16];
            snprintf(what, sizeof what, "%s with %s", name[bt], name[qt]);
            all_ways(&b, &q, seed, what);
            free(b.p);
            free(q.p);
        }
}

/* Panels are shared out only where there are many. */
static void check_many(uint64_t *seed)
{
    struct data b = make(150, 9, VEC_F32, NORMAL, seed), q = make(1000, 9, VEC_F32, NORMAL, seed);

    all_ways(&b, &q, seed, "many");
    free(b.p);
    free(q.p);
    b = make(3000, 6, VEC_U8, NORMAL, seed);
    q = make(300, 6, VEC_U8, NORMAL, seed);
    all_ways(&b, &q, seed, "many bytes");
    free(b.p);
    free(q.p);
}

/* Each half of the bound is needed: rows far longer than queries, and the other way round. */
static void check_halves(uint64_t *seed)
{
    for (int i = 0; i < 2; i++) {
        struct data b = make(3000, 130, VEC_F32, i ? BIG : UNIT, seed);
        struct data q = make(40, 130, VEC_F32, i ? UNIT : BIG, seed);
        struct knn_opts o = {VEC_L2, 9, 1, cpu_detect(), 0};
        struct pair *want = oracle(&b, &q, VEC_L2, false);

        compare(&b, &q, &o, want, 100, false, "halves");
        free(want);
        free(b.p);
        free(q.p);
    }
}

static void check_refused(void)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    uint64_t seed = 3, id[80 * 2];
    float score[80 * 2];

    for (int i = 0; i < 24; i++) {
        int few = i & 1, row = i / 2 % 2 ? 205 : 3;
        struct knn_opts o = {(enum vec_metric)(i % 3), 2, 1 + i % 2, cpu_detect(), 0};
        struct data b = make(300, 20, VEC_F32, NORMAL, &seed);
        struct data q = make(few ? 2 : 80, 20, VEC_F32, NORMAL, &seed);
        struct err e = {0};
        char what[40];
        without_zeros(&b);
        without_zeros(&q);
        memcpy(b.p + ((size_t)row * 20 + 19) * 4, &bad[i % 3], 4);
        memcpy(b.p + ((size_t)290 * 20 + 1) * 4, &bad[1], 4);
        snprintf(what, sizeof what, "row %d has", row);
        T_CHECK(search(&b, &q, &o, 1000, false, id, score, &e) == ERR_INPUT && strstr(e.msg, what));
        memset(b.p + (size_t)row * 80, 0, 80);
        memset(b.p + (size_t)290 * 80, 0, 80);
        o.metric = VEC_COSINE;
        snprintf(what, sizeof what, "row %d is a zero", row);
        T_CHECK(search(&b, &q, &o, 1000, false, id, score, &e) == ERR_INPUT && strstr(e.msg, what));
        o.metric = VEC_L2;
        T_CHECK(search(&b, &q, &o, 1000, false, id, score, &e) == 0);
        memcpy(q.p + 1 * 80, &bad[i % 3], 4);
        T_CHECK(search(&b, &q, &o, 1000, false, id, score, &e) == ERR_INPUT &&
                strstr(e.msg, "query 1 "));
        free(b.p);
        free(q.p);
    }
}

int main(void)
{
    uint64_t seed = 11;

    check_laws(&seed);
    check_types(&seed);
    check_many(&seed);
    check_halves(&seed);
    check_refused();
    return t_done("vec_knn");
}
