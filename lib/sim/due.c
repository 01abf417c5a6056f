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
    if (over && c->copying == 0 && !((c->n_held > 0 || handoff_waiting(c) > 0) && life_may_open(c)))
        return INT64_MAX;
    return events_next(&c->due);
}

static double interval_s(const struct fleet *c, enum fleet_due what)
{
    return what == DUE_PAIR ? c->o->migrate->interval_s : c->o->scale->interval_s;
}

/* At the first moment of it that is not before `from`: a whole number of intervals after the first
 * arrival. */
static int again(struct fleet *c, enum fleet_due what, int64_t from, struct err *e)
{
    int64_t every = llround(1e9 * interval_s(c, what)), past = from - c->began_ns;
    int64_t intervals = past / every + (past % every > 0);

    return fleet_due(c, c->began_ns + (intervals > 0 ? intervals : 1) * every, what, 0, e);
}

/* Can it matter, though nothing happens? If not, it sleeps: the next request may come in years. */
static bool matters(const struct fleet *c, enum fleet_due what)
{
    return c->steps.n > 0 || c->n_touched > 0 || c->copying > 0 || c->n_held > 0 ||
           (what == DUE_SCALE && scale_may_stop(c));
}

static int periodic(struct fleet *c, enum fleet_due what, struct err *e)
{
    if (what == DUE_PAIR)
        migrate_pair(c);
    else if (scale_look(c, e) < 0)
        return e->code;
    if (matters(c, what))
        return again(c, what, c->now + 1, e);
    c->asleep |= 1U << what;
    return 0;
}

int fleet_wake(struct fleet *c, struct err *e)
{
    unsigned asleep = c->asleep;

    if (c->began_ns == FLIGHT_NEVER)
        return 0;
    c->asleep = 0;
    for (int what = DUE_PAIR; what <= DUE_SCALE; what++)
        if (asleep >> what & 1 && again(c, (enum fleet_due)what, c->now, e) < 0)
            return e->code;
    return 0;
}

/* What has a moment because something made it so. */
static int once(struct fleet *c, const struct event *x, struct err *e)
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
    default:
        return life_fail(c, x->arg, e);
    }
}

static int run(struct fleet *c, const struct event *x, struct err *e)
{
    if (x->what == DUE_PAIR || x->what == DUE_SCALE)
        return periodic(c, (enum fleet_due)x->what, e);
    return once(c, x, e) < 0 ? e->code : fleet_wake(c, e);
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
