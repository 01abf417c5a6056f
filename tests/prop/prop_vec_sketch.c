/* prop_vec_sketch.c - searches through a sketch give what searches through all rows give, to the
 * byte; and lists of neighbours are read as they were written, in every format. */
#include <math.h>

#include "../unit/t.h"
#include "../unit/tmp.h"
#include "base/rand.h"
#include "vec/knn.h"
#include "vec/sketch.h"
#include "vec/vec.h"

enum law { NORMAL, SIGNS, FLAT, FAR, HUGE_ONES, TINY_ONES, SPARSE, LAWS };

static float draw(enum law law, uint64_t *seed)
{
    switch (law) {
    case SIGNS:
        return rand_below(seed, 2) ? 1 : -1;
    case FLAT:
        return (float)rand_unit(seed);
    case FAR: /* nearly the same */
        return 100 + 0.01f * (float)rand_normal(seed);
    case HUGE_ONES:
        return (float)rand_normal(seed) * 1e37f;
    case TINY_ONES:
        return (float)rand_normal(seed) * 1e-30f;
    case SPARSE:
        return rand_below(seed, 12) ? 0 : (float)rand_normal(seed);
    default:
        return (float)rand_normal(seed);
    }
}

static float *matrix(uint64_t rows, uint32_t dim, enum law law, uint64_t *seed)
{
    float *v = malloc((rows * dim + 1) * sizeof *v);

    if (!v)
        exit(1);
    for (uint64_t i = 0; i < rows * dim; i++)
        v[i] = draw(law, seed);
    for (uint64_t i = 1; i < rows; i++) {
        if (rand_below(seed, 6) == 0) /* twice, or all alike */
            memcpy(v + i * dim, v + rand_below(seed, i) * dim, dim * sizeof *v);
        else if (rand_below(seed, 40) == 0)
            for (uint32_t k = 0; k < dim; k++)
                v[i * dim + k] = 0.25f;
    }
    for (uint64_t i = 0; i < rows; i++)
        v[i * dim] = v[i * dim] == 0 ? 1 : v[i * dim]; /* no zero vectors */
    return v;
}

static void write_file(const char *path, const float *v, uint64_t rows, uint32_t dim)
{
    struct vec_write_opts o = {.type = VEC_F32, .dim = dim, .rows = rows};
    struct vec_writer *w;
    struct err e;

    T_CHECK(vec_create(&w, path, &o, &e) == 0 && vec_write(w, v, rows, &e) == 0 &&
            vec_commit(&w, &e) == 0);
}

static void search(const struct knn_opts *o, const struct vec_rows *base, const float *q,
                   uint64_t nq, const struct sketch *s, uint64_t *id, float *score)
{
    struct vec_rows queries = {(const unsigned char *)q, nq, base->dim, VEC_F32, base->dim * 4};
    uint64_t half = base->rows / 3;
    struct vec_rows part = *base;
    struct knn *k;
    struct err e = {0};

    T_CHECKF(knn_open(&k, o, &queries, VEC_F32, &e) == 0, "%s", e.msg);
    T_CHECK(!s || knn_use_sketch(k, s, &e) == 0);
    part.rows = half;
    T_CHECK(knn_feed(k, &part, 0, NULL, &e) == 0);
    part.p += half * base->stride;
    part.rows = base->rows - half;
    T_CHECK(knn_feed(k, &part, half, NULL, &e) == 0);
    knn_results(k, id, score);
    knn_close(k);
}

static void compare(struct vec_reader *r, const float *q, uint64_t nq, const struct sketch *s,
                    const struct knn_opts *o, enum law law)
{
    uint64_t id[2][16 * 40];
    float score[2][16 * 40];
    struct vec_rows base;

    T_CHECK(vec_mapped(r, &base, NULL));
    search(o, &base, q, nq, NULL, id[0], score[0]);
    search(o, &base, q, nq, s, id[1], score[1]);
    T_CHECKF(memcmp(id[0], id[1], nq * o->k * sizeof(uint64_t)) == 0 &&
                 memcmp(score[0], score[1], nq * o->k * sizeof(float)) == 0,
             "law %d dim %u %s k %u %s", law, base.dim, vec_metric_name(o->metric), o->k,
             cpu_name(o->cpu));
}

/* No pair's bound exceeds its key, in the units of knn_int.h. Queries that are coded without error
 * need the rows' part of the bound, rows of two values that of the queries. */
static void check_bounds(const struct sketch *s, const struct vec_ops *ops, const float *v,
                         const float *q, enum law law)
{
    uint32_t dim = s->head.dim;
    float *own = malloc(s->head.rows * sizeof *own), *b = malloc(s->head.rows * sizeof *b);
    int8_t *t = malloc(dim);
    double q2 = vec_norm2(q, dim), worst = -1;
    struct sketch_query sq;

    if (!own || !b || !t)
        exit(1);
    sketch_query(&sq, q, dim, t);
    for (int m = VEC_L2; m <= VEC_COSINE; m++) {
        float mul = sketch_mul(&sq, (enum vec_metric)m, sqrt(q2));
        const float *a = sketch_weigh(s, ops, &sq, (enum vec_metric)m, sqrt(q2), 0, s->head.rows,
                                      own, b);
        for (uint64_t i = 0; i < s->head.rows; i++) {
            int32_t d = 0;
            double dot = 0, x2 = vec_norm2(v + i * dim, dim), key, size;
            float low;
            for (uint32_t k = 0; k < dim; k++) {
                d += s->code[i * dim + k] * t[k];
                dot += (double)v[i * dim + k] * (double)q[k];
            }
            low = fmaf((float)d, mul * a[i], b[i]);
            key = m == VEC_L2 ? x2 - 2 * dot : m == VEC_IP ? -dot / sqrt(q2) : -dot / sqrt(x2 * q2);
            size = m == VEC_L2 ? x2 + q2 : m == VEC_IP ? sqrt(x2) : 1;
            if (!isnan(low) && size > 1e-30 && (double)low > key)
                worst = ((double)low - key) / size > worst ? ((double)low - key) / size : worst;
        }
    }
    T_CHECKF(worst < 1e-9, "law %d dim %u: a bound is too high by %g", law, dim, worst);
    free(own);
    free(b);
    free(t);
}

