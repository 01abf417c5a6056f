/* naive_batch.h - BatchLLM, as its paper and trace-replay(1) have it, slow and plain: the order of
 * groups is reckoned whenever two requests are compared. Part of naive_run.h; nothing here was
 * taken from lib/sim.
 */
#ifndef TESTS_NAIVE_BATCH_H
#define TESTS_NAIVE_BATCH_H

#include "naive_sched.h"

static int team_size(const struct naive *s, int group)
{
    int n = 0;

    for (int i = 0; i < s->n; i++)
        n += s->r[i].group == group;
    return n;
}

/* Whole blocks of the prefix that no member's prompt ends with. */
static int shared_by(const struct naive *s, int group)
{
    int tokens = s->team[group].prefix;

    if (!s->o.sharing || team_size(s, group) < 2)
        return 0;
    for (int i = 0; i < s->n; i++)
        if (s->r[i].group == group && s->r[i].prompt - 1 < tokens)
            tokens = s->r[i].prompt - 1;
    return tokens / s->o.block_tokens;
}

/* Tokens that the group computes: 1 over the ratio by which groups are ordered. */
static int work_of(const struct naive *s, int request)
{
    int group = s->r[request].group, work = s->team[group].prefix;

    for (int i = 0; i < s->n; i++)
        if (s->r[i].group == group)
            work += s->r[i].prompt - s->team[group].prefix;
    return s->o.sharing ? work : s->r[request].prompt;
}

static int first_of(const struct naive *s, int request)
{
    int i = 0;

    while (s->r[i].group != s->r[request].group)
        i++;
    return s->o.sharing ? i : request;
}

/* Of two that wait, the one that goes first: who came back, the latest of them before; then by
 * groups. */
static bool runs_before(const struct naive *s, int a, int b)
{
    bool back_a = s->r[a].preemptions > 0, back_b = s->r[b].preemptions > 0;

    if (back_a || back_b)
        return back_a && (!back_b || queue_find(&s->waiting, a) < queue_find(&s->waiting, b));
    if (work_of(s, a) != work_of(s, b))
        return work_of(s, a) < work_of(s, b);
    return first_of(s, a) != first_of(s, b) ? first_of(s, a) < first_of(s, b) : a < b;
}

static struct team *team_for(struct naive *s, int request)
{
    return &s->team[s->r[request].group];
}

/* With --no-prefix-cache there is no group. */
static bool is_ready(struct naive *s, int request)
{
    return !s->o.sharing || team_for(s, request)->begun;
}

static bool leads(struct naive *s, int request)
{
    return s->o.sharing && team_for(s, request)->leader == request;
}

/* ---- prefixes ---- */

static void forget_prefix(struct naive *s, struct team *t)
{
    give_blocks(s, t->block, &t->n_blocks);
    t->begun = false;
}

/* The last of those that have come: the prefix goes. */
static void member_ends(struct naive *s, int request)
{
    for (int i = 0; i < s->n; i++)
        if (s->r[i].group == s->r[request].group &&
            (s->r[i].state == WAITING || s->r[i].state == RUNNING))
            return;
    forget_prefix(s, team_for(s, request));
}

static void note_prefixes(struct naive *s)
{
    for (int i = 0; i < s->running.n; i++) {
        struct request *r = &s->r[s->running.v[i]];
        struct team *t = team_for(s, s->running.v[i]);
        int blocks = shared_by(s, r->group);

        if (!leads(s, s->running.v[i]) || r->computed < blocks * s->o.block_tokens)
            continue;
        for (int k = 0; k < blocks; k++) {
            t->block[k] = r->block[k];
            s->block[r->block[k]].holders++;
        }
        t->n_blocks = blocks;
        t->begun = true;
        t->leader = -1;
    }
}

/* Who has restarted leads no more. */
static void forget_leaders(struct naive *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->r[i].state == WAITING && leads(s, i))
            team_for(s, i)->leader = -1;
}

/* ---- pieces ---- */

