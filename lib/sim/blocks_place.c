/* blocks_place.c - which blocks are in which device's memory: at first, and later. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/blocks_int.h"

static uint32_t *place_of(const struct blocks_state *b, uint32_t device, uint32_t block)
{
    return &b->on_device[(size_t)device * b->s->blocks + block];
}

/* ---- one instance ---- */

static int list_add(struct list *l, uint32_t x, struct err *e)
{
    if (mem_reserve(&l->v, &l->cap, l->n + 1, sizeof *l->v, e) < 0)
        return e->code;
    l->v[l->n++] = x;
    return 0;
}

static void list_drop(struct list *l, uint32_t x)
{
    size_t i = 0;

    while (l->v[i] != x)
        i++;
    for (l->n--; i < l->n; i++)
        l->v[i] = l->v[i + 1];
}

static bool ranks_before(const struct blocks_state *b, uint32_t x, uint32_t y)
{
    uint32_t m = b->inst[x].block, n = b->inst[y].block;

    return b->s->block[m].rank != b->s->block[n].rank ? b->s->block[m].rank < b->s->block[n].rank
                                                      : m < n;
}

/* Places and marks, after the device's list has changed: its marks have room. */
static void number(struct blocks_state *b, struct device *d)
{
    memset(d->marked, 0, (d->inst.n + 63) / 64 * sizeof *d->marked);
    for (size_t i = 0; i < d->inst.n; i++) {
        b->inst[d->inst.v[i]].place = (uint32_t)i;
        blocks_mark(b, &b->inst[d->inst.v[i]]);
    }
}

/* Into its place among the device's. */
static int device_add(struct blocks_state *b, struct device *d, uint32_t inst)
{
    size_t at;

    if (list_add(&d->inst, inst, b->e) < 0 ||
        mem_reserve(&d->marked, &d->marked_cap, (d->inst.n + 63) / 64, sizeof *d->marked, b->e) < 0)
        return b->e->code;
    for (at = d->inst.n - 1; at > 0 && ranks_before(b, inst, d->inst.v[at - 1]); at--)
        d->inst.v[at] = d->inst.v[at - 1];
    d->inst.v[at] = inst;
    number(b, d);
    return 0;
}

/* A block into a device, which has room for it and has it not. */
static int put(struct blocks_state *b, uint32_t block, uint32_t device)
{
    uint32_t inst = (uint32_t)b->n_inst;
    const struct block *k = &b->s->block[block];

    if (mem_reserve(&b->inst, &b->inst_cap, b->n_inst + 1, sizeof *b->inst, b->e) < 0)
        return b->e->code;
    b->inst[b->n_inst++] = (struct instance){
        .block = block, .device = device, .live = true, .used_ns = b->now};
    *place_of(b, device, block) = inst;
    b->device[device].parameters += k->bytes;
    b->parameters += k->bytes;
    if (b->parameters > b->out->total.parameters_most)
        b->out->total.parameters_most = b->parameters;
    if (device_add(b, &b->device[device], inst) < 0)
        return b->e->code;
    return list_add(&b->alike[k->alike], inst, b->e);
}

static void evict(struct blocks_state *b, uint32_t inst)
{
    struct instance *i = &b->inst[inst];
    const struct block *k = block_of(b, i);

    i->live = false;
    *place_of(b, i->device, i->block) = BLOCKS_NONE;
    b->device[i->device].parameters -= k->bytes;
    b->parameters -= k->bytes;
    list_drop(&b->device[i->device].inst, inst);
    number(b, &b->device[i->device]);
    list_drop(&b->alike[k->alike], inst);
    b->out->total.evictions++;
}

/* ---- chains ---- */

static uint64_t missing(const struct blocks_state *b, uint32_t app, uint32_t device)
{
    const struct block_app *a = &b->distinct[app];
    uint64_t sum = 0;

    for (uint32_t i = 0; i < a->n; i++)
        if (*place_of(b, device, a->chain[i]) == BLOCKS_NONE)
            sum += b->s->block[a->chain[i]].bytes;
    return sum;
}

