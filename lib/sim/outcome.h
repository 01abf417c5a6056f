/* outcome.h - what becomes of a trace's requests on some machines: a replay (replay.h) for programs
 * that want its times, and need not know how it goes.
 *
 * Errors   as trace.h and cost.h; ERR_USAGE: no such scheduler, a number that cannot be.
 * Memory   40 bytes a request, which trace_outcome_free() gives back.
 * Threads  one; several may share a trace.
 */
#ifndef SIM_OUTCOME_H
#define SIM_OUTCOME_H

#include "sim/load.h"

/* A 0 or NULL is the default, which is that of trace-replay(1). */
struct trace_machine {
    const char *cost;        /* a table, a folder of tables, or "roofline"; needed */
    const char *model, *gpu; /* cards, for roofline, and for tables that do not name theirs */
    const char *sched;       /* a scheduler's name */
    uint32_t gpus;           /* roofline: that share the model */
    uint32_t step_tokens, step_requests; /* of a step, at most */
    uint32_t kv_blocks;                  /* the default: as many as memory holds */
    uint32_t replicas;                   /* such machines, to which requests go in turn */
};

/* Of a request, in the trace's order. */
struct trace_times {
    int64_t arrival_ns, start_ns, first_ns,
        last_ns;                      /* the last three -1 if it never gave a token */
    uint32_t hit_tokens, preemptions; /* of its prompt, found in the prefix cache */
};

struct trace_outcome {
    struct trace_times *request; /* [n] */
    uint32_t n;
    uint32_t rejected; /* requests that can never run there */
    uint64_t steps;
    int64_t end_ns; /* of the last of them */
};

int trace_outcome(struct trace_outcome *out, const struct trace_set *t,
                  const struct trace_machine *m, struct err *e);
void trace_outcome_free(struct trace_outcome *o); /* leaves {0}; fine on {0} */

#endif
