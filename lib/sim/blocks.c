/* blocks.c - the loop over events, and what a batch is. */
#include "sim/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "sim/blocks_int.h"

enum { EVENTS_A_REPORT = 1 << 14 };

/* ---- arrivals, and ends ---- */

/* The next of the trace that waits for nobody, and those that others have set free. */
static int expect(struct blocks_state *b, bool fixed)
{
    const struct trace_set *t = b->t;

    while (fixed && b->next < t->n && ready_waits(&b->ready, b->next))
        b->next++;
    if (fixed && b->next < t->n) {
        if (blocks_at(b, t->t_ns[b->next], EVENT_ARRIVE, b->next) < 0)
            return b->e->code;
        b->next++;
    }
    while (b->ready.free.n > 0) {
        struct event x = events_pop(&b->ready.free);

        if (blocks_at(b, x.t_ns, EVENT_ARRIVE, (uint32_t)x.order) < 0)
            return b->e->code;
    }
    return 0;
}

static int arrive(struct blocks_state *b, uint32_t request)
{
    uint32_t app = b->walk[request].app;
    int64_t *arrival = b->out->times.arrival_ns;

    if (arrival)
        arrival[request] = b->now;
    blocks_flight(b, request)->status = FLIGHT_WAITING;
    line_add(b, &b->waiting[app], request);
    return expect(b, !ready_waits(&b->ready, request));
}

static int end(struct blocks_state *b, uint32_t request)
{
    if (ready_ended(&b->ready, request, b->now, b->e) < 0)
        return b->e->code;
    return expect(b, false);
}

/* ---- along the chain ---- */

/* The chain is done: a token. */
static int token(struct blocks_state *b, uint32_t request)
{
    struct walk *w = &b->walk[request];
    struct flight *f = blocks_flight(b, request);

    if (w->verified_ns > b->now)
        return blocks_at(b, w->verified_ns, EVENT_TOKEN, request);
    if (f->given == 0)
        f->first_ns = b->now;
    else if (gaps_add(&b->out->times.gaps, b->now - f->last_ns, 1, b->e) < 0)
        return b->e->code;
    f->last_ns = b->now;
    b->out->times.total.tokens += w->tokens;
    if (++f->given < b->t->output[request]) {
        w->tokens = 1;
        w->pos = 0;
        return blocks_go(b, request);
    }
    f->status = FLIGHT_ENDED;
    b->out->times.end_ns = b->now;
    blocks_release(b, request);
    return end(b, request);
}

/* A block is done with it. */
static int leave(struct blocks_state *b, uint32_t request)
{
    struct walk *w = &b->walk[request];
    struct instance *i = &b->inst[w->inst];

    i->visits--;
    i->used_ns = b->now;
    return ++w->pos < b->s->app[w->app].n ? blocks_go(b, request) : token(b, request);
}

/* ---- batches ---- */

/* What a batch comes to. */
struct batch_sum {
    uint64_t tokens, context;
    int64_t more_ns;
};

static void take_in(struct blocks_state *b, struct device *d, struct instance *i, bool prompts,
                    struct batch_sum *sum)
{
    uint32_t request = line_take(b, &i->line[prompts]);
    struct walk *w = &b->walk[request];
    struct flight *f = blocks_flight(b, request);

    if (f->start_ns == FLIGHT_NEVER)
        f->start_ns = b->now;
    sum->tokens += pass_tokens(w);
    sum->context += prompts ? 0 : b->t->prompt[request] + f->given;
    sum->more_ns += w->more_ns;
    w->more_ns = 0;
    w->redo = false;
    d->batch[d->n_batch++] = request;
}

/* From the front of both lines, as many as a batch may have. */
static int form(struct blocks_state *b, struct device *d, struct instance *i, struct batch_sum *sum)
{
    const struct block *k = block_of(b, i);
    uint32_t most = k->batch ? k->batch : b->o->most_requests;

    *sum = (struct batch_sum){0};
    d->n_batch = 0;
    if (mem_reserve(&d->batch, &d->batch_cap, (size_t)i->line[0].n + i->line[1].n, sizeof *d->batch,
                    b->e) < 0)
        return b->e->code;
    for (int prompts = 0; prompts < 2; prompts++)
        while (i->line[prompts].n > 0 && d->n_batch < most &&
               (d->n_batch == 0 ||
                sum->tokens + pass_tokens(&b->walk[i->line[prompts].first]) <= b->o->most_tokens))
            take_in(b, d, i, prompts, sum);
    i->tokens -= sum->tokens;
    i->context -= sum->context;
    blocks_recount(b, i);
    return 0;
}

static bool guessed_right(const struct blocks_state *b, uint32_t request, double accept)
{
    const uint64_t what[] = {~b->o->seed, request, blocks_flight(b, request)->given,
                             b->walk[request].pos};

    return (double)(hash64(what, sizeof what) >> 11) * 0x1p-53 < accept;
}

