/* naive_switch.h - FastSwitch, as its paper and trace-replay(1) have it, slow and plain: who is
 * best is looked for among all requests, every block has its place on a map. Part of naive_run.h;
 * nothing here was taken from lib/sim.
 */
#ifndef TESTS_NAIVE_SWITCH_H
#define TESTS_NAIVE_SWITCH_H

#include "base/rand.h"

#include "naive_papers.h"

/* ---- priorities ---- */

static uint64_t drawn(const struct naive *s, uint64_t key, uint64_t epoch)
{
    uint64_t state = s->o.moves.seed, first;

    first = rand_u64(&state) ^ key;
    first = rand_u64(&first) ^ epoch;
    return rand_u64(&first);
}

static int sessions(const struct naive *s)
{
    int n = 0;

    for (int i = 0; i < s->n; i++)
        n = s->r[i].session >= n ? s->r[i].session + 1 : n;
    return n;
}

static uint64_t priority_now(const struct naive *s, int i)
{
    const struct moves *o = &s->o.moves;
    int session = s->r[i].session;
    uint64_t key = (uint64_t)(session >= 0 ? session : sessions(s) + i), value;

    if (o->period == 0)
        return (uint64_t)(100 + s->r[i].priority);
    if (!o->markov)
        return drawn(s, key, s->epoch) >> 32;
    value = drawn(s, key, 0);
    for (uint64_t epoch = 1; epoch <= s->epoch; epoch++)
        if (drawn(s, key, epoch) % 4 == 0)
            value = drawn(s, key, epoch);
    return value >> 32;
}

static bool comes_first(const struct naive *s, int a, int b)
{
    uint64_t x = priority_now(s, a), y = priority_now(s, b);

    return x != y ? x < y : a < b;
}

/* Of those in this state the best, or the worst; -1: none. */
static int first_in(const struct naive *s, int state, bool worst)
{
    int best = -1;

    for (int i = 0; i < s->n; i++)
        if ((int)s->r[i].state == state && (best < 0 || comes_first(s, i, best) != worst))
            best = i;
    return best;
}

static int count_of(const struct naive *s, int state)
{
    int n = 0;

    for (int i = 0; i < s->n; i++)
        n += (int)s->r[i].state == state;
    return n;
}

/* ---- blocks and copies ---- */

static int held_by(const struct naive *s, int i)
{
    int v[MAP_BLOCKS];

    return map_blocks(&s->map, i, v);
}

static int unheld(const struct naive *s)
{
    int n = s->o.blocks;

    for (int i = 0; i < s->n; i++)
        n -= held_by(s, i);
    return n;
}

static int due_of(const struct naive *s, const struct request *r)
{
    return blocks_of(s, is_prefill(r) ? r->need : r->computed + 1);
}

static void hold_blocks(struct naive *s, int i, int blocks)
{
    int more = blocks - held_by(s, i);

    if (more > 0)
        map_grow(&s->map, i, more);
}

/* The last moment at which one of the request's blocks from `from` on is still being copied out. */
static int64_t leaves_at(const struct naive *s, int i, int from)
{
    int v[MAP_BLOCKS], n = map_blocks(&s->map, i, v);
    int64_t last = 0;

    for (int k = from; k < n; k++)
        last = s->leaving[v[k]] > last ? s->leaving[v[k]] : last;
    return last;
}

static int copies_of(const struct naive *s, int i, int from, int to)
{
    int v[MAP_BLOCKS], n = 0;

    map_blocks(&s->map, i, v);
    for (int k = from; k < to; k++)
        n += s->map.single || k == from || v[k] != v[k - 1] + 1;
    return n * s->o.moves.copies;
}

static double copies_us(struct naive *s, int i, int from, int to)
{
    const struct moves *o = &s->o.moves;
    double bytes = (to - from) * o->block_bytes, copies = copies_of(s, i, from, to);

    s->copies += copies_of(s, i, from, to);
    s->moved_bytes += bytes;
    return copies * (o->dispatch_us + o->half_bytes / (1e3 * o->gbs)) + bytes / (1e3 * o->gbs);
}

