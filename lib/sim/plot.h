/* plot.h - pictures of replays: what share of requests is done within which time, and how many are
 * in the system over time.
 */
#ifndef SIM_PLOT_H
#define SIM_PLOT_H

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

#endif
