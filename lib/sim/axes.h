/* axes.h - measured points over four axes, of which not all combinations are there: below each
 * value of an axis stand the values of the next that were measured with it.
 *
 * Between values: linear, axis by axis. Below the first its value holds; beyond the last the line
 * through the last two.
 */
#ifndef SIM_AXES_H
#define SIM_AXES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { AXES = 4 };

struct axes_point {
    double key[AXES], v;
};

/* A value of an axis and where its children are: nodes of the next axis, or a point. */
struct axes_node {
    double key;
    size_t first, end;
};

struct axes {
    struct axes_point *p;
    size_t n, cap;
    struct axes_node *node[AXES];
    size_t nodes[AXES], nodes_cap[AXES];
    double most[AXES]; /* the largest value of each axis */
};

int axes_add(struct axes *t, const double key[AXES], double v, struct err *e);
/* After the last point: ERR_INPUT if there is none, or two are at the same place. */
int axes_build(struct axes *t, struct err *e);
double axes_at(const struct axes *t, const double key[AXES]);
/* Is no axis of `key`, nor `longest` instead of the last, beyond the largest value of it? */
bool axes_holds(const struct axes *t, const double key[AXES], double longest);
void axes_free(struct axes *t);

#endif
