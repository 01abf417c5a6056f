/* sched_static.c - a batch from beginning to end, as FasterTransformer serves: requests are taken
 * from the queue only when none runs, as many as there is room for at full length, and others wait
 * until all of them have ended. The oldest way, for comparison.
 */
#include "sim/sched.h"

static int form(struct replica *r, struct err *e)
{
    int got = r->n_running == 0;

    while (got > 0 && r->waiting.n > 0 && r->n_running < r->o->most_requests)
        got = sched_reserve(r, e);
    return got < 0 ? got : sched_all(r, e);
}

const struct sched sched_static = {.name = "static",
                                   .most_requests = 128,
                                   .most_tokens = 1 << 20,
                                   .reserves = true,
                                   .repeats = true,
                                   .form = form};
