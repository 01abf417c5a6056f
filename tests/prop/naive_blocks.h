/* naive_blocks.h - blocks.h said again, slowly: nothing is kept that can be counted, every event
 * and every choice is a look at all of them. For a few blocks, applications, devices and requests.
 */
#ifndef NAIVE_BLOCKS_H
#define NAIVE_BLOCKS_H

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "sim/blocks.h"

enum { NB_REQUESTS = 64, NB_INST = 512, NB_CHAIN = 16, NB_EVENTS = 2048, NB_NONE = -1 };

struct nb_inst {
    int block, device;
    bool live, ready;
    int64_t ready_ns, used_ns;
    int queue[2][NB_REQUESTS], n[2];
};

struct nb_request {
    int app, pos, at, tokens, plan[NB_CHAIN], home;
    bool in, redo, moving; /* moving: on its way, or in a batch */
    int64_t sure_ns, extra_ns, joined_ns;
    int64_t start_ns, first_ns, last_ns, arrived_ns;
    int given, status;
};

struct nb_device {
    bool busy;
    int64_t end_ns, load_ns;
    int batch[NB_REQUESTS], n;
};

struct nb_event {
    int64_t t;
    int what, of;
};

struct nb {
    const struct trace_set *t;
    const struct block_set *s;
    const struct blocks_opts *o;
    int devices, n_inst, n_events;
    uint64_t limit;
    int64_t now;
    struct nb_inst inst[NB_INST];
    struct nb_request r[NB_REQUESTS];
    struct nb_device d[16];
    struct nb_event event[NB_EVENTS];
    bool hopeless[NB_REQUESTS]; /* an application was tried, and nothing has ended since */
    uint64_t hops, remote, moves, again, loads, evictions;
    double kv_moved;
    int64_t busy_ns;
};

/* ---- times ---- */

static int64_t nb_ns(double us)
{
    return (int64_t)llround(1e3 * us);
}

static int64_t nb_time(const struct block *k, double tokens, double context)
{
    double us = context * k->context_us;
    int64_t ns;

    for (uint32_t i = 0; i < k->parts; i++)
        us += k->part[i].us > k->part[i].token_us * tokens ? k->part[i].us
                                                           : k->part[i].token_us * tokens;
    ns = nb_ns(us);
    return ns < 1 ? 1 : ns;
}

static int64_t nb_send(const struct nb *b, int from, int to, double bytes)
{
    if (from == to)
        return 0;
    if (from / (int)b->o->devices == to / (int)b->o->devices)
        return nb_ns(1e-3 * (bytes / b->o->bus_gbs));
    return nb_ns(b->o->link_us) + nb_ns(1e-3 * (bytes / b->o->link_gbs));
}

static int64_t nb_travel(const struct nb *b, int from, int to, double tokens)
{
    return nb_ns(b->o->hop_us) +
           (from == NB_NONE ? 0 : nb_send(b, from, to, tokens * b->s->activation_bytes));
}

/* ---- what there is ---- */

static const struct block *nb_block(const struct nb *b, int inst)
{
    return &b->s->block[b->inst[inst].block];
}

static const struct block *nb_step(const struct nb *b, int app, int pos)
{
    return &b->s->block[b->s->app[app].chain[pos]];
}

static int nb_length(const struct nb *b, int app)
{
    return (int)b->s->app[app].n;
}

static int nb_find(const struct nb *b, int device, int block)
{
    for (int i = 0; i < b->n_inst; i++)
        if (b->inst[i].live && b->inst[i].device == device && b->inst[i].block == block)
            return i;
    return NB_NONE;
}

static bool nb_serves(const struct nb *b, int inst, uint32_t block)
{
    return b->inst[inst].live && nb_block(b, inst)->alike == b->s->block[block].alike;
}

static int nb_rank(const struct nb *b, int block)
{
    double far = 2;
    int rank;

    for (uint32_t a = 0; a < b->s->apps; a++) {
        if ((int)b->s->app[a].chain[0] == block)
            return 1 << 16;
        for (int i = 1; i < nb_length(b, (int)a); i++)
            if ((int)b->s->app[a].chain[i] == block && (double)i / nb_length(b, (int)a) < far)
                far = (double)i / nb_length(b, (int)a);
    }
    rank = (int)floor(far * 65536 + 1e-9);
    return rank > 1 << 16 ? 1 << 16 : rank;
}

