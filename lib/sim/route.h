/* route.h - dispatchers: which replica a request goes to when it comes. Each is one file behind
 * this table. Inside this domain only.
 */
#ifndef SIM_ROUTE_H
#define SIM_ROUTE_H

#include "sim/fleet.h"

#define ROUTE_REFUSED UINT32_MAX

/* What it would be to have the request there. */
typedef double route_load(const struct fleet *c, const struct replica *r, uint32_t request);

struct route {
    const char *name;
    /* The replica of least load is chosen, of equal ones the first; or what choose() says. */
    route_load *load;
    /* *replica: one that is open, or ROUTE_REFUSED. One that no replica can run goes to any. It may
     * have the request wait there for blocks of a prefix: c->fetch_blocks, fetch_us. */
    int (*choose)(struct fleet *c, uint32_t request, uint32_t *replica, struct err *e);
    /* One that it sent somewhere has ended, or leaves its replica to be sent again; NULL: it does
     * not ask. */
    void (*ended)(struct fleet *c, uint32_t request);
    /* The same: one is about to go on at another replica. */
    void (*moves)(struct fleet *c, uint32_t request, uint32_t to);
    bool budgets; /* it looks at c->budgets */
    bool fetches; /* it has requests wait for prefixes */
    /* Where it has a state of its own, c->route_state; NULL: it has none. `end` gets it half made
     * too. */
    int (*begin)(struct fleet *c, struct err *e);
    void (*end)(struct fleet *c);
};

#define ROUTE_NAMES                                                                    \
    "round-robin|random|least-outstanding|shortest-queue|shortest-tokens|free-memory|" \
    "workload|llumnix|prefix|conductor"

extern const struct route route_round_robin, route_random, route_least_outstanding,
    route_shortest_queue, route_shortest_tokens, route_free_memory, route_workload, route_llumnix,
    route_prefix, route_conductor;
const struct route *route_at(size_t i); /* as ROUTE_NAMES has them; NULL after the last */

int route_choose(struct fleet *c, uint32_t request, uint32_t *replica, struct err *e);

#endif
