/* link.c - see link.h. */
#include "sim/link.h"

#include "sim/leave.h"
#include "sim/route.h"
#include "sim/sched.h"

static int of_replica(const struct replica *r, double gbs, double *us, struct err *e)
{
    struct cost_memory memory;

    if (r->sched->reserves)
        return err_set(e, ERR_USAGE,
                       "%s keeps memory for the longest request: none of its can move",
                       r->sched->name);
    if (r->sched->groups)
        return err_set(e, ERR_USAGE, "%s runs requests in groups: none of a group can move",
                       r->sched->name);
    if (r->sched->switched)
        return err_set(e, ERR_USAGE,
                       "%s has a map of its own of what it holds: none of it can move",
                       r->sched->name);
    cost_memory(r->cost, &memory);
    if (!(memory.kv_bytes > 0))
        return err_set(e, ERR_USAGE,
                       "the cost table does not say how large a token's keys and values are, so "
                       "how long they take to move is not known");
    *us = memory.kv_bytes * r->o->block_tokens / (1e3 * gbs);
    return 0;
}

int link_block_us(const struct fleet *c, double gbs, double *us, struct err *e)
{
    const struct replica *first = &c->replica[0];

    for (uint32_t i = 0; i < c->n; i++) {
        double x = 0;

        if (of_replica(&c->replica[i], gbs, &x, e) < 0)
            return e->code;
        if (i == 0)
            *us = x;
        if (c->replica[i].o->block_tokens != first->o->block_tokens || x < *us || x > *us)
            return err_set(e, ERR_USAGE,
                           "replicas whose KV blocks differ cannot send requests to each other");
    }
    return 0;
}

int link_step_us(const struct replica *r, uint32_t coming, uint32_t context, double *us,
                 struct err *e)
{
    uint32_t decodes = (uint32_t)r->n_running + coming + 1;
    uint64_t held = (uint64_t)(r->kv.total - r->kv.free) * r->kv.tokens + context;
    uint32_t mean = held / decodes < UINT32_MAX ? (uint32_t)(held / decodes) : UINT32_MAX;
    struct cost_shape s = {.decodes = decodes,
                           .tokens = decodes,
                           .kv_sum = held,
                           .kv_max = mean > 0 ? mean : 1,
                           .kv_min = mean > 0 ? mean : 1};

    if (cost_us(r->cost, &s, us, NULL, e) < 0)
        return e->code;
    *us *= replica_slower(r);
    return 0;
}

void link_hand_over(struct fleet *c, uint32_t request, uint32_t to, struct kv_list *l)
{
    struct flight *f = &c->flight[request];
    struct replica *from = &c->replica[f->replica];

    replica_give_aside(from, &f->kv);
    f->kv = *l;
    f->named = f->left = 0;
    *l = (struct kv_list){0};
    if (c->route->moves)
        c->route->moves(c, request, to);
    f->replica = to;
    fleet_touch(c, from);
    fleet_touch(c, &c->replica[to]);
}
