/* naive_programs.h - requests that go on from others, races, requests in the background, as
 * trace(5) and trace-replay(1) have them, slow and plain: every token of every text has a name, and
 * every place of every block holds one. Part of naive_run.h; nothing here was taken from lib/sim.
 */
#ifndef TESTS_NAIVE_PROGRAMS_H
#define TESTS_NAIVE_PROGRAMS_H

#include "naive_papers.h"

/* ---- texts ---- */

/* The name of token i of what the request computes itself. */
static int own_token(const struct naive *s, const struct request *r, int i)
{
    return 1 + (int)(r - s->r) * TEXT_MOST + i;
}

/* Where token i stands, counted over the places of its blocks. */
static int cand_of(const struct request *r, int i)
{
    return i < r->taken ? r->place[i] : i + holes_of(r);
}

static void write_tokens(struct naive *s, struct request *r, int from, int to)
{
    for (int i = from; i < to; i++) {
        int at = cand_of(r, i);

        s->block[r->block[at / s->o.block_tokens]].token[at % s->o.block_tokens] = own_token(s, r,
                                                                                             i);
    }
    /* What it took over is there still. */
    for (int i = 0; i < r->taken; i++) {
        int at = cand_of(r, i);

        if (s->block[r->block[at / s->o.block_tokens]].token[at % s->o.block_tokens] != r->text[i])
            abort();
    }
}

/* ---- lengths ---- */

static int length_of(const struct naive *s, const struct request *r, int common, bool as_given)
{
    int n = 0;

    for (int i = 0; i < r->joins; i++) {
        const struct request *a = &s->r[r->after[i]];

        n += as_given ? a->given_prompt + a->given_output : a->prompt + a->given;
    }
    return n - (r->joins - 1) * common;
}

static int at_least(int v, int least)
{
    return v < least ? least : v;
}

/* Tokens that all it goes on from begin with, as things went. */
static int common_of(const struct naive *s, const struct request *r)
{
    const struct request *first = &s->r[r->after[0]];

    return r->common > 0 ? at_least(r->common + first->prompt - first->given_prompt, 0) : 0;
}

/* How many tokens may be taken over. */
static int set_lengths(const struct naive *s, struct request *r)
{
    int more, most;

    if (r->if_ended >= 0 && s->r[r->if_ended].state == ENDED)
        r->output = r->then_output;
    if (r->joins == 0)
        return 0;
    more = length_of(s, r, common_of(s, r), false) - length_of(s, r, r->common, true);
    r->prompt = at_least(r->given_prompt + more, 1);
    most = r->reuse < 0 ? r->prompt : at_least(r->reuse + (more < 0 ? more : 0), 0);
    return most < r->prompt - 1 ? most : r->prompt - 1;
}

/* ---- taking over ---- */

/* first: of what it takes from a, whose blocks begin a stretch of their own. */
static void take_token(struct naive *s, struct request *r, const struct request *a, int i,
                       bool first)
{
    int at = cand_of(a, i), block = a->block[at / s->o.block_tokens];

    if (first || r->block[r->n_blocks - 1] != block) {
        s->block[block].holders++;
        r->block[r->n_blocks++] = block;
    }
    r->place[r->taken] = (r->n_blocks - 1) * s->o.block_tokens + at % s->o.block_tokens;
    r->text[r->taken++] = s->block[block].token[at % s->o.block_tokens];
}

static void take_over(struct naive *s, struct request *r, int most)
{
    int common = r->joins > 0 ? common_of(s, r) : 0;

    for (int k = 0; k < r->joins; k++) {
        const struct request *a = &s->r[r->after[k]];
        int from = r->taken > 0 ? common : 0, to = a->computed, before = r->taken;

        if (a->n_blocks == 0 || to <= from)
            continue;
        to = to - from < most - before ? to : from + most - before;
        if (to < a->computed && holes_of(a) > 0 && to <= a->solid)
            continue;
        for (int i = from; i < to; i++)
            take_token(s, r, a, i, i == from);
        if (to > from)
            r->solid = before == 0 ? a->solid : before + at_least(a->solid - from, 0);
    }
    r->solid = holes_of(r) > 0 ? r->solid : 0;
    r->taken_blocks = r->n_blocks;
    r->computed = r->taken;
    s->reused += r->taken;
}

