/* sched_lightllm.c - LightLLM: prompts and decodes in steps of their own, as in vllm0; a prompt is
 * admitted if at no step to come the tokens of all requests exceed the memory, and after a step of
 * prompts ten steps of decodes come before the next. Outputs' lengths are known, as they are where
 * max_new_tokens is given truly. Source: LightLLM's router; microsoft/vidur,
 * lightllm_replica_scheduler.py.
 */
#include "sim/sched.h"

enum { STEPS_BETWEEN = 10 };

static int admit(struct replica *r, struct err *e)
{
    while (r->waiting.n > 0 && r->n_running < r->o->most_requests) {
        uint32_t tokens = tokens_due(flight_of(r, deque_front(&r->waiting)));
        int room = sched_has_room(r, 0, e);

        if (room < 0)
            return room;
        /* What can never have its room alone runs alone all the same. */
        if ((room == 0 && r->n_running > 0) ||
            (r->shape.tokens + (uint64_t)tokens > r->o->most_tokens && r->n_batch > 0) ||
            !sched_fits(r, deque_front(&r->waiting)))
            return 0;
        if (sched_admit(r, tokens, e) < 0)
            return e->code;
    }
    return 0;
}

static int form(struct replica *r, struct err *e)
{
    if (r->n_running == 0 || r->since_prompt >= STEPS_BETWEEN) {
        r->since_prompt = 0;
        if (admit(r, e) < 0)
            return e->code;
        if (r->n_batch > 0)
            return 0;
    }
    r->since_prompt++;
    return sched_decode(r, e);
}

const struct sched sched_lightllm = {
    .name = "lightllm", .most_requests = 128, .most_tokens = 4096, .form = form};