static int host_used(const struct naive *s)
{
    int n = 0;

    for (int i = 0; i < s->n; i++)
        n += blocks_of(s, s->copy[i].tokens);
    return n;
}

/* A copy of so many tokens, or false. Copies that nobody needs go, block after block from the end,
 * that which has been so for longest first. */
static bool make_copy(struct naive *s, int i, int tokens)
{
    int had = s->copy[i].tokens, spare = 0, more = blocks_of(s, tokens) - blocks_of(s, had);

    for (int k = 0; k < s->n; k++)
        if (k != i && s->copy[k].spare_since > 0)
            spare += blocks_of(s, s->copy[k].tokens);
    if (host_used(s) - spare + more > s->o.swap_blocks)
        return false;
    s->copy[i].spare_since = 0;
    while (host_used(s) + more > s->o.swap_blocks) {
        int old = -1;

        for (int k = 0; k < s->n; k++)
            if (s->copy[k].spare_since > 0 && s->copy[k].tokens > 0 &&
                (old < 0 || s->copy[k].spare_since < s->copy[old].spare_since))
                old = k;
        s->copy[old].tokens = (blocks_of(s, s->copy[old].tokens) - 1) * s->o.block_tokens;
        s->lost_blocks++;
    }
    s->copy[i].tokens = tokens;
    return true;
}

/* ---- out and in ---- */

static void go_out(struct naive *s, int i)
{
    struct request *r = &s->r[i];
    int had = s->copy[i].tokens, to = blocks_of(s, r->computed), from, v[MAP_BLOCKS];
    double us;

    queue_remove(&s->running, queue_find(&s->running, i));
    if (r->computed == 0 || !make_copy(s, i, r->computed)) {
        map_release(&s->map, i);
        if (r->computed > 0) {
            start_over(s, i);
            return;
        }
        r->state = WAITING;
        queue_insert(&s->waiting, 0, i);
        return;
    }
    from = had == r->computed ? to : had / s->o.block_tokens;
    us = copies_us(s, i, from, to);
    if (!s->o.moves.async) {
        s->moving_us += us;
    } else if (from < to) {
        s->out_free = (s->out_free > s->now ? s->out_free : s->now) + llround(1000 * us);
        s->copy[i].ready = s->out_free;
        map_blocks(&s->map, i, v);
        for (int k = from; k < to; k++)
            s->leaving[v[k]] = s->out_free;
    }
    map_release(&s->map, i);
    r->state = SWAPPED;
    r->preemptions++;
    s->preemptions++;
    s->swaps++;
    s->moves++;
    s->restarted = true;
}

static void come(struct naive *s, int i)
{
    struct request *r = &s->r[i];
    int64_t begin = s->now, gone;
    double us;

    if (r->state == WAITING) {
        r->computed = s->copy[i].tokens < r->need ? s->copy[i].tokens : r->need - 1;
        s->copy[i].tokens = r->computed;
        queue_remove(&s->waiting, queue_find(&s->waiting, i));
    }
    s->copy[i].spare_since = 0;
    hold_blocks(s, i, blocks_of(s, r->computed));
    us = copies_us(s, i, 0, held_by(s, i));
    hold_blocks(s, i, due_of(s, r));
    r->state = COMING;
    r->there = s->now;
    s->moves++;
    if (!s->o.moves.async) {
        s->moving_us += us;
        return;
    }
    gone = leaves_at(s, i, 0);
    s->conflicts += gone > s->now;
    begin = s->in_free > begin ? s->in_free : begin;
    begin = gone > begin ? gone : begin;
    begin = s->copy[i].ready > begin ? s->copy[i].ready : begin;
    r->there = s->in_free = begin + llround(1000 * us);
}

/* All that are there by then. */
static void land_until(struct naive *s, int64_t t)
{
    for (int i = 0; i < s->n; i++)
        if (s->r[i].state == COMING && s->r[i].there <= t) {
            s->r[i].state = RUNNING;
            queue_insert(&s->running, s->running.n, i);
            if (!s->o.moves.reuse)
                s->copy[i] = (struct copy){0};
        }
}

