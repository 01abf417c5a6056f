/* freeness.h - how much a replica could take, as Llumnix reckons it: KV blocks left for each
 * request of its batch,
 *
 *   F = (free blocks - blocks that the queue's head wants - headroom) / (running + [queue])
 *
 * where the headroom is kept only while a request of high priority is there: one that the trace
 * puts before its last priority. A replica with nothing to do counts as if one request ran; one
 * that takes no more has a load without end, so that it drains.
 *
 * Source   Llumnix (OSDI'24, arXiv 2406.03243): virtual usage; its code's remaining_steps.
 * Cost     a few additions; with priorities a pass over the running requests.
 */
#ifndef SIM_FREENESS_H
#define SIM_FREENESS_H

#include "sim/fleet.h"

static inline bool is_high(const struct fleet *c, uint32_t request)
{
    return c->trace->priority && c->trace->priority[request] < c->last_priority;
}
bool has_high(const struct fleet *c, const struct replica *r);

/* Blocks. */
double freeness_headroom(const struct fleet *c, const struct replica *r);
double freeness(const struct fleet *c, const struct replica *r);
/* As if there were no priorities. */
double freeness_bare(const struct replica *r);
/* If it had `requests` more or fewer, which hold so many blocks. */
double freeness_with(const struct fleet *c, const struct replica *r, int requests, int64_t blocks);

#endif
