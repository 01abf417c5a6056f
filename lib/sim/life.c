/* life.c - see life.h. */
#include "sim/life.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/leave.h"
#include "sim/migrate.h"
#include "sim/scale.h"

/* Time before the first arrival does not count. */
static void turn_off(struct fleet *c, uint32_t i)
{
    struct life *l = &c->life[i];
    int64_t from = l->on_ns > c->began_ns ? l->on_ns : c->began_ns;

    if (l->on_ns != FLIGHT_NEVER && c->began_ns != FLIGHT_NEVER)
        l->was_on_ns += c->now - from;
    l->on_ns = FLIGHT_NEVER;
}

static void set(struct fleet *c, uint32_t i, enum life_state state)
{
    static const enum fleet_mark marks[] = {MARK_OFF, MARK_STARTING, MARK_OPEN, MARK_DRAINING,
                                            MARK_FAILED};

    c->life[i].state = state;
    c->replica[i].closed = state != LIFE_OPEN;
    fleet_mark(c, marks[state], i, 0);
}

static int init_failures(struct fleet *c, struct err *e)
{
    for (size_t i = 0; i < c->o->failures; i++) {
        const struct failure *f = &c->o->failure[i];
        int64_t notice_ns = f->at_ns - llround(1e9 * c->o->notice_s);

        if (c->o->notice_s > 0 && fleet_due(c, notice_ns, DUE_NOTICE, (uint32_t)i, e) < 0)
            return e->code;
        if (fleet_due(c, f->at_ns, DUE_FAIL, (uint32_t)i, e) < 0)
            return e->code;
    }
    return 0;
}

/* Does anything come or go at all? */
static bool changes(const struct fleet *c)
{
    return c->o->scale || c->o->failures > 0;
}

int life_init(struct fleet *c, struct err *e)
{
    uint32_t open = c->o->scale ? c->o->scale->begin : c->n;

    if (!changes(c))
        return 0;
    if (!(c->life = mem_zero(c->n, sizeof *c->life, e)))
        return e->code;
    for (uint32_t i = 0; i < c->n; i++) {
        c->life[i] = (struct life){.state = i < open ? LIFE_OPEN : LIFE_OFF,
                                   .open_ns = FLIGHT_NEVER,
                                   .on_ns = i < open ? INT64_MIN + 1 : FLIGHT_NEVER};
        c->replica[i].closed = i >= open;
    }
    return init_failures(c, e);
}

void life_free(struct fleet *c)
{
    free(c->life);
    free(c->held);
}

uint32_t life_count(const struct fleet *c, enum life_state state)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->n; i++)
        n += c->life[i].state == state;
    return n;
}

bool life_may_open(const struct fleet *c)
{
    for (size_t i = 0; i < c->o->failures; i++)
        if (c->o->failure[i].back_ns > c->now)
            return true;
    for (uint32_t i = 0; c->life && i < c->n; i++)
        if (c->life[i].state == LIFE_STARTING || (c->o->scale && scale_may_start(c, i)))
            return true;
    return false;
}

int64_t life_on_ns(const struct fleet *c, int64_t end_ns)
{
    int64_t sum = 0;

    for (uint32_t i = 0; c->began_ns != FLIGHT_NEVER && i < c->n; i++) {
        const struct life *l = &c->life[i];
        int64_t from = l->on_ns > c->began_ns ? l->on_ns : c->began_ns;

        sum += l->was_on_ns;
        if (l->on_ns != FLIGHT_NEVER && end_ns > from)
            sum += end_ns - from;
    }
    return sum;
}

/* ---- requests that wait for a replica ---- */

bool life_must_wait(const struct fleet *c, uint32_t request)
{
    bool later = false;

    for (uint32_t i = 0; c->life && i < c->n; i++) {
        if (fleet_may(c, i, request))
            return false;
        later = later || (c->replica[i].closed && replica_can_run(&c->replica[i], request));
    }
    return later;
}

int life_hold(struct fleet *c, uint32_t request, struct err *e)
{
    if (mem_reserve(&c->held, &c->held_cap, c->n_held + 1, sizeof *c->held, e) < 0)
        return e->code;
    c->held[c->n_held++] = request;
    return 0;
}

/* A request that has come before. */
static int send_again(struct fleet *c, uint32_t request, struct err *e)
{
    const struct flight *f = &c->flight[request];

    if (fleet_arrive(c, request, e) < 0)
        return e->code;
    if ((f->status == FLIGHT_REFUSED || f->status == FLIGHT_REJECTED) && c->gone)
        c->gone(c->gone_ctx, request);
    return 0;
}

