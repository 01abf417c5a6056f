/* migrate.c - see migrate.h. */
#include "sim/migrate.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/clock.h"
#include "sim/freeness.h"
#include "sim/leave.h"
#include "sim/link.h"
#include "sim/sched.h"

enum move_state {
    MOVE_NONE,
    MOVE_PAIRED,  /* no request is chosen yet */
    MOVE_COPYING, /* while the request runs */
    MOVE_COPIED,  /* the next stage begins at the end of the step under way */
    MOVE_LAST,    /* stage: the request is in no batch */
    MOVE_JOINING  /* it joins `to` at the end of the step under way there */
};

/* What a replica sends. */
struct move {
    enum move_state state;
    uint32_t to, request;
    uint32_t stages, copied; /* copied: blocks */
    uint32_t preemptions;    /* that the request had when it was chosen */
    struct kv_list kv;       /* taken at `to` */
    int64_t due_ns, paused_ns;
};

struct migrate {
    const struct migrate_opts *o;
    struct move *move;     /* [n], by where they come from */
    uint32_t *joining;     /* [n]: that wait to join it */
    double block_us;       /* to copy a block */
    struct migrate_end *v; /* [2 n]: for pairing */
};

/* A replica that could send, or take. */
struct migrate_end {
    double free;
    uint32_t replica;
};

/* ---- beginning and end ---- */

int migrate_init(struct fleet *c, struct err *e)
{
    struct migrate *m;

    if (!c->o->migrate || c->o->migrate->policy == MIGRATE_OFF || c->n == 1)
        return 0;
    m = c->migrate = mem_zero(1, sizeof *m, e);
    if (!m || !(m->move = mem_zero(c->n, sizeof *m->move, e)) ||
        !(m->joining = mem_zero(c->n, sizeof *m->joining, e)) ||
        !(m->v = mem_array(2 * (size_t)c->n, sizeof *m->v, e)))
        return e->code;
    m->o = c->o->migrate;
    if (link_block_us(c, m->o->link_gbs, &m->block_us, e) < 0)
        return err_prefix(e, "migration");
    return 0;
}

void migrate_free(struct fleet *c)
{
    struct migrate *m = c->migrate;

    if (!m)
        return;
    for (uint32_t i = 0; m->move && i < c->n; i++)
        free(m->move[i].kv.id);
    free(m->move);
    free(m->joining);
    free(m->v);
    free(m);
    c->migrate = NULL;
}

/* ---- one that is given up, or done ---- */

static void end_move(struct fleet *c, struct move *m)
{
    fleet_touch(c, &c->replica[m - c->migrate->move]);
    *m = (struct move){.state = MOVE_NONE};
    c->moving--;
}