static int64_t nb_tokens(const struct nb *b, int request)
{
    return b->r[request].redo ? 2 * b->r[request].tokens : b->r[request].tokens;
}

static int64_t nb_context(const struct nb *b, int request)
{
    return b->r[request].given ? (int64_t)b->t->prompt[request] + b->r[request].given : 0;
}

/* Those that wait for an instance as one batch. */
static int64_t nb_queued(const struct nb *b, int inst)
{
    const struct nb_inst *x = &b->inst[inst];
    double tokens = 0, context = 0;

    for (int k = 0; k < 2; k++)
        for (int i = 0; i < x->n[k]; i++) {
            tokens += (double)nb_tokens(b, x->queue[k][i]);
            context += (double)nb_context(b, x->queue[k][i]);
        }
    return x->n[0] + x->n[1] ? nb_time(nb_block(b, inst), tokens, context) : 0;
}

static int nb_plans(const struct nb *b, int inst)
{
    int n = 0;

    for (int i = 0; i < (int)b->t->n; i++)
        for (int p = 0; b->r[i].in && p < nb_length(b, b->r[i].app); p++)
            n += b->r[i].plan[p] == inst;
    return n;
}

static bool nb_idle(const struct nb *b, int inst)
{
    for (int i = 0; i < (int)b->t->n; i++)
        if (b->r[i].in && b->r[i].moving && b->r[i].at == inst)
            return false;
    return nb_plans(b, inst) == 0 && b->inst[inst].ready;
}

static uint64_t nb_kv_of(const struct nb *b, int request, const struct block *k)
{
    return ((uint64_t)b->t->prompt[request] + b->t->output[request]) * k->kv_bytes;
}

static uint64_t nb_parameters(const struct nb *b, int device)
{
    uint64_t sum = 0;

    for (int i = 0; i < b->n_inst; i++)
        sum += b->inst[i].live && b->inst[i].device == device ? nb_block(b, i)->bytes : 0;
    return sum;
}

static uint64_t nb_kv(const struct nb *b, int device)
{
    uint64_t sum = 0;

    for (int i = 0; i < (int)b->t->n; i++)
        for (int p = 0; b->r[i].in && p < nb_length(b, b->r[i].app); p++)
            if (b->inst[b->r[i].plan[p]].device == device)
                sum += nb_kv_of(b, i, nb_step(b, b->r[i].app, p));
    return sum;
}

static int64_t nb_wait(const struct nb *b, int inst, int rank)
{
    int device = b->inst[inst].device;
    int64_t wait = b->d[device].busy ? b->d[device].end_ns - b->now : 0, ready;

    for (int i = 0; i < b->n_inst; i++)
        if (b->inst[i].live && b->inst[i].device == device && nb_rank(b, b->inst[i].block) < rank)
            wait += nb_queued(b, i);
    ready = b->inst[inst].ready ? 0 : b->inst[inst].ready_ns - b->now;
    return wait > ready ? wait : ready;
}

static void nb_at(struct nb *b, int64_t t, int what, int of)
{
    b->event[b->n_events++] = (struct nb_event){t, what, of};
}

/* ---- parameters ---- */

static void nb_put(struct nb *b, int block, int device, bool ready)
{
    b->inst[b->n_inst++] = (struct nb_inst){
        .block = block, .device = device, .live = true, .ready = ready, .used_ns = b->now};
}

static uint64_t nb_missing(const struct nb *b, int app, int device)
{
    uint64_t sum = 0;

    for (int i = 0; i < nb_length(b, app); i++) {
        bool before = false;

        for (int k = 0; k < i; k++)
            before |= b->s->app[app].chain[k] == b->s->app[app].chain[i];
        if (!before && nb_find(b, device, (int)b->s->app[app].chain[i]) == NB_NONE)
            sum += nb_step(b, app, i)->bytes;
    }
    return sum;
}

static bool nb_whole(const struct nb *b, int app, int device)
{
    for (int i = 0; i < nb_length(b, app); i++)
        if (nb_find(b, device, (int)b->s->app[app].chain[i]) == NB_NONE)
            return false;
    return true;
}

static uint64_t nb_asked(const struct nb *b, int app)
{
    uint64_t sum = 0;

    for (int i = 0; i < (int)b->t->n; i++)
        sum += b->r[i].app == app ? (uint64_t)b->t->prompt[i] + b->t->output[i] : 0;
    return sum;
}

