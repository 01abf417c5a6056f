/* route.c - see route.h. */
#include "sim/route.h"

#include <math.h>

const struct route *route_at(size_t i)
{
    static const struct route *const all[] = {
        &route_round_robin,     &route_random,      &route_least_outstanding, &route_shortest_queue,
        &route_shortest_tokens, &route_free_memory, &route_workload};

    return i < sizeof all / sizeof *all ? all[i] : NULL;
}

static uint32_t least(const struct fleet *c, uint32_t request)
{
    double least = INFINITY;
    uint32_t at = 0;

    for (uint32_t i = 0; i < c->n; i++) {
        double x;

        if (!fleet_may(c, i, request))
            continue;
        x = c->route->load(c, &c->replica[i], request);
        if (x < least) {
            least = x;
            at = i;
        }
    }
    return at;
}

int route_choose(struct fleet *c, uint32_t request, uint32_t *replica, struct err *e)
{
    if (!c->route->load)
        return c->route->choose(c, request, replica, e);
    *replica = least(c, request);
    return 0;
}
