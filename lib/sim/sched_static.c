/* sched_static.c - a batch from beginning to end, as FasterTransformer serves: requests are taken
 * from the queue only when none runs, as many as there is room for at full length, and others wait
 * until all of them have ended. The oldest way, for comparison.
 */
#include "sim/sched.h"

static int form(struct replica *r, struct err *e)
{
    if (r->n_running == 0)
        while (r->waiting.n > 0 && r->n_running < r->o->most_requests && sched_reserve(r, e) > 0)
            ;
    return e->code < 0 ? e->code : sched_all(r, e);
}

const struct sched sched_static = {.name = "static",
                                   .most_requests = 128,
                                   .most_tokens = 1 << 20,
                                   .reserves = true,
                                   .repeats = true,
                                   .form = form};
