/* programs.c - see programs.h. */
#include "sim/programs.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/kin.h"

static const uint32_t *joined(const struct trace_set *t, uint32_t request, uint32_t *n)
{
    const uint32_t *after = trace_set_after(t, request, n);

    *n = t->program[request].joins;
    return after;
}

static bool is_over(const struct flight *f)
{
    return f->status == FLIGHT_ENDED || f->status == FLIGHT_STOPPED ||
           f->status == FLIGHT_REJECTED || f->status == FLIGHT_REFUSED;
}

/* ---- beginning and end ---- */

static int copy_lengths(struct programs *g, struct err *e)
{
    const struct trace_set *t = g->given;

    g->now = *t;
    g->now.priority = NULL;
    g->now.prompt = mem_array(t->n, sizeof *t->prompt, e);
    g->now.output = mem_array(t->n, sizeof *t->output, e);
    if (!g->now.prompt || !g->now.output)
        return e->code;
    memcpy(g->now.prompt, t->prompt, t->n * sizeof *t->prompt);
    memcpy(g->now.output, t->output, t->n * sizeof *t->output);
    return 0;
}

/* Whatever their priority, others go before those in the background. */
static int copy_priorities(struct programs *g, struct err *e)
{
    const struct trace_set *t = g->given;

    if (!t->priority)
        return 0;
    if (!(g->now.priority = mem_array(t->n, sizeof *t->priority, e)))
        return e->code;
    for (uint32_t i = 0; i < t->n; i++)
        g->now.priority[i] = t->program[i].background ? INT32_MAX : t->priority[i];
    return 0;
}

static int count_heirs(struct programs *g, struct err *e)
{
    const struct trace_set *t = g->given;
    bool any = false;

    for (uint32_t i = 0; i < t->n; i++)
        any = any || t->program[i].joins > 0;
    if (!any)
        return 0;
    if (!(g->kin = mem_zero(t->n, sizeof *g->kin, e)))
        return e->code;
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t n;
        const uint32_t *from = joined(t, i, &n);

        for (uint32_t k = 0; k < n; k++)
            g->kin[from[k]].heirs++;
    }
    return 0;
}

static int list_races(struct programs *g, struct err *e)
{
    const struct trace_set *t = g->given;

    if (!(g->racer_end = mem_zero((size_t)t->races + 2, sizeof *g->racer_end, e)) ||
        !(g->winners = mem_zero((size_t)t->races + 1, sizeof *g->winners, e)) ||
        !(g->racer = mem_array(t->n, sizeof *g->racer, e)))
        return e->code;
    /* Race k is listed as k + 1; none is 0. */
    for (uint32_t i = 0; i < t->n; i++) {
        g->racer_end[t->program[i].race + 1]++;
        g->winners[t->program[i].race] = t->program[i].winners;
    }
    for (uint32_t k = 0; k <= t->races; k++)
        g->racer_end[k + 1] += g->racer_end[k];
    /* Filling moves each beginning to its end. */
    for (uint32_t i = 0; i < t->n; i++)
        g->racer[g->racer_end[t->program[i].race]++] = i;
    return 0;
}

int programs_begin(struct programs *g, const struct trace_set *t, struct err *e)
{
    *g = (struct programs){.given = t};
    if (!t->program)
        return 0;
    return copy_lengths(g, e) < 0 || copy_priorities(g, e) < 0 || count_heirs(g, e) < 0 ||
                   list_races(g, e) < 0
               ? e->code
               : 0;
}

void programs_free(struct programs *g)
{
    free(g->now.prompt);
    free(g->now.output);
    free(g->now.priority);
    free(g->kin);
    free(g->racer_end);
    free(g->racer);
    free(g->winners);
    free(g->loser);
    *g = (struct programs){0};
}

const struct trace_set *programs_trace(const struct programs *g)
{
    return g->given->program ? &g->now : g->given;
}

/* ---- lengths ---- */

/* By how much a text is longer than the trace has it, all that was given counted. */
static int64_t longer(const struct programs *g, const struct flight *flight, uint32_t request)
{
    return (int64_t)g->now.prompt[request] + flight[request].given - g->given->prompt[request] -
           g->given->output[request];
}

