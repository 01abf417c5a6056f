/* alpha.h - what a dispatcher would better have done: replays of what came lately, one for each
 * setting, as the dispatcher of HexGen tunes its alpha. Inside this domain only.
 */
#ifndef SIM_ALPHA_H
#define SIM_ALPHA_H

#include "sim/fleet.h"

/* Of 0, 0.05, ... 0.5 the alpha with the least 95th percentile of time over objective, of programs
 * that came since from_ns, as far as their calls have ended: under it the objective that 95 % meet
 * is the tightest. *alpha stays where there are none, or it is within 5 % of the best. */
int alpha_tune(const struct fleet *c, int64_t from_ns, double *alpha, struct err *e);

#endif
