/* linalg.h - factorisations of small dense matrices, in double, by LAPACK on one thread.
 *
 * Matrices are row-major without gaps. Eigenvectors and singular vectors have a fixed sign: the
 * component of the largest magnitude, the first of equals, is positive. The results of one machine
 * are the same bits at every call; other processors may differ in the last ones (OpenBLAS chooses
 * its kernels by processor).
 *
 * Errors   ERR_MEM; ERR_INPUT when a matrix is not what it must be, or holds NaN or infinity.
 * Threads  may be called from many at once.
 */
#ifndef VEC_LINALG_H
#define VEC_LINALG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { LA_DIM_MAX = 16384 }; /* rows and columns: 2 GiB of doubles */

/* a: n x n, symmetric (the upper triangle is read). On return row i of a is the eigenvector of
 * w[i], the i-th largest. */
int la_eigen(double *a, uint32_t n, double *w, struct err *e);
/* a: n x n, symmetric and positive definite: its lower factor L, a = L L^T, zeros above. */
int la_cholesky(double *a, uint32_t n, struct err *e);
/* l: n x n, lower with a diagonal without zeros: its inverse, lower. */
int la_invert_lower(double *l, uint32_t n, struct err *e);
/* a: m x n, m <= n. a becomes U V^T of its thin SVD U S V^T: the nearest matrix with orthonormal
 * rows. With s not NULL, the m singular values, largest first. */
int la_polar(double *a, uint32_t m, uint32_t n, double *s, struct err *e);
/* A random orthogonal n x n matrix, uniform (Haar; Stewart 1980), of the seed. */
int la_orthogonal(double *q, uint32_t n, uint64_t seed, struct err *e);

/* c = alpha * op(a) * op(b) + beta * c, c is m x n, the inner dimension k; ta, tb: transposed. */
void la_product(bool ta, bool tb, uint32_t m, uint32_t n, uint32_t k, double alpha, const double *a,
                const double *b, double beta, double *c);

/* mean[d] of n rows of f32, n >= 1, and the second moment k[d][d] = (1/n) sum (x - mean)(x -
 * mean)^T, both triangles; mean NULL: about zero. Sums are of fixed blocks of rows, whatever the
 * threads. */
int la_mean(const float *x, size_t n, uint32_t d, double *mean, struct err *e);
int la_moment(const float *x, size_t n, uint32_t d, const double *mean, double *k, int threads,
              struct err *e);

/* root = a^(1/2) and inverse = a^(-1/2), symmetric, of a symmetric positive semi-definite a;
 * eigenvalues below `floor` (above 0) times the largest count as that. Either may be NULL.
 * ERR_INPUT when a is zero. */
int la_roots(const double *a, uint32_t n, double floor, double *root, double *inverse,
             struct err *e);

#endif
