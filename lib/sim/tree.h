/* tree.h - measured points over four axes, of which not all combinations are there: below each
 * value of an axis stand the values of the next that were measured with it.
 *
 * Between values: linear, axis by axis. Below the first its value holds; beyond the last the line
 * through the last two.
 */
#ifndef SIM_TREE_H
#define SIM_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { TREE_KEYS = 4 };

struct tree_point {
    double key[TREE_KEYS], v;
};

/* A value of an axis and where its children are: nodes of the next axis, or a point. */
struct tree_node {
    double key;
    size_t first, end;
};

struct tree {
    struct tree_point *p;
    size_t n, cap;
    struct tree_node *node[TREE_KEYS];
    size_t nodes[TREE_KEYS], nodes_cap[TREE_KEYS];
    double most[TREE_KEYS]; /* the largest value of each axis */
};

int tree_add(struct tree *t, const double key[TREE_KEYS], double v, struct err *e);
/* After the last point: ERR_INPUT if there is none, or two are at the same place. */
int tree_build(struct tree *t, struct err *e);
double tree_at(const struct tree *t, const double key[TREE_KEYS]);
/* Is no axis of `key`, nor `longest` instead of the last, beyond the largest value of it? */
bool tree_holds(const struct tree *t, const double key[TREE_KEYS], double longest);
void tree_free(struct tree *t);

#endif
