/* naive_sched.h - how schedulers form a step, one after the other, slow and plain: every step is
 * formed anew, every block looked for one by one. Part of naive_run.h.
 *
 * Sources: the rules of Vidur, vLLM v0 and v1, Sarathi-Serve, DeepSpeed-MII and LightLLM, as their
 * schedulers' code has them. Nothing here was taken from lib/sim.
 */
#ifndef TESTS_NAIVE_SCHED_H
#define TESTS_NAIVE_SCHED_H

#include "naive_kv.h"

/* ---- what schedulers share ---- */

static bool is_prefill(const struct request *r)
{
    return r->computed < r->need;
}

static void schedule(struct naive *s, int request, int tokens)
{
    s->batch[s->n_batch] = request;
    s->tokens[s->n_batch++] = tokens;
}

static int batch_tokens(const struct naive *s)
{
    int n = 0;

    for (int i = 0; i < s->n_batch; i++)
        n += s->tokens[i];
    return n;
}

/* It has left the running queue already. */
static void start_over(struct naive *s, int request)
{
    struct request *r = &s->r[request];

    give_own(s, r);
    r->need = r->prompt + r->given;
    r->computed = r->taken;
    r->state = WAITING;
    r->preemptions++;
    s->preemptions++;
    s->restarted = true;
    queue_insert(r->background ? &s->idle : &s->waiting, 0, request);
}

/* The same, or, where the host has room for what it computed, out there. */
static void drive_out(struct naive *s, int request)
{
    struct request *r = &s->r[request];
    int held = 0;

    for (int i = 0; i < s->swapped.n; i++)
        held += blocks_of(s, s->r[s->swapped.v[i]].computed);
    if (s->o.policy != VLLM0 || held + blocks_of(s, r->computed) > s->o.swap_blocks ||
        r->taken > 0 || r->background) {
        start_over(s, request);
        return;
    }
    s->moving_us += blocks_of(s, r->computed) * s->o.swap_us;
    give_back(s, r);
    r->state = SWAPPED;
    r->preemptions++;
    s->preemptions++;
    s->swaps++;
    s->restarted = true;
    queue_insert(&s->swapped, 0, request);
}

static void begin_running(struct naive *s, int at)
{
    int request = queue_remove(&s->waiting, at);

    s->r[request].state = RUNNING;
    queue_insert(&s->running, s->running.n, request);
}

static int watermark_blocks(const struct naive *s)
{
    return (int)(s->o.watermark * s->o.blocks);
}

/* Its whole prompt, and the watermark is kept; but for one that comes back and is alone. */
static bool leaves_watermark(const struct naive *s, const struct request *r)
{
    bool alone = s->running.n == 0 && !s->o.vidur;

    return free_blocks(s) - blocks_wanted(s, r, r->need) >= (alone ? 0 : watermark_blocks(s));
}

/* A place for the next token. vLLM's first engine and what was made of it ask for a free block
 * whatever the token needs; where nobody else runs that could never end well. */
static bool has_slot(const struct naive *s, const struct request *r)
{
    bool needs = blocks_wanted(s, r, r->computed + 1) > 0;
    bool strict = s->o.policy == VLLM0 || s->o.policy == SARATHI;

    if (s->o.vidur || (strict && s->running.n > 1))
        return free_blocks(s) >= 1;
    return !needs || free_blocks(s) >= 1;
}

/* Running request i gets a slot, or one after the other from the tail goes, itself last. */
static bool make_slot(struct naive *s, int i)
{
    while (!has_slot(s, &s->r[s->running.v[i]])) {
        int last = s->running.n - 1;

        drive_out(s, queue_remove(&s->running, last));
        if (last == i)
            return false;
    }
    take_for(s, &s->r[s->running.v[i]], s->r[s->running.v[i]].computed + 1);
    return true;
}

/* ---- schedulers ---- */

static int longest(const struct naive *s)
{
    int most = 1;

    for (int i = 0; i < s->n && !s->o.max_length; i++) {
        int length = s->r[i].given_prompt + s->r[i].given_output;

        if (length > most && blocks_of(s, length) <= s->o.blocks)
            most = length;
    }
    return s->o.max_length ? s->o.max_length : most;
}

static void admit_reserving(struct naive *s)
{
    int most = longest(s);

    while (s->waiting.n > 0 && s->running.n < s->o.most_requests &&
           free_blocks(s) >= blocks_wanted(s, &s->r[s->waiting.v[0]], most)) {
        take_for(s, &s->r[s->waiting.v[0]], most);
        begin_running(s, 0);
    }
}

