/* engine.c - see engine.h. */
#include "sim/engine.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/background.h"
#include "sim/clock.h"
#include "sim/kin.h"
#include "sim/prefix.h"
#include "sim/sched.h"

/* ---- queue ---- */

static int deque_grow(struct deque *d, struct err *e)
{
    size_t cap = d->cap ? 2 * d->cap : 64;
    uint32_t *v = mem_array(cap, sizeof *v, e);

    if (!v)
        return e->code;
    for (size_t i = 0; i < d->n; i++)
        v[i] = d->v[(d->first + i) & (d->cap - 1)];
    free(d->v);
    *d = (struct deque){v, cap, 0, d->n};
    return 0;
}

int deque_push_back(struct deque *d, uint32_t x, struct err *e)
{
    if (d->n == d->cap && deque_grow(d, e) < 0)
        return e->code;
    d->v[(d->first + d->n++) & (d->cap - 1)] = x;
    return 0;
}

int deque_push_front(struct deque *d, uint32_t x, struct err *e)
{
    if (d->n == d->cap && deque_grow(d, e) < 0)
        return e->code;
    d->first = (d->first - 1) & (d->cap - 1);
    d->v[d->first] = x;
    d->n++;
    return 0;
}

void deque_raise(struct deque *d, size_t i)
{
    uint32_t x = deque_at(d, i);

    for (; i > 0; i--)
        *deque_place(d, i) = deque_at(d, i - 1);
    *deque_place(d, 0) = x;
}

void deque_drop(struct deque *d, size_t i)
{
    deque_raise(d, i);
    deque_pop_front(d);
}

bool deque_take_out(struct deque *d, uint32_t x)
{
    size_t i = 0;

    while (i < d->n && deque_at(d, i) != x)
        i++;
    if (i == d->n)
        return false;
    deque_drop(d, i);
    return true;
}

/* Does the queue's order put x before y, or leave them equal? */
static int64_t order_of(const struct replica *r, uint32_t x, uint32_t y)
{
    if (r->start_by)
        return r->start_by[x] - r->start_by[y];
    return (int64_t)r->trace->priority[x] - r->trace->priority[y];
}

/* The last one, past those before it that are worse: or as bad, where it came back. */
static void sort_last(struct replica *r, bool came_back)
{
    struct deque *d = &r->waiting;
    size_t i = d->n - 1;
    uint32_t x = deque_at(d, i);

    for (; i > 0; i--) {
        uint32_t other = deque_at(d, i - 1);
        int64_t order = order_of(r, other, x);

        if (order < 0 || (order == 0 && !came_back))
            break;
        *deque_place(d, i) = other;
    }
    *deque_place(d, i) = x;
}

/* Is its queue in another order than that of arrival? */
static bool sorts(const struct replica *r)
{
    return r->start_by || (r->sched->priorities && r->trace->priority);
}

/* In front, behind those that were running and those that hold something too. */
static int enqueue_heir(struct replica *r, uint32_t request, struct err *e)
{
    struct deque *d = &r->waiting;
    size_t i = 0;

    if (deque_push_front(d, request, e) < 0)
        return e->code;
    for (; i + 1 < d->n; i++) {
        const struct flight *next = flight_of(r, deque_at(d, i + 1));

        if (next->preemptions == 0 && next->kv.n == 0)
            break;
        *deque_place(d, i) = deque_at(d, i + 1);
    }
    *deque_place(d, i) = request;
    return 0;
}

/* Into the queue: at its end, or at its front if it was running, or holds what it took over from
 * others, so that it does so for as short as can be; or by its order. */
static int enqueue(struct replica *r, uint32_t request, bool came_back, struct err *e)
{
    const struct flight *f = flight_of(r, request);

    if (is_background(r, request))
        return background_enqueue(r, request, came_back, e);
    r->queued_blocks += kv_blocks(&r->kv, f->need);
    r->due_tokens += prompt_due(f);
    if (!came_back && f->kv.n > 0 && !sorts(r))
        return enqueue_heir(r, request, e);
    if (!sorts(r))
        return came_back ? deque_push_front(&r->waiting, request, e)
                         : deque_push_back(&r->waiting, request, e);
    if (deque_push_back(&r->waiting, request, e) < 0)
        return e->code;
    sort_last(r, came_back);
    return 0;
}

/* ---- a replica ---- */

/* Of the requests that max_length lets pass, or that there is memory for: others are rejected, and
 * none for their sake. */
