/* swap.c - see swap.h. */
#include "sim/swap.h"

#include "sim/background.h"
#include "sim/sched.h"

/* What it has computed, in blocks. */
static uint32_t blocks_out(const struct replica *r, uint32_t request)
{
    return kv_blocks(&r->kv, flight_of(r, request)->computed);
}

static void move(struct replica *r, uint32_t blocks)
{
    r->transfer_us += blocks * r->o->swap_block_us;
}

int drive_out(struct replica *r, uint32_t request, struct err *e)
{
    struct flight *f = flight_of(r, request);
    uint32_t blocks = blocks_out(r, request);

    /* What others hold too would be held twice; nobody waits for one in the background. */
    if (!r->sched->swaps || blocks > r->swap_free || (r->kin && r->kin[request].blocks > 0) ||
        is_background(r, request))
        return restart(r, request, e);
    kv_give_back(&r->kv, &f->kv);
    r->swap_free -= blocks;
    move(r, blocks);
    f->status = FLIGHT_SWAPPED;
    f->preemptions++;
    r->total.preemptions++;
    r->total.swaps++;
    return deque_push_front(&r->swapped, request, e);
}

static bool fits(const struct replica *r, uint32_t request)
{
    uint64_t watermark = (uint64_t)(r->o->watermark * r->kv.total);

    if (r->n_running == 0)
        return kv_blocks(&r->kv, (uint64_t)flight_of(r, request)->computed + 1) <= r->kv.free;
    return blocks_out(r, request) + 1 + watermark <= r->kv.free;
}

int swap_in(struct replica *r, struct err *e)
{
    while (r->swapped.n > 0 && r->n_running < r->o->most_requests &&
           fits(r, deque_front(&r->swapped))) {
        uint32_t request = deque_pop_front(&r->swapped), blocks = blocks_out(r, request);
        struct flight *f = flight_of(r, request);

        r->swap_free += blocks;
        move(r, blocks);
        if (kv_take(&r->kv, &f->kv, blocks_more(r, f, (uint64_t)f->computed + 1), e) < 0 ||
            running_add(r, request, e) < 0 || batch_add(r, request, 1, e) < 0)
            return e->code;
    }
    return 0;
}

void swap_leave(struct replica *r, uint32_t request)
{
    if (deque_take_out(&r->swapped, request))
        r->swap_free += blocks_out(r, request);
}

bool swap_consistent(const struct replica *r)
{
    uint64_t held = 0;

    for (size_t i = 0; i < r->swapped.n; i++)
        held += blocks_out(r, deque_at(&r->swapped, i));
    return held + r->swap_free == r->o->swap_blocks;
}