static void schedule_running(struct naive *s)
{
    for (int i = 0; i < s->running.n; i++) {
        struct request *r = &s->r[s->running.v[i]];

        schedule(s, s->running.v[i], is_prefill(r) ? r->need - r->computed : 1);
    }
}

static void form_static(struct naive *s)
{
    if (s->running.n == 0)
        admit_reserving(s);
    schedule_running(s);
}

static void form_orca(struct naive *s)
{
    admit_reserving(s);
    schedule_running(s);
}

static void decode_all(struct naive *s)
{
    for (int i = 0; i < s->running.n && make_slot(s, i); i++)
        schedule(s, s->running.v[i], 1);
}

/* Whoever was driven out comes back, if its blocks, one more and the watermark are free; one that
 * would run alone needs but its next token's place. */
static void swap_in(struct naive *s)
{
    while (s->swapped.n > 0 && s->running.n < s->o.most_requests) {
        int request = s->swapped.v[0];
        struct request *r = &s->r[request];
        int more = blocks_of(s, r->computed) + 1 + watermark_blocks(s);

        if (s->running.n == 0)
            more = blocks_of(s, r->computed + 1);
        if (free_blocks(s) < more)
            return;
        queue_remove(&s->swapped, 0);
        s->moving_us += blocks_of(s, r->computed) * s->o.swap_us;
        take_for(s, r, r->computed + 1);
        r->state = RUNNING;
        queue_insert(&s->running, s->running.n, request);
        schedule(s, request, 1);
    }
}

static void form_vllm0(struct naive *s)
{
    int longest_prompt = 0;

    while (s->swapped.n == 0 && s->waiting.n > 0 && s->running.n < s->o.most_requests) {
        struct request *r = &s->r[s->waiting.v[0]];
        int due = r->need - r->computed, most = due > longest_prompt ? due : longest_prompt;
        int tokens = s->o.vidur ? (s->n_batch + 1) * most : batch_tokens(s) + due;

        /* Vidur never runs what is beyond the budget; else it goes alone. */
        if (!leaves_watermark(s, r) ||
            (tokens > s->o.most_tokens && (s->o.vidur || s->n_batch > 0)))
            break;
        longest_prompt = most;
        take_for(s, r, r->need);
        schedule(s, s->waiting.v[0], due);
        begin_running(s, 0);
    }
    if (s->n_batch > 0)
        return;
    decode_all(s);
    if (!s->restarted)
        swap_in(s);
}

static void form_sarathi(struct naive *s)
{
    for (int i = 0; i < s->running.n; i++)
        if (!is_prefill(&s->r[s->running.v[i]])) {
            if (!make_slot(s, i))
                break;
            schedule(s, s->running.v[i], 1);
        }
    for (int i = 0; i < s->running.n; i++) {
        struct request *r = &s->r[s->running.v[i]];
        int left = s->o.most_tokens - batch_tokens(s), n = r->need - r->computed;

        if (is_prefill(r) && left > 0)
            schedule(s, s->running.v[i], n < left ? n : left);
    }
    while (s->waiting.n > 0 && s->running.n < s->o.most_requests) {
        struct request *r = &s->r[s->waiting.v[0]];
        int left = s->o.most_tokens - batch_tokens(s), n = r->need - r->computed;

        if (!leaves_watermark(s, r) || left <= 0)
            break;
        take_for(s, r, r->need);
        schedule(s, s->waiting.v[0], n < left ? n : left);
        begin_running(s, 0);
    }
}

/* ---- vLLM v1 ---- */

static bool is_worse(const struct naive *s, int a, int b)
{
    const struct request *x = &s->r[a], *y = &s->r[b];

    if (x->priority != y->priority)
        return x->priority > y->priority;
    return x->came > y->came;
}

static int victim(const struct naive *s)
{
    int at = s->running.n - 1;

    if (s->r[s->running.v[at]].background)
        return at;
    for (int i = 0; s->o.priorities && i < s->running.n; i++)
        if (is_worse(s, s->running.v[i], s->running.v[at]))
            at = i;
    return at;
}

static int first_waiting(const struct naive *s)
{
    int at = 0;

    /* Those in the background come as they are offered. */
    if (s->waiting.n > 0 && s->r[s->waiting.v[0]].background)
        return 0;
    for (int i = 0; s->o.priorities && i < s->waiting.n; i++)
        if (is_worse(s, s->waiting.v[at], s->waiting.v[i]))
            at = i;
    return at;
}

