/* stop.c - a request ends before it has given all of its output: what it has given, it keeps. */
#include "sim/background.h"
#include "sim/kin.h"
#include "sim/swap.h"

/* Out of the queue or list that it is in. */
static void leave(struct replica *r, uint32_t request)
{
    const struct flight *f = flight_of(r, request);

    switch (f->status) {
    case FLIGHT_WAITING:
        if (!deque_take_out(&r->waiting, request)) {
            deque_take_out(&r->background, request);
            return;
        }
        r->due_tokens -= prompt_due(f);
        r->queued_blocks -= kv_blocks(&r->kv, f->need);
        return;
    case FLIGHT_RUNNING:
        running_drop(r, request);
        r->n_background -= is_background(r, request);
        r->due_tokens -= prompt_due(f);
        return;
    case FLIGHT_PAUSED:
        deque_take_out(&r->paused, request);
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
