/* bench_w4.c - w4g128 against f32 on a matrix of 11,008 rows of 4,096, for batches of 1 to 64
 * queries.
 *
 *     OPENBLAS_CORETYPE=SkylakeX bench_w4
 *
 * f32 is OpenBLAS (sgemv for one query, sgemm else) on one thread, with its kernels for AVX-512,
 * which it does not choose by itself on newer processors. Weights are cold: the f32 matrix is 180
 * MB, and eight packed ones take turns. A line a batch: microseconds, f32 / int8 and f32 / f32
 * queries' ratios, and the relative Frobenius error of each to the product with the decoded rows.
 */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rand.h"
#include "vec/vec.h"

enum { ROWS = 11008, DIM = 4096, BATCH_MAX = 64, COPIES = 8, ROUNDS = 5 };

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void check(int rc, const struct err *e)
{
    if (rc < 0) {
        fprintf(stderr, "bench_w4: %s\n", e->msg);
        exit(1);
    }
}

/* One way of taking queries: codec, lists, prepared queries. */
struct way {
    struct codec *c;
    struct codec_list list[COPIES];
    uint8_t *space;
    const void *query[BATCH_MAX];
    size_t at; /* the list that is next */
};

static void prepare(struct way *w, const char *spec, const float *x, const float *q, float *back)
{
    struct codec_train t = {.x = x, .n = 1, .threads = 2};
    struct err e = {0};
    uint8_t *code;
    size_t bytes;

    check(codec_train(&w->c, spec, DIM, cpu_detect(), &t, &e), &e);
    code = malloc((size_t)ROWS * w->c->code_bytes);
    check(codec_encode(w->c, x, ROWS, code, 2, &e), &e);
    check(codec_decode(w->c, code, ROWS, back, 2, &e), &e);
    for (int i = 0; i < COPIES; i++)
        check(codec_list_init(&w->list[i], w->c, code, ROWS, 2, &e), &e);
    bytes = (w->c->spec.kind->query_bytes(w->c) + 63) / 64 * 64;
    w->space = codec_array(BATCH_MAX, bytes, &e);
    for (size_t j = 0; j < BATCH_MAX; j++) {
        w->query[j] = w->space + j * bytes;
        w->c->spec.kind->query_init(w->c, VEC_IP, q + j * DIM, w->space + j * bytes);
    }
    free(code);
}

static double time_way(struct way *w, size_t nq, float *key)
{
    double best = 1e9;

    for (int r = 0; r < ROUNDS; r++) {
        double t = now_s();

        codec_list_scan(w->c, &w->list[w->at++ % COPIES], w->query, nq, key, NULL);
        t = now_s() - t;
        best = t < best ? t : best;
    }
    return best;
}

static double time_blas(const float *x, const float *q, size_t nq, float *out)
{
    double best = 1e9;

    for (int r = 0; r < ROUNDS; r++) {
        double t = now_s();

        if (nq == 1)
            cblas_sgemv(CblasRowMajor, CblasNoTrans, ROWS, DIM, 1, x, DIM, q, 1, 0, out, 1);
        else
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)nq, ROWS, DIM, 1, q, DIM, x,
                        DIM, 0, out, ROWS);
        t = now_s() - t;
        best = t < best ? t : best;
    }
    return best;
}

/* Of minus the keys to the products with the decoded rows, in double over the first queries. */
static double error_of(const float *key, const float *back, const float *q, size_t nq)
{
    double diff = 0, all = 0;

    for (size_t j = 0; j < nq && j < 2; j++)
        for (size_t i = 0; i < ROWS; i++) {
            double dot = 0;

            for (size_t k = 0; k < DIM; k++)
                dot += (double)q[j * DIM + k] * (double)back[i * DIM + k];
            diff += (dot + (double)key[j * ROWS + i]) * (dot + (double)key[j * ROWS + i]);
            all += dot * dot;
        }
    return sqrt(diff / all);
}

int main(void)
{
    static const size_t batch[] = {1, 2, 4, 8, 16, 32, 64};
    struct vec_matrix x = {0}, back = {0}, q = {0}, key = {0};
    static struct way i8, f32;
    struct err e = {0};
    uint64_t seed = 1;

    check(vec_matrix_init(&x, ROWS, DIM, &e), &e);
    check(vec_matrix_init(&back, ROWS, DIM, &e), &e);
    check(vec_matrix_init(&q, BATCH_MAX, DIM, &e), &e);
    check(vec_matrix_init(&key, BATCH_MAX, ROWS, &e), &e);
    for (size_t i = 0; i < (size_t)ROWS * DIM; i++)
        x.v[i] = (float)rand_normal(&seed);
    for (size_t i = 0; i < (size_t)BATCH_MAX * DIM; i++)
        q.v[i] = (float)rand_normal(&seed);
    openblas_set_num_threads(1);
    prepare(&f32, "w4g128:f32", x.v, q.v, back.v);
    prepare(&i8, "w4g128", x.v, q.v, back.v);
    printf("blas %s\n", openblas_get_corename());
    for (size_t b = 0; b < sizeof batch / sizeof *batch; b++) {
        size_t nq = batch[b];
        double blas = time_blas(x.v, q.v, nq, key.v), t8, t32, e8, e32;

        t32 = time_way(&f32, nq, key.v);
        e32 = error_of(key.v, back.v, q.v, nq);
        t8 = time_way(&i8, nq, key.v);
        e8 = error_of(key.v, back.v, q.v, nq);
        printf("w4_batch_%zu blas_us %.0f int8_us %.0f int8_ratio %.2f int8_error %.1e f32_us %.0f "
               "f32_ratio %.2f f32_error %.1e\n",
               nq, blas * 1e6, t8 * 1e6, blas / t8, e8, t32 * 1e6, blas / t32, e32);
    }
    return 0;
}
