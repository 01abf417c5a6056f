/* scale.h - as many replicas as are needed: every interval the mean freeness (freeness.h) of those
 * that are open or starting, which count as empty; below `up` more are started, above `down` the
 * one with the fewest requests drains. Where one that drains is wanted it opens again.
 *
 * The mean is that of the requests, those that wait among them: all blocks that are left, over all
 * requests. The mean of the replicas' own freeness, which Llumnix takes, is that of an empty one as
 * soon as there is one: what has just started would be stopped again.
 *
 * Source   Llumnix (OSDI'24, arXiv 2406.03243), and its code.
 */
#ifndef SIM_SCALE_H
#define SIM_SCALE_H

#include "sim/fleet.h"

struct scale_opts {
    uint32_t least, most, begin; /* replicas; begin: that are open at first */
    double interval_s, startup_s, up, down;
};

#define SCALE_INIT                                              \
    {                                                           \
        .interval_s = 10, .startup_s = 30, .up = 10, .down = 60 \
    }

/* The interval is over. */
int scale_look(struct fleet *c, struct err *e);
/* Could this replica be started, or opened again? */
bool scale_may_start(const struct fleet *c, uint32_t i);
/* Would it stop one if it looked now? */
bool scale_may_stop(const struct fleet *c);

#endif
