/* plan_search.c - see plan_search.h. */
#include "sim/plan_search.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/plan_replay.h"

const char *const plan_fit_names[PLAN_FITS_N] = {"fits", "parameters", "kv", "table", "objective"};

/* ---- does it fit? ---- */

/* Blocks that an engine needs to run each request that is not too long: of the longest with all its
 * tokens but the last, and of the longest prompt beside the watermark. */
static uint64_t blocks_needed(const struct setup *s, const struct trace_set *t, uint32_t blocks)
{
    uint64_t longest = 1, prompt = 1, block = s->block, beside;

    for (uint32_t i = 0; i < t->n; i++) {
        uint64_t length = (uint64_t)t->prompt[i] + t->output[i];

        if (setup_max_length(s) && length > setup_max_length(s))
            continue;
        longest = length > longest ? length : longest;
        prompt = t->prompt[i] > prompt ? t->prompt[i] : prompt;
    }
    longest -= !s->replay.sched->reserves;
    longest = (longest + block - 1) / block;
    beside = (prompt + block - 1) / block;
    if (!s->replay.sched->groups) /* replica_can_run() */
        beside += (uint64_t)(s->replay.engine.watermark * blocks);
    return longest > beside ? longest : beside;
}

/* A batch under way has its share of a stage's memory. */
static int find_room(struct plan_try *p, struct setup *s, bool given, const struct trace_set *t,
                     struct err *e)
{
    struct cost_memory m;
    uint32_t blocks = (uint32_t)s->kv_blocks;
    double room = (p->cluster->gpu.memory_gib * s->utilization - s->reserve_gib) * 0x1p30;

    cost_memory(s->cost, &m);
    if (!given) {
        if (m.parameter_bytes > room) {
            p->fit = PLAN_PARAMETERS;
            return 0;
        }
        if (setup_blocks(s, &blocks, e) < 0) {
            /* A table that does not say how large the model is was never asked for room. */
            if (!(m.parameter_bytes > 0 && m.kv_bytes > 0))
                return e->code;
            *e = (struct err){0};
            blocks = 0;
        }
        blocks /= p->plan.split.stages;
    }
    p->kv_blocks = s->replay.engine.kv_blocks = blocks;
    p->fit = blocks_needed(s, t, blocks) > blocks ? PLAN_KV : PLAN_FITS;
    return 0;
}

/* Opens its cost model, if it has one, and looks whether there is room. */
static int prepare(struct plan_try *p, struct setup *s, const struct plan_task *task, struct err *e)
{
    bool given = task->setup->kv_blocks != SETUP_NONE;

    *s = *task->setup;
    p->fit = PLAN_TABLE;
    if (!p->table)
        return 0;
    s->table = p->table;
    s->sched = p->sched;
    s->cost_opts.gpu = p->cluster->card;
    s->cost_opts.split = &p->plan.split;
    s->kv_blocks = given ? s->kv_blocks : 1;
    if (setup_open(s, e) < 0)
        return e->code;
    return find_room(p, s, given, task->trace, e);
}

/* ---- a replay ---- */

static void watch(void *ctx, const struct replica *r)
{
    ema_step(ctx, r);
}

static void price(struct plan_try *p, const struct plan_totals *totals)
{
    const struct gpu_card *g = &p->cluster->gpu;
    double gpus = plan_gpus(&p->plan), seconds = 1e-9 * (double)p->summary.span_ns;
    double busy_s = 1e-9 * totals->busy_ns * gpus / p->plan.replicas;

    p->busy_share = seconds > 0 ? busy_s / (gpus * seconds) : 0;
    p->step_ns = totals->steps > 0 ? totals->busy_ns / (double)totals->steps : 0;
    p->energy_j = g->idle_w * gpus * seconds + (g->busy_w - g->idle_w) * busy_s;
    p->hour_price = gpus * g->hour_price;
    p->price = p->hour_price * seconds / 3600;
}

static int replay_once(struct plan_try *p, const struct setup *s, const struct plan_task *task,
                       const struct trace_set *t, struct err *e)
{
    struct replay_opts o = s->replay;
    struct slo slo = task->slo;
    struct plan_totals totals = {0};
    struct replay r = {.trace = NULL};
    struct ema ema = {.v = NULL};
    int rc = 0;

    o.fleet = task->fleet;
    if (slo.ema_rate > 0) {
        rc = ema_init(&ema, 1e9 / slo.ema_rate, t->n, e);
        slo.ema = &ema;
        o.step = watch;
        o.step_ctx = &ema;
    }
    if (rc == 0)
        rc = plan_replay(&r, &totals, &p->plan, t, s->cost, &o, e);
    if (rc == 0)
        rc = summarize(&p->summary, &r, &slo, e);
    if (rc == 0)
        price(p, &totals);
    replay_free(&r);
    ema_free(&ema);
    return rc;
}

/* ---- how many replicas ---- */

static bool is_met(const struct plan_try *p, const struct plan_task *task)
{
    return (double)p->summary.good >= task->good_share * (double)p->summary.requests;
}

