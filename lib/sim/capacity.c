/* capacity.c - see capacity.h. */
#include "sim/capacity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

struct search {
    struct capacity *c;
    const struct cost *cost;
    const struct replay_opts *replay;
    const struct capacity_opts *o;
    struct trace_set trace; /* the given one, with times of its own */
    double *arrival;        /* [n], at one request a second */
    uint32_t *lengths;      /* [2 n], shuffled; NULL: the trace's */
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
    uint32_t *v;

    if (t->hash_end || t->after_end || t->session || t->priority)
        return err_set(e, ERR_USAGE,
                       "requests that share prefixes, wait for others, are of sessions or have "
                       "priorities are not shuffled");
    if (!(v = s->lengths = mem_array(2 * (size_t)t->n, sizeof *v, e)))
        return e->code;
    memcpy(v, t->prompt, t->n * sizeof *v);
    memcpy(v + t->n, t->output, t->n * sizeof *v);
    for (uint32_t i = t->n; i-- > 1;) {
        uint32_t k = (uint32_t)rand_below(&seed, (uint64_t)i + 1), prompt = v[i],
                 output = v[t->n + i];

        v[i] = v[k];
        v[k] = prompt;
        v[t->n + i] = v[t->n + k];
        v[t->n + k] = output;
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
    return s->rejected == 0 && within(o->tbt_p99_ns, s->metric[METRIC_TBT].point[3]) &&
           within(o->ttft_p99_ns, s->metric[METRIC_TTFT].point[3]) &&
           within(o->e2e_p99_ns, s->metric[METRIC_E2E].point[3]) &&
           within(o->delay_p50_ns, s->metric[METRIC_DELAY].point[0]);
}

/* 1 if the objective is met at this rate, 0 if not. */
static int try_rate(struct search *s, double rate, struct err *e)
{
    static const struct slo none;
    struct summary got;
    struct replay p;
    int rc;

    for (uint32_t i = 0; i < s->trace.n; i++)
        s->trace.t_ns[i] = (int64_t)llround(1e9 * s->arrival[i] / rate);
    rc = replay_run(&p, &s->trace, s->cost, s->replay, e);
    if (rc == 0)
        rc = summarize(&got, &p, &none, e);
    replay_free(&p);
    s->c->replays++;
    if (rc < 0)
        return rc;
    rc = meets(&got, &s->o->objective);
    if (rc > 0) {
        s->c->rate = rate;
        s->c->summary = got;
    } else if (s->c->rate == 0) {
        s->c->summary = got;
    }
    return rc;
}

/* By factors of 2 from the least, then halves of the factor. */
static int search_rates(struct search *s, struct err *e)
{
    double good = s->o->least, bad = INFINITY;
    int rc = try_rate(s, good, e);

    while (rc > 0 && 2 * good <= s->o->most) {
        rc = try_rate(s, 2 * good, e);
        if (rc > 0)
            good *= 2;
        else
            bad = 2 * good;
    }
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
    free(s.lengths);
    free(s.trace.t_ns);
    return rc;
}
