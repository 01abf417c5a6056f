/* plan_plot.h - what plans trade for each other: latency against time, money or energy. */
#ifndef SIM_PLAN_PLOT_H
#define SIM_PLAN_PLOT_H

#include "base/mem.h"
#include "sim/plan_search.h"

/* What stands on the picture's other axis for a goal. */
enum plan_goal plan_other_goal(const struct plan_try *v, size_t n, enum plan_goal goal);
/* front[i]: no other of v[order[0..n)] has less of both mean latency and that; by order. */
int plan_front(bool *front, const struct plan_try *v, const uint32_t *order, size_t n,
               enum plan_goal goal, struct err *e);
/* Appends the picture of v[order[0..n)] as SVG: a series a cluster, and the front. */
int plan_draw(struct buf *out, const struct plan_try *v, const uint32_t *order, const bool *front,
              size_t n, enum plan_goal goal, struct err *e);

#endif
