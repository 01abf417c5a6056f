/* alpha.c - see alpha.h. */
#include "sim/alpha.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/metrics.h"
#include "sim/pick.h"
#include "sim/replay.h"

enum { STEPS = 11 };

/* A tail of a few hundred programs varies by about as much as that from one draw to the next: less
 * is no reason to change. */
#define WORTH 0.95

/* Calls that are over of programs that came since then; one of no program is a program itself. */
static bool *known_since(const struct fleet *c, int64_t from_ns, struct err *e)
{
    const struct trace_set *t = c->trace;
    bool *keep = mem_zero(t->n, sizeof *keep, e);

    for (uint32_t i = 0; keep && i < t->n; i++) {
        uint32_t s = t->session ? t->session[i] : UINT32_MAX;
        int64_t came = s != UINT32_MAX ? c->budgets.came_ns[s] : c->flight[i].came_ns;

        keep[i] = flight_gave(&c->flight[i]) && came >= from_ns;
    }
    return keep;
}

/* As a trace, with the times at which they came: it is not always the trace's that count. */
static int pick_known(struct trace_set *out, const struct fleet *c, int64_t from_ns, struct err *e)
{
    bool *keep = known_since(c, from_ns, e);
    int rc = keep ? trace_pick(out, c->trace, keep, e) : e->code;
    uint32_t n = 0;

    for (uint32_t i = 0; rc == 0 && !out->after_end && i < c->trace->n; i++)
        if (keep[i])
            out->t_ns[n++] = c->flight[i].came_ns;
    free(keep);
    return rc;
}

/* What programs come to under an alpha. */
static int try_alpha(const struct fleet *c, const struct trace_set *t, double alpha,
                     struct summary *got, struct err *e)
{
    struct replay_opts o = {.engine = *c->usual.engine, .sched = c->usual.sched, .fleet = *c->o};
    struct slo none = {0};
    struct replay p = {.trace = NULL};
    int rc;

    o.fleet.route_opts.alpha = alpha;
    o.fleet.programs = true;
    /* Failures are not foreseen, and these replays are nobody's to see. */
    o.fleet.failures = 0;
    o.fleet.scale = NULL;
    o.fleet.mark = NULL;
    rc = replay_run(&p, t, c->usual.cost, &o, e);
    if (rc == 0)
        rc = summarize(got, &p, &none, e);
    replay_free(&p);
    return rc;
}

/* 95 % of the programs take no more than so many times their objective. */
static int tail_of(const struct fleet *c, const struct trace_set *t, double alpha, double *tail,
                   struct err *e)
{
    struct summary got;

    if (try_alpha(c, t, alpha, &got, e) < 0)
        return e->code;
    *tail = got.program.n > 0 ? got.program.point[METRIC_P95] : INFINITY;
    return 0;
}

static int search(const struct fleet *c, const struct trace_set *t, double *alpha, struct err *e)
{
    double now, least = INFINITY, best = *alpha;
    int rc = tail_of(c, t, *alpha, &now, e);

    for (int i = 0; rc == 0 && i < STEPS; i++) {
        double tail;

        rc = tail_of(c, t, 0.05 * i, &tail, e);
        if (rc == 0 && tail < least) {
            least = tail;
            best = 0.05 * i;
        }
    }
    if (rc == 0 && least < WORTH * now)
        *alpha = best;
    return rc;
}

int alpha_tune(const struct fleet *c, int64_t from_ns, double *alpha, struct err *e)
{
    struct trace_set t;
    int rc = pick_known(&t, c, from_ns, e);

    if (rc < 0)
        return rc;
    rc = t.n > 0 ? search(c, &t, alpha, e) : 0;
    trace_set_free(&t);
    return rc;
}
