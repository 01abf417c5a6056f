/* plan.c - see plan.h. */
#include "sim/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

struct lister {
    const struct model_card *m;
    uint32_t gpus, node_gpus;
    struct plan *v;
    size_t n, cap;
};

/* Can the GPUs be cut into so many parts, none of which shares a machine with a GPU of another
 * without being all within it? */
static bool can_part(const struct lister *l, uint32_t parts)
{
    uint32_t size = l->gpus / parts;

    return size % l->node_gpus == 0 || l->node_gpus % size == 0;
}

static bool can_copy(const struct lister *l, const struct plan *p, uint32_t copies)
{
    return p->split.gpus % copies == 0 && can_part(l, p->replicas * p->split.stages * copies);
}

static int add(struct lister *l, const struct plan *p, struct err *e)
{
    if (mem_reserve(&l->v, &l->cap, l->n + 1, sizeof *l->v, e) < 0)
        return e->code;
    l->v[l->n++] = *p;
    return 0;
}

/* The ways to share the feed-forward out: one GPU has but one. */
static int add_shares(struct lister *l, struct plan *p, struct err *e)
{
    uint32_t gpus = split_ffn_gpus(&p->split);

    p->split.by_experts = false;
    if (l->m->ffn >= gpus && add(l, p, e) < 0)
        return e->code;
    p->split.by_experts = true;
    return gpus > 1 && l->m->experts >= gpus ? add(l, p, e) : 0;
}

/* One number of copies is 1: else the larger would be a multiple of the other, and both of that. */
static int add_copies(struct lister *l, struct plan *p, struct err *e)
{
    for (uint32_t a = 1; a <= p->split.gpus; a++) {
        if (!can_copy(l, p, a) || l->m->q_heads < p->split.gpus / a)
            continue;
        for (uint32_t f = 1; f <= (a > 1 ? 1 : p->split.gpus); f++) {
            p->split.attn_copies = a;
            p->split.ffn_copies = f;
            if (can_copy(l, p, f) && add_shares(l, p, e) < 0)
                return e->code;
        }
    }
    return 0;
}

static int add_stages(struct lister *l, uint32_t replicas, struct err *e)
{
    uint32_t gpus = l->gpus / replicas;

    for (uint32_t s = 1; s <= gpus; s++) {
        struct plan p = {replicas, {.stages = s, .gpus = gpus / s, .node_gpus = l->node_gpus}};

        if (gpus % s == 0 && fmod(l->m->layers, s) == 0 && can_part(l, replicas * s) &&
            add_copies(l, &p, e) < 0)
            return e->code;
    }
    return 0;
}

static bool is_whole(double x)
{
    return x == floor(x);
}

int plan_list(struct plan **v, size_t *n, const struct model_card *m, uint32_t gpus,
              uint32_t node_gpus, struct err *e)
{
    struct lister l = {.m = m, .gpus = gpus, .node_gpus = node_gpus};

    *v = NULL;
    *n = 0;
    if (gpus == 0 || gpus > PLAN_GPUS_MOST || node_gpus == 0 || gpus % node_gpus != 0)
        return err_set(e, ERR_USAGE, "%u GPUs are not machines of %u each, or more than %d", gpus,
                       node_gpus, PLAN_GPUS_MOST);
    if (!is_whole(m->layers) || !is_whole(m->q_heads) || !is_whole(m->kv_heads) ||
        !is_whole(m->ffn) || !is_whole(m->experts))
        return err_set(e, ERR_USAGE, "%s: layers, heads, 'ffn' and experts are not whole", m->name);
    for (uint32_t r = 1; r <= gpus; r++)
        if (gpus % r == 0 && can_part(&l, r) && add_stages(&l, r, e) < 0) {
            free(l.v);
            return e->code;
        }
    *v = l.v;
    *n = l.n;
    return 0;
}

const char *plan_name(const struct plan *p, char *text)
{
    const struct cost_split *s = &p->split;
    int n = snprintf(text, PLAN_NAME, "dp%u.pp%u.", p->replicas, s->stages);

    if (s->attn_copies == 1 && s->ffn_copies == 1 && !s->by_experts)
        snprintf(text + n, (size_t)(PLAN_NAME - n), "tp%u", s->gpus);
    else
        snprintf(text + n, (size_t)(PLAN_NAME - n), "attn%ux%u.%s%ux%u", s->attn_copies,
                 split_attn_gpus(s), s->by_experts ? "ep" : "ffn", s->ffn_copies,
                 split_ffn_gpus(s));
    return text;
}

bool plan_is_usual(const struct plan *p, uint32_t gpus)
{
    const struct cost_split *s = &p->split;

    return p->replicas == 1 && s->attn_copies == 1 && s->ffn_copies == 1 && !s->by_experts &&
           s->gpus == (gpus < s->node_gpus ? gpus : s->node_gpus);
}
