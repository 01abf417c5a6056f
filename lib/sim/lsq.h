/* lsq.h - least squares of a few unknowns that are not below 0, over any number of equations.
 *
 * Equations are taken one after the other into a triangle (Givens rotations), which is all that is
 * kept: two triangles become one by adding the rows of the second, so what is fitted to all parts
 * but one comes from the parts' own. The unknowns come of Lawson and Hanson's active sets (1974)
 * over the triangle. Nothing is squared on the way: columns that nearly depend on each other lose
 * half the digits that normal equations would.
 *
 * Cost  3 n^2 operations an equation of n unknowns.
 */
#ifndef SIM_LSQ_H
#define SIM_LSQ_H

#include <stdbool.h>
#include <stddef.h>

enum { LSQ_MOST = 32 };

struct lsq { /* {.n = N}: no equations yet */
    size_t n;
    double r[LSQ_MOST][LSQ_MOST + 1]; /* the triangle, and in column n its right side */
};

/* row[0..n): factors, row[n]: what they come to. */
void lsq_add(struct lsq *l, const double *row);
void lsq_merge(struct lsq *l, const struct lsq *other);
/* Columns that are 0, or, up to rounding, sums of those before them. True if there are any. */
bool lsq_dependent(const struct lsq *l, bool *dependent);
/* x[j] is 0 for those left out, and wherever the best would be below. */
void lsq_nonneg(const struct lsq *l, const bool *left_out, double *x);

#endif