static uint64_t nb_copies(const struct nb *b, int app)
{
    uint64_t n = 0;

    for (int d = 0; d < b->devices; d++)
        n += nb_whole(b, app, d);
    return n;
}

static uint64_t nb_load(const struct nb *b, int device)
{
    uint64_t sum = 0;

    for (int a = 0; a < (int)b->s->apps; a++)
        if (nb_whole(b, a, device))
            sum += nb_asked(b, a) / nb_copies(b, a);
    return sum;
}

static bool nb_anywhere(const struct nb *b, int block)
{
    for (int d = 0; d < b->devices; d++)
        if (nb_find(b, d, block) != NB_NONE)
            return true;
    return false;
}

static bool nb_has(const struct nb *b, int app, int block)
{
    for (int i = 0; i < nb_length(b, app); i++)
        if ((int)b->s->app[app].chain[i] == block)
            return true;
    return false;
}

/* What an application may take, so that all the others' still fits. */
static uint64_t nb_spare(const struct nb *b, int app)
{
    uint64_t room = 0, kept = 0;

    for (int d = 0; d < b->devices; d++)
        room += b->limit - nb_parameters(b, d);
    for (int k = 0; k < (int)b->s->blocks; k++) {
        bool asked = false;

        for (int a = 0; a < (int)b->s->apps; a++)
            asked |= nb_asked(b, a) > 0 && nb_has(b, a, k);
        if (asked && !nb_has(b, app, k) && !nb_anywhere(b, k))
            kept += b->s->block[k].bytes;
    }
    return room > kept ? room - kept : 0;
}

/* by_load: the least load, then the least that is missing. Else the latter alone. */
static int nb_best_device(const struct nb *b, int app, uint64_t most, bool by_load)
{
    int best = NB_NONE;

    for (int d = 0; d < b->devices; d++) {
        uint64_t more = nb_missing(b, app, d);

        if (nb_whole(b, app, d) || more > most || nb_parameters(b, d) + more > b->limit)
            continue;
        if (best == NB_NONE || (by_load && nb_load(b, d) < nb_load(b, best)) ||
            ((!by_load || nb_load(b, d) == nb_load(b, best)) && more < nb_missing(b, app, best)))
            best = d;
    }
    return best;
}

static void nb_put_chain(struct nb *b, int app, int device)
{
    for (int i = 0; i < nb_length(b, app); i++)
        if (nb_find(b, device, (int)b->s->app[app].chain[i]) == NB_NONE)
            nb_put(b, (int)b->s->app[app].chain[i], device, true);
}

static void nb_spread(struct nb *b, int app)
{
    int at = 0;

    for (int d = 1; d < b->devices; d++)
        if (nb_parameters(b, d) < nb_parameters(b, at))
            at = d;
    for (int i = 0; i < nb_length(b, app); i++) {
        int tried = 0;

        if (nb_anywhere(b, (int)b->s->app[app].chain[i]))
            continue;
        while (tried < b->devices && nb_parameters(b, at) + nb_step(b, app, i)->bytes > b->limit) {
            at = (at + 1) % b->devices;
            tried++;
        }
        if (tried == b->devices)
            return;
        nb_put(b, (int)b->s->app[app].chain[i], at, true);
    }
}

static void nb_place(struct nb *b)
{
    bool done[64] = {false};

    for (;;) {
        int app = NB_NONE, device;

        for (int a = 0; a < (int)b->s->apps; a++)
            if (!done[a] && nb_asked(b, a) && (app == NB_NONE || nb_asked(b, a) > nb_asked(b, app)))
                app = a;
        if (app == NB_NONE)
            break;
        done[app] = true;
        if (nb_copies(b, app))
            continue;
        device = nb_best_device(b, app, nb_spare(b, app), true);
        if (device == NB_NONE)
            device = nb_best_device(b, app, UINT64_MAX, false);
        if (device != NB_NONE)
            nb_put_chain(b, app, device);
        else if (block_chain_bytes(b->s, (uint32_t)app) > b->limit)
            nb_spread(b, app);
    }
    for (;;) {
        int app = NB_NONE;

        for (int a = 0; a < (int)b->s->apps; a++)
            if (nb_asked(b, a) && nb_copies(b, a) &&
                nb_best_device(b, a, UINT64_MAX, true) != NB_NONE &&
                (app == NB_NONE || (double)nb_asked(b, a) / (double)nb_copies(b, a) >
                                       (double)nb_asked(b, app) / (double)nb_copies(b, app)))
                app = a;
        if (app == NB_NONE)
            return;
        nb_put_chain(b, app, nb_best_device(b, app, UINT64_MAX, true));
    }
}

