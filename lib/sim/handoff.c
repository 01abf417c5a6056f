/* handoff.c - see handoff.h. */
#include "sim/handoff.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/clock.h"
#include "sim/leave.h"
#include "sim/link.h"
#include "sim/slots.h"

enum hand_state {
    HAND_NONE,
    HAND_WAITS,  /* for room */
    HAND_COPIES, /* it is being copied */
    HAND_JOINS   /* it waits for a place in the batch */
};

/* A request between two replicas. */
struct hand {
    enum hand_state state;
    uint32_t request, from, to;
    struct kv_list kv; /* taken at `to` */
    int64_t due_ns, left_ns;
};

struct handoff {
    double block_us, link_us, link_gbs;
    struct hand *v;        /* [slots.n], some of them HAND_NONE */
    struct slots slots;    /* of v */
    struct deque waiting;  /* slots */
    struct deque *joining; /* [replicas]: the same */
    uint32_t *coming;      /* [replicas]: that are copied to it, or join it */
    int64_t *sent_ns;      /* [replicas]: when its last copy is done */
};

/* ---- beginning and end ---- */

static bool has_role(const struct fleet *c, enum replica_role role)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->replica[i].role == role)
            return true;
    return false;
}

int handoff_init(struct fleet *c, struct err *e)
{
    struct handoff *h;

    if (!has_role(c, ROLE_PREFILL) && !has_role(c, ROLE_DECODE))
        return 0;
    if (!has_role(c, ROLE_PREFILL) || !has_role(c, ROLE_DECODE))
        return err_set(e, ERR_USAGE,
                       "replicas of prompts alone need others that decode, and these them");
    h = c->handoff = mem_zero(1, sizeof *h, e);
    if (!h || !(h->joining = mem_zero(c->n, sizeof *h->joining, e)) ||
        !(h->coming = mem_zero(c->n, sizeof *h->coming, e)) ||
        !(h->sent_ns = mem_zero(c->n, sizeof *h->sent_ns, e)))
        return e->code;
    h->link_gbs = c->o->handoff->link_gbs;
    h->link_us = c->o->handoff->link_us;
    if (link_block_us(c, h->link_gbs, &h->block_us, e) < 0)
        return err_prefix(e, "pools");
    return 0;
}

void handoff_free(struct fleet *c)
{
    struct handoff *h = c->handoff;

    if (!h)
        return;
    for (size_t i = 0; i < h->slots.n; i++)
        free(h->v[i].kv.id);
    for (uint32_t i = 0; h->joining && i < c->n; i++)
        free(h->joining[i].v);
    free(h->v);
    free(h->waiting.v);
    slots_free(&h->slots);
    free(h->joining);
    free(h->coming);
    free(h->sent_ns);
    free(h);
    c->handoff = NULL;
}

/* ---- where to ---- */

/* Alone there it may have all of it. */
static bool has_room(const struct fleet *c, const struct replica *r, uint32_t blocks)
{
    bool alone = r->n_running + r->waiting.n + r->swapped.n + c->handoff->coming[r->number] == 0;

    return alone ? r->kv.free >= blocks : link_has_room(r, blocks);
}

/* Of those that decode, are open, could run it, and have so many blocks free: *to is UINT32_MAX if
 * there are none. */
static int choose(const struct fleet *c, uint32_t request, uint32_t context, uint32_t blocks,
                  uint32_t *to, double *least_us, struct err *e)
{
    *to = UINT32_MAX;
    *least_us = INFINITY;
    for (uint32_t i = 0; i < c->n; i++) {
        const struct replica *r = &c->replica[i];
        double us;

        if (r->role != ROLE_DECODE || r->closed || !has_room(c, r, blocks) ||
            (request != UINT32_MAX && c->mixed && !replica_can_run(r, request)) ||
            r->n_running + c->handoff->coming[i] >= r->o->most_requests)
            continue;
        if (link_step_us(r, c->handoff->coming[i], context, &us, e) < 0)
            return e->code;
        if (us < *least_us) {
            *least_us = us;
            *to = i;
        }
    }
    return 0;
}

int handoff_step_us(const struct fleet *c, uint32_t context, double *us, struct err *e)
{
    uint32_t to;

    return choose(c, UINT32_MAX, context, 0, &to, us, e);
}

bool handoff_may(const struct fleet *c, uint32_t request)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->replica[i].role == ROLE_DECODE && replica_can_run(&c->replica[i], request))
            return true;
    return false;
}

/* ---- the copy ---- */

