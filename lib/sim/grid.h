/* grid.h - measured points, and what lies between them: linear from point to point.
 *
 * Below the first point its value holds. Beyond the last is an error, or, where that is allowed,
 * the line through the last two.
 */
#ifndef SIM_GRID_H
#define SIM_GRID_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct grid_point {
    double x, v;
};

/* A line of points. */
struct grid {
    struct grid_point *p; /* x increasing once grid_sort() was called */
    size_t n, cap;
};

/* A line for each of some values of another axis, of any lengths. */
struct grid2 {
    struct grid_row {
        double y;
        struct grid g;
    } * row; /* y increasing */
    size_t n, cap;
};

int grid_add(struct grid *g, double x, double v, struct err *e);
/* Puts points in order; of several at the same x the mean stays. */
void grid_sort(struct grid *g);
double grid_at(const struct grid *g, double x); /* n at least 1 */
double grid_last(const struct grid *g);         /* its x; 0 if there is none */
void grid_free(struct grid *g);

int grid2_add(struct grid2 *g, double y, double x, double v, struct err *e);
void grid2_sort(struct grid2 *g);
/* Rows may be shorter than the table is wide: beyond its last point a row's value holds, up to
 * x_most (grid2_widest()); farther out it is a line again. */
double grid2_at(const struct grid2 *g, double y, double x, double x_most);
double grid2_widest(const struct grid2 *g);
void grid2_free(struct grid2 *g);

#endif
