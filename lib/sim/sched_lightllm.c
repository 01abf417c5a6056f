/* sched_lightllm.c - LightLLM: prompts and decodes in steps of their own, as in vllm0; a prompt is
 * admitted if at no step to come the tokens of all requests exceed the memory, and after a step of
 * prompts ten steps of decodes come before the next. Outputs' lengths are known, as they are where
 * max_new_tokens is given truly. Source: LightLLM's router; microsoft/vidur,
 * lightllm_replica_scheduler.py.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "sim/sched.h"

enum { STEPS_BETWEEN = 10 };

static struct sched_course course_of(const struct replica *r, uint32_t request)
{
    const struct flight *f = flight_of(r, request);
    uint32_t given = f->given + 1; /* its prompt gives one */

    return (struct sched_course){
        (uint64_t)r->trace->prompt[request] + given,
        r->trace->output[request] > given ? r->trace->output[request] - given : 0};
}

/* Would there be room to the end with the queue's head among those that run? */
static int has_room(const struct replica *r, struct err *e)
{
    size_t n = r->n_running + 1;
    struct sched_course *v = mem_array(n, sizeof *v, e);
    uint64_t most;

    if (!v)
        return e->code;
    for (size_t i = 0; i < r->n_running; i++)
        v[i] = course_of(r, r->running[i]);
    v[n - 1] = course_of(r, deque_front(&r->waiting));
    most = sched_peak(v, n);
    free(v);
    /* A request's last block may be empty but for a token. */
    return most + n * (r->kv.tokens - 1) <= (uint64_t)r->kv.total * r->kv.tokens;
}

static int admit(struct replica *r, struct err *e)
{
    while (r->waiting.n > 0 && r->n_running < r->o->most_requests) {
        uint32_t tokens = flight_of(r, deque_front(&r->waiting))->need;
        int room = has_room(r, e);

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