/* Requests of the trace that come one by one, which no number of replicas does better with. */
static int try_alone(struct plan_try *p, const struct setup *s, const struct plan_task *task,
                     struct err *e)
{
    struct trace_set t = *task->trace;

    if (!(t.t_ns = mem_array(t.n, sizeof *t.t_ns, e)))
        return e->code;
    for (uint32_t i = 0; i < t.n; i++)
        t.t_ns[i] = (int64_t)(0x1p61 / t.n * i);
    p->plan.replicas = 1;
    if (replay_once(p, s, task, &t, e) == 0 && !is_met(p, task)) {
        p->fit = PLAN_OBJECTIVE;
        p->summary = (struct summary){0};
        p->price = p->energy_j = p->busy_share = 0;
    }
    free(t.t_ns);
    return e->code;
}

/* 1 if so many meet the objective, 0 if not. */
static int meets(struct plan_try *p, uint32_t replicas, const struct setup *s,
                 const struct plan_task *task, struct err *e)
{
    p->plan.replicas = replicas;
    if (replay_once(p, s, task, task->trace, e) < 0)
        return e->code;
    return is_met(p, task);
}

/* Twice as many until it is met, then halves of what lies between. */
static int size_up(struct plan_try *p, const struct setup *s, const struct plan_task *task,
                   struct err *e)
{
    uint32_t good = 1, bad = 0, most = FLEET_MOST / plan_engines(&p->plan);
    struct plan_try best;
    int rc = try_alone(p, s, task, e);

    if (rc < 0 || p->fit != PLAN_FITS)
        return rc;
    most = most < task->most ? most : task->most;
    while ((rc = meets(p, good, s, task, e)) == 0 && good < most) {
        bad = good;
        good = 2 * good < most ? 2 * good : most;
    }
    p->met = rc > 0;
    best = *p;
    while (rc >= 0 && p->met && good - bad > 1) {
        uint32_t mid = bad + (good - bad) / 2;

        rc = meets(p, mid, s, task, e);
        if (rc > 0) {
            good = mid;
            best = *p;
        } else
            bad = mid;
    }
    *p = best;
    return rc < 0 ? rc : 0;
}

/* ---- all ---- */

static void try_one(struct plan_try *p, const struct plan_task *task)
{
    struct setup s;

    if (prepare(p, &s, task, &p->err) == 0 && p->fit == PLAN_FITS) {
        if (task->good_share > 0)
            size_up(p, &s, task, &p->err);
        else
            replay_once(p, &s, task, task->trace, &p->err);
    }
    setup_close(&s);
}

int plan_search(struct plan_try *v, size_t n, const struct plan_task *task, struct err *e)
{
    size_t done = 0;

#pragma omp parallel for schedule(dynamic) num_threads(task->threads)
    for (size_t i = 0; i < n; i++) {
        try_one(&v[i], task);
        if (!task->progress)
            continue;
#pragma omp critical
        task->progress(task->progress_ctx, "replaying", ++done, n);
    }
    for (size_t i = 0; i < n; i++)
        if (v[i].err.code) {
            char name[PLAN_NAME];

            *e = v[i].err;
            return err_prefix(e, "%s: %s", v[i].cluster->name, plan_name(&v[i].plan, name));
        }
    return 0;
}

/* ---- ranking ---- */

double plan_value(const struct plan_try *p, enum plan_goal goal)
{
    const struct summary *s = &p->summary;

    switch (goal) {
    case PLAN_LATENCY:
        return 1e-9 * s->metric[METRIC_E2E].mean;
    case PLAN_COST:
        return p->price;
    case PLAN_ENERGY:
        return p->energy_j;
    case PLAN_SLO:
        return s->requests ? 1 - (double)s->good / (double)s->requests : 0;
    case PLAN_HOUR:
        return p->hour_price;
    default:
        return 1e-9 * (double)s->span_ns;
    }
}

struct place {
    double class, value, time;
    uint32_t i;
};

static int three_way(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int c = three_way(x->class, y->class);

    c = c ? c : three_way(x->value, y->value);
    c = c ? c : three_way(x->time, y->time);
    return c ? c : (x->i > y->i) - (x->i < y->i);
}

int plan_rank(uint32_t *order, size_t *ranked, const struct plan_try *v, size_t n,
              enum plan_goal goal, struct err *e)
{
    struct place *at = mem_array(n, sizeof *at, e);

    if (!at)
        return e->code;
    *ranked = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool fits = v[i].fit == PLAN_FITS;

        *ranked += fits;
        at[i] = (struct place){.class = fits ? goal == PLAN_HOUR && !v[i].met : 2, .i = i};
        if (fits) {
            at[i].value = plan_value(&v[i], goal);
            at[i].time = plan_value(&v[i], PLAN_TIME);
        }
    }
    qsort(at, n, sizeof *at, by_place);
    for (size_t i = 0; i < n; i++)
        order[i] = at[i].i;
    free(at);
    return 0;
}
