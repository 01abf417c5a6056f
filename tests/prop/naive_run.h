/* naive_run.h - a replica as the papers describe it, event after event, slow and plain: the oracle
 * of prop_sched.c.
 */
#ifndef TESTS_NAIVE_RUN_H
#define TESTS_NAIVE_RUN_H

#include "naive_batch.h"
#include "naive_programs.h"
#include "naive_switch.h"

/* ---- events ---- */

static bool can_ever_run(const struct naive *s, const struct request *r)
{
    int length = r->prompt + r->output;

    if (s->o.max_length && length > s->o.max_length)
        return false;
    if (s->o.policy == STATIC || s->o.policy == ORCA)
        return length <= longest(s) && blocks_of(s, longest(s)) <= s->o.blocks;
    if (s->o.policy == BATCHLLM)
        return blocks_of(s, length - 1) <= s->o.blocks && blocks_of(s, r->prompt) <= s->o.blocks;
    return blocks_of(s, length - 1) <= s->o.blocks &&
           blocks_of(s, r->prompt) + watermark_blocks(s) <= s->o.blocks;
}

/* When it comes; -1: that is not known yet. */
static int64_t arrival_of(const struct naive *s, const struct request *r)
{
    int64_t t = r->t_ns;
    int before = (int)(r - s->r) - s->o.clients;

    /* Each of the first clients' requests that ends lets one more in. */
    if (s->o.clients > 0)
        return before < 0 ? 0 : before < s->n_done ? s->done[before] : -1;
    for (int i = 0; i < r->n_after; i++) {
        const struct request *a = &s->r[r->after[i]];

        if (a->state != ENDED && a->state != REJECTED && a->state != STOPPED)
            return -1;
        if (a->end + r->tool_ns > t)
            t = a->end + r->tool_ns;
    }
    return t;
}

static void arrive(struct naive *s)
{
    for (int i = 0; i < s->n; i++) {
        struct request *r = &s->r[i];
        int64_t t = arrival_of(s, r);
        int most;

        if (r->state != AHEAD || t < 0 || t > s->now)
            continue;
        r->arrival = s->now;
        r->came = ++s->clock;
        most = set_lengths(s, r);
        r->need = r->prompt;
        r->state = WAITING;
        if (can_ever_run(s, r)) {
            struct queue *q = r->background ? &s->idle : &s->waiting;

            take_over(s, r, most);
            has_come(s, i);
            queue_insert(q, place_in_queue(s, r, q), i);
            if (s->o.policy == FASTSWITCH)
                turn_takes_copy(s, i);
            else
                turn_arrives(s, i);
        } else {
            has_come(s, i);
            r->state = REJECTED;
            r->end = s->done[s->n_done++] = s->now;
            i = -1; /* somebody above may have waited for it */
        }
    }
}

/* Of all requests. */
static int held_blocks_of(const struct naive *s)
{
    int n = 0, v[BLOCKS_MOST];

    for (int i = 0; i < s->n && s->o.policy == FASTSWITCH; i++)
        n += map_blocks(&s->map, i, v);
    return s->o.policy == FASTSWITCH ? n : s->o.blocks - free_blocks(s);
}

/* As the trace has them, before anything has come. */
static void begin_requests(struct naive *s)
{
    for (int i = 0; i < s->n; i++) {
        struct request *r = &s->r[i];

        r->start = r->first = r->last = -1;
        r->priority = r->background ? INT32_MAX : r->priority;
        r->given_prompt = r->prompt;
        r->given_output = r->output;
    }
}

static void begin_step(struct naive *s)
{
    int context[REQUESTS_MOST], chunk[REQUESTS_MOST], kv[REQUESTS_MOST], decodes = 0, pieces = 0;
    double us;

    for (int i = 0; i < s->n_batch; i++) {
        struct request *r = &s->r[s->batch[i]];

        r->start = r->start < 0 ? s->now : r->start;
        if (is_prefill(r)) {
            chunk[pieces] = s->tokens[i];
            kv[pieces++] = r->computed;
        } else {
            context[decodes++] = r->computed + 1;
        }
    }
    for (int i = 0; i < s->vain; i++)
        context[decodes++] = s->vain_context[i];
    us = s->us(decodes, context, pieces, chunk, kv);
    if (s->o.policy == NANOFLOW)
        us = overlapped_us(us, s->read_us(us, decodes),
                           s->sent_us(us, decodes, batch_tokens(s) + s->vain));
    s->step_end = s->now + llround(1000 * (us + (s->o.overhead_us + s->moving_us)));
    s->moving_us = 0;
    s->busy = true;
    if (held_blocks_of(s) > s->peak)
        s->peak = held_blocks_of(s);
}

