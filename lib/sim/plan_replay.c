/* plan_replay.c - see plan_replay.h. */
#include "sim/plan_replay.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/check.h"

/* A replica of the model: when each stage has nothing to do any more. */
struct pipeline {
    int64_t *free_ns; /* [stages] */
    double busy_ns;   /* of each stage */
};

/* Engines that step together. */
struct gang {
    struct replica *engine; /* [attn_copies] */
    struct pipeline *pipeline;
    int64_t end_ns; /* of the step under way */
    bool busy;
    bool listed; /* in run.ready */
};

struct run {
    struct replay *p;
    const struct plan *plan;
    const struct cost *cost;
    const struct replay_opts *o;
    struct replica *engine;    /* [engines] */
    struct pipeline *pipeline; /* [replicas] */
    int64_t *free_ns;          /* [replicas][stages] */
    struct gang *gang;         /* [gangs] */
    uint32_t *heap;            /* [gangs]: those that are busy, the first to end on top */
    uint32_t *ready;           /* [gangs]: those that may begin a step now */
    uint32_t engines, gangs, n_heap, n_ready;
    uint32_t next; /* of the trace, to arrive */
    uint64_t steps;
    struct err *e;
};

static const int64_t never = INT64_MAX;

/* ---- making ---- */

static int init_engines(struct run *u)
{
    for (uint32_t i = 0; i < u->engines; i++) {
        u->engine[i] = (struct replica){.sched = u->o->sched,
                                        .cost = u->cost,
                                        .trace = u->p->trace,
                                        .flight = u->p->flight,
                                        .gaps = &u->p->gaps};
        if (replica_init(&u->engine[i], &u->o->engine, u->e) < 0)
            return u->e->code;
    }
    return 0;
}

static int init(struct run *u)
{
    const struct cost_split *s = &u->plan->split;
    uint32_t replicas = u->plan->replicas, n = u->p->trace->n;

    u->engines = plan_engines(u->plan);
    u->gangs = replicas * s->stages;
    if (!(u->p->flight = mem_zero(n, sizeof *u->p->flight, u->e)) ||
        !(u->engine = mem_zero(u->engines, sizeof *u->engine, u->e)) ||
        !(u->pipeline = mem_zero(replicas, sizeof *u->pipeline, u->e)) ||
        !(u->free_ns = mem_array(u->gangs, sizeof *u->free_ns, u->e)) ||
        !(u->gang = mem_zero(u->gangs, sizeof *u->gang, u->e)) ||
        !(u->heap = mem_array(u->gangs, sizeof *u->heap, u->e)) ||
        !(u->ready = mem_array(u->gangs, sizeof *u->ready, u->e)))
        return u->e->code;
    for (uint32_t i = 0; i < n; i++) {
        struct flight *f = &u->p->flight[i];

        f->start_ns = f->first_ns = f->last_ns = FLIGHT_NEVER;
    }
    for (uint32_t i = 0; i < u->gangs; i++) {
        u->free_ns[i] = INT64_MIN;
        u->gang[i].engine = &u->engine[i * s->attn_copies];
        u->gang[i].pipeline = &u->pipeline[i / s->stages];
        u->gang[i].pipeline->free_ns = &u->free_ns[i / s->stages * s->stages];
    }
    return init_engines(u);
}

static void release(struct run *u)
{
    for (uint32_t i = 0; u->engine && i < u->engines; i++)
        replica_free(&u->engine[i]);
    free(u->engine);
    free(u->pipeline);
    free(u->free_ns);
    free(u->gang);
    free(u->heap);
    free(u->ready);
}

/* ---- which gang ends first ---- */

static bool before(const struct run *u, uint32_t a, uint32_t b)
{
    int64_t x = u->gang[a].end_ns, y = u->gang[b].end_ns;

    return x != y ? x < y : a < b;
}

static void push(struct run *u, uint32_t gang)
{
    uint32_t i = u->n_heap++;

    for (; i > 0 && before(u, gang, u->heap[(i - 1) / 2]); i = (i - 1) / 2)
        u->heap[i] = u->heap[(i - 1) / 2];
    u->heap[i] = gang;
}

static uint32_t pop(struct run *u)
{
    uint32_t top = u->heap[0], last = u->heap[--u->n_heap], i = 0;

    for (;;) {
        uint32_t child = 2 * i + 1;

        child += child + 1 < u->n_heap && before(u, u->heap[child + 1], u->heap[child]);
        if (child >= u->n_heap || !before(u, u->heap[child], last))
            break;
        u->heap[i] = u->heap[child];
        i = child;
    }
    u->heap[i] = last;
    return top;
}

static void list(struct run *u, uint32_t gang)
{
    if (!u->gang[gang].listed)
        u->ready[u->n_ready++] = gang;
    u->gang[gang].listed = true;
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

/* How much longer the step of an engine is, as others share its feed-forward's. */
static int together_ns(const struct run *u, const struct replica *r, uint32_t tokens, int64_t *ns)
{
    struct cost_shape s = r->shape;
    double alone, all;

    if (cost_us(u->cost, &s, &alone, NULL, u->e) < 0)
        return u->e->code;
    s.stage_tokens = tokens;
    if (cost_us(u->cost, &s, &all, NULL, u->e) < 0)
        return u->e->code;
    *ns = r->end_ns - r->now + (int64_t)llround(1e3 * (all - alone));
    return 0;
}

/* A stage's time for all of the gang. */
static int stage_ns(const struct run *u, const struct gang *g, int64_t *ns)
{
    uint32_t n = u->plan->split.attn_copies, tokens = 0;

    *ns = 0;
    for (uint32_t i = 0; i < n; i++)
        tokens += g->engine[i].busy ? g->engine[i].shape.tokens : 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct replica *r = &g->engine[i];
        int64_t own = r->busy ? r->end_ns - r->now : 0;

        if (r->busy && n > 1 && together_ns(u, r, tokens, &own) < 0)
            return u->e->code;
        *ns = own > *ns ? own : *ns;
    }
    return 0;
}