static uint32_t longest_of(const struct replica *r)
{
    const struct trace_set *t = r->trace;
    uint64_t room = (uint64_t)r->o->kv_blocks * r->o->block_tokens, most = 1;

    if (r->o->max_length)
        return r->o->max_length;
    for (uint32_t i = 0; i < t->n; i++) {
        uint64_t length = (uint64_t)t->prompt[i] + t->output[i];

        most = length > most && length <= room ? length : most;
    }
    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

/* Prefixes are shared where the trace has hashes; tiers go by hashes too. Blocks have numbers where
 * they are shared, be it only with heirs (kin.h). */
static int init_kv(struct replica *r, const struct engine_opts *o, struct err *e)
{
    bool cache = o->prefix_cache && r->sched->prefix_cache, sharing;

    if (cache && r->trace->hash_end && r->trace->block != o->block_tokens)
        return err_set(e, ERR_USAGE,
                       "the trace's hashes stand for %u tokens: '--block-size %u' is "
                       "needed to share prefixes",
                       r->trace->block, r->trace->block);
    r->tiers = cache && (o->tier_blocks[KV_HOST] > 0 || o->tier_blocks[KV_DISK] > 0);
    sharing = r->kin || (cache && (r->trace->hash_end || r->tiers));
    r->finds = cache && sharing;
    r->own_prefix = cache && !sharing;
    sharing = sharing || (r->sched->groups && o->prefix_cache);
    if (kv_init(&r->kv, o->kv_blocks, o->block_tokens, sharing, e) < 0)
        return e->code;
    return r->tiers ? kv_add_tiers(&r->kv, o->tier_blocks[KV_HOST], o->tier_blocks[KV_DISK], e) : 0;
}

int replica_init(struct replica *r, const struct engine_opts *o, struct err *e)
{
    r->o = o;
    r->swap_free = o->swap_blocks;
    r->longest = r->sched->reserves ? longest_of(r) : 0;
    if (r->trace->program && (r->sched->groups || r->sched->switched))
        return err_set(e, ERR_USAGE, "%s does not know joins, races and a background",
                       r->sched->name);
    if (steady_init(r, e) < 0 || (r->sched->begin && r->sched->begin(r, e) < 0))
        return e->code;
    return init_kv(r, o, e);
}

void replica_free(struct replica *r)
{
    if (r->sched && r->sched->end)
        r->sched->end(r);
    free(r->waiting.v);
    free(r->swapped.v);
    free(r->background.v);
    free(r->paused.v);
    free(r->offered);
    free(r->running);
    free(r->batch);
    free(r->pieces);
    free(r->hashes);
    free(r->course);
    free(r->steady.due);
    kv_close(&r->kv);
}

size_t replica_requests(const struct replica *r)
{
    return r->waiting.n + r->background.n + r->n_running + r->paused.n + r->swapped.n +
           (r->sched->own ? r->sched->own(r, NULL) : 0);
}

void engine_totals_add(struct engine_totals *sum, const struct engine_totals *of)
{
    sum->steps += of->steps;
    sum->preemptions += of->preemptions;
    sum->tokens += of->tokens;
    sum->hit_tokens += of->hit_tokens;
    sum->asked_tokens += of->asked_tokens;
    sum->swaps += of->swaps;
    for (int i = 0; i < KV_TIERS; i++)
        sum->tier_tokens[i] += of->tier_tokens[i];
    sum->busy_us += of->busy_us;
    sum->kv_block_us += of->kv_block_us;
    sum->kv_us += of->kv_us;
    sum->moved_us += of->moved_us;
    sum->reused_tokens += of->reused_tokens;
    sum->kv_peak += of->kv_peak;
}

bool replica_can_run(const struct replica *r, uint32_t request)
{
    const struct trace_set *t = r->trace;
    uint64_t length = (uint64_t)t->prompt[request] + t->output[request];
    /* Of groups the first piece of a step may take all that is free. */
    uint32_t reserve = r->sched->groups ? 0 : (uint32_t)(r->o->watermark * r->kv.total);

    if (r->o->max_length && length > r->o->max_length)
        return false;
    if (r->sched->reserves && (length > r->longest || kv_blocks(&r->kv, r->longest) > r->kv.total))
        return false;
    /* The last token needs no place of its own. */
    return kv_blocks(&r->kv, length - 1) <= r->kv.total &&
           kv_blocks(&r->kv, t->prompt[request]) + reserve <= r->kv.total;
}

int replica_arrive(struct replica *r, uint32_t request, struct err *e)
{
    struct flight *f = flight_of(r, request);

    f->replica = r->number;
    f->need = r->trace->prompt[request] + f->given;
    if (!replica_can_run(r, request)) {
        f->status = FLIGHT_REJECTED;
        return 0;
    }
    f->status = FLIGHT_WAITING;
    if (r->kin && r->trace->program[request].joins && kin_arrive(r, request, e) < 0)
        return e->code;
    if (r->sched->arrived)
        r->sched->arrived(r, request);
    return enqueue(r, request, false, e);
}

int running_add(struct replica *r, uint32_t request, struct err *e)
{
    struct flight *f = flight_of(r, request);

    if (mem_reserve(&r->running, &r->running_cap, r->n_running + 1, sizeof *r->running, e) < 0)
        return e->code;
    r->running[r->n_running++] = request;
    if (f->status == FLIGHT_WAITING)
        r->queued_blocks -= kv_blocks(&r->kv, f->need);
    f->status = FLIGHT_RUNNING;
    return 0;
}

void running_drop(struct replica *r, uint32_t request)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_running; i++)
        if (r->running[i] != request)
            r->running[n++] = r->running[i];
    r->n_running = n;
}

