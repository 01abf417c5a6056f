/* background.h - requests for which nobody waits (trace_program.background): they run where the
 * others leave room, and make way for them. Inside this domain only.
 *
 * They are kept out of the scheduler's queue. Before each step, if none of the others waits and
 * fewer than `engine_opts.background` of them run, so many join that these and the others together
 * are as many: those that were paused first, then new ones, admitted by the scheduler as any. All
 * that are too many pause, between two steps, and keep their blocks; but those that were paused
 * last restart where the others would else lack blocks: for what waits, and one for each that runs.
 */
#ifndef SIM_BACKGROUND_H
#define SIM_BACKGROUND_H

#include "sim/engine.h"

static inline bool is_background(const struct replica *r, uint32_t request)
{
    return r->trace->program && r->trace->program[request].background;
}

/* Into the queue of those; it is at its front if it was running. */
int background_enqueue(struct replica *r, uint32_t request, bool came_back, struct err *e);
/* Around a scheduler's form(). */
int background_before(struct replica *r, struct err *e);
int background_after(struct replica *r, struct err *e);
/* Would one join a step that is like the last, or one that is paused give its blocks back? */
bool background_changes(const struct replica *r);

#endif
