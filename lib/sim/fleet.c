/* fleet.c - see fleet.h. */
#include "sim/fleet.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/route.h"

static int init_replicas(struct fleet *c, struct kin *kin, struct gaps *gaps,
                         struct gaps *step_times, struct err *e)
{
    for (uint32_t i = 0; i < c->n; i++) {
        const struct replica_kind *k = c->o->kind ? c->o->kind[i] : &c->usual;

        c->mixed = c->mixed || (c->o->kind && k != c->o->kind[0]);
        c->replica[i] = (struct replica){.number = i,
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
    if (budgets_init(&c->budgets, c->trace, c->replica, c->n, o->program_s,
                     o->program_scale > 0 ? o->program_scale : 1, e) < 0)
        return e->code;
    for (uint32_t i = 0; o->urgency && i < c->n; i++)
        c->replica[i].start_by = c->budgets.start_by;
    return 0;
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
                        .route = o->route ? o->route : route_at(0),
                        .seed = o->route_opts.seed};
    if (!(c->replica = mem_zero(c->n, sizeof *c->replica, e)) ||
        !(c->touched = mem_array(c->n, sizeof *c->touched, e)) ||
        !(c->is_touched = mem_zero(c->n, sizeof *c->is_touched, e)))
        return e->code;
    if (init_replicas(c, kin, gaps, step_times, e) < 0 || init_budgets(c, e) < 0)
        return e->code;
    return c->route->begin ? c->route->begin(c, e) : 0;
}

void fleet_free(struct fleet *c)
{
    if (c->route && c->route->end)
        c->route->end(c);
    for (uint32_t i = 0; c->replica && i < c->n; i++)
        replica_free(&c->replica[i]);
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

int fleet_arrive(struct fleet *c, uint32_t request, struct err *e)
{
    uint32_t i = 0;

    if (c->n > 1 && route_choose(c, request, &i, e) < 0)
        return e->code;
    if (i == ROUTE_REFUSED) {
        c->flight[request].status = FLIGHT_REFUSED;
        c->refused++;
        return 0;
    }
    if (c->budgets.trace)
        budgets_arrive(&c->budgets, i, request, c->now);
    fleet_touch(c, &c->replica[i]);
    return replica_arrive(&c->replica[i], request, e);
}

void fleet_ended(struct fleet *c, uint32_t request)
{
    if (c->route->ended)
        c->route->ended(c, request);
}

int fleet_begin_steps(struct fleet *c, struct err *e)
{
    for (uint32_t k = 0; k < c->n_touched; k++) {
        struct replica *r = &c->replica[c->touched[k]];
        int begun = r->busy ? 0 : replica_step(r, e);

        c->is_touched[r->number] = false;
        if (begun < 0)
            return begun;
        if (begun > 0 &&
            events_push(&c->steps, (struct event){.t_ns = r->end_ns, .order = r->number}, e) < 0)
            return e->code;
    }
    c->n_touched = 0;
    return 0;
}

struct replica *fleet_step_ends(struct fleet *c)
{
    while (events_next(&c->steps) == c->now) {
        struct replica *r = &c->replica[events_pop(&c->steps).order];

        if (!r->busy || r->end_ns != c->now)
            continue; /* it was broken off */
        fleet_touch(c, r);
        return r;
    }
    return NULL;
}