int restart(struct replica *r, uint32_t request, struct err *e)
{
    struct flight *f = flight_of(r, request);

    r->due_tokens -= prompt_due(f);
    f->need = r->trace->prompt[request] + f->given;
    f->computed = 0;
    if (r->kin)
        f->computed = kin_restart(r, request);
    else
        kv_give_back(&r->kv, &f->kv);
    prefix_leave(r, request);
    f->preemptions++;
    f->status = FLIGHT_WAITING;
    r->total.preemptions++;
    return enqueue(r, request, true, e);
}

/* ---- a batch ---- */

static int add_piece(struct replica *r, uint32_t chunk, uint32_t kv, struct err *e)
{
    if (mem_reserve(&r->pieces, &r->pieces_cap, r->shape.n_pieces + 1, sizeof *r->pieces, e) < 0)
        return e->code;
    r->pieces[r->shape.n_pieces++] = (struct cost_piece){chunk, kv};
    r->shape.pieces = r->pieces;
    return 0;
}

int batch_add(struct replica *r, uint32_t request, uint32_t tokens, struct err *e)
{
    struct flight *f = flight_of(r, request);
    struct cost_shape *s = &r->shape;

    if (mem_reserve(&r->batch, &r->batch_cap, r->n_batch + 1, sizeof *r->batch, e) < 0)
        return e->code;
    r->batch[r->n_batch++] = (struct batch_entry){request, tokens};
    s->tokens += tokens;
    if (is_prompt(f))
        return add_piece(r, tokens, f->computed, e);
    s->kv_sum += f->computed + 1;
    s->kv_max = f->computed + 1 > s->kv_max ? f->computed + 1 : s->kv_max;
    s->kv_min = s->decodes == 0 || f->computed + 1 < s->kv_min ? f->computed + 1 : s->kv_min;
    s->decodes++;
    return 0;
}

/* A step of r->shape begins. */
static int begin_step(struct replica *r, struct err *e)
{
    struct cost_parts parts;
    double us;

    if (cost_us(r->cost, &r->shape, &us, r->sched->overlap ? &parts : NULL, e) < 0)
        return e->code;
    if (r->sched->overlap)
        us = r->sched->overlap(&parts, us);
    us *= replica_slower(r);
    us += r->o->step_overhead_us + r->transfer_us;
    if (!((double)r->now + 1e3 * us < CLOCK_NS_MOST))
        return err_set(e, ERR_USAGE,
                       "a step takes %g us, %g of them for KV blocks to move: it ends beyond 146 "
                       "years",
                       us, r->transfer_us);
    r->total.moved_us += r->transfer_us;
    r->transfer_ns = (int64_t)llround(1e3 * r->transfer_us);
    r->transfer_us = 0;
    r->began_ns = r->now;
    r->end_ns = r->now + (int64_t)llround(1e3 * us);
    r->queued = r->waiting.n > 0;
    r->busy = true;
    r->total.busy_us += us;
    r->total.kv_us += us * r->kv.total;
    r->total.kv_block_us += us * (r->kv.total - r->kv.free);
    if (r->kv.total - r->kv.free > r->total.kv_peak)
        r->total.kv_peak = r->kv.total - r->kv.free;
    return 1;
}

static int ask(struct replica *r, struct err *e)
{
    bool background = r->trace->program != NULL;

    r->n_batch = 0;
    r->shape = (struct cost_shape){.pieces = NULL};
    if (r->kin)
        kin_make_way(r);
    if ((background && background_before(r, e) < 0) || r->sched->form(r, e) < 0 ||
        (background && background_after(r, e) < 0))
        return e->code;
    return 0;
}

