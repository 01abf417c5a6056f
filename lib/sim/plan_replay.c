/* plan_replay.c - see plan_replay.h. Of r replicas and s stages engine i is in pipeline i mod r,
 * and in gang i mod (r s): those that step together. */
#include "sim/plan_replay.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* A replica of the model: when each stage has nothing to do any more. */
struct pipeline {
    int64_t *free_ns; /* [stages] */
    double busy_ns;   /* of each stage */
};

struct run {
    const struct plan *plan;
    const struct cost *cost;
    struct pipeline *pipeline; /* [replicas] */
    int64_t *free_ns;          /* [replicas][stages] */
    uint32_t *ready;           /* [gangs]: those that may begin a step now */
    bool *is_ready;            /* [gangs] */
    uint32_t gangs, n_ready;
    uint64_t steps;
};

static int init(struct run *u, struct err *e)
{
    uint32_t replicas = u->plan->replicas, stages = u->plan->split.stages;

    u->gangs = replicas * stages;
    if (!(u->pipeline = mem_zero(replicas, sizeof *u->pipeline, e)) ||
        !(u->free_ns = mem_array(u->gangs, sizeof *u->free_ns, e)) ||
        !(u->ready = mem_array(u->gangs, sizeof *u->ready, e)) ||
        !(u->is_ready = mem_zero(u->gangs, sizeof *u->is_ready, e)))
        return e->code;
    for (uint32_t i = 0; i < u->gangs; i++)
        u->free_ns[i] = INT64_MIN;
    for (uint32_t i = 0; i < replicas; i++)
        u->pipeline[i].free_ns = &u->free_ns[i * stages];
    return 0;
}

static void release(struct run *u)
{
    free(u->pipeline);
    free(u->free_ns);
    free(u->ready);
    free(u->is_ready);
}

/* ---- a step ---- */

/* When a batch that is ready has gone through all stages, `ns` in each. */
static int64_t pass(struct pipeline *p, uint32_t stages, int64_t now, int64_t ns)
{
    for (uint32_t s = 0; s < stages; s++)
        now = p->free_ns[s] = ns + (now > p->free_ns[s] ? now : p->free_ns[s]);
    p->busy_ns += (double)ns;
    return now;
}

/* How long the step of an engine is, as others share its feed-forward's. */
static int together_ns(const struct run *u, const struct replica *r, uint32_t tokens, int64_t *ns,
                       struct err *e)
{
    struct cost_shape s = r->shape;
    double alone, all;

    if (cost_us(u->cost, &s, &alone, NULL, e) < 0)
        return e->code;
    s.stage_tokens = tokens;
    if (cost_us(u->cost, &s, &all, NULL, e) < 0)
        return e->code;
    *ns = r->end_ns - r->now + (int64_t)llround(1e3 * (all - alone));
    return 0;
}

static struct replica *member(const struct run *u, struct fleet *c, uint32_t gang, uint32_t i)
{
    return &c->replica[gang + i * u->gangs];
}

/* A stage's time for all of the gang that have begun. */
static int stage_ns(const struct run *u, struct fleet *c, uint32_t gang, int64_t *ns, struct err *e)
{
    uint32_t n = u->plan->split.attn_copies, tokens = 0;

    *ns = 0;
    for (uint32_t i = 0; i < n; i++)
        tokens += member(u, c, gang, i)->busy ? member(u, c, gang, i)->shape.tokens : 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct replica *r = member(u, c, gang, i);
        int64_t own = r->busy ? r->end_ns - r->now : 0;

        if (r->busy && n > 1 && together_ns(u, r, tokens, &own, e) < 0)
            return e->code;
        *ns = own > *ns ? own : *ns;
    }
    return 0;
}

/* All that have begun end together, behind all stages. */
static int end_together(struct run *u, struct fleet *c, uint32_t gang, struct err *e)
{
    int64_t ns, end_ns;

    if (stage_ns(u, c, gang, &ns, e) < 0)
        return e->code;
    end_ns = pass(&u->pipeline[gang % u->plan->replicas], u->plan->split.stages, c->now, ns);
    u->steps++;
    for (uint32_t i = 0; i < u->plan->split.attn_copies; i++) {
        struct replica *r = member(u, c, gang, i);

        if (!r->busy)
            continue;
        r->end_ns = end_ns;
        if (events_push(&c->steps, (struct event){.t_ns = end_ns, .order = r->number}, e) < 0)
            return e->code;
    }
    return 0;
}

static int start(struct run *u, struct fleet *c, uint32_t gang, struct err *e)
{
    uint32_t n = u->plan->split.attn_copies;
    bool any = false;

    for (uint32_t i = 0; i < n; i++)
        if (member(u, c, gang, i)->busy)
            return 0;
    for (uint32_t i = 0; i < n; i++) {
        struct replica *r = member(u, c, gang, i);
        int begun;

        r->now = c->now;
        if ((begun = replica_step(r, e)) < 0)
            return begun;
        any = any || begun > 0;
    }
    return any ? end_together(u, c, gang, e) : 0;
}

/* Who has just got a request comes to the first stage before who has just ended. */
static int begin_steps(void *ctx, struct fleet *c, struct err *e)
{
    struct run *u = ctx;

    u->n_ready = 0;
    for (uint32_t k = 0; k < c->n_touched; k++) {
        uint32_t gang = c->touched[k] % u->gangs;

        c->is_touched[c->touched[k]] = false;
        if (!u->is_ready[gang])
            u->ready[u->n_ready++] = gang;
        u->is_ready[gang] = true;
    }
    c->n_touched = 0;
    for (uint32_t k = 0; k < u->n_ready; k++) {
        u->is_ready[u->ready[k]] = false;
        if (start(u, c, u->ready[k], e) < 0)
            return e->code;
    }
    return 0;
}

int plan_replay(struct replay *p, struct plan_totals *totals, const struct plan *plan,
                const struct trace_set *t, const struct cost *cost, struct replay_opts *o,
                struct err *e)
{
    struct run u = {.plan = plan, .cost = cost};
    int rc = init(&u, e);

    *p = (struct replay){.trace = t};
    o->fleet.n = plan_engines(plan);
    o->fleet.begin_steps = begin_steps;
    o->fleet.begin_ctx = &u;
    if (rc == 0)
        rc = replay_run(p, t, cost, o, e);
    *totals = (struct plan_totals){.steps = u.steps};
    for (uint32_t i = 0; rc == 0 && i < plan->replicas; i++)
        totals->busy_ns += u.pipeline[i].busy_ns;
    release(&u);
    return rc;
}
