/* trace-plan - which way to share a model among GPUs serves a trace best, and how many it takes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/par.h"
#include "base/progress.h"
#include "base/rand.h"
#include "sim/plan_plot.h"
#include "sim/plan_set.h"
#include "sim/route.h"
#include "sim/sim.h"

static const struct cli_prog prog = {
    "trace-plan", "TRACE", "Find the best plan to serve a model on GPUs: replicas, stages, shares.",
    1, 1};

enum { REPLICAS_MOST = 4096 };

#define GOOD_SHARE 0.99        /* where none is given */
#define NOT_GIVEN  (-HUGE_VAL) /* of an option's number: no text is it */
#define ALPHA      0.4         /* of dispatching by workload, as in trace-replay */

struct asked {
    struct setup setup;
    struct cli_common co;
    const char *path, *clusters, *scheds, *slo_text, *price_list, *svg;
    char one[PLAN_CLUSTER_NAME + 1]; /* the cluster that '--gpu' says; cut: longer than any */
    double price[PLAN_SET_MOST];
    size_t n_prices;
    int goal, dispatch;
    double rate, good_share;
    uint64_t seed, most, top;
    bool all, offline, capacity;
    struct slo slo;
};

/* What was tried, and what came of it. */
struct plans {
    struct plan_set set;
    uint32_t *order;
    bool *front;
    size_t ranked, shown; /* of the order: those that ran, that are compared in the picture */
};

/* ---- the trace ---- */

static int load(const struct asked *a, struct trace_set *t, struct progress *p, struct err *e)
{
    struct trace_load_opts how = {.read = {.format = TRACE_AUTO},
                                  .any_times = a->offline || a->rate > 0,
                                  .progress = progress_report,
                                  .progress_ctx = p};
    uint64_t bad, seed = a->seed;
    double at = 0;

    if (trace_load(t, a->path, &how, &bad, e) < 0)
        return e->code;
    if (t->n == 0)
        return err_set(e, ERR_INPUT, "%s holds no request", a->path);
    for (uint32_t i = 0; i < t->n && how.any_times; i++) {
        if (a->rate > 0)
            at -= log1p(-rand_unit(&seed));
        if (a->rate > 0 && !(1e9 * at / a->rate < TRACE_NS_MOST))
            return err_set(e, ERR_USAGE, "at %g requests a second the trace would take centuries",
                           a->rate);
        t->t_ns[i] = a->rate > 0 ? (int64_t)llround(1e9 * at / a->rate) : 0;
    }
    return 0;
}

/* ---- what is written ---- */

/* How many times better it is than what is done without a search, on the same machines. */
static double against_usual(const struct plans *s, const struct plan_try *p, enum plan_goal goal)
{
    for (size_t i = 0; i < s->set.n; i++) {
        const struct plan_try *u = &s->set.v[i];

        if (u->fit == PLAN_FITS && u->cluster == p->cluster && u->sched == p->sched &&
            plan_gpus(&u->plan) == plan_gpus(&p->plan) && plan_is_usual(&u->plan, p->cluster->gpus))
            return plan_value(u, goal) / plan_value(p, goal);
    }
    return NAN;
}

static void put_plan(struct out *o, const struct plan_try *p)
{
    char name[PLAN_NAME];

    out_cstr(o, "plan", plan_name(&p->plan, name));
    out_cstr(o, "machines", p->cluster->name);
    out_u64(o, "gpus", plan_gpus(&p->plan));
    out_cstr(o, "sched", sched_at((size_t)p->sched)->name);
    out_cstr(o, "cost_model", p->table ? p->table : "-");
    out_cstr(o, "fit", plan_fit_names[p->fit]);
    out_u64(o, "kv_blocks", p->kv_blocks);
}

