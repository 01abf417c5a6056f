/* blocks_route.c - a hop: which instance, and when the request is there. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "sim/blocks_int.h"

/* ---- times ---- */

/* More than the most is the most, and an error when it comes to pass: so sums have room. */
static int64_t ns_of(double us)
{
    return (int64_t)llround(fmin(1e3 * us, (double)BLOCKS_NS_MOST));
}

/* Work takes some time. */
static int64_t at_least_one(int64_t ns)
{
    return ns > 0 ? ns : 1;
}

int64_t block_ns(const struct block *k, uint64_t tokens, uint64_t context)
{
    double us = k->context_us * (double)context;

    for (uint32_t i = 0; i < k->parts; i++)
        us += fmax(k->part[i].us, k->part[i].token_us * (double)tokens);
    return at_least_one(ns_of(us));
}

int64_t block_guess_ns(const struct block *k, uint64_t tokens)
{
    return at_least_one(ns_of(fmax(k->guess.us, k->guess.token_us * (double)tokens)));
}

/* Bytes from one device to another: 1 GB/s is a byte a ns. */
static int64_t send(const struct blocks_state *b, uint32_t from, uint32_t to, double bytes)
{
    bool near = b->device[from].server == b->device[to].server;

    if (from == to)
        return 0;
    return ns_of(near ? 0 : b->o->link_us) +
           ns_of(1e-3 * (bytes / (near ? b->o->bus_gbs : b->o->link_gbs)));
}

int64_t blocks_travel(const struct blocks_state *b, uint32_t from, uint32_t to, uint64_t tokens)
{
    int64_t hop = ns_of(b->o->hop_us);

    return from == BLOCKS_NONE ? hop
                               : hop + send(b, from, to, (double)tokens * b->s->activation_bytes);
}

void blocks_mark(struct blocks_state *b, const struct instance *i)
{
    uint64_t *word = &b->device[i->device].marked[i->place / 64], bit = UINT64_C(1)
                                                                        << i->place % 64;

    *word = i->line[0].n + i->line[1].n + i->coming > 0 ? *word | bit : *word & ~bit;
}

size_t blocks_marked(const struct device *d, size_t from)
{
    size_t words = (d->inst.n + 63) / 64, at = from / 64;
    uint64_t word = at < words ? d->marked[at] & (~UINT64_C(0) << from % 64) : 0;

    while (!word && ++at < words)
        word = d->marked[at];
    return word ? 64 * at + (size_t)__builtin_ctzll(word) : d->inst.n;
}

int64_t blocks_wait(const struct blocks_state *b, const struct instance *i, uint32_t rank)
{
    const struct device *d = &b->device[i->device];
    int64_t wait = d->busy ? d->end_ns - b->now : 0;

    for (size_t k = blocks_marked(d, 0); k < d->inst.n; k = blocks_marked(d, k + 1)) {
        const struct instance *other = &b->inst[d->inst.v[k]];

        if (block_of(b, other)->rank >= rank)
            break;
        wait += other->work_ns;
    }
    return !i->ready && i->ready_ns - b->now > wait ? i->ready_ns - b->now : wait;
}

/* ---- lines ---- */

void line_add(struct blocks_state *b, struct line *l, uint32_t request)
{
    b->walk[request].next = BLOCKS_NONE;
    b->walk[request].joined_ns = b->now;
    if (l->n++ == 0)
        l->first = request;
    else
        b->walk[l->last].next = request;
    l->last = request;
}

uint32_t line_take(struct blocks_state *b, struct line *l)
{
    uint32_t request = l->first;

    l->first = b->walk[request].next;
    l->n--;
    return request;
}

void blocks_recount(struct blocks_state *b, struct instance *i)
{
    struct device *d = &b->device[i->device];

    d->queued_ns -= i->work_ns;
    i->work_ns = i->line[0].n + i->line[1].n > 0 ? block_ns(block_of(b, i), i->tokens, i->context)
                                                 : 0;
    d->queued_ns += i->work_ns;
    blocks_mark(b, i);
}

