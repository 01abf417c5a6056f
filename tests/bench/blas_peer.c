/* blas_peer.c - OpenBLAS on the products that an exact search is made of: "name value" lines.
 *
 *   blas_peer ROWS QUERIES DIM    GFLOP/s of ROWS x QUERIES products, 1,000 queries at a time, and
 *                                 what that is in queries a second, without any selection
 *
 * Run with OPENBLAS_CORETYPE=SkylakeX OPENBLAS_NUM_THREADS=1: by itself OpenBLAS 0.3.21 does not
 * know newer processors and takes its slowest kernels.
 */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 1000, PIECE = 4096 };

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static float *filled(size_t n)
{
    float *p = malloc(n * sizeof *p);

    if (!p)
        exit(1);
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(i % 251);
    return p;
}

int main(int argc, char **argv)
{
    size_t rows = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;
    size_t queries = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
    size_t dim = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    size_t batch = queries < BATCH ? queries : BATCH;
    float *x, *q, *out;
    double t;

    if (!rows || !queries || !dim)
        return 2;
    x = filled(rows * dim);
    q = filled(batch * dim);
    out = filled(batch * PIECE);
    for (int warm = 1; warm >= 0; warm--) {
        size_t done = 0, many = warm ? batch : queries;
        t = now_s();
        for (; done < many; done += batch)
            for (size_t i = 0; i < rows; i += PIECE) {
                size_t n = rows - i < PIECE ? rows - i : PIECE;
                cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)batch, (int)n, (int)dim,
                            1, q, (int)dim, x + i * dim, (int)dim, 0, out, (int)n);
            }
        t = (now_s() - t) / (double)done;
    }
    printf("blas_gflops %.1f\nblas_qps %.1f\n", 2e-9 * (double)rows * (double)dim / t, 1 / t);
    free(x);
    free(q);
    free(out);
    return 0;
}