static void unschedule(struct naive *s, int request)
{
    for (int i = 0; i < s->n_batch; i++)
        if (s->batch[i] == request) {
            s->n_batch--;
            memmove(&s->batch[i], &s->batch[i + 1], (size_t)(s->n_batch - i) * sizeof *s->batch);
            memmove(&s->tokens[i], &s->tokens[i + 1], (size_t)(s->n_batch - i) * sizeof *s->tokens);
            return;
        }
}

/* Blocks for so many more tokens of a running request; false: it was itself the one to go. */
static bool make_room(struct naive *s, int request, int tokens)
{
    struct request *r = &s->r[request];

    while (blocks_wanted(s, r, r->computed + tokens) > free_blocks(s)) {
        int gone = queue_remove(&s->running, victim(s));

        unschedule(s, gone);
        start_over(s, gone);
        if (gone == request)
            return false;
    }
    take_for(s, r, r->computed + tokens);
    name_blocks(s, r, r->computed + tokens);
    return true;
}

static void schedule_v1_running(struct naive *s)
{
    for (int i = 0; i < s->running.n && batch_tokens(s) < s->o.most_tokens;) {
        int request = s->running.v[i], left = s->o.most_tokens - batch_tokens(s);
        struct request *r = &s->r[request];
        int due = is_prefill(r) ? r->need - r->computed : 1, n = due < left ? due : left;

        if (!make_room(s, request, n))
            break;
        schedule(s, request, n);
        i = queue_find(&s->running, request) + 1;
    }
}

/* Whole blocks of all but the last token that are there. */
static int cached(const struct naive *s, const struct request *r)
{
    int n = 0;

    while (s->o.sharing && r->taken == 0 && n < (r->need - 1) / s->o.block_tokens &&
           find_block(s, text_of(s, r, n)) >= 0)
        n++;
    return n;
}

/* The first tier that has a block; TIERS: none. */
static int tier_of(const struct naive *s, const struct request *r, int block)
{
    int tier = 0;

    while (tier < TIERS && (r->taken > 0 || block >= (r->need - 1) / s->o.block_tokens ||
                            find_aside(s, tier, text_of(s, r, block)) < 0))
        tier++;
    return tier;
}

/* To compute tokens [from, to) of a prompt, if nobody else is there. */
static double alone_us(const struct naive *s, int from, int to)
{
    double us = 0;

    for (int at = from, n; at < to; at += n) {
        n = to - at < s->o.most_tokens ? to - at : s->o.most_tokens;
        us += s->us(0, NULL, 1, &n, &at);
    }
    return us;
}

/* The same of all that is due behind its first blocks. */
static double compute_us(const struct naive *s, const struct request *r, int blocks)
{
    return alone_us(s, blocks * s->o.block_tokens, r->need);
}

/* Up to which block is it best to load what is aside? To all ends of stretches in one tier, and not
 * at all, the first that takes least. */
static int best_end(const struct naive *s, const struct request *r, int hit)
{
    double load = 0, least = compute_us(s, r, hit);
    int best = hit;

    for (int i = hit; tier_of(s, r, i) < TIERS; i++) {
        load += s->o.tier_us[tier_of(s, r, i)];
        if (tier_of(s, r, i + 1) != tier_of(s, r, i) && load + compute_us(s, r, i + 1) < least) {
            least = load + compute_us(s, r, i + 1);
            best = i + 1;
        }
    }
    return best;
}

/* What is loaded was used, the beginning of the text last. */
static void load_blocks(struct naive *s, struct request *r, int from, int to)
{
    double us = 0;

    for (int i = from; i < to; i++) {
        us += s->o.tier_us[tier_of(s, r, i)];
        s->tier_tokens[tier_of(s, r, i)] += r->admitted ? 0 : s->o.block_tokens;
    }
    for (int i = to - 1; i >= from; i--) {
        int tier = tier_of(s, r, i);

        s->aside[tier][find_aside(s, tier, text_of(s, r, i))].used_at = ++s->clock;
    }
    s->moving_us += us;
}

