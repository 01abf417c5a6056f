/* trace-replay - a serving trace under a scheduler and a cost model. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/num.h"
#include "base/out.h"
#include "base/progress.h"
#include "sim/sim.h"
#include "sim/steps.h"
#include "sim/timeline.h"

static const struct cli_prog prog = {
    "trace-replay", "TRACE", "Replay a serving trace under a scheduler and a cost model.", 1, 1};

enum { QUEUE_SCHEDULER, QUEUE_URGENCY };
#define QUEUE_NAMES "scheduler|urgency"

struct asked {
    const char *rows, *path, *slo, *timeline, *steps, *cluster;
    uint64_t clients, replicas, seed;
    double weight;
    int dispatch, queue;
    const char *alpha;
    double window_s, program_s, program_scale;
    bool json, quiet, verbose, skip_bad;
};

/* All that a replay is made of. */
struct parts {
    struct setup setup;
    struct cluster cluster;
    struct trace_set trace;
    struct replay replay;
    struct slo slo;
    struct summary summary;
    struct timeline timeline;
    struct steps_writer steps;
    struct ema ema;
    struct err step_err; /* of a step that could not be written */
};

/* How many of the files are standard output. */
static int to_std(const struct asked *a)
{
    const char *const path[] = {a->rows, a->steps, a->timeline};
    int n = 0;

    for (size_t i = 0; i < sizeof path / sizeof *path; i++)
        n += path[i] && cli_is_std(path[i]);
    return n;
}

static void settle_programs(const struct asked *a, struct fleet_opts *o)
{
    if (strcmp(a->alpha, "auto") == 0)
        o->route_opts.alpha = ROUTE_TUNES;
    else if (!num_double(a->alpha, &o->route_opts.alpha) ||
             !(o->route_opts.alpha >= 0 && o->route_opts.alpha <= 1))
        cli_misuse("'--alpha' is 0 to 1, or auto");
    if (!(a->window_s >= 1e-3 && a->window_s <= 1e9))
        cli_misuse("'--alpha-window' is a millisecond and more");
    if (!(a->program_s >= 0 && a->program_s <= 1e9) ||
        !(a->program_scale >= 0 && a->program_scale <= 1e9))
        cli_misuse("'--program-slo' and '--program-slo-scale' are 0 to 1e9");
    if (a->program_s > 0 && a->program_scale > 0)
        cli_misuse("'--program-slo' is seconds, '--program-slo-scale' of a program's own: one");
    o->route_opts.window_s = a->window_s;
    o->urgency = a->queue == QUEUE_URGENCY;
    o->programs = a->program_s > 0 || a->program_scale > 0;
    o->program_s = a->program_s;
    o->program_scale = a->program_scale;
}

static void settle(const struct asked *a, struct parts *p)
{
    const struct setup *s = &p->setup;
    /* A cluster's kinds may say what the command does not. */
    const char *wrong = a->cluster ? NULL : setup_wrong(s);

    if (wrong)
        cli_misuse("%s", wrong);
    if (a->clients > 1 << 20)
        cli_misuse("'--clients' is up to 1048576");
    if (!(a->weight >= 0))
        cli_misuse("'--weight' is 0 or more");
    p->setup.replay.clients = (uint32_t)a->clients;
    if (a->cluster && a->replicas != SETUP_NONE)
        cli_misuse("'--replicas' are all alike, a '--cluster' says how many: one of them");
    if (a->replicas != SETUP_NONE && (a->replicas < 1 || a->replicas > FLEET_MOST))
        cli_misuse("'--replicas' is 1 to %d", FLEET_MOST);
    p->setup.replay.fleet = (struct fleet_opts){
        .n = a->replicas != SETUP_NONE ? (uint32_t)a->replicas : 1,
        .route = route_at((size_t)a->dispatch),
        .route_opts = {.seed = a->seed}};
    settle_programs(a, &p->setup.replay.fleet);
    if (to_std(a) > 1)
        cli_misuse("of rows, steps and timeline one at most goes to standard output");
    if (!setup_slo(&p->slo, a->slo))
        cli_misuse("%s", SETUP_SLO_WRONG);
}

static int load(const struct asked *a, struct parts *p, struct progress *progress, struct err *e)
{
    struct trace_load_opts how = {.read = {.format = TRACE_AUTO},
                                  .skip_bad = a->skip_bad,
                                  .any_times = a->clients > 0,
                                  .progress = progress_report,
                                  .progress_ctx = progress};
    uint64_t bad;

    if (trace_load(&p->trace, a->path, &how, &bad, e) < 0)
        return e->code;
    if (bad)
        cli_note(a->quiet, "%" PRIu64 " bad records were left out", bad);
    return 0;
}

