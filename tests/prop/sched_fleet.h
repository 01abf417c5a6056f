/* sched_fleet.h - the part of prop_sched.c that is of fleets: several replicas and a dispatcher
 * against naive_fleet.h; and, without an oracle, what must hold where requests move and replicas
 * come and go: none is lost or runs twice, blocks are conserved, each token is given once, and
 * steps that repeat change nothing.
 */
#ifndef TESTS_SCHED_FLEET_H
#define TESTS_SCHED_FLEET_H

#include "naive_fleet.h"

#include "sim/migrate.h"
#include "sim/scale.h"

/* Of naive_fleet.h's. */
static const struct route *route_named(enum dispatch dispatch)
{
    static const char *const names[DISPATCHES] = {
        "round-robin", "random", "least-outstanding", "shortest-queue", "shortest-tokens",
        "free-memory", "llumnix"};
    size_t i = 0;

    while (strcmp(route_at(i)->name, names[dispatch]) != 0)
        i++;
    return route_at(i);
}

/* ---- against the oracle ---- */

static int64_t some_time(void)
{
    return 1000 * (int64_t)scale * below(PICK(100, 1000, 5000));
}

static void make_crashes(struct naive_fleet *f, struct failure *failure)
{
    f->crashes = PICK(0, 0, 1, CRASHES_MOST);
    for (int i = 0; i < f->crashes; i++) {
        struct crash *c = &f->crash[i];

        *c = (struct crash){.replica = below(f->n), .at = some_time(), .back = -1};
        if (below(3))
            c->back = c->at + 1 + some_time();
        failure[i] = (struct failure){.replica = (uint32_t)c->replica,
                                      .at_ns = c->at,
                                      .back_ns = c->back < 0 ? FLIGHT_NEVER : c->back};
    }
}

static void compare_fleet(struct naive *board, struct naive *replicas, const struct trace_set *t,
                          unsigned long long seed)
{
    struct naive_fleet f = {.board = board,
                            .replica = replicas,
                            .n = 1 + below(REPLICAS_MOST),
                            .dispatch = (enum dispatch)below(DISPATCHES),
                            .headroom = PICK(0, 0, 10, 60),
                            .seed = seed};
    struct failure failure[CRASHES_MOST];
    struct replay_opts o;
    struct replay p;
    struct err e = {0};
    bool same;
    int rc;

    make_crashes(&f, failure);
    /* Who is first in Continuum's queue is known only when it admits. */
    if (f.dispatch == LLUMNIX && board->o.policy == CONTINUUM)
        f.dispatch = FREE_MEMORY;
    naive_fleet_run(&f);
    o = options(&board->o, policies[board->o.policy]);
    o.fleet = (struct fleet_opts){.n = (uint32_t)f.n,
                                  .route = route_named(f.dispatch),
                                  .route_opts = {.seed = seed},
                                  .headroom = (uint32_t)f.headroom,
                                  .failure = failure,
                                  .failures = (size_t)f.crashes};
    o.engine.no_repeats = below(2);
    rc = replay_run(&p, t, &test_cost, &o, &e);
    same = board->stuck ? rc == ERR_USAGE : rc == 0;
    for (int i = 0; i < board->n && same; i++)
        same = same_request(board, &p, i) && (board->r[i].state == REJECTED || f.where[i] < 0 ||
                                              p.flight[i].replica == (uint32_t)f.where[i]);
    if (same && rc == 0)
        same = same_totals(board, &p) && p.fleet.restarted == (uint64_t)f.restarted;
    T_CHECKF(same, "%d replicas, dispatch %d, %d crashes, headroom %d, %s: %s, rc %d '%s'", f.n,
             f.dispatch, f.crashes, f.headroom, about(board, seed), board->stuck ? "stuck" : "done",
             rc, e.msg);
    replay_free(&p);
}

/* ---- life ---- */

struct life_case {
    struct migrate_opts migrate;
    struct scale_opts scale;
    struct failure failure[4];
    struct fleet_opts fleet;
};

