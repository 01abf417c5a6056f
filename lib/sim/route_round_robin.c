/* route_round_robin.c - one after the other. */
#include <stdlib.h>

#include "base/mem.h"
#include "sim/route.h"

static int begin(struct fleet *c, struct err *e)
{
    c->route_state = mem_zero(1, sizeof(uint32_t), e);
    return c->route_state ? 0 : e->code;
}

static void end(struct fleet *c)
{
    free(c->route_state);
}

static int choose(struct fleet *c, uint32_t request, uint32_t *replica, struct err *e)
{
    uint32_t *next = c->route_state;

    (void)e;
    for (uint32_t k = 0; k < c->n; k++) {
        *replica = (*next + k) % c->n;
        if (fleet_may(c, *replica, request))
            break;
    }
    *next = (*replica + 1) % c->n;
    return 0;
}

const struct route route_round_robin = {
    .name = "round-robin", .begin = begin, .end = end, .choose = choose};
