/* trace-replay - a serving trace under a scheduler and a cost model. */
#include <inttypes.h>
#include <string.h>

#include "base/cli.h"
#include "base/out.h"
#include "base/progress.h"
#include "sim/route_setup.h"
#include "sim/sim.h"
#include "sim/steps.h"
#include "sim/summary_write.h"
#include "sim/timeline.h"

static const struct cli_prog prog = {
    "trace-replay", "TRACE", "Replay a serving trace under a scheduler and a cost model.", 1, 1};

struct asked {
    const char *rows, *path, *slo, *timeline, *steps, *cluster, *groups;
    uint64_t clients, replicas;
    double weight;
    bool json, quiet, verbose, skip_bad;
};

/* All that a replay is made of. */
struct parts {
    struct setup setup;
    struct fleet_setup fleet;
    struct route_setup route;
    struct cluster cluster;
    struct trace_set trace;
    struct groups groups;
    struct replay replay;
    struct slo slo;
    struct summary summary;
    struct timeline timeline;
    struct steps_writer steps;
    struct ema ema;
    struct err step_err; /* of a step that could not be written */
};

/* Is one of the files standard output? */
static bool to_std(const struct asked *a)
{
    const char *const path[] = {a->rows, a->steps, a->timeline};

    for (size_t i = 0; i < sizeof path / sizeof *path; i++)
        if (path[i] && cli_is_std(path[i]))
            return true;
    return false;
}

static int set_fleet(struct parts *p, bool all, struct err *e)
{
    struct fleet_opts *o = &p->setup.replay.fleet;

    return fleet_setup(&p->fleet, o, all, e) < 0 ? e->code : route_setup(&p->route, o, &p->slo, e);
}

static void check_files(const struct asked *a, const struct setup *s)
{
    const char *const out[] = {a->rows, a->steps, a->timeline};
    const char *const in[] = {a->path, a->cluster, a->groups, SETUP_FILES(s)};

    cli_outputs_once(out, 3, "rows, steps and timeline");
    cli_files(out, 3, in, sizeof in / sizeof *in);
}

static void settle(const struct asked *a, struct parts *p)
{
    const struct setup *s = &p->setup;
    /* A cluster's kinds may say what the command does not. */
    const char *wrong = a->cluster ? NULL : setup_wrong(s);
    struct err e = {0};

    if (!wrong && !a->cluster)
        wrong = setup_cards_wrong(s->table, &s->cost_opts);
    if (wrong)
        cli_misuse("%s", wrong);
    if (a->groups && (!sched_at((size_t)s->sched)->groups || s->no_prefix_cache))
        cli_misuse("'--groups' needs '--sched batchllm', and shared prefixes");
    if (!a->cluster && p->route.queue == QUEUE_URGENCY && sched_at((size_t)s->sched)->groups)
        cli_misuse(
            "'--queue urgency' does not go with batchllm, whose queue is in the order of groups");
    if (a->clients != SETUP_NONE)
        cli_count_in("--clients", a->clients, 1, 1 << 20);
    if (!(a->weight >= 0))
        cli_misuse("'--weight' is 0 or more");
    p->setup.replay.clients = a->clients != SETUP_NONE ? (uint32_t)a->clients : 0;
    p->setup.switching.seed = p->route.seed;
    if (a->cluster && a->replicas != SETUP_NONE)
        cli_misuse("'--replicas' are all alike, a '--cluster' says how many: one of them");
    if (a->replicas != SETUP_NONE)
        cli_count_in("--replicas", a->replicas, 1, FLEET_MOST);
    p->setup.replay.fleet.n = a->replicas != SETUP_NONE ? (uint32_t)a->replicas : 0;
    if (!setup_slo(&p->slo, a->slo))
        cli_misuse("%s", SETUP_SLO_WRONG);
    if (!a->cluster && set_fleet(p, false, &e) < 0)
        cli_wrong(&e);
    check_files(a, s);
}

