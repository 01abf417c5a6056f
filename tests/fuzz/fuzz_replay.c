/* fuzz_replay.c - any small trace, under any scheduler, dispatcher and options: a replay comes to
 * an end, and what it asserts of itself after every step holds.
 *
 *   0  1 scheduler     1 1 dispatcher         2 1 replicas   3 1 flags (enum)
 *   4  1 KV blocks     5 1 tokens of a block  6 1 requests   7 1 tokens of a step
 *   8  1 clients       9 1 migration          10 1 tiers     11 1 cluster: 0 none
 *   then a line "MIN:MAX" of --autoscale, one of --fail, one of --pools, one of --slo, empty where
 *   there is none; of a cluster its JSON and a 0x1e; then the trace
 */
#include "fuzz.h"

#include "sim/route_setup.h"
#include "sim/sim.h"

enum { SCHEDS = 11, ROUTES = 10, TOKENS_MOST = 3000, REQUESTS_MOST = 40 };

enum {
    NO_PREFIX = 1,
    SWAP = 2,
    VIDUR = 4,
    URGENCY = 8,
    REUSE = 16,
    BY_BLOCKS = 32,
    SYNC = 64,
    TUNES = 128
};

struct parts {
    struct setup setup;
    struct fleet_setup fleet;
    struct route_setup route;
    struct cluster cluster;
    struct trace_set trace;
    struct replay replay;
    struct slo slo;
    char *line[4];
};

static void take_options(struct parts *p, struct fuzz_in *in)
{
    struct setup *s = &p->setup;
    unsigned flags, tiers;

    s->table = "roofline";
    s->cost_opts = (struct cost_opts){.model = "Llama-3-8B", .gpu = "A100-80GB", .tp = 1};
    s->sched = (int)fuzz_pick(in, SCHEDS);
    s->check = true;
    p->route.dispatch = (int)fuzz_pick(in, ROUTES);
    s->replay.fleet.n = fuzz_pick(in, 4) + 1;
    flags = fuzz_byte(in);
    s->no_prefix_cache = flags & NO_PREFIX;
    s->preemption = flags & SWAP ? PREEMPTION_SWAP : PREEMPTION_RECOMPUTE;
    s->compat = flags & VIDUR ? COMPAT_VIDUR : COMPAT_NONE;
    p->route.queue = flags & URGENCY ? QUEUE_URGENCY : QUEUE_SCHEDULER;
    s->switching.reuse = flags & REUSE;
    s->switching.alloc = flags & BY_BLOCKS ? 1 : 0;
    s->switching.mode = flags & SYNC ? 0 : 1;
    s->switching.frequency = 0.3;
    s->kv_blocks = 8 + fuzz_byte(in) * 4;
    s->block = fuzz_byte(in) % 64 + 1;
    s->seqs = fuzz_byte(in) % 32 + 1;
    s->budget = 8 + fuzz_byte(in) * 8;
    s->replay.clients = fuzz_byte(in) % 8;
    p->fleet.migrate.policy = (int)fuzz_pick(in, 3);
    tiers = fuzz_byte(in);
    s->host_blocks = tiers % 16;
    s->disk_blocks = tiers / 16;
    s->background = flags % 5 + 1;
    p->route.alpha = flags & TUNES ? "auto" : "0.4";
    p->route.seed = flags;
    if (setup_wrong(s)) { /* not of every scheduler */
        s->preemption = PREEMPTION_RECOMPUTE;
        s->host_blocks = s->disk_blocks = 0;
    }
    FUZZ_CHECK(!setup_wrong(s)); /* if all were refused, nothing would be tried */
}

static void take_lines(struct parts *p, struct fuzz_in *in)
{
    for (size_t i = 0; i < 4; i++)
        p->line[i] = fuzz_text(fuzz_until(in, '\n'));
    p->fleet.autoscale = *p->line[0] ? p->line[0] : NULL;
    p->fleet.fail = *p->line[1] ? p->line[1] : NULL;
    p->route.pools = *p->line[2] ? p->line[2] : NULL;
}

static int open_all(struct parts *p, bool cluster, struct fuzz_in *in, struct err *e)
{
    struct fleet_opts *fleet = &p->setup.replay.fleet;

    if (cluster) {
        struct fuzz_in json = fuzz_until(in, 0x1e);

        if (cluster_open(&p->cluster, fuzz_file("cluster.json", json.p, json.len), &p->setup, e) <
            0)
            return e->code;
        fleet->n = p->cluster.n;
        fleet->kind = p->cluster.of;
        fleet->role = p->cluster.role;
        p->setup.replay.check = true;
        if (fleet->n > 8)
            return -1;
    } else {
        fuzz_good(setup_open(&p->setup, e), e);
    }
    if (fleet_setup(&p->fleet, fleet, cluster, e) < 0)
        return e->code;
    if (fleet->n > 64)
        return -1;
    return route_setup(&p->route, fleet, &p->slo, e);
}

/* What is long is for other tests: steps are as many as tokens. */
static bool small(const struct trace_set *t)
{
    uint64_t tokens = 0;

    for (uint32_t i = 0; i < t->n; i++)
        tokens += (uint64_t)t->prompt[i] + t->output[i];
    return t->n <= REQUESTS_MOST && tokens <= TOKENS_MOST;
}

static void run(struct parts *p, struct fuzz_in in, bool cluster)
{
    struct trace_load_opts how = {
        .read = {.format = TRACE_AUTO}, .skip_bad = true, .any_times = p->setup.replay.clients > 0};
    struct summary sum;
    struct err e = {0};
    uint64_t bad;
    int rc;

    if (!setup_slo(&p->slo, *p->line[3] ? p->line[3] : NULL) || open_all(p, cluster, &in, &e) < 0)
        return;
    p->slo.ema_rate = 0;
    if (trace_load(&p->trace, fuzz_file("trace", in.p, in.len), &how, &bad, &e) < 0 ||
        !small(&p->trace))
        return;
    rc = replay_run(&p->replay, &p->trace, p->setup.cost, &p->setup.replay, &e);
    if (rc == ERR_CORRUPT)
        fuzz_good(rc, &e);
    if (rc == 0)
        fuzz_good(summarize(&sum, &p->replay, &p->slo, &e), &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct parts p = {.setup = SETUP_INIT, .fleet = FLEET_SETUP_INIT, .route = ROUTE_SETUP_INIT};
    struct fuzz_in in = {data, size};
    bool cluster;

    take_options(&p, &in);
    cluster = fuzz_byte(&in) & 1;
    take_lines(&p, &in);
    run(&p, in, cluster);
    replay_free(&p.replay);
    trace_set_free(&p.trace);
    setup_close(&p.setup);
    cluster_close(&p.cluster);
    fleet_setup_free(&p.fleet);
    route_setup_free(&p.route);
    for (size_t i = 0; i < 4; i++)
        free(p.line[i]);
    return 0;
}
