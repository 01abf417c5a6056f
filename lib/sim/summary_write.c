/* summary_write.c - see summary_write.h. */
#include "sim/summary_write.h"

#include "sim/sched.h"
#include "sim/switch.h"

#include <stdio.h>

static void latency(struct out *o, enum metric m, const struct distribution *d)
{
    char name[40];

    for (int p = -1; p < METRIC_POINTS; p++) {
        double v = p < 0 ? d->mean : d->point[p];

        snprintf(name, sizeof name, "%s_%s_s", metric_names[m],
                 p < 0 ? "mean" : metric_point_names[p]);
        out_value(o, name, 1e-9 * v, 6);
    }
}

/* Programs' times over their objectives. */
static void programs(struct out *o, const struct summary *s)
{
    out_value(o, "program_met_share", (double)s->met / (double)s->program.n, 4);
    out_value(o, "program_slo_mean", s->program.mean, 4);
    out_value(o, "program_slo_p50", s->program.point[METRIC_P50], 4);
    out_value(o, "program_slo_p95", s->program.point[METRIC_P95], 4);
    out_value(o, "program_slo_p99", s->program.point[METRIC_P99], 4);
}

/* Steps while the queue was not empty: none is short for want of requests. */
static void queued_steps(struct out *o, const struct gaps *g)
{
    double mean = g->marked > 0 ? g->marked_sum / (double)g->marked : 0;

    out_value(o, "queued_steps", (double)g->marked, 0);
    out_value(o, "queued_step_mean_s", 1e-9 * mean, 6);
    out_value(o, "queued_step_p99_s", 1e-9 * (double)gaps_marked_percentile(g, 0.99), 6);
}

static double mean_s(int64_t ns, uint64_t n)
{
    return n > 0 ? 1e-9 * (double)ns / (double)n : 0;
}

static void migrations(struct out *o, const struct migrate_totals *m)
{
    uint64_t aborts = 0;

    for (int i = 0; i < ABORTS; i++)
        aborts += m->aborts[i];
    out_value(o, "migrations", (double)m->done, 0);
    out_value(o, "migration_aborts", (double)aborts, 0);
    out_value(o, "migrated_gb", 1e-9 * m->bytes, 6);
    out_value(o, "migration_down_mean_s", mean_s(m->down_ns, m->done), 6);
    out_value(o, "migration_down_max_s", 1e-9 * (double)m->most_down_ns, 6);
    out_value(o, "migration_gap_mean_s", mean_s(m->gap_ns, m->done), 6);
    out_value(o, "migration_gap_max_s", 1e-9 * (double)m->most_gap_ns, 6);
}

static void handoffs(struct out *o, const struct handoff_totals *h)
{
    out_value(o, "handoffs", (double)h->n, 0);
    out_value(o, "handoff_gb", 1e-9 * h->bytes, 3);
    out_value(o, "handoff_mean_s", mean_s(h->wait_ns, h->n), 6);
    out_value(o, "handoff_max_s", 1e-9 * (double)h->most_wait_ns, 6);
}

static void fetches(struct out *o, const struct fetch_totals *f)
{
    out_value(o, "fetches", (double)f->n, 0);
    out_value(o, "fetched_blocks", (double)f->blocks, 0);
    out_value(o, "fetch_mean_s", mean_s(f->wait_ns, f->n), 6);
}

static uint64_t kv_blocks_of(const struct fleet *c)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < c->n; i++)
        n += c->replica[i].kv.total;
    return n;
}

/* What only fleets have. */
static void of_fleet(struct out *o, const struct summary *s, const struct fleet *c)
{
    if (c->o->migrate)
        migrations(o, &c->migrated);
    if (c->handoff)
        handoffs(o, &c->handed);
    if (c->fetch)
        fetches(o, &c->fetched);
    if (c->o->scale || c->o->failures > 0) {
        out_value(o, "replica_s", s->replica_s, 6);
        out_value(o, "restarted", (double)c->restarted, 0);
    }
}

