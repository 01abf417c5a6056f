/* sched_continuum.c - Continuum: vLLM v1 that knows programs, which are sessions of turns with
 * tools between. When a turn ends and a tool runs, its blocks are pinned for as long as that is
 * worth (ttl.h); the queue is in the order of preempted requests, then those whose program is
 * pinned, then of programs' first arrivals. A turn that is admitted takes over from its pin; where
 * nothing can run because of pins, that of the program that came last goes. Source: arXiv
 * 2511.02230.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/sched.h"
#include "sim/ttl.h"

/* A session's pin. */
struct pin {
    struct kv_list kv;
    int64_t until_ns;
    bool set;
};

struct continuum {
    struct ttl ttl;
    struct pin *pin;  /* [sessions] */
    uint32_t *pinned; /* sessions that have one, in the order in which they got it */
    size_t n_pinned;
    uint32_t *next;  /* [n]: the session's next turn, or UINT32_MAX */
    uint32_t *first; /* [sessions]: its first turn */
    double wait_s;   /* of all requests that were admitted, for each token of their prompts */
    double waited_tokens;
};

static uint32_t session_of(const struct replica *r, uint32_t request)
{
    return r->trace->session ? r->trace->session[request] : UINT32_MAX;
}

static struct continuum *state_of(const struct replica *r)
{
    return r->state;
}

/* ---- beginning and end ---- */

static void end(struct replica *r)
{
    struct continuum *c = state_of(r);

    if (!c)
        return;
    for (size_t i = 0; i < c->n_pinned; i++)
        free(c->pin[c->pinned[i]].kv.id);
    ttl_close(&c->ttl);
    free(c->pin);
    free(c->pinned);
    free(c->next);
    free(c->first);
    free(c);
}

static int begin(struct replica *r, struct err *e)
{
    const struct trace_set *t = r->trace;
    struct continuum *c = r->state = mem_zero(1, sizeof *c, e);
    uint32_t *last;

    if (!c || ttl_init(&c->ttl, t->tools, e) < 0 ||
        !(c->pin = mem_zero(t->sessions, sizeof *c->pin, e)) ||
        !(c->pinned = mem_array(t->sessions, sizeof *c->pinned, e)) ||
        !(c->first = mem_array(t->sessions, sizeof *c->first, e)) ||
        !(c->next = mem_array(t->n, sizeof *c->next, e)) ||
        !(last = mem_array(t->sessions, sizeof *last, e)))
        return e->code;
    for (uint32_t s = 0; s < t->sessions; s++)
        last[s] = UINT32_MAX;
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t s = session_of(r, i);

        c->next[i] = UINT32_MAX;
        if (s == UINT32_MAX)
            continue;
        if (last[s] == UINT32_MAX)
            c->first[s] = i;
        else
            c->next[last[s]] = i;
        last[s] = i;
    }
    free(last);
    return 0;
}

/* ---- pins ---- */

static void unpin(struct replica *r, size_t at)
{
    struct continuum *c = state_of(r);
    struct pin *p = &c->pin[c->pinned[at]];

    kv_give_back(&r->kv, &p->kv);
    *p = (struct pin){.set = false};
    c->n_pinned--;
    memmove(&c->pinned[at], &c->pinned[at + 1], (c->n_pinned - at) * sizeof *c->pinned);
}

static void unpin_session(struct replica *r, uint32_t session)
{
    struct continuum *c = state_of(r);

    for (size_t i = 0; session != UINT32_MAX && c->pin[session].set; i++)
        if (c->pinned[i] == session)
            unpin(r, i);
}

/* Those whose time is over go, unless their next turn waits already. */
static void expire(struct replica *r)
{
    struct continuum *c = state_of(r);

    for (size_t i = 0; i < c->n_pinned;)
        if (c->pin[c->pinned[i]].until_ns <= r->now)
            unpin(r, i);
        else
            i++;
}

/* Of all pins that of the program that came last: false if there is none. */
static bool drop_last(struct replica *r)
{
    struct continuum *c = state_of(r);
    size_t last = 0;

    if (c->n_pinned == 0)
        return false;
    for (size_t i = 1; i < c->n_pinned; i++)
        if (c->first[c->pinned[i]] > c->first[c->pinned[last]])
            last = i;
    unpin(r, last);
    return true;
}

/* ---- what a lost cache costs ---- */

/* Seconds until its context is there again: computed anew, or from memory beside the GPU. */
static int again_s(const struct replica *r, const struct flight *f, double *seconds, struct err *e)
{
    double us, load_us = r->o->tier_block_us[KV_HOST] * kv_blocks(&r->kv, f->computed);

    if (sched_prefill_us(r, 0, f->computed, &us, e) < 0)
        return e->code;
    if (r->kv.tier[KV_HOST].most > 0 && load_us < us)
        us = load_us;
    *seconds = 1e-6 * us;
    return 0;
}

