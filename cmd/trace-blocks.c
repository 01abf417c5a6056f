/* trace-blocks - a serving trace of many applications on shared blocks of models. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/cli.h"
#include "base/out.h"
#include "base/progress.h"
#include "sim/blocks.h"
#include "sim/sim.h"

static const struct cli_prog prog = {
    "trace-blocks", "TRACE APPS",
    "Replay a serving trace of many applications that share blocks of models.", 2, 2};

struct asked {
    const char *rows, *trace, *apps, *slo;
    uint64_t servers, devices, seqs, budget;
    double scale_ms, idle_ms;
    int serving, choice;
    bool json, quiet, verbose, skip_bad;
    struct blocks_opts o;
};

struct parts {
    struct trace_set trace;
    struct block_set set, merged;
    struct blocks_run run;
    struct slo slo;
    struct summary summary;
    double apart; /* bytes of parameters, were nothing shared */
};

/* A number and its range, for one message. */
struct range {
    const char *name;
    double v, least, most;
};

static void settle(struct asked *a, struct parts *p)
{
    struct blocks_opts *o = &a->o;
    const struct range ranges[] = {
        {"--servers", (double)a->servers, 1, 1024},
        {"--devices", (double)a->devices, 1, 1024},
        {"--max-num-seqs", (double)a->seqs, 1, 1 << 20},
        {"--budget", (double)a->budget, 1, TRACE_TOKENS_MOST},
        {"--kv-share", o->kv_share, 0, 1},
        {"--link-gbs", o->link_gbs, 1e-6, 1e6},
        {"--bus-gbs", o->bus_gbs, 1e-6, 1e6},
        {"--load-gbs", o->load_gbs, 1e-6, 1e6},
        {"--link-us", o->link_us, 0, 1e9},
        {"--hop-us", o->hop_us, 0, 1e9},
        {"--stay-us", o->stay_us, 0, 1e12},
        {"--scale-ms", a->scale_ms, 0, 1e12},
        {"--idle-ms", a->idle_ms, 0, 1e12},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        cli_number_in(ranges[i].name, ranges[i].v, ranges[i].least, ranges[i].most);
    if (a->servers * a->devices > BLOCK_DEVICES_MOST)
        cli_misuse("there are up to %d devices in all", BLOCK_DEVICES_MOST);
    if (!o->memory || o->memory > UINT64_C(1) << 50)
        cli_misuse("'--device-memory' is above 0, and up to 1024T");
    if (!setup_slo(&p->slo, a->slo) || p->slo.ema_rate > 0)
        cli_misuse("'--slo' is like ttft=0.5,tbt=0.1,e2e=30, in seconds, or prompt_rate=512, in "
                   "tokens a second");
    o->servers = (uint32_t)a->servers;
    o->devices = (uint32_t)a->devices;
    o->most_requests = (uint32_t)a->seqs;
    o->most_tokens = (uint32_t)a->budget;
    o->scale_us = 1e3 * a->scale_ms;
    o->idle_us = 1e3 * a->idle_ms;
    o->choice = (enum block_choice)a->choice;
    /* Inside a model nothing is dispatched. */
    if (a->serving != SERVE_BLOCKS)
        o->hop_us = 0;
}

static int load(const struct asked *a, struct parts *p, struct progress *progress, struct err *e)
{
    struct trace_load_opts how = {.read = {.format = TRACE_AUTO},
                                  .skip_bad = a->skip_bad,
                                  .progress = progress_report,
                                  .progress_ctx = progress};
    uint64_t bad;

    if (block_set_load(&p->set, a->apps, e) < 0 ||
        trace_load(&p->trace, a->trace, &how, &bad, e) < 0)
        return e->code;
    if (bad)
        cli_note(a->quiet, "%" PRIu64 " bad records were left out", bad);
    for (uint32_t i = 0; i < p->set.apps; i++)
        p->apart += (double)block_chain_bytes(&p->set, i);
    return a->serving == SERVE_BLOCKS
               ? 0
               : block_set_merge(&p->merged, &p->set, (enum block_serving)a->serving, e);
}

/* ---- the summary ---- */

static void write_latencies(struct out *o, const struct summary *s)
{
    char name[40];

    for (int m = 0; m <= METRIC_STEP; m++) {
        const struct distribution *d = &s->metric[m];

        snprintf(name, sizeof name, "%s_mean_s", metric_names[m]);
        out_value(o, name, 1e-9 * d->mean, 6);
        for (int k = 0; k < METRIC_POINTS; k++) {
            snprintf(name, sizeof name, "%s_%s_s", metric_names[m], metric_point_names[k]);
            out_value(o, name, 1e-9 * d->point[k], 6);
        }
    }
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static void write_memory(struct out *o, const struct parts *p)
{
    const struct blocks_totals *t = &p->run.total;
    const double gib = 0x1p-30;

    out_value(o, "applications_gib", gib * p->apart, 3);
    out_value(o, "blocks_gib", gib * t->parameters_once, 3);
    out_value(o, "parameters_most_gib", gib * (double)t->parameters_most, 3);
    out_value(o, "kv_most_gib", gib * (double)t->kv_most, 3);
    out_value(o, "loads", (double)t->loads, 0);
    out_value(o, "loaded_gib", gib * t->loaded, 3);
    out_value(o, "evictions", (double)t->evictions, 0);
    out_value(o, "copies", (double)t->copies, 0);
}

static void write_hops(struct out *o, const struct blocks_totals *t)
{
    out_value(o, "hops", (double)t->hops, 0);
    out_value(o, "remote_hops", (double)t->remote_hops, 0);
    out_value(o, "equivalent_hops", (double)t->alike_hops, 0);
    out_value(o, "activations_moved_gib", 0x1p-30 * t->activations_moved, 6);
    out_value(o, "kv_moves", (double)t->moves, 0);
    out_value(o, "kv_moved_gib", 0x1p-30 * t->kv_moved, 6);
    out_value(o, "kv_recomputed", (double)t->recomputes, 0);
    out_value(o, "guesses", (double)t->guesses, 0);
    out_value(o, "guesses_right", (double)t->right, 0);
}

static int write_summary(const struct asked *a, struct parts *p, struct err *e)
{
    struct out_opts to = {.json = a->json};
    const struct summary *s = &p->summary;
    const struct blocks_totals *t = &p->run.total;
    struct out *o;

    if (summarize(&p->summary, &p->run.times, &p->slo, e) < 0 || (a->rows && cli_is_std(a->rows)))
        return e->code;
    if (out_open(&o, &to, e) < 0)
        return e->code;
    out_facts(o);
    out_value(o, "requests", (double)s->requests, 0);
    out_value(o, "rejected", (double)s->rejected, 0);
    out_value(o, "span_s", 1e-9 * (double)s->span_ns, 6);
    out_value(o, "requests_per_s", s->requests_a_s, 6);
    out_value(o, "output_tokens_per_s", s->output_tokens_a_s, 3);
    out_value(o, "good", (double)s->good, 0);
    out_value(o, "batches", (double)t->batches, 0);
    out_value(o, "batch_mean", share((double)t->batched, (double)t->batches), 3);
    out_value(o, "busy_share", s->busy_share, 6);
    out_value(o, "utilization", share(t->work_ns, t->busy_ns), 6);
    write_memory(o, p);
    write_hops(o, t);
    write_latencies(o, s);
    out_end_facts(o);
    return out_commit(&o, e);
}

static int run(const struct asked *a, struct parts *p, struct progress *progress, struct err *e)
{
    struct blocks_opts o = a->o;
    int rc = load(a, p, progress, e);

    o.progress = progress_report;
    o.progress_ctx = progress;
    if (rc == 0 && (rc = blocks_run(&p->run, &p->trace, p->merged.blocks ? &p->merged : &p->set, &o,
                                    e)) == ERR_INPUT)
        err_prefix(e, "%s", a->trace);
    if (rc == 0)
        rc = rows_write(a->rows, &p->run.times, e);
    if (rc == 0)
        rc = write_summary(a, p, e);
    if (rc == 0 && p->run.times.rejected > 0)
        cli_note(a->quiet, "%u requests can never run, and were rejected", p->run.times.rejected);
    blocks_run_free(&p->run);
    block_set_free(&p->merged);
    block_set_free(&p->set);
    trace_set_free(&p->trace);
    return rc;
}

#define ASKED_INIT                                                                \
    {                                                                             \
        .servers = 1, .devices = 1, .seqs = 256, .budget = 2048, .scale_ms = 200, \
        .idle_ms = 10000, .o = {                                                  \
            .memory = UINT64_C(80) << 30,                                         \
            .kv_share = 0.3,                                                      \
            .link_gbs = 12.5,                                                     \
            .link_us = 10,                                                        \
            .bus_gbs = 300,                                                       \
            .load_gbs = 25,                                                       \
            .hop_us = 100,                                                        \
            .stay_us = 10000,                                                     \
            .seed = 1                                                             \
        }                                                                         \
    }

int main(int argc, char **argv)
{
    struct parts p = {.apart = 0};
    struct asked a = ASKED_INIT;
    const struct cli_opt opts[] = {
        CLI_CHOICE(
            0, "serve", &a.serving, BLOCK_SERVING_NAMES,
            "what is in memory: blocks; models that share adapters; models (default blocks)"),
        CLI_CHOICE(0, "choice", &a.choice, BLOCK_CHOICE_NAMES,
                   "which instance a hop goes to (default least)"),
        CLI_U64(0, "servers", &a.servers, "N", "servers (default 1)"),
        CLI_U64(0, "devices", &a.devices, "N", "devices of a server (default 1)"),
        CLI_SIZE(0, "device-memory", &a.o.memory, "SIZE", "memory of a device (default 80G)"),
        CLI_DOUBLE(0, "kv-share", &a.o.kv_share, "X",
                   "of it, that parameters leave to KV (default 0.3)"),
        CLI_DOUBLE(0, "link-gbs", &a.o.link_gbs, "X", "GB/s between servers (default 12.5)"),
        CLI_DOUBLE(0, "link-us", &a.o.link_us, "X", "and the latency (default 10)"),
        CLI_DOUBLE(0, "bus-gbs", &a.o.bus_gbs, "X", "GB/s within a server (default 300)"),
        CLI_DOUBLE(0, "load-gbs", &a.o.load_gbs, "X",
                   "GB/s of parameters into a device (default 25)"),
        CLI_DOUBLE(0, "hop-us", &a.o.hop_us, "X", "of every hop from block to block (default 100)"),
        CLI_DOUBLE(0, "stay-us", &a.o.stay_us, "X",
                   "how much sooner another instance must be to be taken (default 10000)"),
        CLI_DOUBLE(0, "scale-ms", &a.scale_ms, "X",
                   "a wait from which on an application gets copies (default 200)"),
        CLI_DOUBLE(0, "idle-ms", &a.idle_ms, "X",
                   "copies idle for so long make room for others (default 10000)"),
        CLI_U64(0, "max-num-seqs", &a.seqs, "N", "requests of a batch (default 256)"),
        CLI_U64(0, "budget", &a.budget, "N", "tokens of a batch (default 2048)"),
        CLI_STR(0, "slo", &a.slo, "LIST", "objectives: ttft=0.5,tbt=0.1,e2e=30,prompt_rate=512"),
        CLI_SEED(&a.o.seed),
        CLI_FLAG(0, "check", &a.o.check, "assert the invariants at every moment"),
        CLI_FLAG(0, "skip-bad", &a.skip_bad, "leave bad records out, and count them"),
        CLI_STR('o', "output", &a.rows, "FILE", "a row of times for each request"),
        CLI_FLAG(0, "json", &a.json, "the summary as JSON"),
        CLI_QUIET(&a.quiet),
        CLI_VERBOSE(&a.verbose),
        CLI_END,
    };
    int first = cli_parse(&prog, opts, argc, argv);
    struct progress progress;
    struct err e = {0};
    int rc;

    a.trace = argv[first];
    a.apps = argv[first + 1];
    cli_files(&a.rows, 1, (const char *const[]){a.trace, a.apps}, 2);
    settle(&a, &p);
    progress_init(&progress, a.quiet);
    rc = run(&a, &p, &progress, &e);
    progress_end(&progress);
    cli_finish(a.verbose);
    return rc == 0 ? CLI_DONE : cli_fail(&e);
}
