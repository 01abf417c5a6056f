/* background.c - see background.h. */
#include "sim/background.h"

#include "base/mem.h"
#include "sim/sched.h"

static uint32_t most(const struct replica *r)
{
    uint32_t n = r->o->background > 0 ? r->o->background : 1;

    return n < r->o->most_requests ? n : r->o->most_requests;
}

static uint32_t others_running(const struct replica *r)
{
    uint32_t n = 0;

    for (size_t i = 0; i < r->n_running; i++)
        n += !is_background(r, r->running[i]);
    return n;
}

/* A prompt's step is as long as its tokens are many; steps of decodes are what has room. */
static bool prompts_run(const struct replica *r)
{
    bool any = false;

    for (size_t i = 0; i < r->n_running && !any; i++)
        any = is_prompt(flight_of(r, r->running[i])) && !is_background(r, r->running[i]);
    return any;
}

/* How many may run beside so many others. */
static uint32_t room_beside(const struct replica *r, uint32_t others)
{
    return r->waiting.n + r->swapped.n > 0 || others >= most(r) || prompts_run(r)
               ? 0
               : most(r) - others;
}

int background_enqueue(struct replica *r, uint32_t request, bool came_back, struct err *e)
{
    /* It may join the steps under way. */
    r->steady.left = 0;
    return came_back ? deque_push_front(&r->background, request, e)
                     : deque_push_back(&r->background, request, e);
}

/* ---- pauses ---- */

/* The last of them that runs. */
static int pause_one(struct replica *r, struct err *e)
{
    size_t at = r->n_running;
    uint32_t request;

    while (!is_background(r, r->running[--at]))
        ;
    request = r->running[at];
    running_drop(r, request);
    r->due_tokens -= prompt_due(flight_of(r, request));
    flight_of(r, request)->status = FLIGHT_PAUSED;
    return deque_push_back(&r->paused, request, e);
}

static int resume(struct replica *r, struct err *e)
{
    uint32_t request = deque_pop_front(&r->paused);

    r->due_tokens += prompt_due(flight_of(r, request));
    return running_add(r, request, e);
}

/* Those that are paused hold no block that the others want. */
static int make_way(struct replica *r, uint32_t others, struct err *e)
{
    uint64_t want = others;

    if (r->waiting.n > 0)
        want += (uint64_t)(r->o->watermark * r->kv.total) +
                (r->sched->reserves ? r->waiting.n * kv_blocks(&r->kv, r->longest)
                                    : r->queued_blocks);
    while (want > 0 && r->kv.free < want && r->paused.n > 0) {
        uint32_t request = deque_pop_back(&r->paused);

        r->due_tokens += prompt_due(flight_of(r, request));
        if (restart(r, request, e) < 0)
            return e->code;
    }
    return 0;
}

/* ---- around a step ---- */

static int offer(struct replica *r, struct err *e)
{
    uint32_t request = deque_pop_front(&r->background);
    const struct flight *f = flight_of(r, request);

    if (mem_reserve(&r->offered, &r->offered_cap, r->n_offered + 1, sizeof *r->offered, e) < 0)
        return e->code;
    r->offered[r->n_offered++] = request;
    r->queued_blocks += kv_blocks(&r->kv, f->need);
    r->due_tokens += prompt_due(f);
    return deque_push_back(&r->waiting, request, e);
}

int background_before(struct replica *r, struct err *e)
{
    uint32_t others = others_running(r), mine = (uint32_t)r->n_running - others;
    uint32_t room = room_beside(r, others);

    for (; mine > room; mine--)
        if (pause_one(r, e) < 0)
            return e->code;
    if (make_way(r, others, e) < 0)
        return e->code;
    for (; mine < room && r->paused.n > 0; mine++)
        if (resume(r, e) < 0)
            return e->code;
    for (; mine < room && r->background.n > 0; mine++)
        if (offer(r, e) < 0)
            return e->code;
    return 0;
}

/* Those that were not admitted go back to their own queue, in its order. */
int background_after(struct replica *r, struct err *e)
{
    while (r->n_offered > 0) {
        uint32_t request = r->offered[--r->n_offered];
        const struct flight *f = flight_of(r, request);

        if (!deque_take_out(&r->waiting, request))
            continue;
        r->queued_blocks -= kv_blocks(&r->kv, f->need);
        r->due_tokens -= prompt_due(f);
        if (deque_push_front(&r->background, request, e) < 0)
            return e->code;
    }
    r->n_background = (uint32_t)r->n_running - others_running(r);
    return 0;
}

bool background_changes(const struct replica *r)
{
    return r->paused.n > 0 ||
           (r->background.n > 0 &&
            room_beside(r, (uint32_t)r->n_running - r->n_background) > r->n_background);
}
