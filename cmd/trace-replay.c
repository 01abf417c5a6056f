/* trace-replay - a serving trace under a scheduler and a cost model. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/num.h"
#include "base/out.h"
#include "base/progress.h"
#include "sim/sim.h"

static const struct cli_prog prog = {
    "trace-replay", "TRACE", "Replay a serving trace under a scheduler and a cost model.", 1, 1};

#define NOT_GIVEN UINT64_MAX

struct asked {
    const char *rows, *path, *cost, *slo;
    bool json, quiet, verbose, no_prefix_cache, check, skip_bad;
    int sched, compat;
    uint64_t budget, seqs, block, kv_blocks, max_length;
    double utilization, reserve, overhead_us;
    struct cost_opts cost_opts;
};

/* All that a replay is made of. */
struct parts {
    struct cost *cost;
    struct trace_set trace;
    struct replay_opts o;
    struct replay replay;
    struct slo slo;
    struct summary summary;
};

/* ---- options ---- */

/* "ttft=0.5,tbt=0.1": seconds. */
static bool parse_slo(struct slo *s, const char *text)
{
    while (text && *text) {
        const char *eq = strchr(text, '='), *end = text + strcspn(text, ",");
        char number[40];
        double v, *to;

        if (!eq || eq > end || end - eq > (long)sizeof number - 1)
            return false;
        to = strncmp(text, "ttft=", 5) == 0  ? &s->ttft_ns
             : strncmp(text, "tbt=", 4) == 0 ? &s->tbt_ns
             : strncmp(text, "e2e=", 4) == 0 ? &s->e2e_ns
                                             : NULL;
        memcpy(number, eq + 1, (size_t)(end - eq - 1));
        number[end - eq - 1] = '\0';
        if (!to || !num_double(number, &v) || !(v > 0))
            return false;
        *to = 1e9 * v;
        text = *end ? end + 1 : end;
    }
    return true;
}

static void settle(struct asked *a, struct parts *p)
{
    const struct sched *s = sched_at((size_t)a->sched);
    struct engine_opts *o = &p->o.engine;

    if (!a->cost)
        cli_misuse("'--cost' is needed: a table, a folder of layer tables, or roofline");
    if (a->block < 1 || a->block > 1 << 20)
        cli_misuse("'--block-size' is 1 to 1048576");
    if (a->kv_blocks != NOT_GIVEN && (a->kv_blocks < 1 || a->kv_blocks > 1000000000))
        cli_misuse("'--kv-blocks' is 1 to 1000000000");
    if (!(a->utilization > 0 && a->utilization <= 1))
        cli_misuse("'--gpu-memory-utilization' is above 0 and up to 1");
    if (!(a->reserve >= 0) || !(a->overhead_us >= 0 && a->overhead_us < 1e9))
        cli_misuse("'--reserve-gib' and '--step-overhead-us' are 0 or more");
    if (!parse_slo(&p->slo, a->slo))
        cli_misuse("'--slo' is like ttft=0.5,tbt=0.1,e2e=30, in seconds");
    if (a->seqs == 0 || a->budget == 0 || (a->seqs != NOT_GIVEN && a->seqs > 1 << 20) ||
        (a->budget != NOT_GIVEN && a->budget > 1 << 30))
        cli_misuse("'--max-num-seqs' and '--max-num-batched-tokens' are 1 to 2^20 and 2^30");
    p->o.sched = s;
    p->o.check = a->check;
    o->vidur = a->compat == 1;
    o->block_tokens = (uint32_t)a->block;
    o->most_requests = a->seqs != NOT_GIVEN ? (uint32_t)a->seqs : o->vidur ? 128 : s->most_requests;
    o->most_tokens = a->budget != NOT_GIVEN ? (uint32_t)a->budget : s->most_tokens;
    o->max_length = (uint32_t)a->max_length;
    o->watermark = s->watermark;
    o->step_overhead_us = a->overhead_us;
    o->prefix_cache = !a->no_prefix_cache;
}

/* ---- the replay ---- */

