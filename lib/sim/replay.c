/* replay.c - the loop over events. */
#include "sim/replay.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/check.h"
#include "sim/ready.h"
#include "sim/sched.h"

enum { STEPS_A_REPORT = 4096 };

struct run {
    struct replay *p;
    const struct replay_opts *o;
    struct ready ready;
    uint32_t next;   /* of the trace, to arrive */
    uint32_t idle;   /* clients that have no request under way */
    int64_t idle_ns; /* since when, the last of them */
    int failed;      /* in ended() */
    struct err *e;
};

static const int64_t never = INT64_MAX;

/* When the next request arrives. */
static int64_t next_arrival(struct run *u)
{
    const struct trace_set *t = u->p->trace;
    int64_t at;

    if (u->o->clients)
        return u->idle > 0 && u->next < t->n ? u->idle_ns : never;
    while (u->next < t->n && ready_waits(&u->ready, u->next))
        u->next++;
    at = u->next < t->n ? t->t_ns[u->next] : never;
    return u->ready.n > 0 && u->ready.heap[0].t_ns < at ? u->ready.heap[0].t_ns : at;
}

/* Of the requests that arrive now the one with the smallest number. */
static uint32_t take_arrival(struct run *u, int64_t now)
{
    const struct trace_set *t = u->p->trace;
    bool fixed = u->next < t->n && t->t_ns[u->next] == now;

    if (u->o->clients) {
        u->idle--;
        return u->next++;
    }
    if (u->ready.n > 0 && u->ready.heap[0].t_ns == now &&
        (!fixed || u->ready.heap[0].request < u->next))
        return ready_pop(&u->ready).request;
    return u->next++;
}

static void ended(void *ctx, uint32_t request)
{
    struct run *u = ctx;

    u->idle++;
    u->idle_ns = u->p->replica.end_ns;
    if (u->failed == 0)
        u->failed = ready_ended(&u->ready, request, u->p->replica.end_ns, u->e);
}

static int arrive(struct run *u, int64_t now)
{
    while (next_arrival(u) == now) {
        uint32_t request = take_arrival(u, now);

        if (u->p->arrival_ns)
            u->p->arrival_ns[request] = now;
        if (replica_arrive(&u->p->replica, request, u->e) < 0)
            return u->e->code;
        if (u->p->flight[request].status != FLIGHT_REJECTED)
            continue;
        u->p->rejected++;
        u->idle++;
        if (ready_ended(&u->ready, request, now, u->e) < 0)
            return u->e->code;
    }
    return 0;
}

static int check_step(const struct run *u)
{
    const struct replica *r = &u->p->replica;
    const char *wrong = u->o->check ? replica_wrong(r) : NULL;

    return wrong ? err_set(u->e, ERR_CORRUPT, "step %llu: %s", (unsigned long long)r->steps, wrong)
                 : 0;
}

/* All has come to an end: has every request? */
static int check_end(const struct run *u)
{
    const struct trace_set *t = u->p->trace;

    for (uint32_t i = 0; u->o->check && i < t->n; i++) {
        const struct flight *f = &u->p->flight[i];

        if (f->status != FLIGHT_REJECTED && (f->status != FLIGHT_ENDED || f->given != t->output[i]))
            return err_set(u->e, ERR_CORRUPT, "request %u was forgotten", i);
    }
    return 0;
}

static int stuck(const struct run *u)
{
    const struct replica *r = &u->p->replica;
    uint32_t first = deque_front(&r->waiting);
    size_t len;
    const char *id = trace_set_id(u->p->trace, first, &len);

    return err_set(u->e, ERR_USAGE,
                   "request '%.*s' waits and can never run: its %u tokens do not fit into a step "
                   "of %u tokens, or not into %u KV blocks",
                   (int)(len < 80 ? len : 80), id, u->p->flight[first].need, r->o->most_tokens,
                   r->kv.total);
}

/* One moment: 1, or 0 when all is over. */
static int moment(struct run *u)
{
    struct replica *r = &u->p->replica;
    int64_t arrival = next_arrival(u), now = r->busy && r->end_ns < arrival ? r->end_ns : arrival;
    int rc;

    if (now == never)
        return r->waiting.n > 0 ? stuck(u) : check_end(u);
    r->now = now;
    if (arrive(u, now) < 0)
        return u->e->code;
    if (r->busy && r->end_ns == now) {
        u->p->end_ns = now;
        /* Finishing makes the next step's shape, where that repeats this one. */
        if (u->o->step)
            u->o->step(u->o->step_ctx, r);
        if (replica_finish(r, ended, u, u->e) < 0 || u->failed < 0 || check_step(u) < 0)
            return u->e->code;
        /* What a tool of no time set free arrives now too. */
        if (arrive(u, now) < 0)
            return u->e->code;
    }
    rc = r->busy ? 0 : replica_step(r, u->e);
    if (u->o->progress && r->steps % STEPS_A_REPORT == 0)
        u->o->progress(u->o->progress_ctx, "replaying", u->next, u->p->trace->n);
    return rc < 0 ? rc : 1;
}

static int begin(struct replay *p, const struct trace_set *t, const struct cost *cost,
                 const struct replay_opts *o, struct run *u, struct err *e)
{
    *p = (struct replay){.trace = t};
    *u = (struct run){.p = p, .o = o, .e = e};
    if (!(p->flight = mem_zero(t->n, sizeof *p->flight, e)))
        return e->code;
    for (uint32_t i = 0; i < t->n; i++)
        p->flight[i].start_ns = p->flight[i].first_ns = p->flight[i].last_ns = FLIGHT_NEVER;
    u->idle = o->clients;
    if (o->clients && t->after_end)
        return err_set(e, ERR_USAGE, "requests that wait for others do not go with '--clients'");
    if ((t->after_end || o->clients) && !(p->arrival_ns = mem_zero(t->n, sizeof *p->arrival_ns, e)))
        return e->code;
    p->replica = (struct replica){
        .sched = o->sched, .cost = cost, .trace = t, .flight = p->flight, .gaps = &p->gaps};
    if (replica_init(&p->replica, &o->engine, e) < 0)
        return e->code;
    return ready_init(&u->ready, t, e);
}

int replay_run(struct replay *p, const struct trace_set *t, const struct cost *cost,
               const struct replay_opts *o, struct err *e)
{
    struct run u;
    int rc = begin(p, t, cost, o, &u, e);

    if (rc == 0)
        do
            rc = moment(&u);
        while (rc > 0);
    ready_free(&u.ready);
    if (rc < 0 || gaps_sort(&p->gaps, e) < 0)
        return e->code;
    return gaps_sort(&p->replica.step_times, e);
}

uint32_t replay_first_rejected(const struct replay *p)
{
    uint32_t i = 0;

    while (p->flight[i].status != FLIGHT_REJECTED)
        i++;
    return i;
}

void replay_free(struct replay *p)
{
    for (uint32_t i = 0; p->flight && i < p->trace->n; i++)
        free(p->flight[i].kv.id);
    free(p->flight);
    free(p->arrival_ns);
    replica_free(&p->replica);
    gaps_free(&p->gaps);
    *p = (struct replay){0};
}
