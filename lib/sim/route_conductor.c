/* route_conductor.c - Mooncake's conductor. Of the replicas that compute prompts that with the
 * least time to the first token:
 *
 *   the prompts that wait there + the prompt without the prefix that is found
 *
 * where the prefix is the replica's own; or, if another's is more than `fetch_ratio` times as long,
 * that one, for the time that the difference takes over the link: it is fetched then, and stays
 * (fetch.h).
 *
 * With objectives it refuses requests early: those whose first token would be late, or after which
 * tokens would be, where they decode.
 *
 * Times of prompts are the cost model's, each alone, a budget at a time.
 *
 * Source   Mooncake (FAST'25), Algorithm 1.
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/fetch.h"
#include "sim/handoff.h"
#include "sim/link.h"
#include "sim/prefix.h"
#include "sim/route.h"
#include "sim/sched.h"

/* The prompts of a replica that it was sent, in that order, but for those at the front that are
 * done. */
struct line {
    struct deque sent;
    double us;
};

/* A prompt that was reckoned: replicas alike have the same. */
struct reckoned {
    const struct engine_opts *o; /* NULL: none was */
    const struct cost *cost;
    uint32_t from, to;
    double us;
};

struct conductor {
    struct reckoned last;
    struct line *line; /* [replicas] */
    float *prompt_us;  /* [trace->n]: what was counted */
    double block_us;   /* of the link */
};

/* What a replica would be. */
struct place {
    uint32_t own; /* blocks of the prefix that it has */
    uint32_t fetched;
    double prompt_us, fetch_us, ttft_us;
};

/* Is there anything to fetch? */
static bool shares(const struct fleet *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->replica[i].kv.sharing && c->replica[i].role != ROLE_DECODE)
            return true;
    return false;
}

static int begin(struct fleet *c, struct err *e)
{
    struct conductor *s = c->route_state = mem_zero(1, sizeof *s, e);

    if (!s || !(s->line = mem_zero(c->n, sizeof *s->line, e)) ||
        !(s->prompt_us = mem_zero(c->trace->n, sizeof *s->prompt_us, e)))
        return e->code;
    if (shares(c) && link_block_us(c, c->o->route_opts.fetch_gbs, &s->block_us, e) < 0)
        return err_prefix(e, "conductor");
    return 0;
}

static void end(struct fleet *c)
{
    struct conductor *s = c->route_state;

    for (uint32_t i = 0; s && s->line && i < c->n; i++)
        free(s->line[i].sent.v);
    if (s) {
        free(s->line);
        free(s->prompt_us);
    }
    free(s);
}

/* Has it given a token since it was sent there, or gone? */
static bool is_done(const struct fleet *c, uint32_t replica, uint32_t request)
{
    const struct flight *f = &c->flight[request];

    return f->first_ns != FLIGHT_NEVER || f->replica != replica || f->status == FLIGHT_REJECTED;
}

static double line_us(struct fleet *c, uint32_t i)
{
    struct conductor *s = c->route_state;
    struct line *l = &s->line[i];

    while (l->sent.n > 0 && is_done(c, i, deque_front(&l->sent)))
        l->us -= (double)s->prompt_us[deque_pop_front(&l->sent)];
    if (l->sent.n == 0)
        l->us = 0;
    return l->us;
}

/* How long tokens [from, to) of a prompt take there. */
static int reckon(struct conductor *s, const struct replica *r, uint32_t from, uint32_t to,
                  double *us, struct err *e)
{
    struct reckoned *x = &s->last;

    if (x->o != r->o || x->cost != r->cost || x->from != from || x->to != to) {
        *x = (struct reckoned){.cost = r->cost, .from = from, .to = to};
        if (sched_prefill_us(r, from, to, &x->us, e) < 0)
            return e->code;
        x->o = r->o;
    }
    *us = x->us;
    return 0;
}

static int look(struct fleet *c, uint32_t i, uint32_t request, uint32_t best, struct place *p,
                struct err *e)
{
    struct conductor *s = c->route_state;
    const struct replica *r = &c->replica[i];
    uint32_t need = flight_of(r, request)->need, prefix = p->own;

    p->fetched = 0;
    if (r->kv.sharing && best > p->own && best > c->o->route_opts.fetch_ratio * p->own)
        p->fetched = prefix = best;
    p->fetch_us = p->fetched ? s->block_us * (best - p->own) : 0;
    if (reckon(s, r, prefix * r->kv.tokens, need, &p->prompt_us, e) < 0)
        return e->code;
    p->ttft_us = line_us(c, i) + p->fetch_us + p->prompt_us;
    return 0;
}

/* The longest prefix that any has. */
static int longest(struct fleet *c, uint32_t request, uint32_t *best, struct err *e)
{
    *best = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        struct prefix p;

        if (c->replica[i].closed || c->replica[i].role == ROLE_DECODE)
            continue;
        if (prefix_find(&c->replica[i], request, &p, e) < 0)
            return e->code;
        *best = p.shared > *best ? p.shared : *best;
    }
    return 0;
}

/* Would it miss an objective? */
static int too_late(struct fleet *c, uint32_t request, uint32_t replica, const struct place *p,
                    bool *late, struct err *e)
{
    const struct route_opts *o = &c->o->route_opts;
    uint32_t context = c->flight[request].need + 1;
    double us = 0;

    *late = o->refuse_ttft_ns > 0 && 1e3 * p->ttft_us > o->refuse_ttft_ns;
    if (*late || !(o->refuse_tbt_ns > 0))
        return 0;
    if ((c->handoff ? handoff_step_us(c, context, &us, e)
                    : link_step_us(&c->replica[replica], 0, context, &us, e)) < 0)
        return e->code;
    *late = 1e3 * us > o->refuse_tbt_ns;
    return 0;
}

static int send(struct fleet *c, uint32_t request, uint32_t replica, const struct place *p,
                struct err *e)
{
    struct conductor *s = c->route_state;

    s->prompt_us[request] = (float)p->prompt_us;
    s->line[replica].us += (double)s->prompt_us[request];
    c->flight[request].replica = replica;
    c->fetch_blocks = p->fetched;
    c->fetch_us = p->fetch_us;
    return deque_push_back(&s->line[replica].sent, request, e);
}

static int choose(struct fleet *c, uint32_t request, uint32_t *replica, struct err *e)
{
    struct place best = {.ttft_us = INFINITY};
    uint32_t longest_prefix;
    bool late;

    if (longest(c, request, &longest_prefix, e) < 0)
        return e->code;
    *replica = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        struct place p;
        struct prefix own;

        if (!fleet_may(c, i, request))
            continue;
        if (prefix_find(&c->replica[i], request, &own, e) < 0)
            return e->code;
        p.own = own.shared;
        if (look(c, i, request, longest_prefix, &p, e) < 0)
            return e->code;
        if (p.ttft_us < best.ttft_us) {
            best = p;
            *replica = i;
        }
    }
    if (!isfinite(best.ttft_us))
        return 0;
    if (too_late(c, request, *replica, &best, &late, e) < 0)
        return e->code;
    if (late) {
        *replica = ROUTE_REFUSED;
        return 0;
    }
    return send(c, request, *replica, &best, e);
}

const struct route route_conductor = {
    .name = "conductor", .fetches = true, .choose = choose, .begin = begin, .end = end};
