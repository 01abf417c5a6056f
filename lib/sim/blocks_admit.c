/* blocks_admit.c - who is let in, and the instances that are planned for it. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/blocks_int.h"

/* ---- a plan ---- */

/* Where a device has the block, or one that is equivalent. */
static uint32_t held_by(const struct blocks_state *b, uint32_t device, uint32_t block)
{
    uint32_t inst = b->on_device[(size_t)device * b->s->blocks + block];
    const struct list *all = &b->alike[b->s->block[block].alike];

    for (size_t i = 0; inst == BLOCKS_NONE && i < all->n; i++)
        if (b->inst[all->v[i]].device == device)
            inst = all->v[i];
    return inst;
}

static bool has_room(const struct blocks_state *b, uint32_t device, uint64_t kv)
{
    return kv <= kv_free(b, device) && b->need[device] <= kv_free(b, device) - kv;
}

/* What a device has before it when a request joins it: its work, and its waves ever after. */
static int64_t backlog(const struct blocks_state *b, const struct instance *i)
{
    return blocks_wait(b, i, UINT32_MAX) + b->device[i->device].wave_ns;
}

/* The instance with room that is reached first from another device. */
static uint32_t elsewhere(const struct blocks_state *b, uint32_t request, uint32_t block,
                          uint32_t from, uint64_t kv, int64_t *cost)
{
    const struct list *all = &b->alike[b->s->block[block].alike];
    uint32_t best = BLOCKS_NONE;

    for (size_t i = 0; i < all->n; i++) {
        const struct instance *x = &b->inst[all->v[i]];
        int64_t c;

        if (!has_room(b, x->device, kv))
            continue;
        c = blocks_travel(b, from, x->device, b->t->prompt[request]) + backlog(b, x);
        if (best == BLOCKS_NONE || c < *cost) {
            best = all->v[i];
            *cost = c;
        }
    }
    return best;
}

/* A plan that begins on a device, and stays on one as long as it can: into b->plan[0], and what it
 * costs until its blocks have it, or -1. */
static int64_t plan_from(struct blocks_state *b, uint32_t request, uint32_t home)
{
    const struct block_app *a = &b->s->app[b->walk[request].app];
    uint32_t at = home;
    int64_t cost = 0, ready = 0;

    memset(b->need, 0, b->devices * sizeof *b->need);
    for (uint32_t i = 0; i < a->n; i++) {
        uint64_t kv = kv_need(b, request, &b->s->block[a->chain[i]]);
        uint32_t inst = held_by(b, at, a->chain[i]);
        int64_t more = 0;

        if (inst == BLOCKS_NONE || !has_room(b, at, kv))
            inst = i == 0 ? BLOCKS_NONE : elsewhere(b, request, a->chain[i], at, kv, &more);
        else if (i == 0)
            more = backlog(b, &b->inst[inst]);
        if (inst == BLOCKS_NONE)
            return -1;
        at = b->inst[inst].device;
        b->need[at] += kv;
        b->plan[0][i] = inst;
        if (b->inst[inst].plans == 0)
            more += block_ns(block_of(b, &b->inst[inst]), 1, 0);
        cost += more;
        if (!b->inst[inst].ready && b->inst[inst].ready_ns - b->now > ready)
            ready = b->inst[inst].ready_ns - b->now;
    }
    return cost > ready ? cost : ready;
}

/* The best plan, into b->plan[1]: its cost, or -1 if there is none. Of equal ones that whose device
 * fewer begin on. */
static int64_t best_plan(struct blocks_state *b, uint32_t request)
{
    uint32_t n = b->s->app[b->walk[request].app].n;
    int64_t best = -1;

    for (uint32_t d = 0; d < b->devices; d++) {
        int64_t cost = plan_from(b, request, d);

        if (cost < 0 ||
            (best >= 0 &&
             (cost > best ||
              (cost == best && b->device[d].homes >= b->device[b->walk[request].home].homes))))
            continue;
        best = cost;
        b->walk[request].home = d;
        memcpy(b->plan[1], b->plan[0], n * sizeof *b->plan[0]);
    }
    return best;
}

/* ---- in and out ---- */

static void keep_kv(struct blocks_state *b, uint32_t device, uint64_t bytes)
{
    b->device[device].kv += bytes;
    b->kv += bytes;
    if (b->kv > b->out->total.kv_most)
        b->out->total.kv_most = b->kv;
}

