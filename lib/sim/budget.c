/* budget.c - see budget.h. */
#include "sim/budget.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/sched.h"

#define START_MOST 0x1p61 /* differences of two have room */

/* ---- times ---- */

/* What the calls of a stage are like. */
struct usual {
    double n, prompt, output;
};

static void count_stages(const struct budgets *b, struct usual *u)
{
    for (uint32_t i = 0; i < b->trace->n; i++) {
        struct usual *s = &u[budgets_stage(b, i)];

        s->n++;
        s->prompt += b->trace->prompt[i];
        s->output += b->trace->output[i];
    }
}

/* The prompt, then a token a step, each taken to last as long as the one in the middle. */
static int call_s(const struct replica *r, const struct usual *u, double *s, struct err *e)
{
    uint32_t prompt = (uint32_t)(u->prompt / u->n);
    uint32_t context = (uint32_t)((u->prompt + u->output / 2) / u->n) + 1;
    struct cost_shape step = {
        .decodes = 1, .tokens = 1, .kv_sum = context, .kv_max = context, .kv_min = context};
    double prompt_us, us;

    if (sched_prefill_us(r, 0, prompt > 0 ? prompt : 1, &prompt_us, e) < 0 ||
        cost_us(r->cost, &step, &us, NULL, e) < 0)
        return e->code;
    us = replica_slower(r) * us + r->o->step_overhead_us;
    *s = 1e-6 * (prompt_us + us * (u->output / u->n - 1));
    return 0;
}

static bool same_kind(const struct replica *a, const struct replica *b)
{
    return a->o == b->o && a->cost == b->cost;
}

static int time_stages(struct budgets *b, const struct replica *replica, uint32_t n,
                       const struct usual *u, struct err *e)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t s = 0; s < b->stages; s++) {
            double *to = &b->time_s[(size_t)i * b->stages + s];

            if (u[s].n == 0)
                continue;
            if (i > 0 && same_kind(&replica[i], &replica[i - 1]))
                *to = to[-(ptrdiff_t)b->stages];
            else if (call_s(&replica[i], &u[s], to, e) < 0)
                return e->code;
            b->mean_s[s] += *to / n;
        }
    return 0;
}

/* ---- programs ---- */

static uint32_t session_of(const struct budgets *b, uint32_t request)
{
    return b->trace->session ? b->trace->session[request] : UINT32_MAX;
}

/* Calls wait for those above only: from the last to the first. */
static void add_rests(struct budgets *b)
{
    const struct trace_set *t = b->trace;

    for (uint32_t i = t->n; i-- > 0;) {
        uint32_t n;
        const uint32_t *after = trace_set_after(t, i, &n);

        b->rest_s[i] += (float)b->mean_s[budgets_stage(b, i)];
        for (uint32_t k = 0; k < n; k++)
            b->rest_s[after[k]] = fmaxf(b->rest_s[after[k]], b->rest_s[i]);
    }
}

static void set_objectives(struct budgets *b)
{
    for (uint32_t s = 0; s < b->trace->sessions; s++) {
        b->objective_s[s] = b->objective;
        b->came_ns[s] = INT64_MAX;
    }
    for (uint32_t i = 0; b->objective == 0 && i < b->trace->n; i++) {
        uint32_t s = session_of(b, i);

        if (s != UINT32_MAX)
            b->objective_s[s] = fmax(b->objective_s[s], b->scale * b->rest_s[i]);
    }
}

static int allocate(struct budgets *b, uint32_t replicas, struct err *e)
{
    const struct trace_set *t = b->trace;

    b->time_s = mem_zero((size_t)replicas * b->stages, sizeof *b->time_s, e);
    b->mean_s = mem_zero(b->stages, sizeof *b->mean_s, e);
    b->rest_s = mem_zero(t->n, sizeof *b->rest_s, e);
    b->objective_s = mem_array(t->sessions, sizeof *b->objective_s, e);
    b->came_ns = mem_array(t->sessions, sizeof *b->came_ns, e);
    b->start_by = mem_zero(t->n, sizeof *b->start_by, e);
    return b->time_s && b->mean_s && b->rest_s && b->objective_s && b->came_ns && b->start_by
               ? 0
               : e->code;
}

int budgets_init(struct budgets *b, const struct trace_set *t, const struct replica *replica,
                 uint32_t replicas, double objective_s, double scale, struct err *e)
{
    struct usual *u;
    int rc;

    *b = (struct budgets){
        .trace = t, .stages = t->categories + 1, .objective = objective_s, .scale = scale};
    if (!(u = mem_zero(b->stages, sizeof *u, e)))
        return e->code;
    rc = allocate(b, replicas, e);
    if (rc == 0) {
        count_stages(b, u);
        rc = time_stages(b, replica, replicas, u, e);
    }
    free(u);
    if (rc < 0)
        return rc;
    add_rests(b);
    set_objectives(b);
    return 0;
}

void budgets_free(struct budgets *b)
{
    free(b->time_s);
    free(b->mean_s);
    free(b->rest_s);
    free(b->objective_s);
    free(b->came_ns);
    free(b->start_by);
    *b = (struct budgets){0};
}

double budgets_objective_s(const struct budgets *b, uint32_t request)
{
    uint32_t s = session_of(b, request);

    if (b->objective > 0)
        return b->objective;
    return s != UINT32_MAX ? b->objective_s[s] : b->scale * b->rest_s[request];
}

void budgets_arrive(struct budgets *b, uint32_t replica, uint32_t request, int64_t now)
{
    uint32_t s = session_of(b, request);
    double share = b->mean_s[budgets_stage(b, request)] / b->rest_s[request], spent_s, start;

    if (s != UINT32_MAX && b->came_ns[s] == INT64_MAX)
        b->came_ns[s] = now;
    spent_s = s != UINT32_MAX ? 1e-9 * (double)(now - b->came_ns[s]) : 0;
    start = (double)now + 1e9 * ((budgets_objective_s(b, request) - spent_s) * share -
                                 budgets_time_s(b, replica, request));
    b->start_by[request] = (int64_t)fmax(-START_MOST, fmin(START_MOST, start));
}