/* Where it goes into the queue: at the end; who took something over behind those that did, or that
 * were running. */
static int place_in_queue(const struct naive *s, const struct request *r, const struct queue *q)
{
    int at = 0;

    if (r->n_blocks == 0 || r->background)
        return q->n;
    while (at < q->n && (s->r[q->v[at]].n_blocks > 0 || s->r[q->v[at]].preemptions > 0))
        at++;
    return at;
}

/* ---- keeping ---- */

static bool goes_on_from(const struct request *r, int from)
{
    for (int k = 0; k < r->joins; k++)
        if (r->after[k] == from)
            return true;
    return false;
}

/* Is somebody to come who goes on from it? */
static bool has_heirs(const struct naive *s, int request)
{
    for (int i = request + 1; i < s->n; i++)
        if (s->r[i].state == AHEAD && goes_on_from(&s->r[i], request))
            return true;
    return false;
}

/* It has come, or it never will. */
static void has_come(struct naive *s, int request)
{
    for (int k = 0; k < s->r[request].joins; k++) {
        struct request *a = &s->r[s->r[request].after[k]];

        if (!has_heirs(s, s->r[request].after[k]) && (a->state == ENDED || a->state == STOPPED))
            give_back(s, a);
    }
}

static bool keeps_blocks(struct naive *s, int request)
{
    struct request *r = &s->r[request];
    int kept = blocks_of(s, r->computed + holes_of(r)), own = at_least(r->n_blocks - kept, 0);

    if (!has_heirs(s, request))
        return false;
    kept = r->n_blocks - own;
    give_blocks(s, r->block + kept, &own);
    r->n_blocks = kept;
    return true;
}

static void lose(struct naive *s, struct request *r)
{
    give_back(s, r);
    if (r->state == WAITING)
        r->taken = r->taken_blocks = r->solid = r->computed = 0;
}

static int next_in_queue(const struct naive *s)
{
    return s->waiting.n > 0 ? s->waiting.v[first_waiting(s)] : -1;
}

/* Those of whose end NanoFlow does not know yet hold theirs for themselves. */
static bool keeps_some(const struct naive *s, int i)
{
    const struct request *r = &s->r[i];

    return r->n_blocks > 0 && queue_find(&s->late, i) < 0 &&
           (r->state == WAITING || r->state == ENDED || r->state == STOPPED);
}

static bool holds_alone(const struct naive *s, const struct request *r)
{
    for (int i = 0; i < r->n_blocks; i++)
        if (s->block[r->block[i]].holders == 1)
            return true;
    return false;
}

/* Those that run want a block each, the next in the queue what it needs: the last of those that
 * keep blocks that nobody else has gives them up. */
static void make_way_for_all(struct naive *s)
{
    int next = next_in_queue(s), wanted = s->running.n, last;

    if (next >= 0 && s->running.n < s->o.most_requests)
        wanted += blocks_wanted(s, &s->r[next],
                                s->o.policy == STATIC || s->o.policy == ORCA ? longest(s)
                                                                             : s->r[next].need) +
                  watermark_blocks(s);
    do {
        last = -1;
        for (int i = 0; i < s->n && free_blocks(s) < wanted; i++)
            if (keeps_some(s, i) && i != next && holds_alone(s, &s->r[i]))
                last = i;
        if (last >= 0)
            lose(s, &s->r[last]);
    } while (last >= 0);
}

/* Nothing runs: the last of those that keep something keeps it no more, the next in the queue only
 * if nobody else does. */
static bool give_up(struct naive *s)
{
    int next, last = -1;

    if (!s->kin || s->waiting.n + s->idle.n + s->swapped.n + s->paused.n == 0)
        return false;
    next = s->waiting.n > 0 ? next_in_queue(s) : s->idle.n > 0 ? s->idle.v[0] : -1;
    for (int i = 0; i < s->n; i++)
        if (keeps_some(s, i) && (last < 0 || last == next || i != next))
            last = i;
    if (last >= 0)
        lose(s, &s->r[last]);
    return last >= 0;
}

