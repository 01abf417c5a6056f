/* prop_plan_replay.c - the replay of a plan: replicas against a replay of each one's share; what
 * goes through a pipeline against a table of when each stage has done each batch; engines that step
 * together against the cost of all their batches. Then the search: ranks, sizes and what fits
 * against trying it out.
 */
#include "../unit/t.h"
#include "../unit/tmp.h"

#include <math.h>

#include "sim/plan_plot.h"
#include "sim/plan_replay.h"
#include "sim/route.h"

enum { REQUESTS = 60, STEPS = 40000, ENGINES = 64 };

static unsigned long long rng;

static int below(int n)
{
    return (int)(t_rand(&rng) % (unsigned)n);
}

static int pick(const int *v, int n)
{
    return v[below(n)];
}

#define PICK(...) pick((const int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))

/* ---- a cost model of whole microseconds, traces ---- */

static double mix(uint64_t tokens, uint64_t all, uint64_t decodes, uint64_t kv_sum, double pieces)
{
    return 3 + (double)(5 * tokens + 2 * all + 7 * decodes + kv_sum / 16) + pieces;
}

static double step_us(const struct cost_shape *s)
{
    double pieces = 0;

    for (uint32_t i = 0; i < s->n_pieces; i++)
        pieces += s->pieces[i].chunk + s->pieces[i].kv;
    return mix(s->tokens, s->stage_tokens ? s->stage_tokens : s->tokens, s->decodes, s->kv_sum,
               pieces);
}

#include "test_cost.h"

struct columns {
    int64_t t_ns[REQUESTS];
    uint32_t prompt[REQUESTS], output[REQUESTS];
};

static void make_trace(struct trace_set *t, struct columns *c)
{
    int64_t at = 0;

    *t = (struct trace_set){.n = (uint32_t)PICK(1, 2, 9, 30, REQUESTS),
                            .t_ns = c->t_ns,
                            .prompt = c->prompt,
                            .output = c->output};
    for (uint32_t i = 0; i < t->n; i++) {
        at += below(3) ? 0 : 1000 * (int64_t)below(PICK(10, 1000, 20000));
        c->t_ns[i] = at;
        c->prompt[i] = 1 + (uint32_t)below(PICK(5, 60));
        c->output[i] = 1 + (uint32_t)below(PICK(2, 30));
    }
}

static const struct sched *a_sched(void)
{
    static const struct sched *const v[] = {&sched_vllm0, &sched_vllm1, &sched_sarathi,
                                            &sched_orca};

    return v[below(4)];
}

static struct replay_opts make_opts(void)
{
    const struct sched *sched = a_sched();

    return (struct replay_opts){.sched = sched,
                                .check = true,
                                .engine = {.block_tokens = (uint32_t)PICK(1, 4, 16),
                                           .kv_blocks = (uint32_t)PICK(100, 130, 300),
                                           .most_requests = (uint32_t)PICK(1, 3, 64),
                                           .most_tokens = (uint32_t)PICK(80, 100, 1000),
                                           .watermark = sched->watermark,
                                           /* Who reserves memory does so for the longest of all. */
                                           .max_length = sched->reserves ? 99 : 0,
                                           .no_repeats = below(2)}};
}

static struct plan make_plan(int stages, int copies)
{
    int replicas = PICK(1, 1, 2, 3);

    return (struct plan){.replicas = (uint32_t)replicas,
                         .split = {.stages = (uint32_t)stages,
                                   .gpus = (uint32_t)copies,
                                   .attn_copies = (uint32_t)copies,
                                   .ffn_copies = 1,
                                   .node_gpus = 64}};
}

/* ---- replicas ---- */