/* The last replica never fails for good. */
static void make_life(struct life_case *l, bool reserves, uint64_t seed)
{
    uint32_t n = 1 + (uint32_t)below(REPLICAS_MOST);
    double step_s = 1e-6 * scale;

    *l = (struct life_case){.migrate = {.policy = reserves ? MIGRATE_OFF : below(3),
                                        .rule = below(3),
                                        .interval_s = step_s * PICK(1, 7, 50, 300),
                                        .link_gbs = PICK(1, 4, 20) / 10.0 / scale,
                                        .downtime_ms = 1e3 * step_s * PICK(0, 1, 30, 200),
                                        .out = PICK(0, 1, 3, 10, 50),
                                        .last_blocks = (uint64_t)PICK(1, 2, 4, 16),
                                        .stages = (uint64_t)PICK(1, 2, 3, 10)},
                            .scale = {.least = 1,
                                      .most = n,
                                      .begin = 1 + (uint32_t)below((int)n),
                                      .interval_s = step_s * PICK(20, 100, 1000),
                                      .startup_s = step_s * PICK(0, 10, 300),
                                      .up = PICK(1, 5, 20)},
                            .fleet = {.n = n,
                                      .route = route_named((enum dispatch)below(DISPATCHES)),
                                      .route_opts = {.seed = seed},
                                      .headroom = (uint32_t)PICK(0, 0, 10, 60),
                                      .failures = (size_t)PICK(0, 0, 1, 2, 4),
                                      .notice_s = step_s * PICK(0, 0, 100, 1000)}};
    l->migrate.in = l->migrate.out + below(3);
    l->scale.down = l->scale.up + PICK(1, 5, 30);
    for (size_t i = 0; i < l->fleet.failures; i++) {
        struct failure *f = &l->failure[i];

        *f = (struct failure){.replica = (uint32_t)below((int)n), .at_ns = some_time()};
        f->back_ns = f->replica == n - 1 || below(2) ? f->at_ns + 1 + some_time() : FLIGHT_NEVER;
    }
    l->fleet.failure = l->failure;
    l->fleet.migrate = l->migrate.policy == MIGRATE_OFF ? NULL : &l->migrate;
    l->fleet.scale = below(3) ? NULL : &l->scale;
}

/* At the end nothing is held for anybody; but some schedulers keep blocks of requests that ended.
 */
static bool is_clean(const struct replay *p)
{
    const struct fleet *c = &p->fleet;
    bool clean = c->moving == 0 && c->n_held == 0;

    for (uint32_t i = 0; i < c->n; i++)
        clean = clean && c->replica[i].aside == 0 &&
                (c->replica[i].sched->end || c->replica[i].kv.free == c->replica[i].kv.total);
    return clean;
}

static bool same_life(const struct replay *a, const struct replay *b, uint32_t n)
{
    const struct migrate_totals *x = &a->fleet.migrated, *y = &b->fleet.migrated;
    bool same = x->done == y->done && x->stages == y->stages && x->down_ns == y->down_ns &&
                x->gap_ns == y->gap_ns && a->fleet.restarted == b->fleet.restarted &&
                a->total.steps == b->total.steps && a->total.tokens == b->total.tokens &&
                a->end_ns == b->end_ns;

    for (uint32_t i = 0; i < n; i++) {
        const struct flight *f = &a->flight[i], *g = &b->flight[i];

        same = same && f->status == g->status && f->start_ns == g->start_ns &&
               f->first_ns == g->first_ns && f->last_ns == g->last_ns && f->given == g->given &&
               f->replica == g->replica && f->preemptions == g->preemptions;
    }
    return same;
}

/* One that restarts elsewhere may be too long for a step of Vidur's. */
static void try_life(const struct naive *s, const struct trace_set *t, unsigned long long seed,
                     uint64_t sum[4])
{
    struct replay_opts o = options(&s->o, policies[s->o.policy]);
    struct life_case l;
    struct replay p, again;
    struct err e = {0};
    int rc, rc_again;

    make_life(&l, o.sched->reserves || o.sched->groups || o.sched->switched, seed);
    o.fleet = l.fleet;
    o.engine.no_repeats = true;
    rc = replay_run(&p, t, &test_cost, &o, &e);
    T_CHECKF(rc == 0 ? is_clean(&p) : rc == ERR_USAGE && (s->stuck || s->o.vidur),
             "%u replicas, %zu failures, migrate %d, scale %d, %s: %d '%s'", l.fleet.n,
             l.fleet.failures, l.migrate.policy, l.fleet.scale != NULL, about(s, seed), rc, e.msg);
    o.engine.no_repeats = false;
    rc_again = replay_run(&again, t, &test_cost, &o, &e);
    T_CHECKF(rc_again == rc && same_life(&p, &again, rc == 0 ? t->n : 0),
             "repeats change the life of %s: %d %d n %u '%s'", about(s, seed), rc, rc_again,
             l.fleet.n, e.msg);
    sum[0] += p.fleet.migrated.done;
    for (int i = 0; i < ABORTS; i++)
        sum[1] += p.fleet.migrated.aborts[i];
    sum[2] += p.fleet.restarted;
    sum[3] += rc < 0;
    replay_free(&p);
    replay_free(&again);
}

#endif
