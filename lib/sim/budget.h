/* budget.h - what programs of several calls have time for. A program is a session; a call's kind of
 * work is its category (a stage: "revise", say); it has an objective, seconds from its first call's
 * arrival to its last token, of which each call gets a share.
 *
 *   t(g, s)   seconds that a call of stage s takes on replica g alone: the cost model's, of a
 *             prompt and an output as long as those of the stage are on average in the trace
 *   t(s)      its mean over the replicas
 *   rest      of a call: t of its stage and of the longest chain of calls that wait for it
 *   budget    of a call: (objective - time spent since the program came) t(s) / rest
 *
 * so that calls of a stage which run side by side share its budget. The objective is given, or
 * `scale` times the program's longest chain.
 *
 * Source   Hexgen-Flow (arXiv 2505.05286), where t comes from a table of measured stages.
 * Memory   8 bytes a request, 16 a session.
 */
#ifndef SIM_BUDGET_H
#define SIM_BUDGET_H

#include "sim/engine.h"

struct budgets { /* {0}: none */
    const struct trace_set *trace;
    uint32_t stages;  /* categories, and one for calls of none */
    double *time_s;   /* [replicas][stages] */
    double *mean_s;   /* [stages] */
    float *rest_s;    /* [trace->n] */
    double objective; /* seconds that were given; 0: none were */
    double scale;
    double *objective_s; /* [sessions] */
    int64_t *came_ns;    /* [sessions]: of the first call; INT64_MAX: none yet */
    int64_t *start_by; /* [trace->n]: when it should begin, at the latest; where calls have come */
};

/* objective_s 0: `scale` times the longest chain. */
int budgets_init(struct budgets *b, const struct trace_set *t, const struct replica *replica,
                 uint32_t replicas, double objective_s, double scale, struct err *e);
void budgets_free(struct budgets *b);

static inline uint32_t budgets_stage(const struct budgets *b, uint32_t request)
{
    const uint32_t *c = b->trace->category;

    return c && c[request] < b->stages - 1 ? c[request] : b->stages - 1;
}
/* t(g, s) of a call. */
static inline double budgets_time_s(const struct budgets *b, uint32_t replica, uint32_t request)
{
    return b->time_s[(size_t)replica * b->stages + budgets_stage(b, request)];
}
/* A call comes to a replica: from now on it should begin by b->start_by. */
void budgets_arrive(struct budgets *b, uint32_t replica, uint32_t request, int64_t now);
/* Of its program; of a call of none its own. */
double budgets_objective_s(const struct budgets *b, uint32_t request);

#endif