/* Of schedulers that switch contexts, on all replicas. */
static bool count_switches(const struct fleet *c, struct switch_counts *sum)
{
    bool any = false;

    for (uint32_t i = 0; i < c->n; i++) {
        const struct replica *r = &c->replica[i];

        if (!r->sched->switched)
            continue;
        switch_counts_add(sum, r->sched->switched(r));
        any = true;
    }
    return any;
}

static void switches(struct out *o, const struct switch_counts *c)
{
    out_value(o, "switches", (double)(c->out + c->in), 0);
    out_value(o, "swap_copies", (double)c->copies, 0);
    out_value(o, "swap_out_bytes", c->out_bytes, 0);
    out_value(o, "swap_in_bytes", c->in_bytes, 0);
    out_value(o, "swap_conflicts", (double)c->conflicts, 0);
    out_value(o, "conflict_s", 1e-6 * c->conflict_us, 6);
    out_value(o, "lost_copy_blocks", (double)c->lost_blocks, 0);
}

static void counts(struct out *o, const struct summary *s, const struct engine_totals *sum)
{
    out_value(o, "requests", (double)s->requests, 0);
    out_value(o, "rejected", (double)s->rejected, 0);
    out_value(o, "refused", (double)s->refused, 0);
    out_value(o, "preemptions", (double)s->preemptions, 0);
    out_value(o, "swaps", (double)sum->swaps, 0);
    out_value(o, "steps", (double)s->steps, 0);
    out_value(o, "span_s", 1e-9 * (double)s->span_ns, 6);
    out_value(o, "prompt_tokens", (double)s->prompt_tokens, 0);
    out_value(o, "output_tokens", (double)s->output_tokens, 0);
    out_value(o, "computed_tokens", (double)s->computed_tokens, 0);
    out_value(o, "prefix_hit_tokens", (double)s->hit_tokens, 0);
    out_value(o, "host_hit_tokens", (double)sum->tier_tokens[KV_HOST], 0);
    out_value(o, "disk_hit_tokens", (double)sum->tier_tokens[KV_DISK], 0);
}

/* Of programs, and what they cost where a token that is waited for weighs more than others. */
static void kin(struct out *o, const struct summary *s, double weight)
{
    double cost = (double)s->background_tokens + weight * (double)s->output_tokens;

    out_value(o, "stopped", (double)s->stopped, 0);
    out_value(o, "reused_tokens", (double)s->reused_tokens, 0);
    out_value(o, "background_requests", (double)s->background, 0);
    out_value(o, "background_tokens", (double)s->background_tokens, 0);
    out_value(o, "cost_per_request", s->ended ? cost / (double)s->ended : 0, 4);
}

static void rates(struct out *o, const struct summary *s, const struct replay *p)
{
    out_value(o, "requests_per_s", s->requests_a_s, 4);
    out_value(o, "output_tokens_per_s", s->output_tokens_a_s, 2);
    out_value(o, "goodput_per_s", s->goodput, 4);
    out_value(o, "good_share", s->requests ? (double)s->good / (double)s->requests : 0, 4);
    out_value(o, "busy_share", s->busy_share, 4);
    out_value(o, "transfer_s", 1e-6 * p->total.moved_us, 6);
    out_value(o, "kv_blocks", (double)kv_blocks_of(&p->fleet), 0);
    out_value(o, "kv_share", s->kv_share, 4);
    out_value(o, "kv_peak", (double)s->kv_peak, 0);
}

void summary_write(struct out *o, const struct summary *s, const struct replay *p, double weight)
{
    struct switch_counts switched = {0};

    out_facts(o);
    counts(o, s, &p->total);
    rates(o, s, p);
    kin(o, s, weight);
    for (int m = 0; m < METRICS - (s->metric[METRIC_JOB].n == 0); m++)
        latency(o, (enum metric)m, &s->metric[m]);
    if (s->program.n > 0)
        programs(o, s);
    queued_steps(o, &p->step_times);
    of_fleet(o, s, &p->fleet);
    if (count_switches(&p->fleet, &switched))
        switches(o, &switched);
    out_end_facts(o);
}
