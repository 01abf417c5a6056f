/* plan_replay.h - a trace through the engines of a plan: a fleet (fleet.h) of as many replicas, in
 * which steps wait for each other.
 *
 * Engines are numbered so that requests dealt out in turn go to replicas of the model, in each to
 * the batches that its pipeline has under way, in each of those to the copies of the attention, as
 * APEX does (arXiv 2411.17651); another dispatcher may choose among them. Each has its part of the
 * KV blocks. A batch goes through the stages one after the other, each as long as the cost model
 * says of one, and waits where a stage has another's: what APEX has as the largest of as many steps
 * in a row as there are stages. A stage's time has its sending in it. Engines whose attentions
 * share a feed-forward step together, as long as the slowest. Where APEX counts a first token as so
 * many stage times, and its clock as one, here all tokens and the clock are the pipeline's.
 *
 * Errors, cost, threads   as replay.h.
 */
#ifndef SIM_PLAN_REPLAY_H
#define SIM_PLAN_REPLAY_H

#include "sim/metrics.h"
#include "sim/plan.h"

struct plan_totals {
    double busy_ns; /* of every GPU of a replica, summed over replicas */
    uint64_t steps; /* of batches through all stages */
};

/* o: its engine is that of each of the plan's; of its fleet number and steps are set here. It stays
 * until the replay is freed. cost: of a stage. */
int plan_replay(struct replay *p, struct plan_totals *totals, const struct plan *plan,
                const struct trace_set *t, const struct cost *cost, struct replay_opts *o,
                struct err *e);

#endif
