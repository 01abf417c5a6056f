/* prop_pools.c - fleets of replicas that compute prompts and of others that decode, of those that
 * fetch prefixes from each other, and that fail meanwhile (handoff.c, fetch.c, route_conductor.c,
 * route_prefix.c), on random traces, under --check: every request ends or is refused, gives its
 * tokens once and where it may, blocks are conserved, and the same comes out again.
 *
 *     prop_pools [ROUNDS [SEED]]
 */
#include "../unit/t.h"

#include "base/mem.h"
#include "sim/handoff.h"
#include "sim/sim.h"

enum { REQUESTS = 60, FLEET = 6, FAILURES = 4, HASHES = 12 };

static unsigned long long rng;

static uint32_t below(uint32_t n)
{
    return (uint32_t)(t_rand(&rng) % n);
}

static double step_us(const struct cost_shape *s)
{
    return 500 + 20.0 * s->tokens + 0.5 * (double)s->kv_sum;
}

#include "test_cost.h"

struct columns {
    int64_t t_ns[REQUESTS];
    uint32_t prompt[REQUESTS], output[REQUESTS];
    uint64_t id_end[REQUESTS], hash_end[REQUESTS], hashes[HASHES * REQUESTS];
    char ids[2 * REQUESTS];
};

/* Prompts of blocks of 4 tokens that share beginnings: block b of family f has one hash. */
static void make_trace(struct columns *c, struct trace_set *t, bool hashes)
{
    uint64_t n_hashes = 0;
    int64_t now = 0;

    *t = (struct trace_set){.n = 1 + below(REQUESTS), .block = hashes ? 4 : 0};
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t family = below(4), own = below(HASHES);

        now += below(3) ? below(3000000) : 0;
        c->t_ns[i] = now;
        c->prompt[i] = 1 + below(4 * HASHES);
        c->output[i] = below(5) ? 1 + below(20) : 1;
        for (uint32_t b = 0; b < c->prompt[i] / 4; b++)
            c->hashes[n_hashes++] = b < own ? 1000 * (family + 1) + b : t_rand(&rng);
        c->hash_end[i] = n_hashes;
        c->ids[i] = 'r';
        c->id_end[i] = i + 1;
    }
    t->t_ns = c->t_ns;
    t->prompt = c->prompt;
    t->output = c->output;
    t->ids = c->ids;
    t->id_end = c->id_end;
    t->hash_end = hashes ? c->hash_end : NULL;
    t->hashes = hashes ? c->hashes : NULL;
}

struct fleet_case {
    struct replay_opts o;
    struct handoff_opts handoff;
    struct failure failure[FAILURES];
    uint8_t role[FLEET];
    bool pools;
};

static void make_fleet(struct fleet_case *c, const struct trace_set *t)
{
    static const char *const scheds[] = {"vllm0",     "vllm1",    "sarathi",
                                         "splitfuse", "lightllm", "nanoflow"};
    const struct route *route = below(2)   ? &route_conductor
                                : below(2) ? &route_prefix
                                           : route_at(0);
    uint32_t n = 2 + below(FLEET - 1), sched = below(6);

    c->pools = below(3) > 0;
    for (uint32_t i = 0; i < n; i++)
        c->role[i] = !c->pools                       ? ROLE_BOTH
                     : i == 0 || (i > 1 && below(2)) ? ROLE_PREFILL
                                                     : ROLE_DECODE;
    c->handoff = (struct handoff_opts){.link_gbs = 0.0005 * (1 + below(50)),
                                       .link_us = 10.0 * below(100)};
    c->o = (struct replay_opts){
        .check = true,
        .engine = {.kv_blocks = 18 + below(60),
                   .block_tokens = 4,
                   .most_requests = 1 + below(12),
                   .most_tokens = 60,
                   .max_length = below(4) ? 0 : 40,
                   .prefix_cache = below(4) > 0,
                   .no_repeats = below(2)},
        .fleet = {.n = n,
                  .role = c->role,
                  .handoff = &c->handoff,
                  .route = route,
                  .route_opts = {.seed = below(9),
                                 .overlap_weight = below(3),
                                 .temperature = below(3) ? 0 : 0.3,
                                 .fetch_ratio = 1 + 0.5 * below(3),
                                 .fetch_gbs = 0.001 * (1 + below(20)),
                                 .refuse_ttft_ns = below(3) ? 0 : 1e6 * (1 + below(20)),
                                 .refuse_tbt_ns = below(3) ? 0 : 1e6 * (1 + below(3))},
                  .failure = c->failure,
                  .failures = below(3) ? 0 : below(FAILURES + 1)}};
    for (size_t i = 0; sched_at(i); i++)
        if (strcmp(sched_at(i)->name, scheds[sched]) == 0)
            c->o.sched = sched_at(i);
    for (size_t i = 0; i < c->o.fleet.failures; i++) {
        int64_t at = below((uint32_t)t->t_ns[t->n - 1] + 20000000);

        c->failure[i] = (struct failure){below(n), at, at + 1 + below(30000000)};
    }
}

