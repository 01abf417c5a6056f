/* replay.c - the loop over events. */
#include "sim/replay.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/check.h"
#include "sim/handoff.h"
#include "sim/ready.h"
#include "sim/sched.h"

enum { STEPS_A_REPORT = 4096 };

struct run {
    struct replay *p;
    const struct replay_opts *o;
    struct ready ready;
    uint64_t steps;
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
    return events_next(&u->ready.free) < at ? events_next(&u->ready.free) : at;
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
    if (events_next(&u->ready.free) == now && (!fixed || u->ready.free.v[0].order < u->next))
        return (uint32_t)events_pop(&u->ready.free).order;
    return u->next++;
}

/* A request will do no more: who waited for it may come. */
static void gone(void *ctx, uint32_t request)
{
    struct run *u = ctx;

    u->p->rejected += u->p->flight[request].status == FLIGHT_REJECTED;
    u->idle++;
    u->idle_ns = u->p->fleet.now;
    if (u->failed == 0)
        u->failed = ready_ended(&u->ready, request, u->p->fleet.now, u->e);
}

static void ended(void *ctx, uint32_t request)
{
    struct run *u = ctx;

    fleet_ended(&u->p->fleet, request);
    if (u->failed == 0)
        u->failed = programs_ended(&u->p->programs, u->p->flight, request, u->e);
    gone(u, request);
}

static int arrive(struct run *u, int64_t now)
{
    while (next_arrival(u) == now) {
        uint32_t request = take_arrival(u, now);
        uint8_t status;

        if (u->p->flight[request].status == FLIGHT_STOPPED) {
            u->idle++;
            continue;
        }
        if (u->p->arrival_ns)
            u->p->arrival_ns[request] = now;
        programs_lengths(&u->p->programs, u->p->flight, request);
        if (fleet_arrive(&u->p->fleet, request, u->e) < 0)
            return u->e->code;
        programs_came(&u->p->programs, &u->p->fleet, request);
        status = u->p->flight[request].status;
        if (status == FLIGHT_REJECTED || status == FLIGHT_REFUSED)
            gone(u, request);
        if (u->failed < 0)
            return u->e->code;
    }
    return 0;
}

static int check_step(const struct run *u, const struct replica *r)
{
    const char *wrong = u->o->check ? replica_wrong(r) : NULL;

    if (u->o->check && !wrong && !handoff_consistent(&u->p->fleet))
        wrong = "requests between replicas are out of order, or lost";
    return wrong ? err_set(u->e, ERR_CORRUPT, "replica %u, step %llu: %s", r->number,
                           (unsigned long long)r->total.steps, wrong)
                 : 0;
}

/* All has come to an end: has every request? */
static int check_end(const struct run *u)
{
    const struct trace_set *t = u->p->trace;
    uint64_t tokens = 0;

    for (uint32_t i = 0; u->o->check && i < t->n; i++) {
        const struct flight *f = &u->p->flight[i];

        if (f->status != FLIGHT_REJECTED && f->status != FLIGHT_REFUSED &&
            f->status != FLIGHT_STOPPED && (f->status != FLIGHT_ENDED || f->given != t->output[i]))
            return err_set(u->e, ERR_CORRUPT, "request %u was forgotten", i);
        /* The times between tokens of the background are nobody's. */
        tokens += f->given > 0 && !(t->program && t->program[i].background) ? f->given - 1 : 0;
    }
    if (u->o->check && tokens != u->p->gaps.n)
        return err_set(u->e, ERR_CORRUPT, "tokens were given twice, or lost");
    return 0;
}

static int stuck(const struct run *u, const struct replica *r)
{
    uint32_t first = deque_front(r->waiting.n > 0 ? &r->waiting : &r->background);
    size_t len;
    const char *id = trace_set_id(u->p->trace, first, &len);

    return err_set(u->e, ERR_USAGE,
                   "request '%.*s' waits and can never run: its %u tokens do not fit into a step "
                   "of %u tokens, or not into %u KV blocks",
                   (int)(len < 80 ? len : 80), id, u->p->flight[first].need, r->o->most_tokens,
                   r->kv.total);
}

static int held(const struct run *u, uint32_t request)
{
    size_t len;
    const char *id = trace_set_id(u->p->trace, request, &len);

    return err_set(u->e, ERR_USAGE,
                   "request '%.*s' waits for a replica that is open, and none will be",
                   (int)(len < 80 ? len : 80), id);
}

