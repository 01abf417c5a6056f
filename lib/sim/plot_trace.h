/* plot_trace.h - a trace as pictures: how many requests come over time, how long they are, what
 * share of their prompts' blocks a cache of so many would find.
 */
#ifndef SIM_PLOT_TRACE_H
#define SIM_PLOT_TRACE_H

#include "base/mem.h"
#include "sim/reuse.h"

struct plot_trace {
    const double *arrival_ns; /* [n_arrivals], in any order; none: no chart of them */
    size_t n_arrivals;
    const double *prompt, *output; /* [n], each sorted */
    size_t n;
    const struct reuse *reuse; /* NULL: no chart of it */
};

/* Appends the picture as SVG. */
int plot_trace_draw(struct buf *out, const struct plot_trace *t, struct err *e);

#endif
