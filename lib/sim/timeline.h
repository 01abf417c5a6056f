/* timeline.h - a replay as Chrome trace events (JSON), which Perfetto and chrome://tracing show: a
 * box a step with what is in it, counters of requests and KV blocks, and for each request the time
 * that it waited, that its prompt took, and its output.
 *
 * Source   "Trace Event Format", the JSON array form; times in microseconds, to the nanosecond.
 */
#ifndef SIM_TIMELINE_H
#define SIM_TIMELINE_H

#include "base/out.h"
#include "sim/replay.h"

struct timeline {
    struct out *out;
    bool begun;
    uint32_t pid; /* the replica of the request that is written */
};

void timeline_begin(struct timeline *t, uint32_t replicas);
/* A step of r ends: before any of its requests leaves. */
void timeline_step(struct timeline *t, const struct replica *r);
/* Something happened to a replica, or a request came to it: a fleet_marked. */
void timeline_mark(void *ctx, int64_t t_ns, enum fleet_mark what, uint32_t replica,
                   uint32_t request);
/* All requests, at the end; closes the array. */
int timeline_end(struct timeline *t, const struct replay *p, struct err *e);

#endif
