/* metrics.c - see metrics.h. */
#include "sim/metrics.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/sort.h"
#include "sim/life.h"

const char *const metric_names[METRICS] = {"ttft", "tbt", "tpot", "e2e", "delay", "step", "job"};
const double metric_points[METRIC_POINTS] = {.5, .9, .95, .99, .999};
const char *const metric_point_names[METRIC_POINTS] = {"p50", "p90", "p95", "p99", "p99.9"};

void distribution_of(struct distribution *d, double *v, size_t n)
{
    double sum = 0;

    *d = (struct distribution){.n = n};
    if (n == 0)
        return;
    sort_doubles(v, n);
    for (size_t i = 0; i < n; i++)
        sum += v[i];
    d->mean = sum / (double)n;
    d->least = v[0];
    d->most = v[n - 1];
    for (int p = 0; p < METRIC_POINTS; p++) {
        size_t at = (size_t)(metric_points[p] * (double)n);

        d->point[p] = v[at < n ? at : n - 1];
    }
}

static void gaps_distribution(struct distribution *d, const struct gaps *g)
{
    *d = (struct distribution){.n = g->n};
    if (g->n == 0)
        return;
    d->mean = g->sum / (double)g->n;
    d->least = (double)g->v[0].ns;
    d->most = (double)g->v[g->used - 1].ns;
    for (int p = 0; p < METRIC_POINTS; p++)
        d->point[p] = (double)gaps_percentile(g, metric_points[p]);
}

static bool in_background(const struct replay *p, uint32_t i)
{
    return p->trace->program && p->trace->program[i].background;
}

/* A request's value; false if it has none, as where nobody waits for it. */
static bool value_of(const struct replay *p, uint32_t i, enum metric m, double *v)
{
    const struct flight *f = &p->flight[i];
    int64_t arrival = replay_arrival(p, i);
    uint32_t output = p->trace->output[i];

    if (!flight_gave(f) || in_background(p, i) || (m == METRIC_TPOT && output < 2))
        return false;
    switch (m) {
    case METRIC_TTFT:
        *v = (double)(f->first_ns - arrival);
        break;
    case METRIC_TPOT:
        *v = (double)(f->last_ns - f->first_ns) / (output - 1);
        break;
    case METRIC_E2E:
        *v = (double)(f->last_ns - arrival);
        break;
    default:
        *v = (double)(f->start_ns - arrival);
        break;
    }
    return true;
}

static bool is_good(const struct replay *p, uint32_t i, const struct slo *slo)
{
    double v;

    if (p->flight[i].status != FLIGHT_ENDED)
        return false;
    if (slo->ttft_ns > 0 && value_of(p, i, METRIC_TTFT, &v) && v > slo->ttft_ns)
        return false;
    if (slo->tbt_ns > 0 && value_of(p, i, METRIC_TPOT, &v) && v > slo->tbt_ns)
        return false;
    if (slo->prompt_rate > 0 && value_of(p, i, METRIC_TTFT, &v) &&
        v > 1e9 * p->trace->prompt[i] / slo->prompt_rate)
        return false;
    if (slo->ema && !ema_met(slo->ema, i))
        return false;
    return !(slo->e2e_ns > 0 && value_of(p, i, METRIC_E2E, &v) && v > slo->e2e_ns);
}

struct span {
    int64_t from, to;
};

static void widen(struct span *s, int64_t from, int64_t to)
{
    s->from = from < s->from ? from : s->from;
    s->to = to > s->to ? to : s->to;
}