static void compare_share(const struct replay *p, const struct replay_opts *how, uint32_t replicas,
                          uint32_t k)
{
    struct replay_opts o = *how;
    struct columns c;
    struct trace_set t = {.t_ns = c.t_ns, .prompt = c.prompt, .output = c.output};
    uint32_t from[REQUESTS];
    struct replay alone = {.trace = NULL};
    struct err e = {0};

    for (uint32_t i = 0; i < p->trace->n; i++)
        if (i % replicas == k) {
            from[t.n] = i;
            c.t_ns[t.n] = p->trace->t_ns[i];
            c.prompt[t.n] = p->trace->prompt[i];
            c.output[t.n++] = p->trace->output[i];
        }
    o.fleet = (struct fleet_opts){.n = 1};
    T_CHECKF(replay_run(&alone, &t, &test_cost, &o, &e) == 0, "%s", e.msg);
    for (uint32_t i = 0; i < t.n; i++) {
        const struct flight *x = &alone.flight[i], *y = &p->flight[from[i]];

        T_CHECKF(x->status == y->status && x->start_ns == y->start_ns &&
                     x->first_ns == y->first_ns && x->last_ns == y->last_ns &&
                     x->preemptions == y->preemptions && x->given == y->given,
                 "%s: request %u of replica %u of %u: first at %lld, not %lld", o.sched->name, i, k,
                 replicas, (long long)y->first_ns, (long long)x->first_ns);
    }
    replay_free(&alone);
}

static void try_replicas(void)
{
    struct plan plan = make_plan(1, 1);
    struct replay_opts o = make_opts();
    struct plan_totals totals;
    struct columns c;
    struct trace_set t;
    struct replay p;
    struct err e = {0};

    make_trace(&t, &c);
    T_CHECKF(plan_replay(&p, &totals, &plan, &t, &test_cost, &o, &e) == 0, "%s", e.msg);
    for (uint32_t k = 0; k < plan.replicas; k++)
        compare_share(&p, &o, plan.replicas, k);
    replay_free(&p);
}

/* ---- pipelines ---- */

struct step {
    int engine;
    int64_t began, end;
    uint64_t tokens, decodes, kv_sum;
    double pieces;
};

struct record {
    struct step *v;
    size_t n;
    int engine_of[REQUESTS];
};

/* Dealt out to the replicas, a replica's to its batches, a batch's to its copies: as cards are. */
static void deal(struct record *r, const struct plan *p, uint32_t n)
{
    int all[REQUESTS], some[REQUESTS], few[REQUESTS];
    int replicas = (int)p->replicas, stages = (int)p->split.stages;
    int copies = (int)p->split.attn_copies;

    for (uint32_t i = 0; i < n; i++)
        all[i] = (int)i;
    for (int a = 0; a < replicas; a++) {
        int n_some = 0;

        for (int i = a; i < (int)n; i += replicas)
            some[n_some++] = all[i];
        for (int b = 0; b < stages; b++) {
            int n_few = 0;

            for (int i = b; i < n_some; i += stages)
                few[n_few++] = some[i];
            for (int i = 0; i < n_few; i++)
                r->engine_of[few[i]] = (a * stages + b) * copies + i % copies;
        }
    }
}

static void take_step(void *ctx, const struct replica *r)
{
    struct record *rec = ctx;
    struct step *s = &rec->v[rec->n++];

    T_CHECK(rec->n < STEPS && r->n_batch > 0);
    *s = (struct step){.engine = rec->engine_of[r->batch[0].request],
                       .began = r->began_ns,
                       .end = r->end_ns,
                       .tokens = r->shape.tokens,
                       .decodes = r->shape.decodes,
                       .kv_sum = r->shape.kv_sum};
    for (uint32_t i = 0; i < r->shape.n_pieces; i++)
        s->pieces += r->shape.pieces[i].chunk + r->shape.pieces[i].kv;
    for (size_t i = 0; i < r->n_batch; i++)
        T_CHECK(rec->engine_of[r->batch[i].request] == s->engine);
}

/* Steps [from, to) are of one gang, and end together: how long a stage takes. */
static int64_t together(const struct step *v, size_t from, size_t to)
{
    uint64_t all = 0;
    double most = 0;

    for (size_t i = from; i < to; i++)
        all += v[i].tokens;
    for (size_t i = from; i < to; i++)
        most = fmax(most, mix(v[i].tokens, all, v[i].decodes, v[i].kv_sum, v[i].pieces));
    return (int64_t)(1e3 * most);
}