static bool is_whole(const struct blocks_state *b, uint32_t app, uint32_t device)
{
    const struct block_app *a = &b->distinct[app];
    uint32_t i = 0;

    while (i < a->n && *place_of(b, device, a->chain[i]) != BLOCKS_NONE)
        i++;
    return i == a->n;
}

static bool anywhere(const struct blocks_state *b, uint32_t block)
{
    uint32_t d = 0;

    while (d < b->devices && *place_of(b, d, block) == BLOCKS_NONE)
        d++;
    return d < b->devices;
}

bool blocks_provided(const struct blocks_state *b, uint32_t app)
{
    const struct block_app *a = &b->distinct[app];
    uint32_t i = 0;

    while (i < a->n && b->alike[b->s->block[a->chain[i]].alike].n > 0)
        i++;
    return i == a->n;
}

/* ---- at first ---- */

/* What the applications ask for: tokens of the trace. And on how many devices each is whole. */
struct demand {
    uint64_t *tokens, *copies;
};

static uint64_t load_of(const struct blocks_state *b, const struct demand *w, uint32_t device)
{
    uint64_t sum = 0;

    for (uint32_t a = 0; a < b->s->apps; a++)
        if (w->copies[a] > 0 && is_whole(b, a, device))
            sum += w->tokens[a] / w->copies[a];
    return sum;
}

static void count_copies(const struct blocks_state *b, const struct demand *w)
{
    for (uint32_t a = 0; a < b->s->apps; a++) {
        w->copies[a] = 0;
        for (uint32_t d = 0; d < b->devices; d++)
            w->copies[a] += is_whole(b, a, d);
    }
}

/* Bytes of what is asked for and is nowhere yet, but for one application's. */
static double still_nowhere(struct blocks_state *b, const struct demand *w, uint32_t but)
{
    double sum = 0;

    for (uint32_t a = 0; a < b->s->apps; a++)
        for (uint32_t i = 0; w->tokens[a] > 0 && i < b->distinct[a].n; i++)
            b->wanted[b->distinct[a].chain[i]] = true;
    for (uint32_t i = 0; i < b->distinct[but].n; i++)
        b->wanted[b->distinct[but].chain[i]] = false;
    for (uint32_t i = 0; i < b->s->blocks; i++) {
        sum += b->wanted[i] && !anywhere(b, i) ? (double)b->s->block[i].bytes : 0;
        b->wanted[i] = false;
    }
    return sum;
}

/* How much an application may take so that what is nowhere yet still has room. */
static double allowance(struct blocks_state *b, const struct demand *w, uint32_t app)
{
    double room = -still_nowhere(b, w, app);

    for (uint32_t d = 0; d < b->devices; d++)
        room += (double)(b->limit - b->device[d].parameters);
    return fmax(room, 0);
}

/* Of the devices that lack some of a chain, at most so much, and have room for it, the one with
 * least to do, and of those where least is missing; BLOCKS_NONE if there is none. */
static uint32_t roomiest(const struct blocks_state *b, const struct demand *w, uint32_t app,
                         double most)
{
    uint32_t best = BLOCKS_NONE;
    uint64_t least = 0, least_load = 0;

    for (uint32_t d = 0; d < b->devices; d++) {
        uint64_t more = missing(b, app, d), load;

        if ((double)more > most || is_whole(b, app, d) || b->device[d].parameters + more > b->limit)
            continue;
        load = load_of(b, w, d);
        if (best == BLOCKS_NONE || load < least_load || (load == least_load && more < least)) {
            best = d;
            least = more;
            least_load = load;
        }
    }
    return best;
}

/* The device with room where least is missing. */
static uint32_t nearest(const struct blocks_state *b, uint32_t app)
{
    uint32_t best = BLOCKS_NONE;
    uint64_t least = 0;

    for (uint32_t d = 0; d < b->devices; d++) {
        uint64_t more = missing(b, app, d);

        if (b->device[d].parameters + more > b->limit || (best != BLOCKS_NONE && more >= least))
            continue;
        best = d;
        least = more;
    }
    return best;
}