/* What was taken for it is given back. */
static void give_up(struct fleet *c, struct move *m, enum migrate_abort why)
{
    struct replica *to = &c->replica[m->to];

    replica_give_aside(to, &m->kv);
    fleet_touch(c, to);
    if (m->state != MOVE_PAIRED)
        c->migrated.aborts[why]++;
    end_move(c, m);
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int join(struct fleet *c, uint32_t from, struct err *e)
{
    struct migrate *g = c->migrate;
    struct move *m = &g->move[from];
    int64_t gap_ns = c->now - m->paused_ns;

    if (replica_let_in(&c->replica[m->to], m->request, e) < 0)
        return e->code;
    g->joining[m->to]--;
    if (m->to != from) {
        c->migrated.done++;
        c->migrated.gap_ns += gap_ns;
        c->migrated.most_gap_ns = longer(c->migrated.most_gap_ns, gap_ns);
        fleet_mark(c, MARK_MIGRATED, m->to, m->request);
    }
    end_move(c, m);
    return 0;
}

/* All is there: the request is the other replica's. */
static void commit(struct fleet *c, uint32_t from)
{
    struct migrate *g = c->migrate;
    struct move *m = &g->move[from];
    int64_t down_ns = c->now - m->paused_ns;

    c->migrated.down_ns += down_ns;
    c->migrated.most_down_ns = longer(c->migrated.most_down_ns, down_ns);
    link_hand_over(c, m->request, m->to, &m->kv);
    m->state = MOVE_JOINING;
    g->joining[m->to]++;
}

/* ---- stages ---- */

/* Those that are past their prompts: is a before b, to be sent? */
static bool goes_first(const struct fleet *c, uint32_t a, uint32_t b)
{
    const int32_t *priority = c->trace->priority;
    uint32_t x = c->flight[a].computed, y = c->flight[b].computed;

    if (priority && priority[a] != priority[b])
        return priority[a] > priority[b];
    switch (c->o->migrate->rule) {
    case MIGRATE_SHORTEST:
        return x < y;
    case MIGRATE_LONGEST:
        return x > y;
    default:
        return true;
    }
}

/* Those for whose sake there is headroom do not leave for want of it. */
static uint32_t choose(const struct fleet *c, const struct replica *r, const struct replica *to)
{
    bool any = r->closed || freeness_bare(r) < c->o->migrate->out;
    uint32_t best = UINT32_MAX;

    for (size_t i = 0; i < r->n_running; i++) {
        uint32_t x = r->running[i];

        if (!is_prompt(flight_of(r, x)) && (any || !is_high(c, x)) &&
            (!c->mixed || replica_can_run(to, x)) && (best == UINT32_MAX || goes_first(c, x, best)))
            best = x;
    }
    return best;
}

/* The stage that is next, r being between two steps. */
static int begin_stage(struct fleet *c, struct replica *r, struct move *m, struct err *e)
{
    const struct migrate *g = c->migrate;
    struct replica *to = &c->replica[m->to];
    uint32_t left = flight_of(r, m->request)->kv.n - m->copied;
    bool last = left <= g->o->last_blocks;
    uint32_t blocks = last ? left : left - 1;
    double us = g->block_us * blocks + (last ? 1e3 * g->o->downtime_ms : 0);

    if (m->stages == g->o->stages) {
        give_up(c, m, ABORT_STAGES);
        return 0;
    }
    if (!link_has_room(to, blocks)) {
        give_up(c, m, ABORT_NO_ROOM);
        return 0;
    }
    if (kv_take(&to->kv, &m->kv, blocks, e) < 0)
        return e->code;
    to->aside += blocks;
    m->copied += blocks;
    m->stages++;
    c->migrated.stages++;
    c->migrated.bytes += 1e3 * g->o->link_gbs * g->block_us * blocks;
    m->state = last ? MOVE_LAST : MOVE_COPYING;
    if (last) {
        replica_take_out(r, m->request);
        m->paused_ns = c->now;
    }
    if (clock_moved(c->now, us, &m->due_ns, e) < 0)
        return e->code;
    c->copying++;
    return fleet_due(c, m->due_ns, DUE_COPIED, r->number, e);
}

/* What r sends: it is between two steps. */
static int go_on(struct fleet *c, struct replica *r, struct err *e)
{
    struct move *m = &c->migrate->move[r->number];
    const struct flight *f;

    if (m->state != MOVE_PAIRED && m->state != MOVE_COPIED)
        return 0;
    steady_settle(r);
    if (m->state == MOVE_PAIRED) {
        m->request = choose(c, r, &c->replica[m->to]);
        if (m->request == UINT32_MAX || c->replica[m->to].closed) {
            give_up(c, m, ABORT_REPLICA);
            return 0;
        }
        m->preemptions = flight_of(r, m->request)->preemptions;
        m->state = MOVE_COPIED;
    }
    f = flight_of(r, m->request);
    if (f->status == FLIGHT_ENDED)
        give_up(c, m, ABORT_ENDED);
    else if (f->status != FLIGHT_RUNNING || f->preemptions != m->preemptions)
        give_up(c, m, ABORT_DRIVEN_OUT);
    else if (c->replica[m->to].closed)
        give_up(c, m, ABORT_REPLICA);
    else
        return begin_stage(c, r, m, e);
    return 0;
}

void migrate_copied(struct fleet *c, uint32_t from)
{
    struct move *m = &c->migrate->move[from];

    c->copying--;
    /* What was given up is no longer due. */
    if (m->due_ns != c->now)
        return;
    if (m->state == MOVE_COPYING) {
        m->state = MOVE_COPIED;
        fleet_touch(c, &c->replica[from]);
    } else if (m->state == MOVE_LAST) {
        commit(c, from);
    }
}

bool migrate_joins(const struct fleet *c, const struct replica *r)
{
    return c->migrate->joining[r->number] > 0 && r->n_running < r->o->most_requests;
}

int migrate_join(struct fleet *c, struct replica *r, struct err *e)
{
    struct migrate *g = c->migrate;

    for (uint32_t i = 0; migrate_joins(c, r) && i < c->n; i++)
        if (g->move[i].state == MOVE_JOINING && g->move[i].to == r->number && join(c, i, e) < 0)
            return e->code;
    return 0;
}

int migrate_pass(struct fleet *c, struct replica *r, struct err *e)
{
    return migrate_join(c, r, e) < 0 ? e->code : go_on(c, r, e);
}

/* ---- replicas that are lost ---- */

static void lose(struct fleet *c, uint32_t from, bool source, uint32_t *v, size_t *n)
{
    struct migrate *g = c->migrate;
    struct move *m = &g->move[from];

    if (m->state == MOVE_LAST && source) {
        v[(*n)++] = m->request;
        replica_give_aside(&c->replica[from], &c->flight[m->request].kv);
        give_up(c, m, ABORT_REPLICA);
    } else if (m->state == MOVE_LAST) {
        uint32_t request = m->request;
        int64_t paused_ns = m->paused_ns;

        /* It goes on where it was. */
        give_up(c, m, ABORT_REPLICA);
        *m = (struct move){
            .state = MOVE_JOINING, .to = from, .request = request, .paused_ns = paused_ns};
        c->moving++;
        g->joining[from]++;
        fleet_touch(c, &c->replica[from]);
    } else {
        give_up(c, m, ABORT_REPLICA);
    }
}

void migrate_lose(struct fleet *c, const struct replica *r, uint32_t *v, size_t *n)
{
    struct migrate *g = c->migrate;

    for (uint32_t i = 0; g && i < c->n; i++) {
        struct move *m = &g->move[i];
        struct replica *to = &c->replica[m->to];

        if (m->state == MOVE_JOINING && to == r) {
            v[(*n)++] = m->request;
            replica_give_aside(to, &c->flight[m->request].kv);
            g->joining[m->to]--;
            end_move(c, m);
        } else if (m->state != MOVE_NONE && m->state != MOVE_JOINING &&
                   (i == r->number || to == r)) {
            lose(c, i, i == r->number, v, n);
        }
    }
}

bool migrate_has(const struct fleet *c, uint32_t replica)
{
    const struct migrate *g = c->migrate;

    for (uint32_t i = 0; g && i < c->n; i++)
        if (g->move[i].state != MOVE_NONE && (i == replica || g->move[i].to == replica))
            return true;
    return false;
}

/* ---- pairs ---- */

static int fullest_first(const void *a, const void *b)
{
    const struct migrate_end *x = a, *y = b;

    if (x->free < y->free || x->free > y->free)
        return x->free < y->free ? -1 : 1;
    return x->replica < y->replica ? -1 : 1;
}

static int freest_first(const void *a, const void *b)
{
    const struct migrate_end *x = a, *y = b;

    if (x->free < y->free || x->free > y->free)
        return x->free > y->free ? -1 : 1;
    return x->replica < y->replica ? -1 : 1;
}

/* Does the difference shrink, if the source's last request goes? */
static bool balances(const struct fleet *c, const struct migrate_end *from,
                     const struct migrate_end *to)
{
    const struct replica *r = &c->replica[from->replica];
    int64_t blocks;
    double after;

    if (c->migrate->o->policy != MIGRATE_BALANCED || r->closed || r->n_running == 0)
        return true;
    blocks = held_blocks(r, flight_of(r, r->running[r->n_running - 1]));
    after = freeness_with(c, &c->replica[to->replica], 1, blocks) -
            freeness_with(c, r, -1, -blocks);
    return after > 0 && after < to->free - from->free;
}

void migrate_pair(struct fleet *c)
{
    struct migrate *g = c->migrate;
    struct migrate_end *from = g->v, *to = g->v + c->n;
    size_t n_from = 0, n_to = 0;

    for (uint32_t i = 0; i < c->n; i++) {
        const struct replica *r = &c->replica[i];
        double f = freeness(c, r);

        if (f < g->o->out && r->n_running > 0 && g->move[i].state == MOVE_NONE)
            from[n_from++] = (struct migrate_end){f, i};
        else if (f > g->o->in && !r->closed)
            to[n_to++] = (struct migrate_end){f, i};
    }
    if (n_from == 0 || n_to == 0)
        return;
    qsort(from, n_from, sizeof *from, fullest_first);
    qsort(to, n_to, sizeof *to, freest_first);
    for (size_t i = 0; i < n_from && i < n_to; i++) {
        if (!balances(c, &from[i], &to[i]))
            continue;
        g->move[from[i].replica] = (struct move){.state = MOVE_PAIRED, .to = to[i].replica};
        c->moving++;
        fleet_touch(c, &c->replica[from[i].replica]);
    }
}
