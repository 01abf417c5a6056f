/* sim.h - the domain of serving traces: reading and changing them, replaying them under a scheduler
 * and a cost model, and what that comes to.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "sim/card.h"
#include "sim/cluster.h"
#include "sim/cost.h"
#include "sim/load.h"
#include "sim/memory.h"
#include "sim/metrics.h"
#include "sim/replay.h"
#include "sim/route.h"
#include "sim/rows.h"
#include "sim/sched.h"
#include "sim/setup.h"
#include "sim/trace.h"

#endif