static int put_chain(struct blocks_state *b, uint32_t app, uint32_t device)
{
    const struct block_app *a = &b->distinct[app];

    for (uint32_t i = 0; i < a->n; i++)
        if (*place_of(b, device, a->chain[i]) == BLOCKS_NONE && put(b, a->chain[i], device) < 0)
            return b->e->code;
    return 0;
}

/* A chain that no device has room for: from the emptiest on, block after block. What does not go
 * anywhere waits for its first request. */
static int spread(struct blocks_state *b, uint32_t app)
{
    const struct block_app *a = &b->distinct[app];
    uint32_t at = 0, tried = 0;

    for (uint32_t d = 1; d < b->devices; d++)
        at = b->device[d].parameters < b->device[at].parameters ? d : at;
    for (uint32_t i = 0; i < a->n && tried < b->devices;) {
        if (anywhere(b, a->chain[i])) {
            i++;
        } else if (b->device[at].parameters + b->s->block[a->chain[i]].bytes <= b->limit) {
            if (put(b, a->chain[i++], at) < 0)
                return b->e->code;
            tried = 0;
        } else {
            at = (at + 1) % b->devices;
            tried++;
        }
    }
    return 0;
}

/* Of those that were not taken the one asked for most. */
static uint32_t busiest(const struct blocks_state *b, const struct demand *w, const bool *taken)
{
    uint32_t best = BLOCKS_NONE;

    for (uint32_t a = 0; a < b->s->apps; a++)
        if (!taken[a] && w->tokens[a] > 0 &&
            (best == BLOCKS_NONE || w->tokens[a] > w->tokens[best]))
            best = a;
    return best;
}

/* Each once, but for what other chains have brought. */
static int place_once(struct blocks_state *b, const struct demand *w)
{
    bool *taken = mem_zero(b->s->apps, sizeof *taken, b->e);
    int rc = taken ? 0 : b->e->code;
    uint32_t a;

    while (rc == 0 && (a = busiest(b, w, taken)) != BLOCKS_NONE) {
        uint32_t d;

        taken[a] = true;
        count_copies(b, w);
        if (w->copies[a] > 0)
            continue;
        d = roomiest(b, w, a, allowance(b, w, a));
        d = d != BLOCKS_NONE ? d : nearest(b, a);
        if (d != BLOCKS_NONE)
            rc = put_chain(b, a, d);
        else if (block_chain_bytes(b->s, a) > b->limit)
            rc = spread(b, a);
    }
    free(taken);
    return rc;
}

/* More of each, while there is room: where a copy has the most to do. */
static int place_copies(struct blocks_state *b, const struct demand *w)
{
    for (;;) {
        uint32_t best = BLOCKS_NONE;

        count_copies(b, w);
        for (uint32_t a = 0; a < b->s->apps; a++)
            if (w->tokens[a] > 0 && w->copies[a] > 0 &&
                (best == BLOCKS_NONE || (double)w->tokens[a] * (double)w->copies[best] >
                                            (double)w->tokens[best] * (double)w->copies[a]) &&
                roomiest(b, w, a, INFINITY) != BLOCKS_NONE)
                best = a;
        if (best == BLOCKS_NONE)
            return 0;
        if (put_chain(b, best, roomiest(b, w, best, INFINITY)) < 0)
            return b->e->code;
    }
}

int blocks_place(struct blocks_state *b)
{
    struct demand w = {mem_zero(b->s->apps, sizeof *w.tokens, b->e),
                       mem_zero(b->s->apps, sizeof *w.copies, b->e)};
    int rc = w.tokens && w.copies ? 0 : b->e->code;

    for (uint32_t i = 0; rc == 0 && i < b->t->n; i++)
        w.tokens[b->walk[i].app] += (uint64_t)b->t->prompt[i] + b->t->output[i];
    if (rc == 0)
        rc = place_once(b, &w);
    if (rc == 0)
        rc = place_copies(b, &w);
    for (size_t i = 0; i < b->n_inst; i++)
        b->inst[i].ready = true;
    free(w.tokens);
    free(w.copies);
    return rc;
}

