/* plot_steps.h - what is in an engine's steps over time: tokens of prompts, decodes, requests that
 * wait, KV blocks. A chart each, a line a run.
 */
#ifndef SIM_PLOT_STEPS_H
#define SIM_PLOT_STEPS_H

#include "base/mem.h"

struct plot_step {
    double begin_ns, end_ns;
    double value[4]; /* tokens of prompts, decodes, waiting, KV blocks */
};

struct plot_steps {
    const char *name; /* in the legend */
    struct plot_step *v;
    size_t n, cap;
};

/* Of a file of steps (steps.h) with begin_ns, end_ns, waiting, kv_blocks. */
int plot_steps_load(struct plot_steps *s, const char *path, struct err *e);
void plot_steps_free(struct plot_steps *s); /* {0} is fine */

/* Appends the picture as SVG. */
int plot_steps_draw(struct buf *out, const struct plot_steps *runs, size_t n, struct err *e);

#endif