/* The surrogate says what it thinks: those whom it is right about go on with that; the others stay
 * to the end, and the next block has done their work in vain. */
static int guess(struct blocks_state *b, struct device *d, const struct block *k, int64_t early_ns,
                 int64_t end_ns)
{
    size_t stay = 0;

    b->out->total.guesses += d->n_batch;
    for (size_t i = 0; i < d->n_batch; i++) {
        uint32_t request = d->batch[i];
        struct walk *w = &b->walk[request];

        if (!guessed_right(b, request, k->accept)) {
            w->redo = true;
            d->batch[stay++] = request;
            continue;
        }
        b->out->total.right++;
        w->verified_ns = end_ns;
        if (blocks_at(b, early_ns, EVENT_LEAVE, request) < 0)
            return b->e->code;
    }
    d->n_batch = stay;
    return 0;
}

static void count_batch(struct blocks_state *b, const struct block *k, size_t requests,
                        uint64_t tokens, int64_t ns)
{
    struct blocks_totals *sum = &b->out->total;

    for (uint32_t i = 0; i < k->parts; i++)
        sum->work_ns += 1e3 * k->part[i].token_us * (double)tokens;
    sum->batches++;
    sum->batched += requests;
    sum->busy_ns += (double)ns;
    b->out->times.total.steps++;
    b->out->times.total.busy_us += 1e-3 * (double)ns;
}

static int begin_batch(struct blocks_state *b, uint32_t device, uint32_t inst)
{
    struct device *d = &b->device[device];
    const struct block *k = block_of(b, &b->inst[inst]);
    struct batch_sum sum;
    int64_t ns, early = 0;
    size_t n;

    if (form(b, d, &b->inst[inst], &sum) < 0)
        return b->e->code;
    n = d->n_batch;
    ns = block_ns(k, sum.tokens, sum.context) + sum.more_ns;
    if (ns >= BLOCKS_NS_MOST)
        return err_set(b->e, ERR_USAGE, "a batch of %zu requests takes more than an hour", n);
    if (k->accept > 0 && block_guess_ns(k, sum.tokens) < ns)
        early = block_guess_ns(k, sum.tokens);
    ns += early;
    d->busy = true;
    d->running = inst;
    d->end_ns = b->now + ns;
    count_batch(b, k, n, sum.tokens, ns);
    if (gaps_add(&b->out->times.step_times, ns, 1, b->e) < 0 ||
        (early > 0 && guess(b, d, k, b->now + early, d->end_ns) < 0))
        return b->e->code;
    return blocks_at(b, d->end_ns, EVENT_BATCH, device);
}

/* Since when somebody waits for it. */
static int64_t waits_since(const struct blocks_state *b, const struct instance *i)
{
    int64_t since = INT64_MAX;

    for (int k = 0; k < 2; k++)
        if (i->line[k].n > 0 && b->walk[i->line[k].first].joined_ns < since)
            since = b->walk[i->line[k].first].joined_ns;
    return since;
}

/* A batch of the instance that is first in the device's order; of first blocks, that which somebody
 * has waited for longest. Nothing, for the time of a hop, while others are on their way that would
 * be served before or with them. */
static int begin(struct blocks_state *b, uint32_t device)
{
    const struct device *d = &b->device[device];
    uint32_t best = BLOCKS_NONE, coming = 0;

    for (size_t i = blocks_marked(d, 0); i < d->inst.n; i = blocks_marked(d, i + 1)) {
        const struct instance *x = &b->inst[d->inst.v[i]];

        coming += x->coming;
        if (!x->ready || x->line[0].n + x->line[1].n == 0)
            continue;
        if (best == BLOCKS_NONE || waits_since(b, x) < waits_since(b, &b->inst[best]))
            best = d->inst.v[i];
        if (block_of(b, x)->rank < BLOCK_RANK_LAST)
            break;
    }
    if (coming > 0 && (double)(b->now - d->end_ns) < 1e3 * b->o->hop_us)
        return 0;
    return best == BLOCKS_NONE ? 0 : begin_batch(b, device, best);
}

static int end_batch(struct blocks_state *b, uint32_t device)
{
    struct device *d = &b->device[device];

    d->busy = false;
    for (size_t i = 0; i < d->n_batch; i++)
        if (leave(b, d->batch[i]) < 0)
            return b->e->code;
    return 0;
}

/* ---- the loop ---- */