static void put_times(struct out *o, const struct plan_try *p)
{
    const struct summary *s = &p->summary;
    const struct distribution *m = s->metric;

    out_double(o, "time_s", 1e-9 * (double)s->span_ns, 3);
    out_double(o, "requests_per_s", s->requests_a_s, 4);
    out_double(o, "output_tokens_per_s", s->output_tokens_a_s, 2);
    out_double(o, "ttft_mean_s", 1e-9 * m[METRIC_TTFT].mean, 6);
    out_double(o, "ttft_p99_s", 1e-9 * m[METRIC_TTFT].point[METRIC_P99], 6);
    out_double(o, "tpot_mean_s", 1e-9 * m[METRIC_TPOT].mean, 6);
    out_double(o, "tbt_mean_s", 1e-9 * m[METRIC_TBT].mean, 6);
    out_double(o, "tbt_p99_s", 1e-9 * m[METRIC_TBT].point[METRIC_P99], 6);
    out_double(o, "e2e_mean_s", 1e-9 * m[METRIC_E2E].mean, 6);
    out_double(o, "e2e_p99_s", 1e-9 * m[METRIC_E2E].point[METRIC_P99], 6);
    out_double(o, "good_share", s->requests ? (double)s->good / (double)s->requests : 0, 4);
    out_double(o, "step_mean_s", 1e-9 * p->step_ns, 6);
    out_double(o, "busy_share", p->busy_share, 4);
    out_double(o, "energy_j", p->energy_j, 0);
    out_double(o, "cost", p->price, 4);
    out_double(o, "hour_cost", p->hour_price, 4);
}

static void put_row(struct out *o, const struct asked *a, const struct plans *s, size_t i)
{
    const struct plan_try *p = &s->set.v[s->order[i]];
    bool ran = i < s->ranked;

    out_row(o);
    out_u64(o, "rank", ran ? i + 1 : 0);
    put_plan(o, p);
    put_times(o, p);
    out_bool(o, "front", s->front[i]);
    if (a->capacity)
        out_bool(o, "met", p->met);
    else
        out_double(o, "against_usual", ran ? against_usual(s, p, (enum plan_goal)a->goal) : NAN, 4);
    out_end_row(o);
}

static void put_counts(struct out *o, const struct plans *s)
{
    size_t n[PLAN_FITS_N] = {0};

    for (size_t i = 0; i < s->set.n; i++)
        n[s->set.v[i].fit]++;
    out_comment(o,
                "%zu plans: %zu replayed; no room for parameters %zu, for keys and values %zu; no "
                "cost table %zu; too slow without load %zu",
                s->set.n, n[PLAN_FITS], n[PLAN_PARAMETERS], n[PLAN_KV], n[PLAN_TABLE],
                n[PLAN_OBJECTIVE]);
}

static int write_rows(const struct asked *a, const struct plans *s, struct err *e)
{
    struct out_opts to = {.path = a->co.out, .json = a->co.json};
    size_t n = a->all ? s->set.n : s->ranked;
    struct out *o;
    char header[512];

    if (out_open(&o, &to, e) < 0)
        return e->code;
    snprintf(header, sizeof header,
             "rank plan machines gpus sched cost_model fit kv_blocks time_s requests_per_s "
             "output_tokens_per_s ttft_mean_s ttft_p99_s tpot_mean_s tbt_mean_s tbt_p99_s "
             "e2e_mean_s e2e_p99_s good_share step_mean_s busy_share energy_j cost hour_cost front "
             "%s",
             a->capacity ? "met" : "against_usual");
    out_header(o, header);
    put_counts(o, s);
    for (size_t i = 0; i < n; i++)
        if (i < a->top || i >= s->ranked)
            put_row(o, a, s, i);
    return out_commit(&o, e);
}

static int draw(const struct asked *a, const struct plans *s, enum plan_goal goal, struct err *e)
{
    struct buf picture = {0};
    int rc = plan_draw(&picture, s->set.v, s->order, s->front, s->shown, goal, e);

    if (rc == 0)
        rc = out_bytes(a->svg, picture.p, picture.len, e);
    buf_free(&picture);
    return rc;
}

/* ---- all ---- */