static void drop_kv(struct blocks_state *b, uint32_t device, uint64_t bytes)
{
    b->device[device].kv -= bytes;
    b->kv -= bytes;
}

/* A plan more, or one less, has the instance. */
static void count_plan(struct blocks_state *b, struct instance *i, bool more)
{
    const struct block *k = block_of(b, i);
    int64_t *wave = &b->device[i->device].wave_ns;

    *wave -= i->plans > 0 ? block_ns(k, i->plans, 0) : 0;
    i->plans += more ? 1 : UINT32_MAX;
    *wave += i->plans > 0 ? block_ns(k, i->plans, 0) : 0;
    i->used_ns = b->now;
}

static int let_in(struct blocks_state *b, uint32_t request)
{
    struct walk *w = &b->walk[request];
    const struct block_app *a = &b->s->app[w->app];

    if (!(w->plan = mem_array(a->n, sizeof *w->plan, b->e)))
        return b->e->code;
    memcpy(w->plan, b->plan[1], a->n * sizeof *w->plan);
    for (uint32_t i = 0; i < a->n; i++) {
        struct instance *x = &b->inst[w->plan[i]];

        count_plan(b, x, true);
        keep_kv(b, x->device, kv_need(b, request, &b->s->block[a->chain[i]]));
    }
    b->device[w->home].homes++;
    b->active++;
    blocks_flight(b, request)->status = FLIGHT_RUNNING;
    w->tokens = b->t->prompt[request];
    w->inst = BLOCKS_NONE;
    return blocks_go(b, request);
}

void blocks_release(struct blocks_state *b, uint32_t request)
{
    struct walk *w = &b->walk[request];
    const struct block_app *a = &b->s->app[w->app];

    for (uint32_t i = 0; i < a->n; i++) {
        struct instance *x = &b->inst[w->plan[i]];

        count_plan(b, x, false);
        drop_kv(b, x->device, kv_need(b, request, &b->s->block[a->chain[i]]));
    }
    b->device[w->home].homes--;
    b->active--;
    free(w->plan);
    w->plan = NULL;
    memset(b->tried, 0, b->s->apps * sizeof *b->tried);
}

void blocks_replan(struct blocks_state *b, uint32_t request, uint32_t inst)
{
    struct walk *w = &b->walk[request];
    uint64_t kv = kv_need(b, request, &b->s->block[b->s->app[w->app].chain[w->pos]]);
    struct instance *was = &b->inst[w->plan[w->pos]], *is = &b->inst[inst];

    count_plan(b, was, false);
    drop_kv(b, was->device, kv);
    count_plan(b, is, true);
    keep_kv(b, is->device, kv);
    w->plan[w->pos] = inst;
}

/* The first that waits for an application. 1: it is in; 0: it has to wait. */
static int try_first(struct blocks_state *b, uint32_t app)
{
    uint32_t request = b->waiting[app].first;
    int64_t cost = best_plan(b, request);
    int rc;

    if (cost < 0 && !blocks_provided(b, app)) {
        if ((rc = blocks_provide(b, app, false)) < 0)
            return rc;
        cost = rc > 0 ? best_plan(b, request) : -1;
    }
    if (cost < 0)
        return 0;
    line_take(b, &b->waiting[app]);
    if (let_in(b, request) < 0 ||
        ((double)cost > 1e3 * b->o->scale_us && blocks_provide(b, app, true) < 0))
        return b->e->code;
    return 1;
}

uint32_t blocks_first_app(const struct blocks_state *b, bool untried)
{
    uint32_t app = BLOCKS_NONE;

    for (uint32_t a = 0; a < b->s->apps; a++)
        if (b->waiting[a].n > 0 && !(untried && b->tried[a]) &&
            (app == BLOCKS_NONE || b->waiting[a].first < b->waiting[app].first))
            app = a;
    return app;
}

int blocks_admit(struct blocks_state *b)
{
    for (;;) {
        uint32_t app = blocks_first_app(b, true);
        int rc;

        if (app == BLOCKS_NONE)
            return 0;
        if ((rc = try_first(b, app)) < 0)
            return rc;
        b->tried[app] = rc == 0;
    }
}
