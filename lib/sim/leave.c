/* leave.c - see leave.h. */
#include "sim/leave.h"

#include <stdlib.h>

#include "sim/prefix.h"
#include "sim/sched.h"

void replica_give_aside(struct replica *r, struct kv_list *l)
{
    r->aside -= l->n;
    kv_give_back(&r->kv, l);
    replica_ask_again(r);
}

uint32_t held_blocks(const struct replica *r, const struct flight *f)
{
    uint32_t blocks = kv_blocks(&r->kv, (uint64_t)f->computed + r->steady.done);

    return r->steady.done > 0 && blocks > f->kv.n ? blocks : f->kv.n;
}

void replica_take_out(struct replica *r, uint32_t request)
{
    struct flight *f = flight_of(r, request);

    running_drop(r, request);
    r->aside += f->kv.n;
    f->status = FLIGHT_MOVING;
}

int replica_let_in(struct replica *r, uint32_t request, struct err *e)
{
    struct flight *f = flight_of(r, request);

    steady_settle(r);
    r->aside -= f->kv.n;
    if (running_add(r, request, e) < 0)
        return e->code;
    return prefix_name(r, request, f->computed, e);
}

/* The step under way has not been: what it would have computed, or brought, is nothing. Only its
 * time so far the replica was busy. */
static void break_off(struct replica *r)
{
    double left_us = 1e-3 * (double)(r->end_ns - r->now);

    if (!r->busy)
        return;
    r->busy = false;
    r->total.busy_us -= left_us;
    r->total.moved_us -= 1e-3 * (double)r->transfer_ns;
    r->total.kv_us -= left_us * r->kv.total;
    r->total.kv_block_us -= left_us * (r->kv.total - r->kv.free);
    r->end_ns = r->began_ns;
    if (r->steady.done > 0)
        r->steady.done--;
}

int replica_lose(struct replica *r, uint32_t *v, size_t *n, struct err *e)
{
    const struct engine_opts *o = r->o;
    struct replica fresh = {.number = r->number,
                            .role = r->role,
                            .start_by = r->start_by,
                            .closed = r->closed,
                            .sched = r->sched,
                            .cost = r->cost,
                            .trace = r->trace,
                            .flight = r->flight,
                            .now = r->now,
                            .gaps = r->gaps,
                            .step_times = r->step_times};
    size_t from = *n;

    break_off(r);
    steady_settle(r);
    for (size_t i = 0; i < r->n_running; i++)
        v[(*n)++] = r->running[i];
    for (size_t i = 0; i < r->swapped.n; i++)
        v[(*n)++] = deque_at(&r->swapped, i);
    for (size_t i = 0; i < r->waiting.n; i++)
        v[(*n)++] = deque_at(&r->waiting, i);
    if (r->sched->own)
        *n += r->sched->own(r, v + *n);
    for (size_t i = from; i < *n; i++) {
        free(flight_of(r, v[i])->kv.id);
        flight_of(r, v[i])->kv = (struct kv_list){0};
    }
    fresh.total = r->total;
    replica_free(r);
    *r = fresh;
    return replica_init(r, o, e);
}