static int write_rows(const struct asked *a, const struct parts *p, struct err *e)
{
    struct out_opts to = {.path = a->rows};
    struct out *o;

    if (!a->rows)
        return 0;
    if (out_open(&o, &to, e) < 0)
        return e->code;
    rows_write(o, &p->replay);
    return out_commit(&o, e);
}

/* ---- the summary ---- */

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

static uint64_t kv_blocks_of(const struct fleet *c)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < c->n; i++)
        n += c->replica[i].kv.total;
    return n;
}

static void print_summary(struct out *o, const struct parts *p, double weight)
{
    bool json = out_is_json(o);
    const struct summary *s = &p->summary;

    out_header(o, "what value");
    if (json)
        out_row(o);
    out_value(o, "requests", (double)s->requests, 0);
    out_value(o, "rejected", (double)s->rejected, 0);
    out_value(o, "refused", (double)s->refused, 0);
    out_value(o, "preemptions", (double)s->preemptions, 0);
    out_value(o, "swaps", (double)p->replay.total.swaps, 0);
    out_value(o, "steps", (double)s->steps, 0);
    out_value(o, "span_s", 1e-9 * (double)s->span_ns, 6);
    out_value(o, "prompt_tokens", (double)s->prompt_tokens, 0);
    out_value(o, "output_tokens", (double)s->output_tokens, 0);
    out_value(o, "computed_tokens", (double)s->computed_tokens, 0);
    out_value(o, "prefix_hit_tokens", (double)s->hit_tokens, 0);
    out_value(o, "host_hit_tokens", (double)p->replay.total.tier_tokens[KV_HOST], 0);
    out_value(o, "disk_hit_tokens", (double)p->replay.total.tier_tokens[KV_DISK], 0);
    out_value(o, "requests_per_s", s->requests_a_s, 4);
    out_value(o, "output_tokens_per_s", s->output_tokens_a_s, 2);
    out_value(o, "goodput_per_s", s->goodput, 4);
    out_value(o, "good_share", s->requests ? (double)s->good / (double)s->requests : 0, 4);
    out_value(o, "busy_share", s->busy_share, 4);
    out_value(o, "transfer_s", 1e-6 * p->replay.total.moved_us, 6);
    out_value(o, "kv_blocks", (double)kv_blocks_of(&p->replay.fleet), 0);
    out_value(o, "kv_share", s->kv_share, 4);
    out_value(o, "kv_peak", (double)s->kv_peak, 0);
    kin(o, s, weight);
    for (int m = 0; m < METRICS - (s->metric[METRIC_JOB].n == 0); m++)
        latency(o, (enum metric)m, &s->metric[m]);
    if (s->program.n > 0)
        programs(o, s);
    queued_steps(o, &p->replay.step_times);
    if (json)
        out_end_row(o);
}

static int write_summary(const struct asked *a, struct parts *p, struct err *e)
{
    struct out_opts to = {.json = a->json};
    struct out *o;

    if (summarize(&p->summary, &p->replay, &p->slo, e) < 0)
        return e->code;
    if (to_std(a))
        return 0;
    if (out_open(&o, &to, e) < 0)
        return e->code;
    print_summary(o, p, a->weight);
    return out_commit(&o, e);
}

static void step(void *ctx, const struct replica *r)
{
    struct parts *p = ctx;

    if (p->slo.ema)
        ema_step(&p->ema, r);
    if (p->timeline.out)
        timeline_step(&p->timeline, r);
    if (p->steps.out && !p->step_err.code)
        steps_write(&p->steps, r, &p->step_err);
}

static int open_steps(const struct asked *a, struct parts *p, struct err *e)
{
    struct out_opts timeline = {.path = a->timeline}, steps = {.path = a->steps};

    if (p->slo.ema_rate > 0) {
        if (ema_init(&p->ema, 1e9 / p->slo.ema_rate, p->trace.n, e) < 0)
            return e->code;
        p->slo.ema = &p->ema;
    }
    if ((a->timeline && out_open(&p->timeline.out, &timeline, e) < 0) ||
        (a->steps && out_open(&p->steps.out, &steps, e) < 0))
        return e->code;
    if (a->timeline)
        timeline_begin(&p->timeline, p->setup.replay.fleet.n);
    if (a->steps)
        steps_begin(&p->steps);
    if (a->timeline || a->steps || p->slo.ema) {
        p->setup.replay.step = step;
        p->setup.replay.step_ctx = p;
    }
    return 0;
}

static int commit_steps(const struct asked *a, struct parts *p, struct err *e)
{
    if (p->step_err.code) {
        *e = p->step_err;
        return e->code;
    }
    if (a->timeline) {
        timeline_end(&p->timeline, &p->replay);
        if (out_commit(&p->timeline.out, e) < 0)
            return e->code;
    }
    return a->steps ? out_commit(&p->steps.out, e) : 0;
}