static int begin_copy(struct fleet *c, uint32_t slot, uint32_t to, struct err *e)
{
    struct handoff *h = c->handoff;
    struct hand *x = &h->v[slot];
    struct replica *r = &c->replica[to];
    uint32_t blocks = c->flight[x->request].kv.n;
    int64_t from = h->sent_ns[x->from] > c->now ? h->sent_ns[x->from] : c->now;

    if (kv_take(&r->kv, &x->kv, blocks, e) < 0)
        return e->code;
    r->aside += blocks;
    x->state = HAND_COPIES;
    x->to = to;
    if (clock_moved(from, h->link_us + h->block_us * blocks, &x->due_ns, e) < 0)
        return e->code;
    h->sent_ns[x->from] = x->due_ns;
    h->coming[to]++;
    c->copying++;
    return fleet_due(c, x->due_ns, DUE_HANDED, slot, e);
}

/* Those that wait, as long as the first of them finds room. */
static int assign(struct fleet *c, struct err *e)
{
    struct handoff *h = c->handoff;

    while (h->waiting.n > 0) {
        uint32_t slot = deque_front(&h->waiting), to;
        const struct flight *f = &c->flight[h->v[slot].request];
        double us;

        if (choose(c, h->v[slot].request, f->computed + 1, f->kv.n, &to, &us, e) < 0)
            return e->code;
        if (to == UINT32_MAX)
            return 0;
        deque_pop_front(&h->waiting);
        if (begin_copy(c, slot, to, e) < 0)
            return e->code;
    }
    return 0;
}

int handoff_copied(struct fleet *c, uint32_t slot, struct err *e)
{
    struct handoff *h = c->handoff;
    struct hand *x = &h->v[slot];

    /* A replica was lost meanwhile. */
    if (x->state != HAND_COPIES || x->due_ns != c->now)
        return 0;
    c->handed.n++;
    c->handed.bytes += 1e3 * h->link_gbs * h->block_us * x->kv.n;
    link_hand_over(c, x->request, x->to, &x->kv);
    x->state = HAND_JOINS;
    c->copying--;
    return deque_push_back(&h->joining[x->to], slot, e);
}

/* ---- between steps ---- */

static int end_hand(struct handoff *h, uint32_t slot, struct err *e)
{
    h->v[slot] = (struct hand){.state = HAND_NONE};
    return slots_give_back(&h->slots, slot, e);
}

static int leave(struct fleet *c, struct replica *r, uint32_t request, struct err *e)
{
    struct handoff *h = c->handoff;
    uint32_t slot = 0;

    if (slots_take(&h->slots, &h->v, sizeof *h->v, &slot, e) < 0)
        return e->code;
    replica_take_out(r, request);
    h->v[slot] = (struct hand){
        .state = HAND_WAITS, .request = request, .from = r->number, .left_ns = c->now};
    return deque_push_back(&h->waiting, slot, e);
}

static int leave_all(struct fleet *c, struct replica *r, struct err *e)
{
    size_t i = 0;

    steady_settle(r);
    while (i < r->n_running) {
        uint32_t request = r->running[i];

        if (is_prompt(flight_of(r, request)))
            i++;
        else if (leave(c, r, request, e) < 0)
            return e->code;
    }
    return 0;
}

static int join_all(struct fleet *c, struct replica *r, struct err *e)
{
    struct handoff *h = c->handoff;
    struct deque *d = &h->joining[r->number];

    while (d->n > 0 && r->n_running < r->o->most_requests) {
        uint32_t slot = deque_pop_front(d);
        struct hand *x = &h->v[slot];

        if (replica_let_in(r, x->request, e) < 0)
            return e->code;
        c->handed.wait_ns += c->now - x->left_ns;
        if (c->now - x->left_ns > c->handed.most_wait_ns)
            c->handed.most_wait_ns = c->now - x->left_ns;
        h->coming[r->number]--;
        if (end_hand(h, slot, e) < 0)
            return e->code;
    }
    return 0;
}

int handoff_pass(struct fleet *c, struct replica *r, struct err *e)
{
    int rc = 0;

    if (r->role == ROLE_PREFILL)
        rc = leave_all(c, r, e);
    else if (c->handoff->joining[r->number].n > 0)
        rc = join_all(c, r, e);
    return rc < 0 ? rc : assign(c, e);
}

bool handoff_joins(const struct fleet *c, const struct replica *r)
{
    return c->handoff->joining[r->number].n > 0 && r->n_running < r->o->most_requests;
}

/* ---- replicas that are lost ---- */

size_t handoff_most_lost(const struct fleet *c)
{
    return c->handoff ? c->handoff->slots.n : 0;
}

/* The slots in the queue but those of requests that are lost. */
static void keep_waiting(struct handoff *h, struct deque *d)
{
    size_t n = d->n;

    for (size_t k = 0; k < n; k++) {
        uint32_t slot = deque_pop_front(d);

        if (h->v[slot].state != HAND_NONE)
            *deque_place(d, d->n++) = slot;
    }
}

