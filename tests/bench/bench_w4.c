/* bench_w4.c - w4g128 against f32 on a matrix of 11,008 rows of 4,096, for batches of 1 to 64
 * queries, on one thread: "name value" lines, N the batch.
 *
 *   N_int8_us, N_f32_us      products with queries of int8, of f32
 *   N_own_us                 our own f32 kernels with the f32 matrix, the faster of the two that
 *                            there are for so many queries (blas_peer has OpenBLAS on the same)
 *   N_int8_error, N_f32_error  relative Frobenius error to the products with the decoded rows
 *
 * Weights are cold: the f32 matrix is 180 MB, and eight packed ones take turns.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "base/rand.h"
#include "vec/codec_kind.h"
#include "vec/vec.h"

enum { ROWS = 11008, DIM = 4096, BATCH_MAX = 64, COPIES = 8, ROUNDS = 5, BLOCK = 64 };

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
        double t = bench_now();

        codec_list_scan(w->c, &w->list[w->at++ % COPIES], w->query, nq, key, NULL);
        t = bench_now() - t;
        best = t < best ? t : best;
    }
    return best;
}

/* All rows with the queries, DOTS_MAX at a time. */
static void own_sums(const struct vec_ops *ops, const float *x, const float *q, size_t nq,
                     float *out)
{
    static float norm2[ROWS];
    void *packed = aligned_alloc(64, dots_size(VEC_F32, DOTS_MAX, DIM));

    for (size_t j = 0; packed && j < nq; j += DOTS_MAX) {
        size_t n = nq - j < DOTS_MAX ? nq - j : DOTS_MAX;

        ops->dots_pack(q + j * DIM, VEC_F32, n, DIM, packed);
        ops->dots_f32(x, DIM * sizeof *x, ROWS, packed, n, DIM, out + j * ROWS, ROWS, norm2);
    }
    free(packed);
}

/* So, or blocks of rows with a panel of queries. */
static void own_products(const float *x, const float *q, size_t nq, const float *panel, bool rows,
                         float *out)
{
    const struct vec_ops *ops = ops_for(cpu_detect());
    float tile[BLOCK * PANEL];

    if (rows)
        own_sums(ops, x, q, nq, out);
    for (size_t i = 0; !rows && i < ROWS; i += BLOCK)
        for (size_t j = 0; j < nq; j += PANEL) {
            size_t n = ROWS - i < BLOCK ? ROWS - i : BLOCK;

            ops->tile_f32(x + i * DIM, DIM * sizeof *x, n, panel + j * DIM, DIM, tile);
            for (size_t k = 0; k < PANEL && j + k < nq; k++)
                for (size_t r = 0; r < n; r++)
                    out[(j + k) * ROWS + i + r] = tile[r * PANEL + k];
        }
}

static double time_own(const float *x, const float *q, size_t nq, float *out)
{
    struct err e = {0};
    float *panel = codec_array((size_t)BATCH_MAX * DIM, sizeof *panel, &e);
    double best = 1e9;

    check(panel ? 0 : -1, &e);
    for (size_t j = 0; j < nq; j += PANEL)
        panel_pack_f32(q + j * DIM, DIM * sizeof *q, nq - j < PANEL ? nq - j : PANEL, DIM,
                       panel + j * DIM);
    for (int r = 0; r < 2 * ROUNDS; r++) {
        double t = bench_now();

        own_products(x, q, nq, panel, r % 2, out);
        t = bench_now() - t;
        best = t < best ? t : best;
    }
    free(panel);
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
    prepare(&f32, "w4g128:f32", x.v, q.v, back.v);
    prepare(&i8, "w4g128", x.v, q.v, back.v);
    for (size_t b = 0; b < sizeof batch / sizeof *batch; b++) {
        size_t nq = batch[b];

        printf("%zu_own_us %.0f\n", nq, 1e6 * time_own(x.v, q.v, nq, key.v));
        printf("%zu_f32_us %.0f\n", nq, 1e6 * time_way(&f32, nq, key.v));
        printf("%zu_f32_error %.1e\n", nq, error_of(key.v, back.v, q.v, nq));
        printf("%zu_int8_us %.0f\n", nq, 1e6 * time_way(&i8, nq, key.v));
        printf("%zu_int8_error %.1e\n", nq, error_of(key.v, back.v, q.v, nq));
    }
    return 0;
}
