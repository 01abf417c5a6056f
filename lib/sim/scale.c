/* scale.c - see scale.h. */
#include "sim/scale.h"

#include <math.h>

#include "sim/freeness.h"
#include "sim/life.h"

bool scale_may_start(const struct fleet *c, uint32_t i)
{
    const struct life *l = &c->life[i];

    return !l->noticed && (l->state == LIFE_OFF || l->state == LIFE_DRAINING);
}

static uint32_t coming(const struct fleet *c)
{
    return life_count(c, LIFE_OPEN) + life_count(c, LIFE_STARTING);
}

/* Of those that are open or will be. */
static double mean(const struct fleet *c)
{
    double left = 0, requests = 0;
    bool any = false;

    for (uint32_t i = 0; i < c->n; i++) {
        const struct replica *r = &c->replica[i];
        enum life_state state = c->life[i].state;

        if (state != LIFE_OPEN && state != LIFE_STARTING)
            continue;
        any = true;
        left += (double)r->kv.free - (double)r->queued_blocks - freeness_headroom(c, r);
        requests += (double)replica_requests(r);
    }
    return any ? left / fmax(requests, 1) : -INFINITY;
}

bool scale_may_stop(const struct fleet *c)
{
    return life_count(c, LIFE_STARTING) == 0 && coming(c) > c->o->scale->least &&
           mean(c) > c->o->scale->down;
}

/* One more: 1, or 0 if there is none. */
static int start_one(struct fleet *c, struct err *e)
{
    enum life_state wanted[] = {LIFE_DRAINING, LIFE_OFF};

    for (size_t k = 0; k < 2; k++)
        for (uint32_t i = 0; i < c->n; i++) {
            if (c->life[i].state != wanted[k] || !scale_may_start(c, i))
                continue;
            if (wanted[k] == LIFE_DRAINING)
                return life_open(c, i, e) < 0 ? e->code : 1;
            return life_start(c, i, llround(1e9 * c->o->scale->startup_s), e) < 0 ? e->code : 1;
        }
    return 0;
}

/* That with the fewest requests, of those the last. */
static void stop_one(struct fleet *c)
{
    uint32_t best = UINT32_MAX;

    for (uint32_t i = 0; i < c->n; i++)
        if (c->life[i].state == LIFE_OPEN &&
            (best == UINT32_MAX ||
             replica_requests(&c->replica[i]) <= replica_requests(&c->replica[best])))
            best = i;
    if (best != UINT32_MAX)
        life_close(c, best);
}

int scale_look(struct fleet *c, struct err *e)
{
    const struct scale_opts *o = c->o->scale;
    int more = 1;

    if (scale_may_stop(c)) {
        stop_one(c);
        return 0;
    }
    /* Of replicas that differ, those that are open may all be too small for a request. */
    while (more > 0 && (coming(c) < o->least || mean(c) < o->up || (c->mixed && c->n_held > 0)))
        more = start_one(c, e);
    return more < 0 ? more : 0;
}