static int load(const struct asked *a, struct parts *p, struct progress *progress, struct err *e)
{
    struct trace_load_opts how = {.read = {.format = TRACE_AUTO},
                                  .skip_bad = a->skip_bad,
                                  .any_times = a->clients != SETUP_NONE,
                                  .progress = progress_report,
                                  .progress_ctx = progress};
    uint64_t bad;

    if (trace_load(&p->trace, a->path, &how, &bad, e) < 0)
        return e->code;
    if (bad)
        cli_note(a->quiet, "%" PRIu64 " bad records were left out", bad);
    return 0;
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
    summary_write(o, &p->summary, &p->replay, a->weight);
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
    struct out_opts timeline = {.path = a->timeline, .json = true}, steps = {.path = a->steps};

    if (p->slo.ema_rate > 0) {
        if (ema_init(&p->ema, 1e9 / p->slo.ema_rate, p->trace.n, e) < 0)
            return e->code;
        p->slo.ema = &p->ema;
    }
    if ((a->timeline && out_open(&p->timeline.out, &timeline, e) < 0) ||
        (a->steps && out_open(&p->steps.out, &steps, e) < 0))
        return e->code;
    if (a->timeline) {
        timeline_begin(&p->timeline, p->setup.replay.fleet.n);
        p->setup.replay.fleet.mark = timeline_mark;
        p->setup.replay.fleet.mark_ctx = &p->timeline;
    }
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
        if (timeline_end(&p->timeline, &p->replay, e) < 0 || out_commit(&p->timeline.out, e) < 0)
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
    for (size_t i = 0; i < p->cluster.kinds; i++)
        check_files(a, &p->cluster.setup[i]);
    fleet->n = p->cluster.n;
    fleet->kind = p->cluster.of;
    fleet->role = p->cluster.role;
    p->setup.replay.check = p->setup.check;
    return set_fleet(p, true, e);
}

static int run(const struct asked *a, struct parts *p, struct progress *progress, struct err *e)
{
    int rc = open_setup(a, p, e);

    if (rc == 0)
        rc = load(a, p, progress, e);
    if (rc == 0 && a->groups && (rc = groups_read(&p->groups, a->groups, &p->trace, e)) == 0)
        p->setup.replay.engine.groups = &p->groups;
    p->setup.replay.progress = progress_report;
    p->setup.replay.progress_ctx = progress;
    if (rc == 0)
        rc = replay(a, p, e);
    if (rc == 0)
        rc = rows_write(a->rows, &p->replay, e);
    if (rc == 0)
        rc = write_summary(a, p, e);
    if (rc == 0)
        tell_rejected(a, &p->replay);
    ema_free(&p->ema);
    replay_free(&p->replay);
    groups_free(&p->groups);
    trace_set_free(&p->trace);
    setup_close(&p->setup);
    cluster_close(&p->cluster);
    fleet_setup_free(&p->fleet);
    route_setup_free(&p->route);
    return rc;
}

int main(int argc, char **argv)
{
    struct parts p = {.setup = SETUP_INIT, .fleet = FLEET_SETUP_INIT, .route = ROUTE_SETUP_INIT};
    struct asked a = {.clients = SETUP_NONE, .replicas = SETUP_NONE, .weight = 10};
    const struct cli_opt opts[] = {
        SETUP_OPTIONS(&p.setup),
        SETUP_SWITCHING_OPTIONS(&p.setup),
        CLI_U64(0, "clients", &a.clients, "N",
                "times do not count: N clients send one request after the other"),
        CLI_U64(0, "replicas", &a.replicas, "N", "machines that serve the trace (default 1)"),
        CLI_STR(0, "cluster", &a.cluster, "FILE", "machines of several kinds, as JSON"),
        ROUTE_OPTIONS(&p.route),
        FLEET_OPTIONS(&p.fleet),
        CLI_STR(0, "groups", &a.groups, "FILE",
                "batchllm: groups that trace-prefix made (default: by the trace's hashes)"),
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