void blocks_join(struct blocks_state *b, uint32_t inst, uint32_t request)
{
    struct instance *i = &b->inst[inst];
    bool returns = blocks_flight(b, request)->given > 0;

    line_add(b, &i->line[!returns], request);
    i->tokens += pass_tokens(&b->walk[request]);
    i->context += returns ? b->t->prompt[request] + blocks_flight(b, request)->given : 0;
    blocks_recount(b, i);
}

/* ---- the choice ---- */

/* A place for the request's next hop. */
struct offer {
    uint32_t inst;
    int64_t wait_ns;  /* until it would run there, all counted */
    int64_t move_ns;  /* of that, for KV on its way */
    int64_t again_ns; /* of that, for KV computed again */
};

static const struct block *block_at(const struct blocks_state *b, uint32_t request)
{
    const struct walk *w = &b->walk[request];

    return &b->s->block[b->s->app[w->app].chain[w->pos]];
}

/* Tokens whose KV its owner has. */
static uint64_t kept(const struct blocks_state *b, uint32_t request)
{
    uint32_t given = blocks_flight(b, request)->given;

    return given > 0 ? (uint64_t)b->t->prompt[request] + given - 1 : 0;
}

/* All blocks up to this one, for all tokens so far: at most BLOCKS_NS_MOST. */
static int64_t compute_again(const struct blocks_state *b, uint32_t request)
{
    const struct walk *w = &b->walk[request];
    uint64_t tokens = kept(b, request);
    int64_t ns = 0;

    for (uint32_t i = 0; tokens > 0 && i <= w->pos; i++)
        ns += block_ns(&b->s->block[b->s->app[w->app].chain[i]], tokens, 0);
    return ns < BLOCKS_NS_MOST ? ns : BLOCKS_NS_MOST;
}

/* Is there room for its KV? */
static bool could_own(const struct blocks_state *b, uint32_t request, uint32_t inst)
{
    const struct block *k = block_at(b, request);
    const struct instance *to = &b->inst[inst];
    uint32_t owner = b->walk[request].plan[b->walk[request].pos];

    return to->device == b->inst[owner].device || kv_need(b, request, k) <= kv_free(b, to->device);
}

static struct offer offer_of(const struct blocks_state *b, uint32_t request, uint32_t inst,
                             uint32_t from)
{
    const struct instance *i = &b->inst[inst];

    return (struct offer){.inst = inst,
                          .wait_ns = blocks_travel(b, from, i->device, b->walk[request].tokens) +
                                     blocks_wait(b, i, block_of(b, i)->rank)};
}

static int64_t send_kv(const struct blocks_state *b, uint32_t request, uint32_t inst)
{
    uint32_t owner = b->walk[request].plan[b->walk[request].pos];
    uint64_t tokens = kept(b, request);

    return tokens == 0 ? 0
                       : send(b, b->inst[owner].device, b->inst[inst].device,
                              (double)tokens * (double)block_at(b, request)->kv_bytes);
}

/* What the KV costs on top: the cheaper of two. */
static void add_kv(const struct blocks_state *b, uint32_t request, struct offer *x)
{
    int64_t move = send_kv(b, request, x->inst), again = move > 0 ? compute_again(b, request) : 0;

    if (again < move)
        x->again_ns = again;
    else
        x->move_ns = move;
    x->wait_ns += x->move_ns + x->again_ns;
}

/* Is the wait for the planned one, were all of its device's work before it, not worth a look at
 * others? Mostly so. */
static bool is_near(const struct blocks_state *b, uint32_t request, uint32_t from)
{
    const struct walk *w = &b->walk[request];
    const struct instance *i = &b->inst[w->plan[w->pos]];
    const struct device *d = &b->device[i->device];
    int64_t busy = d->busy ? d->end_ns - b->now : 0;

    return i->ready && blocks_travel(b, from, i->device, w->tokens) + busy + d->queued_ns <=
                           ns_of(b->o->stay_us);
}