static bool admit_v1(struct naive *s, int at)
{
    int request = s->waiting.v[at], left = s->o.most_tokens - batch_tokens(s);
    struct request *r = &s->r[request];
    int hit = cached(s, r), idle = 0, n, end;

    for (int i = 0; i < hit; i++)
        idle += s->block[find_block(s, text_of(s, r, i))].holders == 0;
    if (blocks_wanted(s, r, r->need) - hit + idle > free_blocks(s))
        return false;
    end = best_end(s, r, hit);
    load_blocks(s, r, hit, end);
    for (int i = 0; i < hit; i++) {
        int b = find_block(s, text_of(s, r, i));

        s->block[b].holders++;
        r->block[r->n_blocks++] = b;
    }
    r->named = hit;
    if (r->taken == 0)
        r->computed = end * s->o.block_tokens;
    if (!r->admitted && r->taken == 0)
        r->hits = r->computed;
    r->admitted = true;
    n = r->need - r->computed < left ? r->need - r->computed : left;
    take_for(s, r, r->computed + n);
    name_blocks(s, r, r->computed + n);
    schedule(s, request, n);
    begin_running(s, at);
    return true;
}

static void form_vllm1(struct naive *s)
{
    schedule_v1_running(s);
    while (!s->restarted && s->waiting.n > 0 && s->running.n < s->o.most_requests &&
           batch_tokens(s) < s->o.most_tokens && admit_v1(s, first_waiting(s)))
        continue;
}

/* ---- SplitFuse ---- */

/* A piece of its prompt, if blocks for all that is left of it are there. */
static bool fuse_piece(struct naive *s, int request)
{
    struct request *r = &s->r[request];
    int left = s->o.most_tokens - batch_tokens(s), n = r->need - r->computed;

    if (left <= 0 || s->n_batch >= s->o.most_requests ||
        blocks_wanted(s, r, r->need) > free_blocks(s))
        return false;
    n = n < left ? n : left;
    take_for(s, r, r->computed + n);
    schedule(s, request, n);
    return true;
}

static void fuse_decodes(struct naive *s)
{
    for (int i = 0; i < s->running.n; i++) {
        struct request *r = &s->r[s->running.v[i]];

        if (is_prefill(r) || batch_tokens(s) >= s->o.most_tokens ||
            s->n_batch >= s->o.most_requests)
            continue;
        if (blocks_wanted(s, r, r->computed + 1) > free_blocks(s))
            continue;
        take_for(s, r, r->computed + 1);
        schedule(s, s->running.v[i], 1);
    }
}

static bool form_fused(struct naive *s)
{
    fuse_decodes(s);
    for (int i = 0; i < s->running.n; i++)
        if (is_prefill(&s->r[s->running.v[i]]) && !fuse_piece(s, s->running.v[i]))
            return s->n_batch > 0;
    while (s->waiting.n > 0 && s->running.n < s->o.most_requests && fuse_piece(s, s->waiting.v[0]))
        begin_running(s, 0);
    return s->n_batch > 0;
}

static void form_splitfuse(struct naive *s)
{
    if (form_fused(s) || s->running.n == 0)
        return;
    while (s->running.n > 0)
        start_over(s, queue_remove(&s->running, s->running.n - 1));
    form_fused(s);
}

/* ---- LightLLM ---- */

/* Tokens held k steps after everybody's next one, by those that are still there, the candidate
 * having had its prompt computed first; a block each is not full. */
static int tokens_after(const struct naive *s, int candidate, int k)
{
    int n = (s->running.n + 1) * (s->o.block_tokens - 1);

    for (int i = 0; i <= s->running.n; i++) {
        const struct request *r = &s->r[i < s->running.n ? s->running.v[i] : candidate];
        int left = r->output > r->given + 1 ? r->output - r->given - 1 : 0;

        if (k <= left)
            n += r->prompt + r->given + 1 + k;
    }
    return n;
}

static bool fits_for_good(const struct naive *s, int candidate)
{
    for (int k = 0; k <= 128 && s->running.n > 0; k++)
        if (tokens_after(s, candidate, k) > s->o.blocks * s->o.block_tokens)
            return false;
    return true;
}

static void light_prompts(struct naive *s)
{
    while (s->waiting.n > 0 && s->running.n < s->o.most_requests) {
        struct request *r = &s->r[s->waiting.v[0]];
        int due = r->need - r->computed;
        bool beyond = batch_tokens(s) + due > s->o.most_tokens;

        if ((beyond && s->n_batch > 0) || !fits_for_good(s, s->waiting.v[0]) ||
            blocks_wanted(s, r, r->need) > free_blocks(s))
            return;
        take_for(s, r, r->need);
        schedule(s, s->waiting.v[0], due);
        begin_running(s, 0);
    }
}

static void form_lightllm(struct naive *s)
{
    if (s->running.n == 0 || s->since_prompts >= 10) {
        s->since_prompts = 0;
        light_prompts(s);
    }
    if (s->n_batch > 0)
        return;
    decode_all(s);
    s->since_prompts++;
}

#endif