/* ---- later ---- */

/* May it go? spare: only a copy that nobody has needed for long. */
static bool idle(const struct blocks_state *b, const struct instance *i, bool spare)
{
    if (i->plans + i->visits > 0 || !i->ready || b->wanted[i->block])
        return false;
    return !spare || (b->alike[block_of(b, i)->alike].n > 1 &&
                      (double)(b->now - i->used_ns) >= 1e3 * b->o->idle_us);
}

static bool fits(const struct blocks_state *b, const struct device *d, uint64_t more, uint64_t less)
{
    return d->parameters - less + more <= b->limit &&
           d->parameters - less + more <= b->o->memory - d->kv;
}

static uint64_t idle_bytes(const struct blocks_state *b, const struct device *d, bool spare)
{
    uint64_t sum = 0;

    for (size_t k = 0; k < d->inst.n; k++)
        if (idle(b, &b->inst[d->inst.v[k]], spare))
            sum += block_of(b, &b->inst[d->inst.v[k]])->bytes;
    return sum;
}

/* The idle one that was needed last the longest ago. */
static uint32_t oldest(const struct blocks_state *b, const struct device *d, bool spare)
{
    uint32_t best = BLOCKS_NONE;

    for (size_t k = 0; k < d->inst.n; k++)
        if (idle(b, &b->inst[d->inst.v[k]], spare) &&
            (best == BLOCKS_NONE || b->inst[d->inst.v[k]].used_ns < b->inst[best].used_ns))
            best = d->inst.v[k];
    return best;
}

static int load_block(struct blocks_state *b, uint32_t block, uint32_t device)
{
    struct device *d = &b->device[device];
    uint64_t bytes = b->s->block[block].bytes;
    int64_t from = d->load_ns > b->now ? d->load_ns : b->now;

    if ((double)bytes / b->o->load_gbs > 0x1p50)
        return err_set(b->e, ERR_USAGE, "to load a block takes more than 13 days");
    if (put(b, block, device) < 0)
        return b->e->code;
    d->load_ns = from + (int64_t)((double)bytes / b->o->load_gbs);
    b->inst[b->n_inst - 1].ready_ns = d->load_ns;
    b->out->total.loads++;
    b->out->total.loaded += (double)bytes;
    return blocks_at(b, d->load_ns, EVENT_LOADED, (uint32_t)(b->n_inst - 1));
}

static int load_chain(struct blocks_state *b, uint32_t app, uint32_t device, uint64_t more,
                      bool spare)
{
    const struct block_app *a = &b->distinct[app];

    while (!fits(b, &b->device[device], more, 0)) {
        uint32_t inst = oldest(b, &b->device[device], spare);

        if (inst == BLOCKS_NONE)
            return 0;
        evict(b, inst);
    }
    for (uint32_t i = 0; i < a->n; i++)
        if (*place_of(b, device, a->chain[i]) == BLOCKS_NONE &&
            load_block(b, a->chain[i], device) < 0)
            return b->e->code;
    b->out->total.copies += spare;
    return 1;
}

int blocks_provide(struct blocks_state *b, uint32_t app, bool spare)
{
    const struct block_app *a = &b->distinct[app];
    uint32_t best = BLOCKS_NONE;
    uint64_t least = 0;
    int rc = 0;

    for (uint32_t i = 0; i < a->n; i++)
        b->wanted[a->chain[i]] = true;
    for (uint32_t d = 0; d < b->devices; d++) {
        uint64_t more = missing(b, app, d);

        if (is_whole(b, app, d) || (best != BLOCKS_NONE && more >= least) ||
            !fits(b, &b->device[d], more, idle_bytes(b, &b->device[d], spare)))
            continue;
        best = d;
        least = more;
    }
    if (best != BLOCKS_NONE)
        rc = load_chain(b, app, best, least, spare);
    for (uint32_t i = 0; i < a->n; i++)
        b->wanted[a->chain[i]] = false;
    return rc;
}