/* Of a request that has `shared` blocks or more already: false, there is no room or no block. */
static bool add_piece(struct naive *s, int request, int shared)
{
    struct request *r = &s->r[request];
    int from = r->n_blocks > 0 ? r->computed : shared * s->o.block_tokens;
    int held = r->n_blocks > 0 ? r->n_blocks : shared;
    int to = leads(s, request) ? shared_by(s, r->group) * s->o.block_tokens : r->need;
    int left = s->o.most_tokens - batch_tokens(s), needed;

    if (left <= 0)
        return false;
    to = to - from > left ? from + left : to;
    needed = blocks_of(s, to) - held;
    /* Memory in use and what is needed are within the threshold, but for a step's first. */
    if (needed > free_blocks(s) - (s->n_batch > 0 ? watermark_blocks(s) : 0)) {
        s->failed = request;
        return false;
    }
    for (int k = 0; r->n_blocks < held; k++) {
        r->block[r->n_blocks++] = team_for(s, request)->block[k];
        s->block[team_for(s, request)->block[k]].holders++;
    }
    r->computed = from;
    take_for(s, r, to);
    schedule(s, request, to - from);
    return true;
}

static bool add_waiting(struct naive *s, int request)
{
    struct team *t = team_for(s, request);
    int blocks = shared_by(s, s->r[request].group);

    if (s->running.n >= s->o.most_requests || batch_tokens(s) >= s->o.most_tokens)
        return false;
    if (!t->begun && blocks > 0)
        t->leader = request;
    if (!add_piece(s, request, t->begun ? blocks : 0)) {
        if (!t->begun)
            t->leader = -1;
        return false;
    }
    t->begun = t->begun || blocks == 0;
    if (!s->r[request].admitted)
        s->r[request].hits = t->begun ? blocks * s->o.block_tokens : 0;
    s->r[request].admitted = true;
    begin_running(s, queue_find(&s->waiting, request));
    return true;
}

/* The first of those that wait and are ready, or, with `all`, whose prefix nobody computes; -1. */
static int first_to_go(struct naive *s, bool all)
{
    int best = -1;

    for (int i = 0; i < s->waiting.n; i++) {
        int request = s->waiting.v[i];
        bool may = is_ready(s, request) || (all && team_for(s, request)->leader < 0);

        if (may && (best < 0 || runs_before(s, request, best)))
            best = request;
    }
    return best;
}

static bool add_running(struct naive *s, bool prefixes)
{
    for (int i = 0; i < s->running.n; i++)
        if (is_prefill(&s->r[s->running.v[i]]) && leads(s, s->running.v[i]) == prefixes &&
            !add_piece(s, s->running.v[i], 0))
            return false;
    return true;
}

static bool add_all_waiting(struct naive *s, bool all)
{
    for (int request; (request = first_to_go(s, all)) >= 0;)
        if (!add_waiting(s, request))
            return false;
    return true;
}

static void add_prompts(struct naive *s)
{
    s->failed = -1;
    if (add_running(s, false) && add_all_waiting(s, false) && add_running(s, true))
        add_all_waiting(s, true);
}

/* ---- a step ---- */

/* The prefix of the last group that nobody who runs reads, and the one that failed does not need;
 * else who was admitted last, itself left out. */
static bool make_way(struct naive *s)
{
    int last = -1, victim_at = s->running.n - 1;

    if (s->failed < 0)
        return false;
    if (victim_at >= 0 && s->running.v[victim_at] == s->failed)
        victim_at--;
    for (int i = 0; i < s->n; i++) {
        bool read = false;

        for (int k = 0; k < s->running.n; k++)
            read = read || s->r[s->running.v[k]].group == s->r[i].group;
        if (!read && team_for(s, i)->n_blocks > 0 && s->r[i].group != s->r[s->failed].group &&
            (last < 0 || work_of(s, i) > work_of(s, last) ||
             (work_of(s, i) == work_of(s, last) && first_of(s, i) > first_of(s, last))))
            last = i;
    }
    if (last >= 0)
        forget_prefix(s, team_for(s, last));
    else if (victim_at >= 0)
        start_over(s, queue_remove(&s->running, victim_at));
    else
        return false;
    forget_leaders(s);
    return true;
}

static void form_batchllm(struct naive *s)
{
    note_prefixes(s);
    for (int i = 0; i < s->running.n; i++)
        if (!is_prefill(&s->r[s->running.v[i]])) {
            if (!make_slot(s, i))
                break;
            schedule(s, s->running.v[i], 1);
        }
    forget_leaders(s);
    do
        add_prompts(s);
    while (s->n_batch == 0 && make_way(s));
}

#endif
