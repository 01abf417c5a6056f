/* trace-capacity - the largest rate of arrivals that meets an objective. */
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
#include "sim/capacity.h"
#include "sim/sim.h"

static const struct cli_prog prog = {
    "trace-capacity", "TRACE", "Find the largest rate of requests that meets an objective.", 1, 1};

enum { LIST_MOST = 64, NAME_MOST = 4096 };

#define GOOD_SHARE 0.99 /* where none is given */

struct asked {
    struct setup setup;
    struct cli_common co;
    const char *path, *scheds, *budgets, *tables, *slo;
    struct objective objective;
    double tbt, ttft, e2e, delay, good_share, precision;
    uint64_t seed;
    bool shuffle;
};

/* One cell of the sweep. */
struct cell {
    struct setup setup;
    char table[NAME_MOST];
    struct capacity found;
    struct err err;
};

struct sweep {
    struct cell *cell;
    size_t n;
};

/* ---- the sweep's lists ---- */

static size_t scheds_of(const struct asked *a, int *v)
{
    size_t n = a->scheds ? setup_scheds(a->scheds, v, LIST_MOST) : 1;

    if (n == 0)
        cli_misuse(SETUP_SCHEDS_WRONG, a->scheds);
    v[0] = a->scheds ? v[0] : a->setup.sched;
    return n;
}

static size_t budgets_of(const struct asked *a, uint64_t *v)
{
    double given[LIST_MOST];
    size_t n = a->budgets ? list_numbers(a->budgets, given, LIST_MOST) : 1;

    if (n == 0)
        cli_misuse("'--budgets' is a list of up to %d numbers, not '%s'", LIST_MOST, a->budgets);
    v[0] = a->setup.budget;
    for (size_t i = 0; a->budgets && i < n; i++) {
        if (!(given[i] >= 1 && given[i] <= 1 << 30 && given[i] == floor(given[i])))
            cli_misuse("'--budgets' are whole numbers of tokens, 1 to %d", 1 << 30);
        v[i] = (uint64_t)given[i];
    }
    return n;
}

/* Tables by schedulers by budgets. */
static int make_cells(const struct asked *a, struct sweep *s, struct err *e)
{
    uint64_t budget[LIST_MOST];
    int sched[LIST_MOST];
    size_t scheds = scheds_of(a, sched), budgets = budgets_of(a, budget), len, cap = 0;
    const char *list = a->tables ? a->tables : a->setup.table, *p;

    while ((p = list_item(&list, &len))) {
        if (mem_reserve(&s->cell, &cap, s->n + scheds * budgets, sizeof *s->cell, e) < 0)
            return e->code;
        for (size_t i = 0; i < scheds * budgets; i++) {
            struct cell *c = &s->cell[s->n++];

            *c = (struct cell){.setup = a->setup};
            snprintf(c->table, sizeof c->table, "%.*s", (int)len, p);
            cli_inputs_stay(&a->co.out, 1, (const char *const[]){c->table}, 1);
            c->setup.sched = sched[i / budgets];
            c->setup.budget = budget[i % budgets];
        }
    }
    return 0;
}

/* ---- running it ---- */

static void run_cell(const struct asked *a, const struct trace_set *t, struct cell *c)
{
    struct capacity_opts o = {.objective = a->objective,
                              .seed = a->seed,
                              .shuffle = a->shuffle,
                              .precision = a->precision,
                              .least = 1.0 / 1024,
                              .most = 1e6};

    c->setup.table = c->table;
    if (setup_open(&c->setup, &c->err) == 0)
        capacity_find(&c->found, t, c->setup.cost, &c->setup.replay, &o, &c->err);
    setup_close(&c->setup);
}

static void run_all(const struct asked *a, const struct trace_set *t, struct sweep *s,
                    struct progress *p)
{
    int threads = par_threads(a->co.threads);
    size_t done = 0;

#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < s->n; i++) {
        run_cell(a, t, &s->cell[i]);
#pragma omp critical
        progress_report(p, "searching", ++done, s->n);
    }
}

static void row(struct out *o, const struct cell *c)
{
    const struct summary *s = &c->found.summary;

    out_row(o);
    out_cstr(o, "cost", c->table);
    out_cstr(o, "sched", c->setup.replay.sched->name);
    out_u64(o, "budget", c->setup.replay.engine.most_tokens);
    out_double(o, "capacity_per_s", c->found.rate, 4);
    out_double(o, "tbt_p99_s", 1e-9 * s->metric[METRIC_TBT].point[METRIC_P99], 6);
    out_double(o, "ttft_p99_s", 1e-9 * s->metric[METRIC_TTFT].point[METRIC_P99], 6);
    out_double(o, "delay_p50_s", 1e-9 * s->metric[METRIC_DELAY].point[METRIC_P50], 6);
    out_double(o, "output_tokens_per_s", s->output_tokens_a_s, 2);
    out_double(o, "good_share", s->requests ? (double)s->good / (double)s->requests : 0, 4);
    out_end_row(o);
}

static int write_all(const struct asked *a, const struct sweep *s, struct err *e)
{
    struct out_opts to = {.path = a->co.out, .json = a->co.json};
    struct out *o;

    for (size_t i = 0; i < s->n; i++)
        if (s->cell[i].err.code) {
            *e = s->cell[i].err;
            return e->code;
        }
    if (out_open(&o, &to, e) < 0)
        return e->code;
    out_header(o, "cost sched budget capacity_per_s tbt_p99_s ttft_p99_s delay_p50_s "
                  "output_tokens_per_s good_share");
    for (size_t i = 0; i < s->n; i++)
        row(o, &s->cell[i]);
    return out_commit(&o, e);
}

