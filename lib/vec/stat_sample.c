/* stat_sample.c - see stat.h: the parts that look at a sample.
 *
 * The spectrum comes from the covariance matrix or, where there are fewer rows than dimensions,
 * from the rows' products with each other, which has the same eigenvalues but for zeros.
 *
 * Two-NN: with r1 < r2 the distances to the two nearest neighbours, r2 / r1 is Pareto distributed
 * with the intrinsic dimension as exponent, if the density is even over the distance r2. So -ln(1 -
 * F) over ln(r2 / r1) is a line through the origin of that slope, fitted without the largest tenth.
 * Neighbours are found by products in f32, as |a|^2 + |b|^2 - 2ab; the best few are then measured
 * again in double.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vec/linalg.h"
#include "vec/stat.h"

/* ---- spectrum ---- */

static int centre(float *x, size_t n, uint32_t dim, struct err *e)
{
    double *mean = mem_zero(dim, sizeof *mean, e);

    if (!mean)
        return e->code;
    if (la_mean(x, n, dim, mean, e) < 0) {
        free(mean);
        return e->code;
    }
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < dim; k++)
            x[i * dim + k] = (float)((double)x[i * dim + k] - mean[k]);
    free(mean);
    return 0;
}

/* Only `most` rows stay, evenly spaced. */
static size_t thin(float *x, size_t n, uint32_t dim, size_t most)
{
    if (n <= most)
        return n;
    for (size_t i = 0; i < most; i++)
        memmove(x + i * dim, x + i * n / most * dim, dim * sizeof *x);
    return most;
}

/* k[n][n]: products of the centred rows with each other. */
static int row_products(const float *x, size_t n, uint32_t dim, const struct vec_ops *ops,
                        int threads, double *k, struct err *e)
{
    float *out = mem_array(n * n, sizeof *out, e);
    int rc = out ? vec_products(ops, x, n, x, n, dim, out, n, threads, e) : e->code;

    for (size_t i = 0; rc == 0 && i < n * n; i++)
        k[i] = (double)out[i] / (double)n;
    free(out);
    return rc;
}

/* k[len][len], the matrix whose eigenvalues are wanted. */
static int make_matrix(float *x, size_t n, uint32_t dim, const struct vec_ops *ops, int threads,
                       double *k, struct err *e)
{
    if (centre(x, n, dim, e) < 0)
        return e->code;
    return n < dim ? row_products(x, n, dim, ops, threads, k, e)
                   : la_moment(x, n, dim, NULL, k, threads, e);
}

int stat_spectrum(float *x, size_t n, uint32_t dim, const struct vec_ops *ops, int threads,
                  double **shares, uint32_t *len, struct err *e)
{
    double *k, *w, sum = 0;
    int rc;

    if (dim > STAT_SPECTRUM_MAX)
        n = thin(x, n, dim, STAT_SPECTRUM_MAX);
    *len = n < dim ? (uint32_t)n : dim;
    k = mem_zero((size_t)*len * *len, sizeof *k, e);
    w = mem_zero(*len, sizeof *w, e);
    rc = k && w ? 0 : e->code;
    if (rc == 0 && *len)
        rc = make_matrix(x, n, dim, ops, threads, k, e);
    if (rc == 0 && *len)
        rc = la_eigen(k, *len, w, e);
    free(k);
    if (rc < 0) {
        free(w);
        return rc;
    }
    for (uint32_t i = 0; i < *len; i++)
        sum += w[i] = w[i] > 0 ? w[i] : 0; /* of rounding errors */
    for (uint32_t i = 0; i < *len && sum > 0; i++)
        w[i] /= sum;
    *shares = w;
    return 0;
}

/* ---- two-NN ---- */

enum { NEAR = 4, BLOCK = 64 };

struct near {
    uint32_t row[NEAR];
    double key[NEAR];
};

static void offer(struct near *best, double key, uint32_t row)
{
    int i = NEAR - 1;

    if (!(key < best->key[i]))
        return;
    for (; i > 0 && key < best->key[i - 1]; i--) {
        best->key[i] = best->key[i - 1];
        best->row[i] = best->row[i - 1];
    }
    best->key[i] = key;
    best->row[i] = row;
}

static double distance2(const float *a, const float *b, uint32_t dim)
{
    double sum = 0;

    for (uint32_t k = 0; k < dim; k++) {
        double d = (double)a[k] - (double)b[k];
        sum += d * d;
    }
    return sum;
}

/* ln(r2 / r1) of row i; NaN where fewer than two of the rows near it differ from it. */
static double log_ratio(const float *x, uint32_t dim, size_t i, const struct near *near)
{
    double first = INFINITY, second = INFINITY;

    for (int k = 0; k < NEAR && isfinite(near->key[k]); k++) {
        double d = distance2(x + i * dim, x + (size_t)near->row[k] * dim, dim);
        if (d > 0 && d < first) {
            second = first;
            first = d;
        } else if (d > 0 && d < second) {
            second = d;
        }
    }
    return isfinite(second) ? log(second / first) / 2 : NAN;
}

static int block_ratios(const float *x, size_t n, uint32_t dim, const double *norm2, size_t from,
                        size_t rows, float *products, const struct vec_ops *ops, int threads,
                        double *ratio, struct err *e)
{
    if (vec_products(ops, x + from * dim, rows, x, n, dim, products, n, threads, e) < 0)
        return e->code;
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (size_t i = 0; i < rows; i++) {
        struct near near;
        for (int k = 0; k < NEAR; k++)
            near.key[k] = INFINITY;
        for (size_t j = 0; j < n; j++)
            if (j != from + i)
                offer(&near, norm2[j] - 2 * (double)products[i * n + j], (uint32_t)j);
        ratio[from + i] = log_ratio(x, dim, from + i, &near);
    }
    return 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The slope of -ln(1 - F) over the ratios, in increasing order. */
static double fit(double *ratio, size_t n)
{
    size_t m = 0;
    double xy = 0, xx = 0;

    for (size_t i = 0; i < n; i++)
        if (!isnan(ratio[i]))
            ratio[m++] = ratio[i];
    if (m < 10)
        return NAN;
    qsort(ratio, m, sizeof *ratio, by_size);
    for (size_t i = 0; i < m - m / 10; i++) {
        double y = -log1p(-(double)(i + 1) / ((double)m + 1));
        xy += ratio[i] * y;
        xx += ratio[i] * ratio[i];
    }
    return xx > 0 ? xy / xx : NAN;
}

int stat_two_nn(const float *x, size_t n, uint32_t dim, const struct vec_ops *ops, int threads,
                double *out, struct err *e)
{
    size_t block = BLOCK * 4;
    float *products = mem_array(block * n, sizeof *products, e);
    double *norm2 = mem_array(n, sizeof *norm2, e), *ratio = mem_array(n, sizeof *ratio, e);
    int rc = products && norm2 && ratio ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++)
        norm2[i] = vec_norm2(x + i * dim, dim);
    for (size_t i = 0; rc == 0 && i < n; i += block)
        rc = block_ratios(x, n, dim, norm2, i, n - i < block ? n - i : block, products, ops,
                          threads, ratio, e);
    if (rc == 0)
        *out = fit(ratio, n);
    free(products);
    free(norm2);
    free(ratio);
    return rc;
}