/* A batch begins when its gang's last has ended, or a request has come to it. */
static bool begins_at_once(const struct record *r, const struct trace_set *t, int gang, int copies,
                           int64_t began, int64_t last_end)
{
    bool any = began == last_end;

    for (uint32_t i = 0; i < t->n; i++)
        any = any || (r->engine_of[i] / copies == gang && t->t_ns[i] == began);
    return any && began >= last_end;
}

/* Who ends at the same moment is seen engine by engine, not gang by gang. */
static int by_end(const void *a, const void *b)
{
    const struct step *x = a, *y = b;

    return x->end != y->end ? (x->end > y->end) - (x->end < y->end) : x->engine - y->engine;
}

static void check_steps(const struct record *r, const struct plan *p, const struct trace_set *t,
                        const struct plan_totals *totals)
{
    int copies = (int)p->split.attn_copies, stages = (int)p->split.stages;
    int64_t done[8][8] = {{0}}, last_end[ENGINES], began[8] = {0};
    double busy = 0;
    uint64_t gangs = 0;

    qsort(r->v, r->n, sizeof *r->v, by_end);
    for (int i = 0; i < ENGINES; i++)
        last_end[i] = INT64_MIN;
    for (size_t i = 0; i < r->n;) {
        const struct step *s = &r->v[i];
        int gang = s->engine / copies, pipeline = gang / stages;
        int64_t at = s->began, ns;
        size_t to = i;

        while (to < r->n && r->v[to].engine / copies == gang && r->v[to].end == s->end) {
            T_CHECK(r->v[to].began == s->began);
            to++;
        }
        ns = together(r->v, i, to);
        for (int k = 0; k < stages; k++)
            at = done[pipeline][k] = ns + (at > done[pipeline][k] ? at : done[pipeline][k]);
        T_CHECKF(at == s->end, "batch of engine %d from %lld ends at %lld, not %lld", s->engine,
                 (long long)s->began, (long long)s->end, (long long)at);
        T_CHECK(s->began >= began[pipeline]);
        T_CHECK(begins_at_once(r, t, gang, copies, s->began, last_end[gang]));
        began[pipeline] = s->began;
        last_end[gang] = s->end;
        busy += (double)ns;
        gangs++;
        i = to;
    }
    T_CHECKF(totals->busy_ns == busy && totals->steps == gangs, "busy for %g, not %g",
             totals->busy_ns, busy);
}

static void try_pipeline(struct step *steps)
{
    struct plan plan = make_plan(PICK(1, 2, 3, 4), PICK(1, 1, 2, 4));
    struct replay_opts o = make_opts();
    struct record rec = {.v = steps};
    struct plan_totals totals;
    struct columns c;
    struct trace_set t;
    struct replay p;
    struct err e = {0};

    make_trace(&t, &c);
    deal(&rec, &plan, t.n);
    o.step = take_step;
    o.step_ctx = &rec;
    T_CHECKF(plan_replay(&p, &totals, &plan, &t, &test_cost, &o, &e) == 0, "%s", e.msg);
    for (uint32_t i = 0; i < t.n; i++) {
        const struct flight *f = &p.flight[i];

        T_CHECK(f->status == FLIGHT_ENDED && f->given == t.output[i] && f->start_ns >= t.t_ns[i] &&
                f->start_ns < f->first_ns && f->first_ns <= f->last_ns);
    }
    check_steps(&rec, &plan, &t, &totals);
    replay_free(&p);
}

/* APEX's own reckoning of a pipeline: of as many batches in a row as there are stages the longest
 * counts. Where all requests are there from the beginning both come to about the same, but for the
 * end, where batches are alone in it. Returns ours over APEX's. */
