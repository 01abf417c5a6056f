/* capacity.h - the largest rate of arrivals that meets an objective, by bisection over replays.
 *
 * Sarathi's definition (OSDI'24): requests of the trace with Poisson arrivals; the tail of the
 * times between tokens within a bound and the median delay before the first step within another.
 * Or a share of the requests meets objectives of each (metrics.h); bounds and share may go
 * together. Replays of all rates have the same arrivals but for their scale. Requests come in the
 * trace's order, or in a random one, as in Sarathi's own benchmark: then hours of longer requests
 * do not come together.
 *
 * Cost     some 15 replays. Use 2,000 requests and more: short traces end before a queue has built.
 * Threads  one; several searches may share trace and cost model.
 */
#ifndef SIM_CAPACITY_H
#define SIM_CAPACITY_H

#include "sim/metrics.h"

/* Bounds on a metric's percentile, in ns; 0: none. */
struct objective {
    double tbt_p99_ns, ttft_p99_ns, e2e_p99_ns, delay_p50_ns;
    struct slo slo;    /* of each request; its ema is the search's own */
    double good_share; /* of them that meet slo; 0: none need */
};

struct capacity {
    double rate;            /* requests a second; 0: not even the lowest that was tried */
    bool unbounded;         /* the objective is met at the highest, too */
    struct summary summary; /* at that rate; of the lowest where rate is 0 */
    uint32_t rejected, first_rejected; /* requests that can never run, at whatever rate: without a
                                          good_share they make it 0, with one they are not good */
};

struct capacity_opts {
    struct objective objective;
    uint64_t seed;
    double precision;   /* of the rate: 0.01 is a hundredth of it */
    double least, most; /* rates to look between */
    bool shuffle;       /* requests in a random order; ERR_USAGE where it matters to them */
};

int capacity_find(struct capacity *c, const struct trace_set *t, const struct cost *cost,
                  const struct replay_opts *replay, const struct capacity_opts *o, struct err *e);

#endif