/* Asks the scheduler; again where all that it would have run had to restart, which leaves them room
 * now (Vidur waits for the next arrival there), or where blocks that were kept for others have been
 * given up. */
static int form_batch(struct replica *r, struct err *e)
{
    uint64_t before;
    bool asked;

    do {
        before = r->total.preemptions;
        asked = r->swapped.n == 0;
        if (ask(r, e) < 0)
            return e->code;
    } while (r->n_batch == 0 &&
             ((r->total.preemptions > before && !r->o->vidur) || (r->kin && kin_give_up(r))));
    /* Where some had to go, or wait in the host's memory, none is admitted, whether there is room
     * or not. */
    r->steady.refused = r->waiting.n > 0 && r->total.preemptions == before && asked;
    return 0;
}

int replica_step(struct replica *r, struct err *e)
{
    if (steady_next(r))
        return begin_step(r, e);
    steady_settle(r);
    if (form_batch(r, e) < 0)
        return e->code;
    if (r->n_batch == 0)
        return 0;
    for (size_t i = 0; i < r->n_batch; i++) {
        struct flight *f = flight_of(r, r->batch[i].request);

        if (f->start_ns == FLIGHT_NEVER)
            f->start_ns = r->now;
    }
    return begin_step(r, e);
}

/* ---- a step's end ---- */

/* A token; the time since the last one is counted, equal ones together, but for those in the
 * background. */
static int give_token(struct replica *r, struct flight *f, struct gap *gap, struct err *e)
{
    bool counts = !is_background(r, (uint32_t)(f - r->flight));
    int64_t ns;

    f->given++;
    if (f->first_ns == FLIGHT_NEVER) {
        f->first_ns = f->last_ns = r->end_ns;
        return 0;
    }
    ns = r->end_ns - f->last_ns;
    f->last_ns = r->end_ns;
    if (ns == gap->ns || !counts) {
        gap->n += counts;
        return 0;
    }
    if (gaps_add(r->gaps, gap->ns, gap->n, e) < 0)
        return e->code;
    *gap = (struct gap){.ns = ns, .n = 1};
    return 0;
}

static int end_request(struct replica *r, uint32_t request, struct err *e)
{
    struct flight *f = flight_of(r, request);
    bool heirs = kin_keeps(r, request);
    int kept = !heirs && r->sched->keep ? r->sched->keep(r, request, e) : 0;

    f->status = FLIGHT_ENDED;
    r->n_background -= is_background(r, request);
    if (kept == 0 && !heirs)
        kv_give_back(&r->kv, &f->kv);
    return kept < 0 ? kept : 0;
}

/* Those that have ended leave r->running, the others keep their order. */
static void drop_ended(struct replica *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_running; i++)
        if (flight_of(r, r->running[i])->status != FLIGHT_ENDED)
            r->running[n++] = r->running[i];
    r->n_running = n;
}

static int finish_batch(struct replica *r, replica_ended *ended, void *ctx, struct err *e)
{
    struct gap gap = {0};
    size_t running = r->n_running;
    bool any = false;

    for (size_t i = 0; i < r->n_batch; i++) {
        uint32_t request = r->batch[i].request;
        struct flight *f = flight_of(r, request);

        if (is_prompt(f))
            r->due_tokens -= r->batch[i].tokens;
        f->computed += r->batch[i].tokens;
        if (is_prompt(f))
            continue;
        if (give_token(r, f, &gap, e) < 0)
            return e->code;
        if (f->given < r->trace->output[request])
            continue;
        if (end_request(r, request, e) < 0)
            return e->code;
        any = true;
        if (ended)
            ended(ctx, request);
    }
    if (any)
        drop_ended(r);
    if (r->shape.decodes == running && r->shape.n_pieces == 0 && !(any && r->waiting.n > 0))
        steady_begin(r);
    return gaps_add(r->gaps, gap.ns, gap.n, e);
}

/* A step counts when it has ended: one that a failure breaks off is none (leave.c). */
static int count_step(struct replica *r, struct err *e)
{
    r->total.steps++;
    r->total.tokens += r->shape.tokens;
    if (gaps_add(r->step_times, r->end_ns - r->began_ns, 1, e) < 0)
        return e->code;
    if (r->queued)
        gaps_mark(r->step_times);
    return 0;
}

int replica_finish(struct replica *r, replica_ended *ended, void *ctx, struct err *e)
{
    r->busy = false;
    if (count_step(r, e) < 0)
        return e->code;
    if (r->steady.done == 0)
        return finish_batch(r, ended, ctx, e);
    return gaps_add(r->gaps, r->end_ns - r->began_ns, r->n_running - r->n_background, e);
}