static void count(struct summary *s, const struct replay *p, const struct slo *slo)
{
    const struct engine_totals *sum = &p->total;
    struct span all = {INT64_MAX, INT64_MIN}, awaited = all;
    double seconds;

    for (uint32_t i = 0; i < p->trace->n; i++) {
        const struct flight *f = &p->flight[i];

        s->requests -= in_background(p, i);
        if (!flight_gave(f))
            continue;
        widen(&all, replay_arrival(p, i), f->last_ns);
        if (in_background(p, i)) {
            s->background++;
            s->background_tokens += f->given;
            continue;
        }
        s->ended++;
        s->prompt_tokens += p->trace->prompt[i];
        s->output_tokens += p->trace->output[i];
        s->good += is_good(p, i, slo);
        widen(&awaited, replay_arrival(p, i), f->last_ns);
    }
    s->span_ns = s->ended ? awaited.to - awaited.from : 0;
    seconds = 1e-9 * (double)s->span_ns;
    s->replica_s = p->fleet.life       ? 1e-9 * (double)life_on_ns(&p->fleet, p->end_ns)
                   : all.to > all.from ? 1e-9 * (double)(all.to - all.from) * p->fleet.n
                                       : 0;
    if (seconds > 0) {
        s->requests_a_s = (double)s->ended / seconds;
        s->output_tokens_a_s = (double)s->output_tokens / seconds;
        s->goodput = (double)s->good / seconds;
    }
    if (s->replica_s > 0)
        s->busy_share = 1e-6 * sum->busy_us / s->replica_s;
    if (sum->kv_us > 0)
        s->kv_share = sum->kv_block_us / sum->kv_us;
}

/* A session's time, from the first arrival to the last token. */
struct job {
    int64_t from, to; /* to: INT64_MAX where not all have ended */
};

static void times_of_jobs(struct job *job, const struct replay *p)
{
    const struct trace_set *t = p->trace;

    for (uint32_t s = 0; s < t->sessions; s++)
        job[s] = (struct job){INT64_MAX, INT64_MAX};
    for (uint32_t i = 0; i < t->n; i++) {
        struct job *j = t->session && t->session[i] != UINT32_MAX ? &job[t->session[i]] : NULL;

        if (!j || in_background(p, i))
            continue;
        if (j->from == INT64_MAX)
            j->to = j->from = replay_arrival(p, i);
        if (p->flight[i].status != FLIGHT_ENDED && p->flight[i].status != FLIGHT_STOPPED)
            j->to = INT64_MAX;
        else if (j->to != INT64_MAX && p->flight[i].last_ns > j->to)
            j->to = p->flight[i].last_ns;
    }
}

/* Sessions: into v, how many; and as shares of their objectives. */
static int jobs(struct summary *s, double *v, const struct replay *p, struct err *e)
{
    const struct budgets *b = &p->fleet.budgets;
    uint32_t sessions = p->trace->sessions;
    struct job *job = mem_array(sessions, sizeof *job, e);
    size_t n = 0;

    if (!job)
        return e->code;
    times_of_jobs(job, p);
    for (uint32_t k = 0; k < sessions; k++)
        if (job[k].to != INT64_MAX)
            v[n++] = (double)(job[k].to - job[k].from);
    distribution_of(&s->metric[METRIC_JOB], v, n);
    n = 0;
    for (uint32_t k = 0; b->trace && k < sessions; k++)
        if (job[k].to != INT64_MAX) {
            v[n] = 1e-9 * (double)(job[k].to - job[k].from) / b->objective_s[k];
            s->met += v[n++] <= 1;
        }
    distribution_of(&s->program, v, n);
    free(job);
    return 0;
}

int summarize(struct summary *s, const struct replay *p, const struct slo *slo, struct err *e)
{
    const struct engine_totals *sum = &p->total;
    double *v = mem_array(p->trace->n, sizeof *v, e);
    int rc = 0;

    if (!v)
        return e->code;
    *s = (struct summary){.requests = p->trace->n,
                          .rejected = p->rejected,
                          .refused = p->fleet.refused,
                          .preemptions = sum->preemptions,
                          .steps = sum->steps,
                          .computed_tokens = sum->tokens,
                          .hit_tokens = sum->hit_tokens,
                          .asked_tokens = sum->asked_tokens,
                          .stopped = p->stopped,
                          .reused_tokens = sum->reused_tokens,
                          .kv_peak = sum->kv_peak};
    count(s, p, slo);
    for (int m = 0; m < METRICS; m++) {
        size_t n = 0;

        if (m == METRIC_TBT || m == METRIC_STEP) {
            gaps_distribution(&s->metric[m], m == METRIC_TBT ? &p->gaps : &p->step_times);
            continue;
        }
        if (m == METRIC_JOB) {
            rc = jobs(s, v, p, e);
            break;
        }
        for (uint32_t i = 0; i < p->trace->n; i++)
            n += value_of(p, i, (enum metric)m, &v[n]);
        distribution_of(&s->metric[m], v, n);
    }
    free(v);
    return rc;
}