/* What can never run, and is why a rate is 0 or a share smaller. */
static void tell_rejected(const struct asked *a, const struct trace_set *t, const struct cell *c)
{
    size_t len;
    const char *id;

    if (!c->found.rejected)
        return;
    id = trace_set_id(t, c->found.first_rejected, &len);
    cli_note(a->co.quiet, "%s, %s, budget %u: %u requests can never run%s; the first is '%.*s'",
             c->table, c->setup.replay.sched->name, c->setup.replay.engine.most_tokens,
             c->found.rejected,
             a->slo ? ", and are not good" : ", so that no rate meets the objective",
             (int)(len < 80 ? len : 80), id);
}

/* What is no capacity: the last rate that was tried. */
static void tell_unbounded(const struct asked *a, const struct cell *c)
{
    if (c->found.unbounded)
        cli_note(a->co.quiet,
                 "%s, %s, budget %u: the objective is met up to %g requests a second, the most "
                 "that is tried: nothing bounds the rate",
                 c->table, c->setup.replay.sched->name, c->setup.replay.engine.most_tokens,
                 c->found.rate);
}

static int search(const struct asked *a, struct progress *p, struct err *e)
{
    struct trace_load_opts how = {.read = {.format = TRACE_AUTO},
                                  .any_times = true,
                                  .progress = progress_report,
                                  .progress_ctx = p};
    struct trace_set t = {0};
    struct sweep s = {0};
    uint64_t bad;
    int rc = trace_load(&t, a->path, &how, &bad, e);

    if (rc == 0)
        rc = make_cells(a, &s, e);
    if (rc == 0) {
        run_all(a, &t, &s, p);
        rc = write_all(a, &s, e);
        for (size_t i = 0; rc == 0 && i < s.n; i++) {
            tell_rejected(a, &t, &s.cell[i]);
            tell_unbounded(a, &s.cell[i]);
        }
    }
    free(s.cell);
    trace_set_free(&t);
    return rc;
}

static void settle(struct asked *a)
{
    struct setup s = a->setup;
    const char *wrong;

    s.table = a->tables ? a->tables : s.table;
    if ((wrong = setup_wrong(&s)) || (wrong = setup_cards_wrong(s.table, &s.cost_opts)))
        cli_misuse("%s", wrong);
    if (!(a->tbt >= 0 && a->ttft >= 0 && a->e2e >= 0 && a->delay >= 0))
        cli_misuse("objectives are 0 or more seconds");
    if (a->tbt + a->ttft + a->e2e + a->delay == 0 && !a->slo)
        cli_misuse("an objective is needed: '--tbt', '--ttft', '--e2e', '--delay' or '--slo'");
    if (a->good_share != -1 && !(a->slo && a->good_share > 0 && a->good_share <= 1))
        cli_misuse("'--good-share' is above 0 and up to 1, and goes with '--slo'");
    if (a->good_share == -1)
        a->good_share = GOOD_SHARE;
    a->objective = (struct objective){.tbt_p99_ns = 1e9 * a->tbt,
                                      .ttft_p99_ns = 1e9 * a->ttft,
                                      .e2e_p99_ns = 1e9 * a->e2e,
                                      .delay_p50_ns = 1e9 * a->delay,
                                      .good_share = a->slo ? a->good_share : 0};
    if (!setup_slo(&a->objective.slo, a->slo))
        cli_misuse("%s", SETUP_SLO_WRONG);
    if (!(a->precision >= 1e-4 && a->precision <= 1))
        cli_misuse("'--precision' is 0.0001 to 1");
    cli_files(&a->co.out, 1, (const char *const[]){a->path, SETUP_FILES(&s)}, 4);
}

int main(int argc, char **argv)
{
    struct asked a = {
        .setup = SETUP_INIT, .delay = 2, .good_share = -1, .precision = 0.01, .seed = 1};
    const struct cli_opt opts[] = {
        SETUP_OPTIONS(&a.setup),
        CLI_DOUBLE(0, "tbt", &a.tbt, "S", "P99 of the times between tokens is at most S seconds"),
        CLI_DOUBLE(0, "ttft", &a.ttft, "S", "P99 of the times to the first token"),
        CLI_DOUBLE(0, "e2e", &a.e2e, "S", "P99 of the times to the last token"),
        CLI_DOUBLE(0, "delay", &a.delay, "S", "median delay before the first step (default 2)"),
        SETUP_SLO_OPTION(&a.slo),
        CLI_DOUBLE(0, "good-share", &a.good_share, "X", "requests that meet --slo (default 0.99)"),
        CLI_STR(0, "scheds", &a.scheds, "LIST", "schedulers to compare"),
        CLI_STR(0, "budgets", &a.budgets, "LIST", "budgets to compare"),
        CLI_STR(0, "costs", &a.tables, "LIST", "cost models to compare"),
        CLI_DOUBLE(0, "precision", &a.precision, "X", "of the rate (default 0.01)"),
        CLI_FLAG(0, "shuffle", &a.shuffle, "requests in a random order"),
        CLI_SEED(&a.seed),
        CLI_COMMON(&a.co),
        CLI_END,
    };
    struct progress progress;
    struct err e = {0};
    int rc;

    a.path = argv[cli_parse(&prog, opts, argc, argv)];
    settle(&a);
    progress_init(&progress, a.co.quiet);
    rc = search(&a, &progress, &e);
    progress_end(&progress);
    cli_finish(a.co.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