/* May it go for an application? */
static bool nb_may_go(const struct nb *b, int inst, int app, bool spare)
{
    int alike = 0;

    for (int i = 0; i < b->n_inst; i++)
        alike += nb_serves(b, i, (uint32_t)b->inst[inst].block);
    return b->inst[inst].live && nb_idle(b, inst) && !nb_has(b, app, b->inst[inst].block) &&
           (!spare ||
            (alike > 1 && (double)(b->now - b->inst[inst].used_ns) >= 1e3 * b->o->idle_us));
}

static bool nb_fits(const struct nb *b, int device, uint64_t more, uint64_t less)
{
    uint64_t sum = nb_parameters(b, device) - less + more;

    return sum <= b->limit && sum + nb_kv(b, device) <= b->o->memory;
}

static bool nb_provide(struct nb *b, int app, bool spare)
{
    int device = NB_NONE;

    for (int d = 0; d < b->devices; d++) {
        uint64_t less = 0;

        for (int i = 0; i < b->n_inst; i++)
            if (b->inst[i].device == d && nb_may_go(b, i, app, spare))
                less += nb_block(b, i)->bytes;
        if (!nb_whole(b, app, d) && nb_fits(b, d, nb_missing(b, app, d), less) &&
            (device == NB_NONE || nb_missing(b, app, d) < nb_missing(b, app, device)))
            device = d;
    }
    if (device == NB_NONE)
        return false;
    while (!nb_fits(b, device, nb_missing(b, app, device), 0)) {
        int old = NB_NONE;

        for (int i = 0; i < b->n_inst; i++)
            if (b->inst[i].device == device && nb_may_go(b, i, app, spare) &&
                (old == NB_NONE || b->inst[i].used_ns < b->inst[old].used_ns ||
                 (b->inst[i].used_ns == b->inst[old].used_ns &&
                  (nb_rank(b, b->inst[i].block) < nb_rank(b, b->inst[old].block) ||
                   (nb_rank(b, b->inst[i].block) == nb_rank(b, b->inst[old].block) &&
                    b->inst[i].block < b->inst[old].block)))))
                old = i;
        if (old == NB_NONE)
            return false;
        b->inst[old].live = false;
        b->evictions++;
    }
    for (int i = 0; i < nb_length(b, app); i++) {
        int block = (int)b->s->app[app].chain[i];

        if (nb_find(b, device, block) != NB_NONE)
            continue;
        b->d[device].load_ns = (b->d[device].load_ns > b->now ? b->d[device].load_ns : b->now) +
                               (int64_t)((double)b->s->block[block].bytes / b->o->load_gbs);
        nb_put(b, block, device, false);
        b->inst[b->n_inst - 1].ready_ns = b->d[device].load_ns;
        nb_at(b, b->d[device].load_ns, 2, b->n_inst - 1);
        b->loads++;
    }
    return true;
}

/* ---- a hop ---- */

static int64_t nb_kept(const struct nb *b, int request)
{
    return b->r[request].given ? (int64_t)b->t->prompt[request] + b->r[request].given - 1 : 0;
}

static void nb_join(struct nb *b, int request)
{
    struct nb_inst *x = &b->inst[b->r[request].at];
    int k = b->r[request].given == 0;

    x->queue[k][x->n[k]++] = request;
    b->r[request].joined_ns = b->now;
}

/* May it be where the KV is, from now on? */
static bool nb_room(const struct nb *b, int request, int inst)
{
    const struct nb_request *r = &b->r[request];
    int d = b->inst[inst].device;

    return b->inst[r->plan[r->pos]].device == d ||
           nb_parameters(b, d) + nb_kv(b, d) + nb_kv_of(b, request, nb_step(b, r->app, r->pos)) <=
               b->o->memory;
}

static int64_t nb_again(const struct nb *b, int request)
{
    int64_t sum = 0;

    for (int i = 0; i <= b->r[request].pos && nb_kept(b, request); i++)
        sum += nb_time(nb_step(b, b->r[request].app, i), (double)nb_kept(b, request), 0);
    return sum;
}

