/* life.h - replicas that come and go: one is off, starts, is open, drains, or has failed.
 *
 *   off --start--> starting --after start-up--> open --close--> draining --when empty--> off
 *   any but off --fail--> failed --when it is back--> open
 *
 * One that drains takes no more requests and runs those it has, unless they move away (migrate.h).
 * One that fails loses its KV cache and its queue; its requests are sent to others, to be computed
 * anew: the tokens that they gave stay given. Requests that no open replica can take wait until one
 * opens. Inside this domain only.
 */
#ifndef SIM_LIFE_H
#define SIM_LIFE_H

#include "sim/fleet.h"

enum life_state { LIFE_OFF, LIFE_STARTING, LIFE_OPEN, LIFE_DRAINING, LIFE_FAILED };

struct life {
    enum life_state state;
    bool noticed;      /* it will fail, and drains or has drained for that */
    bool was_on;       /* when it failed */
    int64_t open_ns;   /* when it opens; FLIGHT_NEVER: that is not known */
    int64_t on_ns;     /* since when it is on; FLIGHT_NEVER: it is not */
    int64_t was_on_ns; /* before that, since the first arrival */
};

int life_init(struct fleet *c, struct err *e);
void life_free(struct fleet *c);

uint32_t life_count(const struct fleet *c, enum life_state state);
/* Can a replica open yet? */
bool life_may_open(const struct fleet *c);
/* How long replicas were on, from the first arrival to `end_ns`: of all. */
int64_t life_on_ns(const struct fleet *c, int64_t end_ns);

int life_start(struct fleet *c, uint32_t i, int64_t takes_ns, struct err *e);
int life_open(struct fleet *c, uint32_t i, struct err *e);
void life_close(struct fleet *c, uint32_t i);
/* The replica is between two steps: if it drains and has nothing more it is off. */
void life_rest(struct fleet *c, struct replica *r);

/* What is due. */
int life_opens(struct fleet *c, uint32_t i, struct err *e);
void life_notice(struct fleet *c, uint32_t failure);
int life_fail(struct fleet *c, uint32_t failure, struct err *e);

/* True: no replica that is open takes the request, but one that may open would. */
bool life_must_wait(const struct fleet *c, uint32_t request);
int life_hold(struct fleet *c, uint32_t request, struct err *e);

#endif
