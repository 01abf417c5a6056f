/* capacity.c - see capacity.h. */
#include "sim/capacity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "sim/clock.h"

struct search {
    struct capacity *c;
    const struct cost *cost;
    const struct replay_opts *replay;
    const struct capacity_opts *o;
    struct trace_set trace; /* the given one, with times of its own */
    double *arrival;        /* [n], at one request a second */
    uint32_t *order;        /* [n], shuffled: whose lengths come; NULL: the trace's */
    uint32_t *lengths;      /* [2 n], in that order; NULL: the trace's */
};

static int draw_arrivals(struct search *s, struct err *e)
{
    uint64_t seed = s->o->seed;
    double at = 0;

    if (!(s->arrival = mem_array(s->trace.n, sizeof *s->arrival, e)) ||
        !(s->trace.t_ns = mem_array(s->trace.n, sizeof *s->trace.t_ns, e)))
        return e->code;
    for (uint32_t i = 0; i < s->trace.n; i++) {
        at -= log1p(-rand_unit(&seed));
        s->arrival[i] = at;
    }
    return 0;
}

/* Lengths in a random order. */
static int shuffle(struct search *s, struct err *e)
{
    struct trace_set *t = &s->trace;
    uint64_t seed = ~s->o->seed;
    uint32_t *order, *v;

    if (t->hash_end || t->after_end || t->session || t->priority || t->program)
        return err_set(e, ERR_USAGE,
                       "requests that share prefixes, wait for others, are of sessions or "
                       "programs, or have priorities are not shuffled");
    if (!(order = s->order = mem_array(t->n, sizeof *order, e)) ||
        !(v = s->lengths = mem_array(2 * (size_t)t->n, sizeof *v, e)))
        return e->code;
    for (uint32_t i = 0; i < t->n; i++)
        order[i] = i;
    for (uint32_t i = t->n; i-- > 1;) {
        uint32_t k = (uint32_t)rand_below(&seed, (uint64_t)i + 1), last = order[i];

        order[i] = order[k];
        order[k] = last;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        v[i] = t->prompt[order[i]];
        v[t->n + i] = t->output[order[i]];
    }
    t->prompt = v;
    t->output = v + t->n;
    return 0;
}

static bool within(double bound, double v)
{
    return bound <= 0 || v <= bound;
}

static bool meets(const struct summary *s, const struct objective *o)
{
    bool enough = o->good_share > 0 ? (double)s->good >= o->good_share * (double)s->requests
                                    : s->rejected == 0;

    return enough && within(o->tbt_p99_ns, s->metric[METRIC_TBT].point[METRIC_P99]) &&
           within(o->ttft_p99_ns, s->metric[METRIC_TTFT].point[METRIC_P99]) &&
           within(o->e2e_p99_ns, s->metric[METRIC_E2E].point[METRIC_P99]) &&
           within(o->delay_p50_ns, s->metric[METRIC_DELAY].point[METRIC_P50]);
}

static void watch(void *ctx, const struct replica *r)
{
    ema_step(ctx, r);
}

/* A replay of the trace as it is now, and what it comes to. */
static int replay_once(struct search *s, struct summary *got, struct err *e)
{
    struct replay_opts o = *s->replay;
    struct slo slo = s->o->objective.slo;
    struct ema ema = {.v = NULL};
    struct replay p = {.trace = NULL};
    int rc = 0;

    if (slo.ema_rate > 0) {
        rc = ema_init(&ema, 1e9 / slo.ema_rate, s->trace.n, e);
        slo.ema = &ema;
        o.step = watch;
        o.step_ctx = &ema;
    }
    if (rc == 0)
        rc = replay_run(&p, &s->trace, s->cost, &o, e);
    if (rc == 0)
        rc = summarize(got, &p, &slo, e);
    if (rc == 0 && p.rejected > 0) {
        uint32_t first = replay_first_rejected(&p);

        s->c->rejected = p.rejected;
        s->c->first_rejected = s->order ? s->order[first] : first;
    }
    replay_free(&p);
    ema_free(&ema);
    return rc;
}

/* 1 if the objective is met at this rate, 0 if not. */
static int try_rate(struct search *s, double rate, struct err *e)
{
    struct summary got;
    int rc;

    for (uint32_t i = 0; i < s->trace.n; i++)
        s->trace.t_ns[i] = (int64_t)llround(1e9 * s->arrival[i] / rate);
    if (replay_once(s, &got, e) < 0)
        return e->code;
    rc = meets(&got, &s->o->objective);
    if (rc > 0) {
        s->c->rate = rate;
        s->c->summary = got;
    } else if (s->c->rate == 0) {
        s->c->summary = got;
    }
    return rc;
}

/* By factors of 2 from the least, then halves of the factor. Arrivals are in the first half of the
 * 146 years that the clock has: millions of requests do not come at the least rates. */
static int search_rates(struct search *s, struct err *e)
{
    double good = s->o->least, bad = INFINITY, last_s = s->arrival[s->trace.n - 1];
    int rc;

    while (!(1e9 * last_s / good < CLOCK_NS_MOST / 2))
        good *= 2;
    rc = try_rate(s, good, e);
    while (rc > 0 && 2 * good <= s->o->most) {
        rc = try_rate(s, 2 * good, e);
        if (rc > 0)
            good *= 2;
        else
            bad = 2 * good;
    }
    s->c->unbounded = rc > 0 && !isfinite(bad);
    while (rc >= 0 && isfinite(bad) && bad / good > 1 + s->o->precision) {
        double mid = sqrt(good * bad);

        rc = try_rate(s, mid, e);
        if (rc > 0)
            good = mid;
        else
            bad = mid;
    }
    return rc < 0 ? rc : 0;
}

int capacity_find(struct capacity *c, const struct trace_set *t, const struct cost *cost,
                  const struct replay_opts *replay, const struct capacity_opts *o, struct err *e)
{
    struct search s = {.c = c, .cost = cost, .replay = replay, .o = o, .trace = *t};
    int rc;

    *c = (struct capacity){0};
    s.trace.t_ns = NULL;
    rc = t->n == 0 ? err_set(e, ERR_INPUT, "there are no requests") : draw_arrivals(&s, e);
    if (rc == 0 && o->shuffle)
        rc = shuffle(&s, e);
    if (rc == 0)
        rc = search_rates(&s, e);
    free(s.arrival);
    free(s.order);
    free(s.lengths);
    free(s.trace.t_ns);
    return rc;
}