static uint32_t clamp(int64_t v, int64_t least, int64_t most)
{
    return (uint32_t)(v < least ? least : v > most ? most : v);
}

/* What all of those joined begin with is as much longer as the first one's prompt. */
static void set_joined(struct programs *g, const struct flight *flight, uint32_t request)
{
    const struct trace_program *p = &g->given->program[request];
    struct kin *k = &g->kin[request];
    uint32_t n;
    const uint32_t *from = joined(g->given, request, &n);
    int64_t more = 0, prompt, common;

    common = p->common ? p->common + (int64_t)g->now.prompt[from[0]] - g->given->prompt[from[0]]
                       : 0;
    k->common = clamp(common, 0, TRACE_TOKENS_MOST);
    for (uint32_t i = 0; i < n; i++)
        more += longer(g, flight, from[i]);
    more -= (int64_t)(n - 1) * ((int64_t)k->common - p->common);
    prompt = clamp(g->given->prompt[request] + more, 1, TRACE_TOKENS_MOST);
    g->now.prompt[request] = (uint32_t)prompt;
    /* What was not written is taken for part of what would have been taken over. */
    k->reuse = p->reuse ? clamp((int64_t)p->reuse - 1 + (more < 0 ? more : 0), 0, prompt - 1)
                        : (uint32_t)prompt - 1;
}

void programs_lengths(struct programs *g, const struct flight *flight, uint32_t request)
{
    const struct trace_program *p = g->given->program ? &g->given->program[request] : NULL;

    if (p && p->if_ended && flight[p->if_ended - 1].status == FLIGHT_ENDED)
        g->now.output[request] = p->then_output;
    if (p && p->joins)
        set_joined(g, flight, request);
}

void programs_came(struct programs *g, struct fleet *c, uint32_t request)
{
    uint32_t n = 0;
    const uint32_t *from = g->kin ? joined(g->given, request, &n) : NULL;

    for (uint32_t k = 0; k < n; k++) {
        const struct flight *f = &c->flight[from[k]];
        struct replica *r = &c->replica[f->replica];

        if (--g->kin[from[k]].heirs > 0 || !is_over(f) || f->kv.n == 0)
            continue;
        kin_release(r, from[k]);
        fleet_touch(c, r);
    }
}

/* ---- races ---- */

int programs_ended(struct programs *g, const struct flight *flight, uint32_t request, struct err *e)
{
    uint32_t race = g->given->program ? g->given->program[request].race : 0, from, to;

    if (race == 0 || g->winners[race] == 0 || --g->winners[race] > 0)
        return 0;
    from = g->racer_end[race - 1];
    to = g->racer_end[race];
    if (mem_reserve(&g->loser, &g->losers_cap, g->n_losers + to - from, sizeof *g->loser, e) < 0)
        return e->code;
    for (uint32_t i = from; i < to; i++)
        if (g->racer[i] != request && !is_over(&flight[g->racer[i]]))
            g->loser[g->n_losers++] = g->racer[i];
    return 0;
}

int programs_stop(struct programs *g, struct fleet *c, uint32_t *request)
{
    for (size_t i = 0; i < g->n_losers; i++) {
        struct flight *f = &c->flight[g->loser[i]];
        struct replica *r = &c->replica[f->replica];
        bool came = f->status != FLIGHT_AHEAD;

        if (f->status == FLIGHT_RUNNING && r->busy) {
            r->steady.left = 0;
            continue;
        }
        *request = g->loser[i];
        g->n_losers--;
        memmove(&g->loser[i], &g->loser[i + 1], (g->n_losers - i) * sizeof *g->loser);
        /* It may have ended in the step in which the race was decided. */
        if (is_over(f)) {
            i--;
            continue;
        }
        if (came) {
            replica_stop(r, *request);
            fleet_touch(c, r);
        } else {
            f->status = FLIGHT_STOPPED;
            programs_came(g, c, *request);
        }
        g->now.output[*request] = f->given;
        return 1;
    }
    return 0;
}
