/* sched_vllm1.c - vLLM v1: one budget of tokens a step for all, no phases. Running requests first,
 * in the order in which they were admitted, each as many tokens as it is due; where one finds no
 * block the last admitted restarts (with priorities: the worst). Then, if none had to, waiting
 * requests, each beginning behind the blocks of its prompt that the prefix cache has. The first
 * that does not fit stops admitting. With priorities the queue is in their order, and in that of
 * arrival where they are equal. Source: vLLM v1, core/sched/scheduler.py.
 */
#include "sim/kin.h"
#include "sim/prefix.h"
#include "sim/sched.h"

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Which of r->running goes when there is no block: the last, or of all the worst priority's last.
 */
static size_t victim(const struct replica *r)
{
    size_t worst = r->n_running - 1;

    for (size_t i = worst; r->trace->priority && i-- > 0;)
        if (r->trace->priority[r->running[i]] > r->trace->priority[r->running[worst]])
            worst = i;
    return worst;
}

/* A request that goes may be in the batch already: then its tokens are the budget's again. */
static void take_back(struct replica *r, uint32_t request, uint32_t *budget)
{
    size_t n = 0;
    struct batch_entry *b = r->batch;

    for (size_t i = 0; i < r->n_batch; i++)
        if (b[i].request != request)
            b[n++] = b[i];
        else
            *budget += b[i].tokens;
    r->n_batch = n;
}

/* Shape and pieces anew, from what is left in the batch. */
static int recount(struct replica *r, struct err *e)
{
    size_t n = r->n_batch;

    r->n_batch = 0;
    r->shape = (struct cost_shape){.pieces = NULL};
    for (size_t i = 0; i < n; i++)
        if (batch_add(r, r->batch[i].request, r->batch[i].tokens, e) < 0)
            return e->code;
    return 0;
}

/* Blocks for `tokens` more of r->running[*at]: 1, or 0 if the request itself had to go. *at follows
 * the request where others before it go. */
static int make_room(struct replica *r, size_t *at, uint32_t tokens, uint32_t *budget,
                     struct err *e)
{
    uint32_t request = r->running[*at];
    struct flight *f = flight_of(r, request);
    uint32_t more = blocks_more(r, f, (uint64_t)f->computed + tokens);
    bool back = false;

    while (r->kv.free < more) {
        size_t v = victim(r);
        uint32_t goes = r->running[v];

        for (size_t i = v + 1; i < r->n_running; i++)
            r->running[i - 1] = r->running[i];
        r->n_running--;
        if (v < *at) {
            take_back(r, goes, budget);
            back = true;
            --*at;
        }
        if (restart(r, goes, e) < 0)
            return e->code;
        if (goes == request)
            return back && recount(r, e) < 0 ? e->code : 0;
    }
    if (back && recount(r, e) < 0)
        return e->code;
    return kv_take(&r->kv, &f->kv, more, e) < 0 ? e->code : 1;
}

/* *preempted: some request had to go. */
int vllm1_continue(struct replica *r, uint32_t *budget, bool *preempted, struct err *e)
{
    uint64_t before = r->total.preemptions;

    for (size_t i = 0; i<r->n_running && * budget> 0; i++) {
        uint32_t request = r->running[i];
        uint32_t tokens = smaller(tokens_due(flight_of(r, request)), *budget);
        int has = make_room(r, &i, tokens, budget, e);

        if (has < 0)
            return e->code;
        if (has == 0)
            break;
        tokens = smaller(tokens, *budget);
        if (prefix_name(r, request, flight_of(r, request)->computed + tokens, e) < 0 ||
            batch_add(r, request, tokens, e) < 0)
            return e->code;
        *budget -= tokens;
    }
    *preempted = r->total.preemptions > before;
    return 0;
}

/* The queue's head, if there is room for all of it, though only a piece may come now: else those
 * that are half computed would drive each other out. 1, or 0 if not. */
int vllm1_admit(struct replica *r, uint32_t *budget, struct err *e)
{
    uint32_t request = deque_front(&r->waiting), tokens;
    struct flight *f = flight_of(r, request);
    struct prefix p;

    if (prefix_find(r, request, &p, e) < 0)
        return e->code;
    if (blocks_more(r, f, f->need) - p.shared + p.idle > r->kv.free)
        return 0;
    deque_pop_front(&r->waiting);
    if (prefix_choose(r, request, &p, e) < 0 || prefix_hold(r, request, &p, e) < 0)
        return e->code;
    tokens = smaller(f->need - f->computed, *budget);
    if (kin_take(r, f, blocks_more(r, f, (uint64_t)f->computed + tokens), e) < 0 ||
        prefix_name(r, request, f->computed + tokens, e) < 0 || running_add(r, request, e) < 0 ||
        batch_add(r, request, tokens, e) < 0)
        return e->code;
    *budget -= tokens;
    return 1;
}

static int form(struct replica *r, struct err *e)
{
    uint32_t budget = r->o->most_tokens;
    bool preempted = false;
    int more = 1;

    if (vllm1_continue(r, &budget, &preempted, e) < 0)
        return e->code;
    while (more > 0 && !preempted && budget > 0 && r->waiting.n > 0 &&
           r->n_running < r->o->most_requests)
        more = vllm1_admit(r, &budget, e);
    return more < 0 ? more : 0;
}

const struct sched sched_vllm1 = {.name = "vllm1",
                                  .most_requests = 256,
                                  .most_tokens = 2048,
                                  .prefix_cache = true,
                                  .priorities = true,
                                  .repeats = true,
                                  .form = form};
