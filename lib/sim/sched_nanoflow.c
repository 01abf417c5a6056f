/* sched_nanoflow.c - NanoFlow: every step has the same number of tokens, decodes first, then pieces
 * of prompts that fill it exactly; a prompt is admitted if there is room for what all requests will
 * hold at their peak, each taken to give as many tokens as the trace's requests do on average,
 * which NanoFlow is told too. The end of a request is known a step late: it computes one token in
 * vain. Within a step, operators bound by different resources overlap (overlap.h).
 *
 * Source   Zhu et al., OSDI'25 (arXiv 2408.12757).
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim/overlap.h"
#include "sim/sched.h"

struct nanoflow {
    uint64_t mean;          /* tokens of an answer, of the whole trace */
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
    struct nanoflow *s = r->state = mem_zero(1, sizeof *s, e);
    uint64_t all = 0;

    if (!s)
        return e->code;
    for (uint32_t i = 0; i < r->trace->n; i++)
        all += r->trace->output[i];
    s->mean = r->trace->n > 0 ? (all + r->trace->n - 1) / r->trace->n : 0;
    return 0;
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

/* ---- a step ---- */

static int prompts(struct replica *r, size_t running, struct err *e)
{
    for (size_t i = 0; i < running && sched_left(r) > 0; i++) {
        const struct flight *f = flight_of(r, r->running[i]);

        if (is_prompt(f) && batch_add(r, r->running[i], sched_piece(r, f), e) < 0)
            return e->code;
    }
    while (r->waiting.n > 0 && r->n_running < r->o->most_requests && sched_left(r) > 0) {
        uint32_t request = deque_front(&r->waiting);
        int room = r->n_running > 0 ? sched_has_room(r, state_of(r)->mean, e) : 1;

        if (room <= 0 || !sched_fits(r, request))
            return room < 0 ? room : 0;
        if (sched_admit(r, sched_piece(r, flight_of(r, request)), e) < 0)
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

/* Split and side by side, or as it is, whichever is shorter. */
static double overlapped(const struct cost_parts *parts, double all)
{
    struct overlap o;

    overlap_plan(&o, parts, all);
    return fmin(all, o.overlapped_us);
}

const struct sched sched_nanoflow = {.name = "nanoflow",
                                     .most_requests = 1024,
                                     .most_tokens = 2048,
                                     .begin = begin,
                                     .end = end,
                                     .keep = keep,
                                     .overlap = overlapped,
                                     .form = form};
