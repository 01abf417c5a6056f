/* check.c - see check.h. */
#include "sim/check.h"

#include "sim/sched.h"
#include "sim/swap.h"

enum { STEPS_A_TIER_WALK = 1024 };

static const char blocks_lost[] = "KV blocks are lost, or held twice";

/* Each is free, or held as often as lists have it. */
static bool blocks_are_conserved(const struct replica *r)
{
    uint64_t lists = r->aside, holders = 0;

    for (size_t i = 0; !r->trace->program && i < r->n_running; i++)
        lists += flight_of(r, r->running[i])->kv.n;
    /* Of a program, those that wait or have ended may hold some too. */
    for (uint32_t i = 0; r->trace->program && i < r->trace->n; i++)
        lists += flight_of(r, i)->replica == r->number ? flight_of(r, i)->kv.n : 0;
    for (uint32_t b = 0; r->kv.sharing && b < r->kv.total; b++)
        holders += r->kv.block[b].holders;
    if (!r->kv.sharing)
        holders = r->kv.total - r->kv.free;
    lists += r->sched->held ? r->sched->held(r) : 0;
    /* A scheduler may have taken some over from requests that ended. */
    return kv_consistent(&r->kv) &&
           (r->sched->keep && !r->sched->held ? lists <= holders : lists == holders);
}

static bool tiers_are_whole(const struct replica *r)
{
    bool whole = true;

    for (int i = 0; i < KV_TIERS && r->total.steps % STEPS_A_TIER_WALK == 1; i++)
        whole = whole && tier_consistent(&r->kv.tier[i]);
    return whole;
}

/* Of a request that runs: its tokens, all but the last that it gave, are computed once and have
 * their place. */
static bool tokens_are_right(const struct replica *r, uint32_t request)
{
    const struct flight *f = flight_of(r, request);
    uint64_t all = (uint64_t)r->trace->prompt[request] + f->given;
    uint64_t holes = r->kin ? r->kin[request].holes : 0;

    if (f->status != FLIGHT_RUNNING || f->replica != r->number)
        return false;
    if (f->given >= r->trace->output[request] ||
        (uint64_t)f->kv.n * r->kv.tokens < f->computed + holes)
        return false;
    return is_prompt(f) ? f->need <= all : f->computed + 1 == all;
}

static bool times_are_in_order(const struct replica *r, uint32_t request)
{
    const struct flight *f = flight_of(r, request);

    if (f->start_ns < f->came_ns || f->start_ns > r->began_ns)
        return false;
    return f->given == 0
               ? f->first_ns == FLIGHT_NEVER
               : f->start_ns < f->first_ns && f->first_ns <= f->last_ns && f->last_ns <= r->end_ns;
}

/* Decodes may exceed it; what comes beside them must fit, or be one prompt that is alone. */
static bool budget_is_kept(const struct replica *r)
{
    uint32_t prompts = 0, decodes = r->shape.decodes, most = r->o->most_tokens;

    for (uint32_t i = 0; i < r->shape.n_pieces; i++)
        prompts += r->shape.pieces[i].chunk;
    if (r->n_batch > r->o->most_requests || prompts + decodes != r->shape.tokens)
        return false;
    return r->sched->reserves || prompts == 0 || prompts + decodes <= most ||
           (r->n_batch == 1 && decodes == 0);
}

/* What dispatchers look at. */
static bool load_is_right(const struct replica *r)
{
    uint64_t tokens = 0, blocks = 0;

    for (size_t i = 0; i < r->waiting.n; i++) {
        const struct flight *f = flight_of(r, deque_at(&r->waiting, i));

        tokens += prompt_due(f);
        blocks += kv_blocks(&r->kv, f->need);
    }
    for (size_t i = 0; i < r->n_running; i++)
        tokens += prompt_due(flight_of(r, r->running[i]));
    return tokens == r->due_tokens && blocks == r->queued_blocks;
}

const char *replica_wrong(const struct replica *r)
{
    /* What steps that only repeat did to requests is settled later. */
    if (r->steady.done > 0)
        return kv_consistent(&r->kv) ? NULL : blocks_lost;
    if (!blocks_are_conserved(r))
        return blocks_lost;
    if (!swap_consistent(r))
        return "blocks of the host's memory are lost, or held twice";
    if (!tiers_are_whole(r))
        return "blocks beside the GPU's memory are lost, or there twice";
    if (!budget_is_kept(r))
        return "its batch is beyond the budget";
    if (!load_is_right(r))
        return "its load is counted wrong";
    for (size_t i = 0; i < r->n_running; i++) {
        if (!tokens_are_right(r, r->running[i]))
            return "tokens are lost, or computed twice";
        if (!times_are_in_order(r, r->running[i]))
            return "times are not in order";
    }
    return r->sched->wrong ? r->sched->wrong(r) : NULL;
}