static int happen(struct blocks_state *b, struct event x)
{
    uint32_t of = (uint32_t)x.order;

    switch ((enum blocks_event)x.what) {
    case EVENT_ARRIVE:
        return arrive(b, of);
    case EVENT_BATCH:
        return end_batch(b, of);
    case EVENT_LOADED:
        b->inst[of].ready = true;
        return 0;
    case EVENT_COME:
        b->inst[b->walk[of].inst].coming--;
        blocks_join(b, b->walk[of].inst, of);
        return 0;
    case EVENT_LEAVE:
        return leave(b, of);
    default:
        return token(b, of);
    }
}

static const char *device_wrong(const struct blocks_state *b, const struct device *d)
{
    uint64_t parameters = 0;
    int64_t queued = 0;

    for (size_t i = 0; i < d->inst.n; i++) {
        const struct instance *x = &b->inst[d->inst.v[i]];

        parameters += block_of(b, x)->bytes;
        queued += x->work_ns;
        if (!x->live || x->visits < x->line[0].n + x->line[1].n)
            return "requests wait for a block that is not there";
    }
    if (parameters != d->parameters || queued != d->queued_ns)
        return "a device's sums are not its instances'";
    if (d->parameters > b->limit || d->kv > b->o->memory - d->parameters)
        return "a device holds more than there is room for";
    return NULL;
}

static int check(const struct blocks_state *b)
{
    uint64_t kv = 0;

    for (uint32_t i = 0; i < b->devices; i++) {
        const char *wrong = device_wrong(b, &b->device[i]);

        if (wrong)
            return err_set(b->e, ERR_CORRUPT, "device %u at %lld ns: %s", i, (long long)b->now,
                           wrong);
        kv += b->device[i].kv;
    }
    return kv == b->kv && (b->active > 0 || kv == 0)
               ? 0
               : err_set(b->e, ERR_CORRUPT, "KV is kept that nobody has");
}

/* Nothing happens any more, and requests wait: the first of them can never run. */
static int reject_first(struct blocks_state *b)
{
    uint32_t app = blocks_first_app(b, false), request;

    if (app == BLOCKS_NONE)
        return 0;
    if (b->active > 0)
        return err_set(b->e, ERR_CORRUPT, "%u requests were forgotten", b->active);
    request = line_take(b, &b->waiting[app]);
    blocks_flight(b, request)->status = FLIGHT_REJECTED;
    b->out->times.rejected++;
    b->tried[app] = false;
    if (end(b, request) < 0 || blocks_admit(b) < 0)
        return b->e->code;
    return 1;
}

/* One moment: 1, or 0 when all is over. */
static int moment(struct blocks_state *b)
{
    int64_t at = events_next(&b->events);
    int rc = 0;

    if (at == INT64_MAX && (rc = reject_first(b)) <= 0)
        return rc;
    if (at != INT64_MAX)
        b->now = at;
    while (rc >= 0 && events_next(&b->events) == b->now)
        rc = happen(b, events_pop(&b->events));
    if (rc < 0 || blocks_admit(b) < 0)
        return b->e->code;
    for (uint32_t d = 0; d < b->devices; d++)
        if (!b->device[d].busy && b->device[d].queued_ns > 0 && begin(b, d) < 0)
            return b->e->code;
    return b->o->check && check(b) < 0 ? b->e->code : 1;
}

/* ---- before and after ---- */

/* An application's blocks, each once. */
static int distinct(struct blocks_state *b, uint32_t app)
{
    const struct block_app *a = &b->s->app[app];
    struct block_app *to = &b->distinct[app];

    if (!(to->chain = mem_array(a->n, sizeof *to->chain, b->e)))
        return b->e->code;
    for (uint32_t i = 0; i < a->n; i++) {
        if (!b->wanted[a->chain[i]])
            to->chain[to->n++] = a->chain[i];
        b->wanted[a->chain[i]] = true;
    }
    for (uint32_t i = 0; i < a->n; i++)
        b->wanted[a->chain[i]] = false;
    return 0;
}

static int find_apps(struct blocks_state *b)
{
    for (uint32_t i = 0; i < b->t->n; i++) {
        uint32_t model = b->t->model ? b->t->model[i] : UINT32_MAX;
        size_t len = 0;
        const char *name = model == UINT32_MAX ? NULL : names_of(b->t->model_names, model, &len);
        uint64_t app = name ? names_find(b->s->app_id, name, len) : NAMES_NONE;

        if (app == NAMES_NONE) {
            const char *id = trace_set_id(b->t, i, &len);

            return err_set(b->e, ERR_INPUT, "request '%.*s': its model is %s%.80s",
                           (int)(len < 80 ? len : 80), id, name ? "no application: " : "not given",
                           name ? name : "");
        }
        b->walk[i].app = (uint32_t)app;
    }
    return 0;
}

