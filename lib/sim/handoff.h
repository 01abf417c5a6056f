/* handoff.h - pools of replicas that compute prompts, and of others that decode: a request whose
 * first token is there leaves the one, its KV cache is copied, and it joins the other at the end of
 * the step under way there.
 *
 * Which one is decided when the copy begins: of those that have room for its blocks that on which
 * the next step would be the shortest with it. Where none has room requests wait, in the order in
 * which their prompts were done, and keep the blocks where they are: that is the pressure on the
 * replicas of prompts. A replica sends one copy at a time, at the link's rate.
 *
 * A request that is driven out where it decodes is computed anew there.
 *
 * Source   Splitwise (ISCA'24), Mooncake (FAST'25). Inside this domain only.
 */
#ifndef SIM_HANDOFF_H
#define SIM_HANDOFF_H

#include "sim/fleet.h"

struct handoff_opts {
    double link_gbs, link_us; /* the rate; the latency of a copy */
};

#define HANDOFF_INIT                    \
    {                                   \
        .link_gbs = 25, .link_us = 1000 \
    }

int handoff_init(struct fleet *c, struct err *e);
void handoff_free(struct fleet *c);

/* The replica is between two steps: requests with a first token leave it, others join. */
int handoff_pass(struct fleet *c, struct replica *r, struct err *e);
/* Does a request wait for a place in its batch? */
bool handoff_joins(const struct fleet *c, const struct replica *r);
/* A copy is there. */
int handoff_copied(struct fleet *c, uint32_t slot, struct err *e);
/* The replica is about to lose all it has: requests that are lost are appended to v. */
int handoff_lose(struct fleet *c, const struct replica *r, uint32_t *v, size_t *n, struct err *e);
/* How many requests a replica may lose so, at most. */
size_t handoff_most_lost(const struct fleet *c);
/* Does a request wait for room, be copied from the replica, or to it? */
bool handoff_has(const struct fleet *c, uint32_t replica);
/* Do those that wait stand in the order of their first tokens, and are those on
 * the way all counted? For --check. */
bool handoff_consistent(const struct fleet *c);
uint32_t handoff_waiting(const struct fleet *c); /* requests that wait for room */
uint32_t handoff_first(const struct fleet *c);   /* of those; there must be one */
/* Do requests wait while none that decodes is open? */
bool handoff_in_vain(const struct fleet *c);

/* Could one of those that decode ever run it? */
bool handoff_may(const struct fleet *c, uint32_t request);
/* The time of the next step of the replica where it would be shortest, with one more request of so
 * much context. */
int handoff_step_us(const struct fleet *c, uint32_t context, double *us, struct err *e);

#endif
