/* freeness.c - see freeness.h. */
#include "sim/freeness.h"

#include <math.h>

bool has_high(const struct fleet *c, const struct replica *r)
{
    for (size_t i = 0; c->trace->priority && i < r->n_running; i++)
        if (is_high(c, r->running[i]))
            return true;
    return false;
}

static double reckon(const struct replica *r, int requests, int64_t blocks)
{
    double n = (double)r->n_running + requests + (r->waiting.n > 0);
    double left = (double)r->kv.free - (double)blocks;

    if (r->closed)
        return -INFINITY;
    if (r->waiting.n > 0)
        left -= kv_blocks(&r->kv, flight_of(r, deque_front(&r->waiting))->need);
    return left / fmax(n, 1);
}

double freeness_bare(const struct replica *r)
{
    return reckon(r, 0, 0);
}

double freeness_with(const struct fleet *c, const struct replica *r, int requests, int64_t blocks)
{
    bool kept = c->o->headroom > 0 && has_high(c, r);

    return reckon(r, requests, blocks + (kept ? kv_blocks(&r->kv, c->o->headroom) : 0));
}

double freeness(const struct fleet *c, const struct replica *r)
{
    return freeness_with(c, r, 0, 0);
}