static int64_t nb_send_kv(const struct nb *b, int request, int inst)
{
    const struct nb_request *r = &b->r[request];

    return nb_kept(b, request)
               ? nb_send(b, b->inst[r->plan[r->pos]].device, b->inst[inst].device,
                         (double)nb_kept(b, request) * (double)nb_step(b, r->app, r->pos)->kv_bytes)
               : 0;
}

static void nb_go(struct nb *b, int request)
{
    struct nb_request *r = &b->r[request];
    const struct block *k = nb_step(b, r->app, r->pos);
    int from = r->at == NB_NONE ? NB_NONE : b->inst[r->at].device, to = r->plan[r->pos];
    int64_t move = 0, again = 0, way;

    if (b->o->choice == CHOOSE_LEAST) {
        int64_t planned = nb_travel(b, from, b->inst[to].device, r->tokens) +
                          nb_wait(b, to, nb_rank(b, b->inst[to].block));
        int64_t bound = planned - nb_ns(b->o->stay_us);
        int owner = to;

        for (int i = 0; i < b->n_inst; i++) {
            int64_t m = 0, a = 0, all;

            if (i == owner || !nb_serves(b, i, b->s->app[r->app].chain[r->pos]) ||
                !b->inst[i].ready || (k->kv_bytes && !nb_room(b, request, i)))
                continue;
            if (k->kv_bytes) {
                m = nb_send_kv(b, request, i);
                a = m > 0 ? nb_again(b, request) : 0;
                if (a < m)
                    m = 0;
                else
                    a = 0;
            }
            all = nb_travel(b, from, b->inst[i].device, r->tokens) +
                  nb_wait(b, i, nb_rank(b, b->inst[i].block)) + m + a;
            if (all < bound) {
                bound = all;
                to = i;
                move = m;
                again = a;
            }
        }
    } else if (b->o->choice == CHOOSE_RANDOM) {
        uint64_t what[4] = {b->o->seed, (uint64_t)request, (uint64_t)r->given, (uint64_t)r->pos};
        int can[NB_INST], n = 0, i;

        for (i = 0; i < b->n_inst; i++)
            if (nb_serves(b, i, b->s->app[r->app].chain[r->pos]))
                can[n++] = i;
        i = can[hash64(what, sizeof what) % (uint64_t)n];
        if (b->inst[i].ready && (!k->kv_bytes || nb_room(b, request, i)))
            to = i;
        move = k->kv_bytes ? nb_send_kv(b, request, to) : 0;
    }
    b->hops++;
    b->remote += from != NB_NONE && from != b->inst[to].device;
    if (move > 0) {
        b->moves++;
        b->kv_moved += (double)nb_kept(b, request) * (double)k->kv_bytes;
    }
    b->again += again > 0;
    way = move + nb_travel(b, from, b->inst[to].device, r->tokens);
    r->extra_ns = again;
    if (k->kv_bytes && to != r->plan[r->pos]) {
        b->inst[r->plan[r->pos]].used_ns = b->inst[to].used_ns = b->now;
        r->plan[r->pos] = to;
    }
    r->at = to;
    r->moving = true;
    if (way > 0)
        nb_at(b, b->now + way, 3, request);
    else
        nb_join(b, request);
}

/* ---- admission ---- */

static int64_t nb_backlog(const struct nb *b, int inst)
{
    int64_t sum = nb_wait(b, inst, 1 << 30);

    for (int i = 0; i < b->n_inst; i++)
        if (b->inst[i].live && b->inst[i].device == b->inst[inst].device && nb_plans(b, i))
            sum += nb_time(nb_block(b, i), nb_plans(b, i), 0);
    return sum;
}

