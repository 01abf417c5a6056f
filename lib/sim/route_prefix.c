/* route_prefix.c - Dynamo's KV router: the replica of least
 *
 *   weight * blocks of prompts to compute + blocks that are held
 *
 * the first of the prompts that are there and of what this one's would not find in the cache. With
 * a temperature T not the least one but replica i with a probability in proportion to
 * exp(-cost(i) / (T * span)), where span is the difference of the largest cost and the least.
 *
 * Source   NVIDIA Dynamo, docs on KV cache routing, and its lib/llm/src/kv_router/scheduler.rs.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rand.h"
#include "sim/prefix.h"
#include "sim/route.h"

static int begin(struct fleet *c, struct err *e)
{
    c->route_state = mem_array(c->n, sizeof(double), e);
    return c->route_state ? 0 : e->code;
}

static void end(struct fleet *c)
{
    free(c->route_state);
}

static int cost_at(const struct fleet *c, struct replica *r, uint32_t request, double *cost,
                   struct err *e)
{
    struct prefix p;
    double tokens;

    if (prefix_find(r, request, &p, e) < 0)
        return e->code;
    tokens = (double)r->due_tokens + flight_of(r, request)->need - (double)p.shared * r->kv.tokens;
    *cost = c->o->route_opts.overlap_weight * tokens / r->kv.tokens + (r->kv.total - r->kv.free);
    return 0;
}

/* INFINITY: one that may not be chosen. */
static uint32_t draw(struct fleet *c, const double *cost, double least, double most)
{
    double scale = c->o->route_opts.temperature * (most - least), sum = 0, at;
    uint32_t last = 0;

    for (uint32_t i = 0; i < c->n; i++)
        sum += isfinite(cost[i]) ? exp((least - cost[i]) / scale) : 0;
    at = rand_unit(&c->seed) * sum;
    for (uint32_t i = 0; i < c->n; i++) {
        if (!isfinite(cost[i]))
            continue;
        last = i;
        at -= exp((least - cost[i]) / scale);
        if (at < 0)
            break;
    }
    return last;
}

static int choose(struct fleet *c, uint32_t request, uint32_t *replica, struct err *e)
{
    double *cost = c->route_state, least = INFINITY, most = -INFINITY;

    *replica = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        cost[i] = INFINITY;
        if (!fleet_may(c, i, request))
            continue;
        if (cost_at(c, &c->replica[i], request, &cost[i], e) < 0)
            return e->code;
        most = fmax(most, cost[i]);
        if (cost[i] < least) {
            least = cost[i];
            *replica = i;
        }
    }
    if (c->o->route_opts.temperature > 0 && most > least)
        *replica = draw(c, cost, least, most);
    return 0;
}

const struct route route_prefix = {.name = "prefix", .choose = choose, .begin = begin, .end = end};