static int get_tables(struct blocks_state *b)
{
    uint32_t longest = 0, apps = b->s->apps, blocks = b->s->blocks;

    for (uint32_t a = 0; a < apps; a++)
        longest = b->s->app[a].n > longest ? b->s->app[a].n : longest;
    if (!(b->alike = mem_zero(blocks, sizeof *b->alike, b->e)) ||
        !(b->on_device = mem_array((size_t)b->devices * blocks, sizeof *b->on_device, b->e)) ||
        !(b->device = mem_zero(b->devices, sizeof *b->device, b->e)) ||
        !(b->walk = mem_zero(b->t->n, sizeof *b->walk, b->e)) ||
        !(b->waiting = mem_zero(apps, sizeof *b->waiting, b->e)) ||
        !(b->tried = mem_zero(apps, sizeof *b->tried, b->e)) ||
        !(b->distinct = mem_zero(apps, sizeof *b->distinct, b->e)) ||
        !(b->wanted = mem_zero(blocks, sizeof *b->wanted, b->e)) ||
        !(b->need = mem_zero(b->devices, sizeof *b->need, b->e)) ||
        !(b->plan[0] = mem_array(longest, sizeof *b->plan[0], b->e)) ||
        !(b->plan[1] = mem_array(longest, sizeof *b->plan[1], b->e)))
        return b->e->code;
    memset(b->on_device, 0xff, (size_t)b->devices * blocks * sizeof *b->on_device);
    for (uint32_t d = 0; d < b->devices; d++)
        b->device[d].server = d / b->o->devices;
    for (uint32_t a = 0; a < apps; a++)
        if (distinct(b, a) < 0)
            return b->e->code;
    return 0;
}

static int get_times(struct replay *p, const struct blocks_state *b)
{
    const struct trace_set *t = b->t;

    p->trace = t;
    p->fleet.n = b->devices;
    if (!(p->flight = mem_zero(t->n, sizeof *p->flight, b->e)) ||
        (t->after_end && !(p->arrival_ns = mem_zero(t->n, sizeof *p->arrival_ns, b->e))))
        return b->e->code;
    for (uint32_t i = 0; i < t->n; i++)
        p->flight[i].start_ns = p->flight[i].first_ns = p->flight[i].last_ns = FLIGHT_NEVER;
    return 0;
}

static int open(struct blocks_state *b)
{
    b->devices = b->o->servers * b->o->devices;
    b->limit = (uint64_t)((double)b->o->memory * (1 - b->o->kv_share));
    b->now = b->t->n > 0 ? b->t->t_ns[0] : 0;
    for (uint32_t i = 0; i < b->s->blocks; i++)
        b->out->total.parameters_once += (double)b->s->block[i].bytes;
    if (get_times(&b->out->times, b) < 0 || get_tables(b) < 0 || find_apps(b) < 0 ||
        ready_init(&b->ready, b->t, b->e) < 0 || blocks_place(b) < 0)
        return b->e->code;
    return expect(b, true);
}

static void close(struct blocks_state *b)
{
    for (uint32_t i = 0; b->alike && i < b->s->blocks; i++)
        free(b->alike[i].v);
    for (uint32_t d = 0; b->device && d < b->devices; d++) {
        free(b->device[d].inst.v);
        free(b->device[d].batch);
        free(b->device[d].marked);
    }
    for (uint32_t i = 0; b->walk && i < b->t->n; i++)
        free(b->walk[i].plan);
    for (uint32_t a = 0; b->distinct && a < b->s->apps; a++)
        free(b->distinct[a].chain);
    ready_free(&b->ready);
    events_free(&b->events);
    free(b->inst);
    free(b->alike);
    free(b->on_device);
    free(b->device);
    free(b->walk);
    free(b->waiting);
    free(b->tried);
    free(b->distinct);
    free(b->wanted);
    free(b->need);
    free(b->plan[0]);
    free(b->plan[1]);
}

int blocks_run(struct blocks_run *out, const struct trace_set *t, const struct block_set *s,
               const struct blocks_opts *o, struct err *e)
{
    struct blocks_state b = {.s = s, .o = o, .t = t, .out = out, .e = e};
    uint64_t moments = 0;
    int rc;

    *out = (struct blocks_run){.total = {0}};
    rc = open(&b);
    rc = rc < 0 ? rc : 1;
    while (rc > 0) {
        rc = moment(&b);
        if (o->progress && ++moments % EVENTS_A_REPORT == 0)
            o->progress(o->progress_ctx, "replaying", b.next, t->n);
    }
    if (rc == 0 && (gaps_sort(&out->times.gaps, e) < 0 || gaps_sort(&out->times.step_times, e) < 0))
        rc = e->code;
    close(&b);
    return rc;
}

void blocks_run_free(struct blocks_run *r)
{
    free(r->times.flight);
    free(r->times.arrival_ns);
    gaps_free(&r->times.gaps);
    gaps_free(&r->times.step_times);
    *r = (struct blocks_run){.total = {0}};
}