static struct offer least(const struct blocks_state *b, uint32_t request, uint32_t from)
{
    const struct block *k = block_at(b, request);
    const struct walk *w = &b->walk[request];
    const struct list *all = &b->alike[k->alike];
    struct offer planned = offer_of(b, request, w->plan[w->pos], from), best = planned;
    int64_t bound = planned.wait_ns - ns_of(b->o->stay_us);

    for (size_t i = 0; bound > 0 && i < all->n; i++) {
        struct offer x;

        if (all->v[i] == planned.inst || !b->inst[all->v[i]].ready)
            continue;
        x = offer_of(b, request, all->v[i], from);
        if (x.wait_ns >= bound || (k->kv_bytes && !could_own(b, request, x.inst)))
            continue;
        if (k->kv_bytes)
            add_kv(b, request, &x);
        if (x.wait_ns < bound) {
            best = x;
            bound = x.wait_ns;
        }
    }
    return best;
}

/* Any that is ready, with the KV sent after it. */
static struct offer any(const struct blocks_state *b, uint32_t request)
{
    const struct block *k = block_at(b, request);
    const struct walk *w = &b->walk[request];
    const struct list *all = &b->alike[k->alike];
    const uint64_t what[] = {b->o->seed, request, blocks_flight(b, request)->given, w->pos};
    struct offer x = {.inst = w->plan[w->pos]};
    uint32_t inst = all->v[hash64(what, sizeof what) % all->n];

    if (b->inst[inst].ready && (!k->kv_bytes || could_own(b, request, inst)))
        x.inst = inst;
    if (k->kv_bytes)
        x.move_ns = send_kv(b, request, x.inst);
    return x;
}

static struct offer choose(const struct blocks_state *b, uint32_t request, uint32_t from)
{
    const struct walk *w = &b->walk[request];

    if (b->o->choice == CHOOSE_RANDOM)
        return any(b, request);
    if (b->o->choice == CHOOSE_LEAST && !is_near(b, request, from))
        return least(b, request, from);
    return (struct offer){.inst = w->plan[w->pos]};
}

/* What the choice costs, in the totals. */
static void account(struct blocks_state *b, uint32_t request, const struct offer *x, uint32_t from)
{
    const struct instance *to = &b->inst[x->inst];
    const struct walk *w = &b->walk[request];
    struct blocks_totals *sum = &b->out->total;

    sum->hops++;
    sum->alike_hops += to->block != b->s->app[w->app].chain[w->pos];
    if (from != BLOCKS_NONE && from != to->device) {
        sum->remote_hops++;
        sum->activations_moved += (double)w->tokens * b->s->activation_bytes;
    }
    if (x->move_ns > 0) {
        sum->moves++;
        sum->kv_moved += (double)kept(b, request) * (double)block_at(b, request)->kv_bytes;
    }
    sum->recomputes += x->again_ns > 0;
}

int blocks_go(struct blocks_state *b, uint32_t request)
{
    struct walk *w = &b->walk[request];
    uint32_t from = w->inst == BLOCKS_NONE ? BLOCKS_NONE : b->inst[w->inst].device;
    struct offer x = choose(b, request, from);
    int64_t on_way = x.move_ns + blocks_travel(b, from, b->inst[x.inst].device, w->tokens);

    if (on_way >= BLOCKS_NS_MOST)
        return err_set(b->e, ERR_USAGE, "a hop of request %u takes more than an hour", request);
    account(b, request, &x, from);
    w->more_ns = x.again_ns;
    if (block_at(b, request)->kv_bytes && x.inst != w->plan[w->pos])
        blocks_replan(b, request, x.inst);
    w->inst = x.inst;
    b->inst[x.inst].visits++;
    if (on_way > 0) {
        b->inst[x.inst].coming++;
        blocks_mark(b, &b->inst[x.inst]);
        return blocks_at(b, b->now + on_way, EVENT_COME, request);
    }
    blocks_join(b, x.inst, request);
    return 0;
}
