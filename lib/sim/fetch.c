/* fetch.c - see fetch.h. */
#include "sim/fetch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/clock.h"
#include "sim/prefix.h"
#include "sim/slots.h"

struct wait {
    uint32_t request, replica, blocks;
    int64_t since_ns;
};

struct fetch {
    struct wait *v;
    struct slots slots; /* of v */
};

int fetch_begin(struct fleet *c, uint32_t request, uint32_t replica, uint32_t blocks, double us,
                struct err *e)
{
    uint32_t slot = 0;
    int64_t due_ns;

    if (clock_moved(c->now, us, &due_ns, e) < 0)
        return e->code;
    if (!c->fetch && !(c->fetch = mem_zero(1, sizeof *c->fetch, e)))
        return e->code;
    if (slots_take(&c->fetch->slots, &c->fetch->v, sizeof *c->fetch->v, &slot, e) < 0)
        return e->code;
    c->fetch->v[slot] = (struct wait){request, replica, blocks, c->now};
    c->flight[request].status = FLIGHT_MOVING;
    c->copying++;
    return fleet_due(c, due_ns, DUE_FETCHED, slot, e);
}

int fetch_done(struct fleet *c, uint32_t slot, struct err *e)
{
    struct wait x = c->fetch->v[slot];
    struct replica *r = &c->replica[x.replica];

    c->copying--;
    if (slots_give_back(&c->fetch->slots, slot, e) < 0)
        return e->code;
    c->fetched.n++;
    c->fetched.blocks += x.blocks;
    c->fetched.wait_ns += c->now - x.since_ns;
    c->flight[x.request].status = FLIGHT_AHEAD;
    if (!fleet_may(c, x.replica, x.request))
        return fleet_send_again(c, x.request, e);
    if (prefix_put(r, x.request, x.blocks, e) < 0)
        return e->code;
    return fleet_send(c, x.request, x.replica, e);
}

void fetch_free(struct fleet *c)
{
    if (!c->fetch)
        return;
    free(c->fetch->v);
    slots_free(&c->fetch->slots);
    free(c->fetch);
    c->fetch = NULL;
}