/* Copies of who is there again may go, in the order in which they came. */
static void spare_landed(struct naive *s)
{
    for (;;) {
        int first = -1;

        for (int i = 0; i < s->n; i++)
            if (s->r[i].state == RUNNING && s->copy[i].tokens > 0 && s->copy[i].spare_since == 0 &&
                (first < 0 || s->r[i].came_in < s->r[first].came_in))
                first = i;
        if (first < 0)
            return;
        s->copy[first].spare_since = ++s->clock;
    }
}

/* ---- a step ---- */

static int reserve(const struct naive *s)
{
    return count_of(s, RUNNING) + count_of(s, COMING) > 0 ? watermark_blocks(s) : 0;
}

/* The best that fit stay; all that run behind the first that does not go, the worst first. */
static void draw_again(struct naive *s)
{
    int room = s->o.blocks - watermark_blocks(s), n = count_of(s, COMING);
    bool taken[REQUESTS_MOST] = {false}, over = false;

    for (int i = 0; i < s->n; i++)
        room -= s->r[i].state == COMING ? held_by(s, i) : 0;
    while (!over && n < s->o.most_requests) {
        int best = -1;

        for (int i = 0; i < s->n; i++)
            if (!taken[i] &&
                (s->r[i].state == RUNNING || s->r[i].state == WAITING ||
                 s->r[i].state == SWAPPED) &&
                (best < 0 || comes_first(s, i, best)))
                best = i;
        over = best < 0 || (due_of(s, &s->r[best]) > room && n > 0);
        if (over)
            break;
        room -= due_of(s, &s->r[best]);
        taken[best] = true;
        n++;
    }
    for (;;) {
        int worst = -1;

        for (int i = 0; i < s->n; i++)
            if (s->r[i].state == RUNNING && !taken[i] && (worst < 0 || comes_first(s, worst, i)))
                worst = i;
        if (worst < 0)
            return;
        go_out(s, worst);
    }
}

static void wait_for(struct naive *s, int64_t t)
{
    s->wait_until = t > s->wait_until ? t : s->wait_until;
}

/* Blocks for what is due; a step that writes where a copy is still read from waits. */
static void hold_due(struct naive *s, int i)
{
    int before = held_by(s, i);
    int64_t ready = s->wait_until > s->now ? s->wait_until : s->now;

    hold_blocks(s, i, due_of(s, &s->r[i]));
    if (!s->o.moves.async || leaves_at(s, i, before) <= ready)
        return;
    s->conflicts++;
    wait_for(s, leaves_at(s, i, before));
}

static int prompts_pending(const struct naive *s)
{
    int n = 0;

    for (int i = 0; i < s->n; i++)
        if ((s->r[i].state == RUNNING || s->r[i].state == COMING) && is_prefill(&s->r[i]))
            n += s->r[i].need - s->r[i].computed;
    return n;
}

static void bring_in(struct naive *s)
{
    for (;;) {
        int a = first_in(s, WAITING, false), b = first_in(s, SWAPPED, false), pending, i;
        struct request *r;

        if (a < 0 && b < 0)
            return;
        i = a < 0 || (b >= 0 && comes_first(s, b, a)) ? b : a;
        r = &s->r[i];
        if (count_of(s, RUNNING) + count_of(s, COMING) >= s->o.most_requests ||
            due_of(s, r) + reserve(s) > unheld(s))
            return;
        if (i == a) {
            int copied = s->copy[i].tokens < r->need ? s->copy[i].tokens : r->need - 1;

            pending = prompts_pending(s);
            if (pending > 0 && pending + r->need - copied > s->o.most_tokens)
                return;
        }
        if (i == b || s->copy[i].tokens * (r->need - 1) > 0) {
            r->came_in = ++s->clock;
            come(s, i);
        } else {
            begin_running(s, queue_find(&s->waiting, i));
            hold_due(s, i);
        }
    }
}

