/* route_random.c - any of those that take it. */
#include "base/rand.h"
#include "sim/route.h"

static int choose(struct fleet *c, uint32_t request, uint32_t *replica, struct err *e)
{
    uint32_t may = 0, pick;

    (void)e;
    for (uint32_t i = 0; i < c->n; i++)
        may += fleet_may(c, i, request);
    pick = (uint32_t)rand_below(&c->seed, may ? may : 1);
    *replica = 0;
    for (uint32_t i = 0; i < c->n; i++)
        if (fleet_may(c, i, request) && pick-- == 0) {
            *replica = i;
            break;
        }
    return 0;
}

const struct route route_random = {.name = "random", .choose = choose};
