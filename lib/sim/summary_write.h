/* summary_write.h - what a replay comes to, written: rows `what value`, or one JSON object. */
#ifndef SIM_SUMMARY_WRITE_H
#define SIM_SUMMARY_WRITE_H

#include "base/out.h"
#include "sim/metrics.h"

/* weight: of a token that is waited for, where others are of the background. */
void summary_write(struct out *o, const struct summary *s, const struct replay *p, double weight);

#endif
