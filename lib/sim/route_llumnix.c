/* route_llumnix.c - to the replica of most freeness (freeness.h), of equal ones the first:
 * Llumnix's dispatch.
 *
 * One of high priority goes where others of such run already, as long as the headroom is kept
 * there: by freeness alone it would go to a replica that has none, and soon all would have some,
 * and keep headroom from each other.
 */
#include "sim/freeness.h"
#include "sim/route.h"

static double load(const struct fleet *c, const struct replica *r, uint32_t request)
{
    double free = freeness(c, r);
    bool shelter = free > 0 && c->o->headroom > 0 && is_high(c, request) && has_high(c, r);

    return shelter ? -2.0 * r->kv.total - free : -free;
}

const struct route route_llumnix = {.name = "llumnix", .load = load};
