/* blas_peer.c - OpenBLAS on the products that an exact search is made of: "name value" lines.
 *
 *   blas_peer ROWS QUERIES DIM    GFLOP/s of ROWS x QUERIES products, 1,000 queries at a time, and
 *                                 what that is in queries a second, without any selection
 *   blas_peer skinny ROWS DIM N...  microseconds of N queries with all rows, the rows from memory:
 *                                 sgemv for one, sgemm else ("N_blas_us"), the best of five
 *
 * Run with OPENBLAS_CORETYPE=SkylakeX OPENBLAS_NUM_THREADS=1: by itself OpenBLAS 0.3.21 does not
 * know newer processors and takes its slowest kernels.
 */
#include <cblas.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { BATCH = 1000, PIECE = 4096 };

static float *filled(size_t n)
{
    float *p = malloc(n * sizeof *p);

    if (!p)
        exit(1);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(i % 251);
    return p;
}

static void search(size_t rows, size_t queries, size_t dim)
{
    size_t batch = queries < BATCH ? queries : BATCH;
    float *x, *q, *out;
    double t;

    x = filled(rows * dim);
    q = filled(batch * dim);
    out = filled(batch * PIECE);
    for (int warm = 1; warm >= 0; warm--) {
        size_t done = 0, many = warm ? batch : queries;
        t = bench_now();
        for (; done < many; done += batch)
            for (size_t i = 0; i < rows; i += PIECE) {
                size_t n = rows - i < PIECE ? rows - i : PIECE;
                cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)batch, (int)n, (int)dim,
                            1, q, (int)dim, x + i * dim, (int)dim, 0, out, (int)n);
            }
        t = (bench_now() - t) / (double)done;
    }
    printf("blas_gflops %.1f\nblas_qps %.1f\n", 2e-9 * (double)rows * (double)dim / t, 1 / t);
    free(x);
    free(q);
    free(out);
}

static void multiply(const float *x, size_t rows, size_t dim, const float *q, size_t n, float *out)
{
    if (n == 1)
        cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)rows, (int)dim, 1, x, (int)dim, q, 1, 0, out,
                    1);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)rows, (int)dim, 1, q,
                    (int)dim, x, (int)dim, 0, out, (int)rows);
}

static void skinny(size_t rows, size_t dim, size_t n)
{
    float *x = filled(rows * dim), *q = filled(n * dim), *out = filled(n * rows);
    double best = 1e9;

    for (int r = 0; r < 5; r++) {
        double t = bench_now();

        multiply(x, rows, dim, q, n, out);
        t = bench_now() - t;
        best = t < best ? t : best;
    }
    printf("%zu_blas_us %.0f\n", n, best * 1e6);
    free(x);
    free(q);
    free(out);
}

int main(int argc, char **argv)
{
    size_t v[3] = {0};
    bool thin = argc > 4 && strcmp(argv[1], "skinny") == 0;

    for (int i = 0; i < 3 && i + 1 + thin < argc; i++)
        v[i] = strtoul(argv[i + 1 + thin], NULL, 10);
    if (!v[0] || !v[1] || !v[2])
        return 2;
    if (!thin)
        search(v[0], v[1], v[2]);
    for (int i = 4; thin && i < argc; i++)
        skinny(v[0], v[1], strtoul(argv[i], NULL, 10));
    return 0;
}