/* A plan from a device on: its cost, or -1. */
static int64_t nb_plan(const struct nb *b, int request, int at, int *plan)
{
    int app = b->r[request].app;
    uint64_t taken[16] = {0};
    int64_t cost = 0, ready = 0;

    for (int p = 0; p < nb_length(b, app); p++) {
        uint32_t block = b->s->app[app].chain[p];
        uint64_t kv = nb_kv_of(b, request, &b->s->block[block]);
        int to = nb_find(b, at, (int)block);
        int64_t more = 0;

        for (int i = 0; to == NB_NONE && i < b->n_inst; i++)
            if (nb_serves(b, i, block) && b->inst[i].device == at)
                to = i;
#define NB_ROOM(d) (kv == 0 || nb_parameters(b, d) + nb_kv(b, d) + taken[d] + kv <= b->o->memory)
        if (to != NB_NONE && !NB_ROOM(at))
            to = NB_NONE;
        if (p == 0) {
            if (to == NB_NONE)
                return -1;
            more = nb_backlog(b, to);
        } else if (to == NB_NONE) {
            for (int i = 0; i < b->n_inst; i++) {
                int64_t c;

                if (!nb_serves(b, i, block) || !NB_ROOM(b->inst[i].device))
                    continue;
                c = nb_travel(b, at, b->inst[i].device, b->t->prompt[request]) + nb_backlog(b, i);
                if (to == NB_NONE || c < more) {
                    to = i;
                    more = c;
                }
            }
            if (to == NB_NONE)
                return -1;
        }
#undef NB_ROOM
        cost += more + (nb_plans(b, to) ? 0 : nb_time(nb_block(b, to), 1, 0));
        if (!b->inst[to].ready && b->inst[to].ready_ns - b->now > ready)
            ready = b->inst[to].ready_ns - b->now;
        at = b->inst[to].device;
        taken[at] += kv;
        plan[p] = to;
    }
    return cost > ready ? cost : ready;
}

static int nb_homes(const struct nb *b, int device)
{
    int n = 0;

    for (int i = 0; i < (int)b->t->n; i++)
        n += b->r[i].in && b->r[i].home == device;
    return n;
}

static int64_t nb_best_plan(struct nb *b, int request)
{
    struct nb_request *r = &b->r[request];
    int64_t best = -1;

    for (int d = 0; d < b->devices; d++) {
        int plan[NB_CHAIN];
        int64_t cost = nb_plan(b, request, d, plan);

        if (cost >= 0 &&
            (best < 0 || cost < best || (cost == best && nb_homes(b, d) < nb_homes(b, r->home)))) {
            best = cost;
            r->home = d;
            for (int p = 0; p < nb_length(b, r->app); p++)
                r->plan[p] = plan[p];
        }
    }
    return best;
}

static bool nb_try(struct nb *b, int request)
{
    struct nb_request *r = &b->r[request];
    int64_t cost = nb_best_plan(b, request);
    bool provided = true;

    for (int p = 0; p < nb_length(b, r->app); p++) {
        bool some = false;

        for (int i = 0; i < b->n_inst; i++)
            some |= nb_serves(b, i, b->s->app[r->app].chain[p]);
        provided &= some;
    }
    if (cost < 0 && !provided && nb_provide(b, r->app, false))
        cost = nb_best_plan(b, request);
    if (cost < 0)
        return false;
    r->in = true;
    r->status = FLIGHT_RUNNING;
    r->tokens = (int)b->t->prompt[request];
    r->at = NB_NONE;
    for (int p = 0; p < nb_length(b, r->app); p++)
        b->inst[r->plan[p]].used_ns = b->now;
    nb_go(b, request);
    if ((double)cost > 1e3 * b->o->scale_us)
        nb_provide(b, r->app, true);
    return true;
}

/* Of those that came first of their applications the one with the smallest number. */
static int nb_first(const struct nb *b, bool hopeful)
{
    for (int i = 0; i < (int)b->t->n; i++) {
        bool first = b->r[i].status == FLIGHT_WAITING && !(hopeful && b->hopeless[b->r[i].app]);

        for (int k = 0; first && k < (int)b->t->n; k++)
            first = !(b->r[k].status == FLIGHT_WAITING && b->r[k].app == b->r[i].app &&
                      (b->r[k].arrived_ns < b->r[i].arrived_ns ||
                       (b->r[k].arrived_ns == b->r[i].arrived_ns && k < i)));
        if (first)
            return i;
    }
    return NB_NONE;
}

static void nb_admit(struct nb *b)
{
    int next;

    while ((next = nb_first(b, true)) != NB_NONE)
        if (!nb_try(b, next))
            b->hopeless[b->r[next].app] = true;
}

/* ---- what happens ---- */

static void nb_token(struct nb *b, int request);

static void nb_leave(struct nb *b, int request)
{
    struct nb_request *r = &b->r[request];

    r->moving = false;
    b->inst[r->at].used_ns = b->now;
    if (++r->pos < nb_length(b, r->app))
        nb_go(b, request);
    else
        nb_token(b, request);
}

