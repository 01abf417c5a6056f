/* sched_sarathi.c - Sarathi-Serve: a budget of tokens a step; all decodes first, then what prompts
 * that have begun still need, then new ones while all of their prompt's blocks are free. So no
 * decode waits for a prompt. Source: Agrawal et al., OSDI'24, sarathi_scheduler.py; with `vidur`
 * microsoft/vidur, where decodes may exceed the budget, and do here too: it bounds prompts.
 */
#include "sim/sched.h"

static int prompts(struct replica *r, size_t running, struct err *e)
{
    for (size_t i = 0; i < running; i++) {
        const struct flight *f = flight_of(r, r->running[i]);
        uint32_t tokens = is_prompt(f) ? sched_piece(r, f) : 0;

        if (tokens > 0 && batch_add(r, r->running[i], tokens, e) < 0)
            return e->code;
    }
    while (r->waiting.n > 0 && r->n_running < r->o->most_requests &&
           r->n_batch < r->o->most_requests) {
        uint32_t request = deque_front(&r->waiting);
        uint32_t tokens = sched_piece(r, flight_of(r, request));

        if (tokens == 0 || !sched_fits(r, request))
            return 0;
        if (sched_admit(r, tokens, e) < 0)
            return e->code;
    }
    return 0;
}

static int form(struct replica *r, struct err *e)
{
    if (sched_decode(r, e) < 0)
        return e->code;
    return prompts(r, r->n_running, e);
}

const struct sched sched_sarathi = {.name = "sarathi",
                                    .most_requests = 128,
                                    .most_tokens = 512,
                                    .watermark = 0.01,
                                    .repeats = true,
                                    .spare_slot = true,
                                    .form = form};
