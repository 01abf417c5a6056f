/* due.c - what is due at a moment of its own: see fleet.h. */
#include <math.h>

#include "sim/fetch.h"
#include "sim/fleet.h"
#include "sim/handoff.h"
#include "sim/life.h"
#include "sim/migrate.h"
#include "sim/scale.h"

int fleet_due(struct fleet *c, int64_t t_ns, enum fleet_due what, uint32_t arg, struct err *e)
{
    return events_push(
        &c->due, (struct event){.t_ns = t_ns, .order = c->n_due++, .what = what, .arg = arg}, e);
}

int64_t fleet_next_due(const struct fleet *c, bool over)
{
    if (over && c->moving == 0 && !((c->n_held > 0 || handoff_waiting(c) > 0) && life_may_open(c)))
        return INT64_MAX;
    return events_next(&c->due);
}

static double interval_s(const struct fleet *c, enum fleet_due what)
{
    return what == DUE_PAIR ? c->o->migrate->interval_s : c->o->scale->interval_s;
}

/* The next moment of it: a whole number of intervals after the first arrival. */
static int again(struct fleet *c, enum fleet_due what, struct err *e)
{
    int64_t every = llround(1e9 * interval_s(c, what)), at;

    at = c->now - c->began_ns;
    at = c->began_ns + (at / every + 1) * every;
    return fleet_due(c, at, what, 0, e);
}

/* Can it matter, if no request comes? */
static bool matters(const struct fleet *c, enum fleet_due what)
{
    return c->steps.n > 0 || c->n_touched > 0 || c->moving > 0 || c->n_held > 0 ||
           (what == DUE_SCALE && scale_may_stop(c));
}

static int periodic(struct fleet *c, enum fleet_due what, struct err *e)
{
    if (what == DUE_PAIR)
        migrate_pair(c);
    else if (scale_look(c, e) < 0)
        return e->code;
    if (matters(c, what))
        return again(c, what, e);
    c->asleep |= 1U << what;
    return 0;
}

int fleet_wake(struct fleet *c, struct err *e)
{
    unsigned asleep = c->asleep;

    c->asleep = 0;
    for (int what = DUE_PAIR; what <= DUE_SCALE; what++)
        if (asleep >> what & 1 && again(c, (enum fleet_due)what, e) < 0)
            return e->code;
    return 0;
}

static int run(struct fleet *c, const struct event *x, struct err *e)
{
    switch ((enum fleet_due)x->what) {
    case DUE_COPIED:
        migrate_copied(c, x->arg);
        return 0;
    case DUE_HANDED:
        return handoff_copied(c, x->arg, e);
    case DUE_FETCHED:
        return fetch_done(c, x->arg, e);
    case DUE_OPEN:
        return life_opens(c, x->arg, e);
    case DUE_NOTICE:
        life_notice(c, x->arg);
        return 0;
    case DUE_FAIL:
        return life_fail(c, x->arg, e);
    default:
        return periodic(c, (enum fleet_due)x->what, e);
    }
}

int fleet_run_due(struct fleet *c, struct err *e)
{
    while (events_next(&c->due) == c->now) {
        struct event x = events_pop(&c->due);

        if (run(c, &x, e) < 0)
            return e->code;
    }
    return 0;
}