static int rank(const struct asked *a, struct plans *s, struct err *e)
{
    enum plan_goal goal = a->capacity ? PLAN_HOUR : (enum plan_goal)a->goal;

    if (!(s->order = mem_array(s->set.n, sizeof *s->order, e)) ||
        !(s->front = mem_zero(s->set.n, sizeof *s->front, e)) ||
        plan_rank(s->order, &s->ranked, s->set.v, s->set.n, goal, e) < 0)
        return e->code;
    /* Those that meet the objective come first. */
    while (s->shown < s->ranked && (!a->capacity || s->set.v[s->order[s->shown]].met))
        s->shown++;
    if (plan_front(s->front, s->set.v, s->order, s->shown, goal, e) < 0)
        return e->code;
    return a->svg ? draw(a, s, goal, e) : 0;
}

static void set_prices(const struct asked *a, struct plan_set *s)
{
    for (size_t i = 0; i < a->n_prices; i++)
        s->cluster[i].gpu.hour_price = a->price[i];
}

static int run(const struct asked *a, struct plans *s, struct progress *p, struct err *e)
{
    struct trace_set t = {0};
    struct plan_task task = {.fleet = {.route = route_at((size_t)a->dispatch),
                                       .route_opts = {.seed = a->seed, .alpha = ALPHA}},
                             .setup = &a->setup,
                             .trace = &t,
                             .slo = a->slo,
                             .good_share = a->capacity ? a->good_share : 0,
                             .most = (uint32_t)a->most,
                             .threads = par_threads(a->co.threads),
                             .progress = progress_report,
                             .progress_ctx = p};
    int rc = plan_set_cards(&s->set, a->setup.cost_opts.model, e);

    set_prices(a, &s->set);
    if (rc == 0)
        rc = plan_set_tables(&s->set, a->setup.table, &a->setup.cost_opts, e);
    if (rc == 0)
        rc = load(a, &t, p, e);
    if (rc == 0)
        rc = plan_set_make(&s->set, a->capacity, e);
    if (rc == 0)
        rc = plan_search(s->set.v, s->set.n, &task, e);
    if (rc == 0)
        rc = rank(a, s, e);
    if (rc == 0)
        rc = write_rows(a, s, e);
    plan_set_free(&s->set);
    free(s->order);
    free(s->front);
    trace_set_free(&t);
    return rc;
}

static void settle_setup(struct asked *a)
{
    struct setup *s = &a->setup;
    const char *wrong;

    s->table = s->table ? s->table : "roofline";
    if (s->cost_opts.tp != NOT_GIVEN)
        cli_misuse("plans say how many GPUs share the model: no '--tp'");
    s->cost_opts.tp = 1;
    if ((wrong = setup_wrong(s)))
        cli_misuse("%s", wrong);
    if (!s->cost_opts.model)
        cli_misuse("'--model' is needed: the card of what is served");
    if (!a->clusters && !s->cost_opts.gpu)
        cli_misuse("'--machines' is needed: GPUs, as 8xH100");
    if (a->clusters && s->cost_opts.gpu)
        cli_misuse("'--machines' says which GPUs: no '--gpu' with it");
    if (s->preemption == PREEMPTION_SWAP || s->host_blocks + s->disk_blocks > 0)
        cli_misuse("memory beside the GPU, for swap or prefixes, is not of plans");
    if (!(s->cost_opts.node_gbs >= 0 && s->cost_opts.node_us >= 0))
        cli_misuse("'--node-gbs' and '--node-us' are 0 or more");
}

static void settle_lists(struct asked *a, struct plan_set *s)
{
    const char *clusters = a->clusters ? a->clusters : a->one;

    snprintf(a->one, sizeof a->one, "1x%s", a->clusters ? "" : a->setup.cost_opts.gpu);
    if (!plan_set_clusters(s, clusters))
        cli_misuse(
            "'--machines' is a list of 8xCARD, or 2x8xCARD, machines and GPUs of each, up to "
            "%d, not '%s'",
            PLAN_GPUS_MOST, clusters);
    s->scheds = a->scheds ? setup_scheds(a->scheds, s->sched, PLAN_SET_MOST) : 1;
    if (s->scheds == 0)
        cli_misuse(SETUP_SCHEDS_WRONG, a->scheds);
    s->sched[0] = a->scheds ? s->sched[0] : a->setup.sched;
    a->n_prices = a->price_list ? list_numbers(a->price_list, a->price, PLAN_SET_MOST) : 0;
    if (a->price_list && a->n_prices != s->clusters)
        cli_misuse("'--price' has as many numbers as '--machines'");
    for (size_t i = 0; i < a->n_prices; i++)
        if (!(a->price[i] >= 0 && a->price[i] < 1e9))
            cli_misuse("'--price' is 0 or more, and below 1e9");
}

