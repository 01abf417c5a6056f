/* route_workload.c - HexGen's dispatcher for fleets of mixed machines: the replica with the largest
 *
 *   alpha t(0, s) / t(g, s) - (1 - alpha) W(g) / W(0)
 *
 * where t is how long a call of this stage takes there (budget.h), and W the time of the calls that
 * are there, with this one: the first term likes fast machines, the second idle ones. Replica 0 is
 * the yardstick.
 *
 * alpha is given, or found as calls come (ROUTE_TUNES): each window, by replays of the programs
 * that came in it (alpha.h).
 *
 * Source   Hexgen-Flow (arXiv 2505.05286). Its code adds to W and never takes away; the paper's
 *          meaning, and ours, is work that is outstanding. That W counts the call itself is ours,
 *          so that an idle yardstick is no division by 0.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/route.h"
#include "sim/alpha.h"

#define ALPHA_FIRST 0.4 /* until the first window has gone */
enum { WINDOWS = 4 };   /* that a tuning looks back */

struct workload {
    double alpha;
    double *work_s;   /* [replicas] */
    uint32_t *at;     /* [trace->n]: the replica that a call counts at; UINT32_MAX: none */
    int64_t tuned_ns; /* FLIGHT_NEVER: nothing has come yet */
    bool tunes;
};

static int begin(struct fleet *c, struct err *e)
{
    const struct route_opts *o = &c->o->route_opts;
    struct workload *w = c->route_state = mem_zero(1, sizeof *w, e);

    if (!w || !(w->work_s = mem_zero(c->n, sizeof *w->work_s, e)) ||
        !(w->at = mem_array(c->trace->n, sizeof *w->at, e)))
        return e->code;
    for (uint32_t i = 0; i < c->trace->n; i++)
        w->at[i] = UINT32_MAX;
    w->tunes = o->alpha == ROUTE_TUNES;
    w->alpha = w->tunes ? ALPHA_FIRST : o->alpha;
    w->tuned_ns = FLIGHT_NEVER;
    return 0;
}

static void end(struct fleet *c)
{
    struct workload *w = c->route_state;

    if (w) {
        free(w->work_s);
        free(w->at);
    }
    free(w);
}

/* When a window has gone: what would have been best lately is what comes next. */
static int tune(struct fleet *c, struct workload *w, struct err *e)
{
    int64_t window_ns = (int64_t)llround(1e9 * c->o->route_opts.window_s);

    if (w->tuned_ns == FLIGHT_NEVER)
        w->tuned_ns = c->began_ns;
    if (c->now - w->tuned_ns < window_ns)
        return 0;
    if (alpha_tune(c, c->now - WINDOWS * window_ns, &w->alpha, e) < 0)
        return e->code;
    w->tuned_ns = c->now;
    return 0;
}

static double score(const struct fleet *c, const struct workload *w, uint32_t i, uint32_t request)
{
    double first_s = budgets_time_s(&c->budgets, 0, request);
    double here_s = budgets_time_s(&c->budgets, i, request);

    return w->alpha * first_s / here_s -
           (1 - w->alpha) * (w->work_s[i] + here_s) / (w->work_s[0] + first_s);
}

/* It may come again, where its replica failed. */
static void ended(struct fleet *c, uint32_t request)
{
    struct workload *w = c->route_state;
    uint32_t at = w->at[request];

    if (at != UINT32_MAX)
        w->work_s[at] -= budgets_time_s(&c->budgets, at, request);
    w->at[request] = UINT32_MAX;
}

static int choose(struct fleet *c, uint32_t request, uint32_t *replica, struct err *e)
{
    struct workload *w = c->route_state;
    double best = -INFINITY;

    if (w->tunes && tune(c, w, e) < 0)
        return e->code;
    ended(c, request);
    *replica = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        double x = fleet_may(c, i, request) ? score(c, w, i, request) : -INFINITY;

        if (x > best) {
            best = x;
            *replica = i;
        }
    }
    w->at[request] = *replica;
    w->work_s[*replica] += budgets_time_s(&c->budgets, *replica, request);
    return 0;
}

static void moves(struct fleet *c, uint32_t request, uint32_t to)
{
    struct workload *w = c->route_state;

    ended(c, request);
    w->at[request] = to;
    w->work_s[to] += budgets_time_s(&c->budgets, to, request);
}

const struct route route_workload = {.name = "workload",
                                     .choose = choose,
                                     .ended = ended,
                                     .moves = moves,
                                     .budgets = true,
                                     .begin = begin,
                                     .end = end};