/* ---- races ---- */

static void leave(struct queue *q, int request)
{
    int at = queue_find(q, request);

    if (at >= 0)
        queue_remove(q, at);
}

static void stop(struct naive *s, int request)
{
    struct request *r = &s->r[request];
    bool ahead = r->state == AHEAD;

    leave(&s->waiting, request);
    leave(&s->running, request);
    leave(&s->swapped, request);
    leave(&s->idle, request);
    leave(&s->paused, request);
    r->state = STOPPED;
    r->end = s->done[s->n_done++] = s->now;
    if (ahead)
        has_come(s, request);
    else if (!keeps_blocks(s, request))
        give_back(s, r);
}

/* After a step in which those [from, n_done) have ended. */
static void stop_losers(struct naive *s, const int *ended, int n)
{
    for (int k = 0; k < n; k++) {
        const struct request *r = &s->r[ended[k]];
        int all = 0, now = 0;

        for (int i = 0; r->race >= 0 && i < s->n; i++)
            all += s->r[i].race == r->race && s->r[i].state == ENDED;
        for (int i = k + 1; i < n; i++)
            now += s->r[ended[i]].race == r->race;
        /* Not before it, nor after: with this one so many have ended. */
        if (r->race < 0 || all - now != r->winners)
            continue;
        for (int i = 0; i < s->n; i++)
            if (s->r[i].race == r->race && s->r[i].state != ENDED && s->r[i].state != STOPPED &&
                s->r[i].state != REJECTED)
                stop(s, i);
    }
}

/* ---- the background ---- */

static int running_in(const struct naive *s, bool background)
{
    int n = 0;

    for (int i = 0; i < s->running.n; i++)
        n += s->r[s->running.v[i]].background == background;
    return n;
}

static int room_for_background(const struct naive *s)
{
    int most = s->o.background < s->o.most_requests ? s->o.background : s->o.most_requests;
    int room = most - running_in(s, false);

    for (int i = 0; i < s->running.n; i++)
        if (!s->r[s->running.v[i]].background && is_prefill(&s->r[s->running.v[i]]))
            return 0;
    return s->waiting.n + s->swapped.n > 0 ? 0 : at_least(room, 0);
}

/* Blocks that others want, beside those that they have. */
static int wanted_by_others(const struct naive *s)
{
    int n = running_in(s, false);

    if (s->waiting.n > 0)
        n += watermark_blocks(s);
    for (int i = 0; i < s->waiting.n; i++)
        n += s->o.policy == STATIC || s->o.policy == ORCA
                 ? blocks_of(s, longest(s))
                 : blocks_of(s, s->r[s->waiting.v[i]].need);
    return n;
}

static void before_step(struct naive *s)
{
    int room = room_for_background(s), wanted;

    for (int i = s->running.n - 1; i >= 0 && running_in(s, true) > room; i--)
        if (s->r[s->running.v[i]].background) {
            s->r[s->running.v[i]].state = PAUSED;
            queue_insert(&s->paused, s->paused.n, queue_remove(&s->running, i));
        }
    wanted = wanted_by_others(s);
    while (wanted > 0 && free_blocks(s) < wanted && s->paused.n > 0)
        start_over(s, queue_remove(&s->paused, s->paused.n - 1));
    while (running_in(s, true) < room && s->paused.n > 0) {
        int request = queue_remove(&s->paused, 0);

        s->r[request].state = RUNNING;
        queue_insert(&s->running, s->running.n, request);
    }
    s->offered.n = 0;
    for (int n = running_in(s, true); n < room && s->idle.n > 0; n++) {
        queue_insert(&s->offered, s->offered.n, s->idle.v[0]);
        queue_insert(&s->waiting, s->waiting.n, queue_remove(&s->idle, 0));
    }
}

/* Those that were not admitted are back where they were. */
static void after_step(struct naive *s)
{
    for (int i = s->offered.n - 1; i >= 0; i--) {
        int at = queue_find(&s->waiting, s->offered.v[i]);

        if (at >= 0)
            queue_insert(&s->idle, 0, queue_remove(&s->waiting, at));
    }
}

#endif