static double try_windows(struct step *steps)
{
    int stages = PICK(2, 3, 4);
    struct plan plan = make_plan(stages, 1);
    struct replay_opts o = make_opts();
    struct record rec = {.v = steps};
    struct plan_totals totals;
    struct columns c;
    struct trace_set t;
    struct replay p;
    struct err e = {0};
    double windows = 0;

    plan.replicas = 1;
    o.sched = &sched_vllm1;
    o.engine.watermark = 0;
    make_trace(&t, &c);
    t.n = REQUESTS;
    for (uint32_t i = 0; i < t.n; i++) {
        c.t_ns[i] = 0;
        c.prompt[i] = 10 + (uint32_t)below(50);
        c.output[i] = 20 + (uint32_t)below(20);
    }
    deal(&rec, &plan, t.n);
    o.step = take_step;
    o.step_ctx = &rec;
    T_CHECKF(plan_replay(&p, &totals, &plan, &t, &test_cost, &o, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < rec.n; i++) {
        int64_t most = 0;

        for (size_t k = i; k < rec.n && k < i + (size_t)stages; k++) {
            int64_t ns = together(steps, k, k + 1);

            most = ns > most ? ns : most;
        }
        windows += (double)most;
    }
    windows = (double)p.end_ns / windows;
    T_CHECKF(windows > 0.9 && windows < 1.4, "%d stages: %.3f of APEX's time", stages, windows);
    replay_free(&p);
    return windows;
}

/* ---- the search ---- */

static const char model[] = "{\"layers\":4,\"dim\":1024,\"ffn\":4096,\"q_heads\":8,\"kv_heads\":4,"
                            "\"head_dim\":128,\"vocab\":32000,\"experts\":4,\"active_experts\":2}";
static const char gpu_text[] = "{\"memory_gib\":%g,\"read_gbs\":100,\"tflops\":20,\"link_gbs\":10,"
                               "\"link_us\":5,\"step_us\":200,\"idle_w\":50,\"busy_w\":250,"
                               "\"hour_price\":%g}";

static void put_gpu(const char *name, double gib, double price)
{
    char text[512];

    tmp_put(name, text, (size_t)snprintf(text, sizeof text, gpu_text, gib, price));
}

struct search {
    struct setup setup;
    struct plan_cluster cluster[2];
    struct columns columns;
    struct trace_set trace;
    struct plan_task task;
    struct plan_try v[512];
    size_t n;
};

static void add_cluster(struct search *s, int k, const char *card, uint32_t gpus, bool by_size)
{
    struct plan_cluster *c = &s->cluster[k];
    struct model_card m;
    struct err e = {0};

    snprintf(c->name, sizeof c->name, "%ux%s", gpus, card);
    c->card = card;
    c->gpus = c->node_gpus = gpus;
    T_CHECKF(card_gpu(&c->gpu, card, &e) == 0 && card_model(&m, "m.json", &e) == 0, "%s", e.msg);
    for (uint32_t g = by_size ? 1 : gpus; g <= gpus; g *= 2) {
        struct plan *v;
        size_t n;

        T_CHECK(plan_list(&v, &n, &m, g, g, &e) == 0);
        for (size_t i = 0; i < n; i++)
            if (!by_size || v[i].replicas == 1) {
                s->v[s->n++] = (struct plan_try){
                    .cluster = c, .plan = v[i], .sched = SCHED_VLLM1, .table = "roofline"};
                T_CHECK(s->n < sizeof s->v / sizeof *s->v);
            }
        free(v);
    }
}

static void make_search(struct search *s, bool by_size)
{
    *s = (struct search){.setup = SETUP_INIT};
    s->setup.table = "roofline";
    s->setup.cost_opts.model = "m.json";
    s->setup.utilization = 1;
    make_trace(&s->trace, &s->columns);
    for (uint32_t i = 0; i < s->trace.n; i++) {
        s->columns.prompt[i] *= 50;
        s->columns.t_ns[i] *= by_size ? PICK(1, 10, 100) : PICK(100, 1000);
        s->columns.t_ns[i] = i && s->columns.t_ns[i] < s->columns.t_ns[i - 1]
                                 ? s->columns.t_ns[i - 1]
                                 : s->columns.t_ns[i];
    }
    put_gpu("a.json", PICK(145 + below(10), 275 + below(20), 400, 800) / 1024.0, 2);
    put_gpu("b.json", PICK(145 + below(10), 275 + below(20), 450) / 1024.0, PICK(1, 2, 3));
    add_cluster(s, 0, "a.json", 4, by_size);
    add_cluster(s, 1, "b.json", by_size ? 2 : 8, by_size);
    s->task = (struct plan_task){
        .setup = &s->setup,
        .trace = &s->trace,
        .slo = {.ttft_ns = 1e6 * PICK(20, 50, 200), .tbt_ns = 1e6 * PICK(2, 5, 20)},
        .good_share = by_size ? PICK(50, 90, 99) / 100.0 : 0,
        .most = (uint32_t)PICK(1, 7, 20),
        .threads = PICK(1, 2, 7)};
}

/* A plan as it is told to fit, or not: what becomes of the trace on it? Returns the requests that
 * are good. */
static uint64_t try_out(const struct search *s, const struct plan_try *p, uint32_t replicas,
                        uint32_t *rejected, double *busy)
{
    struct setup setup = s->setup;
    struct plan plan = p->plan;
    struct plan_totals totals;
    struct summary sum = {0};
    struct replay r = {.trace = NULL};
    struct err e = {0};

    plan.replicas = replicas;
    setup.sched = p->sched;
    setup.cost_opts.gpu = p->cluster->card;
    setup.cost_opts.split = &plan.split;
    *rejected = UINT32_MAX;
    if (setup_open(&setup, &e) == 0) {
        setup.replay.engine.kv_blocks /= plan.split.stages;
        T_CHECKF(plan_replay(&r, &totals, &plan, &s->trace, setup.cost, &setup.replay, &e) == 0,
                 "%s", e.msg);
        T_CHECK(summarize(&sum, &r, &s->task.slo, &e) == 0);
        *rejected = r.rejected;
        *busy = totals.busy_ns / ((double)sum.span_ns * replicas);
    }
    replay_free(&r);
    setup_close(&setup);
    return sum.good;
}

static bool too_heavy(const struct plan_try *p)
{
    struct cost_opts o = {.model = "m.json", .gpu = p->cluster->card, .split = &p->plan.split};
    struct cost_memory m;
    struct err e = {0};
    struct cost *c;

    T_CHECK(cost_open(&c, "roofline", &o, &e) == 0);
    cost_memory(c, &m);
    cost_close(c);
    return m.parameter_bytes > m.gpu_bytes;
}

static void check_try(const struct search *s, const struct plan_try *p, int fits[PLAN_FITS_N])
{
    double seconds = 1e-9 * (double)p->summary.span_ns, gpus = plan_gpus(&p->plan), want;
    double busy = 0;
    uint32_t rejected;
    uint64_t good = try_out(s, p, p->plan.replicas, &rejected, &busy);

    fits[p->fit]++;
    T_CHECK((p->fit == PLAN_PARAMETERS) == too_heavy(p));
    if (p->fit == PLAN_KV)
        T_CHECKF(rejected > 0, "there was room for all: %u", rejected);
    if (p->fit != PLAN_FITS)
        return;
    T_CHECKF(rejected == 0 && good == p->summary.good, "%u rejected, %llu good", rejected,
             (unsigned long long)good);
    want = gpus * (50 * seconds + 200 * seconds * p->busy_share);
    T_CHECKF(fabs(p->energy_j - want) <= 1e-6 * want, "%g J, not %g", p->energy_j, want);
    T_CHECK(fabs(p->price - gpus * p->cluster->gpu.hour_price * seconds / 3600) <= 1e-9);
    T_CHECK(fabs(p->busy_share - busy) <= 1e-9 && busy <= 1 + 1e-9);
}

static void check_ranks(const struct search *s, enum plan_goal goal)
{
    uint32_t order[512];
    bool front[512], seen[512] = {false};
    size_t ranked, fit = 0;
    struct err e = {0};
    enum plan_goal other = plan_other_goal(s->v, s->n, goal);

    T_CHECK(plan_rank(order, &ranked, s->v, s->n, goal, &e) == 0);
    T_CHECK(plan_front(front, s->v, order, ranked, goal, &e) == 0);
    for (size_t i = 0; i < s->n; i++) {
        fit += s->v[i].fit == PLAN_FITS;
        T_CHECK(!seen[order[i]]);
        seen[order[i]] = true;
        T_CHECK((s->v[order[i]].fit == PLAN_FITS) == (i < ranked));
    }
    T_CHECK(fit == ranked);
    for (size_t i = 0; i < ranked; i++) {
        const struct plan_try *p = &s->v[order[i]];
        bool beaten = false;

        for (size_t k = 0; k < ranked; k++) {
            const struct plan_try *q = &s->v[order[k]];
            double x = plan_value(p, PLAN_LATENCY) - plan_value(q, PLAN_LATENCY);
            double y = plan_value(p, other) - plan_value(q, other);

            beaten = beaten || (x >= 0 && y >= 0 && (x > 0 || y > 0 || k < i));
            if (k < i && goal == PLAN_HOUR && q->met != p->met)
                T_CHECK(q->met);
            else if (k < i)
                T_CHECK(plan_value(q, goal) <= plan_value(p, goal));
        }
        T_CHECK(front[i] == !beaten);
    }
}

static void try_search(struct search *s, struct search *again, int fits[PLAN_FITS_N])
{
    struct err e = {0};

    make_search(s, false);
    *again = *s;
    T_CHECKF(plan_search(s->v, s->n, &s->task, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < s->n; i++)
        check_try(s, &s->v[i], fits);
    for (int goal = 0; goal < PLAN_HOUR; goal++)
        check_ranks(s, (enum plan_goal)goal);
    again->task.threads = 3 - s->task.threads % 3;
    T_CHECK(plan_search(again->v, s->n, &again->task, &e) == 0);
    for (size_t i = 0; i < s->n; i++)
        T_CHECK(memcmp(&s->v[i].summary, &again->v[i].summary, sizeof s->v[i].summary) == 0 &&
                s->v[i].energy_j == again->v[i].energy_j && s->v[i].fit == again->v[i].fit);
}

/* So many replicas are enough, and one fewer is not. */
static void check_size(const struct search *s, const struct plan_try *p)
{
    double want = s->task.good_share * s->trace.n;
    double busy;
    uint32_t rejected, n = p->plan.replicas;

    if (p->fit == PLAN_OBJECTIVE) {
        T_CHECK(try_out(s, p, s->trace.n, &rejected, &busy) < want);
        return;
    }
    if (p->fit != PLAN_FITS)
        return;
    T_CHECK(n >= 1 && n <= s->task.most);
    T_CHECKF((try_out(s, p, n, &rejected, &busy) >= want) == p->met, "%u replicas", n);
    T_CHECK(p->met || n == s->task.most);
    T_CHECKF(!p->met || n == 1 || try_out(s, p, n - 1, &rejected, &busy) < want, "%u replicas", n);
    T_CHECK(p->hour_price == plan_gpus(&p->plan) * p->cluster->gpu.hour_price);
}

static void try_size(struct search *s, int fits[PLAN_FITS_N], int *met)
{
    struct err e = {0};

    make_search(s, true);
    T_CHECKF(plan_search(s->v, s->n, &s->task, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < s->n; i++) {
        check_size(s, &s->v[i]);
        fits[s->v[i].fit]++;
        *met += s->v[i].fit == PLAN_FITS && s->v[i].met;
    }
    check_ranks(s, PLAN_HOUR);
}

/* One that waits for another, one that no plan can run, and none at all. */
static void try_few(void)
{
    struct plan plan = make_plan(2, 2);
    struct replay_opts o = make_opts();
    struct plan_totals totals;
    struct columns c = {.prompt = {50, 20}, .output = {5, 3}};
    uint32_t after_end[2] = {0, 1}, after[1] = {0};
    struct trace_set t = {.n = 2, .t_ns = c.t_ns, .prompt = c.prompt, .output = c.output};
    struct replay p;
    struct err e = {0};

    t.after_end = after_end;
    t.after = after;
    T_CHECKF(plan_replay(&p, &totals, &plan, &t, &test_cost, &o, &e) == 0, "%s", e.msg);
    T_CHECK(p.flight[1].start_ns == p.flight[0].last_ns && p.flight[1].given == 3);
    replay_free(&p);
    t.after_end = NULL;
    o.sched = &sched_sarathi;
    o.engine.kv_blocks = 2;
    o.engine.block_tokens = 1;
    T_CHECK(plan_replay(&p, &totals, &plan, &t, &test_cost, &o, &e) == 0 && p.rejected == 2);
    replay_free(&p);
    t.n = 0;
    T_CHECK(plan_replay(&p, &totals, &plan, &t, &test_cost, &o, &e) == 0 && totals.steps == 0);
    replay_free(&p);
}

/* To the engine that has the fewest, wherever it is: its time over that of turns. */
static double try_dispatch(void)
{
    struct plan plan = make_plan(2, 2);
    struct replay_opts o = make_opts();
    struct plan_totals totals;
    struct columns c;
    struct trace_set t;
    struct replay p;
    struct err e = {0};
    double own, turns;

    make_trace(&t, &c);
    t.n = 32;
    for (uint32_t i = 0; i < t.n; i++) {
        c.t_ns[i] = 100000 * (int64_t)i;
        c.prompt[i] = 20;
        /* Every eighth is long: in turn they all go to the same engines. */
        c.output[i] = i % (2 * plan_engines(&plan)) == 0 ? 80 : 2;
    }
    o.sched = &sched_vllm1;
    T_CHECK(plan_replay(&p, &totals, &plan, &t, &test_cost, &o, &e) == 0);
    turns = (double)p.end_ns;
    replay_free(&p);
    o.fleet.route = &route_least_outstanding;
    T_CHECK(plan_replay(&p, &totals, &plan, &t, &test_cost, &o, &e) == 0);
    own = (double)p.end_ns;
    replay_free(&p);
    return own / turns;
}

int main(void)
{
    struct step *steps = malloc(STEPS * sizeof *steps);
    struct search *s = malloc(sizeof *s), *again = malloc(sizeof *again);
    int fits[PLAN_FITS_N] = {0}, met = 0;
    double ratio = 0;

    if (!steps || !s || !again)
        return 1;
    tmp_enter();
    tmp_put("m.json", model, strlen(model));
    for (int i = 0; i < 300; i++) {
        rng = 1 + (unsigned long long)i;
        try_replicas();
        try_pipeline(steps);
        ratio += try_windows(steps) / 300;
    }
    T_CHECKF(ratio > 0.97 && ratio < 1.03, "%.4f of APEX's time", ratio);
    for (int i = 0; i < 12; i++) {
        rng = 1000 + (unsigned long long)i;
        try_search(s, again, fits);
        try_size(s, fits, &met);
    }
    /* All that can become of a plan has. */
    T_CHECKF(fits[PLAN_FITS] && fits[PLAN_PARAMETERS] && fits[PLAN_KV] && fits[PLAN_OBJECTIVE] &&
                 met > 0,
             "%d fit, %d and %d do not, %d are too slow, %d met", fits[PLAN_FITS],
             fits[PLAN_PARAMETERS], fits[PLAN_KV], fits[PLAN_OBJECTIVE], met);
    rng = 7;
    try_few();
    ratio = 0;
    for (int i = 0; i < 20; i++)
        ratio += try_dispatch() / 20;
    T_CHECKF(ratio < 0.95, "%.3f of the time in turn", ratio);
    tmp_leave();
    free(steps);
    free(s);
    free(again);
    return t_done("prop_plan_replay");
}