/* What was taken for the copy is given back. */
static void break_copy(struct fleet *c, struct hand *x)
{
    struct replica *to = &c->replica[x->to];

    replica_give_aside(to, &x->kv);
    fleet_touch(c, to);
    c->handoff->coming[x->to]--;
    c->copying--;
}

static int lose(struct fleet *c, uint32_t slot, uint32_t *v, size_t *n, struct err *e)
{
    struct hand *x = &c->handoff->v[slot];
    struct flight *f = &c->flight[x->request];

    v[(*n)++] = x->request;
    replica_give_aside(&c->replica[f->replica], &f->kv);
    return end_hand(c->handoff, slot, e);
}

static bool comes_first(const struct hand *a, const struct hand *b)
{
    return a->left_ns != b->left_ns ? a->left_ns < b->left_ns : a->request < b->request;
}

/* Before those whose first token came later: the order of the queue. */
static int queue_up(struct handoff *h, uint32_t slot, struct err *e)
{
    struct deque *d = &h->waiting;

    if (deque_push_back(d, slot, e) < 0)
        return e->code;
    for (size_t i = d->n - 1; i > 0; i--) {
        uint32_t other = deque_at(d, i - 1);

        if (comes_first(&h->v[other], &h->v[slot]))
            break;
        *deque_place(d, i) = other;
        *deque_place(d, i - 1) = slot;
    }
    return 0;
}

/* A copy to or from r is broken off: the request waits again, or is about to be lost. */
static int wait_again(struct fleet *c, const struct replica *r, uint32_t slot, struct err *e)
{
    struct hand *x = &c->handoff->v[slot];

    break_copy(c, x);
    x->state = HAND_WAITS;
    if (x->from == r->number)
        return 0;
    fleet_touch(c, &c->replica[x->from]);
    return queue_up(c->handoff, slot, e);
}

/* When the copies that a replica still sends are done. */
static int64_t link_free_ns(const struct handoff *h, uint32_t from, int64_t now)
{
    int64_t ns = now;

    for (size_t i = 0; i < h->slots.n; i++)
        if (h->v[i].state == HAND_COPIES && h->v[i].from == from && h->v[i].due_ns > ns)
            ns = h->v[i].due_ns;
    return ns;
}

int handoff_lose(struct fleet *c, const struct replica *r, uint32_t *v, size_t *n, struct err *e)
{
    struct handoff *h = c->handoff;
    int rc = 0;

    for (size_t i = h ? h->slots.n : 0; rc == 0 && i-- > 0;) {
        struct hand *x = &h->v[i];

        if (x->state == HAND_COPIES && (x->to == r->number || x->from == r->number))
            rc = wait_again(c, r, (uint32_t)i, e);
        if (rc == 0 && ((x->state == HAND_WAITS && x->from == r->number) ||
                        (x->state == HAND_JOINS && x->to == r->number))) {
            h->coming[x->to] -= x->state == HAND_JOINS;
            rc = lose(c, (uint32_t)i, v, n, e);
        }
    }
    if (h) {
        keep_waiting(h, &h->waiting);
        keep_waiting(h, &h->joining[r->number]);
        for (uint32_t i = 0; i < c->n; i++)
            h->sent_ns[i] = link_free_ns(h, i, c->now);
    }
    return rc;
}

/* ---- who is on the way ---- */

bool handoff_has(const struct fleet *c, uint32_t replica)
{
    const struct handoff *h = c->handoff;

    for (size_t i = 0; h && i < h->slots.n; i++)
        if (h->v[i].state != HAND_NONE &&
            (h->v[i].from == replica || (h->v[i].state != HAND_WAITS && h->v[i].to == replica)))
            return true;
    return false;
}

bool handoff_consistent(const struct fleet *c)
{
    const struct handoff *h = c->handoff;
    uint32_t copying = 0, joining = 0;

    if (!h)
        return true;
    for (size_t i = 1; i < h->waiting.n; i++)
        if (h->v[deque_at(&h->waiting, i - 1)].left_ns > h->v[deque_at(&h->waiting, i)].left_ns)
            return false;
    for (uint32_t i = 0; i < c->n; i++) {
        copying += h->coming[i];
        joining += (uint32_t)h->joining[i].n;
    }
    for (size_t i = 0; i < h->slots.n; i++) {
        copying -= h->v[i].state == HAND_COPIES || h->v[i].state == HAND_JOINS;
        joining -= h->v[i].state == HAND_JOINS;
    }
    return copying == 0 && joining == 0;
}

uint32_t handoff_waiting(const struct fleet *c)
{
    return c->handoff ? (uint32_t)c->handoff->waiting.n : 0;
}

uint32_t handoff_first(const struct fleet *c)
{
    return c->handoff->v[deque_front(&c->handoff->waiting)].request;
}

bool handoff_in_vain(const struct fleet *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->replica[i].role == ROLE_DECODE && !c->replica[i].closed)
            return false;
    return handoff_waiting(c) > 0;
}
