/* sched_orca.c - Orca: a request joins the batch at any step and leaves it when it has ended.
 * Memory for the longest request is kept for each, so none ever has to stop; whole prompts and
 * decodes share a step. Source: Yu et al., OSDI'22 (iteration-level scheduling, selective
 * batching).
 */
#include "sim/sched.h"

static int form(struct replica *r, struct err *e)
{
    int got = 1;

    while (got > 0 && r->waiting.n > 0 && r->n_running < r->o->most_requests)
        got = sched_reserve(r, e);
    return got < 0 ? got : sched_all(r, e);
}

const struct sched sched_orca = {.name = "orca",
                                 .most_requests = 128,
                                 .most_tokens = 1 << 20,
                                 .reserves = true,
                                 .repeats = true,
                                 .form = form};
