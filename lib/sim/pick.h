/* pick.h - some of a trace's requests as a trace of its own. Inside this domain only. */
#ifndef SIM_PICK_H
#define SIM_PICK_H

#include "sim/load.h"

/* Those with keep[i], in their order; waiting for one that is not among them, or joining it, is
 * forgotten, and so are races and outputs that go by what has ended: lengths are taken to be as
 * those made them. Sessions, tools, categories and models keep their numbers; models' names stay
 * with t. */
int trace_pick(struct trace_set *out, const struct trace_set *t, const bool *keep, struct err *e);

#endif