static int set_blocks(const struct asked *a, struct parts *p, struct err *e)
{
    struct memory_opts m = {.gpu = a->cost_opts.gpu,
                            .utilization = a->utilization,
                            .reserve_gib = a->reserve,
                            .block_tokens = (uint32_t)a->block,
                            .vidur = p->o.engine.vidur,
                            .max_tokens = 4096};

    p->o.engine.kv_blocks = (uint32_t)a->kv_blocks;
    return a->kv_blocks != NOT_GIVEN ? 0 : memory_blocks(&p->o.engine.kv_blocks, p->cost, &m, e);
}

/* What was not asked for is no more than was measured. */
static void stay_measured(const struct asked *a, struct parts *p)
{
    struct engine_opts *o = &p->o.engine;
    struct cost_memory m;

    cost_memory(p->cost, &m);
    if (a->cost_opts.extrapolate)
        return;
    if (a->seqs == NOT_GIVEN && m.most_requests > 0 && m.most_requests < o->most_requests)
        o->most_requests = (uint32_t)m.most_requests;
    if (a->budget == NOT_GIVEN && m.most_tokens > 0 && m.most_tokens < o->most_tokens)
        o->most_tokens = (uint32_t)m.most_tokens;
}

static int load(const struct asked *a, struct parts *p, struct progress *progress, struct err *e)
{
    struct trace_load_opts how = {.read = {.format = TRACE_AUTO},
                                  .skip_bad = a->skip_bad,
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

static void number(struct out *o, bool json, const char *what, double v, int decimals)
{
    if (json) {
        out_double(o, what, v, decimals);
        return;
    }
    out_row(o);
    out_cstr(o, "what", what);
    out_double(o, "value", v, decimals);
    out_end_row(o);
}

static void latency(struct out *o, bool json, enum metric m, const struct distribution *d)
{
    char name[40];

    for (int p = -1; p < METRIC_POINTS; p++) {
        double v = p < 0 ? d->mean : d->point[p];

        snprintf(name, sizeof name, "%s_%s_s", metric_names[m],
                 p < 0 ? "mean" : metric_point_names[p]);
        number(o, json, name, 1e-9 * v, 6);
    }
}

static void print_summary(struct out *o, bool json, const struct parts *p)
{
    const struct summary *s = &p->summary;

    out_header(o, "what value");
    if (json)
        out_row(o);
    number(o, json, "requests", (double)s->requests, 0);
    number(o, json, "rejected", (double)s->rejected, 0);
    number(o, json, "preemptions", (double)s->preemptions, 0);
    number(o, json, "steps", (double)s->steps, 0);
    number(o, json, "span_s", 1e-9 * (double)s->span_ns, 6);
    number(o, json, "prompt_tokens", (double)s->prompt_tokens, 0);
    number(o, json, "output_tokens", (double)s->output_tokens, 0);
    number(o, json, "computed_tokens", (double)s->computed_tokens, 0);
    number(o, json, "prefix_hit_tokens", (double)s->hit_tokens, 0);
    number(o, json, "requests_per_s", s->requests_a_s, 4);
    number(o, json, "output_tokens_per_s", s->output_tokens_a_s, 2);
    number(o, json, "goodput_per_s", s->goodput, 4);
    number(o, json, "good_share", s->requests ? (double)s->good / (double)s->requests : 0, 4);
    number(o, json, "busy_share", s->busy_share, 4);
    number(o, json, "kv_blocks", (double)p->o.engine.kv_blocks, 0);
    number(o, json, "kv_share", s->kv_share, 4);
    for (int m = 0; m < METRICS; m++)
        latency(o, json, (enum metric)m, &s->metric[m]);
    if (json)
        out_end_row(o);
}

static int write_summary(const struct asked *a, struct parts *p, struct err *e)
{
    struct out_opts to = {.json = a->json};
    struct out *o;

    if (summarize(&p->summary, &p->replay, &p->slo, e) < 0)
        return e->code;
    if (a->rows && strcmp(a->rows, "-") == 0)
        return 0;
    if (out_open(&o, &to, e) < 0)
        return e->code;
    print_summary(o, a->json, p);
    return out_commit(&o, e);
}

static int run(const struct asked *a, struct parts *p, struct progress *progress, struct err *e)
{
    int rc = cost_open(&p->cost, a->cost, &a->cost_opts, e);

    if (rc == 0)
        rc = set_blocks(a, p, e);
    if (rc == 0)
        stay_measured(a, p);
    if (rc == 0)
        rc = load(a, p, progress, e);
    p->o.progress = progress_report;
    p->o.progress_ctx = progress;
    if (rc == 0)
        rc = replay_run(&p->replay, &p->trace, p->cost, &p->o, e);
    if (rc == 0)
        rc = write_rows(a, p, e);
    if (rc == 0)
        rc = write_summary(a, p, e);
    if (rc == 0 && p->replay.rejected)
        cli_note(a->quiet, "%u requests can never run, and were rejected", p->replay.rejected);
    replay_free(&p->replay);
    trace_set_free(&p->trace);
    cost_close(p->cost);
    return rc;
}

int main(int argc, char **argv)
{
    struct asked a = {.budget = NOT_GIVEN,
                      .seqs = NOT_GIVEN,
                      .kv_blocks = NOT_GIVEN,
                      .block = 16,
                      .utilization = 0.9};
    const struct cli_opt opts[] = {
        CLI_STR(0, "cost", &a.cost, "TABLE",
                "the cost model: a table, a folder of tables, or roofline"),
        CLI_CHOICE(0, "sched", &a.sched, SCHED_NAMES, "the scheduler (default vllm0)"),
        CLI_CHOICE(0, "compat", &a.compat, "none|vidur", "another simulator's quirks"),
        CLI_STR(0, "model", &a.cost_opts.model, "CARD", "the model, where tables are of a layer"),
        CLI_STR(0, "gpu", &a.cost_opts.gpu, "CARD",
                "the GPU: for roofline, and where a table does not say its memory"),
        CLI_DOUBLE(0, "tp", &a.cost_opts.tp, "N",
                   "roofline: GPUs that share the model (default 1)"),
        CLI_U64(0, "budget", &a.budget, "N", "the same as --max-num-batched-tokens"),
        CLI_U64(0, "max-num-batched-tokens", &a.budget, "N",
                "tokens of a step (default: the scheduler's)"),
        CLI_U64(0, "max-num-seqs", &a.seqs, "N", "requests of a step (default: the scheduler's)"),
        CLI_U64(0, "max-model-len", &a.max_length, "N", "reject what is longer"),
        CLI_U64(0, "block-size", &a.block, "N", "tokens of a KV block (default 16)"),
        CLI_U64(0, "kv-blocks", &a.kv_blocks, "N", "KV blocks (default: what memory has room for)"),
        CLI_DOUBLE(0, "gpu-memory-utilization", &a.utilization, "X",
                   "share of the memory that is used (default 0.9)"),
        CLI_DOUBLE(0, "reserve-gib", &a.reserve, "X", "memory for other things (default 0)"),
        CLI_FLAG(0, "no-prefix-cache", &a.no_prefix_cache, "share no prefixes"),
        CLI_DOUBLE(0, "step-overhead-us", &a.overhead_us, "X",
                   "host time of every step (default 0)"),
        CLI_FLAG(0, "extrapolate", &a.cost_opts.extrapolate, "go on beyond what was measured"),
        CLI_DOUBLE(0, "link-gbs", &a.cost_opts.link_gbs, "X",
                   "GB/s between GPUs, where a table has no all-reduce"),
        CLI_DOUBLE(0, "link-us", &a.cost_opts.link_us, "X", "and its latency"),
        CLI_STR(0, "slo", &a.slo, "LIST", "objectives in seconds: ttft=0.5,tbt=0.1,e2e=30"),
        CLI_FLAG(0, "check", &a.check, "assert the invariants at every step"),
        CLI_FLAG(0, "skip-bad", &a.skip_bad, "leave bad records out, and count them"),
        CLI_STR('o', "output", &a.rows, "FILE", "a row of times for each request"),
        CLI_FLAG(0, "json", &a.json, "the summary as JSON"),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    struct parts p = {0};
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
