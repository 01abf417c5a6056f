/* fleet.c - see fleet.h. */
#include "sim/fleet.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/fetch.h"
#include "sim/handoff.h"
#include "sim/life.h"
#include "sim/migrate.h"
#include "sim/route.h"
#include "sim/sched.h"

static int init_replicas(struct fleet *c, struct kin *kin, struct gaps *gaps,
                         struct gaps *step_times, struct err *e)
{
    for (uint32_t i = 0; i < c->n; i++) {
        const struct replica_kind *k = c->o->kind ? c->o->kind[i] : &c->usual;

        c->mixed = c->mixed || (c->o->kind && k != c->o->kind[0]);
        c->replica[i] = (struct replica){.number = i,
                                         .role = c->o->role ? c->o->role[i] : ROLE_BOTH,
                                         .sched = k->sched,
                                         .cost = k->cost,
                                         .trace = c->trace,
                                         .flight = c->flight,
                                         .kin = kin,
                                         .gaps = gaps,
                                         .step_times = step_times};
        if (replica_init(&c->replica[i], k->engine, e) < 0)
            return e->code;
    }
    return 0;
}

static int init_budgets(struct fleet *c, struct err *e)
{
    const struct fleet_opts *o = c->o;

    if (!o->urgency && !o->programs && !c->route->budgets)
        return 0;
    for (uint32_t i = 0; o->urgency && i < c->n; i++)
        if (c->replica[i].sched->groups)
            return err_set(e, ERR_USAGE,
                           "'--queue urgency' does not go with batchllm, whose queue is in the "
                           "order of groups");
    if (budgets_init(&c->budgets, c->trace, c->replica, c->n, o->program_s,
                     o->program_scale > 0 ? o->program_scale : 1, e) < 0)
        return e->code;
    for (uint32_t i = 0; o->urgency && i < c->n; i++)
        c->replica[i].start_by = c->budgets.start_by;
    return 0;
}

static int32_t last_priority(const struct trace_set *t)
{
    int32_t last = INT32_MIN;

    for (uint32_t i = 0; t->priority && i < t->n; i++)
        last = t->priority[i] > last ? t->priority[i] : last;
    return last;
}

/* Requests that share KV, race or wait for idle time know one replica for good. */
static int check_programs(const struct fleet *c, struct err *e)
{
    bool moves = c->migrate || c->handoff || c->o->failures > 0 || c->route->fetches;

    return c->trace->program && moves
               ? err_set(e, ERR_USAGE,
                         "requests with joins, races or a background stay where they are: they go "
                         "without migration, pools, failures and the conductor's prefixes")
               : 0;
}

int fleet_init(struct fleet *c, const struct fleet_opts *o, const struct replica_kind *usual,
               const struct trace_set *t, struct flight *flight, struct kin *kin, struct gaps *gaps,
               struct gaps *step_times, struct err *e)
{
    *c = (struct fleet){.o = o,
                        .trace = t,
                        .flight = flight,
                        .n = o->n ? o->n : 1,
                        .usual = *usual,
                        .began_ns = FLIGHT_NEVER,
                        .last_priority = last_priority(t),
                        .route = o->route ? o->route : route_at(0),
                        .seed = o->route_opts.seed};
    if (!(c->replica = mem_zero(c->n, sizeof *c->replica, e)) ||
        !(c->touched = mem_array(c->n, sizeof *c->touched, e)) ||
        !(c->is_touched = mem_zero(c->n, sizeof *c->is_touched, e)))
        return e->code;
    if (init_replicas(c, kin, gaps, step_times, e) < 0 || init_budgets(c, e) < 0 ||
        migrate_init(c, e) < 0 || handoff_init(c, e) < 0 || life_init(c, e) < 0 ||
        check_programs(c, e) < 0)
        return e->code;
    c->asleep = (c->migrate ? 1U << DUE_PAIR : 0) | (o->scale ? 1U << DUE_SCALE : 0);
    return c->route->begin ? c->route->begin(c, e) : 0;
}

void fleet_free(struct fleet *c)
{
    if (c->route && c->route->end)
        c->route->end(c);
    for (uint32_t i = 0; c->replica && i < c->n; i++)
        replica_free(&c->replica[i]);
    migrate_free(c);
    handoff_free(c);
    fetch_free(c);
    life_free(c);
    free(c->replica);
    free(c->touched);
    free(c->is_touched);
    events_free(&c->steps);
    events_free(&c->due);
    budgets_free(&c->budgets);
    *c = (struct fleet){0};
}

void fleet_touch(struct fleet *c, struct replica *r)
{
    r->now = c->now;
    if (c->is_touched[r->number])
        return;
    c->is_touched[r->number] = true;
    c->touched[c->n_touched++] = r->number;
}

