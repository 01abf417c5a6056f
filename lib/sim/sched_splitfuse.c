/* sched_splitfuse.c - DeepSpeed-FastGen's dynamic SplitFuse: every step has the same number of
 * tokens, as long as prompts wait: a token of each request that generates, then pieces of prompts
 * that fill it exactly. A request that finds no block for its token skips the step; only where
 * nothing at all can run, those that run restart. Source: Holmes et al. 2024,
 * mii/batching/ragged_batching.py.
 */
#include "sim/kin.h"
#include "sim/sched.h"

static int generate(struct replica *r, struct err *e)
{
    for (size_t i = 0; i < r->n_running && sched_left(r) > 0; i++) {
        uint32_t request = r->running[i];
        struct flight *f = flight_of(r, request);
        uint32_t more = blocks_more(r, f, (uint64_t)f->computed + 1);

        if (is_prompt(f) || more > r->kv.free)
            continue;
        if (kv_take(&r->kv, &f->kv, more, e) < 0 || batch_add(r, request, 1, e) < 0)
            return e->code;
    }
    return 0;
}

/* Is all that the prompt still needs free? It takes what its piece needs. */
static int add_piece(struct replica *r, uint32_t request, struct err *e)
{
    struct flight *f = flight_of(r, request);
    uint32_t piece = sched_piece(r, f);

    if (blocks_more(r, f, f->need) > r->kv.free || piece == 0)
        return 0;
    if (kin_take(r, f, blocks_more(r, f, (uint64_t)f->computed + piece), e) < 0 ||
        batch_add(r, request, piece, e) < 0)
        return e->code;
    return 1;
}

/* Those that were split come first. */
static int prompts(struct replica *r, struct err *e)
{
    int more = 1;

    for (size_t i = 0, n = r->n_running; i < n && more > 0; i++)
        if (is_prompt(flight_of(r, r->running[i])))
            more = add_piece(r, r->running[i], e);
    while (more > 0 && r->waiting.n > 0 && r->n_running < r->o->most_requests) {
        uint32_t request = deque_front(&r->waiting);

        if ((more = add_piece(r, request, e)) <= 0)
            break;
        deque_pop_front(&r->waiting);
        if (running_add(r, request, e) < 0)
            return e->code;
    }
    return more < 0 ? more : 0;
}

static int form(struct replica *r, struct err *e)
{
    if (generate(r, e) < 0 || prompts(r, e) < 0)
        return e->code;
    if (r->n_batch > 0 || r->n_running == 0)
        return 0;
    /* All wait for blocks that the others hold. The queue has the oldest in front again. */
    while (r->n_running > 0)
        if (restart(r, r->running[--r->n_running], e) < 0)
            return e->code;
    return prompts(r, e);
}

const struct sched sched_splitfuse = {
    .name = "splitfuse", .most_requests = 512, .most_tokens = 768, .form = form};
