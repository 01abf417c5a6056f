/* ema.h - the moving average of each request's times between tokens, and whether it was ever too
 * long: an objective of DeepSpeed-FastGen's measurements (arXiv 2401.08671), as its benchmark
 * reckons it: exponential weights of a span of 16 tokens, 1 - 2/17 from each to the one before,
 * over the tokens so far; every one of the averages must be below the bound.
 *
 * Watches a replay step by step (replay_opts.step).
 *
 * Cost  some operations for each token; 32 bytes a request.
 */
#ifndef SIM_EMA_H
#define SIM_EMA_H

#include "sim/engine.h"

struct ema_request;

struct ema {
    double bound_ns; /* what an average must be below */
    struct ema_request *v;
};

int ema_init(struct ema *m, double bound_ns, uint32_t requests, struct err *e);
/* A step of r ends: before what it brings is given out. */
void ema_step(struct ema *m, const struct replica *r);
bool ema_met(const struct ema *m, uint32_t request);
void ema_free(struct ema *m); /* {0} is fine */

#endif
