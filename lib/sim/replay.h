/* replay.h - a trace through one or several replicas, each with a scheduler and a cost model: when
 * each request began, gave its first token, ended.
 *
 * Events at the same nanosecond: arrivals first, in the order of their numbers; then steps that
 * end, by replica, each with the requests that it stops; then what was due (fleet_due()); then
 * steps that begin. The result is the same bytes for the same input, always.
 *
 * Errors   ERR_USAGE where a batch is beyond the cost model, or requests wait that can never run.
 * Memory   about 80 bytes a request beside the trace.
 * Threads  a replay is one thread; several may share trace and cost model.
 */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include "base/progress_fn.h"
#include "sim/engine.h"
#include "sim/fleet.h"
#include "sim/programs.h"

struct replay_opts {
    struct engine_opts engine; /* with sched, of every replica, where fleet says of none */
    const struct sched *sched;
    struct fleet_opts fleet;
    uint32_t clients; /* 0: requests come at their times; else so many clients, each with its next
                         request, in the trace's order, when its last has ended */
    bool check;       /* assert the invariants after every step */
    /* Called at the end of each, before any of its requests leaves; NULL: nobody. */
    void (*step)(void *ctx, const struct replica *r);
    void *step_ctx;
    progress_fn *progress;
    void *progress_ctx;
};

struct replay {
    const struct trace_set *trace; /* with lengths as they came about */
    struct programs programs;
    struct flight *flight;
    int64_t *arrival_ns; /* NULL: the trace's; else as it came about */
    struct fleet fleet;
    struct gaps gaps, step_times;
    struct engine_totals total; /* of all replicas */
    int64_t end_ns;             /* of the last step */
    uint32_t rejected, stopped;
};

int replay_run(struct replay *p, const struct trace_set *t, const struct cost *cost,
               const struct replay_opts *o, struct err *e);
void replay_free(struct replay *p);
/* Of those that were rejected the one with the smallest number; there must be one. */
uint32_t replay_first_rejected(const struct replay *p);

static inline int64_t replay_arrival(const struct replay *p, uint32_t request)
{
    return p->arrival_ns ? p->arrival_ns[request] : p->trace->t_ns[request];
}

#endif