/* A token of each request past its prompt, on a replica that may decode it. */
static void watch(void *ctx, const struct replica *r)
{
    const struct fleet_case *c = ctx;

    for (size_t i = 0; i < r->n_batch; i++) {
        const struct flight *f = flight_of(r, r->batch[i].request);

        T_CHECK(f->replica == r->number);
        T_CHECK(!c->pools || r->role != ROLE_PREFILL || is_prompt(f));
    }
}

static void check_flights(const struct trace_set *t, const struct fleet_case *c,
                          const struct replay *p)
{
    uint64_t refused = 0, rejected = 0, moved = 0;

    for (uint32_t i = 0; i < t->n; i++) {
        const struct flight *f = &p->flight[i];
        bool ended = f->status == FLIGHT_ENDED;

        refused += f->status == FLIGHT_REFUSED;
        rejected += f->status == FLIGHT_REJECTED;
        T_CHECKF(ended || f->status == FLIGHT_REFUSED || f->status == FLIGHT_REJECTED, "%u: %d", i,
                 f->status);
        T_CHECK(!ended || (f->given == t->output[i] && f->first_ns <= f->last_ns &&
                           t->t_ns[i] <= f->start_ns && f->start_ns < f->first_ns));
        /* One that comes again may have its last token to give only. */
        T_CHECK(!ended || t->output[i] < 2 || !c->pools || c->o.fleet.failures > 0 ||
                c->role[f->replica] == ROLE_DECODE);
        moved += ended && t->output[i] > 1 && c->pools && c->o.fleet.failures == 0;
    }
    T_CHECK(refused == p->fleet.refused && rejected == p->rejected && moved <= p->fleet.handed.n);
    T_CHECK(refused == 0 || c->o.fleet.route == &route_conductor);
    for (uint32_t i = 0; i < p->fleet.n; i++) {
        const struct replica *r = &p->fleet.replica[i];

        T_CHECK(r->kv.free == r->kv.total && r->aside == 0 && replica_requests(r) == 0 &&
                r->due_tokens == 0 && r->queued_blocks == 0);
    }
}

/* Without failures what a request gives is as if the link were there at once, or later. */
static void check_links(const struct trace_set *t, const struct replay *p)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (p->flight[i].status == FLIGHT_ENDED)
            T_CHECK(p->flight[i].first_ns - p->flight[i].start_ns >= 500000);
    T_CHECK(p->fleet.handed.n == 0 ||
            p->fleet.handed.most_wait_ns >= p->fleet.handed.wait_ns / (int64_t)p->fleet.handed.n);
}

static void check_case(struct columns *columns)
{
    bool hashes = below(4) > 0;
    struct fleet_case c;
    struct trace_set t;
    struct replay p, again;
    struct err e = {0};
    int rc;

    make_trace(columns, &t, hashes);
    make_fleet(&c, &t);
    c.o.step = watch;
    c.o.step_ctx = &c;
    rc = replay_run(&p, &t, &test_cost, &c.o, &e);
    T_CHECKF(rc == 0, "%s, %s: %s", c.o.sched->name, c.o.fleet.route->name, e.msg);
    if (rc == 0) {
        check_flights(&t, &c, &p);
        check_links(&t, &p);
        c.o.engine.no_repeats = !c.o.engine.no_repeats;
        c.o.check = false;
        T_CHECKF(replay_run(&again, &t, &test_cost, &c.o, &e) == 0, "%s", e.msg);
        for (uint32_t i = 0; i < t.n; i++)
            T_CHECKF(p.flight[i].last_ns == again.flight[i].last_ns &&
                         p.flight[i].replica == again.flight[i].replica,
                     "request %u, %s", i, c.o.fleet.route->name);
        replay_free(&again);
    }
    replay_free(&p);
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 3000;
    struct columns *columns = malloc(sizeof *columns);

    rng = argc > 2 ? strtoull(argv[2], NULL, 10) : 7;
    for (int i = 0; columns && i < rounds; i++)
        check_case(columns);
    free(columns);
    return t_done("prop_pools");
}
