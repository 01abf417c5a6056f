/* plan_replay.h - a trace through the engines of a plan.
 *
 * Requests are dealt out in turn: to replicas, in each to the batches that its pipeline has under
 * way, in each of those to the copies of the attention, as APEX does (arXiv 2411.17651). Each such
 * share runs in an engine of its own, with its part of the KV blocks. A batch goes through the
 * stages one after the other, each as long as the cost model says of one, and waits where a stage
 * has another's: what APEX has as the largest of as many steps in a row as there are stages. A
 * stage's time has its sending in it. Engines whose attentions share a feed-forward step together,
 * as long as the slowest. Where APEX counts a first token as so many stage times, and its clock as
 * one, here all tokens and the clock are the pipeline's.
 *
 * Errors   as replay.h; ERR_USAGE where requests wait for others.
 * Cost     that of its engines' steps.
 */
#ifndef SIM_PLAN_REPLAY_H
#define SIM_PLAN_REPLAY_H

#include "sim/metrics.h"
#include "sim/plan.h"

struct plan_totals {
    double busy_ns; /* of every GPU of a replica, summed over replicas */
    uint64_t steps; /* of batches through all stages */
};

/* o: its engine is that of each of the plan's; no clients. cost: of a stage. */
int plan_replay(struct replay *p, struct plan_totals *totals, const struct plan *plan,
                const struct trace_set *t, const struct cost *cost, const struct replay_opts *o,
                struct err *e);

#endif