int fleet_send(struct fleet *c, uint32_t request, uint32_t replica, struct err *e)
{
    if (c->budgets.trace)
        budgets_arrive(&c->budgets, replica, request, c->now);
    fleet_touch(c, &c->replica[replica]);
    return replica_arrive(&c->replica[replica], request, e);
}

static int reject(struct fleet *c, uint32_t request, enum flight_status why)
{
    c->flight[request].status = (uint8_t)why;
    c->refused += why == FLIGHT_REFUSED;
    return 0;
}

int fleet_arrive(struct fleet *c, uint32_t request, struct err *e)
{
    struct flight *f = &c->flight[request];
    uint32_t i = 0, blocks;

    if (c->began_ns == FLIGHT_NEVER)
        c->began_ns = c->now;
    if (c->flight[request].came_ns == FLIGHT_NEVER)
        c->flight[request].came_ns = c->now;
    if (c->asleep && fleet_wake(c, e) < 0)
        return e->code;
    if (c->life && life_must_wait(c, request))
        return life_hold(c, request, e);
    if (c->handoff && !handoff_may(c, request))
        return reject(c, request, FLIGHT_REJECTED);
    f->need = c->trace->prompt[request] + f->given;
    if (c->n > 1 && route_choose(c, request, &i, e) < 0)
        return e->code;
    if (i == ROUTE_REFUSED)
        return reject(c, request, FLIGHT_REFUSED);
    /* One that none can run is rejected at once: it waits for no prefix. */
    blocks = replica_can_run(&c->replica[i], request) ? c->fetch_blocks : 0;
    c->fetch_blocks = 0;
    return blocks > 0 ? fetch_begin(c, request, i, blocks, c->fetch_us, e)
                      : fleet_send(c, request, i, e);
}

int fleet_send_again(struct fleet *c, uint32_t request, struct err *e)
{
    const struct flight *f = &c->flight[request];

    if (fleet_arrive(c, request, e) < 0)
        return e->code;
    if ((f->status == FLIGHT_REFUSED || f->status == FLIGHT_REJECTED) && c->gone)
        c->gone(c->gone_ctx, request);
    return 0;
}

void fleet_ended(struct fleet *c, uint32_t request)
{
    if (c->route->ended)
        c->route->ended(c, request);
}

/* What comes and goes between two steps. */
static int pass(struct fleet *c, struct replica *r, struct err *e)
{
    if (c->migrate && migrate_pass(c, r, e) < 0)
        return e->code;
    return c->handoff ? handoff_pass(c, r, e) : 0;
}

/* Requests that have come join its batch, if they can: 1, or 0 if there are none. */
static int join(struct fleet *c, struct replica *r, struct err *e)
{
    bool migrate = c->migrate && migrate_joins(c, r);
    bool handoff = c->handoff && (handoff_joins(c, r) || handoff_waiting(c) > 0);

    if ((migrate && migrate_join(c, r, e) < 0) || (handoff && handoff_pass(c, r, e) < 0))
        return e->code;
    return migrate || handoff;
}

/* A step of an idle replica: 1, or 0 if there is nothing to do. Where nothing could run there may
 * be a place now for what comes: what did run was driven out, or the scheduler has given back
 * blocks that it kept. */
static int try_step(struct fleet *c, struct replica *r, struct err *e)
{
    int rc = replica_step(r, e);

    if (rc == 0 && (rc = join(c, r, e)) > 0)
        rc = replica_step(r, e);
    return rc;
}

static int begin_step(struct fleet *c, struct replica *r, struct err *e)
{
    int begun = try_step(c, r, e);

    if (begun > 0 &&
        events_push(&c->steps, (struct event){.t_ns = r->end_ns, .order = r->number}, e) < 0)
        return e->code;
    return begun;
}

/* Those that are touched meanwhile join the list, once each, and are looked at too. */
int fleet_begin_steps(struct fleet *c, struct err *e)
{
    if (c->o->begin_steps)
        return c->o->begin_steps(c->o->begin_ctx, c, e);
    for (uint32_t k = 0; (c->migrate || c->handoff) && k < c->n_touched; k++) {
        struct replica *r = &c->replica[c->touched[k]];

        if (!r->busy && pass(c, r, e) < 0)
            return e->code;
    }
    for (uint32_t k = 0; k < c->n_touched; k++) {
        struct replica *r = &c->replica[c->touched[k]];

        if (!r->busy && begin_step(c, r, e) < 0)
            return e->code;
    }
    for (uint32_t k = 0; k < c->n_touched; k++) {
        struct replica *r = &c->replica[c->touched[k]];

        c->is_touched[r->number] = false;
        if (c->life && !r->busy)
            life_rest(c, r);
    }
    c->n_touched = 0;
    return 0;
}

struct replica *fleet_step_ends(struct fleet *c)
{
    struct replica *r;

    if (events_next(&c->steps) != c->now)
        return NULL;
    r = &c->replica[events_pop(&c->steps).order];
    fleet_touch(c, r);
    return r;
}