static int replay(const struct asked *a, struct parts *p, struct err *e)
{
    int rc = open_steps(a, p, e);

    if (rc == 0)
        rc = replay_run(&p->replay, &p->trace, p->setup.cost, &p->setup.replay, e);
    if (rc == 0)
        rc = commit_steps(a, p, e);
    out_abort(&p->timeline.out);
    out_abort(&p->steps.out);
    buf_free(&p->steps.pieces);
    return rc;
}

static void tell_rejected(const struct asked *a, const struct replay *p)
{
    size_t len;
    const char *id;

    if (!p->rejected)
        return;
    id = trace_set_id(p->trace, replay_first_rejected(p), &len);
    cli_note(a->quiet, "%u requests can never run, and were rejected; the first is '%.*s'",
             p->rejected, (int)(len < 80 ? len : 80), id);
}

static int open_setup(const struct asked *a, struct parts *p, struct err *e)
{
    struct fleet_opts *fleet = &p->setup.replay.fleet;

    if (!a->cluster)
        return setup_open(&p->setup, e);
    if (cluster_open(&p->cluster, a->cluster, &p->setup, e) < 0)
        return e->code;
    fleet->n = p->cluster.n;
    fleet->kind = p->cluster.of;
    p->setup.replay.check = p->setup.check;
    return 0;
}

static int run(const struct asked *a, struct parts *p, struct progress *progress, struct err *e)
{
    int rc = open_setup(a, p, e);

    if (rc == 0)
        rc = load(a, p, progress, e);
    p->setup.replay.progress = progress_report;
    p->setup.replay.progress_ctx = progress;
    if (rc == 0)
        rc = replay(a, p, e);
    if (rc == 0)
        rc = write_rows(a, p, e);
    if (rc == 0)
        rc = write_summary(a, p, e);
    if (rc == 0)
        tell_rejected(a, &p->replay);
    ema_free(&p->ema);
    replay_free(&p->replay);
    trace_set_free(&p->trace);
    setup_close(&p->setup);
    cluster_close(&p->cluster);
    return rc;
}

int main(int argc, char **argv)
{
    struct parts p = {.setup = SETUP_INIT};
    struct asked a = {.replicas = SETUP_NONE, .alpha = "0.4", .window_s = 1500, .weight = 10};
    const struct cli_opt opts[] = {
        SETUP_OPTIONS(&p.setup),
        CLI_U64(0, "clients", &a.clients, "N",
                "times do not count: N clients send one request after the other"),
        CLI_U64(0, "replicas", &a.replicas, "N", "machines that serve the trace (default 1)"),
        CLI_STR(0, "cluster", &a.cluster, "FILE", "machines of several kinds, as JSON"),
        CLI_CHOICE(0, "dispatch", &a.dispatch, ROUTE_NAMES,
                   "how requests are dealt to them (default round-robin)"),
        CLI_STR(0, "alpha", &a.alpha, "X",
                "workload: how much a machine's speed weighs, or auto (default 0.4)"),
        CLI_DOUBLE(0, "alpha-window", &a.window_s, "S",
                   "workload: seconds between tunings of alpha (default 1500)"),
        CLI_CHOICE(0, "queue", &a.queue, QUEUE_NAMES,
                   "the order of queues: the scheduler's (default), or by budgets"),
        CLI_DOUBLE(0, "program-slo", &a.program_s, "S",
                   "the objective of a session (default: as long as it would take alone)"),
        CLI_DOUBLE(0, "program-slo-scale", &a.program_scale, "X", "so many times that"),
        CLI_U64(0, "seed", &a.seed, "N", "of what is drawn (default 0)"),
        CLI_DOUBLE(
            0, "weight", &a.weight, "X",
            "of a token that is waited for, where others are of the background (default 10)"),
        SETUP_SLO_OPTION(&a.slo),
        CLI_FLAG(0, "skip-bad", &a.skip_bad, "leave bad records out, and count them"),
        CLI_STR('o', "output", &a.rows, "FILE", "a row of times for each request"),
        CLI_STR(0, "steps", &a.steps, "FILE", "a row for each step: its batch and its time"),
        CLI_STR(0, "timeline", &a.timeline, "FILE", "steps and requests as Chrome trace events"),
        CLI_FLAG(0, "json", &a.json, "the summary as JSON"),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    struct progress progress;
    struct err e = {0};
    int rc;

    a.path = argv[cli_parse(&prog, opts, argc, argv)];
    settle(&a, &p);
    progress_init(&progress, a.quiet);
    rc = run(&a, &p, &progress, &e);
    progress_end(&progress);
    cli_finish(a.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
