/* plot.h - pictures of replays: what share of requests is done within which time, and how many are
 * in the system over time.
 */
#ifndef SIM_PLOT_H
#define SIM_PLOT_H

#include "base/chart.h"
#include "base/mem.h"
#include "sim/times.h"

#define PLOT_NAMES "ttft|tpot|e2e|load"
enum plot_what { PLOT_TTFT, PLOT_TPOT, PLOT_E2E, PLOT_LOAD };

struct plot_run {
    const char *name; /* in the legend */
    struct times times;
};

/* Appends the picture as SVG. tail: the share's axis is of nines. Sorts the runs' times. */
int plot_draw(struct buf *out, enum plot_what what, struct plot_run *runs, size_t n, bool tail,
              struct err *e);

/* ---- for other pictures ---- */

enum { PLOT_POINTS = 400 };

/* Of n sorted values, times unit, the share that is no larger, at up to PLOT_POINTS + 1 of them:
 * even, or ever closer to the end. How many there are. */
size_t plot_shares(struct chart_point *p, const double *v, size_t n, double unit, bool tail);

#endif