static void form(struct naive *s)
{
    static void (*const forms[POLICIES])(struct naive *) = {
        form_static,   form_orca,      form_vllm0,    form_vllm1,    form_sarathi,   form_splitfuse,
        form_lightllm, form_continuum, form_nanoflow, form_batchllm, form_fastswitch};

    /* Where all had to start over they are scheduled at once; Vidur waits for an event. */
    do {
        bool earlier;

        s->n_batch = 0;
        s->restarted = false;
        s->vain = 0;
        if (s->kin)
            make_way_for_all(s);
        before_step(s);
        earlier = s->restarted;
        s->restarted = false;
        forms[s->o.policy](s);
        after_step(s);
        s->restarted = s->restarted || earlier;
    } while (s->n_batch == 0 && ((s->restarted && !s->o.vidur) || give_up(s)));
}

static void end_step(struct naive *s)
{
    int ended[REQUESTS_MOST], n = 0;

    s->busy = false;
    s->steps++;
    s->computed += batch_tokens(s) + s->vain;
    for (int i = 0; i < s->n_batch; i++) {
        struct request *r = &s->r[s->batch[i]];

        r->computed += s->tokens[i];
        if (s->programs)
            write_tokens(s, r, r->computed - s->tokens[i], r->computed);
        if (is_prefill(r))
            continue;
        if (r->given++ == 0)
            r->first = s->now;
        else if (!r->background)
            s->gap[s->gaps++] = s->now - r->last;
        r->last = s->now;
        if (r->given < r->output)
            continue;
        r->state = ENDED;
        r->end = s->done[s->n_done++] = s->now;
        if (s->o.policy == FASTSWITCH)
            turn_leaves_copy(s, s->batch[i]);
        ended[n++] = s->batch[i];
        if (keeps_blocks(s, s->batch[i]))
            ;
        else if (s->o.policy == NANOFLOW)
            queue_insert(&s->late, s->late.n, s->batch[i]);
        else if (s->o.policy != CONTINUUM || !pin_blocks(s, s->batch[i]))
            give_back(s, r);
        queue_remove(&s->running, queue_find(&s->running, s->batch[i]));
        if (s->o.policy == BATCHLLM)
            member_ends(s, s->batch[i]);
    }
    stop_losers(s, ended, n);
}

/* The next moment at which something happens; -1: never. */
static int64_t next_moment(const struct naive *s)
{
    int64_t next = s->busy ? s->step_end : -1;

    for (int i = 0; i < s->n; i++) {
        int64_t t = s->r[i].state == AHEAD ? arrival_of(s, &s->r[i]) : -1;

        if (t >= 0 && (next < 0 || t < next))
            next = t;
    }
    return next;
}

static void naive_run(struct naive *s)
{
    for (int i = 0; i < s->o.blocks; i++)
        s->block[i] = (struct block){.freed_at = ++s->clock};
    for (int i = 0; i < 2 * REQUESTS_MOST; i++)
        s->team[i].leader = -1;
    map_begin(&s->map, s->o.blocks, s->o.moves.group > 0 ? s->o.moves.group : 1,
              (int)(s->o.moves.aside * s->o.blocks), s->o.moves.single);
    for (int i = 0; i < REQUESTS_MOST; i++)
        s->last_turn[i] = -1;
    begin_requests(s);
    while ((s->now = next_moment(s)) >= 0) {
        arrive(s);
        if (s->busy && s->step_end == s->now) {
            end_step(s);
            arrive(s);
        }
        if (s->busy)
            continue;
        form(s);
        if (s->n_batch > 0)
            begin_step(s);
    }
    s->stuck = s->waiting.n + s->running.n + s->swapped.n + s->idle.n + s->paused.n +
                   count_of(s, SWAPPED) >
               0;
}

#endif