/* Those that waited for this one alone. */
static void nb_end(struct nb *b, int request)
{
    const struct trace_set *t = b->t;

    for (int i = 0; t->after_end && i < (int)t->n; i++) {
        uint32_t from = i ? t->after_end[i - 1] : 0;
        int64_t at = t->t_ns[i];
        bool mine = false, open = false;

        for (uint32_t k = from; k < t->after_end[i]; k++) {
            const struct nb_request *o = &b->r[t->after[k]];
            int64_t tool = t->tool_ns ? t->tool_ns[i] : 0;
            int64_t end = o->status == FLIGHT_ENDED ? o->last_ns : b->now;

            mine |= (int)t->after[k] == request;
            open |= o->status != FLIGHT_ENDED && o->status != FLIGHT_REJECTED;
            at = end + tool > at ? end + tool : at;
        }
        if (mine && !open)
            nb_at(b, at, 0, i);
    }
}

static void nb_token(struct nb *b, int request)
{
    struct nb_request *r = &b->r[request];

    if (r->sure_ns > b->now) {
        nb_at(b, r->sure_ns, 5, request);
        return;
    }
    r->first_ns = r->given ? r->first_ns : b->now;
    r->last_ns = b->now;
    if (++r->given < (int)b->t->output[request]) {
        r->tokens = 1;
        r->pos = 0;
        nb_go(b, request);
        return;
    }
    r->status = FLIGHT_ENDED;
    for (int p = 0; p < nb_length(b, r->app); p++)
        b->inst[r->plan[p]].used_ns = b->now;
    r->in = false;
    memset(b->hopeless, 0, sizeof b->hopeless);
    nb_end(b, request);
}

static void nb_happen(struct nb *b, struct nb_event x)
{
    struct nb_device *d;
    int batch[NB_REQUESTS], n;

    switch (x.what) {
    case 0:
        b->r[x.of].status = FLIGHT_WAITING;
        b->r[x.of].arrived_ns = b->now;
        break;
    case 1:
        d = &b->d[x.of];
        d->busy = false;
        n = d->n;
        memcpy(batch, d->batch, sizeof batch);
        for (int i = 0; i < n; i++)
            nb_leave(b, batch[i]);
        break;
    case 2:
        b->inst[x.of].ready = true;
        break;
    case 3:
        nb_join(b, x.of);
        break;
    case 4:
        nb_leave(b, x.of);
        break;
    default:
        nb_token(b, x.of);
    }
}

static int nb_take(struct nb_inst *x, int k)
{
    int request = x->queue[k][0];

    memmove(&x->queue[k][0], &x->queue[k][1], (size_t)--x->n[k] * sizeof x->queue[k][0]);
    return request;
}

static void nb_batch(struct nb *b, int device, int inst)
{
    struct nb_inst *x = &b->inst[inst];
    struct nb_device *d = &b->d[device];
    const struct block *k = nb_block(b, inst);
    int most = k->batch ? (int)k->batch : (int)b->o->most_requests, stay = 0;
    double tokens = 0, context = 0;
    int64_t ns, early, extra = 0;

    d->n = 0;
    for (int q = 0; q < 2; q++)
        while (x->n[q] > 0 && d->n < most &&
               (d->n == 0 ||
                tokens + (double)nb_tokens(b, x->queue[q][0]) <= (double)b->o->most_tokens)) {
            int request = nb_take(x, q);
            struct nb_request *r = &b->r[request];

            r->start_ns = r->start_ns == FLIGHT_NEVER ? b->now : r->start_ns;
            tokens += (double)nb_tokens(b, request);
            context += (double)nb_context(b, request);
            extra += r->extra_ns;
            r->extra_ns = 0;
            r->redo = false;
            d->batch[d->n++] = request;
        }
    ns = nb_time(k, tokens, context) + extra;
    early = nb_ns(fmax(k->guess.us, k->guess.token_us * tokens));
    early = early < 1 ? 1 : early;
    early = k->accept > 0 && early < ns ? early : 0;
    d->busy = true;
    d->end_ns = b->now + ns + early;
    b->busy_ns += ns + early;
    for (int i = 0; early && i < d->n; i++) {
        int request = d->batch[i];
        struct nb_request *r = &b->r[request];
        uint64_t what[4] = {~b->o->seed, (uint64_t)request, (uint64_t)r->given, (uint64_t)r->pos};

        if ((double)(hash64(what, sizeof what) >> 11) / 0x1p53 < k->accept) {
            r->sure_ns = d->end_ns;
            nb_at(b, b->now + early, 4, request);
        } else {
            r->redo = true;
            d->batch[stay++] = request;
        }
    }
    d->n = early ? stay : d->n;
    nb_at(b, d->end_ns, 1, device);
}

