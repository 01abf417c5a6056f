/* programs.h - requests of programs, above the replicas: how long a prompt is whose beginning
 * others wrote, an output that goes by what has ended, races that some win, and how many heirs
 * of a request's KV are to come (kin.h). Inside this domain only.
 *
 * A trace says how long texts are if all goes as it says. As it came about, a prompt is shorter by
 * what those that it joins were stopped short of, or longer; `now` is the trace with lengths as
 * they came about, and what all below this level read.
 *
 * When so many of a race have ended as may win, the others are stopped at the end of the step that
 * they are in, with what they have given. Cost: a few additions a request of a program.
 */
#ifndef SIM_PROGRAMS_H
#define SIM_PROGRAMS_H

#include "sim/fleet.h"

struct programs { /* {0}: there are none */
    const struct trace_set *given;
    struct trace_set now;        /* prompt, output and priority are its own */
    struct kin *kin;             /* [n], or NULL: nothing is taken over */
    uint32_t *racer_end, *racer; /* requests by race */
    uint32_t *winners;           /* of each race, how many may still end */
    uint32_t *loser;             /* to be stopped, but for steps under way */
    size_t n_losers, losers_cap;
};

int programs_begin(struct programs *g, const struct trace_set *t, struct err *e);
void programs_free(struct programs *g);
/* The trace, or `now`. */
const struct trace_set *programs_trace(const struct programs *g);

/* A request is about to come: its lengths. */
void programs_lengths(struct programs *g, const struct flight *flight, uint32_t request);
/* It has come, or it never will: who keeps blocks for it? */
void programs_came(struct programs *g, struct fleet *c, uint32_t request);
/* It has ended: the others of its race may have lost. */
int programs_ended(struct programs *g, const struct flight *flight, uint32_t request,
                   struct err *e);
/* Stops one that has lost and is in no step under way: 1 and *request, or 0. */
int programs_stop(struct programs *g, struct fleet *c, uint32_t *request);

#endif
