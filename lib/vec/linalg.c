/* linalg.c - see linalg.h: LAPACKE and CBLAS of OpenBLAS, which stays on one thread. */
#include "vec/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cblas.h>
#include <lapacke.h>
#include <lapacke_utils.h>

#include "base/mem.h"
#include "base/rand.h"

enum { MOMENT_BLOCK = 2048 }; /* rows that are summed at once */

/* LAPACKE's own would write to standard output; what it has to say comes back as `info` too. */
void LAPACKE_xerbla(const char *name, lapack_int info)
{
    (void)name;
    (void)info;
}

/* OpenBLAS starts a thread a CPU unless it is told. */
static void alone(void)
{
    openblas_set_num_threads(1);
}

static int result(lapack_int info, const char *what, struct err *e)
{
    if (info == 0)
        return 0;
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
        return err_set(e, ERR_MEM, "out of memory for the %s", what);
    return err_set(e, ERR_INPUT, "the %s cannot be computed: the matrix is not suited (%d)", what,
                   (int)info);
}

static int check_finite(const double *a, size_t n, const char *what, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(a[i]))
            return err_set(e, ERR_INPUT, "the %s cannot be computed: a number is not finite", what);
    return 0;
}

/* The largest component of each row becomes positive. */
static void fix_signs(double *rows, uint32_t m, uint32_t n)
{
    for (uint32_t i = 0; i < m; i++) {
        double *row = rows + (size_t)i * n, sign;
        uint32_t at = 0;

        for (uint32_t j = 1; j < n; j++)
            if (fabs(row[j]) > fabs(row[at]))
                at = j;
        sign = row[at] < 0 ? -1 : 1;
        for (uint32_t j = 0; j < n; j++)
            row[j] = sign * row[j] + 0.0; /* no -0 */
    }
}

int la_eigen(double *a, uint32_t n, double *w, struct err *e)
{
    lapack_int info;

    if (n == 0)
        return 0;
    if (check_finite(a, (size_t)n * n, "eigenvectors", e) < 0)
        return e->code;
    alone();
    /* Column-major, so that eigenvectors come as rows of ours; ascending. */
    info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', (lapack_int)n, a, (lapack_int)n, w);
    if (info != 0)
        return result(info, "eigenvectors", e);
    for (uint32_t i = 0; i < n / 2; i++) {
        double *low = a + (size_t)i * n, *high = a + (size_t)(n - 1 - i) * n, t = w[i];

        w[i] = w[n - 1 - i];
        w[n - 1 - i] = t;
        for (uint32_t j = 0; j < n; j++) {
            t = low[j];
            low[j] = high[j];
            high[j] = t;
        }
    }
    fix_signs(a, n, n);
    return 0;
}

int la_cholesky(double *a, uint32_t n, struct err *e)
{
    lapack_int info;

    if (n == 0)
        return 0;
    if (check_finite(a, (size_t)n * n, "Cholesky factor", e) < 0)
        return e->code;
    alone();
    info = LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'L', (lapack_int)n, a, (lapack_int)n);
    for (uint32_t i = 0; i < n; i++)
        memset(a + (size_t)i * n + i + 1, 0, (n - i - 1) * sizeof *a);
    return result(info, "Cholesky factor", e);
}

int la_invert_lower(double *l, uint32_t n, struct err *e)
{
    if (n == 0)
        return 0;
    if (check_finite(l, (size_t)n * n, "inverse of a triangle", e) < 0)
        return e->code;
    alone();
    return result(LAPACKE_dtrtri(LAPACK_ROW_MAJOR, 'L', 'N', (lapack_int)n, l, (lapack_int)n),
                  "inverse of a triangle", e);
}

int la_polar(double *a, uint32_t m, uint32_t n, double *s, struct err *e)
{
    double *u = mem_array((size_t)m * m, sizeof *u, e),
           *vt = mem_array((size_t)m * n, sizeof *vt, e);
    double *own = s ? NULL : mem_array(m, sizeof *own, e);
    int rc = u && vt && (s || own) ? 0 : e->code;

    alone();
    if (rc == 0)
        rc = check_finite(a, (size_t)m * n, "singular values", e);
    if (rc == 0 && m > 0)
        rc = result(LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'S', (lapack_int)m, (lapack_int)n, a,
                                   (lapack_int)n, s ? s : own, u, (lapack_int)m, vt, (lapack_int)n),
                    "singular values", e);
    if (rc == 0 && m > 0)
        la_product(false, false, m, n, m, 1, u, vt, 0, a);
    free(u);
    free(vt);
    free(own);
    return rc;
}