/* Is somebody on the way to a block of the device that is served before, or to this one? */
static bool nb_coming(const struct nb *b, int device, int inst)
{
    int rank = nb_rank(b, b->inst[inst].block);

    for (int i = 0; i < b->n_events; i++) {
        const struct nb_inst *x;

        if (b->event[i].what != 3)
            continue;
        x = &b->inst[b->r[b->event[i].of].at];
        if (x->device == device &&
            (rank == 1 << 16 || nb_rank(b, x->block) < rank ||
             (nb_rank(b, x->block) == rank && x->block <= b->inst[inst].block)))
            return true;
    }
    return false;
}

/* Who is served: by rank, then block; of the last rank who has waited longest. */
static void nb_begin(struct nb *b, int device)
{
    int best = NB_NONE;
    int64_t best_since = 0;

    for (int i = 0; i < b->n_inst; i++) {
        const struct nb_inst *x = &b->inst[i];
        int rank = nb_rank(b, x->block), than = best < 0 ? 0 : nb_rank(b, b->inst[best].block);
        int64_t since = INT64_MAX;

        if (!x->live || !x->ready || x->device != device || x->n[0] + x->n[1] == 0)
            continue;
        for (int k = 0; k < 2; k++)
            if (x->n[k] && b->r[x->queue[k][0]].joined_ns < since)
                since = b->r[x->queue[k][0]].joined_ns;
        since = rank < 1 << 16 ? 0 : since;
        if (best < 0 || rank < than ||
            (rank == than &&
             (since < best_since || (since == best_since && x->block < b->inst[best].block)))) {
            best = i;
            best_since = since;
        }
    }
    if (best >= 0 && !(nb_coming(b, device, best) &&
                       (double)(b->now - b->d[device].end_ns) < 1e3 * b->o->hop_us))
        nb_batch(b, device, best);
}

static int64_t nb_next(const struct nb *b, int *which)
{
    *which = NB_NONE;
    for (int i = 0; i < b->n_events; i++) {
        const struct nb_event *x = &b->event[i], *y = &b->event[*which < 0 ? i : *which];

        if (*which < 0 || x->t < y->t ||
            (x->t == y->t && (x->what < y->what || (x->what == y->what && x->of < y->of))))
            *which = i;
    }
    return *which < 0 ? INT64_MAX : b->event[*which].t;
}

static bool nb_reject(struct nb *b)
{
    int first = nb_first(b, false);

    if (first < 0)
        return false;
    b->r[first].status = FLIGHT_REJECTED;
    b->hopeless[b->r[first].app] = false;
    nb_end(b, first);
    nb_admit(b);
    return true;
}

static void nb_run(struct nb *b)
{
    for (int i = 0; i < (int)b->t->n; i++) {
        uint32_t from = i ? (b->t->after_end ? b->t->after_end[i - 1] : 0) : 0;

        b->r[i].start_ns = b->r[i].first_ns = b->r[i].last_ns = FLIGHT_NEVER;
        b->r[i].app = (int)b->t->model[i];
        if (!b->t->after_end || b->t->after_end[i] == from)
            nb_at(b, b->t->t_ns[i], 0, i);
    }
    b->devices = (int)(b->o->servers * b->o->devices);
    b->limit = (uint64_t)((double)b->o->memory * (1 - b->o->kv_share));
    b->now = b->t->t_ns[0];
    nb_place(b);
    for (;;) {
        int which;
        int64_t at = nb_next(b, &which);

        if (which < 0 && !nb_reject(b))
            return;
        b->now = which < 0 ? b->now : at;
        while (nb_next(b, &which) == b->now && which >= 0) {
            struct nb_event x = b->event[which];

            b->event[which] = b->event[--b->n_events];
            nb_happen(b, x);
        }
        nb_admit(b);
        for (int d = 0; d < b->devices; d++)
            if (!b->d[d].busy)
                nb_begin(b, d);
    }
}

#endif