/* Nothing more will happen. */
static int over(const struct run *u)
{
    const struct fleet *c = &u->p->fleet;

    /* They keep the blocks that others wait for. */
    if (handoff_in_vain(c))
        return held(u, handoff_first(c));
    for (uint32_t i = 0; i < c->n; i++)
        if (c->replica[i].waiting.n + c->replica[i].background.n > 0)
            return stuck(u, &c->replica[i]);
    if (c->n_held > 0)
        return held(u, c->held[0]);
    if (handoff_waiting(c) > 0)
        return held(u, handoff_first(c));
    return check_end(u);
}

/* Those that have lost a race, and are in no step under way. */
static int stop(struct run *u)
{
    struct replay *p = u->p;
    uint32_t request;

    while (programs_stop(&p->programs, &p->fleet, &request) > 0) {
        p->stopped++;
        u->idle += p->flight[request].came_ns != FLIGHT_NEVER;
        u->idle_ns = p->fleet.now;
        if (ready_ended(&u->ready, request, p->fleet.now, u->e) < 0)
            return u->e->code;
    }
    return 0;
}

/* Steps that end now. */
static int finish(struct run *u)
{
    struct fleet *c = &u->p->fleet;

    for (struct replica *r; (r = fleet_step_ends(c));) {
        u->p->end_ns = c->now;
        /* Finishing makes the next step's shape, where that repeats this one. */
        if (u->o->step)
            u->o->step(u->o->step_ctx, r);
        if (replica_finish(r, ended, u, u->e) < 0 || u->failed < 0 || stop(u) < 0 ||
            check_step(u, r) < 0)
            return u->e->code;
        if (u->o->progress && ++u->steps % STEPS_A_REPORT == 0)
            u->o->progress(u->o->progress_ctx, "replaying", u->next, u->p->trace->n);
    }
    return 0;
}

/* One moment: 1, or 0 when all is over. */
static int moment(struct run *u)
{
    struct fleet *c = &u->p->fleet;
    int64_t arrival = next_arrival(u), step = events_next(&c->steps);
    int64_t at = step < arrival ? step : arrival, due = fleet_next_due(c, at == never);

    at = due < at ? due : at;
    if (at == never)
        return over(u);
    c->now = at;
    /* What a tool of no time set free when a step ended arrives now too. */
    if (arrive(u, c->now) < 0 || finish(u) < 0 || arrive(u, c->now) < 0 ||
        fleet_run_due(c, u->e) < 0 || u->failed < 0 || fleet_begin_steps(c, u->e) < 0)
        return u->e->code;
    return 1;
}

static int begin(struct replay *p, const struct trace_set *t, const struct cost *cost,
                 const struct replay_opts *o, struct run *u, struct err *e)
{
    const struct replica_kind usual = {&o->engine, o->sched, cost};

    *p = (struct replay){.trace = t};
    *u = (struct run){.p = p, .o = o, .e = e};
    if (programs_begin(&p->programs, t, e) < 0)
        return e->code;
    p->trace = t = programs_trace(&p->programs);
    if (!(p->flight = mem_zero(t->n, sizeof *p->flight, e)))
        return e->code;
    for (uint32_t i = 0; i < t->n; i++) {
        struct flight *f = &p->flight[i];

        f->came_ns = f->start_ns = f->first_ns = f->last_ns = FLIGHT_NEVER;
    }
    u->idle = o->clients;
    if (o->clients && t->after_end)
        return err_set(e, ERR_USAGE, "requests that wait for others do not go with '--clients'");
    if ((t->after_end || o->clients) && !(p->arrival_ns = mem_zero(t->n, sizeof *p->arrival_ns, e)))
        return e->code;
    if (fleet_init(&p->fleet, &o->fleet, &usual, t, p->flight, p->programs.kin, &p->gaps,
                   &p->step_times, e) < 0)
        return e->code;
    p->fleet.gone = gone;
    p->fleet.gone_ctx = u;
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
    for (uint32_t i = 0; i < p->fleet.n; i++)
        engine_totals_add(&p->total, &p->fleet.replica[i].total);
    return gaps_sort(&p->step_times, e);
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
    fleet_free(&p->fleet);
    programs_free(&p->programs);
    gaps_free(&p->gaps);
    gaps_free(&p->step_times);
    *p = (struct replay){0};
}