static int start(struct run *u, uint32_t i, int64_t now)
{
    struct gang *g = &u->gang[i];
    uint32_t n = u->plan->split.attn_copies;
    bool busy = false;
    int64_t ns;

    for (uint32_t k = 0; k < n; k++) {
        int rc;

        g->engine[k].now = now;
        if ((rc = replica_step(&g->engine[k], u->e)) < 0)
            return rc;
        busy = busy || rc > 0;
    }
    if (!busy)
        return 0;
    if (stage_ns(u, g, &ns) < 0)
        return u->e->code;
    g->end_ns = pass(g->pipeline, u->plan->split.stages, now, ns);
    for (uint32_t k = 0; k < n; k++)
        if (g->engine[k].busy)
            g->engine[k].end_ns = g->end_ns;
    g->busy = true;
    push(u, i);
    u->steps++;
    return 0;
}

static int finish(struct run *u, struct gang *g)
{
    for (uint32_t k = 0; k < u->plan->split.attn_copies; k++) {
        struct replica *r = &g->engine[k];
        const char *wrong;

        if (!r->busy)
            continue;
        r->now = g->end_ns;
        if (u->o->step)
            u->o->step(u->o->step_ctx, r);
        if (replica_finish(r, NULL, NULL, u->e) < 0)
            return u->e->code;
        if (u->o->check && (wrong = replica_wrong(r)))
            return err_set(u->e, ERR_CORRUPT, "step %llu: %s", (unsigned long long)u->steps, wrong);
    }
    u->p->end_ns = g->end_ns;
    g->busy = false;
    return 0;
}

/* ---- the loop ---- */

/* Which engine has the request: they follow each other replica by replica, in each batch by batch.
 */
static uint32_t engine_of(const struct plan *p, uint32_t request)
{
    uint32_t turn = request / p->replicas, stages = p->split.stages;

    return (request % p->replicas * stages + turn % stages) * p->split.attn_copies +
           turn / stages % p->split.attn_copies;
}

static int arrive(struct run *u, int64_t now)
{
    const struct trace_set *t = u->p->trace;

    for (; u->next < t->n && t->t_ns[u->next] == now; u->next++) {
        uint32_t i = engine_of(u->plan, u->next);

        u->engine[i].now = now;
        if (replica_arrive(&u->engine[i], u->next, u->e) < 0)
            return u->e->code;
        u->p->rejected += u->p->flight[u->next].status == FLIGHT_REJECTED;
        list(u, i / u->plan->split.attn_copies);
    }
    return 0;
}

static int over(const struct run *u)
{
    for (uint32_t i = 0; i < u->engines; i++)
        if (u->engine[i].waiting.n > 0)
            return err_set(u->e, ERR_USAGE,
                           "a request of %u tokens waits and can never run: it does not fit into a "
                           "step of %u tokens, or not into %u KV blocks",
                           u->p->flight[deque_front(&u->engine[i].waiting)].need,
                           u->o->engine.most_tokens, u->o->engine.kv_blocks);
    return 0;
}

/* One moment: 1, or 0 when all is over. Who ends comes to the first stage behind who has just got
 * a request. */
static int moment(struct run *u)
{
    const struct trace_set *t = u->p->trace;
    int64_t now = u->next < t->n ? t->t_ns[u->next] : never;

    if (u->n_heap > 0 && u->gang[u->heap[0]].end_ns < now)
        now = u->gang[u->heap[0]].end_ns;
    if (now == never)
        return over(u);
    u->n_ready = 0;
    if (arrive(u, now) < 0)
        return u->e->code;
    while (u->n_heap > 0 && u->gang[u->heap[0]].end_ns == now) {
        uint32_t i = pop(u);

        if (finish(u, &u->gang[i]) < 0)
            return u->e->code;
        list(u, i);
    }
    for (uint32_t i = 0; i < u->n_ready; i++) {
        struct gang *g = &u->gang[u->ready[i]];

        g->listed = false;
        if (!g->busy && start(u, u->ready[i], now) < 0)
            return u->e->code;
    }
    return 1;
}

static void add_up(struct run *u, struct plan_totals *totals)
{
    struct replica *sum = &u->p->replica;

    for (uint32_t i = 0; i < u->engines; i++) {
        sum->preemptions += u->engine[i].preemptions;
        sum->tokens += u->engine[i].tokens;
        sum->hit_tokens += u->engine[i].hit_tokens;
        sum->asked_tokens += u->engine[i].asked_tokens;
    }
    sum->steps = u->steps;
    *totals = (struct plan_totals){.steps = u->steps};
    for (uint32_t i = 0; i < u->plan->replicas; i++)
        totals->busy_ns += u->pipeline[i].busy_ns;
}

int plan_replay(struct replay *p, struct plan_totals *totals, const struct plan *plan,
                const struct trace_set *t, const struct cost *cost, const struct replay_opts *o,
                struct err *e)
{
    struct run u = {.p = p, .plan = plan, .cost = cost, .o = o, .e = e};
    int rc;

    *p = (struct replay){.trace = t};
    if (t->after_end)
        return err_set(e, ERR_USAGE,
                       "requests that wait for others are not dealt out over a plan's engines");
    rc = init(&u);
    if (rc == 0)
        do
            rc = moment(&u);
        while (rc > 0);
    if (rc == 0)
        add_up(&u, totals);
    release(&u);
    return rc < 0 ? rc : gaps_sort(&p->gaps, e);
}