/* A replica has opened. */
static int release(struct fleet *c, struct err *e)
{
    size_t n = c->n_held;
    int rc = 0;

    /* Who still has to wait is held again, behind those that were not looked at yet. */
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = send_again(c, c->held[i], e);
    c->n_held -= n;
    for (size_t i = 0; i < c->n_held; i++)
        c->held[i] = c->held[n + i];
    return rc;
}

/* ---- coming ---- */

int life_open(struct fleet *c, uint32_t i, struct err *e)
{
    c->life[i].open_ns = FLIGHT_NEVER;
    if (c->life[i].on_ns == FLIGHT_NEVER)
        c->life[i].on_ns = c->now;
    set(c, i, LIFE_OPEN);
    return c->n_held > 0 ? release(c, e) : 0;
}

int life_start(struct fleet *c, uint32_t i, int64_t takes_ns, struct err *e)
{
    set(c, i, LIFE_STARTING);
    c->life[i].on_ns = c->now;
    c->life[i].open_ns = c->now + takes_ns;
    return fleet_due(c, c->life[i].open_ns, DUE_OPEN, i, e);
}

int life_opens(struct fleet *c, uint32_t i, struct err *e)
{
    /* It may have failed since. */
    if (c->life[i].open_ns != c->now)
        return 0;
    if (c->life[i].state == LIFE_STARTING || c->life[i].was_on)
        return life_open(c, i, e);
    c->life[i].open_ns = FLIGHT_NEVER;
    set(c, i, LIFE_OFF);
    return 0;
}

/* ---- going ---- */

void life_close(struct fleet *c, uint32_t i)
{
    set(c, i, LIFE_DRAINING);
    fleet_touch(c, &c->replica[i]);
}

void life_rest(struct fleet *c, struct replica *r)
{
    if (c->life[r->number].state != LIFE_DRAINING || replica_requests(r) > 0 ||
        migrate_has(c, r->number))
        return;
    turn_off(c, r->number);
    set(c, r->number, LIFE_OFF);
}

void life_notice(struct fleet *c, uint32_t failure)
{
    uint32_t i = c->o->failure[failure].replica;
    enum life_state state = c->life[i].state;

    if (state == LIFE_FAILED || state == LIFE_OFF)
        return;
    c->life[i].noticed = true;
    c->life[i].open_ns = FLIGHT_NEVER;
    if (state == LIFE_OPEN)
        life_close(c, i);
    if (state == LIFE_STARTING) {
        turn_off(c, i);
        set(c, i, LIFE_OFF);
    }
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* All that the replica had goes to others, as it came. */
static int lose_all(struct fleet *c, struct replica *r, struct err *e)
{
    size_t n = 0;
    /* Of each move one request at most is in no queue. */
    uint32_t *v = mem_array(replica_requests(r) + 2 * (size_t)c->n, sizeof *v, e);
    int rc = v ? 0 : e->code;

    if (rc == 0) {
        r->now = c->now;
        events_drop(&c->steps, r->number);
        migrate_lose(c, r, v, &n);
        rc = replica_lose(r, v, &n, e);
    }
    if (rc == 0 && n > 0)
        qsort(v, n, sizeof *v, by_number);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct flight *f = &c->flight[v[i]];

        fleet_ended(c, v[i]);
        c->restarted += f->start_ns != FLIGHT_NEVER;
        f->status = FLIGHT_AHEAD;
        f->computed = f->named = f->left = 0;
        rc = send_again(c, v[i], e);
    }
    free(v);
    return rc;
}

int life_fail(struct fleet *c, uint32_t failure, struct err *e)
{
    const struct failure *f = &c->o->failure[failure];
    uint32_t i = f->replica;
    struct life *l = &c->life[i];
    enum life_state was = l->state;

    if (was != LIFE_FAILED)
        l->was_on = l->noticed || was == LIFE_OPEN || was == LIFE_STARTING;
    l->noticed = false;
    turn_off(c, i);
    set(c, i, LIFE_FAILED);
    l->open_ns = f->back_ns;
    if (l->open_ns != FLIGHT_NEVER && fleet_due(c, l->open_ns, DUE_OPEN, i, e) < 0)
        return e->code;
    return lose_all(c, &c->replica[i], e);
}