static bool prompt_is_there(const struct naive *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->r[i].state == RUNNING && is_prefill(&s->r[i]))
            return true;
    return false;
}

static void wait_for_some(struct naive *s)
{
    while (count_of(s, COMING) > count_of(s, RUNNING) && !prompt_is_there(s)) {
        int64_t first = -1;

        for (int i = 0; i < s->n; i++)
            if (s->r[i].state == COMING && (first < 0 || s->r[i].there < first))
                first = s->r[i].there;
        wait_for(s, first);
        land_until(s, first);
        spare_landed(s);
    }
}

/* Running requests that are not in the batch: the best. */
static int next_for_batch(const struct naive *s, bool prompts)
{
    int best = -1;

    for (int i = 0; i < s->n; i++) {
        bool in = false;

        for (int k = 0; k < s->n_batch; k++)
            in = in || s->batch[k] == i;
        if (s->r[i].state == RUNNING && !in && is_prefill(&s->r[i]) == prompts &&
            (best < 0 || comes_first(s, i, best)))
            best = i;
    }
    return best;
}

static void batch_prompts(struct naive *s)
{
    int i;

    while ((i = next_for_batch(s, true)) >= 0) {
        struct request *r = &s->r[i];
        int tokens = r->need - r->computed;

        if (s->n_batch > 0 && batch_tokens(s) + tokens > s->o.most_tokens)
            return;
        if (!r->admitted)
            r->hits = r->computed;
        s->tier_tokens[0] += r->admitted ? 0 : r->computed;
        r->admitted = true;
        schedule(s, i, tokens);
    }
}

static void batch_decodes(struct naive *s)
{
    int i;

    while ((i = next_for_batch(s, false)) >= 0) {
        while (due_of(s, &s->r[i]) - held_by(s, i) > unheld(s)) {
            int worst = first_in(s, RUNNING, true);

            go_out(s, worst);
            if (worst == i)
                return;
        }
        hold_due(s, i);
        schedule(s, i, 1);
    }
}

static void form_fastswitch(struct naive *s)
{
    uint64_t epoch = s->o.moves.period > 0 ? (uint64_t)(s->steps / s->o.moves.period) : 0;

    s->wait_until = 0;
    land_until(s, s->now);
    spare_landed(s);
    if (epoch != s->epoch) {
        s->epoch = epoch;
        draw_again(s);
    }
    bring_in(s);
    land_until(s, s->now);
    spare_landed(s);
    wait_for_some(s);
    batch_prompts(s);
    if (s->n_batch == 0)
        batch_decodes(s);
    if (s->n_batch > 0 && s->wait_until > s->now)
        s->moving_us += 1e-3 * (double)(s->wait_until - s->now);
}

/* ---- turns ---- */

/* A turn comes: the copy of the one before is its, as far as the texts are the same. */
static void turn_takes_copy(struct naive *s, int i)
{
    struct request *r = &s->r[i];
    int before = r->session >= 0 ? s->last_turn[r->session] : -1, same = 0;

    if (before < 0)
        return;
    s->last_turn[r->session] = -1;
    while (s->o.hashed && same < r->n_hashes && same < s->r[before].n_hashes &&
           (same + 1) * s->o.block_tokens <= r->prompt && r->hash[same] == s->r[before].hash[same])
        same++;
    s->copy[i] = s->copy[before];
    s->copy[before] = (struct copy){0};
    if (s->copy[i].tokens > same * s->o.block_tokens)
        s->copy[i].tokens = same * s->o.block_tokens;
    s->copy[i].spare_since = ++s->clock;
}

static void turn_leaves_copy(struct naive *s, int i)
{
    int session = s->r[i].session;

    map_release(&s->map, i);
    if (session < 0) {
        s->copy[i] = (struct copy){0};
        return;
    }
    if (s->last_turn[session] >= 0)
        s->copy[s->last_turn[session]] = (struct copy){0};
    s->last_turn[session] = i;
}

#endif