/* A turn has ended: are its blocks kept? 1, 0, or an error. */
static int keep(struct replica *r, uint32_t request, struct err *e)
{
    struct continuum *c = state_of(r);
    struct flight *f = flight_of(r, request);
    uint32_t session = session_of(r, request), next = c->next[request];
    size_t tool = r->trace->tool && next != UINT32_MAX ? r->trace->tool[next] : SIZE_MAX;
    double lost_s = 0, wait_s = c->waited_tokens > 0 ? c->wait_s / c->waited_tokens : 0, ttl_s;

    if (next == UINT32_MAX || !r->finds || !(r->trace->hash_end || r->tiers))
        return 0;
    if (again_s(r, f, &lost_s, e) < 0)
        return e->code;
    ttl_s = ttl_choose(&c->ttl, tool, lost_s + wait_s * f->computed);
    if (!(ttl_s > 0))
        return 0;
    unpin_session(r, session);
    c->pin[session] = (struct pin){f->kv, r->end_ns + (int64_t)llround(1e9 * ttl_s), true};
    c->pinned[c->n_pinned++] = session;
    f->kv = (struct kv_list){0};
    return 1;
}

static void arrived(struct replica *r, uint32_t request)
{
    struct continuum *c = state_of(r);
    uint32_t session = session_of(r, request);

    /* How long its tool took is known now. */
    if (session != UINT32_MAX && request != c->first[session] && r->trace->tool_ns)
        ttl_learn(&c->ttl, r->trace->tool ? r->trace->tool[request] : SIZE_MAX,
                  1e-9 * (double)r->trace->tool_ns[request]);
    /* Its pin stays until it is admitted. */
    if (session != UINT32_MAX && c->pin[session].set)
        c->pin[session].until_ns = INT64_MAX;
}

/* ---- the queue ---- */

struct rank {
    int preempted, pinned;
    uint32_t program, request;
};

static struct rank rank_of(const struct replica *r, uint32_t request)
{
    const struct continuum *c = state_of(r);
    uint32_t session = session_of(r, request);

    return (struct rank){.preempted = flight_of(r, request)->preemptions > 0,
                         .pinned = session != UINT32_MAX && c->pin[session].set,
                         .program = session == UINT32_MAX ? request : c->first[session],
                         .request = request};
}

static bool before(const struct rank *a, const struct rank *b)
{
    if (a->preempted != b->preempted)
        return a->preempted > b->preempted;
    if (a->pinned != b->pinned)
        return a->pinned > b->pinned;
    return a->program != b->program ? a->program < b->program : a->request < b->request;
}

/* The first of the queue to its front; the others keep their places. */
static void bring_first(struct replica *r)
{
    struct deque *d = &r->waiting;
    struct rank best = rank_of(r, deque_front(d));
    size_t at = 0;

    for (size_t i = 1; i < d->n; i++) {
        struct rank other = rank_of(r, deque_at(d, i));

        if (before(&other, &best)) {
            best = other;
            at = i;
        }
    }
    deque_raise(d, at);
}

static void note_wait(struct replica *r, uint32_t request)
{
    struct continuum *c = state_of(r);
    const struct flight *f = flight_of(r, request);

    if (f->preemptions > 0)
        return;
    c->wait_s += 1e-9 * (double)(r->now - f->came_ns);
    c->waited_tokens += f->need;
}

static int admit_some(struct replica *r, uint32_t *budget, struct err *e)
{
    int more = 1;

    while (more > 0 && *budget > 0 && r->waiting.n > 0 && r->n_running < r->o->most_requests) {
        uint32_t request;

        bring_first(r);
        request = deque_front(&r->waiting);
        if ((more = vllm1_admit(r, budget, e)) <= 0)
            break;
        note_wait(r, request);
        unpin_session(r, session_of(r, request));
    }
    return more < 0 ? more : 0;
}

static int form(struct replica *r, struct err *e)
{
    uint32_t budget = r->o->most_tokens;
    bool preempted = false;

    expire(r);
    if (vllm1_continue(r, &budget, &preempted, e) < 0)
        return e->code;
    if (!preempted && admit_some(r, &budget, e) < 0)
        return e->code;
    while (r->n_batch == 0 && r->waiting.n > 0 && drop_last(r))
        if (admit_some(r, &budget, e) < 0)
            return e->code;
    return 0;
}

const struct sched sched_continuum = {.name = "continuum",
                                      .most_requests = 256,
                                      .most_tokens = 2048,
                                      .prefix_cache = true,
                                      .begin = begin,
                                      .end = end,
                                      .arrived = arrived,
                                      .keep = keep,
                                      .form = form};
