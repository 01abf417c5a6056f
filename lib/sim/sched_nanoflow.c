/* sched_nanoflow.c - NanoFlow: every step has the same number of tokens, decodes first, then pieces
 * of prompts that fill it exactly; a prompt is admitted if the memory that all requests will need
 * at their peak is there, each taken to give as many tokens as requests did so far on average. The
 * end of a request is known a step late: it computes one token in vain. Within a step, operators
 * bound by different resources overlap, in nano-batches.
 *
 * Overlap  A share R of the device gives an operator bound by memory or network the speed P(R),
 * while products have 1 - R. P is linear between the published points (0, 0), (.2, .3), (.4, .8)
 *          and (1, 1); points between are our own. The R of a grid of tenths is taken that makes
 * the step shortest; splitting into nano-batches costs products a share of their own. Source   Zhu
 * et al., OSDI'25 (arXiv 2408.12757).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/sched.h"

/* What splitting costs without overlap is published: 13.2 % of throughput. */
#define SPLIT_COST 1.132

struct nanoflow {
    uint64_t ended, given;  /* requests that have ended, and their outputs */
    struct kv_list *late;   /* blocks of those whose end is known only after the next step */
    uint32_t *late_context; /* and their contexts */
    size_t n_late, late_cap, context_cap;
};

static struct nanoflow *state_of(const struct replica *r)
{
    return r->state;
}

static int begin(struct replica *r, struct err *e)
{
    r->state = mem_zero(1, sizeof(struct nanoflow), e);
    return r->state ? 0 : e->code;
}

static void end(struct replica *r)
{
    struct nanoflow *s = state_of(r);

    for (size_t i = 0; s && i < s->n_late; i++)
        free(s->late[i].id);
    if (s) {
        free(s->late);
        free(s->late_context);
    }
    free(s);
}

/* ---- ends that are known late ---- */

static int keep(struct replica *r, uint32_t request, struct err *e)
{
    struct nanoflow *s = state_of(r);
    struct flight *f = flight_of(r, request);

    s->ended++;
    s->given += f->given;
    if (mem_reserve(&s->late, &s->late_cap, s->n_late + 1, sizeof *s->late, e) < 0 ||
        mem_reserve(&s->late_context, &s->context_cap, s->n_late + 1, sizeof *s->late_context, e) <
            0)
        return e->code;
    s->late_context[s->n_late] = f->computed + 1;
    s->late[s->n_late++] = f->kv;
    f->kv = (struct kv_list){0};
    return 1;
}

/* They are in this step, and out of the next. */
static void add_late(struct replica *r)
{
    struct nanoflow *s = state_of(r);
    struct cost_shape *b = &r->shape;

    for (size_t i = 0; i < s->n_late; i++) {
        uint32_t kv = s->late_context[i];

        b->kv_min = b->decodes == 0 || kv < b->kv_min ? kv : b->kv_min;
        b->kv_max = kv > b->kv_max ? kv : b->kv_max;
        b->kv_sum += kv;
        b->decodes++;
        b->tokens++;
    }
}

static void free_late(struct replica *r)
{
    struct nanoflow *s = state_of(r);

    for (size_t i = 0; i < s->n_late; i++)
        kv_give_back(&r->kv, &s->late[i]);
    s->n_late = 0;
}

/* ---- the peak ---- */

/* Tokens that a request is taken to hold when it ends. */
static double at_its_end(const struct replica *r, uint32_t request)
{
    const struct nanoflow *s = state_of(r);
    const struct flight *f = flight_of(r, request);
    double mean = s->ended ? (double)s->given / (double)s->ended : 0;

    return (double)r->trace->prompt[request] + fmax(mean, f->given + 1);
}

static bool has_room(const struct replica *r, uint32_t request)
{
    double tokens = at_its_end(r, request);

    for (size_t i = 0; i < r->n_running; i++)
        tokens += at_its_end(r, r->running[i]);
    return tokens + (double)r->n_running * r->kv.tokens <= (double)r->kv.total * r->kv.tokens;
}

/* ---- a step ---- */

static uint32_t left(const struct replica *r)
{
    return r->shape.tokens < r->o->most_tokens ? r->o->most_tokens - r->shape.tokens : 0;
}

static int prompts(struct replica *r, size_t running, struct err *e)
{
    for (size_t i = 0; i < running && left(r) > 0; i++) {
        const struct flight *f = flight_of(r, r->running[i]);
        uint32_t due = tokens_due(f);

        if (is_prompt(f) && batch_add(r, r->running[i], due < left(r) ? due : left(r), e) < 0)
            return e->code;
    }
    while (r->waiting.n > 0 && r->n_running < r->o->most_requests && left(r) > 0) {
        uint32_t request = deque_front(&r->waiting), due = tokens_due(flight_of(r, request));

        if (!sched_fits(r, request) || (r->n_running > 0 && !has_room(r, request)))
            return 0;
        if (sched_admit(r, due < left(r) ? due : left(r), e) < 0)
            return e->code;
    }
    return 0;
}

static int form(struct replica *r, struct err *e)
{
    bool late = state_of(r)->n_late > 0;

    add_late(r);
    if (sched_decode(r, e) < 0 || prompts(r, r->n_running, e) < 0)
        return e->code;
    free_late(r);
    if (r->n_batch > 0 || !late)
        return 0;
    /* Only their blocks kept the next from being admitted. */
    r->shape = (struct cost_shape){.pieces = NULL};
    return prompts(r, r->n_running, e);
}

/* ---- time ---- */

/* The speed of an operator that has a share of the device. */
static double speed(double share)
{
    static const double at[] = {0, .2, .4, 1}, v[] = {0, .3, .8, 1};
    int i = 1;

    while (i < 3 && share > at[i])
        i++;
    return v[i - 1] + (v[i] - v[i - 1]) * (share - at[i - 1]) / (at[i] - at[i - 1]);
}

/* Products of `dense` us beside an operator of `other`: whichever ends first leaves the device to
 * the other. */
static double side_by_side(double dense, double other, double share)
{
    double dense_ends = dense / (1 - share), other_ends = other / speed(share);

    if (dense_ends <= other_ends)
        return dense_ends + (other - dense_ends * speed(share));
    return other_ends + (dense - other_ends * (1 - share));
}

static double overlapped(const struct cost_parts *parts, double all)
{
    double other = 0, dense, best = all;

    for (size_t i = 0; i < parts->n; i++)
        if (strcmp(parts->v[i].name, "attn_decode") == 0 ||
            strcmp(parts->v[i].name, "attention") == 0 ||
            strcmp(parts->v[i].name, "all_reduce") == 0)
            other += parts->v[i].us;
    dense = SPLIT_COST * (all - other);
    for (int tenth = 1; tenth <= 9; tenth++)
        best = fmin(best, side_by_side(dense, other, tenth / 10.0));
    return best;
}

const struct sched sched_nanoflow = {.name = "nanoflow",
                                     .most_requests = 1024,
                                     .most_tokens = 2048,
                                     .begin = begin,
                                     .end = end,
                                     .keep = keep,
                                     .overlap = overlapped,
                                     .form = form};
