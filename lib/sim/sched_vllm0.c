/* sched_vllm0.c - vLLM before v1: prompts first. A step is either whole prompts of waiting
 * requests, as many as fit, or else one token of every running one. Where a running request finds
 * no block, those that arrived last restart, or wait in the host's memory (swap.h). Source: vLLM
 * 0.2 to 0.6, core/scheduler.py; with `vidur` microsoft/vidur, vllm_replica_scheduler.py: there a
 * batch's tokens count padded to its longest.
 */
#include "sim/sched.h"
#include "sim/swap.h"

static bool within_budget(const struct replica *r, uint32_t tokens, uint32_t longest)
{
    uint64_t n = r->n_batch + 1, all = (uint64_t)r->shape.tokens + tokens;

    longest = tokens > longest ? tokens : longest;
    return (r->o->vidur ? n * longest : all) <= r->o->most_tokens;
}

static int admit_prompts(struct replica *r, struct err *e)
{
    uint32_t longest = 0;

    while (r->waiting.n > 0 && r->n_running < r->o->most_requests) {
        uint32_t request = deque_front(&r->waiting), tokens = tokens_due(flight_of(r, request));

        /* A prompt beyond the budget goes alone, lest it wait for ever. */
        if (!sched_fits(r, request) ||
            (!within_budget(r, tokens, longest) && (r->n_batch > 0 || r->o->vidur)))
            return 0;
        if (sched_admit(r, tokens, e) < 0)
            return e->code;
        longest = tokens > longest ? tokens : longest;
    }
    return 0;
}

static int form(struct replica *r, struct err *e)
{
    uint64_t before = r->total.preemptions;

    /* None is admitted while some wait in the host's memory. */
    if (r->swapped.n == 0 && admit_prompts(r, e) < 0)
        return e->code;
    if (r->n_batch > 0)
        return 0;
    if (sched_decode(r, e) < 0)
        return e->code;
    return r->total.preemptions == before ? swap_in(r, e) : 0;
}

const struct sched sched_vllm0 = {.name = "vllm0",
                                  .most_requests = 256,
                                  .most_tokens = 4096,
                                  .watermark = 0.01,
                                  .repeats = true,
                                  .spare_slot = true,
                                  .swaps = true,
                                  .form = form};
