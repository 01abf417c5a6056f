/* lean.h - the two linear maps of LeanVec (Tepper et al. 2024): A for queries, B for the base, both
 * r x n, such that <Aq, Bx> is near <q, x>.
 *
 * With the second moments Kq of the queries and Kx of the base the mean squared error is
 *   f(A, B) = E (<Aq, Bx> - <q, x>)^2
 *           = tr(A Kq A^T B Kx B^T) - 2 tr(A Kq Kx B^T) + tr(Kq Kx),
 * so after two n x n matrices the vectors are not needed any more. Four ways to a small f, and one
 * that looks at more than f:
 *   pca       A = B = the r main eigenvectors of Kx. Knows no queries.
 *   es        A = B = those of (1 - t) Kx / tr Kx + t Kq / tr Kq, t by golden section.
 *   fw        Frank-Wolfe over A, then B, in the convex hull of matrices with orthonormal rows,
 *             from es: a step goes towards the polar factor of minus the gradient. The paper steps
 *             1 / (t + 1)^a; here f is a parabola along the step and its exact minimum is taken, so
 *             f never rises and es is never thrown away.
 *   sphering  the least f of all A and B of rank r (LeanVec-Sphering, Tepper et al. 2024): W = the
 *             root of Kq, P = the r main eigenvectors of W Kx W, A = P W^-1, B = P W. f(sphering)
 *             <= f(fw) <= f(es) <= f(pca), but for rounding and the floor under Kq's eigenvalues.
 *   near      sphering, then fitted to the rows near each query of the sample (lean_near.c): ours.
 *
 * Cost     eigenvectors of n x n: one (pca), two (sphering), some twenty (es, fw); fw's steps are
 *          4 r n (n + r) multiply-adds and two singular value decompositions of r x n.
 */
#ifndef VEC_LEAN_H
#define VEC_LEAN_H

#include "base/cpu.h"
#include "vec/linalg.h"

enum lean_method { LEAN_PCA, LEAN_ES, LEAN_FW, LEAN_SPHERING, LEAN_NEAR };
#define LEAN_METHOD_NAMES "pca|es|fw|sphering|near" /* in the order of the enum */

/* LEAN_NEAR is LEAN_SPHERING here. kq, kx: n x n, symmetric; kq is not looked at by LEAN_PCA. a, b:
 * r x n, 1 <= r <= n. */
int lean_maps(enum lean_method m, const double *kq, const double *kx, uint32_t n, uint32_t r,
              double *a, double *b, struct err *e);

/* f(A, B). Negative only by rounding. */
int lean_loss(const double *a, const double *b, const double *kq, const double *kx, uint32_t n,
              uint32_t r, double *loss, struct err *e);

/* What maps are fitted to; rows and queries of n floats. */
struct lean_sample {
    const float *x, *q;
    size_t rows, queries;
    const double *mean; /* of the rows */
    uint64_t seed;
    int threads;
    enum cpu_level cpu;
};

/* Fewer than these would be learned by heart; s.rows and s.queries are as many at least. */
enum { LEAN_NEAR_ROWS = 4096, LEAN_NEAR_QUERIES = 512 };

/* The steps of near from the a and b that are there, which stay where it does no good. The result
 * is the same for any number of threads. */
int lean_near(const struct lean_sample *s, uint32_t n, uint32_t r, double *a, double *b,
              struct err *e);

enum { LEAN_STEPS = 500 };

/* The steps of fw from the a and b that are there; loss[0 .. *steps] before the first and after
 * each. It ends when a step gains less than a thousandth. */
int lean_frank_wolfe(const double *kq, const double *kx, uint32_t n, uint32_t r, double *a,
                     double *b, double loss[LEAN_STEPS + 1], uint32_t *steps, struct err *e);

#endif