static void check_law(enum law law, uint32_t dim, uint64_t *seed)
{
    const char *path = "base.fvecs", *file = "base.vsk";
    uint64_t rows = 1 + rand_below(seed, 900), nq = 1 + rand_below(seed, 16);
    float *v = matrix(rows, dim, law, seed),
          *q = matrix(nq, dim, law == SIGNS ? NORMAL : law, seed);
    struct vec_reader *r;
    struct sketch s;
    struct err e = {0};

    write_file(path, v, rows, dim);
    unlink(file);
    memcpy(q, v, dim * sizeof *q);
    T_CHECK(vec_open(&r, path, NULL, &e) == 0);
    T_CHECKF(sketch_open(&s, file, r, ops_for(cpu_detect()), NULL, NULL, &e) == 0, "%s", e.msg);
    for (int l = CPU_PORTABLE; l <= (int)cpu_detect(); l++)
        check_bounds(&s, ops_for((enum cpu_level)l), v, q + (nq - 1) * dim, law);
    for (uint32_t k = 0; k < dim; k++) /* multiples of a 127th of the greatest */
        q[k] = k ? rintf(fmodf(q[k] * 50, 127)) : 127;
    check_bounds(&s, ops_for(cpu_detect()), v, q, law);
    memcpy(q, v, dim * sizeof *q);
    for (int m = VEC_L2; m <= VEC_COSINE; m++)
        for (int l = CPU_PORTABLE; l <= (int)cpu_detect(); l++) {
            struct knn_opts o = {(enum vec_metric)m, 1 + (uint32_t)rand_below(seed, 40),
                                 1 + (int)rand_below(seed, 3), (enum cpu_level)l, 0};
            compare(r, q, nq, &s, &o, law);
        }
    sketch_close(&s);
    /* A file that is no sketch is not written over. */
    tmp_put("other", "something else", 14);
    T_CHECK(sketch_open(&s, "other", r, ops_for(cpu_detect()), NULL, NULL, &e) == ERR_CORRUPT);
    vec_close(r);
    free(v);
    free(q);
}

/* ---- neighbours ---- */

static void check_lists(enum neigh_format f, uint64_t queries, uint32_t k, uint64_t *seed)
{
    static const char *const name[] = {"", "n.tsv", "n.jsonl", "n.ivecs", "n.ibin", "n.truth"};
    struct neigh n, back = {0};
    struct neigh_write_opts o = {.path = name[f], .k = k, .queries = queries};
    struct neigh_writer *w;
    struct err e = {0};
    uint64_t cut = queries / 2, bad = 0;
    bool scores = f != NEIGH_IVECS && f != NEIGH_IBIN;

    o.distances = scores ? NULL : "far.fvecs";
    T_CHECK(neigh_init(&n, queries, k, true, &e) == 0);
    for (uint64_t q = 0; q < queries; q++) {
        uint64_t have = q + 1 == queries ? k : rand_below(seed, k + 1);
        for (uint64_t i = 0; i < have; i++) {
            n.id[q * k + i] = rand_below(seed, 1u << 31);
            n.score[q * k + i] = (float)(rand_normal(seed) * pow(10, 60 * rand_unit(seed) - 30));
        }
    }
    T_CHECKF(neigh_create(&w, &o, &e) == 0, "%s", e.msg);
    T_CHECK(neigh_write(w, n.id, n.score, cut, &e) == 0 &&
            neigh_write(w, n.id + cut * k, n.score + cut * k, queries - cut, &e) == 0);
    T_CHECK(neigh_commit(&w, &e) == 0 && w == NULL);
    T_CHECKF(neigh_load(&back, name[f], NEIGH_AUTO, &e) == 0, "%s", e.msg);
    T_CHECK(back.queries == queries && back.k == k && (back.score != NULL) == scores);
    for (uint64_t i = 0; back.k == k && back.queries == queries && i < queries * k; i++)
        bad += back.id[i] != n.id[i] ||
               (scores && memcmp(&back.score[i], &n.score[i], 4) != 0 && !isnan(n.score[i]));
    T_CHECKF(bad == 0, "%s: %llu", name[f], (unsigned long long)bad);
    neigh_free(&back);
    neigh_free(&n);
}

int main(void)
{
    static const uint32_t dims[] = {1, 3, 16, 64, 65, 100, 200};
    uint64_t seed = 21;

    tmp_enter();
    for (int law = 0; law < LAWS; law++)
        for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
            check_law((enum law)law, dims[d], &seed);
    for (int f = NEIGH_TSV; f <= NEIGH_TRUTH; f++)
        for (uint32_t k = 1; k < 40; k += 13)
            check_lists((enum neigh_format)f, 1 + rand_below(&seed, 50), k, &seed);
    tmp_leave();
    return t_done("vec_sketch");
}
