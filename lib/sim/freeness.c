/* freeness.c - see freeness.h. */
#include "sim/freeness.h"

#include <math.h>

bool has_high(const struct fleet *c, const struct replica *r)
{
    if (!c->trace->priority)
        return false;
    for (size_t i = 0; i < r->n_running; i++)
        if (is_high(c, r->running[i]))
            return true;
    for (size_t i = 0; i < r->waiting.n; i++)
        if (is_high(c, deque_at(&r->waiting, i)))
            return true;
    return false;
}

double freeness_headroom(const struct fleet *c, const struct replica *r)
{
    return c->o->headroom > 0 && has_high(c, r) ? kv_blocks(&r->kv, c->o->headroom) : 0;
}

static double reckon(const struct replica *r, int requests, double blocks)
{
    double n = (double)r->n_running + requests + (r->waiting.n > 0);
    double left = r->kv.free - blocks;

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
    return reckon(r, requests, (double)blocks + freeness_headroom(c, r));
}

double freeness(const struct fleet *c, const struct replica *r)
{
    return freeness_with(c, r, 0, 0);
}
