/* steady.c - steps that only repeat the last one. Where all running requests got a token, none
 * ended and none can be admitted, the next step is the same with contexts one longer, until a
 * request ends, one arrives that may be admitted, or blocks run out. Such a step takes the cost
 * model's time and a few additions, whatever the number of requests; what it did to each is settled
 * at the end.
 *
 * The result is what the scheduler itself would have given: --check goes without, and tests
 * compare.
 */
#include "base/mem.h"
#include "sim/background.h"
#include "sim/sched.h"

int steady_init(struct replica *r, struct err *e)
{
    r->steady.due = mem_zero(r->o->block_tokens, sizeof *r->steady.due, e);
    return r->steady.due ? 0 : e->code;
}

/* A batch of one token of each, and whose blocks are full when. */
static uint32_t count_running(struct replica *r)
{
    struct steady *s = &r->steady;
    uint32_t least = UINT32_MAX;

    r->shape = (struct cost_shape){.kv_min = UINT32_MAX};
    for (uint32_t i = 0; i < r->kv.tokens; i++)
        s->due[i] = 0;
    for (size_t i = 0; i < r->n_running; i++) {
        const struct flight *f = flight_of(r, r->running[i]);
        uint32_t left = r->trace->output[r->running[i]] - f->given, kv = f->computed + 1;

        least = left < least ? left : least;
        s->due[f->computed % r->kv.tokens] += !r->sched->reserves;
        r->shape.kv_sum += kv;
        r->shape.kv_max = kv > r->shape.kv_max ? kv : r->shape.kv_max;
        r->shape.kv_min = kv < r->shape.kv_min ? kv : r->shape.kv_min;
    }
    r->shape.decodes = r->shape.tokens = (uint32_t)r->n_running;
    return least;
}

void steady_begin(struct replica *r)
{
    r->steady.left = 0;
    if (!r->sched->repeats || r->o->no_repeats || r->kv.sharing || r->trace->priority ||
        r->start_by || r->swapped.n > 0 || r->n_running == 0 || background_changes(r))
        return;
    /* The step in which one ends is not of these. */
    r->steady.left = count_running(r) - 1;
    r->steady.done = 0;
}

bool steady_next(struct replica *r)
{
    struct steady *s = &r->steady;
    uint32_t block = r->kv.tokens, more;

    if (s->left == 0 || (!s->refused && r->waiting.n > 0))
        return false;
    more = s->due[(block - s->done % block) % block];
    /* Where one must be free even if none is taken, the scheduler knows better. */
    if (r->kv.free < more + (r->o->vidur || r->sched->spare_slot ? 1 : 0))
        return false;
    kv_count_out(&r->kv, more);
    if (s->done > 0) {
        r->shape.kv_sum += r->shape.decodes;
        r->shape.kv_max++;
        r->shape.kv_min++;
    }
    s->done++;
    s->left--;
    return true;
}

void steady_settle(struct replica *r)
{
    struct steady *s = &r->steady;

    for (size_t i = 0; s->done > 0 && i < r->n_running; i++) {
        struct flight *f = flight_of(r, r->running[i]);
        uint32_t blocks;

        f->computed += s->done;
        f->given += s->done;
        f->last_ns = r->end_ns;
        blocks = kv_blocks(&r->kv, f->computed);
        f->kv.n = blocks > f->kv.n ? blocks : f->kv.n;
        f->named = blocks - (blocks * r->kv.tokens > f->computed);
    }
    s->done = s->left = 0;
}
