/* sched.c - the schedulers there are, and what several of them do. */
#include "sim/sched.h"

static const struct sched *const scheds[] = {&sched_vllm0, &sched_vllm1, &sched_sarathi};

const struct sched *sched_at(size_t i)
{
    return i < sizeof scheds / sizeof *scheds ? scheds[i] : NULL;
}

int sched_slot(struct replica *r, uint32_t request, size_t from, struct err *e)
{
    struct flight *f = flight_of(r, request);
    uint32_t more = blocks_more(r, f, (uint64_t)f->computed + 1);

    /* Vidur wants a free block even where the last one has room. */
    while (r->kv.free < (r->o->vidur ? 1 : more)) {
        uint32_t victim = r->n_running > from ? r->running[--r->n_running] : request;

        if (restart(r, victim, e) < 0)
            return e->code;
        if (victim == request)
            return 0;
    }
    return kv_take(&r->kv, &f->kv, more, e) < 0 ? e->code : 1;
}

bool sched_fits(const struct replica *r, uint32_t request)
{
    const struct flight *f = flight_of(r, request);
    uint64_t reserve = (uint64_t)(r->o->watermark * r->kv.total);

    return kv_blocks(&r->kv, f->need) + reserve <= r->kv.free;
}

int sched_admit(struct replica *r, uint32_t tokens, struct err *e)
{
    uint32_t request = deque_pop_front(&r->waiting);
    struct flight *f = flight_of(r, request);

    if (kv_take(&r->kv, &f->kv, blocks_more(r, f, f->need), e) < 0 ||
        running_add(r, request, e) < 0)
        return e->code;
    /* By arrival: one that restarted comes before those that came after it. */
    for (size_t i = r->n_running - 1; i > 0 && r->running[i - 1] > request; i--) {
        r->running[i] = r->running[i - 1];
        r->running[i - 1] = request;
    }
    return batch_add(r, request, tokens, e);
}
