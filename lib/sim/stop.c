/* stop.c - a request ends before it has given all of its output: what it has given, it keeps. */
#include "sim/background.h"
#include "sim/kin.h"
#include "sim/swap.h"

static void drop(uint32_t *v, size_t *n, uint32_t request)
{
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++)
        if (v[i] != request)
            v[kept++] = v[i];
    *n = kept;
}

/* Out of the queue or list that it is in. */
static void leave(struct replica *r, uint32_t request)
{
    const struct flight *f = flight_of(r, request);
    uint32_t due = is_prompt(f) ? f->need - f->computed : 0;

    switch (f->status) {
    case FLIGHT_WAITING:
        if (!deque_take_out(&r->waiting, request)) {
            deque_take_out(&r->background, request);
            return;
        }
        r->due_tokens -= due;
        r->queued_blocks -= kv_blocks(&r->kv, f->need);
        return;
    case FLIGHT_RUNNING:
        drop(r->running, &r->n_running, request);
        r->n_background -= is_background(r, request);
        r->due_tokens -= due;
        return;
    case FLIGHT_PAUSED:
        drop(r->paused, &r->n_paused, request);
        return;
    default:
        swap_leave(r, request);
    }
}

void replica_stop(struct replica *r, uint32_t request)
{
    struct flight *f = flight_of(r, request);

    /* In the midst of a step nothing is settled; the next is not like it. */
    if (r->busy)
        r->steady.left = 0;
    else
        steady_settle(r);
    leave(r, request);
    f->status = FLIGHT_STOPPED;
    if (!kin_keeps(r, request))
        kv_give_back(&r->kv, &f->kv);
}
