/* check.h - what holds of a replica after every step, for --check: blocks are conserved, the budget
 * is kept, no token is lost or computed twice, times are in order.
 *
 * Cost     a pass over blocks and running requests a step, of a program over all requests; tiers,
 *          which may be large, are walked every 1,024 steps.
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim/engine.h"

/* What does not hold, as the rest of a sentence; NULL: all does. */
const char *replica_wrong(const struct replica *r);

#endif