static void settle(struct asked *a, struct plans *s)
{
    settle_setup(a);
    if (!setup_slo(&a->slo, a->slo_text))
        cli_misuse("%s", SETUP_SLO_WRONG);
    if ((a->capacity || a->goal == PLAN_SLO) && !a->slo_text)
        cli_misuse("'--slo' is needed: what a request should meet");
    if (!(a->rate >= 0 && a->rate < 1e9))
        cli_misuse("'--rate' is 0 or more requests a second, and below 1e9");
    if (a->offline && a->rate > 0)
        cli_misuse("requests come at once with '--offline': no '--rate'");
    if (!(a->good_share > 0 && a->good_share <= 1))
        cli_misuse("'--good-share' is above 0 and up to 1");
    cli_count_in("--most-replicas", a->most, 1, REPLICAS_MOST);
    cli_outputs_once((const char *const[]){a->svg, a->co.out ? a->co.out : "-"}, 2,
                     "rows and picture");
    cli_files((const char *const[]){a->svg, a->co.out}, 2,
              (const char *const[]){a->path, SETUP_FILES(&a->setup)}, 4);
    settle_lists(a, &s->set);
}

int main(int argc, char **argv)
{
    struct asked a = {
        .setup = SETUP_INIT, .good_share = GOOD_SHARE, .seed = 1, .most = 256, .top = UINT64_MAX};
    const struct cli_opt opts[] = {
        CLI_STR(0, "machines", &a.clusters, "LIST", "GPUs: 8xCARD, or machines too: 2x8xCARD"),
        CLI_CHOICE(0, "goal", &a.goal, PLAN_GOAL_NAMES, "what is best (default time)"),
        CLI_FLAG(0, "capacity", &a.capacity,
                 "how many replicas meet --slo, and which cost the least"),
        SETUP_SLO_OPTION(&a.slo_text),
        CLI_DOUBLE(0, "good-share", &a.good_share, "X", "requests that meet --slo (default 0.99)"),
        CLI_U64(0, "most-replicas", &a.most, "N", "with --capacity: try no more (default 256)"),
        CLI_CHOICE(0, "dispatch", &a.dispatch, ROUTE_NAMES,
                   "how requests are dealt to engines (default round-robin)"),
        CLI_STR(0, "scheds", &a.scheds, "LIST", "schedulers to compare"),
        CLI_STR(0, "price", &a.price_list, "LIST", "of an hour of a GPU, for each of --machines"),
        CLI_FLAG(0, "offline", &a.offline, "all requests come at once"),
        CLI_DOUBLE(0, "rate", &a.rate, "R", "requests come at random, R a second"),
        CLI_SEED(&a.seed),
        CLI_DOUBLE(0, "node-gbs", &a.setup.cost_opts.node_gbs, "X",
                   "GB/s of a GPU between machines"),
        CLI_DOUBLE(0, "node-us", &a.setup.cost_opts.node_us, "X", "and its latency"),
        SETUP_OPTIONS(&a.setup),
        CLI_FLAG(0, "all", &a.all, "plans that do not fit too, and why not"),
        CLI_U64(0, "top", &a.top, "N", "only the N best of those that do"),
        CLI_STR(0, "svg", &a.svg, "FILE", "draw what they trade, as SVG"),
        CLI_COMMON(&a.co),
        CLI_END,
    };
    struct plans s = {.order = NULL};
    struct progress progress;
    struct err e = {0};
    int rc;

    a.setup.sched = SCHED_VLLM1;
    a.setup.cost_opts.tp = NOT_GIVEN;
    a.path = argv[cli_parse(&prog, opts, argc, argv)];
    settle(&a, &s);
    progress_init(&progress, a.co.quiet);
    rc = run(&a, &s, &progress, &e);
    progress_end(&progress);
    cli_finish(a.co.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
