/* sched.c - the schedulers there are, and what several of them do. */
#include "sim/sched.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/kin.h"
#include "sim/swap.h"

#define ADDRESS(name) &sched_##name,
static const struct sched *const scheds[] = {SCHEDS(ADDRESS, )};

const struct sched *sched_at(size_t i)
{
    return i < SCHED_COUNT ? scheds[i] : NULL;
}

/* Free blocks that a decode which takes `more` needs. A block of its own is not enough for vLLM;
 * one that is alone, though, would drive itself out for ever. Vidur lets it. */
static uint32_t free_for(const struct replica *r, uint32_t more, bool alone)
{
    if (r->o->vidur)
        return 1;
    return r->sched->spare_slot && !alone ? 1 : more;
}

/* A slot for the next token of a running request whose prompt is done; where there is no free block
 * the last of r->running[from..n) is driven out, until there is, or the request itself has gone: 1
 * it has its slot, 0 it has gone. */
static int slot(struct replica *r, uint32_t request, size_t from, struct err *e)
{
    struct flight *f = flight_of(r, request);
    uint32_t more = blocks_more(r, f, (uint64_t)f->computed + 1);

    while (r->kv.free < free_for(r, more, r->n_running == 1)) {
        uint32_t victim = r->n_running > from ? r->running[--r->n_running] : request;

        if (drive_out(r, victim, e) < 0)
            return e->code;
        if (victim == request)
            return 0;
    }
    return kv_take(&r->kv, &f->kv, more, e) < 0 ? e->code : 1;
}

int sched_decode(struct replica *r, struct err *e)
{
    for (size_t i = 0; i < r->n_running; i++) {
        uint32_t request = r->running[i];
        int has;

        if (is_prompt(flight_of(r, request)))
            continue;
        has = slot(r, request, i + 1, e);
        if (has < 0 || (has > 0 && batch_add(r, request, 1, e) < 0))
            return e->code;
        if (has == 0) {
            r->n_running = i;
            return 0;
        }
    }
    return 0;
}

int sched_all(struct replica *r, struct err *e)
{
    for (size_t i = 0; i < r->n_running; i++)
        if (batch_add(r, r->running[i], tokens_due(flight_of(r, r->running[i])), e) < 0)
            return e->code;
    return 0;
}

int sched_reserve(struct replica *r, struct err *e)
{
    uint32_t request = deque_front(&r->waiting);
    struct flight *f = flight_of(r, request);
    uint32_t blocks = blocks_more(r, f, r->longest);

    if (blocks > r->kv.free)
        return 0;
    deque_pop_front(&r->waiting);
    if (kin_take(r, f, blocks, e) < 0 || running_add(r, request, e) < 0)
        return e->code;
    return 1;
}

bool sched_fits(const struct replica *r, uint32_t request)
{
    const struct flight *f = flight_of(r, request);
    /* One that restarted may have grown into the watermark: alone it runs, but for Vidur's. */
    bool alone = r->n_running == 0 && !r->o->vidur;
    uint64_t reserve = alone ? 0 : (uint64_t)(r->o->watermark * r->kv.total);

    return blocks_more(r, f, f->need) + reserve <= r->kv.free;
}

int sched_admit(struct replica *r, uint32_t tokens, struct err *e)
{
    uint32_t request = deque_pop_front(&r->waiting);
    struct flight *f = flight_of(r, request);

    if (kin_take(r, f, blocks_more(r, f, f->need), e) < 0 || running_add(r, request, e) < 0)
        return e->code;
    return batch_add(r, request, tokens, e);
}

/* ---- the peak ---- */

/* What a request has after its next token, and will still get, in tokens. */
struct sched_course {
    uint64_t held, left;
};

static struct sched_course course_of(const struct replica *r, uint32_t request, uint64_t output)
{
    uint64_t given = (uint64_t)flight_of(r, request)->given + 1;

    output = output > 0 ? output : r->trace->output[request];
    return (struct sched_course){r->trace->prompt[request] + given,
                                 output > given ? output - given : 0};
}

static int longest_first(const void *a, const void *b)
{
    const struct sched_course *x = a, *y = b;

    return (x->left < y->left) - (x->left > y->left);
}

/* The most tokens that requests v[0..n) hold at any step to come: when one ends, those that end
 * later have grown by what it still got. Sorts v. */
static uint64_t peak(struct sched_course *v, size_t n)
{
    uint64_t held = 0, most = 0;

    qsort(v, n, sizeof *v, longest_first);
    for (size_t i = 0; i < n; i++) {
        held += v[i].held;
        most = held + (i + 1) * v[i].left > most ? held + (i + 1) * v[i].left : most;
    }
    return most;
}

int sched_has_room(struct replica *r, uint64_t output, struct err *e)
{
    size_t n = r->n_running + 1;

    if (mem_reserve(&r->course, &r->course_cap, n, sizeof *r->course, e) < 0)
        return e->code;
    for (size_t i = 0; i < r->n_running; i++)
        r->course[i] = course_of(r, r->running[i], output);
    r->course[n - 1] = course_of(r, deque_front(&r->waiting), output);
    /* A request's last block may be empty but for a token. */
    return peak(r->course, n) + n * (r->kv.tokens - 1) <= (uint64_t)r->kv.total * r->kv.tokens;
}

/* ---- a prompt alone ---- */

int sched_prefill_us(const struct replica *r, uint32_t from, uint32_t to, double *us, struct err *e)
{
    *us = 0;
    while (from < to) {
        uint32_t chunk = to - from < r->o->most_tokens ? to - from : r->o->most_tokens;
        struct cost_piece piece = {chunk, from};
        struct cost_shape s = {.pieces = &piece, .n_pieces = 1, .tokens = chunk};
        double step_us;

        if (cost_us(r->cost, &s, &step_us, NULL, e) < 0)
            return e->code;
        *us += replica_slower(r) * step_us;
        from += chunk;
    }
    return 0;
}