int la_orthogonal(double *q, uint32_t n, uint64_t seed, struct err *e)
{
    double *tau = mem_array(n, sizeof *tau, e), *diagonal = mem_array(n, sizeof *diagonal, e);
    int rc = tau && diagonal ? 0 : e->code;

    alone();
    if (rc == 0) {
        for (size_t i = 0; i < (size_t)n * n; i++)
            q[i] = rand_normal(&seed);
        rc = result(
            LAPACKE_dgeqrf(LAPACK_ROW_MAJOR, (lapack_int)n, (lapack_int)n, q, (lapack_int)n, tau),
            "QR factors", e);
    }
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        diagonal[i] = q[(size_t)i * n + i];
    if (rc == 0)
        rc = result(LAPACKE_dorgqr(LAPACK_ROW_MAJOR, (lapack_int)n, (lapack_int)n, (lapack_int)n, q,
                                   (lapack_int)n, tau),
                    "QR factors", e);
    /* Q is uniform only with the signs of R's diagonal. */
    for (size_t i = 0; rc == 0 && i < (size_t)n * n; i++)
        if (diagonal[i % n] < 0)
            q[i] = -q[i];
    free(tau);
    free(diagonal);
    return rc;
}

void la_product(bool ta, bool tb, uint32_t m, uint32_t n, uint32_t k, double alpha, const double *a,
                const double *b, double beta, double *c)
{
    alone();
    cblas_dgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
                (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)(ta ? m : k), b,
                (blasint)(tb ? k : n), beta, c, (blasint)n);
}

int la_mean(const float *x, size_t n, uint32_t d, double *mean, struct err *e)
{
    if (n == 0)
        return err_set(e, ERR_INPUT, "no vectors to take the mean of");
    memset(mean, 0, d * sizeof *mean);
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < d; j++)
            mean[j] += (double)x[i * d + j];
    for (uint32_t j = 0; j < d; j++)
        mean[j] /= (double)n;
    return 0;
}

/* The upper triangle of sum (x - mean)(x - mean)^T over one block of rows. */
static void add_block(const float *x, size_t n, uint32_t d, const double *mean, double *rows,
                      double *k)
{
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < d; j++)
            rows[i * d + j] = (double)x[i * d + j] - (mean ? mean[j] : 0);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (blasint)d, (blasint)n, 1, rows, (blasint)d,
                1, k, (blasint)d);
}

int la_moment(const float *x, size_t n, uint32_t d, const double *mean, double *k, int threads,
              struct err *e)
{
    size_t blocks = (n + MOMENT_BLOCK - 1) / MOMENT_BLOCK, cells = (size_t)d * d;
    size_t team = threads > 1 ? (size_t)threads : 1, most = blocks < team ? blocks : team;
    double *rows = mem_array(most * MOMENT_BLOCK, d * sizeof *rows, e);
    double *sums = mem_array(most * cells, sizeof *sums, e);
    int rc = rows && sums ? 0 : e->code;

    if (rc == 0 && n == 0)
        rc = err_set(e, ERR_INPUT, "no vectors to take the second moment of");
    alone();
    memset(k, 0, cells * sizeof *k);
    /* A round is a block a thread; its sums are added in the order of blocks. */
    for (size_t first = 0; rc == 0 && first < blocks; first += most) {
        size_t round = blocks - first < most ? blocks - first : most;

#pragma omp parallel for num_threads((int)round) if (round > 1)
        for (size_t t = 0; t < round; t++) {
            size_t from = (first + t) * MOMENT_BLOCK;

            memset(sums + t * cells, 0, cells * sizeof *sums);
            add_block(x + from * d, n - from < MOMENT_BLOCK ? n - from : MOMENT_BLOCK, d, mean,
                      rows + t * MOMENT_BLOCK * d, sums + t * cells);
        }
        for (size_t t = 0; t < round; t++)
            for (size_t i = 0; i < cells; i++)
                k[i] += sums[t * cells + i];
    }
    for (uint32_t i = 0; rc == 0 && i < d; i++)
        for (uint32_t j = i; j < d; j++)
            k[(size_t)j * d + i] = k[(size_t)i * d + j] /= (double)n;
    free(rows);
    free(sums);
    return rc;
}

int la_roots(const double *a, uint32_t n, double floor, double *root, double *inverse,
             struct err *e)
{
    size_t cells = (size_t)n * n;
    double *v = mem_array(cells, sizeof *v, e), *scaled = mem_array(cells, sizeof *scaled, e);
    double *w = mem_array(n, sizeof *w, e);
    int rc = v && scaled && w ? 0 : e->code;

    if (rc == 0) {
        memcpy(v, a, cells * sizeof *v);
        rc = la_eigen(v, n, w, e);
    }
    if (rc == 0 && n > 0 && !(w[0] > 0))
        rc = err_set(e, ERR_INPUT, "the vectors are all zero");
    for (int side = 0; rc == 0 && side < 2; side++) {
        double *out = side == 0 ? root : inverse;

        for (size_t i = 0; out && i < cells; i++) {
            double value = sqrt(fmax(w[i / n], floor * w[0]));

            scaled[i] = v[i] * (side == 0 ? value : 1 / value);
        }
        if (out)
            la_product(true, false, n, n, n, 1, v, scaled, 0, out);
    }
    free(v);
    free(scaled);
    free(w);
    return rc;
}
